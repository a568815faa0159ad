"""Logs that are known: by their origin, the one key that may sign them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from results.catalog.reading import Strict, read_toml
from suites.base.errors import UserError

__all__ = ["LOGS", "KnownLog", "known_logs"]

LOGS = Path(__file__).parent / "logs"


_PublicKey = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class KnownLog(Strict):
    """A log and its key.

    Attributes:
        origin: first line of its checkpoints.
        public_key: raw Ed25519 key that signs them, in hexadecimal.
        administrators: such keys of those who register and revoke in it; none: the log's own.
    """

    origin: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9./-]{0,127}$")]
    public_key: _PublicKey

    administrators: Annotated[list[_PublicKey], Field(max_length=16)] = Field(default_factory=list)

    @property
    def key(self) -> bytes:
        """The key, 32 bytes."""
        return bytes.fromhex(self.public_key)


def known_logs() -> dict[str, KnownLog]:
    """Return the logs by origin.

    Raises:
        UserError: a file is malformed, or two name one origin or one key.
    """
    logs: dict[str, KnownLog] = {}
    for path in sorted(LOGS.glob("*.toml")):
        log = read_toml(path, KnownLog)
        if log.origin in logs or log.public_key in {known.public_key for known in logs.values()}:
            raise UserError("names a log that is known already", where=str(path))
        logs[log.origin] = log
    return logs
