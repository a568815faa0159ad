"""What one point of load gave: requests, and the phase they were measured in."""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from suites.base.records import Window
from suites.client.loop import no_collection, run_loop
from suites.client.prompts import Conversations, Prompts
from suites.client.recording import Recording, Stop
from suites.client.request import Request, read_recording
from suites.serving.load.adapters import cycle_of
from suites.serving.load.agents import Agents
from suites.serving.load.arrivals import due_times_s, rising_times_s
from suites.serving.load.closed import Closed
from suites.serving.load.drive import Drive
from suites.serving.load.media import MediaParts
from suites.serving.load.open import Open, ramp_of
from suites.serving.load.replay import replay
from suites.serving.load.sessions import SessionRequests

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from suites.client.target import Target
    from suites.serving.load.clock import ClockOffset
    from suites.serving.load.drive import Pace, Requests
    from suites.serving.load.point import Point

__all__ = ["LoadOutcome", "on_our_clock", "run_point"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOutcome:
    """One load, run and read.

    Attributes:
        requests: all that were sent; those with `measured` set count.
        start_ns, end_ns: steady state, up to the end of the last measured request.
        cpu_share: cores the client used in it.
        events: fragments received in it.
        parse_s: processor time spent reading the recording afterwards.
        lag_ms: how late the loop served its own timer.
        reconnects: requests that waited for a connection.
        gave_up: the load was ended early, since one request after another failed.
        clocks: of the hosts that made the load, where it was not this one.
    """

    requests: Sequence[Request]
    start_ns: int
    end_ns: int
    cpu_share: float
    events: int
    parse_s: float
    lag_ms: Sequence[float]
    reconnects: int
    gave_up: bool = False
    clocks: Sequence[ClockOffset] = ()

    @property
    def duration_s(self) -> float:
        return (self.end_ns - self.start_ns) / 1e9

    @property
    def measured(self) -> list[Request]:
        return [request for request in self.requests if request.measured]

    @property
    def answered(self) -> list[Request]:
        """Measured requests that were answered as asked."""
        return [request for request in self.measured if not request.failure]

    @property
    def failures(self) -> Counter[str]:
        """Failed measured requests by name."""
        return Counter(request.failure for request in self.measured if request.failure)

    def window(self) -> Window:
        """Tokens of the steady state, those of uncounted requests included: they are load too."""
        output = sum(self._tokens_inside(request) for request in self.requests)
        prompts = (
            request.input_tokens
            for request in self.requests
            if request.token_ns and self.start_ns <= request.token_ns[0] <= self.end_ns
        )
        return Window(
            start_ns=self.start_ns,
            end_ns=self.end_ns,
            input_tokens=sum(prompts),
            output_tokens=round(output),
        )

    def _tokens_inside(self, request: Request) -> float:
        inside = _inside(request, self.start_ns, self.end_ns)
        # An engine may put several tokens into one fragment; it says so by its own count.
        fragments = len(request.token_ns)
        per_fragment = 1.0 if request.failure else request.output_tokens / fragments
        return inside * per_fragment


def _inside(request: Request, start_ns: int, end_ns: int) -> int:
    """Fragments that came in this time, both ends included; they are in order of arrival."""
    return bisect_right(request.token_ns, end_ns) - bisect_left(request.token_ns, start_ns)


def run_point(
    target: Target,
    point: Point,
    *,
    seed: int | str,
    watch: Callable[[Recording], None] | None = None,
) -> LoadOutcome:
    """Put the load on the target, then read what was recorded.

    Raises:
        UserError: the endpoint cannot be reached.
    """
    stop = Stop(
        requests=point.requests,
        duration_s=point.duration_s,
        request_limit_s=point.request_limit_s,
    )
    requests, pace = _load(target, point, stop, seed)
    asks = requests.question if isinstance(requests, Prompts) else lambda _: -1
    # Where all are questions, at rest, they are what is measured.
    hidden = point.hidden and point.hidden.share < 1
    drive = Drive(
        target,
        requests,
        stop,
        pace,
        watch=watch,
        **({"apart": lambda index: asks(index) >= 0} if hidden else {}),
    )
    outcome = read_outcome(run_loop(drive.run()))
    if isinstance(requests, Prompts) and (point.lora_mix or point.hidden):
        asked = [
            replace(r, adapter=requests.model(r.index), question=requests.question(r.index))
            for r in outcome.requests
        ]
        outcome = replace(outcome, requests=asked)
    return outcome


def _load(target: Target, point: Point, stop: Stop, seed: int | str) -> tuple[Requests, Pace]:
    """What a point sends, and when."""
    if point.shape == "replay":
        turns = Conversations(target, point.turns, seed=seed, shared=point.shared_prefix)
        return turns, replay(point.turns, rate=point.rate, cap=point.concurrency)
    if point.sessions:
        planned = SessionRequests(target, point.sessions, seed=seed, part=point.part)
        agents = Agents(point.sessions, planned, point.concurrency, seed=seed, part=point.part)
        return planned, agents
    return _prompts(target, point, seed), _pace(point, stop, seed)


def _prompts(target: Target, point: Point, seed: int | str) -> Prompts:
    return Prompts(
        target,
        input_tokens=point.input_tokens,
        output_tokens=point.output_tokens,
        seed=seed,
        shared=point.shared_prefix,
        lengths=point.lengths,
        models=cycle_of(point.lora_mix) if point.lora_mix else (),
        **({"parts": MediaParts(point.media, seed)} if point.media else {}),
        part=point.part,
        questions=point.hidden,
    )


def _pace(point: Point, stop: Stop, seed: int | str) -> Pace:
    if point.shape == "closed":
        first, *later = [round(streams) for streams in point.ramp] or [point.concurrency]
        return Closed(first, later=later, step_s=point.step_s)
    spaced: Any = {"seed": seed, "burstiness": point.burstiness, "part": point.part}
    ramp = ramp_of(stop)
    if point.ramp:
        times: Any = {"lead_s": ramp[1], "step_s": point.step_s}
        due_s = rising_times_s(point.arrival, point.ramp, **times, **spaced)
    else:
        due_s = due_times_s(point.arrival, point.rate, **spaced)
    return Open(due_s, rate=point.rate, cap=point.concurrency, ramp=ramp)


def read_outcome(recording: Recording) -> LoadOutcome:
    """Parse a recording; the window's processor time does not include this."""
    began = time.process_time()
    with no_collection():
        requests = read_recording(recording)
    parse_s = time.process_time() - began
    duration_s = max(1, recording.finish_ns - recording.start_ns) / 1e9
    start_ns, finish_ns = recording.start_ns, recording.finish_ns
    return LoadOutcome(
        requests=requests,
        start_ns=recording.start_ns,
        end_ns=recording.finish_ns,
        cpu_share=recording.cpu_s / duration_s,
        events=sum(_inside(request, start_ns, finish_ns) for request in requests),
        parse_s=parse_s,
        lag_ms=recording.lag_ms,
        reconnects=recording.reconnects,
        gave_up=recording.gave_up,
    )


def on_our_clock(outcome: LoadOutcome, clock: ClockOffset) -> LoadOutcome:
    """Move all times of an outcome to our clock; differences between them stay what they are."""
    offset_ns = clock.offset_ns

    def shifted(times: Sequence[int]) -> list[int]:
        return [time - offset_ns for time in times]

    return replace(
        outcome,
        requests=[
            replace(
                request,
                intended_ns=request.intended_ns - offset_ns,
                sent_ns=request.sent_ns - offset_ns,
                token_ns=shifted(request.token_ns),
                ended_ns=request.ended_ns - offset_ns,
                answer_ns=request.answer_ns and request.answer_ns - offset_ns,
                truth_ns=shifted(request.truth_ns),
            )
            for request in outcome.requests
        ],
        start_ns=outcome.start_ns - offset_ns,
        end_ns=outcome.end_ns - offset_ns,
    )
