"""A database belongs to one folder of credentials."""

from sololine.store.store import Store


async def test_a_database_takes_the_first_folder_and_no_other(store: Store) -> None:
    assert await store.run(lambda tx: tx.deployment.bind("first"))
    assert not await store.run(lambda tx: tx.deployment.bind("second"))
    assert await store.run(lambda tx: tx.deployment.bind("first"))
