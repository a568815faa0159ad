"""Which rows stand on the board, in which order, and which of them answer the overview."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from leaderboard.rows import shown

if TYPE_CHECKING:
    import pandas as pd

    from leaderboard.rows import Row

__all__ = ["INTERACTIVE_TPOT_MS", "INTERACTIVE_TTFT_MS", "Answers", "answers", "ranked", "serving"]

# An interactive user reads about 6 tokens/s; MLPerf Inference 5.1's interactive Llama 2 70B
# scenario asks p99 TTFT 450 ms and TPOT 40 ms. Ours is looser on the first token because a
# reader waits two seconds before the wait becomes the story (Nielsen 1993 puts flow at 1 s and
# attention at 10 s), and stated beside every answer.
INTERACTIVE_TTFT_MS = 2000.0
INTERACTIVE_TPOT_MS = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """The best row of each question, None where nothing was measured."""

    cheapest: Row | None
    most_tokens_per_joule: Row | None
    nearest_to_one_fen: Row | None


def ranked(rows: pd.DataFrame) -> pd.DataFrame:
    """Order rows: ranking ones first, serving before isolated phases, cheapest first.

    Without a price by throughput; ties by model, digest and case, so that two builds agree. Adds
    `ranks` and `place`: 0 for ranking serving rows to 3 for isolated phases that do not rank.
    """
    ranks = rows["valid"] & (rows["throughput_method"] == "measured")
    place = 2 * (~ranks).astype(int) + (rows["suite"] != "serving").astype(int)
    return rows.assign(ranks=ranks, place=place).sort_values(
        ["place", "rent_cny", "throughput", "model_id", "digest", "suite", "case"],
        ascending=[True, True, False, True, True, True, True],
        na_position="last",
        ignore_index=True,
    )


def serving(rows: pd.DataFrame) -> pd.DataFrame:
    """Keep the serving rows that have a throughput: what the board opens with."""
    return rows[(rows["suite"] == "serving") & rows["throughput"].notna()]


def answers(rows: pd.DataFrame, lang: str) -> Answers:
    """Find the overview's three answers among ranked rows."""
    # A decode-only window leaves the prompts' share of the cost out: it may not win.
    priced = rows["ranks"] & (rows["suite"] == "serving")
    metered = rows["ranks"] & (rows["energy_method"] == "measured") & (rows["energy"] > 0)
    # A row whose own percentile is known is held to the 99th, else to the median.
    ttft = rows["ttft_p99"].fillna(rows["ttft"])
    tpot = rows["tpot_p99"].fillna(rows["tpot"])
    interactive = priced & (ttft <= INTERACTIVE_TTFT_MS) & (tpot <= INTERACTIVE_TPOT_MS)
    return Answers(
        cheapest=_least(rows, "rent_cny", interactive, lang),
        most_tokens_per_joule=_least(rows, "energy", metered, lang),
        nearest_to_one_fen=_least(rows, "rent_cny", priced, lang),
    )


def _least(rows: pd.DataFrame, column: str, among: pd.Series[bool], lang: str) -> Row | None:
    found = rows[column].where(among).dropna()
    return shown(rows.loc[[found.idxmin()]], lang)[0] if len(found) else None
