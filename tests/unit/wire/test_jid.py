import pytest
from hypothesis import given
from hypothesis import strategies as st

from sololine.wire.errors import MalformedJid
from sololine.wire.jid import LID_SERVER, SERVER, USER_SERVER, Jid

USERS = st.text(
    st.characters(blacklist_characters="@:", blacklist_categories=["Cs"]), min_size=1, max_size=20
)
JIDS = st.builds(
    Jid,
    user=USERS,
    server=st.sampled_from([USER_SERVER, LID_SERVER, "g.us", "newsletter"]),
    device=st.integers(0, 0xFFFF),
)


@given(JIDS)
def test_every_jid_is_read_back_from_its_text(jid: Jid) -> None:
    assert Jid.parse(str(jid)) == jid


def test_a_companion_is_written_with_its_device() -> None:
    jid = Jid.parse("447441395830:37@s.whatsapp.net")
    assert (jid.user, jid.server, jid.device) == ("447441395830", USER_SERVER, 37)
    assert str(jid) == "447441395830:37@s.whatsapp.net"
    assert str(jid.bare) == "447441395830@s.whatsapp.net"


def test_a_phone_is_its_own_bare_jid() -> None:
    jid = Jid("1", LID_SERVER)
    assert jid.bare is jid


@pytest.mark.parametrize("text", ["s.whatsapp.net", "@s.whatsapp.net"])
def test_the_server_has_no_user(text: str) -> None:
    assert Jid.parse(text) == SERVER
    assert str(SERVER) == "s.whatsapp.net"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1@",
        "1:@lid",
        "1:x@lid",
        "1:-1@lid",
        "1:65536@lid",
        "1:000001@lid",
        "1:2:3@lid",
        ":3@lid",
        "1@2@lid",
        "1:\u0662@lid",
    ],
)
def test_what_is_no_address_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(MalformedJid) as refusal:
        Jid.parse(text)
    assert not text or text not in str(refusal.value)


def test_a_number_does_not_show_in_a_traceback() -> None:
    assert "447441395830" not in repr(Jid("447441395830", USER_SERVER, 3))
