"""A result is reproduced when another key found the same under the same conditions."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner

from leaderboard.base.workers import Workers
from leaderboard.read import archives
from results.agreement.confirmation import agreement, confirmed, differences
from results.archive import archive, verification
from results.keys.identity import runner_id
from results.proof import envelope
from results.statement.statement import Statement

FIRST, SECOND = "1" * 64, "2" * 64


def statement(*values, half=0.01, run=None, chip="Some CPU", engine="1.0", packages=None):
    """A run with one figure per value, each with a relative half-width."""
    return Statement.model_validate(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": "samples/x.json", "digest": {"sha256": os.urandom(32).hex()}}],
            "predicateType": "urn:fenmark:result:v1",
            "predicate": {
                "schema_version": 1,
                "run": {
                    "id": "run",
                    "runner": "runner-1",
                    "suite_version": "0.1.0",
                    "suites": ["inference"],
                    "profile": "quick",
                    "seed": 7,
                    "started_at": "2026-11-23T00:00:00Z",
                    "finished_at": "2026-11-23T00:05:00Z",
                    "options": {"model": "tiny-15m"},
                    **(run or {}),
                },
                "machine": {
                    "chip": {"catalog_id": None, "name": chip, "kind": "cpu", "count": 2},
                    "cpu_name": chip,
                    "cpu_cores": 2,
                    "memory_bytes": 2**34,
                    "os": "Linux",
                    "kernel": "6.1",
                    "container": None,
                    "virtual_machine": None,
                    "driver": None,
                },
                "software": {"python": "3.11.7", "packages": packages or {}},
                "source": {"commit": None, "modified": False},
                "engines": [
                    {
                        "name": "llama.cpp",
                        "version": engine,
                        "model": "tiny-15m",
                        "weights_sha256": "a" * 64,
                        "weights": "random",
                        "precision": "q8_0",
                    }
                ],
                "meters": [],
                "measurements": [
                    {
                        "suite": "inference",
                        "case": f"decode/b{batch}/ctx64",
                        "metric": "tpot",
                        "unit": "ms",
                        "value": value,
                        "low": value * (1 - half),
                        "high": value * (1 + half),
                        "n": 3,
                        "method": "measured",
                    }
                    for batch, value in enumerate(values)
                ],
            },
        }
    )


@dataclass(frozen=True)
class Known:
    digest: str
    keyid: str
    predicate: object = field(repr=False)
    key_tier: str = "self-signed"


def pair(first, second, keyids=("ours", "theirs"), tiers=("self-signed", "self-signed")):
    return [
        Known(FIRST, keyids[0], first.predicate, tiers[0]),
        Known(SECOND, keyids[1], second.predicate, tiers[1]),
    ]


def again(*values, **changed):
    run = {"reproduces": FIRST, **changed.pop("run", {})}
    return statement(*values, run=run, **changed)


def test_another_key_with_the_same_figures_confirms():
    assert confirmed(pair(statement(10.0, 20.0), again(10.1, 19.9))) == {FIRST: (SECOND,)}


def test_the_same_key_confirms_nothing():
    assert confirmed(pair(statement(10.0), again(10.0), keyids=("ours", "ours"))) == {}


@pytest.mark.parametrize(
    ("first", "second", "counts"),
    [(("registered", "self-signed"), 0, 0), (("registered", "registered"), 1, 1)],
)
def test_a_registered_result_is_confirmed_by_a_registered_runner_only(first, second, counts):
    assert len(confirmed(pair(statement(10.0), again(10.0), tiers=first))) == counts == second


def test_figures_that_differ_confirm_nothing():
    assert confirmed(pair(statement(10.0, 20.0), again(12.0, 20.0))) == {}


def test_a_sharp_difference_of_a_few_percent_is_none_between_two_boards():
    sharp = agreement(statement(10.0, half=1e-4).predicate, again(10.4, half=1e-4).predicate)
    assert [one.verdict for one in sharp.figures] == ["agrees"]
    assert agreement(statement(10.0, half=1e-4).predicate, again(10.6, half=1e-4).predicate).count(
        "differs"
    )


def test_a_run_too_noisy_to_tell_anything_confirms_nothing():
    noisy = again(10.0, half=0.9)
    assert agreement(statement(10.0).predicate, noisy.predicate).count("undecided") == 1
    assert confirmed(pair(statement(10.0), noisy)) == {}


def test_a_run_that_left_most_figures_out_confirms_nothing():
    assert confirmed(pair(statement(10.0, 20.0, 30.0), again(10.0))) == {}


def test_a_run_that_names_no_other_confirms_nothing():
    assert confirmed(pair(statement(10.0), statement(10.0))) == {}


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"chip": "Other CPU"}, "chip"),
        ({"engine": "2.0"}, "engine llama.cpp"),
        ({"run": {"seed": 8}}, "seed"),
        ({"run": {"suite_version": "0.2.0"}}, "suite version"),
        ({"run": {"options": {"model": "tiny-15m", "threads": 2}}}, "options"),
        ({"run": {"profile": "standard"}}, "profile"),
        ({"packages": {"xllamacpp": "2"}}, "xllamacpp"),
    ],
)
def test_other_conditions_confirm_nothing_and_are_named(changed, what):
    first, second = statement(10.0, packages={"xllamacpp": "1"}), again(10.0, **changed)
    found = differences(first.predicate, second.predicate)
    assert [one.what for one in found if one.decisive] == [what]
    assert confirmed(pair(first, second)) == {}


def test_what_cannot_change_the_figures_is_stated_only():
    first, second = (
        statement(10.0, packages={"uvloop": version}, run=run)
        for version, run in (("1", {}), ("2", {"reproduces": FIRST}))
    )
    [found] = differences(first.predicate, second.predicate)
    assert (found.what, found.decisive) == ("uvloop", False)
    assert confirmed(pair(first, second)) == {FIRST: (SECOND,)}


def add(folder, made):
    signer = CryptoSigner.generate_ed25519()
    run = made.predicate.run.model_copy(update={"runner": runner_id(signer.public_key)})
    predicate = made.predicate.model_copy(update={"run": run})
    payload = envelope.encode(made.model_copy(update={"predicate": predicate}))
    folder.mkdir(exist_ok=True)
    return archive.accept(folder, payload, signer).digest


def tiers(*folders):
    """What the site says of each result."""
    with Workers() as workers:
        read = archives.read(folders, None, workers)
    return {digest: read.open(digest).tier for digest in read.sources}


def test_the_site_and_verify_say_who_reproduced_a_result(tmp_path):
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    first = add(ours, statement(10.0, 20.0))
    second = add(theirs, again(10.0, 20.0, run={"reproduces": first}))

    assert tiers(ours, theirs) == {first: "reproduced", second: "self-signed"}
    assert tiers(ours) == {first: "self-signed"}

    [path] = archive.envelopes(theirs)
    moved = ours / path.name
    moved.write_bytes(path.read_bytes())
    (ours / "runners" / next((theirs / "runners").iterdir()).name).write_bytes(
        next((theirs / "runners").iterdir()).read_bytes()
    )
    told = {one.digest: one for one in verification.verify(ours)}
    # It is not in this log, and what does not verify confirms nothing.
    assert told[second].problems
    assert told[first].confirmed_by == ()


def test_a_statement_without_the_new_fields_is_read_and_compared():
    old = statement(10.0).to_json()
    for name in ("options", "reproduces"):
        del old["predicate"]["run"][name]
    read = envelope.parse(json.dumps(old).encode(), "old")
    assert read.predicate.run.options is None
    assert "options" in [one.what for one in differences(read.predicate, statement(10.0).predicate)]


def test_the_published_results_still_verify():
    public = Path(archive.__file__).parents[1] / "public"
    verdicts = list(verification.verify(public))
    assert verdicts
    assert all(one.problems == () for one in verdicts)


def agreed(first, second):
    return agreement(first.predicate, second.predicate)


def test_exactly_half_of_the_figures_is_not_most_of_them():
    # One agrees, one is missing.
    assert not agreed(statement(10.0, 20.0), statement(10.0)).holds
    assert agreed(statement(10.0, 20.0, 30.0), statement(10.0, 20.0)).holds


def test_an_interval_from_half_to_double_tells_nothing():
    # Both runs' half-widths together must reach a factor of two to be blunt.
    [sharp] = agreed(statement(10.0, half=0.4), statement(10.0, half=0.4)).figures
    [blunt] = agreed(statement(10.0, half=0.5), statement(10.0, half=0.5)).figures
    assert (sharp.verdict, blunt.verdict) == ("agrees", "undecided")
    assert sharp.change.high < 2 < blunt.change.high
