"""A finished run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from results.checks import SampleFigures
    from results.statement.statement import Statement
    from suites.base.records import Row

__all__ = ["FinishedRun"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedRun:
    """A finished run.

    Attributes:
        digest: SHA-256 of the envelope, and the stem of its file.
        rows: what `summary.json` holds.
        key_path: the private key that signed, and whether it was made for this run.
        stage_s: seconds spent per suite.
        evidence: what its raw samples give, read again as a log will read them.
    """

    digest: str
    statement: Statement
    rows: list[Row]
    key_path: Path
    key_created: bool
    stage_s: dict[str, float]
    evidence: SampleFigures
