"""A result is reproduced when another owner found the same, elsewhere, once it was logged."""

import json
import os
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
from securesystemslib.signer import CryptoSigner

from leaderboard.base.workers import Workers
from leaderboard.read import archives
from results.agreement.confirmation import (
    Entered,
    agreement,
    confirmed,
    differences,
    repetitions,
    shortcomings,
)
from results.archive import archive, verification
from results.keys import identity
from results.keys.identity import runner_id, runner_toml
from results.proof import envelope
from results.service.publish import publish
from results.statement.nonce import seed_of
from results.statement.statement import Predicate, Statement
from tests.builders import around, engine, stated

FIRST, SECOND = "1" * 64, "2" * 64


def statement(
    *values,
    half=0.01,
    run=None,
    chip="Some CPU",
    build="1.0",
    packages=None,
    hardware="one,two",
    right=None,
):
    """A run with one figure per value, each with a relative half-width.

    Args:
        right: right answers of five hundred; None where it was asked nothing.
    """
    figures = [
        around(value, half, case=f"decode/b{batch}/ctx64", labels={})
        for batch, value in enumerate(values)
    ]
    if right is not None:
        about = {"suite": "quality", "case": "questions/tools", "metric": "score", "unit": "share"}
        labels = {"family": "tools", "levels": f"{right}/500"}
        figures.append(around(right / 500, 0.05, **about, labels=labels))
    made = stated(
        *figures,
        version=1,
        samples=os.urandom(32).hex(),
        machine={
            "chip": {"catalog_id": None, "name": chip, "kind": "cpu", "count": 2},
            "cpu_name": chip,
            "conditions": {"hardware": hardware} if hardware else {},
        },
        engines=[engine(version=build)],
        packages=packages or {},
        **{"id": "run", "seed": 7, "options": {"model": "tiny-15m"}, **(run or {})},
    )
    return Statement.model_validate(made)


ROOT = "a" * 64  # of the log once it holds the first result


def pair(first, second, **other):
    """Both as entries 0 and 1 of one log, of two owners; keywords change the second."""
    return [
        Entered(
            digest=digest,
            predicate=made.predicate,
            **{
                "keyid": owner,
                "owner": owner,
                "index": index,
                "samples": frozenset({owner}),
                **(other if index else {}),
            },
        )
        for index, (digest, owner, made) in enumerate(
            [(FIRST, "Lab", first), (SECOND, "University", second)]
        )
    ]


def judged(results, sizes=MappingProxyType({ROOT: 1})):
    return repetitions(results, sizes)


def again(*values, **changed):
    nonce = changed.pop("nonce", "a challenge")
    answered = {"nonce": nonce, "not_before": ROOT, "seed": seed_of(nonce)} if nonce else {}
    run = {"reproduces": FIRST, **answered, **changed.pop("run", {})}
    return statement(*values, **{"run": run, "hardware": "other", **changed})


def objections(first, second, **other):
    [repetition] = judged(pair(first, second, **other))
    assert confirmed([repetition]) == ({} if repetition.objections else {FIRST: (SECOND,)})
    return repetition.objections


def test_another_owner_with_the_same_figures_on_other_hardware_confirms():
    assert confirmed(judged(pair(statement(10.0, 20.0), again(10.1, 19.9)))) == {FIRST: (SECOND,)}


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"keyid": "Lab"}, "one key signed both"),
        ({"owner": "Lab"}, "both keys are registered to Lab"),
        ({"owner": " LAB "}, "both keys are registered to"),
        ({"owner": ""}, "the key that signed it is not registered"),
        ({"samples": frozenset({"Lab"})}, "its raw samples are those"),
    ],
)
def test_ones_own_second_key_confirms_nothing(other, why):
    assert any(why in line for line in objections(statement(10.0), again(10.1), **other))


def test_nobody_confirms_a_result_whose_owner_is_not_known():
    first, second = pair(statement(10.0), again(10.1))
    [repetition] = judged([replace(first, owner=""), second])
    assert repetition.objections == (
        "the key that signed the first result is not registered to an owner",
    )


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"nonce": None}, "without a challenge"),
        ({"run": {"not_before": "b" * 64}}, "names no state of this log"),
        ({"run": {"seed": 1}}, "does not come from its challenge"),
        ({"hardware": "one"}, "same hardware"),
        ({"hardware": "three,one"}, "same hardware"),
        ({"hardware": None}, "does not say which machine"),
    ],
)
def test_a_run_without_its_own_challenge_or_hardware_confirms_nothing(changed, why):
    assert any(why in line for line in objections(statement(10.0), again(10.1, **changed)))


def test_a_challenge_from_before_the_first_result_was_logged_confirms_nothing():
    [repetition] = judged(pair(statement(10.0), again(10.1)), {ROOT: 0})
    assert "before the first result became entry 0" in repetition.objections[0]
    [repetition] = judged(pair(statement(10.0), again(10.1)), {ROOT: 9})
    assert "names no state of this log before it" in repetition.objections[0]


def test_the_challenge_of_the_first_result_confirms_nothing():
    first = statement(10.0, run={"nonce": "a challenge", "not_before": ROOT})
    assert objections(first, again(10.1)) == ("its challenge is that of the first result",)


@pytest.mark.parametrize("times", [1, 1.01, 0.97])
def test_figures_that_were_copied_confirm_nothing(times):
    values = (10.0, 20.0, 30.0)
    second = again(*(value * times for value in values))
    why = objections(statement(*values), second)
    assert any("times a constant" in line for line in why)
    assert any("digit by digit" in line for line in why) == (times == 1)


def test_figures_that_differ_confirm_nothing():
    assert objections(statement(10.0, 20.0), again(12.0, 20.1)) == (
        "its figures do not agree with the first's",
    )


def test_answers_that_are_as_many_by_chance_are_no_copy_and_confirm():
    assert objections(statement(10.0, right=400), again(10.1, right=400)) == ()


@pytest.mark.parametrize("right", [300, 480])
def test_answers_that_differ_confirm_nothing(right):
    (why,) = objections(statement(10.0, right=400), again(10.1, right=right))
    assert "points of the first's right answers" in why


def test_a_sharp_difference_of_a_few_percent_is_none_between_two_boards():
    sharp = agreement(statement(10.0, half=1e-4).predicate, again(10.4, half=1e-4).predicate)
    assert [figure.verdict for figure in sharp.figures] == ["agrees"]
    assert agreement(statement(10.0, half=1e-4).predicate, again(10.6, half=1e-4).predicate).count(
        "differs"
    )


def test_a_run_too_noisy_to_tell_anything_confirms_nothing():
    noisy = again(10.0, half=0.9)
    assert agreement(statement(10.0).predicate, noisy.predicate).count("undecided") == 1
    assert objections(statement(10.0), noisy)


def test_a_run_that_left_most_figures_out_confirms_nothing():
    assert objections(statement(10.0, 20.0, 30.0), again(10.1))


def test_a_run_that_names_no_other_confirms_nothing():
    assert judged(pair(statement(10.0), statement(10.0))) == []


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"chip": "Other CPU"}, "chip"),
        ({"build": "2.0"}, "engine llama.cpp"),
        ({"run": {"seed": 8}, "nonce": None}, "seed"),
        ({"run": {"suite_version": "0.2.0"}}, "suite version"),
        ({"run": {"options": {"model": "tiny-15m", "threads": 2}}}, "options"),
        ({"run": {"profile": "standard"}}, "profile"),
        ({"packages": {"xllamacpp": "2"}}, "xllamacpp"),
    ],
)
def test_other_conditions_confirm_nothing_and_are_named(changed, what):
    first, second = statement(10.0, packages={"xllamacpp": "1"}), again(10.0, **changed)
    differing = differences(first.predicate, second.predicate)
    assert [difference.what for difference in differing if difference.decisive] == [what]
    assert any(line.startswith(what) for line in objections(first, second))


def test_what_cannot_change_the_figures_is_stated_only():
    first = statement(10.0, packages={"uvloop": "1"})
    second = again(10.1, packages={"uvloop": "2"})
    differing = differences(first.predicate, second.predicate)
    assert [(difference.what, difference.decisive) for difference in differing] == [
        ("seed", False),
        ("uvloop", False),
    ]
    assert objections(first, second) == ()


def changed(made, **parts):
    """A predicate with some fields of its parts changed: changed(p, machine={"driver": "1"})."""
    whole = made.predicate.model_dump()
    for part, fields in parts.items():
        whole[part] = fields if isinstance(fields, list) else {**whole[part], **fields}
    return Predicate.model_validate(whole)


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"source": {"commit": "b" * 40}}, f"commit: not stated there, {'b' * 40} here"),
        (
            {"source": {"commit": "b" * 40, "modified": True}},
            f"commit: not stated there, {'b' * 40} (modified) here",
        ),
        ({"software": {"python": "3.14.0"}}, "Python: 3.11.7 there, 3.14.0 here"),
        ({"machine": {"driver": "580"}}, "driver: None there, 580 here"),
        ({"machine": {"kernel": "7.0"}}, "kernel: 6.1 there, 7.0 here"),
        ({"machine": {"container": "docker"}}, "container: None there, docker here"),
    ],
)
def test_what_is_stated_only_is_told_with_both_values(parts, told):
    first = statement(10.0)
    second = changed(first, **parts)
    [difference] = differences(first.predicate, second)
    assert (str(difference), difference.decisive) == (told, False)
    [back] = differences(second, first.predicate)
    assert (back.what, back.first, back.second) == (
        difference.what,
        difference.second,
        difference.first,
    )


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        (
            {"run": {"options": None}},
            'options: {"isl": 8, "model": "tiny-15m"} there, not stated here',
        ),
        ({"run": {"suites": ["kernels"]}}, 'suites: ["inference"] there, ["kernels"] here'),
        (
            {"engines": [engine(version="1.0", weights_sha256=None)]},
            (
                "engine llama.cpp: 1.0, tiny-15m q8_0, weights aaaaaaaaaaaa there, "
                "1.0, tiny-15m q8_0, weights unknown here"
            ),
        ),
        (
            {"engines": []},
            "engine llama.cpp: 1.0, tiny-15m q8_0, weights aaaaaaaaaaaa there, none here",
        ),
    ],
)
def test_what_decides_is_told_with_both_values(parts, told):
    first = statement(10.0, run={"options": {"model": "tiny-15m", "isl": 8}})
    [difference] = differences(first.predicate, changed(first, **parts))
    assert (str(difference), difference.decisive) == (told, True)


def test_an_engine_only_the_second_run_had_is_told():
    first = statement(10.0)
    [difference] = differences(changed(first, engines=[]), first.predicate)
    assert (difference.what, difference.first) == ("engine llama.cpp", "none")


def test_what_decides_stands_first_and_our_own_version_among_packages_says_nothing():
    first = statement(10.0, packages={"fenmark": "1", "xllamacpp": "1", "numpy": "2"})
    second = changed(
        first,
        software={"python": "3.14.0", "packages": {"fenmark": "2", "xllamacpp": "2"}},
        machine={"driver": "580"},
    )
    differing = differences(first.predicate, second)
    assert [difference.what for difference in differing] == ["xllamacpp", "Python", "driver"]


@pytest.fixture
def owners(runners, monkeypatch):
    """Makes keys that a review has seen, each with its owner."""
    monkeypatch.setattr(archive, "REGISTERED", runners)
    monkeypatch.setattr(identity, "REGISTERED", runners)

    def register(owner):
        made = CryptoSigner.generate_ed25519()
        text = runner_toml(made.public_key, owner=owner)
        (runners / f"{runner_id(made.public_key)}.toml").write_text(text)
        return made

    return register


def submitted(client, signer, made, **run):
    """The digest under which a log has a statement, signed."""
    predicate = made.predicate
    run = predicate.run.model_copy(update={"runner": runner_id(signer.public_key), **run})
    stated = made.model_copy(update={"predicate": predicate.model_copy(update={"run": run})})
    sealed = envelope.sign(envelope.encode(stated), signer)
    answer = client.post("/v1/submissions", content=sealed)
    assert answer.status_code == 201, answer.text
    return answer.json()["digest"]


def challenge(client):
    given = client.get("/v1/challenge").json()
    answered = {name: given[name] for name in ("nonce", "not_before")}
    return {**answered, "seed": seed_of(given["nonce"])}


def shown(tmp_path):
    """Tiers that the site gives to what the log holds, and why repetitions confirm nothing."""
    publish(tmp_path / "data", tmp_path / "out")
    verdicts = {verdict.digest: verdict for verdict in verification.verify(tmp_path / "out")}
    assert all(verdict.problems == () for verdict in verdicts.values())
    with Workers() as workers:
        read = archives.read([tmp_path / "out"], None, workers)
    tiers = {digest: read.open(digest).tier for digest in read.sources}
    assert {digest for digest, tier in tiers.items() if tier == "reproduced"} == {
        digest for digest, verdict in verdicts.items() if verdict.confirmed_by
    }
    return tiers, {
        digest: verdict.objections for digest, verdict in verdicts.items() if verdict.objections
    }


def test_the_site_and_verify_say_who_reproduced_a_result(tmp_path, client, owners):
    lab, university = owners("Lab"), owners("University")
    first = submitted(client, lab, statement(10.0, 20.0))
    second = submitted(
        client,
        university,
        statement(10.1, 19.9, hardware="other"),
        reproduces=first,
        **challenge(client),
    )
    assert shown(tmp_path) == ({first: "reproduced", second: "registered"}, {})


def test_a_challenge_asked_for_before_the_first_result_buys_nothing(tmp_path, client, owners):
    lab, university = owners("Lab"), owners("University")
    submitted(client, lab, statement(1.0))
    early = challenge(client)
    first = submitted(client, lab, statement(10.0, 20.0))
    repeated = statement(10.1, 19.9, hardware="other")
    second = submitted(client, university, repeated, reproduces=first, **early)
    tiers, why = shown(tmp_path)
    assert tiers[first] == "registered"
    assert "before the first result became entry" in why[second][0]


@pytest.mark.parametrize("owner", ["Lab", ""])
def test_the_highest_tier_is_not_had_with_ones_own_second_key(tmp_path, client, owners, owner):
    lab, another = owners("Lab"), owners(owner)
    first = submitted(client, lab, statement(10.0, 20.0))
    repeated = statement(10.1, 19.9, hardware="other")
    second = submitted(client, another, repeated, reproduces=first, **challenge(client))
    tiers, why = shown(tmp_path)
    assert tiers == {first: "registered", second: "registered"}
    assert "registered to" in why[second][0]


def test_what_another_log_holds_confirms_nothing(tmp_path, payload, signer):
    made = envelope.parse(payload, "a statement")
    run = made.predicate.run.model_copy(update={"reproduces": FIRST})
    predicate = made.predicate.model_copy(update={"run": run})
    stated = envelope.encode(made.model_copy(update={"predicate": predicate}))
    archive.accept(tmp_path / "theirs", stated, signer)
    [verdict] = verification.verify(tmp_path / "theirs")
    assert "is not in this log" in verdict.objections[0]


def test_a_statement_without_the_new_fields_is_read_and_compared():
    old = statement(10.0).to_json()
    for name in ("options", "reproduces"):
        del old["predicate"]["run"][name]
    read = envelope.parse(json.dumps(old).encode(), "old")
    assert read.predicate.run.options is None
    assert "options" in [
        difference.what for difference in differences(read.predicate, statement(10.0).predicate)
    ]


def test_the_published_results_still_verify():
    public = Path(archive.__file__).parents[1] / "public"
    verdicts = list(verification.verify(public))
    assert verdicts
    assert all(verdict.problems == () for verdict in verdicts)


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


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.5, 2.0, "agrees"),  # half and double themselves are still told apart
        (0.49, 2.05, "undecided"),
        (0.45, 1.9, "agrees"),  # more than double would be seen
        (0.55, 2.2, "agrees"),  # less than half would
    ],
)
def test_an_interval_is_blunt_that_holds_both_half_and_double(low, high, verdict):
    first, second = statement(10.0, half=0.0), statement(10.0 * (low * high) ** 0.5, half=0.0)
    [item] = second.predicate.measurements
    wide = item.model_copy(update={"low": 10.0 * low, "high": 10.0 * high})
    second = second.model_copy(
        update={"predicate": second.predicate.model_copy(update={"measurements": [wide]})}
    )
    [figure] = agreed(first, second).figures
    assert figure.verdict == verdict
    assert (figure.change.low, figure.change.high) == pytest.approx((low, high))


@pytest.mark.parametrize(
    ("there", "here", "why"),
    [
        (None, "two", "the first result does not say which machine it was measured on"),
        ("one", None, "it does not say which machine it was measured on"),
        ("one,two", "two,three", "both were measured on the same hardware"),
    ],
)
def test_whose_hardware_is_not_said_or_shared_is_named(there, here, why):
    first, second = statement(10.0, hardware=there), statement(10.0, hardware=here)
    told = list(shortcomings(first.predicate, second.predicate))
    assert told[:2] == ["it was measured without a challenge of the log", why]
