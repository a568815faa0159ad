"""Figures that contradict themselves, physics or a datasheet are named, each by its rule."""

from datetime import UTC, datetime
from importlib import metadata

import pytest

from results import archive, catalog, checks, envelope, verification
from results.checks import Context
from results.statement import Statement

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def row(metric, unit, value, case="case", suite="inference", **fields):
    blank = {"low": None, "high": None, "n": 3, "method": "measured", "labels": {}}
    known = {"suite": suite, "case": case, "metric": metric, "unit": unit, "value": value}
    return {**known, **blank, **fields}


ENGINE = {
    "name": "llama.cpp",
    "version": "1",
    "model": "llama-3.1-8b",
    "weights_sha256": None,
    "weights": "random",
    "precision": "bf16",
}


@pytest.fixture
def found(statement):
    """Names of the rules that speak against these rows on an H100 SXM, with the outcome."""

    def judge(*rows, context=None, run=None, engines=(ENGINE,), modified=False):
        data = statement().to_json()
        predicate = data["predicate"]
        predicate["machine"]["chip"] = {
            "catalog_id": "h100-sxm",
            "name": "H100",
            "kind": "gpu",
            "count": 1,
        }
        predicate["measurements"] = list(rows) or [row("tpot", "ms", 20.0)]
        predicate["engines"] = list(engines)
        predicate["source"]["modified"] = modified
        predicate["run"].update(run or {})
        return {
            (finding.rule, finding.outcome)
            for finding in checks.check(Statement.model_validate(data), context)
        }

    return judge


def test_a_plausible_result_passes(found):
    rows = [
        row("tpot", "ms", 10.0, labels={"batch": 4, "context": 1024}),
        row("decode_throughput", "tokens/s", 400.0, labels={"batch": 4}),
        row("ttft", "ms", 90.0, case="p", labels={"isl": 1024}),
        row("compute_rate", "TFLOP/s", 700.0, suite="kernels", labels={"dtype": "bf16"}),
        row("bandwidth", "GB/s", 90_000.0, suite="kernels", labels={"cache": "hot"}),
        row("ttft", "ms", 5.0, case="s", suite="serving", labels={"percentile": 50.0}),
        row("ttft", "ms", 9.0, case="s", suite="serving", labels={"percentile": 99.0}),
    ]
    assert found(*rows, context=Context(now=NOW, nonce="issued")) == set()


@pytest.mark.parametrize(
    ("rule", "rows"),
    [
        ("interval", [row("tpot", "ms", 20.0, low=21.0, high=22.0)]),
        (
            "percentiles",
            [row("itl", "ms", 9.0 - p / 50, labels={"percentile": p}) for p in (50, 99.0)],
        ),
        ("metrics", [row("tpot", "s", 20.0)]),
        ("metrics", [row("speed", "ms", 20.0)]),
        ("metrics", [row("tpot", "ms", -20.0)]),
        ("metrics", [row("tpot", "ms", 20.0, n=0)]),
    ],
)
def test_a_contradiction_is_refused(found, rule, rows):
    assert found(*rows) == {(rule, "refused")}


@pytest.mark.parametrize(
    ("rule", "rows"),
    [
        ("roofline", [row("compute_rate", "TFLOP/s", 1200.0, labels={"dtype": "bf16"})]),
        ("roofline", [row("bandwidth", "GB/s", 4000.0, labels={"cache": "cold"})]),
        # 8 billion weights of two bytes in 1 ms are 16 TB/s.
        ("decode", [row("tpot", "ms", 1.0)]),
        # 16 GFLOP a token × 8192 in 5 ms are 26 PFLOP/s.
        ("prefill", [row("ttft", "ms", 5.0, labels={"isl": 8192})]),
        (
            "tokens",
            [
                row("tpot", "ms", 20.0, labels={"batch": 4}),
                row("decode_throughput", "tokens/s", 400.0, labels={"batch": 4}),
            ],
        ),
        ("power", [row("power", "W", 900.0, labels={"scope": "chip"})]),
        ("power", [row("power", "W", 90.0), row("idle_power", "W", 120.0)]),
    ],
)
def test_a_figure_beyond_physics_is_flagged(found, rule, rows):
    assert found(*rows) == {(rule, "flagged")}


def test_tokens_without_an_engine_joules_without_a_meter_and_changed_code_are_flagged(found):
    assert found(engines=()) == {("software", "flagged")}
    assert found(row("energy_per_output_token", "J/token", 1.0)) == {("software", "flagged")}
    assert found(modified=True) == {("software", "flagged")}


@pytest.mark.parametrize(
    "run",
    [
        {"finished_at": "2026-11-22T00:00:00Z"},
        {"finished_at": "2026-11-24T00:00:00Z"},
        {"started_at": "2026-99-99T00:00:00Z"},
    ],
)
def test_a_run_that_ends_too_early_or_too_late_or_on_no_day_is_refused(found, run):
    assert found(run=run, context=Context(now=NOW)) == {("times", "refused")}


@pytest.mark.parametrize("nonce", ["unknown", "used", "expired"])
def test_a_nonce_that_is_not_good_is_refused(found, nonce):
    assert found(context=Context(nonce=nonce)) == {("nonce", "refused")}


def test_copied_samples_and_an_unreleased_suite_are_flagged(found):
    assert found(context=Context(samples={"0" * 64: "f" * 64})) == {("samples", "flagged")}
    assert found(run={"suite_version": "9.9.9"}) == {("suite", "flagged")}


def test_this_version_is_a_released_one():
    assert metadata.version("fenmark") in catalog.versions()


@pytest.mark.parametrize("label", ["isl", "context", "percentile", "batch", "dtype", "cache"])
@pytest.mark.parametrize("value", ["x", True, -1, 2**53 - 1, 1e300])
def test_no_label_a_runner_invents_breaks_a_check(found, label, value):
    names = ["tpot", "ttft", "itl"]
    rows = [row(name, "ms", 20.0, labels={label: value}) for name in names]
    rows.append(row("decode_throughput", "tokens/s", 20.0, labels={label: value}))
    rows.append(row("compute_rate", "TFLOP/s", 20.0, labels={label: value}))
    found(*rows)


def test_verification_reports_flags_without_calling_the_proof_bad(tmp_path, statement, signer):
    data = statement().to_json()
    data["predicate"]["source"]["modified"] = True
    archive.accept(tmp_path, envelope.encode(Statement.model_validate(data)), signer)
    [verdict] = verification.verify(tmp_path)
    assert verdict.problems == ()
    assert "software" in {flag.rule for flag in verdict.flags}
