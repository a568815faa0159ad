"""Why a request failed, as a document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Problem"]


class Problem(Exception):  # noqa: N818 - RFC 9457's own word
    """Why a request failed, as RFC 9457 has it."""

    def __init__(
        self, status: int, name: str, detail: str, *, errors: Sequence[dict[str, Any]] = ()
    ) -> None:
        """Keep the members of the document.

        Args:
            status: HTTP status.
            name: last part of the type's URN, the same for every such problem.
            detail: one line for people.
            errors: field and rule of each finding.
        """
        super().__init__(detail)
        self.status, self.name, self.detail, self.errors = status, name, detail, errors

    def __reduce__(self) -> tuple[Any, ...]:
        """Let it pass between processes with all its members."""
        return _again, (self.status, self.name, self.detail, self.errors)

    def to_json(self) -> dict[str, Any]:
        """Return the problem document."""
        more = {"errors": list(self.errors)} if self.errors else {}
        return {
            "type": f"urn:fenmark:problem:{self.name}",
            "title": self.name.replace("-", " "),
            "status": self.status,
            "detail": self.detail,
            **more,
        }


def _again(status: int, name: str, detail: str, errors: Sequence[dict[str, Any]]) -> Problem:
    return Problem(status, name, detail, errors=errors)
