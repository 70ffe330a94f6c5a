"""WhatsApp's protobuf messages, without the engine they are shipped with.

The generated modules live inside the `neonize` package, whose own import loads an 18 MB engine
library and starts its runtime. Here a bare package of that name is put in its place, unless the
name is taken already: by the engine itself, or by another stub. Importing `neonize` afterwards in
the same process gives that bare package, so a process uses either this or the engine's own import
first; the engine's worker, which needs both, imports the engine first.
"""

import sys
from importlib import import_module
from importlib.machinery import PathFinder
from types import ModuleType
from typing import Any, Final, TypeVar

from google.protobuf.message import DecodeError, Message

from sololine.wire.errors import MalformedPayload

_PACKAGE: Final = "neonize"

M = TypeVar("M", bound=Message)


def load(name: str) -> ModuleType:
    """The generated module of that dotted name below `neonize.proto`, say `Neonize_pb2`.

    Raises:
        ImportError: if neonize is not installed, or has no such module.
    """
    if _PACKAGE not in sys.modules:
        # Ask for the place only: finding a spec does not run the package.
        spec = PathFinder.find_spec(_PACKAGE)
        if spec is None or spec.submodule_search_locations is None:
            raise ImportError("neonize is not installed; it carries the protobuf messages")
        stub = ModuleType(_PACKAGE)
        stub.__path__ = list(spec.submodule_search_locations)
        sys.modules[_PACKAGE] = stub
    return import_module(f"{_PACKAGE}.proto.{name}")


def parse(kind: type[M], data: bytes) -> M:
    """The message of that kind in `data`.

    Raises:
        MalformedPayload: if there is none.
    """
    try:
        return kind.FromString(data)
    except DecodeError as error:
        raise MalformedPayload(f"not a {kind.DESCRIPTOR.name} message") from error


# The generated modules have no types that hold under a stub: what they give is Any.
wa6: Final[Any] = load("waWa6.WAWebProtobufsWa6_pb2")
cert: Final[Any] = load("waCert.WACert_pb2")
adv: Final[Any] = load("waAdv.WAAdv_pb2")
companion_reg: Final[Any] = load("waCompanionReg.WACompanionReg_pb2")
