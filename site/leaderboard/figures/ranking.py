"""Which rows stand on the board, in which order, and which of them answer the overview."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from leaderboard.figures.rows import RANKING, records
from leaderboard.figures.standing import with_standing
from results.statement.statement_v2 import ATTESTED

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

__all__ = [
    "INTERACTIVE_TPOT_MS",
    "INTERACTIVE_TTFT_MS",
    "Answers",
    "answers",
    "leading",
    "opens",
    "ranked",
]

# An interactive user reads about 6 tokens/s; MLPerf Inference 5.1's interactive Llama 2 70B
# scenario asks p99 TTFT 450 ms and TPOT 40 ms. Ours is looser on the first token because a
# reader waits two seconds before the wait becomes the story (Nielsen 1993 puts flow at 1 s and
# attention at 10 s), and stated beside every answer.
INTERACTIVE_TTFT_MS = 2000.0
INTERACTIVE_TPOT_MS = 100.0


# Rows that are the same work stand together.
_WORK = ("model_id", "shape", "random")
# What tells which rows compare: a row has a hundred columns, and whole ones are taken last.
_HEAD = [*_WORK, "chip_id", "proven"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """The best row of each question, as `rows.records` has it; None where nothing was measured."""

    cheapest: Mapping[str, Any] | None
    most_tokens_per_joule: Mapping[str, Any] | None
    nearest_to_one_fen: Mapping[str, Any] | None


def ranked(rows: pd.DataFrame) -> pd.DataFrame:
    """Order rows: ranking ones first, proven before others, serving before isolated phases.

    Figures rank within a model and a load only: rows of one stand together, cheapest first.
    Without a price by throughput; ties by digest and case, so that two builds agree. A row that
    a law flags, or whose result was withdrawn or superseded, never ranks, nor does one whose
    weights are not known to answer as well as the model at full width; random weights stand apart.
    A quick profile, or a run without challenge, raw samples or self-check, ranks below. What
    another harness measured, and its runner attests, follows all that was measured here.

    Adds `ranks`, `sound` (it would rank but for its answers), `proven`, `random`, `shape` (what was
    asked of the engine, under which conditions, without how many at once), `equal_least` (the
    cheapest tokens of equal quality of the same work) and `place`: 0 for proven serving rows to 7
    for isolated phases that do not rank.
    """
    method = rows["throughput_method"]
    sound = rows["valid"] & (rows["flags"] == 0) & rows["moderated"].isin(RANKING)
    rows = with_standing(rows, sound)
    measured = sound & (method == "measured")
    ranks = measured & ~rows["barred"]
    proven = (rows["profile"] != "quick") & (rows["doubts"] == "")
    below = (~proven).astype(int).where(ranks, 3).mask(sound & (method == ATTESTED), 2)
    rows = rows.assign(
        ranks=ranks,
        sound=measured,
        proven=proven,
        random=rows["weights"] == "random",
        shape=rows["load"].str.split(" · ", n=1).str[0],
        place=2 * below + (rows["suite"] != "serving").astype(int),
    )
    equal = rows["equal_usd"].where(ranks)
    least = equal.groupby([rows[name] for name in ("place", *_WORK)]).transform("min")
    return rows.assign(equal_least=equal.notna() & (equal == least)).sort_values(
        ["place", *_WORK, "rent_cny", "throughput", "digest", "suite", "case"],
        ascending=[True, *[True] * len(_WORK), True, False, True, True, True],
        na_position="last",
        ignore_index=True,
    )


def opens(rows: pd.DataFrame) -> pd.Series[bool]:
    """Say which rows the board opens with: those under a serving load that have a throughput.

    What another harness measured under one stands there too.
    """
    return rows["suite"].isin(["serving", ATTESTED]) & rows["throughput"].notna()


def answers(rows: pd.DataFrame) -> Answers:
    """Find the overview's three answers among ranked rows."""
    # A decode-only window leaves the prompts' share of the cost out: it may not win.
    priced = rows["ranks"] & (rows["suite"] == "serving") & rows["rent_cny"].notna()
    metered = rows["ranks"] & (rows["energy_method"] == "measured") & (rows["energy"] > 0)
    ttft, tpot = _tail(rows, "ttft"), _tail(rows, "tpot")
    interactive = priced & (ttft <= INTERACTIVE_TTFT_MS) & (tpot <= INTERACTIVE_TPOT_MS)
    heads = rows[[*_HEAD, "rent_cny", "energy"]]
    return Answers(
        cheapest=_least(rows, heads[interactive], "rent_cny"),
        most_tokens_per_joule=_least(rows, heads[metered], "energy"),
        nearest_to_one_fen=_least(rows, heads[priced], "rent_cny"),
    )


def _tail(rows: pd.DataFrame, metric: str) -> pd.Series[float]:
    """The 99th percentile of a latency, or the 90th of a run too short for it; no median is one.

    The upper end of its interval where it has one: that is what the run shows it to stay below.
    """
    high, *others = (rows[f"{metric}_{end}"] for end in ("p99_high", "p99", "p90_high", "p90"))
    for other in others:
        high = high.fillna(other)
    return high


def leading(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the best row of each chip, of the model and load it was measured under most."""
    of_chip = rows.loc[rows["ranks"], _HEAD].groupby("chip_id")
    return rows.loc[[_comparable(own).index[0] for _, own in of_chip]]


def _least(rows: pd.DataFrame, heads: pd.DataFrame, column: str) -> Mapping[str, Any] | None:
    values = _comparable(heads)[column]
    return records(rows.loc[[values.idxmin()]])[0] if len(values) else None


def _comparable(rows: pd.DataFrame) -> pd.DataFrame:
    """Keep what may be set side by side: proven rows if any, of one model under one load.

    Tokens of another model or load are other work, and those of random weights say nothing. The one
    that most chips ran speaks.
    """
    proven = rows[rows["proven"]]
    rows = proven if len(proven) else rows
    if rows.empty:
        return rows
    loads = rows.groupby(list(_WORK), sort=True)["chip_id"].agg(["nunique", "size"])
    most = loads.sort_values(["nunique", "size"], ascending=False, kind="stable").index[0]
    alike: pd.DataFrame = rows[rows[list(_WORK)].eq(list(most)).all(axis=1)]
    return alike
