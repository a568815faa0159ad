"""Published results with their raw samples, to be changed together or apart."""

import copy
import hashlib
import json
from functools import cache

from results.keys.identity import runner_id, runner_toml
from results.proof import envelope
from results.statement.statement_v2 import read_statement
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


def signed(data, raw, signer):
    """Sign a statement as this runner; return the envelope and its raw samples."""
    data["predicate"]["run"]["runner"] = runner_id(signer.public_key)
    return envelope.sign(envelope.encode(read_statement(data)), signer), raw


def honest_one(suite, signer, run_id="run-1"):
    """An envelope of a suite and the raw samples that give its figures."""
    data, cells = published(suite)
    data["predicate"]["run"]["id"] = run_id
    return signed(data, named(data, cells), signer)


def laid_out(home, sealed, raw, signer):
    """Put an envelope into a folder as an archive has it, with its key and its raw samples."""
    key = signer.public_key
    for folder in ("runners", "samples"):
        (home / folder).mkdir(parents=True, exist_ok=True)
    (home / "runners" / f"{runner_id(key)}.toml").write_text(runner_toml(key))
    (home / "samples" / f"{hashlib.sha256(raw).hexdigest()}.json").write_bytes(raw)
    path = home / f"{envelope.digest(sealed)}.dsse.json"
    path.write_bytes(sealed)
    return path
