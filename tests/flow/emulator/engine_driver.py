"""Runs the real engine in a process of its own and tells, on a pipe, what it reports.

usage: engine_driver.py REPORT_FD DATABASE [--root HEX] [--device USER:DEVICE]

Reports are JSON lines on REPORT_FD (the engine's own runtime prints to stdout and stderr); orders
are JSON lines on stdin: {"order": "code", "number": …}, {"order": "logout"}, and {"order": "call",
"name": …, "args": […]} for any other of the engine's functions, bytes as hex in and out, answered
in a report of that order's "id". With `--root` the server key that the engine trusts is replaced
in this process's memory; Linux on amd64 only.
"""

import argparse
import ctypes
import json
import os
import re
import sys
import threading
import types
from pathlib import Path
from typing import Any, Never

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError

from sololine.wire import protobuf
from sololine.wire.certificate import WHATSAPP_ROOT

messages = protobuf.load("Neonize_pb2")
EVENTS = {
    0: "Device",
    1: "QR",
    2: "PairStatus",
    3: "Connected",
    4: "KeepAliveTimeout",
    5: "KeepAliveRestored",
    6: "LoggedOut",
    7: "StreamReplaced",
    8: "TemporaryBan",
    9: "ConnectFailure",
    10: "ClientOutdated",
    11: "StreamError",
    12: "Disconnected",
    17: "Message",
    18: "Receipt",
    19: "ChatPresence",
    20: "Presence",
    21: "JoinedGroup",
    22: "GroupInfoEvent",
    44: "UndecryptableMessage",
}


def load_engine() -> Any:
    """The engine's functions, without the client layer that is shipped around them."""
    utils = types.ModuleType("neonize.utils")
    utils.__path__ = [str(Path(sys.modules["neonize"].__path__[0]) / "utils")]
    sys.modules["neonize.utils"] = utils
    download = types.ModuleType("neonize.download")
    download.__GONEONIZE_VERSION__ = "0.5.2"

    def refuse() -> Never:
        raise RuntimeError("the engine's library is missing, and nothing is downloaded")

    download.download = refuse
    sys.modules["neonize.download"] = download
    from neonize import _binder  # noqa: PLC0415 — it needs what stands above

    return _binder


def trust(root: bytes) -> None:
    """Replace the one server key that the loaded engine trusts."""
    hits = []
    for line in Path("/proc/self/maps").read_text().splitlines():
        place = re.match(r"([0-9a-f]+)-([0-9a-f]+) r(w?).*neonize-linux", line)
        if place:
            start, end = int(place[1], 16), int(place[2], 16)
            memory = ctypes.string_at(start, end - start)
            hits += [
                (start + hit.start(), place[3])
                for hit in re.finditer(re.escape(WHATSAPP_ROOT), memory)
            ]
    if len(hits) != 1 or hits[0][1] != "w":
        raise RuntimeError(f"expected one writable copy of the trusted key, found {hits}")
    ctypes.memmove(hits[0][0], root, len(root))


def words_of(event: str, data: bytes) -> dict[str, Any]:
    """What an event says, as far as there is a message for it."""
    kind = getattr(messages, event, None)
    try:
        return {} if kind is None else dict(MessageToDict(kind.FromString(data)))
    except DecodeError as error:
        return {"unread": repr(error)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("report_fd", type=int)
    parser.add_argument("database")
    parser.add_argument("--root")
    parser.add_argument("--device")
    options = parser.parse_args()
    out = os.fdopen(options.report_fd, "w", buffering=1)
    lock = threading.Lock()

    def report(kind: str, **words: object) -> None:
        with lock:
            out.write(json.dumps({"kind": kind, **words}) + "\n")

    binder = load_engine()
    engine = binder.gocode
    if options.root:
        trust(bytes.fromhex(options.root))

    def on_event(_: bytes, address: int, size: int, code: int) -> None:
        name, data = EVENTS.get(code, str(code)), ctypes.string_at(address, size)
        report("event", name=name, words=words_of(name, data), bytes=data.hex())

    callbacks = (
        binder.func_string(lambda _, at: report("qr", text=ctypes.string_at(at).decode())),
        binder.func_string(lambda _, at: report("login", status=ctypes.string_at(at).decode())),
        binder.func_callback_bytes(on_event),
        binder.func_callback_bytes2(
            lambda at, size: report(
                "log", text=ctypes.string_at(at, size).decode("utf-8", "replace")
            )
        ),
    )
    device = b""
    if options.device:
        user, _, number = options.device.partition(":")
        device = messages.JID(
            User=user,
            Device=int(number),
            Server="s.whatsapp.net",
            RawAgent=0,
            Integrator=0,
            IsEmpty=False,
        ).SerializeToString()
    props = protobuf.companion_reg.DeviceProps(
        os="Sololine", platformType=protobuf.companion_reg.DeviceProps.CHROME
    ).SerializeToString()
    codes = bytes(EVENTS)

    # The engine writes its 812 first prekeys one by one; waiting for the disk each time takes
    # ten seconds on a busy machine. The engine puts its own "?…" behind what it is given.
    database = f"{options.database}?_synchronous=OFF&_foreign_keys=on&x="

    def run() -> None:
        error = engine.Neonize(
            database.encode(), b"one", device, len(device), int(not device), b"WARN",
            *callbacks, codes, len(codes), props, len(props), b"", 0, None,
        )  # fmt: skip
        report("ended", error=error.decode())

    threading.Thread(target=run, daemon=True).start()

    def obey(words: dict[str, Any]) -> None:
        match words["order"]:
            case "code":
                wish = messages.PairPhoneParams(
                    phone=words["number"],
                    showPushNotification=True,
                    clientType=1,
                    clientDisplayName="Chrome (Linux)",
                ).SerializeToString()
                answer = engine.PairPhone(b"one", wish, len(wish))
                said = messages.PairPhoneReturnFunction.FromString(answer)
                report("code", code=said.Code, error=said.Error)
            case "call":
                given = words["args"]
                made = [bytes.fromhex(arg) if isinstance(arg, str) else arg for arg in given]
                said = getattr(engine, words["name"])(b"one", *made)
                told = said.hex() if isinstance(said, bytes) else str(said)
                report("called", id=words["id"], hex=told)
            case "logout":
                report("logged out", error=engine.Logout(b"one").decode())

    for line in sys.stdin:
        threading.Thread(target=obey, args=(json.loads(line),), daemon=True).start()
    os._exit(0)


main()
