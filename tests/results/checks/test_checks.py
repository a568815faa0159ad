"""Figures that contradict themselves, physics or a datasheet are named, each by its rule."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from results import catalog, checks
from results.archive import archive, verification
from results.checks import Context, machine
from results.proof import envelope
from results.statement.statement import Statement
from suites.base.errors import CheckError

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def row(metric, unit, value, case="case", suite="inference", **fields):
    blank = {"low": None, "high": None, "n": 3, "method": "measured", "labels": {}}
    known = {"suite": suite, "case": case, "metric": metric, "unit": unit, "value": value}
    return {**known, **blank, **fields}


BF16, COLD = {"dtype": "bf16"}, {"cache": "cold"}
ENGINE = {
    "name": "llama.cpp",
    "version": "1",
    "model": "llama-3.1-8b",
    "weights_sha256": None,
    "weights": "random",
    "precision": "bf16",
}


@pytest.fixture
def flaws(statement):
    """Names of the rules that speak against these rows on an H100 SXM, with the outcome."""

    def judge(
        *rows, context=None, run=None, engines=(ENGINE,), modified=False, meters=(), machine=None
    ):
        data = statement().to_json()
        predicate = data["predicate"]
        predicate["machine"]["chip"] = {
            "catalog_id": "h100-sxm",
            "name": "NVIDIA H100 80GB HBM3",
            "kind": "gpu",
            "count": 1,
        }
        predicate["machine"]["driver"] = "580.95"
        predicate["machine"].update(machine or {})
        predicate["measurements"] = list(rows) or [row("tpot", "ms", 20.0)]
        predicate["engines"] = list(engines)
        predicate["meters"] = list(meters)
        predicate["source"]["modified"] = modified
        suites = sorted({item["suite"] for item in predicate["measurements"]})
        predicate["run"].update({"suites": suites, **(run or {})})
        return {
            (finding.rule, finding.outcome)
            for finding in checks.check(Statement.model_validate(data), context)
        }

    return judge


def test_a_plausible_result_passes(flaws):
    rows = [
        row("tpot", "ms", 10.0, n=12, labels={"batch": 4, "context": 1024}),
        row("decode_throughput", "tokens/s", 400.0, labels={"batch": 4}),
        row("ttft", "ms", 90.0, case="p", labels={"isl": 1024}),
        row("compute_rate", "TFLOP/s", 700.0, suite="kernels", labels={"dtype": "bf16"}),
        row("bandwidth", "GB/s", 90_000.0, suite="kernels", labels={"cache": "hot"}),
        row("ttft", "ms", 5.0, case="s", suite="serving", labels={"percentile": 50.0}),
        row("ttft", "ms", 9.0, case="s", suite="serving", labels={"percentile": 99.0}),
    ]
    assert flaws(*rows, context=Context(now=NOW, nonce="issued")) == set()


@pytest.mark.parametrize(
    ("rule", "rows"),
    [
        ("latency-order", [row("tpot", "ms", 20.0, low=21.0, high=22.0)]),
        ("latency-order", [row("tpot", "ms", -20.0)]),
        (
            "latency-order",
            [row("itl", "ms", 9.0 - p / 50, labels={"percentile": p}) for p in (50, 99.0)],
        ),
        ("labels", [row("tpot", "s", 20.0)]),
        ("labels", [row("speed", "ms", 20.0)]),
        ("labels", [row("itl", "ms", 20.0, n=0)]),
    ],
)
def test_a_contradiction_is_refused(flaws, rule, rows):
    assert flaws(*rows) == {(rule, "refused")}


NVML = {"name": "nvml 0", "scope": "chip", "method": "hardware counter"}
BY_NVML = {"meter": "nvml 0", "scope": "chip", "meter_method": "hardware counter"}


@pytest.mark.parametrize(
    ("rule", "rows"),
    [
        # An H100 has 989 TFLOP/s in bf16 and 3.35 TB/s.
        ("roofline", [row("compute_rate", "TFLOP/s", 1200.0, suite="kernels", labels=BF16)]),
        ("roofline", [row("bandwidth", "GB/s", 4000.0, suite="kernels", labels=COLD)]),
        # 8 billion weights of two bytes in 1 ms are 16 TB/s.
        ("roofline", [row("tpot", "ms", 1.0)]),
        # 16 GFLOP a token × 8192 in 5 ms are 26 PFLOP/s.
        ("roofline", [row("ttft", "ms", 5.0, labels={"isl": 8192})]),
        (
            "queueing",
            [
                row("tpot", "ms", 20.0, n=12, labels={"batch": 4}),
                row("decode_throughput", "tokens/s", 400.0, labels={"batch": 4}),
            ],
        ),
        ("power", [row("power", "W", 900.0, labels=BY_NVML)]),
        ("power", [row("power", "W", 20.0, labels=BY_NVML)]),
        (
            "power",
            [
                row("power", "W", 90.0, labels=BY_NVML),
                row("idle_power", "W", 120.0, labels=BY_NVML),
            ],
        ),
        ("meter", [row("power", "W", 300.0, labels=BY_NVML | {"meter": "nvml 7"})]),
        ("meter", [row("power", "W", 300.0, labels=BY_NVML | {"scope": "wall"})]),
        ("meter", [row("power", "W", 300.0, labels=BY_NVML | {"meter_method": "model"})]),
        ("duplicate", [row("itl", "ms", 20.0), row("itl", "ms", 21.0)]),
        ("profile", [row("tpot", "ms", 20.0, n=3, labels={"batch": 4})]),
        ("time", [row("ttft", "ms", 20.0, n=100_000)]),
    ],
)
def test_a_figure_beyond_the_laws_is_flagged(flaws, rule, rows):
    assert flaws(*rows, meters=[NVML]) == {(rule, "flagged")}


def test_tokens_without_an_engine_joules_without_a_meter_and_changed_code_are_flagged(flaws):
    assert flaws(engines=()) == {("software", "flagged")}
    joules = row("energy_per_output_token", "J/token", 1.0)
    assert flaws(joules) == {("meter", "flagged"), ("power", "flagged")}
    assert flaws(modified=True) == {("software", "flagged")}


@pytest.mark.parametrize(
    "run",
    [
        {"finished_at": "2026-11-22T00:00:00Z"},
        {"finished_at": "2026-11-24T00:00:00Z"},
        {"started_at": "2026-99-99T00:00:00Z"},
    ],
)
def test_a_run_that_ends_too_early_or_too_late_or_on_no_day_is_refused(flaws, run):
    assert flaws(run=run, context=Context(now=NOW)) == {("time", "refused")}


@pytest.mark.parametrize(
    ("ended", "rules"),
    [
        ("9999-12-31T23:59:59Z", {("time", "flagged")}),
        (f"{NOW + timedelta(days=1, seconds=1):%Y-%m-%dT%H:%M:%SZ}", {("time", "flagged")}),
        (f"{NOW + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}", set()),
    ],
)
def test_no_run_lies_ahead_of_its_readers_clock_by_more_than_a_day(flaws, ended, rules):
    assert flaws(run={"finished_at": ended}, context=Context(clock=NOW)) == rules
    assert flaws(run={"finished_at": ended}) == set()


def test_a_run_may_end_when_it_began_and_as_far_ahead_as_clocks_differ(flaws):
    instant = dict.fromkeys(("started_at", "finished_at"), "2026-11-23T00:00:00Z")
    assert flaws(run=instant) == set()
    for seconds, rules in ((0, set()), (1, {("time", "refused")})):
        ahead = NOW + machine._CLOCK_SKEW + timedelta(seconds=seconds)
        ended = {"finished_at": f"{ahead:%Y-%m-%dT%H:%M:%SZ}"}
        assert flaws(run=ended, context=Context(now=NOW)) == rules


@pytest.mark.parametrize("nonce", ["unknown", "used", "expired"])
def test_a_nonce_that_is_not_good_is_refused(flaws, nonce):
    assert flaws(context=Context(nonce=nonce)) == {("nonce", "refused")}


def test_copied_samples_and_an_unreleased_suite_are_flagged(flaws):
    assert flaws(context=Context(samples={"0" * 64: "f" * 64})) == {("samples", "flagged")}
    assert flaws(run={"suite_version": "9.9.9"}) == {("suite", "flagged")}


def test_what_is_measured_now_counts_as_the_newest_release():
    *_, newest = catalog.versions().values()
    assert catalog.newest_version() == newest.id
    assert all(version.date <= newest.date for version in catalog.versions().values())


@pytest.mark.parametrize("label", ["isl", "context", "percentile", "batch", "dtype", "cache"])
@pytest.mark.parametrize("value", ["x", True, -1, 0, 2**53 - 1, 10**400, 1e300, 5e-324])
def test_no_label_a_runner_invents_breaks_a_check(flaws, label, value):
    names = ["tpot", "ttft", "itl"]
    rows = [row(name, "ms", 20.0, labels={label: value}) for name in names]
    rows.append(row("decode_throughput", "tokens/s", 20.0, labels={label: value}))
    rows.append(row("compute_rate", "TFLOP/s", 20.0, labels={label: value}))
    flaws(*rows)


def test_verification_reports_flags_without_calling_the_proof_bad(tmp_path, statement, signer):
    data = statement().to_json()
    data["predicate"]["source"]["modified"] = True
    archive.accept(tmp_path, envelope.encode(Statement.model_validate(data)), signer)
    [verdict] = verification.verify(tmp_path)
    assert verdict.problems == ()
    assert verdict.flags == ["software", "runner"]


def test_a_refused_figure_is_a_problem_in_every_verb(tmp_path, statement, signer):
    data = statement().to_json()
    data["predicate"]["measurements"][0]["low"] = 50.0
    archive.accept(tmp_path, envelope.encode(Statement.model_validate(data)), signer)
    [verdict] = verification.verify(tmp_path)
    assert (verdict.refused, verdict.flags) == (["latency-order"], ["software", "runner"])
    assert "refused (latency-order): decode/b1/ctx64 tpot 42 lies outside" in verdict.problems[0]
    [path] = archive.envelopes(tmp_path)
    with pytest.raises(CheckError, match="latency-order"):
        archive.open_result(path)


def test_a_figure_that_overflows_is_a_finding_that_json_can_hold(statement):
    data = statement().to_json()
    item = data["predicate"]["measurements"][0]
    item.update(value=5e-324, low=None, high=None)
    twin = {**item, "metric": "decode_throughput", "unit": "tokens/s", "value": 1.7e308}
    data["predicate"]["measurements"].append(twin)
    findings = checks.check(Statement.model_validate(data))
    json.dumps([finding.to_json() for finding in findings], allow_nan=False)


def test_the_worst_finding_is_the_outcome_and_rules_are_named_once():
    def finding(rule, outcome):
        return checks.Finding(rule=rule, outcome=outcome, where="x", reason="y")

    flagged = [
        finding("power", "flagged"),
        finding("meter", "flagged"),
        finding("power", "flagged"),
    ]
    refused = [*flagged, finding("labels", "refused")]
    assert [checks.outcome(some) for some in ([], flagged, refused)] == [
        "accepted",
        "flagged",
        "refused",
    ]
    assert checks.rules(refused, "flagged") == ["power", "meter"]
    assert checks.rules(refused, "refused") == ["labels"]
    assert checks.rules(refused, "accepted") == []
