"""Errors a user can act on, apart from bugs."""

from __future__ import annotations

from suites.base.printable import printable

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
        """One printable line: `where: what; expected …; remedy`, whatever file or server said."""
        head = f"{self.where}: {self.what}" if self.where else self.what
        parts = [head, f"expected {self.expected}" if self.expected else "", self.remedy]
        line = "; ".join(part for part in parts if part)
        # A library's message may have several lines, which read as one.
        return printable(" ".join(line.split()))


class CheckError(UserError):
    """The work was done and the answer is no: a signature, a proof or a check failed."""

    exit_code = 1
