"""Errors a user can act on, apart from bugs."""

from __future__ import annotations

__all__ = ["CheckError", "UserError"]


class UserError(Exception):
    """Bad usage or bad input: one line that says what, where, what was expected and what to do.

    The command line prints it on stderr and exits with `exit_code`; any other exception that
    reaches the top is a bug.
    """

    exit_code = 2

    def __init__(self, what: str, *, where: str = "", expected: str = "", remedy: str = "") -> None:
        """Keep the four parts apart so that `--json` callers can read them."""
        super().__init__(what)
        self.what, self.where, self.expected, self.remedy = what, where, expected, remedy

    def __str__(self) -> str:
        """One line: `where: what; expected …; remedy`."""
        head = f"{self.where}: {self.what}" if self.where else self.what
        parts = [head, f"expected {self.expected}" if self.expected else "", self.remedy]
        return " ".join("; ".join(part for part in parts if part).split())


class CheckError(UserError):
    """The work was done and the answer is no: a signature, a proof or a check failed."""

    exit_code = 1
