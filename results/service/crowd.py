"""Who is connected: so many, so many of one address; who was waited for longest gives way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Crowd", "OpenConnection"]


class OpenConnection(Protocol):
    """What can be cut off."""

    def cut(self) -> None:
        """End it at once."""


@dataclass(slots=True)
class Crowd:
    """The open connections.

    The server waits for most of them: for a request, the rest of one, or for an answer to be
    taken. Idle and slow ones cost a newcomer nothing, since one of them makes room.

    Attributes:
        most, most_of_address: open at once.
    """

    most: int
    most_of_address: int
    _addresses: dict[OpenConnection, str | None] = field(default_factory=dict)
    _of_address: dict[str, dict[OpenConnection, None]] = field(default_factory=dict)
    _awaited: dict[OpenConnection, None] = field(default_factory=dict)  # for the longest time first

    def enter(self, connection: OpenConnection, address: str | None) -> int:
        """Take in a connection, or return the status that refuses it; 0 where it is in.

        Args:
            address: whose it is; None for a trusted proxy's, which carries many.
        """
        neighbours = self._of_address.get(address, {}) if address else {}
        if len(neighbours) >= self.most_of_address and not self._make_room(neighbours):
            return 429
        if len(self._addresses) >= self.most and not self._make_room(self._awaited):
            return 503
        self._addresses[connection] = address
        self.awaits(connection)
        return 0

    def awaits(self, connection: OpenConnection) -> None:
        """Note that the server waits for it, from now on."""
        if connection not in self._addresses:
            return
        for ordered in (self._awaited, self._neighbours(connection)):
            ordered.pop(connection, None)
            ordered[connection] = None

    def serves(self, connection: OpenConnection) -> None:
        """Note that it waits for the server."""
        self._awaited.pop(connection, None)

    def leave(self, connection: OpenConnection) -> None:
        """Forget a connection."""
        neighbours = self._neighbours(connection)
        neighbours.pop(connection, None)
        address = self._addresses.pop(connection, None)
        if address and not neighbours:
            self._of_address.pop(address, None)
        self._awaited.pop(connection, None)

    def _neighbours(self, connection: OpenConnection) -> dict[OpenConnection, None]:
        address = self._addresses.get(connection)
        return self._of_address.setdefault(address, {}) if address else {}

    def _make_room(self, ordered: Iterable[OpenConnection]) -> bool:
        longest = next((each for each in ordered if each in self._awaited), None)
        if longest is None:
            return False
        self.leave(longest)
        longest.cut()
        return True
