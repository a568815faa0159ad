"""From options to the loads that a cell puts on its engine: one point each."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from suites.base.errors import UserError
from suites.client.vocabulary import UNIQUE_TOKENS
from suites.serving.given import at_least_one, listed, positive, share, whole
from suites.serving.load.adapters import read_mix
from suites.serving.load.lengths import mean_of, read_lengths, spread_lengths
from suites.serving.load.media import Media
from suites.serving.load.point import Arrival, Point
from suites.serving.load.sessions import SessionShape
from suites.serving.load.think import read_think
from suites.serving.load.trace import busiest_rate, read_trace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["points_of"]

_QUICK_OPEN_REQUESTS = 20
_QUICK_RAMP_S = 20.0
_IMAGE_SIZE = "512x512"
_PIXELS = 8, 8192
# An answer that the model does not end by itself is ended here.
_MOST_NATURAL_TOKENS = 2048


def points_of(shape: Mapping[str, Any], options: Mapping[str, Any]) -> list[Point]:
    """Read the points that options ask for, `shape` being the profile's own.

    Raises:
        UserError: an option that cannot be, or two that do not go together; the message says which.
    """
    size: dict[str, Any] = {
        **_lengths(shape, options),
        "shared_prefix": share(options, "shared_prefix"),
        **_of_requests(options),
        "request_limit_s": positive(options.get("request_limit", 600.0), "request_limit"),
    }
    streams = [at_least_one(value, "concurrency") for value in listed(options, "concurrency")]
    rates = [positive(value, "rate") for value in listed(options, "rate")]
    if kinds := [kind for kind in _KINDS if options.get(kind) or options.get("search") == kind]:
        return _sessions(shape, options, size, kinds)
    _without(options, _OF_SESSIONS, "users or agents", "--users or --agents beside it")
    if options.get("ramp"):
        return [_ramp(shape, options, size, rates, streams)]
    if options.get("trace"):
        return [_replay(options, size, streams)]
    _without(options, ("trace_speed",), "trace", "--trace FILE")
    if options.get("search") == "rate":
        rates = rates or [1.0]
    if rates:
        return _open_points(shape, options, size, rates, streams)
    _without(options, ("arrival", "burstiness"), "rate", "--rate beside it")
    return [
        Point(
            shape="closed",
            concurrency=count,
            **size,
            **_ending(shape, options, shape["requests"] and shape["requests"](count)),
        )
        for count in streams or shape["concurrency"]
    ]


def _of_requests(options: Mapping[str, Any]) -> dict[str, Any]:
    """What requests hold besides their text, and whom they ask."""
    asked: dict[str, Any] = {}
    if media := _media(options):
        asked["media"] = media
    if options.get("lora_mix"):
        asked["lora_mix"] = read_mix(listed(options, "lora_mix"))
    for name in (*_KINDS, "trace"):
        if asked and (options.get(name) or options.get("search") == name):
            raise UserError(
                f"{' and '.join(asked)} with {name}", where=name, expected="single requests"
            )
    return asked


def _media(options: Mapping[str, Any]) -> Media | None:
    images, audio_s = whole(options, "images", 0, least=0), options.get("audio")
    _without(options, ("image_size",) if not images else (), "images", "--images beside it")
    if not images and not audio_s:
        return None
    if options.get("api") != "chat":
        raise UserError(
            "images or sounds in a prompt of ids",
            where="images" if images else "audio",
            expected="--api chat",
        )
    width, height = _size_of(str(options.get("image_size") or _IMAGE_SIZE)) if images else (0, 0)
    return Media(
        images=images,
        width=width,
        height=height,
        audio_s=positive(audio_s, "audio") if audio_s else 0.0,
    )


def _size_of(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    least, most = _PIXELS
    try:
        sides = int(width), int(height)
    except ValueError:
        sides = 0, 0
    if not all(least <= side <= most for side in sides):
        raise UserError(
            f"{text[:40]!r} is not a size",
            where="image_size",
            expected=f"WIDTHxHEIGHT such as 1024x768, each from {least} to {most}",
        )
    return sides


def _without(options: Mapping[str, Any], names: Sequence[str], what: str, expected: str) -> None:
    """Refuse options that say nothing without another."""
    for name in names:
        if options.get(name):
            raise UserError(f"{name} without {what}", where=name, expected=expected)


def _lengths(shape: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    natural = {"natural": True} if options.get("osl") == "natural" else {}
    spreads = {name: share(options, name) for name in ("isl_spread", "osl_spread")}
    if options.get("lengths"):
        for name in ("isl", "osl", "trace", *spreads):
            if options.get(name):
                raise UserError(f"{name} with lengths", where=name, expected="the file to say it")
        lengths, digest = read_lengths(Path(options["lengths"]))
        isl, osl = mean_of(lengths)
        sizes = {"lengths": lengths, "lengths_sha256": digest}
        return {"input_tokens": isl, "output_tokens": osl, **sizes}
    isl = whole(options, "isl", shape["isl"], least=UNIQUE_TOKENS + 1)
    osl = _MOST_NATURAL_TOKENS if natural else whole(options, "osl", shape["osl"], least=2)
    mean = {"input_tokens": isl, "output_tokens": osl}
    if not any(spreads.values()):
        return {**mean, **natural}
    if natural and spreads["osl_spread"]:
        raise UserError("osl_spread of natural answers", where="osl_spread", expected="--osl N")
    return {**mean, **natural, **spreads, "lengths": spread_lengths(isl, osl, **spreads)}


def _open_points(
    shape: Mapping[str, Any],
    options: Mapping[str, Any],
    size: Mapping[str, Any],
    rates: Sequence[float],
    cap: Sequence[int],
) -> list[Point]:
    spacing = _spacing(options)
    return [
        Point(
            shape="open",
            rate=rate,
            **spacing,
            concurrency=_cap(cap),
            **size,
            **_ending(shape, options, _QUICK_OPEN_REQUESTS if shape["requests"] else None),
        )
        for rate in rates
    ]


# Whose conversations there are.
_KINDS = ("users", "agents")
# What only conversations have.
_OF_SESSIONS = ("turns", "turn_isl", "think_time", "sub_agents", "cache_target")
# What they do not have.
_NOT_OF_SESSIONS = (
    *("concurrency", "rate", "arrival", "burstiness", "trace", "trace_speed", "lengths"),
    *("isl_spread", "osl_spread", "sweep", "ramp"),
)
_TURNS = 4


def _sessions(
    shape: Mapping[str, Any], options: Mapping[str, Any], size: dict[str, Any], kinds: list[str]
) -> list[Point]:
    kind = kinds[0]
    if len(kinds) > 1:
        raise UserError("users and agents", where="agents", expected="one of the two")
    for name in _NOT_OF_SESSIONS:
        if options.get(name):
            raise UserError(f"{name} with {kind}", where=name, expected="one of the two")
    if options.get("sub_agents") and kind == "users":
        raise UserError("sub-agents of users", where="sub_agents", expected="--agents")
    if size.get("natural"):
        raise UserError(f"natural answers of {kind}", where="osl", expected="--osl N")
    first = size["input_tokens"]
    sessions = SessionShape(
        kind=kind,  # type: ignore[arg-type] # one of the two
        turns=whole(options, "turns", _TURNS, least=1),
        first_tokens=first,
        turn_tokens=whole(options, "turn_isl", first, least=UNIQUE_TOKENS + 1),
        output_tokens=size["output_tokens"],
        shared_prefix=size["shared_prefix"],
        think=read_think(str(options["think_time"])) if options.get("think_time") else None,
        sub_agents=whole(options, "sub_agents", 0, least=0),
        cache_target=share(options, "cache_target"),
    )
    size = {**size, "input_tokens": round(sessions.mean_tokens), "sessions": sessions}
    return [
        Point(
            shape="sessions",
            concurrency=at_least_one(count, kind),
            **size,
            **_ending(shape, options, shape["requests"] and count * sessions.requests),
        )
        for count in listed(options, kind) or (1,)
    ]


def _ramp(
    shape: Mapping[str, Any],
    options: Mapping[str, Any],
    size: Mapping[str, Any],
    rates: Sequence[float],
    streams: Sequence[int],
) -> Point:
    """One point that rises in even steps from the first to the last of two loads."""
    steps = whole(options, "ramp", 2, least=2)
    ends = rates or streams
    if len(ends) != 2 or ends[0] >= ends[1] or (rates and len(streams) > 1):
        raise UserError(
            "a ramp between other than two loads",
            where="ramp",
            expected="two rates or concurrencies, the lower first: --rate 1,40 --ramp 8",
        )
    for name in ("sweep", "search", "trace", "requests"):
        if options.get(name):
            raise UserError(f"{name} with a ramp", where=name, expected="one of the two")
    loads = tuple(float(load) for load in np.linspace(ends[0], ends[1], steps))
    if not rates:
        loads = tuple(float(round(load)) for load in loads)
        if len(set(loads)) < steps:
            raise UserError("more steps than streams", where="ramp", expected="fewer steps")
    duration_s = options.get("duration") or shape["duration_s"] or _QUICK_RAMP_S
    rising: dict[str, Any] = {"ramp": loads, "duration_s": positive(duration_s, "duration")}
    if not rates:
        return Point(shape="closed", concurrency=streams[1], **size, **rising)
    spacing = _spacing(options)
    cap = _cap(streams)
    return Point(shape="open", rate=rates[1], concurrency=cap, **spacing, **size, **rising)


def _spacing(options: Mapping[str, Any]) -> dict[str, Any]:
    burstiness = options.get("burstiness")
    arrival = options.get("arrival") or ("gamma" if burstiness else "poisson")
    if arrival not in get_args(Arrival):
        raise UserError(
            f"unknown arrival {arrival!r}", where="arrival", expected=", ".join(get_args(Arrival))
        )
    if (arrival == "gamma") != bool(burstiness):
        raise UserError(
            f"{arrival} arrivals with{'' if burstiness else 'out'} a burstiness",
            where="burstiness",
            expected="--burstiness K beside --arrival gamma, or by itself",
        )
    return {
        "arrival": arrival,
        **({"burstiness": positive(burstiness, "burstiness")} if burstiness else {}),
    }


# A trace says these itself.
_SAID_BY_TRACE = (
    "isl",
    "osl",
    "isl_spread",
    "osl_spread",
    "rate",
    "arrival",
    "burstiness",
    "requests",
    "duration",
    "sweep",
)


def _replay(options: Mapping[str, Any], size: Mapping[str, Any], cap: Sequence[int]) -> Point:
    for name in _SAID_BY_TRACE:
        if options.get(name):
            raise UserError(f"{name} with a trace", where=name, expected="the trace to say it")
    trace = read_trace(Path(options["trace"]))
    if options.get("shared_prefix") and any(turn.blocks for turn in trace.turns):
        raise UserError(
            "shared_prefix with a trace that says what prompts share",
            where="shared_prefix",
            expected="the trace to say it",
        )
    speed = positive(options.get("trace_speed") or 1.0, "trace_speed")
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
        return {"requests": at_least_one(requests, "requests")}
    if duration_s:
        return {"duration_s": positive(duration_s, "duration")}
    return (
        {"requests": default_requests} if default_requests else {"duration_s": shape["duration_s"]}
    )
