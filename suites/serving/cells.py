"""Which loads a profile puts on the engine, and what the user's options make of it."""

from __future__ import annotations

from dataclasses import asdict, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from suites.base.errors import UserError
from suites.base.ray_nodes import check_address
from suites.base.records import CellSpec
from suites.base.web_address import is_usable, names_somebody
from suites.client.speculation import of_case
from suites.client.subject import start_s, subject_spec
from suites.client.target import POOLED, least_tokens
from suites.serving.given import limit, listed, whole
from suites.serving.points import points_of
from suites.serving.questions import at_rest, hidden_share, room_of
from suites.serving.search import LoadSearch, least_requests
from suites.serving.sweep import read_sweep

if TYPE_CHECKING:
    from collections.abc import Mapping

    from suites.serving.load.point import Point

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
# The highest loads a search tries; our own engine decodes few requests together.
_MOST_RATE, _MOST_STREAMS, _OUR_STREAMS = 1e6, 65_536, 64
# Loads a search takes, about.
_SEARCHED = 12
# For the remaining time only: llama.cpp on one thread of a rented core, 0.5B parameters.
_PREFILL_TOKENS_S = 100.0
_STEP_S = 0.04


def plan(profile: str, options: Mapping[str, Any]) -> list[CellSpec]:
    """One cell per fresh engine; each runs every point. A foreign endpoint is one cell.

    Raises:
        UserError: an option that cannot be; the message says which.
    """
    if profile not in _PROFILES:
        raise UserError(
            f"unknown profile {profile!r}", where="profile", expected=", ".join(_PROFILES)
        )
    shape = _PROFILES[profile]
    search = _search(options)
    points = points_of(shape, options)
    subject = subject_spec(options)
    points = [replace(point, drafting=of_case(subject)) for point in points]
    pattern = options.get("case")
    points = [point for point in points if not pattern or fnmatch(point.name, pattern)]
    if not points:
        return []
    subject["asking"]["natural"] = points[0].natural
    if subject["api"] in POOLED:
        points = [_without_output(point, subject) for point in points]
    seed = int(options.get("seed") or 0)
    fleet = _fleet(options)
    sweep = read_sweep(Path(options["sweep"])) if options.get("sweep") else None
    if sweep:
        points = [replace(_sweep_start(points[0]), concurrency=1)]
    if search:
        points = [_search_start(points[0], search, options)]
    # What they ask next depends on what they saw: engines would not agree on the points.
    cells = 1 if subject["endpoint"] or sweep or search else shape["cells"]
    questions = _questions(points, options, subject, profile)
    if questions:
        questions["engines"] = cells
    loads = _SEARCHED if search else 1
    return [
        CellSpec(
            suite="serving",
            name=f"serving-p{number}",
            spec={
                "subject": subject,
                "seed": seed + number,
                "points": [asdict(point) for point in points],
                "check_s": shape["check_s"],
                "check_events_per_stream": _CHECK_EVENTS_PER_STREAM,
                "slo_ttft_ms": limit(options, "slo_ttft"),
                "slo_tpot_ms": limit(options, "slo_tpot"),
                "sweep": sweep and sweep.model_dump(),
                "search": search and search.model_dump(),
                "process": number,
                # 0: one, or one on every node of the fleet.
                "shards": whole(options, "processes", 0, least=1),
                "fleet": fleet,
                "metrics": _metrics(options),
                "samples": str(options["samples"]) if options.get("samples") else None,
                "questions": questions,
            },
            estimated_s=start_s(subject)
            + loads * sum(_estimate_s(point, shape) for point in points),
        )
        for number in range(cells)
    ]


def _questions(
    points: list[Point], options: Mapping[str, Any], subject: Mapping[str, Any], profile: str
) -> dict[str, Any] | None:
    """How questions are hidden among the loads; None where they are not."""
    if "hidden_share" not in options:
        return None
    text = subject["api"] != "completions" or subject["words"] is not None
    share = hidden_share(points, options, text=text)
    if not share:
        return None
    return {
        "seed": int(options.get("seed") or 0),
        "share": share,
        "room": min(map(room_of, points)),
        "at_rest": at_rest(profile),
    }


def _without_output(point: Point, subject: Mapping[str, Any]) -> Point:
    """A load that generates nothing; what is ranked has to be told apart.

    Raises:
        UserError: there are more documents than tokens for them.
    """
    documents = subject["asking"]["documents"]
    least = least_tokens(subject["api"], documents)
    shortest = min((tokens for tokens, _ in point.lengths), default=point.input_tokens)
    if shortest < least:
        raise UserError(
            f"{shortest} tokens for a question and {documents} documents",
            where="--isl",
            expected=f"at least {least}",
        )
    return replace(point, pooled=subject["api"])


def _metrics(options: Mapping[str, Any]) -> str | None:
    given = options.get("metrics")
    if not given:
        return None
    if not options.get("endpoint"):
        raise UserError(
            "the engine started here has none", where="metrics", expected="--endpoint beside it"
        )
    if names_somebody(str(given)) or not is_usable(str(given)):
        raise UserError(
            "no usable address",
            where="metrics",
            expected="a URL such as http://host:8000/metrics, without a password",
        )
    return str(given)


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


def _search(options: Mapping[str, Any]) -> LoadSearch | None:
    by = options.get("search")
    if not by:
        if options.get("goodput_share"):
            raise UserError(
                "goodput_share without search", where="goodput_share", expected="--search beside it"
            )
        return None
    if by not in get_args(LoadSearch.model_fields["by"].annotation):
        raise UserError(
            f"unknown search {by!r}", where="search", expected="rate, concurrency, users or agents"
        )
    if not options.get("slo_ttft") and not options.get("slo_tpot"):
        raise UserError(
            "a search without limits", where="search", expected="--slo-ttft, --slo-tpot or both"
        )
    for other in ("sweep", "trace"):
        if options.get(other):
            raise UserError(f"a search with a {other}", where="search", expected="one of the two")
    for name in get_args(LoadSearch.model_fields["by"].annotation):
        # With a rate, a concurrency caps the requests in flight.
        beside = name == "concurrency" and by == "rate"
        if len(listed(options, name)) > 1 or (name != by and not beside and options.get(name)):
            raise UserError(
                f"{name} in a search", where=name, expected="where it starts, if it is it"
            )
    start = next(iter(listed(options, by)), 1)
    most = (
        _MOST_RATE if by == "rate" else _MOST_STREAMS if options.get("endpoint") else _OUR_STREAMS
    )
    return LoadSearch(
        by=by, share=options.get("goodput_share") or 0.9, start=min(start, most), most=most
    )


def _search_start(point: Point, search: LoadSearch, options: Mapping[str, Any]) -> Point:
    least = least_requests(search.share)
    if point.requests and point.requests < least and options.get("requests"):
        raise UserError(
            f"{point.requests} requests cannot show {search.share:.4g} with 95% confidence",
            where="requests",
            expected=f"at least {least}; more find more",
        )
    own = options.get("requests") or options.get("duration")
    requests = point.requests if own or not point.requests else max(point.requests, 2 * least)
    point = replace(point, requests=requests)
    if search.by == "rate":
        return replace(point, rate=search.start)
    return replace(point, concurrency=round(search.start))


def _estimate_s(point: Point, shape: Mapping[str, Any]) -> float:
    request_s = point.input_tokens / _PREFILL_TOKENS_S + point.output_tokens * _STEP_S / max(
        1, point.concurrency
    )
    # One round of ramp-up, the requests, and a last round under full load.
    requests = point.requests + 2 * point.concurrency
    if point.turns:
        return float(shape["check_s"]) + 1 + point.turns[-1].arrival_s + request_s
    if point.sessions:
        # Sessions that begin in the steady state are measured to their end.
        of = point.sessions
        session_s = of.turns * (request_s + (of.think.mean_s if of.think else 0.0))
        rounds = point.requests / (of.requests * point.concurrency)
        return float(shape["check_s"]) + 1 + session_s * (1 + rounds) + point.duration_s
    load_s = point.duration_s or max(request_s, point.rate and 1 / point.rate) * requests
    return float(shape["check_s"]) + 1 + load_s
