import asyncio
import ssl

import pytest

from sololine.emulator.clients import transport
from sololine.emulator.server import Emulator
from sololine.wire import framing
from tests.unit.emulator.client import Keys, connected


async def raw(emulator: Emulator) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", emulator.port)


async def inside_tls(
    emulator: Emulator, host: str = "web.whatsapp.com"
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await raw(emulator)
    writer.write(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode())
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
    context = ssl.create_default_context(cafile=str(emulator.ca_file))
    await writer.start_tls(context, server_hostname=host)
    return reader, writer


async def answer_to(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
) -> bytes:
    writer.write(request)
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    return answer.partition(b"\r\n")[0]


async def test_only_whatsapps_hosts_can_be_reached(emulator: Emulator) -> None:
    reader, writer = await raw(emulator)

    status = await answer_to(reader, writer, b"CONNECT example.com:443 HTTP/1.1\r\n\r\n")

    assert status == b"HTTP/1.1 403 Refused"
    assert emulator.unknown == ["CONNECT example.com:443"]


async def test_a_host_that_only_ends_like_whatsapps_is_refused(emulator: Emulator) -> None:
    reader, writer = await raw(emulator)

    request = b"CONNECT notwhatsapp.com:443 HTTP/1.1\r\n\r\n"

    assert await answer_to(reader, writer, request) == b"HTTP/1.1 403 Refused"


async def test_a_request_that_is_no_proxy_request_is_refused(emulator: Emulator) -> None:
    reader, writer = await raw(emulator)

    request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"

    assert await answer_to(reader, writer, request) == b"HTTP/1.1 405 Refused"


async def test_what_is_not_the_chat_is_refused_by_name_without_its_query(
    emulator: Emulator,
) -> None:
    reader, writer = await inside_tls(emulator)

    request = b"GET /mms/image?auth=secret HTTP/1.1\r\nHost: web.whatsapp.com\r\n\r\n"

    assert await answer_to(reader, writer, request) == b"HTTP/1.1 404 Refused"
    assert emulator.unknown == ["GET https://web.whatsapp.com/mms/image"]


async def test_a_chat_request_that_is_no_upgrade_is_refused(emulator: Emulator) -> None:
    reader, writer = await inside_tls(emulator)

    request = b"GET /ws/chat HTTP/1.1\r\nHost: web.whatsapp.com\r\n\r\n"

    assert (await answer_to(reader, writer, request)).startswith(b"HTTP/1.1 426")
    assert emulator.unknown == ["a chat request that is no WebSocket upgrade"]


async def test_a_client_that_says_nothing_is_cut_off(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "STEP_LIMIT", 0.05)
    reader, writer = await raw(emulator)

    assert await answer_to(reader, writer, b"CONNECT web") == b""
    assert emulator.unknown == []


async def test_an_endless_request_head_is_cut_off(emulator: Emulator) -> None:
    reader, writer = await raw(emulator)

    writer.write(b"CONNECT " + b"x" * 2**18)
    async with asyncio.timeout(10):
        await asyncio.wait([asyncio.ensure_future(reader.read())])
    writer.close()

    assert emulator.unknown == ["a request head of more than 64 KiB"]


async def test_frames_may_be_divided_among_messages_and_fragments(emulator: Emulator) -> None:
    keys = Keys()
    async with connected(emulator, keys, keys.registration) as client:
        await client.show_qr()
        raw_send = client.websocket.send

        async def send_in_pieces(data: bytes) -> None:
            await raw_send(data[:2])
            await raw_send([data[2:10], data[10:]])

        client.websocket.send = send_in_pieces  # type: ignore[method-assign]
        assert (await client.ask("w:p", "get")).text("type") == "result"


async def test_a_first_message_that_is_not_whatsapps_ends_the_connection(
    emulator: Emulator,
) -> None:
    reader, writer = await inside_tls(emulator)
    writer.write(
        b"GET /ws/chat HTTP/1.1\r\nHost: web.whatsapp.com\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        b"Sec-WebSocket-Version: 13\r\n\r\n"
    )
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
    body = b"HELLO" + framing.pack(b"x")

    # A masked binary frame, whose mask changes nothing.
    frame = bytes((0x82, 0x80 | len(body), 0, 0, 0, 0)) + body

    assert await answer_to(reader, writer, frame) == b""


async def test_the_emulator_ends_while_clients_are_connected(emulator: Emulator) -> None:
    keys = Keys()
    async with connected(emulator, keys, keys.registration) as client:
        await client.show_qr()
        await emulator.__aexit__(None, None, None)

        assert emulator.exchange.connection_count == 0
