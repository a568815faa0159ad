"""Where each law begins to speak, from both sides: numbers just inside it and just outside."""

from __future__ import annotations

import pytest

from results.checks import Context, check, judge_reported
from results.reported.parts.building import figure
from results.statement.reported import ReportedChip, ReportedResult
from results.statement.statement import Statement
from tests.builders import figure as measured
from tests.builders import stated
from tests.results import honest
from tests.results.checks.test_checks import BY_NVML, COLD, NOW, NVML, flaws, row  # noqa: F401

RAPL = {"name": "rapl package-0", "scope": "package", "method": "hardware counter"}
DRAM = {"name": "rapl dram", "scope": "package", "method": "hardware counter"}
NODE = {"name": "ipmi", "scope": "node", "method": "sampled power"}


def by(meter):
    return {"meter": meter["name"], "scope": meter["scope"], "meter_method": meter["method"]}


def rank(metric, unit, value, percentile, **labels):
    return row(metric, unit, value, labels={"percentile": percentile, **labels})


FALLING = [rank("itl", "ms", 9.0, 50), rank("itl", "ms", 8.0, 99.0)]


@pytest.mark.parametrize("rows", [FALLING, FALLING[::-1]])
def test_percentiles_are_ordered_however_they_are_listed(flaws, rows):  # noqa: F811
    assert flaws(*rows) == {("latency-order", "refused")}


def test_rising_percentiles_may_be_listed_in_any_order(flaws):  # noqa: F811
    assert flaws(rank("itl", "ms", 9.0, 99.0), rank("itl", "ms", 8.0, 50)) == set()


def test_two_figures_of_one_percentile_are_a_duplicate_and_in_no_order(flaws):  # noqa: F811
    assert flaws(row("itl", "ms", 21.0), row("itl", "ms", 20.0)) == {("duplicate", "flagged")}


def test_percentiles_of_two_meters_are_two_series(flaws):  # noqa: F811
    other = {**NVML, "name": "nvml 1"}
    rows = [rank("power", "W", 300.0, 50, **by(NVML)), rank("power", "W", 290.0, 99.0, **by(other))]
    assert flaws(*rows, meters=[NVML, other]) == set()


@pytest.mark.parametrize(
    ("n", "stated_pace", "fits"),
    [
        # Of 47.6 and 75.6 ms, the median TPOT is the first and the median pace (21 + 13.2) ÷ 2.
        (12, 17.1, True),
        (12, 10.4, False),
        (13, 17.1, False),  # one is in the middle
        (32, 17.1, False),  # neighbours are near
    ],
)
def test_a_median_of_an_even_few_lies_between_two_that_may_be_apart(flaws, n, stated_pace, fits):  # noqa: F811
    pace = row("interactivity", "tokens/s/user", stated_pace, suite="serving", n=n)
    rules = flaws(rank("tpot", "ms", 47.6, 50) | {"n": n, "suite": "serving"}, pace)
    assert (("interactivity", "flagged") not in rules) is fits


IDLE = [
    # What rests, in W by which meter; what the chip draws at work; whether that can be.
    ("a chip may draw a tenth less than at rest, as meters err", [(100.0, NVML)], 92.0, True),
    ("no more than a tenth", [(100.0, NVML)], 90.0, False),
    ("a whole node rests above one chip", [(400.0, NODE)], 300.0, True),
    ("memory is not part of the chip", [(200.0, DRAM)], 150.0, True),
    (
        "the least of several rests",
        [(200.0, {**NVML, "name": "nvml 1"}), (90.0, NVML)],
        120.0,
        True,
    ),
]


@pytest.mark.parametrize(
    ("idle", "at_work", "fits"), [case[1:] for case in IDLE], ids=[c[0] for c in IDLE]
)
def test_work_takes_no_less_than_rest(flaws, idle, at_work, fits):  # noqa: F811
    rests = [row("idle_power", "W", watts, case="idle", labels=by(meter)) for watts, meter in idle]
    meters = {meter["name"]: meter for meter in (NVML, *(meter for _, meter in idle))}
    rules = flaws(row("power", "W", at_work, labels=BY_NVML), *rests, meters=meters.values())
    assert rules == (set() if fits else {("power", "flagged")})


def test_a_modelled_rest_bounds_nothing(flaws):  # noqa: F811
    rest = row("idle_power", "W", 400.0, case="idle", method="modelled", labels={"scope": "chip"})
    assert flaws(row("power", "W", 150.0, labels=BY_NVML), rest, meters=[NVML]) == set()


def test_the_rest_of_a_chip_does_not_bound_a_node(flaws):  # noqa: F811
    rest = row("idle_power", "W", 120.0, case="idle", labels=BY_NVML)
    node = row("power", "W", 90.0, labels=by(NODE))
    assert flaws(node, rest, meters=[NVML, NODE]) == set()


def test_a_scope_that_nobody_knows_is_flagged_in_what_others_publish_too():
    power = figure("serving", "case", "power", 500, labels={"scope": "city"})
    result = ReportedResult(
        id="one",
        chip=ReportedChip(name="H100", catalog_id="h100-sxm", count=1),
        model=None,
        precision=None,
        labels={},
        measurements=[power],
    )
    [finding] = judge_reported(result).findings
    assert finding.rule == "meter"
    assert "'city'" in finding.reason


def genoa(cores):
    """Cores of a rented AMD EPYC 9004, whose smallest part has 16: 460.8 GB/s a socket."""
    chip = {"catalog_id": "epyc-9004", "name": "AMD EPYC 9R14", "kind": "cpu", "count": cores}
    return {"chip": chip, "cpu_cores": cores, "driver": None}


@pytest.mark.parametrize(
    ("cores", "gb_s", "fits"),
    [
        (16, 500.0, True),
        (16, 515.0, False),
        (17, 1000.0, True),
        (32, 1000.0, True),
        (33, 1500.0, True),
    ],
)
def test_cores_lie_on_as_many_sockets_as_the_smallest_part_takes(flaws, cores, gb_s, fits):  # noqa: F811
    rules = flaws(
        row("bandwidth", "GB/s", gb_s, suite="kernels", labels=COLD), machine=genoa(cores)
    )
    assert rules == (set() if fits else {("roofline", "flagged")})


# 96 logical cores are 48 of the thriftiest part, 290 W ÷ 84 each: a twentieth is 8.3 W.
@pytest.mark.parametrize(("watts", "fits"), [(9.0, True), (7.5, False)])
def test_sockets_draw_a_twentieth_of_their_thriftiest_nameplate_at_least(flaws, watts, fits):  # noqa: F811
    rules = flaws(row("power", "W", watts, labels=by(RAPL)), meters=[RAPL], machine=genoa(96))
    assert rules == (set() if fits else {("power", "flagged")})


@pytest.mark.parametrize(
    ("finished", "rules"),
    [("12:10:00", set()), ("12:10:01", {("time", "refused")})],
)
def test_a_clock_may_be_ten_minutes_ahead_and_no_more(flaws, finished, rules):  # noqa: F811
    run = {"started_at": "2026-11-23T11:00:00Z", "finished_at": f"2026-11-23T{finished}Z"}
    assert flaws(run=run, context=Context(now=NOW)) == rules


@pytest.mark.parametrize(("value", "bound"), [(40.0, 41.0), (44.0, 43.0)])
def test_a_value_outside_its_interval_is_told_with_the_end_it_passes(value, bound):
    statement = Statement.model_validate(stated(measured(value=value), version=1))
    [finding] = [finding for finding in check(statement) if finding.rule == "latency-order"]
    assert (finding.left, finding.right) == (value, bound)


def test_an_offset_of_clocks_has_a_sign(flaws):  # noqa: F811
    offset = row("clock_offset", "ms", -2.0, suite="serving", labels={"host": 0})
    assert flaws(offset) == set()


@pytest.mark.parametrize("statistic", [{"statistic": "mean"}, {"percentile": 50.0}])
@pytest.mark.parametrize(("whole", "rules"), [(290.0, set()), (310.0, {"latency-order"})])
def test_a_request_takes_half_more_than_its_parts_at_most(flaws, statistic, whole, rules):  # noqa: F811
    # 100 ms and ten steps of 10 ms; medians of skewed parts do not add up, but nearly.
    parts = [("ttft", 100.0), ("tpot", 10.0), ("e2e", whole)]
    labels = {"osl": 11, **statistic}
    rows = [row(metric, "ms", value, suite="serving", labels=labels) for metric, value in parts]
    assert {rule for rule, _ in flaws(*rows)} == rules


# Reading 8192 tokens takes an 8B model 2 × 8.03e9 × 8192 = 131 TFLOP, 133 ms at 989 TFLOP/s.
@pytest.mark.parametrize(
    ("shared", "ttft_ms", "fits"),
    [(0.0, 150.0, True), (0.0, 100.0, False), (0.5, 100.0, True), (0.5, 50.0, False)],
)
def test_a_shared_prefix_is_computed_once_for_all(flaws, shared, ttft_ms, fits):  # noqa: F811
    labels = {"isl": 8192, "shared_prefix": shared}
    rules = flaws(row("ttft", "ms", ttft_ms, case="prefill/isl8192", labels=labels))
    assert rules == (set() if fits else {("roofline", "flagged")})


@pytest.mark.parametrize(
    ("flags", "machine_gb", "told"),
    [
        # 70B in bf16; one H100 has 80 GB, a tenth more may be.
        ({}, 1000, ["Llama-3.1-70B takes 141.1 GB, the memory is 88 GB"]),
        ({"cpu_offload_gb": 80}, 50, ["Llama-3.1-70B takes 141.1 GB, the memory is 138 GB"]),
        ({"cpu_offload_gb": 80}, 60, []),
    ],
)
def test_weights_lie_on_the_chips_or_where_the_engine_may_spill_them(flags, machine_gb, told):
    data = honest.h100()
    predicate = data["predicate"]
    predicate["engines"][0] |= {"model": "llama-3.1-70b", "flags": flags}
    predicate["machine"]["memory_bytes"] = machine_gb * 10**9
    findings = check(Statement.model_validate(data))
    assert [finding.reason for finding in findings if finding.rule == "memory"] == told


DRAFTS = [
    # Labels beside `speculation`, and whether they can be.
    ({"draft_tokens": 3, "acceptance_length": 4.0}, True),
    ({"draft_tokens": 3, "acceptance_length": 4.1}, False),
    ({"acceptance_length": 1.0}, True),
    ({"acceptance_length": 0.9}, False),
    ({"draft_tokens": 2, "acceptance_length": 2.3, "acceptance_rates": "0.80/0.50"}, True),
    ({"draft_tokens": 2, "acceptance_length": 2.6, "acceptance_rates": "0.80/0.50"}, False),
    ({"draft_tokens": 2, "acceptance_length": 2.0, "acceptance_rates": "0.80/0.50"}, False),
    ({"draft_tokens": 2, "acceptance_rates": "0.50/0.52"}, False),
    ({"draft_tokens": 1, "acceptance_rates": "0.50/0.40"}, False),
    ({"draft_tokens": 2, "acceptance_rates": "0.50/1.40"}, False),
    ({"draft_tokens": 2, "acceptance_rates": "often"}, False),
]


@pytest.mark.parametrize(("labels", "fits"), DRAFTS)
def test_drafts_add_up_to_what_a_step_brings(flaws, labels, fits):  # noqa: F811
    rules = flaws(row("failed", "count", 0.0, labels={"speculation": "mtp", **labels}))
    assert (("labels", "flagged") in rules) != fits


@pytest.mark.parametrize(
    ("labels", "factor"),
    [
        ({}, 1.0),
        ({"speculation": "none"}, 1.0),
        ({"speculation": "mtp"}, 6.0),
        ({"speculation": "mtp", "acceptance_length": 2.0}, 2.12),
        ({"speculation": "mtp", "acceptance_length": 8.0, "draft_tokens": 9}, 6.0),
        ({"speculation": "mtp", "acceptance_length": 8.0, "acceptance": "pinned"}, 8.48),
    ],
)
def test_a_step_reads_the_weights_once_for_all_tokens_that_it_brings(flaws, labels, factor):  # noqa: F811
    # 32 layers of 218.1 M weights and a head of 525.3 M, 2 bytes each, at 3,350 GB/s and a tenth
    # more: 4.073 ms a step.
    for tpot_ms, fits in ((4.08 / factor, True), (4.06 / factor, False)):
        rules = flaws(row("tpot", "ms", tpot_ms, labels=labels))
        assert (("roofline", "flagged") in rules) != fits


def test_shares_by_place_are_figures_of_their_own(flaws):  # noqa: F811
    rows = [
        row(
            *("server_position_acceptance", "share", share),
            method="reported",
            labels={"position": place, "speculation": "mtp"},
        )
        for place, share in ((1, 0.8), (2, 0.5))
    ]
    assert flaws(*rows) == set()


@pytest.mark.parametrize(("done", "fits"), [(13, True), (15, False)])
def test_few_arrivals_stray_by_what_was_expected_of_them(flaws, done, fits):  # noqa: F811
    """Of 6 that a Poisson process would send in a window 6 + 3·√6 = 13.3 are seldom passed."""
    window_s, offered = 6.0, 1.0
    load = {"rate": offered, "isl": 64, "osl": 8}
    case = "open/poisson/r1/isl64/osl8"
    rows = [
        row("request_throughput", "1/s", done / window_s, case, "serving", labels=load),
        row("e2e", "ms", 100.0, case, "serving", n=done, labels={**load, "percentile": 50}),
    ]
    assert (("queueing", "flagged") in flaws(*rows)) is not fits


# A closed loop of 8 streams for 20 s: of 100 requests the mean is 1,600 ms (Little), of 64 it is
# 2,500 and of 9 it is 17,778 ms. Whether a distribution with these percentiles can have it.
@pytest.mark.parametrize(
    ("done", "percentiles", "fits"),
    [
        (100, {50: 1600, 90: 1600, 99: 1600}, True),
        (100, {50: 600, 90: 3600, 99: 9000}, True),  # a busy machine: the median is 0.38 of it
        # The mean is 0.5·p50 + 0.4·p90 + 0.09·p99 + 0.01·4·p99 at most: 1.03·p99 where all are the
        # same, which must be 0.6 times 1,600 ms.
        (100, {50: 940, 90: 940, 99: 940}, True),
        (100, {50: 925, 90: 925, 99: 925}, False),
        (64, {50: 500, 90: 1600}, True),  # 0.5·p50 + 0.4·p90 + 0.1·4·p90, which must be 1,500 ms
        (64, {50: 400, 90: 1600}, False),
        (9, {50: 4300}, True),  # 2.5·p50, which must be 10,667 ms
        (9, {50: 4200}, False),
        (100, {50: 1800, 90: 1800, 99: 1800}, False),  # a rate raised by an eighth
        # The mean is 0.5·floor + 0.4·p50 + 0.09·p90 + 0.01·p99 at least, the floor being
        # p50 over the rise of the upper half, 1.56: of the shape 2, 2.7, 5 it is 0.867·p50.
        (100, {50: 2000, 90: 2700, 99: 5000}, True),  # 8.67 requests of 8
        (100, {50: 2100, 90: 2835, 99: 5250}, False),  # 9.1
    ],
)
def test_percentiles_bound_the_mean_that_the_rate_gives(flaws, done, percentiles, fits):  # noqa: F811
    case, load = "closed/c8/isl64/osl8", {"concurrency": 8, "isl": 64, "osl": 8}
    rows = [row("request_throughput", "1/s", done / 20.0, case, "serving", labels=load)]
    rows += [
        row("e2e", "ms", value, case, "serving", n=done, labels={**load, "percentile": place})
        for place, value in percentiles.items()
    ]
    assert (("queueing", "flagged") in flaws(*rows)) is not fits
