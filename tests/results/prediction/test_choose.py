"""Choices by hand: two chips, times of round numbers, and bills that can be worked out."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import results
from results.economy.money_options import money_of
from results.prediction.choose import (
    Demand,
    LatencyLimits,
    Options,
    Price,
    Setup,
    SetupOption,
    choose,
    spread,
)
from results.prediction.deployments import LOADS, learnt, predicted
from results.prediction.many import times_of
from results.prediction.market import ChipMarket, at_hand_of, hosted, in_region
from results.prediction.observed import Record, observed, reported_records
from results.prediction.plan import Layout
from results.prediction.predict import Workload, cell_of, predictor
from results.reported.shipping import shipped_files
from suites.base.errors import UserError
from suites.base.records import Row
from suites.models import load
from suites.models.names import known_as

PUBLIC = Path(results.__file__).parent / "public"
# 100 tokens at 10 ms after a first one at 10 ms: a request takes a second.
DEMAND = Demand(isl=100, osl=100, rps=10)
HOURS = 730.5


def option(chip="cheap", kind="predicted", *, load=4, tp=1):
    setup = Setup(chip, "vllm", "fp8", Layout(tp, 1, tp, 1))
    return SetupOption(setup=setup, concurrency=load, kind=kind, basis="")


def options(*own, ttft=10.0, tpot=10.0, wide=1.0):
    ends = np.array([[1.0], [1 / wide], [wide]])
    times = [np.full(len(own), float(time)) * ends for time in (tpot, ttft)]
    return Options(list(own), *times, np.full((2, len(own)), np.nan))


PRICES = {"cheap": Price(usd_per_hour=1.0, label=""), "dear": Price(usd_per_hour=3.0, label="")}


def chosen(own, limits=None, **given):
    demand = given.pop("demand", DEMAND)
    return choose(own, demand, limits or LatencyLimits(), PRICES.get, **given)


def test_a_bill_is_whole_engines_for_a_month():
    (best,) = chosen(options(option(tp=2))).ranked
    # Four requests a second for an engine of two chips: three engines, six dollars an hour.
    assert (best.rps, best.engines, best.chips) == (pytest.approx(4), 3, 6)
    assert best.monthly_usd.value == pytest.approx(6 * HOURS)
    # A thousand tokens a second are asked for: 3.6 million an hour.
    assert best.usd_per_mtok == pytest.approx(6 / 3.6)


def test_users_take_engines_by_requests_under_way():
    (best,) = chosen(options(option()), demand=Demand(100, 100, users=9)).ranked
    assert best.engines == 3


def test_the_cheaper_stands_first_and_what_overlaps_is_a_tie():
    both = options(option("dear"), option("cheap"))
    assert [(o.option.setup.chip, o.rank, o.tied) for o in chosen(both).ranked] == [
        ("cheap", 1, False),
        ("dear", 2, False),
    ]
    wide = replace(both, tpot=both.tpot * [[1], [1 / 4], [4]])
    assert [(o.rank, o.tied) for o in chosen(wide).ranked] == [(1, True), (1, True)]


def test_within_a_tie_better_evidence_stands_first():
    kinds = ("predicted", "reported", "attested", "measured")
    own = options(*(option(kind=kind, tp=2 ** (3 - i)) for i, kind in enumerate(kinds)), wide=50)
    ranked = chosen(own).ranked
    assert [o.option.kind for o in ranked] == list(reversed(kinds))
    assert {o.rank for o in ranked} == {1}


def test_a_cell_that_was_measured_is_not_predicted_too():
    own = options(option(), option(kind="measured"), option(load=2))
    ranked = chosen(own).ranked
    assert [(o.option.kind, o.option.concurrency) for o in ranked] == [
        ("measured", 4),
        ("predicted", 2),
    ]


def test_of_a_set_up_the_load_that_serves_most_is_taken():
    (best,) = chosen(options(option(load=2), option(load=8), option(load=4))).ranked
    assert best.option.concurrency == 8


@pytest.mark.parametrize(
    ("limit", "kind", "holds"),
    [(11, "predicted", False), (12, "predicted", True), (11, "reported", True),
     (9.9, "measured", False)],
)  # fmt: skip
def test_predicted_times_keep_a_margin(limit, kind, holds):
    assert bool(chosen(options(option(kind=kind)), LatencyLimits(tpot_ms=limit)).ranked) is holds


def test_a_percentile_is_measured_or_else_usual():
    own = options(option(kind="measured"))
    limits = LatencyLimits(ttft_ms=20, percentile=99)
    assert not chosen(own, limits).ranked  # 4.76 × 10 ms
    measured = replace(own, tail=np.array([[15.0], [np.nan]]))
    (best,) = chosen(measured, limits).ranked
    assert best.ttft_ms.value == 15


def test_spreads_grow_and_a_mean_has_none():
    assert spread("ttft", None) == 1
    assert spread("ttft", 90) == pytest.approx(1.43)
    assert spread("ttft", 50) < spread("ttft", 75) < spread("ttft", 95) < spread("ttft", 99.9)


@pytest.mark.parametrize(
    ("limits", "given", "chip", "why"),
    [
        (LatencyLimits(tpot_ms=5), {}, "cheap", "TPOT is 10 ms at best, over 5 ms with the margin"),
        (LatencyLimits(ttft_ms=5, percentile=90), {}, "cheap", "TTFT at p90 is 14.3 ms at best"),
        (LatencyLimits(), {"at_hand": {"cheap": 2}}, "cheap", "takes 3 chips, 2 are at hand"),
        (LatencyLimits(), {}, "unpriced", "no price in this class"),
    ],
)
def test_each_loser_has_a_sentence(limits, given, chip, why):
    (loser,) = chosen(options(option(chip)), limits, **given).losers
    assert loser.chip == chip
    assert why in loser.why


def test_what_is_refused_loses_with_its_reason_unless_something_of_it_is_ranked():
    unseen = [("cheap", "18 GB do not fit"), ("none", "no bandwidth")]
    losers = chosen(options(option()), unseen=unseen).losers
    assert [(loser.chip, loser.why) for loser in losers] == [("none", "no bandwidth")]


def test_three_predicted_ones_are_worth_measuring():
    own = options(*(option(tp=tp) for tp in (1, 2, 4, 8)), option(kind="measured", tp=16))
    assert [o.option.setup.layout.tp for o in chosen(own).measure] == [1, 2, 4]


def record(**given):
    labels = {"isl": 100, "osl": 100, "concurrency": 4, "percentile": 50.0}
    rows = [
        Row(suite="serving", case="c4", metric=metric, unit="ms", value=value, low=value / 2,
            high=value * 2, n=9, method="measured", labels={**labels, "percentile": at})
        for metric, value, at in (("ttft", 6.3, 50.0), ("ttft", 40.0, 99.0), ("tpot", 10.0, 50.0))
    ]  # fmt: skip
    own = {
        "kind": "measured", "where": "d1", "chip": "h200-sxm", "count": 4,
        "model": "llama-3.1-8b", "engine": "vllm", "precision": "bf16",
        "labels": {"tensor_parallel": 2}, "measurements": rows,
    }  # fmt: skip
    return Record(**(own | given))


def test_a_signed_result_becomes_an_option():
    seen = observed([record()], "llama-3.1-8b", DEMAND, 99)
    (own,) = seen.options
    assert (own.kind, own.basis, own.concurrency) == ("measured", "d1", 4)
    assert own.setup == Setup("h200-sxm", "vllm", "bf16", Layout(2, 2, 4, 1))
    # A mean TTFT is 1 ÷ 0.63 of a median.
    assert seen.ttft[:, 0] == pytest.approx([10, 5, 20])
    assert seen.tpot[:, 0] == pytest.approx([10, 5, 20])
    assert seen.tail[0, 0] == 40
    assert np.isnan(seen.tail[1, 0])


@pytest.mark.parametrize(
    "given",
    [{"model": "qwen2.5-0.5b"}, {"labels": {"disaggregated": True}},
     {"labels": {"speculation": "eagle"}}, {"measurements": []}],
)  # fmt: skip
def test_what_is_of_another_kind_is_no_evidence(given):
    assert not observed([record(**given)], "llama-3.1-8b", DEMAND).options


def test_lengths_that_are_near_count():
    near, far = Demand(95, 110, rps=1), Demand(100, 200, rps=1)
    assert observed([record()], "llama-3.1-8b", near).options
    assert not observed([record()], "llama-3.1-8b", far).options


def test_many_cells_are_predicted_as_one_is():
    using = predictor()
    cells = [
        cell_of(chip, "llama-3.1-8b", Workload(isl=1024, osl=512, concurrency=load),
                precision="fp8", engine=engine, layout=(1, 1, 1))
        for chip in ("h200-sxm", "instinct-mi300x", "ascend-910b")
        for engine in ("vllm", "unheard-of")
        for load in (1, 64)
    ]  # fmt: skip
    times = times_of(using, cells)
    for place, own in enumerate(using.predict(cells)):
        assert times.refused[place] == own.refused
        if not own.refused:
            assert times.tpot[:, place] == pytest.approx([own.tpot_ms, own.tpot_low, own.tpot_high])
            assert times.ttft[:, place] == pytest.approx([own.ttft_ms, own.ttft_low, own.ttft_high])
            assert times.basis[place] == own.basis


def test_configurations_fit_memory_and_reported_ones_are_those_learnt_from():
    geometry, demand = load("llama-3.1-70b"), Demand(1024, 1024, rps=1)
    own, unseen = predicted(predictor(), geometry, demand, ["l4", "h200-sxm", "ascend-910b"])
    assert {o.concurrency for o in own.options} <= set(LOADS)
    assert {o.setup.layout.tp for o in own.options if o.setup.chip == "l4"} == {4, 8}
    assert ("ascend-910b", "no evidence: no memory bandwidth of ascend-910b is published") in unseen
    reported = learnt(predictor(), geometry, demand)
    assert {o.kind for o in reported.options} == {"reported"}
    assert np.all(reported.tpot > 0)


def test_an_own_price_is_of_the_chips_at_hand():
    money = money_of({"price": "2.5/chip/h"})
    market = ChipMarket(money, "on-demand", frozenset({"l4"}))
    assert market.price("l4").usd_per_hour == 2.5
    assert market.price("h200-sxm").usd_per_hour == money.sheet.rental("h200-sxm").usd_per_hour
    assert market.price("trainium3") is None


def test_an_owned_chip_costs_its_life_and_its_electricity():
    sheet = money_of({}).sheet
    market = ChipMarket(money_of({}), "owned")
    bought, years = sheet.purchase("h200-sxm"), sheet.ownership.life_years.value
    least = bought.usd_low / (years * 8766)
    assert market.price("h200-sxm").usd_per_hour > least
    free = money_of({"tariff": "0.0001/kWh"})
    assert (
        ChipMarket(free, "owned").price("h200-sxm").usd_per_hour
        < market.price("h200-sxm").usd_per_hour
    )


def test_a_region_has_a_tariff_and_a_grid():
    sheet = money_of({}).sheet
    china, mix = in_region(sheet, "china")
    assert china.reference_tariff == "China, industrial average"
    assert mix.code == "CHN"
    assert in_region(sheet, None)[1].code == "USA"
    assert in_region(sheet, "Iowa")[1].code == "USA"
    with pytest.raises(UserError, match="no region 'Atlantis'"):
        in_region(sheet, "Atlantis")


def test_chips_at_hand():
    assert at_hand_of("h200-sxm:16, l4") == {"h200-sxm": 16, "l4": None}
    assert at_hand_of(None) == {}
    for bad in ("h200-sxm:0", "h200-sxm:many", "no-such-chip"):
        with pytest.raises(UserError):
            at_hand_of(bad)


def test_an_api_sells_the_same_tokens():
    from results.catalog.api_data import api_price, api_sheet

    sheet, model = api_sheet(), "llama-3.1-70b"
    api = hosted(sheet, model, Demand(1000, 500, rps=1), None)
    month = HOURS * 3600 / 1e6
    usd = [api_price(sheet, model, kind).usd for kind in ("input", "output")]
    assert api.monthly_usd == pytest.approx(month * (1000 * usd[0] + 500 * usd[1]))
    assert hosted(sheet, model, Demand(1000, 500, users=1), None) is None


def test_the_command_ranks_and_says_why_others_lose(fenmark):
    done = fenmark(
        "choose", "llama-3.1-8b", "--rps", "5", "--ttft", "3000", "--tpot", "60",
        "--chips", "h200-sxm:8,l4,ascend-910b", "--json",
    )  # fmt: skip
    told = json.loads(done.stdout)
    assert told["margin"] == 1.2
    assert {row["chip"] for row in told["ranked"]} <= {"h200-sxm", "l4"}
    assert told["ranked"][0]["rank"] == 1
    assert told["ranked"][0]["kw"] > 0
    assert "ascend-910b" in {loser["chip"] for loser in told["losers"]}
    assert len(told["measure"]) == 3


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ((), "--rps, --users"),
        (("--rps", "1", "--users", "1"), "--rps, --users"),
        (("--rps", "1", "--class", "bought"), "--class"),
        (("--rps", "1", "--price", "2/h"), "--price"),
        (("--rps", "1", "--owned", "9000"), "--owned"),
        (("--rps", "1", "--region", "Atlantis"), "--region"),
    ],
)
def test_the_command_refuses_what_it_cannot_mean(fenmark, options, where):
    done = fenmark("choose", "llama-3.1-8b", *options)
    assert done.returncode == 2
    assert where in done.stderr


def test_nothing_within_limits_is_said_and_fails(fenmark):
    done = fenmark("choose", "llama-3.1-8b", "--rps", "1", "--tpot", "0.01", "--chips", "h200-sxm")
    assert done.returncode == 1
    assert "h200-sxm: TPOT is" in done.stdout


def test_results_of_an_archive_are_measured_evidence(fenmark):
    done = fenmark(
        "choose", "qwen2.5-0.5b", "--isl", "64", "--osl", "16", "--rps", "1",
        "--results", PUBLIC, "--chips", "epyc-9004", "--json",
    )  # fmt: skip
    told = json.loads(done.stdout)
    assert told["ranked"]
    assert {row["mark"] for row in told["ranked"]} == {"●"}
    assert {row["chip"] for row in told["ranked"]} == {"epyc-9004"}


def test_a_set_up_served_apart_is_of_the_terms_without_mixing(fenmark):
    demand = Demand(2000, 500, rps=1)
    geometry = load("llama-3.1-70b")
    made, _ = predicted(predictor(), geometry, demand, ["h200-sxm"], precisions=["fp8"])
    own = next(o for o in made.options if o.setup.layout.tp == 4 and o.concurrency == 32)
    cell = cell_of(
        "h200-sxm", "llama-3.1-70b", Workload(isl=2000, osl=500, concurrency=32),
        precision="fp8", engine="vllm", layout=(4, 1, 1),
    )  # fmt: skip
    alone = predictor().predict([cell])[0]
    step = sum(ms for name, (_, ms) in alone.terms.items() if not name.startswith("prefill"))
    assert own.apart == pytest.approx(32 * alone.first_terms["prompt"][1] / (step * 499))
    done = fenmark("choose", "llama-3.1-70b", "--rps", "1", "--chips", "h200-sxm")
    assert "prefill : " in done.stdout
    told = json.loads(
        fenmark("choose", "llama-3.1-70b", "--rps", "1", "--chips", "h200-sxm", "--json").stdout
    )
    assert all(row["prefill_per_decode"] for row in told["ranked"] if row["mark"] == "◈")


def test_reported_results_are_those_measured_of_the_model_without_a_flag():
    files = list(shipped_files())
    records = [own for file in files for own in reported_records(file, {"llama-3.1-70b"})]
    assert records
    assert {known_as(own.model) for own in records} == {"llama-3.1-70b"}
    assert {own.kind for own in records} == {"reported"}
    mlperf = next(file for file in files if file.source.view == "mlperf")
    assert not list(reported_records(mlperf, {known_as(r.model or "") for r in mlperf.results}))
