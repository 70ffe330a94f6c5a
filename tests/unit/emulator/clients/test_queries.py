from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from sololine.emulator.clients.queries import Query, UnknownQuery, answer
from sololine.emulator.people.accounts import DeviceKey
from sololine.emulator.world import World
from sololine.wire.curve import KEY_TYPE, KeyPair
from sololine.wire.errors import MalformedNode
from sololine.wire.jid import SERVER, Jid
from sololine.wire.node import Node
from sololine.wire.registration import Registration, sign_prekey
from sololine.wire.signal.endpoint import Endpoint, MemoryStore

NOW = datetime(2026, 11, 21, tzinfo=UTC)
NUMBER = "447441395830"
KEY = DeviceKey(NUMBER, 1)
IDENTITY = KeyPair.generate()
SIGNED_PREKEY = sign_prekey(IDENTITY, 1, KeyPair.generate().public)
PHONE = Endpoint(IDENTITY, 7, 1, KeyPair.generate(), MemoryStore())


@pytest.fixture
def world() -> World:
    world = World()
    world.add_account(NUMBER, KeyPair.generate())
    registration = Registration(
        registration_id=b"\0\0\0\7",
        identity=IDENTITY.public,
        signed_prekey=SIGNED_PREKEY,
        device_name="Test",
        platform="CHROME",
    )
    pairing = world.open_pairing(registration, b"n" * 32, ("ref",), NOW)
    world.make_offer(NUMBER, pairing)
    world.complete(pairing, b"the device's identity", NOW)
    return world


def ask(world: World, xmlns: str, kind: str, *content: Node, key: DeviceKey | None = KEY) -> Node:
    node = Node.make("iq", {"id": "7", "xmlns": xmlns, "type": kind, "to": SERVER}, content)
    query = Query(node=node, world=world, key=key, now=NOW, phone_bundle=lambda _: PHONE.bundle())
    return answer(query)


def upload(
    *, identity: bytes = IDENTITY.public, signed: bytes = SIGNED_PREKEY, ids: Sequence[int] = (1, 2)
) -> list[Node]:
    return [
        Node.make("registration", content=b"\0\0\0\7"),
        Node.make("type", content=KEY_TYPE),
        Node.make("identity", content=identity),
        Node.make("list", content=[prekey(number) for number in ids]),
        Node.make(
            "skey",
            content=[
                Node.make("id", content=signed[:3]),
                Node.make("value", content=signed[3:35]),
                Node.make("signature", content=signed[35:]),
            ],
        ),
    ]


def prekey(number: int) -> Node:
    value = bytes([number]) * 32
    parts = [Node.make("id", content=number.to_bytes(3)), Node.make("value", content=value)]
    return Node.make("key", content=parts)


def bundle(world: World, jid: Jid) -> Node:
    asked = Node.make("key", content=Node.make("user", {"jid": jid}))
    return ask(world, "encrypt", "get", asked).need("list", "user")


def test_an_answer_goes_back_to_who_was_asked_with_the_same_id(world: World) -> None:
    said = ask(world, "w:p", "get")

    assert said == Node.make("iq", {"id": "7", "from": SERVER, "type": "result"})


def test_uploaded_prekeys_are_counted_and_each_is_handed_out_once(world: World) -> None:
    assert ask(world, "encrypt", "get", Node.make("count")).need("count").text("value") == "0"
    assert ask(world, "encrypt", "set", *upload()).text("type") == "result"
    assert ask(world, "encrypt", "get", Node.make("count")).need("count").text("value") == "2"

    jid = Jid(NUMBER, "s.whatsapp.net", 1)
    bundles = [bundle(world, jid) for _ in range(3)]

    assert [b.need("key", "id").data for b in bundles[:2]] == [b"\0\0\1", b"\0\0\2"]
    assert bundles[2].child("key") is None
    assert bundles[0].need("identity").data == IDENTITY.public
    assert bundles[0].need("registration").data == b"\0\0\0\7"
    assert bundles[0].need("skey", "signature").data == SIGNED_PREKEY[35:]
    assert bundles[0].need("device-identity").data == b"the device's identity"


def test_the_same_bundles_are_found_by_lid(world: World) -> None:
    lid = world.account(NUMBER).lid_jid(1)

    assert bundle(world, lid).need("identity").data == IDENTITY.public


def test_a_phone_has_a_bundle_with_another_prekey_each_time(world: World) -> None:
    bundles = [bundle(world, Jid(NUMBER, "s.whatsapp.net")) for _ in range(2)]

    assert len({b.need("key", "value").data for b in bundles}) == 2
    assert {b.need("identity").data for b in bundles} == {IDENTITY.public}
    assert bundles[0].child("device-identity") is None


def test_a_device_that_is_not_linked_has_no_bundle(world: World) -> None:
    missing = bundle(world, Jid(NUMBER, "s.whatsapp.net", 2))

    assert missing.need("error").text("code") == "404"


@pytest.mark.parametrize(
    "bad",
    [
        upload(identity=bytes(32)),
        upload(signed=SIGNED_PREKEY[:40] + bytes(59)),
        upload(signed=SIGNED_PREKEY[:60]),
        [*upload()[:3], Node.make("list", content=Node.make("key", content=[
            Node.make("id", content=b"\1"), Node.make("value", content=bytes(32))
        ])), upload()[4]],
    ],
    ids=["identity", "signature", "length", "prekey"],
)  # fmt: skip
def test_prekeys_that_do_not_belong_to_the_device_are_refused(
    world: World, bad: list[Node]
) -> None:
    said = ask(world, "encrypt", "set", *bad)

    assert said.need("error").text("code") == "406"
    assert world.companion(KEY).prekey_count == 0


def test_a_number_is_looked_up_and_found_with_its_lid_and_devices(world: World) -> None:
    asked = Node.make(
        "usync",
        {"sid": "1", "mode": "query", "context": "interactive", "index": 0, "last": "true"},
        [
            Node.make("query", content=[
                Node.make("contact", {"addressing_mode": "lid"}),
                Node.make("lid"),
                Node.make("devices", {"version": 2}),
            ]),
            Node.make("list", content=[
                Node.make("user", content=Node.make("contact", content=f"+{NUMBER}@c.us")),
                Node.make("user", content=Node.make("contact", content="+15550000000")),
            ]),
        ],
    )  # fmt: skip

    usync = ask(world, "usync", "get", asked).need("usync")

    account = world.account(NUMBER)
    known, unknown = usync.need("list").named("user")
    assert {n: usync.text(n) for n in ("sid", "mode", "context")} == {
        "sid": "1",
        "mode": "query",
        "context": "interactive",
    }
    assert (known.jid("jid"), known.jid("pn_jid")) == (account.lid_jid(), account.jid())
    assert known.need("contact").text("type") == "in"
    assert known.need("contact").data == f"+{NUMBER}@c.us".encode()
    assert known.need("lid").jid("val") == account.lid_jid()
    devices = known.need("devices", "device-list").named("device")
    assert [device.text("id") for device in devices] == ["0", "1"]
    assert unknown.need("contact").text("type") == "out"
    assert unknown.child("lid") is None


def test_a_jid_is_looked_up_as_it_was_asked(world: World) -> None:
    jid = world.account(NUMBER).lid_jid()
    asked = Node.make(
        "usync",
        {"sid": "1", "mode": "full", "context": "background"},
        [
            Node.make("query", content=Node.make("lid")),
            Node.make("list", content=Node.make("user", {"jid": jid})),
        ],
    )

    [user] = ask(world, "usync", "get", asked).need("usync", "list").children

    assert user.jid("jid") == jid


def test_a_lookup_of_something_new_is_unknown(world: World) -> None:
    asked = Node.make(
        "usync",
        {"sid": "1"},
        [
            Node.make("query", content=Node.make("palm_reading")),
            Node.make("list", content=Node.make("user", {"jid": Jid(NUMBER, "s.whatsapp.net")})),
        ],
    )

    with pytest.raises(UnknownQuery, match="protocol palm_reading"):
        ask(world, "usync", "get", asked)


def test_the_small_questions_of_a_login_are_answered(world: World) -> None:
    privacy = ask(world, "privacy", "get", Node.make("privacy")).need("privacy")
    assert {c.text("name"): c.text("value") for c in privacy.children}["last"] == "all"
    collection = Node.make("collection", {"name": "regular", "version": 3})
    synced = ask(world, "w:sync:app:state", "set", Node.make("sync", content=collection))
    assert synced.need("sync", "collection").text("version") == "3"
    assert ask(world, "abt", "get", Node.make("props")).child("props")
    assert ask(world, "blocklist", "get").child("list")
    for xmlns, kind, tag in [
        ("passive", "set", "active"),
        ("passive", "set", "passive"),
        ("privacy", "set", "tokens"),
        ("urn:xmpp:whatsapp:dirty", "set", "clean"),
    ]:
        assert ask(world, xmlns, kind, Node.make(tag)).text("type") == "result"


def test_a_client_is_told_where_media_is_and_all_it_needs_there(world: World) -> None:
    terms = ask(world, "w:m", "set", Node.make("media_conn")).need("media_conn")

    assert terms.text("auth")
    assert all(terms.number(name) > 0 for name in ("ttl", "auth_ttl", "max_buckets"))
    assert [host.text("hostname") for host in terms.named("host")] == ["mmg.whatsapp.net"]


def test_what_is_not_kept_is_refused(world: World) -> None:
    assert ask(world, "encrypt", "get", Node.make("digest")).need("error").text("code") == "404"


@pytest.mark.parametrize(
    ("xmlns", "kind", "tag"),
    [("w:stats", "set", "add"), ("encrypt", "get", "counts"), ("passive", "get", "active")],
)
def test_every_other_question_is_unknown(world: World, xmlns: str, kind: str, tag: str) -> None:
    with pytest.raises(UnknownQuery, match=f"iq xmlns={xmlns} type={kind} / {tag}"):
        ask(world, xmlns, kind, Node.make(tag))


def test_before_the_login_nothing_but_the_keep_alive_is_answered(world: World) -> None:
    assert ask(world, "w:p", "get", key=None).text("type") == "result"
    with pytest.raises(UnknownQuery):
        ask(world, "encrypt", "get", Node.make("count"), key=None)


def test_a_question_that_lacks_its_kind_is_malformed(world: World) -> None:
    with pytest.raises(MalformedNode):
        answer(Query(node=Node.make("iq", {"id": "7"}), world=world, key=KEY, now=NOW))
