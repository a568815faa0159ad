"""Whether a cheap token is the same token: graded questions, and agreement with weights.

Options of `beside`:
    questions: int: how many; 110 in the quick profile, 600 in standard, 2000 in full.
    question_api: str: "chat" (default) or "completions".
    answer_tokens: int: the most of an answer, 2048 by default, 256 in the quick profile.
    temperature: float: of sampling, 0 (greedy) by default.
    quality_reference: str: file that `fenmark quality --record` wrote.
    hidden_share: float: of the load's requests that are questions; see `suites.quality.hidden`.
    endpoint, weights, seed: as for the suite that is measured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from suites.base.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from suites.base.records import CellResult, CellSpec, Row

__all__ = ["beside", "plan", "summarize"]

# Imported when called: the processes that make a load need none of it, and start in less time.


def beside(cells: Sequence[CellSpec], profile: str, options: Mapping[str, Any]) -> list[CellSpec]:
    """Let a cell of another suite ask questions; see `suites.quality.riding.beside`."""
    from suites.quality import riding

    return riding.beside(cells, profile, options)


def plan(_profile: str, _options: Mapping[str, Any]) -> list[CellSpec]:
    """Have no cells of its own: questions are asked of a server that another suite measures.

    Raises:
        UserError: always.
    """
    raise UserError(
        "questions go to the server that another suite measures",
        where="--suite quality",
        expected="serving,quality or inference,quality",
        remedy="`fenmark quality` asks alone",
    )


def summarize(results: Sequence[CellResult]) -> list[Row]:
    """Grade what cells were answered; see `suites.quality.summary.summarize`."""
    from suites.quality import summary

    return summary.summarize(results)
