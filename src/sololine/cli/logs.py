"""What a running service writes to standard error, a line a fact.

    our words ───────────────▶ level, time, request ─▶ errors as text ─▶ masked ─▶ console or JSON
    libraries' words, faults ▶        ↑ the same way

For people on a terminal a line is coloured text; elsewhere it is JSON, since what no terminal shows
is read by a program: journald, a container's log, a file that is shipped.
"""

import logging
import sys
import threading
from types import TracebackType
from typing import Final, Literal

import structlog
from structlog.typing import Processor

from sololine.cli.masking import masked

Format = Literal["auto", "console", "json"]

log = structlog.get_logger()

_BEFORE: Final[tuple[Processor, ...]] = (
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


def configure_logs(level: str, format_: Format = "auto") -> None:
    """Write what is at least `level` (debug, info, warning or error), for people or programs."""
    threshold = logging.getLevelNamesMapping()[level.upper()]
    after = _after(format_)
    structlog.configure(
        processors=[*_BEFORE, *after],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    # What libraries say is heard from warnings on: below, they may name what must not be logged.
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *_BEFORE],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *after],
        )
    )
    logging.basicConfig(level=max(threshold, logging.WARNING), handlers=[handler])
    logging.captureWarnings(capture=True)
    sys.excepthook = _uncaught
    sys.unraisablehook = _unraisable
    threading.excepthook = _uncaught_in_thread


def _after(format_: Format) -> tuple[Processor, ...]:
    """How an event becomes a line."""
    people = format_ == "console" or (format_ == "auto" and sys.stderr.isatty())
    renderer: Processor = structlog.processors.JSONRenderer()
    if people:
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    # Errors are made text before the masking, and not by the renderer after it.
    return (
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        masked,
        renderer,
    )


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    log.critical("uncaught", exc_info=(kind, error, trace))


def _uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not issubclass(args.exc_type, SystemExit):
        trace = (args.exc_type, args.exc_value, args.exc_traceback)
        log.critical("uncaught in a thread", exc_info=trace)


def _unraisable(args: "sys.UnraisableHookArgs") -> None:
    if args.exc_value is not None:
        trace = (args.exc_type, args.exc_value, args.exc_traceback)
        log.error("fault in a finalizer", exc_info=trace)
