"""Raw samples give the figures: one that they do not give is refused, with both numbers."""

import json
import math

import pytest

from results import checks
from results.checks import Context, evidence
from results.statement.statement_v2 import read_statement
from suites.base.records import CellResult, Series
from suites.evidence import KeptCell, raw_samples, rows_of
from suites.meters.windows import EnergyWindow
from suites.quality.record import QualityRecord, questions
from tests.builders import figure, stated
from tests.results import honest, raw
from tests.suites.quality.test_items import right_answer

CASE = "decode/b1/ctx64"


def judged(data, samples):
    return checks.judge(read_statement(data), Context(evidence=evidence(samples, "raw")))


def refused(data, samples):
    return [finding for finding in judged(data, samples).findings if finding.outcome == "refused"]


def encoded(cells):
    return json.dumps(cells).encode()


def series(samples, metric="tpot", case=CASE, **more):
    blank = {"suite": "inference", "unit": "ms", "labels": {"batch": 1}, "windows": []}
    return {**blank, "case": case, "metric": metric, "samples": samples, **more}


def cell(*measured, **more):
    return {"series": list(measured), "facts": {}, "warnings": [], **more}


# Worked out by hand: the process medians are 12, 11 and 13, their logarithms 2.48491, 2.39790 and
# 2.56495 have mean 2.48258 and deviation 0.08355, and Student's t of two degrees is 4.30265, so
# that the interval is exp(2.48258 ∓ 4.30265 × 0.08355 ÷ √3).
CELLS = {
    "inference-p0": cell(series([10.0, 12.0, 20.0])),
    "inference-p1": cell(series([11.0, 11.0, 12.0])),
    "inference-p2": cell(series([13.0, 9.0, 14.0])),
}
GIVEN = {"value": 12.0, "low": 9.728220, "high": 14.733688, "n": 9}


def test_an_interval_worked_out_by_hand_is_what_three_processes_give():
    [row] = evidence(encoded(CELLS), "raw").rows.values()
    assert {name: round(getattr(row, name), 6) for name in GIVEN} == GIVEN
    logs = [math.log(value) for value in (12, 11, 13)]
    centre = sum(logs) / 3
    deviation = math.sqrt(sum((value - centre) ** 2 for value in logs) / 2)
    half = 4.302652729911275 * deviation / math.sqrt(3)
    assert row.low == pytest.approx(math.exp(centre - half), rel=1e-9)
    assert row.high == pytest.approx(math.exp(centre + half), rel=1e-9)


def test_percentiles_of_requests_are_those_of_the_pooled_samples():
    data, cells = raw.published("serving")
    ttft = [
        entry["samples"]
        for kept in cells.values()
        for entry in kept["series"]
        if (entry["case"], entry["metric"]) == ("closed/c4/isl64/osl16", "ttft")
    ]
    pooled = sorted(sample for samples in ttft for sample in samples)
    stated_now = {
        item["labels"]["percentile"]: item["value"]
        for item in data["predicate"]["measurements"]
        if (item["case"], item["metric"]) == ("closed/c4/isl64/osl16", "ttft")
    }
    assert len(pooled) >= 10
    for percentile, value in stated_now.items():
        assert value == pooled[math.ceil(percentile / 100 * len(pooled)) - 1]


@pytest.mark.parametrize("place", sorted(honest.PUBLIC.iterdir()), ids=lambda path: path.name[:8])
def test_every_published_result_is_what_its_raw_samples_give(place):
    from results.archive import archive

    opened = archive.open_result(place)
    assert opened.evidence.rows
    assert [finding for finding in opened.findings if finding.rule == "samples"] == []
    # They are from before energy was kept with the samples.
    [line] = [line for line in opened.unchecked if line.startswith("samples")]
    assert "figures of energy not checked" in line


@pytest.mark.parametrize("suite", raw.SUITES)
@pytest.mark.parametrize(
    "change", [raw.with_false_figure, raw.with_false_samples, raw.with_one_sample_more]
)
def test_a_figure_that_the_samples_do_not_give_is_refused_with_both_numbers(suite, change):
    data, samples = change(suite)
    named = raw.figure_of(data, suite)
    findings = [
        finding
        for finding in refused(data, samples)
        if finding.where.startswith(f"{named['case']} ")
    ]
    assert {finding.rule for finding in findings} == {"samples"}
    assert findings[0].left != findings[0].right
    assert "its raw samples give" in findings[0].reason
    assert findings[0].formula.startswith("value, interval, n and labels")


ALTERED = {
    "value": {"value": 12.1},
    "low end": {"low": 9.8},
    "high end": {"high": None},
    "n": {"n": 10},
    "method": {"method": "reported"},
    "a label": {"labels": {"batch": 2}},
    "another case": {"case": "decode/b4/ctx64"},
    "a percentile of none": {"labels": {"batch": 1, "percentile": 99.0}},
}


def exact():
    rows = evidence(encoded(CELLS), "raw").rows
    [row] = rows.values()
    return {"value": row.value, "low": row.low, "high": row.high, "n": row.n}


def test_figures_that_the_samples_give_are_held_one_by_one():
    assert refused(stated(figure(**exact())), encoded(CELLS)) == []
    held = judged(stated(figure(**exact())), encoded(CELLS)).held
    without = checks.judge(read_statement(stated(figure(**exact())))).held
    assert held == without + 1


@pytest.mark.parametrize("change", ALTERED.values(), ids=ALTERED)
def test_whatever_is_altered_in_a_figure_is_told(change):
    data = stated(figure(**{**exact(), **change}))
    assert "samples" in {finding.rule for finding in refused(data, encoded(CELLS))}


TOLD = {
    "value": "12.1 is stated, its raw samples give 12",
    "low end": "low end 9.8 is stated, its raw samples give 9.728219756",
    "high end": "high end None is stated, its raw samples give 14.73368848",
    "n": "n = 10 is stated, its raw samples give 9",
    "method": "method reported is stated, its raw samples give measured",
    "a label": "batch 2 is stated, its raw samples give 1",
    "another case": "12 is stated, its raw samples give no such figure",
}


@pytest.mark.parametrize("name", TOLD)
def test_the_reason_names_what_was_altered_and_both_values(name):
    data = stated(figure(**{**exact(), **ALTERED[name]}))
    [finding] = [finding for finding in refused(data, encoded(CELLS)) if finding.rule == "samples"]
    assert finding.reason == TOLD[name]
    assert finding.where == f"{ALTERED[name].get('case', CASE)} tpot"


def test_numbers_are_given_beside_the_reason_and_texts_are_not():
    both = {"a label": (2.0, 1.0), "n": (10, 9.0), "method": (None, None)}
    for name, numbers in both.items():
        data = stated(figure(**{**exact(), **ALTERED[name]}))
        [finding] = [
            finding for finding in refused(data, encoded(CELLS)) if finding.rule == "samples"
        ]
        assert (finding.left, finding.right) == numbers


def test_a_percentile_that_the_samples_do_not_give_is_named():
    labels = {"batch": 1, "percentile": 99.0}
    data = stated(figure(**{**exact(), "labels": labels}))
    [finding] = [finding for finding in refused(data, encoded(CELLS)) if finding.rule == "samples"]
    assert finding.where == f"{CASE} tpot p99.0"


def test_the_worst_rounding_of_another_machine_is_no_difference():
    assert (
        refused(stated(figure(**{**exact(), "low": exact()["low"] * (1 + 1e-12)})), encoded(CELLS))
        == []
    )


def test_a_point_that_its_samples_call_invalid_cannot_be_stated_as_valid():
    data, cells = raw.published("serving")
    for kept in cells.values():
        for point in kept["facts"].get("points", {}).values():
            point["problems"] = ["the client was too slow"]
    findings = refused(data, raw.named(data, cells))
    told = "valid True is stated, its raw samples give False"
    assert any(finding.reason == told for finding in findings)


def test_failures_that_the_samples_count_cannot_be_left_out():
    data, cells = raw.published("serving")
    failed = [
        entry for kept in cells.values() for entry in kept["series"] if entry["metric"] == "failed"
    ]
    failed[0]["samples"] = [3.0]
    predicate = data["predicate"]
    predicate["measurements"] = [
        item for item in predicate["measurements"] if item["metric"] != "failed"
    ]
    [finding] = refused(data, raw.named(data, cells))
    assert (finding.where, finding.right) == (f"{failed[0]['case']} failed", 3.0)
    assert finding.reason == "is not stated, its raw samples give 3"


def test_what_speaks_against_a_point_is_not_left_out():
    metric = "instrument_ttft_error"
    data, cells = raw.published("serving")
    samples = raw.named(data, cells)
    predicate = data["predicate"]
    stated = [item for item in predicate["measurements"] if item["metric"] == metric]
    kept = [item for item in predicate["measurements"] if item["metric"] != metric]
    predicate["measurements"] = kept
    findings = refused(data, samples)
    assert len(findings) == len(stated) > 0
    assert {finding.where for finding in findings} == {
        f"{item['case']} {metric}" for item in stated
    }


METER = {"name": "rapl", "scope": "package", "method": "hardware counter"}


def window(joules):
    blank = {"suite": "inference", "case": CASE, "meter": "rapl", "low": joules, "high": joules}
    return {**blank, "joules": joules, "duration_s": 2.0, "input_tokens": 0, "output_tokens": 10}


def metered():
    return {
        name: {**kept, "suite": "inference", "energy": [window(joules)], "meters": [METER]}
        for (name, kept), joules in zip(CELLS.items(), (20.0, 30.0, 40.0), strict=True)
    }


def test_energy_is_computed_again_from_the_windows_of_the_meters():
    rows = evidence(encoded(metered()), "raw").rows.values()
    [energy] = [row for row in rows if row.metric == "energy_per_output_token"]
    assert (energy.value, energy.n, energy.unit) == (3.0, 3, "J/token")
    fields = ("value", "low", "high", "n", "metric", "unit", "labels")
    true = figure(**{name: getattr(energy, name) for name in fields})
    assert refused(stated(figure(**exact()), true), encoded(metered())) == []
    false = {**true, "value": 2.9}
    [finding] = refused(stated(figure(**exact()), false), encoded(metered()))
    assert (finding.left, finding.right) == (2.9, 3.0)


def test_energy_without_windows_is_not_checked_and_said_to_be():
    joules = figure(metric="energy_per_output_token", unit="J/token", value=3.0, low=2.0, high=4.0)
    told = judged(stated(figure(**exact()), joules), encoded(CELLS))
    assert [finding for finding in told.findings if finding.outcome == "refused"] == []
    assert any("1 figures of energy not checked" in line for line in told.unchecked)


def deep(levels):
    return b"[" * levels + b"]" * levels


def altered(**change):
    return encoded({"inference-p0": cell({**series([1.0, 2.0]), **change})})


ODD = {
    "truncated": encoded(CELLS)[:-20],
    "no JSON": b"samples",
    "no UTF-8": b"\xff\xfe",
    "deep": deep(100_000),
    "a key twice": b'{"inference-p0": {}, "inference-p0": {}}',
    "not a number": encoded(CELLS).replace(b"20.0", b"NaN"),
    "beyond a double": encoded(CELLS).replace(b"20.0", b"1e999"),
    "a long integer": encoded(CELLS).replace(b"20.0", b"9" * 5000),
    "a text": altered(samples=["1.0"]),
    "a truth": altered(samples=[True]),
    "a null": altered(samples=[None]),
    "a number for samples": altered(samples=3),
    "no samples": altered(samples=[]),
    "a list": b"[]",
    "a cell that is none": b'{"inference-p0": 3}',
    "another suite": encoded({"training-p0": cell(series([1.0]))}),
    "no facts of a point": encoded({"serving-p0": cell(series([1.0], metric="ttft"))}),
    "labels of no kernel": encoded({"kernels-p0": cell(series([1.0]))}),
    "too many values": b'{"inference-p0":[' + b"1," * 1_000_000 + b"1]}",
    "too many cells": encoded({f"inference-p{n}": cell() for n in range(257)}),
    "too many cases": encoded(
        {"inference-p0": cell(*(series([1.0], case=str(n)) for n in range(2001)))}
    ),
}


@pytest.mark.parametrize("samples", ODD.values(), ids=ODD)
def test_samples_that_are_none_give_no_figures_and_one_line(samples):
    [finding] = refused(stated(figure(**exact())), samples)
    assert (finding.rule, finding.where) == ("samples", "raw samples")
    assert finding.reason.startswith("give no figures: raw")
    assert str(finding).isprintable()
    assert len(str(finding)) < 400


def test_samples_above_the_bound_are_not_checked_and_said_to_be():
    told = judged(stated(figure(**exact())), b" " * (2**24 + 1))
    assert told.findings == judged(stated(figure(**exact())), encoded(CELLS)).findings
    assert any("larger than 16777216 bytes" in line for line in told.unchecked)


def test_a_clock_of_a_machine_that_ran_for_a_year_is_read():
    year_ns = 365 * 24 * 3600 * 10**9
    windows = [{"start_ns": year_ns, "end_ns": year_ns + 1}]
    assert evidence(altered(windows=windows), "raw").fault == ""


def test_processes_are_counted_as_numbers():
    cells = {f"inference-p{n}": cell(series([1.0], labels={"batch": n})) for n in range(11)}
    [row] = evidence(encoded(cells), "raw").rows.values()
    assert row.labels["batch"] == 0


def test_what_a_run_writes_is_read_back_to_the_figures_it_states():
    measured = Series(
        **{**series([10.0, 12.5], labels={"batch": 1}), "samples": (10.0, 12.5), "windows": ()}
    )
    cells = [
        KeptCell(
            name=f"inference-p{n}",
            suite="inference",
            result=CellResult(series=(measured,)),
            energy=(EnergyWindow(**window(joules)),),
            meters=(METER,),
        )
        for n, joules in enumerate((20.0, 30.0))
    ]
    given = evidence(raw_samples(cells), "raw")
    assert given.metered
    assert [*given.rows.values()] == rows_of(cells)
    assert {row.metric for row in rows_of(cells)} == {"tpot", "energy_per_output_token"}


def asked(**change):
    """Raw samples of eleven questions of which two were answered right."""
    made = QualityRecord(
        seed=7, count=11, longest=0, api="chat", answer_tokens=64, temperature=0.0, answers=[]
    )  # fmt: skip
    items = questions(7, 11, 0)
    answers = [
        {"text": right_answer(item) if place < 2 else "no idea", "tokens": 10}
        for place, item in enumerate(items)
    ]
    facts = {**made.model_dump(mode="json"), "answers": answers, **change}
    return encoded({"serving-p0": {**cell(), "facts": {"quality": facts, "points": {}}}})


def answered():
    """A statement of what these samples give."""
    fields = ("suite", "case", "metric", "unit", "value", "low", "high", "n", "method", "labels")
    rows = evidence(asked(), "raw").rows.values()
    figures = [figure(**{name: getattr(row, name) for name in fields}) for row in rows]
    return stated(*figures, seed=7, suites=["serving", "quality"])


def test_every_answer_is_graded_again():
    data = answered()
    assert refused(data, asked()) == []
    all_of_them = data["predicate"]["measurements"][0]
    assert (all_of_them["case"], all_of_them["value"]) == ("questions/all", 2 / 11)
    all_of_them["value"] = 3 / 11
    [finding] = refused(data, asked())
    assert finding.reason == "0.2727272727 is stated, its raw samples give 0.1818181818"


def test_a_family_that_answers_badly_cannot_be_left_out():
    data = answered()
    left = data["predicate"]["measurements"].pop()
    [finding] = refused(data, asked())
    assert finding.where == f"{left['case']} {left['metric']}"
    assert finding.reason.startswith("is not stated, its raw samples give")


@pytest.mark.parametrize(
    "change",
    [{"answers": []}, {"count": 12}, {"seed": -1}, {"answers": "all"}, {"longest": 1},
     {"answers": [{"text": "x" * 4097}] * 11}],
)  # fmt: skip
def test_answers_that_are_not_all_there_are_no_samples(change):
    assert any(
        finding.reason.startswith("give no figures")
        for finding in refused(answered(), asked(**change))
    )
