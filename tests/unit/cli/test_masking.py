"""What must not be written is masked, and what operators need is not."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sololine.cli.masking import MASK, masked, masked_text
from sololine.core.number import Number


def line(**words: Any) -> dict[str, Any]:
    return dict(masked(None, "info", words))


@pytest.mark.parametrize(
    "text",
    [
        "34600111222",
        "+34 600 11 12 22",
        "(34) 600-111-222",
        "called 6001112",
        "34600111222:37@s.whatsapp.net",
        "134600111222@lid",
        "120363000000000001-34600111222@g.us",
        r"b'\n\x0b34600111222\x12\x05'",
        "KeyError: '34600111222'",
        "x34600111222y",
        "number_34600111222",
        "bot_34600111222",
        "https://example.com/34600111222?a=1",
    ],
)
def test_a_number_is_masked_in_whatever_it_stands(text: str) -> None:
    told = masked_text(text)

    assert MASK in told
    assert not any(run in told for run in ("34600111222", "600", "0011", "6001112"))


@pytest.mark.parametrize(
    "text",
    [
        "sl_aBcDeFgHiJkLmNoPqRsTuVwXyZ012345",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl",
        "2@AbCdEfGhIjKlMnOpQrStUvWxYz+/0123,AbCdEfGhIjKl==,QrStUvWx",
        "the phone shows ABCD-2345 now",
        "postgresql://ana:hunter2@db.example.com/sololine",
        "Authorization: Bearer abc.def",
        "authorization='Basic YW5hOmh1bnRlcjI='",
        """{"text": "see you at nine", "to": 1}""",
        "ValueError(text='see you at nine')",
        'api_key="hunter2"',
        "xApiKey: hunter2, more",
        "input_value='see you at nine', input_type=str",
        "?token=hunter2&x=1",
        "{'qr': b'see you at nine'}",
    ],
)
def test_a_secret_is_masked_by_its_looks_or_by_the_name_beside_it(text: str) -> None:
    told = masked_text(text)

    assert MASK in told
    for secret in (
        "hunter2",
        "see you",
        "nine",
        "ABCD",
        "AbCdEf",
        "aBcDe",
        "MfKQ",
        "abc.def",
        "YW5h",
        "c2ln",
    ):
        assert secret not in told


@pytest.mark.parametrize(
    "text",
    [
        "bot_60c0724f937187e45094 and msg_c4e257fcc4ab31efa5e5c2cb",
        "dev_60c07240000000045094_1_2",
        "at 2026-11-21T07:54:24.952Z or 2026-11-21",
        "connect to 127.0.0.1:8080 failed after 3 tries in 12.5 s",
        'File "/opt/sololine/lines/line.py", line 244, in _step',
        "<object at 0x7fdf51b28590>",
        "leases not renewed",
        "the worker was ended by SIGKILL",
        "status 404 of 65536 bytes",
    ],
)
def test_what_operators_need_is_left(text: str) -> None:
    assert masked_text(text) == text


@pytest.mark.parametrize(
    "name",
    [
        "qr",
        "code",
        "key",
        "token",
        "authorization",
        "text",
        "body",
        "api_key",
        "x-api-key",
        "pairingCode",
        "phoneNumber",
        "sender",
        "jid",
        "password",
        "new_secret",
    ],
)
@pytest.mark.parametrize("value", ["harmless", 7, b"bytes", ["a", "list"], {"a": "dict"}])
def test_under_a_telling_name_everything_is_masked(name: str, value: Any) -> None:
    assert line(**{name: value}) == {name: MASK}
    assert line(outer={"inner": [{name: value}]}) == {"outer": {"inner": [{name: MASK}]}}


def test_values_are_masked_through_and_through() -> None:
    class Loud:
        def __repr__(self) -> str:
            return "Loud(34600111222)"

    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError

    told = line(
        event="to 34600111222",
        whole=34600111222,
        count=12,
        share=0.25,
        flag=True,
        nothing=None,
        many=("34600111222", {"34600111222"}),
        keyed={34600111222: "a"},
        loud=Loud(),
        broken=Broken(),
        at=datetime(2026, 5, 1, tzinfo=UTC),
        path=Path("/data/34600111222"),
        number_=Number(digits="34600111222"),
    )

    assert "34600111222" not in str(told)
    assert told["event"] == f"to {MASK}"
    assert told["whole"] == MASK
    assert (told["count"], told["share"], told["flag"], told["nothing"]) == (12, 0.25, True, None)
    assert told["broken"] == "<Broken>"
    assert told["at"] == "2026-05-01T00:00:00+00:00"


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "piece", ["a_", "eyJ", "key=", "1 ", "'text': '", "2@a", "://", "sl_", "-A"]
)
def test_a_text_made_to_be_slow_is_not(piece: str) -> None:
    """Strangers write what an error may repeat."""
    assert masked_text(piece * 50_000)


def test_ids_that_people_search_the_log_for_are_left() -> None:
    ids = {"request": "4123456789012345", "trace": "0123456789abcdef", "level": "info"}

    assert line(**ids) == ids
