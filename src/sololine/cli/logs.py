"""What a running service writes to standard error, a line a fact."""

import logging
import sys

import structlog


def configure_logs(level: str) -> None:
    """Write what is at least `level` (debug, info, warning or error); colours for people only."""
    threshold = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            ),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    # What libraries say is heard from warnings on: below, they may name what must not be logged.
    logging.basicConfig(level=max(threshold, logging.WARNING), stream=sys.stderr)
