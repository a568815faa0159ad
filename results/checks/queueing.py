"""Do rate, latency and load fit each other? Little's law, and tokens over time."""

from __future__ import annotations

import math
import re
from itertools import pairwise
from typing import TYPE_CHECKING

from results.checks.claim import least, most, place_of
from results.checks.finding import CheckedFigure, at_most

if TYPE_CHECKING:
    from collections.abc import Iterator

    from results.checks.claim import Claim, ClaimedPoint
    from results.checks.finding import Context
    from results.statement.statement import Measurement

__all__ = [
    "LEAST",
    "MOST",
    "SERVED",
    "kernels_move_their_bytes",
    "no_more_is_served_than_asked",
    "rates_are_tokens_over_time",
    "requests_in_flight_are_the_load",
    "steps_give_the_rate",
]

# Honest closed loops of ours lie between 0.79 and 1.02 of their concurrency by the mean, published
# ones down to 0.68.
LEAST, MOST = 0.6, 1.1
# Those beyond the last percentile of a latency take so many times it on average at most: as of a
# Pareto distribution of index 4/3, whose tail is heavier than any seen.
_BEYOND = 4.0
# Rates of tokens that are served, by what of a request they count: where nothing is generated it is
# the input.
SERVED = {"output_throughput": "osl", "prefill_throughput": "isl"}
_GENERATED = {"output_throughput"}
_LOADS = {"concurrency", "rate"}
# Client and engine round; a rate is a median of its own, not the quotient of two medians.
_ARITHMETIC = 1.25
# Arrivals of a Poisson process in a window of n stray by 1/√n; three of them are seldom passed.
_ARRIVALS = 3.0
# Kernels whose case names all the bytes they move.
_MOVERS = ("copy", "triad", "read")
_MIB = 2**20 / 1e6  # of a rate in GB/s times ms
_SIZE = re.compile(r"(\d{1,9})MiB", re.ASCII)
# And the one whose case names all that it computes: a product of square matrices.
_PEAK, _SIDE = "peak", re.compile(r"n(\d{1,6})", re.ASCII)
_RATES_OF_WORK = ("compute_rate", "integer_rate")


def requests_in_flight_are_the_load(claim: Claim, _: Context) -> Iterator[CheckedFigure]:
    """Requests in flight = request rate × mean time in the system (Little 1961).

    By tokens and by requests: rate × latency ÷ OSL, and request rate × latency.
    """
    for point in claim.points:
        streams = point.load.get("concurrency")
        closed = "rate" not in point.load and not point.replayed
        if point.exact and point.suite == "serving":
            yield from _latencies_are_stated(point)
        time = _mean_time(point, closed=closed)
        if streams is None or time is None:
            continue
        requests = point.get("request_throughput")
        for rate, length in _rates_and_lengths(point):
            yield from _in_flight(point, rate, time, 1 / length, streams, closed=closed)
        if requests:
            yield from _in_flight(point, requests, time, 1.0, streams, closed=closed)


def _mean_time(point: ClaimedPoint, *, closed: bool) -> tuple[float, float] | None:
    """Between what the mean time of a request lies, ms; None where none is stated.

    Medians are not means: percentiles bound the mean of any distribution that has them. Below the
    median, where nothing is stated, times are taken to fall as far as they rise above it, by ratio.
    """
    if not closed:
        served = point.get("service_time", 50.0)
        return (least(served), most(served)) if served else None
    if mean := point.get("e2e", "mean"):
        return least(mean), most(mean)
    ranks = point.ranks("e2e")
    if 50.0 not in ranks:
        return None
    known = [(rank / 100, item) for rank, item in ranks.items()]
    (first, lowest), (last, highest) = known[0], known[-1]
    steps = [(q - p, low, high) for (p, low), (q, high) in pairwise(known)]
    below = sum(share * least(low) for share, low, _ in steps) + (1 - last) * least(highest)
    above = sum(share * most(high) for share, _, high in steps)
    rise = above / (last - first) / least(lowest) if first == 0.5 and steps else 1.0
    floor = least(lowest) / max(1.0, rise) if first >= 0.5 else 0.0
    tail = (1 - last) * _BEYOND * most(highest)
    return first * floor + below, first * most(lowest) + above + tail


def _rates_and_lengths(point: ClaimedPoint) -> Iterator[tuple[Measurement, float]]:
    """Rates of tokens, and how many of them a request has."""
    for metric, length in SERVED.items():
        rate, tokens = point.get(metric), point.load.get(length)
        if rate and tokens:
            yield rate, tokens


def _latencies_are_stated(point: ClaimedPoint) -> Iterator[CheckedFigure]:
    """A rate alone could be anything; one of a saturated load is bounded by what was offered."""
    for metric in SERVED:
        if rate := point.get(metric):
            missing = _missing(point, rate)
            reason = f"stands without {missing}" if missing else None
            yield CheckedFigure(where=place_of(rate), reason=reason)


def _missing(point: ClaimedPoint, rate: Measurement) -> str:
    """Name what a rate cannot be checked without; empty where all is there."""
    load = point.load
    saturated = "rate" in load and rate.labels.get("saturated") is True
    if not (saturated or point.middle("e2e")):
        return "the end-to-end time of its requests"
    if rate.metric in _GENERATED and not (saturated or point.middle("ttft")):
        return "the time of its first tokens"
    if point.replayed:
        return ""
    if not load.keys() & _LOADS:
        return "the load it was taken under"
    return "" if SERVED[rate.metric] in load else "the length of its requests"


def _in_flight(
    point: ClaimedPoint,
    rate: Measurement,
    time: tuple[float, float],
    per_token: float,
    streams: float,
    *,
    closed: bool,
) -> Iterator[CheckedFigure]:
    share = per_token / 1e3
    where = place_of(rate)
    told = "rate × latency" + (" ÷ OSL" if per_token != 1 else "")
    low = least(rate) * time[0] * share
    yield at_most(where, low, streams * MOST, f"{told} is {{left}} requests, {{right}} may be")
    # An open loop's cap need not be reached, nor what an invalid point was asked for.
    if closed and point.valid:
        high = most(rate) * time[1] * share
        reason = f"{told} is {{right}} requests, {streams:g} are in flight"
        yield at_most(where, streams * LEAST, high, reason)


def no_more_is_served_than_asked(claim: Claim, _: Context) -> Iterator[CheckedFigure]:
    """Open loop: completed ≤ offered."""
    for point in claim.points:
        offered, osl = point.load.get("rate"), point.load.get("osl")
        if offered is None or point.replayed:
            continue
        for metric, per_request in (("request_throughput", 1.0), ("output_throughput", osl)):
            item = point.get(metric)
            if item is None or per_request is None:
                continue
            asked = offered * per_request
            # How many would arrive in the window that these were counted in.
            arrivals = _requests(point) * min(1.0, asked / item.value) if item.value > 0 else 1
            stray = 1 + _ARRIVALS / math.sqrt(max(1, arrivals))
            bound = asked * stray * MOST
            yield at_most(place_of(item), least(item), bound, "{left} done, {right} at most asked")


def steps_give_the_rate(claim: Claim, _: Context) -> Iterator[CheckedFigure]:
    """Decode rate × TPOT = batch, prefill rate × TTFT = ISL, of the same isolated case."""
    pairs = {"decode_throughput": ("tpot", "batch"), "prefill_throughput": ("ttft", "isl")}
    for point in claim.points:
        if point.suite == "serving":  # what is served together is for `requests_in_flight`
            continue
        for metric, (latency, tokens) in pairs.items():
            rate, time = point.get(metric), point.get(latency, 50.0)
            if rate is None:
                continue
            if time is None or tokens not in point.load:
                if point.exact:
                    reason = f"stands without its {latency} or {tokens}"
                    yield CheckedFigure(where=place_of(rate), reason=reason)
                continue
            expected = point.load[tokens] * 1e3
            where, told = place_of(rate), f"rate × {latency}"
            low, high = least(rate) * least(time), most(rate) * most(time)
            reason = f"{told} is {{left}}, {tokens} × 1000 allows {{right}}"
            yield at_most(where, low, expected * _ARITHMETIC, reason)
            reason = f"{told} is {{right}}, {tokens} × 1000 needs {{left}}"
            yield at_most(where, expected / _ARITHMETIC, high, reason)


def kernels_move_their_bytes(claim: Claim, _: Context) -> Iterator[CheckedFigure]:
    """Bandwidth × time = the bytes that the case is named after; 2 n³ operations likewise."""
    for point in claim.points:
        if point.exact and point.suite == "kernels":
            yield from _computed(point)
        rate, time = point.get("bandwidth"), point.get("time")
        family, *parts = point.case.split("/")
        named = [float(match[1]) for part in parts if (match := _SIZE.fullmatch(part))]
        if not (point.exact and point.suite == "kernels" and family in _MOVERS):
            continue
        if rate and time and named:
            size = named[0]
            moved = (least(rate) * least(time) / _MIB, most(rate) * most(time) / _MIB)
            where = place_of(rate)
            reason = "rate × time is {left} MiB, the case allows {right}"
            yield at_most(where, moved[0], size * _ARITHMETIC, reason)
            reason = "rate × time is {right} MiB, the case needs {left}"
            yield at_most(where, size / _ARITHMETIC, moved[1], reason)


def _computed(point: ClaimedPoint) -> Iterator[CheckedFigure]:
    family, *parts = point.case.split("/")
    sides = [float(match[1]) for part in parts if (match := _SIDE.fullmatch(part))]
    time = point.get("time")
    if family != _PEAK or not sides or time is None:
        return
    work = 2 * sides[0] ** 3 / 1e9  # of a rate in T/s times ms
    for rate in filter(None, map(point.get, _RATES_OF_WORK)):
        low, high = least(rate) * least(time), most(rate) * most(time)
        reason = "rate × time is {left} G operations, the case has {right}"
        yield at_most(place_of(rate), low, work * _ARITHMETIC, reason)
        reason = "rate × time is {right} G operations, the case needs {left}"
        yield at_most(place_of(rate), work / _ARITHMETIC, high, reason)


def rates_are_tokens_over_time(claim: Claim, _: Context) -> Iterator[CheckedFigure]:
    """Total = input + output, and tokens/s = requests/s × tokens, of one window."""
    for point in claim.points:
        put_in, out = point.get("input_throughput"), point.get("output_throughput")
        whole = point.get("total_throughput")
        if put_in and out and whole:
            yield from _equal(
                whole, (least(put_in) + least(out), most(put_in) + most(out)), "input + output"
            )
        requests = point.get("request_throughput")
        # Lengths that are only asked for bound nothing from below.
        if not requests or not point.exact:
            continue
        stray = 1 + _ARRIVALS / math.sqrt(max(1, _requests(point)))
        for item, length in ((put_in, point.load.get("isl")), (out, point.load.get("osl"))):
            if item and length:
                span = (least(requests) * length / stray, most(requests) * length * stray)
                yield from _equal(item, span, "requests/s × tokens")


def _equal(item: Measurement, span: tuple[float, float], told: str) -> Iterator[CheckedFigure]:
    where = place_of(item)
    yield at_most(where, least(item), span[1] * _ARITHMETIC, f"{{left}}, {told} allows {{right}}")
    yield at_most(where, span[0] / _ARITHMETIC, most(item), f"{{right}}, {told} needs {{left}}")


def _requests(point: ClaimedPoint) -> int:
    latency = point.get("e2e", 50.0)
    return latency.n if latency else 1
