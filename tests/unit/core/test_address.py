import pytest

from sololine.core.address import bare_of, is_group


@pytest.mark.parametrize(
    ("jid", "bare"),
    [
        ("98765:37@lid", "98765@lid"),
        ("98765@lid", "98765@lid"),
        ("120363000000000001@g.us", "120363000000000001@g.us"),
        ("", ""),
    ],
)
def test_an_address_may_lose_its_device(jid: str, bare: str) -> None:
    assert bare_of(jid) == bare


def test_a_group_is_known_by_its_address() -> None:
    assert is_group("120363000000000001@g.us")
    assert not is_group("98765@lid")
