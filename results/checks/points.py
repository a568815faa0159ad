"""Does a serving point say all that was seen: failures, tails, cached prompts, its instrument?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from results.checks.claim import number, place_of
from results.checks.finding import CheckedFigure, at_most

if TYPE_CHECKING:
    from collections.abc import Iterator

    from results.checks.claim import Claim, ClaimedPoint
    from results.checks.finding import Context

__all__ = ["points_say_all_that_was_seen"]

_TIMES = ("ttft", "tpot", "e2e")
# Percentiles that the suite gives as soon as one request lies beyond them.
_TAILS = (90.0, 99.0)
# What a valid point may have of either (`suites.serving.instrument.validity`), and rounding.
_CACHED, _INSTRUMENT, _ROUNDED = 0.02, 0.02, 1.01
_JUDGED = (50.0, 99.0)
# Of the tokens of a text that the client counts by another vocabulary; a chat's frame may be added.
_COUNTED, _FRAME = 0.5, 512.0
# Whose samples are one for each answered request, or fewer.
_ALL, _EACH = ("ttft", "e2e"), ("tpot", "ttfo", "interactivity")


def points_say_all_that_was_seen(claim: Claim, _: Context) -> Iterator[CheckedFigure]:
    """What a point leaves out may be what speaks against it."""
    for point in claim.points:
        if point.suite != "serving" or not point.exact:
            continue
        yield from _failures(point)
        yield from _populations(point)
        yield from _tails(point)
        if point.valid and not point.replayed:
            yield from _cached(point)
            yield from _counted(point)
        yield from _instrument(point)


def _failures(point: ClaimedPoint) -> Iterator[CheckedFigure]:
    rate = point.get("request_throughput")
    if rate:
        missing = None if ("failed", None) in point.figures else "stands without its failures"
        yield CheckedFigure(where=place_of(rate), reason=missing)


def _populations(point: ClaimedPoint) -> Iterator[CheckedFigure]:
    """All figures of a point are of its requests: each answered one has all of its times."""
    answered, failed = point.get("e2e", 50.0), point.figures.get(("failed", None))
    if answered is None:
        return
    whole = failed.n - failed.value if failed else None
    for item in point.items:
        if item.metric in _EACH and item.n > answered.n:
            reason = f"has {item.n} samples, of {answered.n} requests"
            yield CheckedFigure(place_of(item), reason, item.n, answered.n)
        elif item.metric in _ALL and item.n != answered.n:
            reason = f"is of {item.n} requests, their end-to-end time of {answered.n}"
            yield CheckedFigure(place_of(item), reason, item.n, answered.n)
    if failed and whole is not None:
        low, high = sorted((whole, float(answered.n)))
        reason = "{left} of its requests were answered by one figure, {right} by another"
        yield at_most(place_of(failed), high, low * _ROUNDED + 1, reason)


def _tails(point: ClaimedPoint) -> Iterator[CheckedFigure]:
    for metric in _TIMES:
        middle = point.get(metric, 50.0)
        for rank in _TAILS if middle else ():
            if middle and middle.n * (100 - rank) >= 100 and (metric, rank) not in point.figures:
                reason = f"has no p{rank:g}, though {middle.n} requests lie behind it"
                yield CheckedFigure(where=place_of(middle), reason=reason)


def _cached(point: ClaimedPoint) -> Iterator[CheckedFigure]:
    """Prompts that a cache knew were not read: no more of them than were said to be shared."""
    item, isl = point.get("cached_tokens"), point.load.get("isl")
    if item is None or not item.n:
        return
    told = number(item.labels.get("share_of_input")) or 0.0
    share = max(told, item.value / item.n / isl) if isl else told
    most = point.load.get("shared_prefix", 0.0) + _CACHED * _ROUNDED
    reason = "{left} of the input was cached, of a valid point {right} may be"
    yield at_most(place_of(item), share, most, reason)


def _counted(point: ClaimedPoint) -> Iterator[CheckedFigure]:
    """A prompt of which the server counts far fewer tokens was cut, or never as long."""
    item = point.get("request_throughput")
    asked = number(item.labels.get("isl")) if item else None
    counted = number(item.labels.get("isl_counted")) if item else None
    if item and asked and counted:
        reason = "{right} input tokens were counted of a prompt of at least {left}"
        yield at_most(place_of(item), asked * _COUNTED, counted, reason)
        reason = "{left} input tokens were counted of a prompt of at most {right}"
        yield at_most(place_of(item), counted, asked / _COUNTED + _FRAME, reason)


def _instrument(point: ClaimedPoint) -> Iterator[CheckedFigure]:
    for rank in _JUDGED:
        error, item = point.get("instrument_ttft_error", rank), point.get("ttft", rank)
        if error and item and item.labels.get("valid") is not False:
            most = item.value * _INSTRUMENT * _ROUNDED
            reason = f"p{rank:g} is {{left}} ms, of a valid TTFT {{right}} ms may be"
            yield at_most(place_of(error), error.value, most, reason)
