"""Which loads a profile puts on the engine, and what the user's options make of it."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from fnmatch import fnmatch
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any, get_args

from suites.base.errors import UserError
from suites.base.ray_nodes import check_address
from suites.base.records import Cell
from suites.client.subject import start_s, subject_spec
from suites.client.vocabulary import UNIQUE_TOKENS
from suites.serving.load.point import Arrival, Point
from suites.serving.load.trace import busiest_rate, read_trace
from suites.serving.sweep import read_sweep

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["plan"]

_PROFILES: dict[str, dict[str, Any]] = {
    # A glimpse, labelled as such: three fresh engines, a few short requests each.
    "quick": {
        "concurrency": (1, 2, 4),
        "isl": 64,
        "osl": 16,
        "requests": lambda streams: max(4, 2 * streams),
        "duration_s": 0.0,
        "cells": 3,
        "check_s": 1.0,
    },
    "standard": {
        "concurrency": (1, 2, 4, 8, 16),
        "isl": 128,
        "osl": 64,
        "requests": None,
        "duration_s": 60.0,
        "cells": 3,
        "check_s": 3.0,
    },
    "full": {
        "concurrency": (1, 2, 4, 8, 16, 32, 64),
        "isl": 512,
        "osl": 128,
        "requests": None,
        "duration_s": 600.0,
        "cells": 3,
        "check_s": 10.0,
    },
}
# The self-check's rate before the endpoint's own is known: 50 tokens a second for each stream.
_CHECK_EVENTS_PER_STREAM = 50.0
_QUICK_OPEN_REQUESTS = 20
# An answer that the model does not end by itself is ended here.
_MOST_NATURAL_TOKENS = 2048
# For the remaining time only: llama.cpp on one thread of a rented core, 0.5B parameters.
_PREFILL_TOKENS_S = 100.0
_STEP_S = 0.04


def plan(profile: str, options: Mapping[str, Any]) -> list[Cell]:
    """One cell per fresh engine; each runs every point. A foreign endpoint is one cell.

    Raises:
        UserError: an option that cannot be; the message says which.
    """
    if profile not in _PROFILES:
        raise UserError(
            f"unknown profile {profile!r}", where="profile", expected=", ".join(_PROFILES)
        )
    shape = _PROFILES[profile]
    points = _points(shape, options)
    pattern = options.get("case")
    points = [point for point in points if not pattern or fnmatch(point.name, pattern)]
    if not points:
        return []
    subject = subject_spec(options)
    subject["asking"]["natural"] = points[0].natural
    seed = int(options.get("seed") or 0)
    fleet = _fleet(options)
    sweep = read_sweep(Path(options["sweep"])) if options.get("sweep") else None
    if sweep:
        points = [replace(_sweep_start(points[0]), concurrency=1)]
    # What a sweep asks next depends on what it saw: engines would not agree on the points.
    cells = 1 if subject["endpoint"] or sweep else shape["cells"]
    return [
        Cell(
            suite="serving",
            name=f"serving-p{number}",
            spec={
                "subject": subject,
                "seed": seed + number,
                "points": [asdict(point) for point in points],
                "check_s": shape["check_s"],
                "check_events_per_stream": _CHECK_EVENTS_PER_STREAM,
                "slo_ttft_ms": _limit(options, "slo_ttft"),
                "slo_tpot_ms": _limit(options, "slo_tpot"),
                "sweep": sweep and sweep.model_dump(),
                "process": number,
                # 0: one, or one on every node of the fleet.
                "shards": _whole(options, "processes", 0, least=1),
                "fleet": fleet,
                "samples": str(options["samples"]) if options.get("samples") else None,
            },
            estimated_s=start_s(subject) + sum(_estimate_s(point, shape) for point in points),
        )
        for number in range(cells)
    ]


def _fleet(options: Mapping[str, Any]) -> str | None:
    given = options.get("fleet")
    if not given:
        return None
    if not options.get("endpoint"):
        raise UserError(
            "a fleet cannot reach an engine started here",
            where="--fleet",
            expected="--endpoint with an address that its nodes can reach",
        )
    return check_address(str(given))


def _sweep_start(point: Point) -> Point:
    if point.shape == "open":
        raise UserError("a sweep with a rate", where="sweep", expected="a closed loop")
    return point


def _points(shape: Mapping[str, Any], options: Mapping[str, Any]) -> list[Point]:
    size: dict[str, Any] = {
        "input_tokens": _whole(options, "isl", shape["isl"], least=UNIQUE_TOKENS + 1),
        **_length(shape, options),
        "shared_prefix": _share(options, "shared_prefix"),
        "request_limit_s": _positive(options.get("request_limit", 600.0), "request_limit"),
    }
    streams = [_at_least_one(value, "concurrency") for value in _listed(options, "concurrency")]
    rates = [_positive(value, "rate") for value in _listed(options, "rate")]
    if options.get("trace"):
        return [_replay(options, size, streams)]
    if options.get("trace_speed"):
        raise UserError("trace_speed without trace", where="trace_speed", expected="--trace FILE")
    if rates:
        return _open_points(shape, options, size, rates, streams)
    if options.get("arrival"):
        raise UserError("arrival without rate", where="arrival", expected="--rate beside it")
    return [
        Point(
            shape="closed",
            concurrency=count,
            **size,
            **_ending(shape, options, shape["requests"] and shape["requests"](count)),
        )
        for count in streams or shape["concurrency"]
    ]


def _length(shape: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    if options.get("osl") == "natural":
        return {"output_tokens": _MOST_NATURAL_TOKENS, "natural": True}
    return {"output_tokens": _whole(options, "osl", shape["osl"], least=2)}


def _open_points(
    shape: Mapping[str, Any],
    options: Mapping[str, Any],
    size: Mapping[str, Any],
    rates: Sequence[float],
    cap: Sequence[int],
) -> list[Point]:
    arrival: Any = options.get("arrival") or "poisson"
    if arrival not in get_args(Arrival):
        raise UserError(
            f"unknown arrival {arrival!r}", where="arrival", expected=", ".join(get_args(Arrival))
        )
    return [
        Point(
            shape="open",
            rate=rate,
            arrival=arrival,
            concurrency=_cap(cap),
            **size,
            **_ending(shape, options, _QUICK_OPEN_REQUESTS if shape["requests"] else None),
        )
        for rate in rates
    ]


# A trace says these itself.
_SAID_BY_TRACE = ("isl", "osl", "rate", "arrival", "requests", "duration", "sweep")


def _replay(options: Mapping[str, Any], size: Mapping[str, Any], cap: Sequence[int]) -> Point:
    for name in _SAID_BY_TRACE:
        if options.get(name):
            raise UserError(f"{name} with a trace", where=name, expected="the trace to say it")
    trace = read_trace(Path(options["trace"]))
    speed = _positive(options.get("trace_speed") or 1.0, "trace_speed")
    turns = tuple(turn._replace(arrival_s=turn.arrival_s / speed) for turn in trace.turns)
    lengths = {
        "input_tokens": round(fmean(turn.input_tokens for turn in turns)),
        "output_tokens": round(fmean(turn.output_tokens for turn in turns)),
    }
    return Point(
        shape="replay",
        **{**size, **lengths},
        concurrency=_cap(cap),
        rate=busiest_rate(turns),
        requests=len(turns),
        turns=turns,
        trace=trace.name,
        trace_sha256=trace.sha256,
        trace_speed=speed,
    )


def _cap(streams: Sequence[int]) -> int:
    """In an open loop one concurrency may be given: the most requests in flight."""
    if len(streams) > 1:
        raise UserError(
            "several concurrencies with a rate or a trace",
            where="concurrency",
            expected="one value: the cap on requests in flight",
        )
    return streams[0] if streams else 0


def _ending(
    shape: Mapping[str, Any], options: Mapping[str, Any], default_requests: int | None
) -> dict[str, Any]:
    requests, duration_s = options.get("requests"), options.get("duration")
    if requests and duration_s:
        raise UserError("both given", where="requests, duration", expected="one of the two")
    if requests:
        return {"requests": _at_least_one(requests, "requests")}
    if duration_s:
        return {"duration_s": _positive(duration_s, "duration")}
    return (
        {"requests": default_requests} if default_requests else {"duration_s": shape["duration_s"]}
    )


def _listed(options: Mapping[str, Any], name: str) -> Iterable[Any]:
    value = options.get(name)
    if value is None:
        return ()
    return value if isinstance(value, (list, tuple)) else (value,)


def _whole(options: Mapping[str, Any], name: str, default: int, *, least: int) -> int:
    value = options.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or value < least:
        raise UserError(f"{value!r} is too small", where=name, expected=f"at least {least}")
    return value


def _at_least_one(value: Any, name: str) -> int:
    if not isinstance(value, int) or value < 1:
        raise UserError(f"{value!r} is no count", where=name, expected="a whole number from 1")
    return value


def _positive(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
        raise UserError(f"{value!r} will not do", where=name, expected="a number above 0")
    return float(value)


def _limit(options: Mapping[str, Any], name: str) -> float | None:
    value = options.get(name)
    return None if value is None else _positive(value, name)


def _share(options: Mapping[str, Any], name: str) -> float:
    value = options.get(name) or 0.0
    if not isinstance(value, (int, float)) or not 0 <= value < 1:
        raise UserError(f"{value!r} is no share", where=name, expected="from 0 to below 1")
    return float(value)


def _estimate_s(point: Point, shape: Mapping[str, Any]) -> float:
    request_s = point.input_tokens / _PREFILL_TOKENS_S + point.output_tokens * _STEP_S / max(
        1, point.concurrency
    )
    # One round of ramp-up, the requests, and a last round under full load.
    requests = point.requests + 2 * point.concurrency
    if point.turns:
        return float(shape["check_s"]) + 1 + point.turns[-1].arrival_s + request_s
    load_s = point.duration_s or max(request_s, point.rate and 1 / point.rate) * requests
    return float(shape["check_s"]) + 1 + load_s
