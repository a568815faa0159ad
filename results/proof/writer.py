"""Who writes a log: the one key of its checkpoints, and who may say whose keys are whose in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from results.catalog.logs_data import known_logs
from results.keys.identity import ed25519_key

if TYPE_CHECKING:
    from securesystemslib.signer import Key

__all__ = ["LogWriter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogWriter:
    """Who signs a log.

    Attributes:
        origin: the log's name.
        key: the one raw Ed25519 key that may sign its checkpoints.
        known: Fenmark ships that key; else it is the one that came with the log.
        administrators: keys whose notices count: those named with a known log, else the log's own.
    """

    origin: str
    key: bytes
    known: bool
    administrators: tuple[Key, ...]

    @classmethod
    def of(cls, origin: str, key: bytes) -> LogWriter:
        """Tell who writes a log of this origin.

        Args:
            key: that came with the log; it gives way to the one a known log has.
        """
        listed = known_logs().get(origin)
        key = listed.key if listed else key
        names = listed.administrators if listed and listed.administrators else [key.hex()]
        return cls(
            origin=origin,
            key=key,
            known=listed is not None,
            administrators=tuple(map(ed25519_key, names)),
        )
