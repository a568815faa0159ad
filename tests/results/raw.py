"""Published results with their raw samples, to be changed together or apart."""

import copy
import hashlib
import json
from functools import cache

from tests.results import honest

SUITES = ("kernels", "inference", "serving")


@cache
def _read(suite):
    data = honest.published(suite)
    [subject] = data["subject"]
    place = honest.PUBLIC.parent / "samples" / f"{subject['digest']['sha256']}.json"
    return data, json.loads(place.read_bytes())


def published(suite):
    """A published statement in which a suite ran and its raw samples, both as JSON."""
    data, cells = _read(suite)
    return copy.deepcopy(data), copy.deepcopy(cells)


def named(data, cells):
    """Name these raw samples in the statement; return their bytes."""
    raw = json.dumps(cells, sort_keys=True, separators=(",", ":")).encode()
    digest = hashlib.sha256(raw).hexdigest()
    data["subject"] = [{"name": f"samples/{digest}.json", "digest": {"sha256": digest}}]
    return raw


def figure_of(data, suite):
    """A figure of a suite that its raw samples give."""
    return next(
        item
        for item in data["predicate"]["measurements"]
        if item["suite"] == suite and item["method"] == "measured" and item["low"] is not None
    )


def with_false_figure(suite):
    """A statement with one figure that its raw samples do not give, and these."""
    data, cells = published(suite)
    figure_of(data, suite)["value"] *= 1.0001
    return data, named(data, cells)


def with_false_samples(suite):
    """A statement about raw samples that were made a tenth smaller in one process, and these."""
    data, cells = published(suite)
    series = _series(data, cells, suite)
    series["samples"] = [value * 0.9 for value in series["samples"]]
    return data, named(data, cells)


def with_one_sample_more(suite):
    """A statement about raw samples to which one was added, and these."""
    data, cells = published(suite)
    _series(data, cells, suite)["samples"].append(1.0)
    return data, named(data, cells)


def _series(data, cells, suite):
    figure = figure_of(data, suite)
    return next(
        series
        for cell in cells.values()
        for series in cell["series"]
        if (series["case"], series["metric"]) == (figure["case"], figure["metric"])
    )
