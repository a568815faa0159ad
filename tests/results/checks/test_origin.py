"""Was it measured anew, for this log: challenge, outputs, job and what no two runs share."""

import random
from types import SimpleNamespace

import pytest

from results import checks
from results.checks import Context, origin
from results.statement.nonce import seed_of
from results.statement.statement_v2 import read_statement
from suites.base.errors import UserError
from suites.kernels import spotcheck
from tests.builders import figure, stated

NONCE = "a challenge"
CASES = [f"rmsnorm/f32/numpy/qwen2.5-0.5b/m{number}" for number in range(6)]
TRUE = [1.0, 2.0, 3.0]


def kernels(*outputs, cases=CASES, **run):
    """A run of kernels for a challenge, with elements of outputs by case."""
    items = [
        figure(suite="kernels", case=case, metric="time", labels={"model": f"model of {case}"})
        for case in cases
    ]
    run = {"suites": ["kernels"], "nonce": NONCE, "seed": seed_of(NONCE), **run}
    data = stated(*items, version=1, **run)
    data["predicate"]["outputs"] = [
        {"case": case, "elements": elements} for case, elements in outputs
    ]
    return data


@pytest.fixture
def asked(monkeypatch):
    """Answers with TRUE within 0.5, and keeps what was asked."""
    calls = []

    def recompute(case, **more):
        calls.append((case, more))
        if case.endswith("m4"):
            raise UserError("is broken", where=case)
        return None if case.endswith("m5") else (TRUE, 0.5)

    monkeypatch.setattr(spotcheck, "recompute", recompute)
    return calls


def of_law(name, *arguments):
    return [finding for finding in checks.check(*arguments) if finding.rule == name]


def findings(data, **context):
    judged = checks.check(read_statement(data), Context(**context))
    return [
        (finding.rule, finding.where, finding.reason)
        for finding in judged
        if finding.rule == "samples"
    ]


def outputs(data):
    return findings(data, choose=random.Random(1))


def test_elements_are_those_of_the_challenges_seed_within_the_tolerance(asked):
    assert outputs(kernels((CASES[0], TRUE))) == []
    assert outputs(kernels((CASES[0], [1.5, 1.5, 3.0]))) == []
    model = f"model of {CASES[0]}"
    more = {"model": model, "profile_name": "quick", "seed": seed_of(NONCE), "process": 0}
    assert asked == [(CASES[0], more)] * 2


@pytest.mark.parametrize(
    ("elements", "off"), [([1.0, 2.0, 3.6], "0.6"), ([1.0, 2.0], "0"), ([9.0, 2.0, 3.0, 4.0], "8")]
)
def test_other_elements_are_told_with_how_far_they_are_off(asked, elements, off):
    reason = f"its output is not that of seed {seed_of(NONCE)}: off by {off}"
    assert outputs(kernels((CASES[1], elements))) == [("samples", CASES[1], reason)]


def test_three_are_computed_again_and_those_that_cannot_be_do_not_count(asked):
    wrong = [(case, [9.0, 9.0, 9.0]) for case in CASES[:4]]
    assert len(outputs(kernels(*wrong))) == 3
    assert len(asked) == 3
    asked.clear()
    dear = (CASES[5], TRUE)
    assert len(outputs(kernels(dear, *wrong[:3]))) == 3
    assert len(asked) == 4
    # One of a case that is not among the figures is of no model.
    assert outputs(kernels(("elsewhere", TRUE), cases=CASES[:1])) == []


def test_what_cannot_be_computed_again_is_said_and_the_rest_is_held(asked):
    judged = outputs(kernels((CASES[4], TRUE), (CASES[0], [9.0])))
    told = {where: reason for _, where, reason in judged}
    assert told[CASES[4]] == f"cannot be computed again: {CASES[4]}: is broken"
    assert CASES[0] in told


def test_kernels_for_a_challenge_without_elements_are_flagged():
    reason = "kernels ran for a challenge, but no element of an output is given"
    assert outputs(kernels()) == [("samples", "outputs", reason)]
    assert outputs(kernels(suites=["inference"])) == []
    assert outputs(kernels(nonce=None)) == []
    assert findings(kernels()) == []


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("unknown", "was not issued by this log with this not_before"),
        ("used", "was used by another result"),
        ("expired", "was issued too long ago"),
    ],
)
def test_a_challenge_that_is_not_good_is_refused_with_why(state, reason):
    data = stated(nonce=NONCE, seed=seed_of(NONCE))
    [finding] = of_law("nonce", read_statement(data), Context(nonce=state))
    assert (finding.rule, finding.outcome, finding.where, finding.reason) == (
        "nonce",
        "refused",
        "run.nonce",
        reason,
    )


def test_a_seed_of_ones_own_is_no_seed_of_a_challenge():
    [finding] = of_law("nonce", read_statement(stated(nonce=NONCE, seed=1)))
    assert finding.where == "run.seed"
    assert finding.reason == "1 does not come from the challenge: inputs may be older"


CI = {
    "provider": "github",
    "repository": "owner/repository",
    "commit": "c" * 40,
    "runner_environment": "self-hosted",
}


@pytest.mark.parametrize(
    ("claims", "where"),
    [
        ({"source_commit": "c" * 40}, None),
        ({"source_commit": ""}, None),
        ({"source_commit": "d" * 40}, "source.commit"),
        ({"source_repository": "https://github.com/owner/repository"}, None),
        ({"source_repository": "https://github.com/other/repository"}, "source.ci.repository"),
        ({"runner_environment": "github-hosted"}, "source.ci.runner_environment"),
    ],
)
def test_a_job_is_the_one_its_certificate_names(claims, where):
    ci = SimpleNamespace(**CI)
    source = SimpleNamespace(commit="c" * 40, ci=ci)
    claim = SimpleNamespace(predicate=SimpleNamespace(source=source))
    reasons = {
        finding.where: finding.reason
        for finding in origin.job_is_the_one_certified(claim, SimpleNamespace(claims=claims))
    }
    if where is None:
        assert reasons == {}
        return
    [certified] = claims.values()
    assert where in reasons
    assert reasons[where].endswith(f" is stated, the certificate of the job says {certified}")
    source.ci = None
    left = origin.job_is_the_one_certified(claim, SimpleNamespace(claims=claims))
    assert {finding.where for finding in left} <= {"source.commit"}


def test_what_no_two_runs_share_is_told_by_its_name():
    assert [
        (copy.where, copy.reason)
        for copy in origin.copies(
            {"run.nonce": "1", "figures": "2", "raw samples x": "3"},
            {"1": "first", "2": "second"},
        )
    ] == [
        ("run.nonce", "is that of result first"),
        ("figures", "are those of result second"),
    ]
    told = checks.copied({"run.nonce": "1", "figures": "2"}, {"1": "a", "2": "b"})
    assert [(finding.rule, finding.outcome) for finding in told] == [
        ("duplicate", "flagged"),
        ("samples", "flagged"),
    ]


def test_eight_measured_figures_with_intervals_are_a_fingerprint():
    def prints(*items):
        return set(origin.fingerprints(read_statement(stated(*items, version=1))))

    many = [figure(case=f"decode/b{number}/ctx64", value=40.0 + number) for number in range(8)]
    for item in many:
        item |= {"low": 39.0, "high": 49.0}
    assert prints(*many) == {"raw samples samples/x.json", "figures", "shapes"}
    assert prints(*many[:7]) == {"raw samples samples/x.json"}
    assert prints(*many[:7], {**many[7], "low": None, "high": None}) == {
        "raw samples samples/x.json"
    }
    assert prints(*many[:7], {**many[7], "method": "modelled"}) == {"raw samples samples/x.json"}


@pytest.mark.parametrize(
    ("labels", "held"), [({"question_seed": 7}, 0), ({"question_seed": 8}, 1), ({}, 1)]
)
def test_questions_are_made_from_the_seed_of_the_run(labels, held):
    about = {"suite": "quality", "case": "questions/all", "metric": "score", "unit": "share"}
    asked = figure(**about, value=0.5, low=0.4, high=0.6, labels=labels)
    data = stated(asked, seed=7, suites=["quality"])
    told = [(finding.where, finding.reason) for finding in of_law("nonce", read_statement(data))]
    reason = "its questions are not made from the run's seed"
    assert told == [("questions/all score", reason)] * held
