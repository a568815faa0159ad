"""Times of a clock neither repeat nor round themselves; those that do are told."""

from types import SimpleNamespace

import pytest

from results import checks
from results.checks.clocks import no_clock_gave
from results.statement.statement_v2 import read_statement
from suites.base.records import Series
from tests.results import honest, raw

TIMES = (10.0004231, 11.2003817, 9.8104523, 10.4407712, 12.1305489, 10.9102236, 9.9906124, 11.5207)


def cells(*samples, metric="ttft", suite="serving"):
    """A process for each series of samples."""
    return [
        SimpleNamespace(
            name=f"p{number}",
            result=SimpleNamespace(
                series=[
                    Series(suite=suite, case="closed/c1", metric=metric, unit="ms", samples=own)
                ]
            ),
        )
        for number, own in enumerate(samples)
    ]


def scaled(factor, times=TIMES):
    return tuple(value * factor for value in times)


@pytest.mark.parametrize(
    ("samples", "says"),
    [
        ([TIMES], []),
        ([TIMES, scaled(1.01)[:7]], []),
        ([TIMES[:7], scaled(0.9)[:7]], []),
        ([TIMES, (*scaled(0.9)[:-1], 10.3686351)], []),
        ([TIMES, TIMES], ["of p1 are those of closed/c1 in p0, times a number"]),
        ([TIMES, scaled(0.9)], ["of p1 are those of closed/c1 in p0, times a number"]),
        ([(10.0004231,) * 8], ["of p0 are 8 times the same"]),
        ([tuple(round(value, 2) for value in TIMES)], ["of p0 are of whole hundredths of a"]),
        ([tuple(round(value, 3) for value in TIMES)], []),
        ([(0.0,) * 8], []),
    ],
)
def test_what_no_clock_gives_is_told(samples, says):
    told = [reason for _, reason in no_clock_gave(cells(*samples))]
    assert len(told) == len(says)
    assert all(reason.startswith(expected) for reason, expected in zip(told, says, strict=True))


@pytest.mark.parametrize("more", [{"metric": "engine_ttft"}, {"suite": "kernels"}])
def test_clocks_of_others_may_round(more):
    assert list(no_clock_gave(cells((10.0,) * 8, **more))) == []


def test_a_result_whose_samples_no_clock_gave_is_flagged():
    data, kept = raw.published("serving")
    series = next(
        series
        for cell in kept.values()
        for series in cell["series"]
        if series["metric"] == "ttft" and len(series["samples"]) >= 8
    )
    series["samples"] = [series["samples"][0]] * len(series["samples"])
    evidence = checks.evidence(raw.named(data, kept), "raw samples")
    findings = checks.check(read_statement(data), checks.Context(evidence=evidence))
    told = [finding for finding in findings if finding.outcome == "flagged"]
    assert {finding.rule for finding in told} == {"samples"}
    assert "times the same" in told[0].reason


def test_a_copy_that_is_made_faster_has_the_shape_of_its_original():
    def prints(data):
        return checks.fingerprints(read_statement(data))

    data = honest.published("serving", "llama.cpp")
    mine = prints(data)
    data["subject"][0]["digest"]["sha256"] = "1" * 64
    for item in data["predicate"]["measurements"]:
        factor = 1 / 1.07 if item["unit"] == "ms" else 1.07
        for end in ("value", "low", "high"):
            item[end] = item[end] and item[end] * factor
    assert set(prints(data).values()) & set(mine.values()) == {mine["shapes"]}
