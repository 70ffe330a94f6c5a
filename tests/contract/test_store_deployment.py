"""A database belongs to one folder of credentials."""

from sololine.store.store import Store


async def test_a_database_takes_the_first_folder_and_no_other(store: Store) -> None:
    assert await store.run(lambda tx: tx.deployment.bind("first"))
    assert not await store.run(lambda tx: tx.deployment.bind("second"))
    assert await store.run(lambda tx: tx.deployment.bind("first"))


async def test_it_is_known_which_folder_a_database_belongs_to(store: Store) -> None:
    async with store.read() as tx:
        assert await tx.deployment.bound() is None
    await store.run(lambda tx: tx.deployment.bind("first"))
    async with store.read() as tx:
        assert await tx.deployment.bound() == "first"
