"""From what questions gave to the rows that are signed: every answer is graded here. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from suites.base.metrics import METRICS
from suites.base.records import Row
from suites.quality.grading import graded
from suites.quality.hidden import MOST_ANSWERS, MOST_REQUESTS, is_right, overlooked
from suites.quality.items import FAMILIES, LEVELS
from suites.quality.probe import agreement_of, by_stratum, of_reference
from suites.quality.record import HiddenRecord, QualityRecord
from suites.quality.reference_file import digest_of
from suites.quality.scores import MARGIN, compared, in_points, tokens_per_solved, wilson

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from suites.base.records import CellResult, Label
    from suites.quality.agreement import Reference
    from suites.quality.record import RecordedAnswer
    from suites.quality.scores import QualityScore, ScoreComparison, Stratum

__all__ = ["QUALITY", "summarize", "worse_under_load"]

QUALITY = "quality"


def summarize(results: Sequence[CellResult]) -> list[Row]:
    """Grade all answers, compare them with the reference, and those under load with those at rest.

    Raises:
        ValueError: what is kept is not a record, or leaves questions out.
    """
    return [*_questions(results), *_hidden_rows(results)]


def _questions(results: Sequence[CellResult]) -> Iterator[Row]:
    records = [result.facts[QUALITY] for result in results if QUALITY in result.facts]
    if len(records) > 1:
        raise ValueError("a run asks its questions once")
    for record in records:
        yield from _of_record(QualityRecord.of(record))


def _of_record(record: QualityRecord) -> Iterator[Row]:
    asked = record.questions()
    if len(asked) != len(record.answers) or not asked:
        raise ValueError(f"{len(record.answers)} answers to {len(asked)} questions")
    rights = [
        answer.text is not None and graded(item, answer.text)
        for item, answer in zip(asked, record.answers, strict=True)
    ]
    labels: dict[str, Label] = {
        "question_seed": record.seed,
        "question_api": record.api,
        "answer_tokens": record.answer_tokens,
        "temperature": record.temperature,
    }
    of_all = labels | {
        "unanswered": sum(answer.text is None for answer in record.answers),
        "left_out": record.count - len(asked),
    }
    yield _score("score", "questions/all", wilson(sum(rights), len(rights)), of_all)
    strata = by_stratum(asked, rights)
    for family in FAMILIES:
        levels = [strata.get((family, level), (0, 0)) for level in LEVELS]
        right, n = (sum(counts[place] for counts in levels) for place in (0, 1))
        if n:
            counted = " ".join(f"{part}/{of}" for part, of in levels)
            own = {**labels, "family": family, "levels": counted}
            yield _score("score", f"questions/{family}", wilson(right, n), own)
    counts = [answer.tokens for answer in record.answers if answer.tokens is not None]
    solved = tokens_per_solved(counts, rights) if len(counts) == len(rights) else None
    if solved:
        row = _row("tokens_per_solved", "questions/all", solved.value, len(counts), labels)
        yield replace(row, low=solved.low, high=solved.high)
    if record.reference:
        yield from _against(record.reference, strata, record, labels)


def _against(
    reference: Reference,
    strata: Mapping[Stratum, tuple[int, int]],
    record: QualityRecord,
    labels: dict[str, Label],
) -> Iterator[Row]:
    labels = labels | {"reference_sha256": digest_of(reference)}
    if trusted := of_reference(reference):
        drop = compared(strata, trusted)
        told = labels | {"verdict": drop.verdict, "margin": MARGIN}
        yield _drop("score_drop", "reference/answers", drop, len(record.answers), told)
    if reference.places:
        same = agreement_of(
            reference,
            [place.logprobs for place in record.next_tokens],
            [place.greedy for place in record.next_tokens],
            record.token_ids,
        )
        told, case = labels | {"verdict": same.verdict}, "reference/next-tokens"
        nats = _row("divergence", case, same.nats, same.n, told)
        yield replace(nats, low=same.nats_low, high=same.nats_high)
        top = _row("top1_agreement", case, same.top, same.n, told)
        yield replace(top, low=same.top_low, high=same.top_high)
        if same.prefix is not None:
            greedy = _row("greedy_prefix", case, same.prefix, same.n, told)
            yield replace(greedy, low=same.prefix_low, high=same.prefix_high)


def worse_under_load(results: Sequence[CellResult]) -> dict[str, str]:
    """Say of each load, by its case, why answers under it are surely worse than at rest."""
    return {
        load.case: f"worse under load: {in_points(drop.drop, drop.low, drop.high)} points fewer "
        "right answers than at rest"
        for load in _loads(results)
        if (drop := load.comparison) and drop.low > 0
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Graded:
    """Hidden questions that were answered, graded.

    Attributes:
        strata: right answers and answers by family and level.
        tokens: output tokens of the answers.
    """

    strata: Mapping[Stratum, tuple[int, int]]
    tokens: int

    @property
    def score(self) -> QualityScore:
        return wilson(*(sum(counts[place] for counts in self.strata.values()) for place in (0, 1)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Load:
    """Answers under one load, of all engines, beside those at rest.

    Attributes:
        case: of the load; "all" for all loads together.
        comparison: None where nothing was answered at rest.
    """

    case: str
    under: _Graded
    rest: _Graded
    share: float
    seed: int
    comparison: ScoreComparison | None


def _loads(results: Sequence[CellResult]) -> list[_Load]:
    """Every load with answered questions, and all of them together."""
    records = [HiddenRecord.of(r.facts["hidden"]) for r in results if "hidden" in r.facts]
    _check(records)
    rest = _together([_graded(record, "rest", record.rest) for record in records])
    parts: dict[str, list[_Graded]] = {}
    for record in records:
        for case, answers in record.loads.items():
            parts.setdefault(case, []).append(_graded(record, case, answers))
    under = {case: load for case, of in parts.items() if (load := _together(of)).strata}
    if len(under) > 1:
        under["all"] = _together(list(under.values()))
    return [
        _Load(
            case=case,
            under=load,
            rest=rest,
            share=records[0].share,
            seed=records[0].seed,
            comparison=compared(load.strata, rest.strata, looks=len(under))
            if load.strata.keys() & rest.strata.keys()
            else None,
        )
        for case, load in under.items()
    ]


def _check(records: Sequence[HiddenRecord]) -> None:
    """Refuse records of several runs, and more than can be graded in seconds."""
    if len({(record.seed, record.share, record.room) for record in records}) > 1:
        raise ValueError("hidden questions of several seeds, shares or lengths")
    if len({record.process for record in records}) < len(records):
        raise ValueError("hidden questions of one engine twice")
    answers = sum(record.answers for record in records)
    requests = sum(record.requests for record in records)
    if answers > MOST_ANSWERS or requests > MOST_REQUESTS:
        raise ValueError(f"{answers} answers to hidden questions among {requests} requests")


def _together(parts: Sequence[_Graded]) -> _Graded:
    rights: Counter[Stratum] = Counter()
    answers: Counter[Stratum] = Counter()
    for part in parts:
        for key, (right, n) in part.strata.items():
            rights[key] += right
            answers[key] += n
    strata = {key: (rights[key], n) for key, n in sorted(answers.items())}
    return _Graded(strata=strata, tokens=sum(part.tokens for part in parts))


def _graded(record: HiddenRecord, case: str, answers: Mapping[int, RecordedAnswer]) -> _Graded:
    """Grade the answers to one load; those that never came are a load's failures, not wrong.

    Raises:
        ValueError: a question that was asked is not there.
    """
    hidden = record.hidden(case)
    if case == "rest":
        hidden = hidden.all_of()
    if missing := overlooked(hidden, answers):
        raise ValueError(f"{missing} hidden questions of {case} have no answer")
    given = {number: answer for number, answer in answers.items() if answer.text is not None}
    asked = [hidden.question(number) for number in given]
    rights = [
        is_right(item, answer.text or "")
        for item, answer in zip(asked, given.values(), strict=True)
    ]
    tokens = sum(answer.tokens or 0 for answer in given.values())
    return _Graded(strata=by_stratum(asked, rights), tokens=tokens)


def _hidden_rows(results: Sequence[CellResult]) -> Iterator[Row]:
    loads = _loads(results)
    if not loads:
        return
    labels: dict[str, Label] = {"question_seed": loads[0].seed, "hidden_share": loads[0].share}
    if (rest := loads[0].rest).strata:
        yield _score("open_score", "hidden/rest", rest.score, labels)
    for load in loads:
        case, score = f"hidden/{load.case}", load.under.score
        yield _score("hidden_score", case, score, labels)
        yield _row("hidden_tokens", case, float(load.under.tokens), score.n, labels)
        if drop := load.comparison:
            told = labels | {"verdict": _under_load(drop), "margin": MARGIN}
            yield _drop("hidden_drop", case, drop, score.n, told)


def _under_load(drop: ScoreComparison) -> str:
    if drop.low > 0:
        return "worse under load"
    return "not worse under load" if drop.high < MARGIN else "undecided"


def _score(metric: str, case: str, score: QualityScore, labels: dict[str, Label]) -> Row:
    row = _row(metric, case, score.score, score.n, labels)
    return replace(row, low=score.low, high=score.high)


def _drop(metric: str, case: str, drop: ScoreComparison, n: int, labels: dict[str, Label]) -> Row:
    return replace(_row(metric, case, drop.drop, n, labels), low=drop.low, high=drop.high)


def _row(metric: str, case: str, value: float, n: int, labels: dict[str, Label]) -> Row:
    return Row(
        suite=QUALITY,
        case=case,
        metric=metric,
        unit=METRICS[metric].unit,
        value=value,
        low=None,
        high=None,
        n=n,
        method="measured",
        labels=labels,
    )
