"""What an acceptance test measures, what it is compared with, and what it says: plain records."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

__all__ = ["Cause", "ExpectedFigure", "FigureValue", "Graded", "MachineFigure", "MachineFigureKind"]

FigureValue = float | str
MachineFigureKind = Literal[
    "identity", "cores", "share", "core", "compute", "bandwidth", "link", "engine", "disk"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineFigure:
    """Something read or measured here; of a number, more is better.

    Attributes:
        name: unique in a test, the unit of a number in brackets.
        low, high: 95% interval; None where nothing gives one.
        device: whether it is an accelerator's, and no core's.
        twins: what it shares with the others of its kind in this machine; "" without any.
    """

    name: str
    kind: MachineFigureKind
    value: FigureValue
    low: float | None = None
    high: float | None = None
    device: bool = False
    twins: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedFigure:
    """What a figure of this name should be.

    Attributes:
        least: below it a number is slow; None for what must be equal.
        sold: whether it is what the seller promised: less is then *not what was sold*.
    """

    figure: str
    value: FigureValue
    basis: str
    least: float | None = None
    sold: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Why a figure may be low, with its evidence, and the command that shows more."""

    says: str
    look: str

    def __str__(self) -> str:
        """One line."""
        return f"{self.says}; look: {self.look}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Graded:
    """A figure with its verdict; the fields of `fenmark accept --json`.

    Attributes:
        verdict: "as expected", "slow by 21% [18%, 24%]", "differs from its twins by 12%",
            "not what was sold" or "not graded".
        cause: likely cause, also of an interval too wide to tell, and the command to look further;
            "" where nothing is wrong.
    """

    figure: str
    value: FigureValue
    low: float | None
    high: float | None
    expected: FigureValue | None
    basis: str
    verdict: str
    cause: str

    @property
    def passed(self) -> bool:
        """Nothing speaks against it."""
        return self.verdict in {"as expected", "not graded"}

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)
