"""A server's log: one JSON line an event, in which nothing a request says can begin another."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from datetime import UTC, datetime

from suites.base.printable import LIMIT, as_json, printable

__all__ = ["LOGGING", "JsonLines", "write_line"]


class JsonLines(logging.Formatter):
    """Formats a record as a JSON object: time, level, logger, message, a bug's traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line of ASCII."""
        at = datetime.fromtimestamp(record.created, UTC)
        line = {
            "time": at.isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": printable(record.getMessage()),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)[-4 * LIMIT :]
        return as_json(line)


# For `logging.config.dictConfig`: every logger of the process, Uvicorn's too, to stderr.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"lines": {"()": JsonLines}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
}


def write_line(line: str) -> None:
    """Write a line of JSON to stderr; where the disk that takes it is full, answers go on."""
    with suppress(OSError):
        sys.stderr.write(f"{line}\n")
