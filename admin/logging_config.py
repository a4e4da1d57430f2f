"""Logs as JSON lines on standard error: ids, counts and verdicts, never payloads, names or tokens."""

from __future__ import annotations

import logging
import sys

import structlog

# Libraries that log addresses (a search for a patient has the NIK in its query), messages or each of their steps:
# only their warnings are logged, at every level.
WARNINGS_ONLY = ("httpx", "httpcore", "uvicorn.access", "pika", "dramatiq", "alembic")


def set_up_logging(level: str) -> None:
    """Set one format for our events and those of the libraries; raise ValueError for an unknown level."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in WARNINGS_ONLY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
