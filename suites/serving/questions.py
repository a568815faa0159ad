"""Questions hidden among the loads of a cell, and their like at rest before the first load."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from suites.base.child import note
from suites.base.errors import UserError
from suites.client.counting import plain
from suites.client.vocabulary import PIECE_BYTES, UNIQUE_TOKENS
from suites.quality.hidden import LEAST_ROOM, MOST_ANSWERS, MOST_REQUESTS, Hidden, seed_of
from suites.quality.record import MOST_CHARACTERS, HiddenRecord, RecordedAnswer, kept

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from suites.client.request import Request
    from suites.client.target import Target
    from suites.serving.load.outcome import LoadOutcome
    from suites.serving.load.point import Point
    from suites.serving.workers.node_worker import Generator

__all__ = ["HiddenQuestions", "at_rest", "hidden_share", "room_of"]

# Of an endpoint whose prompts are text; an engine of ours has no reason to look at the load.
_SHARE = 0.05
# Questions at rest: enough to tell a fall of a quarter from none.
_QUICK_AT_REST, _AT_REST = 33, 110


def hidden_share(points: Sequence[Point], options: Mapping[str, Any], *, text: bool) -> float:
    """Share of the loads' requests that are questions: as asked for, else where it can be.

    Raises:
        UserError: it is asked for where the load has no place for questions.
    """
    given = options.get("hidden_share")
    if given == 0:
        return 0.0
    reason = _no_place(points, options, text=text)
    if given is not None and reason:
        raise UserError(
            reason, where="--hidden-share", expected="long prompts of text: --api chat --isl 64"
        )
    return 0.0 if reason else float(given or _SHARE)


def at_rest(profile: str) -> int:
    """How many questions are asked before the loads."""
    return _QUICK_AT_REST if profile == "quick" else _AT_REST


def _no_place(points: Sequence[Point], options: Mapping[str, Any], *, text: bool) -> str:
    if not text:
        return "questions among prompts of token ids"
    if any(point.shape not in {"closed", "open"} or point.ramp or point.pooled for point in points):
        return "questions among conversations, a trace, a ramp or vectors"
    if any(point.media or point.lora_mix for point in points):
        return "questions beside images, sounds or adapters"
    if min(map(room_of, points)) < LEAST_ROOM:
        return f"questions in {min(map(room_of, points))} bytes"
    return "" if options.get("endpoint") or options.get("hidden_share") else "an engine of ours"


def room_of(point: Point) -> int:
    """Bytes of the load's shortest prompt that a question may take."""
    shortest = min((tokens for tokens, _ in point.lengths), default=point.input_tokens)
    common = round(point.shared_prefix * shortest)
    # One more for what a tokenizer adds, one for the space before.
    return PIECE_BYTES * (shortest - common - UNIQUE_TOKENS - 2)


class HiddenQuestions:
    """The hidden questions of one cell: asked at rest, then under each load, and kept."""

    def __init__(self, spec: Mapping[str, Any] | None, process: int) -> None:
        """Read what `suites.serving.cells` planned, or none.

        Args:
            spec: `seed`, `share` and `room` of `suites.quality.hidden.Hidden`, `at_rest` questions
                asked before the loads, and `engines` of the run, which share what may be kept.
        """
        self._spec, self._process = spec, process
        self._rest: dict[int, RecordedAnswer] = {}
        self._loads: dict[str, dict[int, RecordedAnswer]] = {}
        engines = spec["engines"] if spec else 1
        self._answers_left, self._requests_left = MOST_ANSWERS // engines, MOST_REQUESTS // engines

    def ask_at_rest(self, load: Generator, target: Target, like: Point) -> None:
        """Ask one question after another, in the words and fields of the load to come."""
        if not self._spec:
            return
        hidden = self._hidden(self._spec, "rest").all_of()
        note(f"asking {self._spec['at_rest']} questions at rest")
        rest = replace(
            like,
            shape="closed",
            concurrency=1,
            rate=0.0,
            requests=self._spec["at_rest"],
            duration_s=0.0,
            hidden=hidden,
        )
        outcome = load.run(target, rest, seed=hidden.seed)
        self._rest = self._kept(hidden, outcome)

    def among(self, point: Point) -> Point:
        """The load with questions among it."""
        return replace(point, hidden=self._hidden(self._spec, point.name)) if self._spec else point

    def keep(self, point: Point, outcome: LoadOutcome) -> None:
        """Keep what was answered under a load."""
        if point.hidden:
            self._loads[point.name] = self._kept(point.hidden, outcome)

    def _kept(self, hidden: Hidden, outcome: LoadOutcome) -> dict[int, RecordedAnswer]:
        """Keep answers as far as an eighth of what is left allows: loads to come are not known."""
        limits = self._answers_left // 8, self._requests_left // 8
        answers = _answers(hidden, outcome, *limits)
        self._answers_left -= len(answers)
        self._requests_left -= max(answers, default=-1) + 1
        return answers

    def facts(self) -> dict[str, Any]:
        """What is kept as evidence."""
        if not self._spec:
            return {}
        record = HiddenRecord(
            seed=self._spec["seed"],
            process=self._process,
            share=self._spec["share"],
            room=self._spec["room"],
            rest=self._rest,
            loads=self._loads,
        )
        return {"hidden": record.model_dump(mode="json")}

    def _hidden(self, spec: Mapping[str, Any], case: str) -> Hidden:
        seed = seed_of(spec["seed"], self._process, case)
        return Hidden(seed=seed, share=spec["share"], room=spec["room"])


def _answers(
    hidden: Hidden, outcome: LoadOutcome, most_answers: int, most_requests: int
) -> dict[int, RecordedAnswer]:
    """Answers to the first questions, by their numbers, up to one that the load's end cut off."""
    ended = {
        request.question: request
        for request in outcome.requests
        if request.question >= 0 and request.failure != "cancelled"
    }
    answers: dict[int, RecordedAnswer] = {}
    for number in range(min(max(ended, default=-1) + 1, most_requests)):
        if not hidden.hides(number):
            continue
        if number not in ended or len(answers) == most_answers:
            break
        answers[number] = _answer(ended[number])
    return answers


def _answer(request: Request) -> RecordedAnswer:
    """Before its limit an answer may be right; without any text it never came."""
    text = kept(plain(request.text)[:MOST_CHARACTERS]) if request.text else None
    return RecordedAnswer(text=text, tokens=request.output_tokens)
