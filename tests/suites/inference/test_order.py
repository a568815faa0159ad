"""The order of cases: drawn from the seed, and without a part in any figure."""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from random import Random
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runners.measure.report import not_repeated
from suites.base.records import Series
from suites.client.subject import start_s
from suites.inference import plan, run, summarize
from suites.inference.measure import InferenceCase
from suites.inference.order import drawn, servers
from tests.builders import assert_signable


def decode(batch, context=128):
    return InferenceCase(
        family="decode", input_tokens=context, output_tokens=24, batch=batch, repeats=3
    )


def prefill(isl):
    return InferenceCase(family="prefill", input_tokens=isl, output_tokens=1, batch=1, repeats=3)


CASES = [prefill(128), prefill(512), decode(1), decode(2), decode(4), decode(4, 512), decode(8)]
NAMES = st.lists(st.sampled_from(CASES), min_size=1, max_size=7, unique=True)


@dataclass
class Engine:
    """An engine whose pace is that of its batch alone, if its slots are that batch.

    With more slots it is faster or slower, by what they held before.

    Attributes:
        noise: spread between processes, and half of it between rounds.
        drift: by how much the machine gets slower in a second.
        between: seconds that a case takes.
    """

    random: Random
    noise: float = 0.02
    drift: float = 0.0
    between: float = 10.0
    started: list[tuple[int, int]] = field(default_factory=list)

    def begin(self):
        self.clock = 0.0
        self.paces = {case.name: math.exp(self.random.gauss(0, self.noise)) for case in CASES}

    @contextmanager
    def subject(self, spec, *, slots, context):
        self.started.append((slots, context))
        self.slots, self.held = slots, 0
        described = {"name": "made up", "flags": {"slots": slots}}
        yield SimpleNamespace(
            target=None, engine=described, check_alive=lambda: None, labels={"api": "chat"}
        )

    def measure(self, target, case, *, seed, check_alive):
        assert case.batch <= self.slots
        pace = self.paces[case.name] * (1 + self.drift * self.clock)
        if case.batch < self.slots:
            pace *= 0.6 if self.held > case.batch else 1.3
        self.held = max(self.held, case.batch)
        self.clock += self.between
        samples = [
            truth(case) * pace * math.exp(self.random.gauss(0, self.noise / 2))
            for _ in range(case.repeats)
        ]
        return [
            Series(
                suite="inference",
                case=case.name,
                metric="ttft" if case.family == "prefill" else "tpot",
                unit="ms",
                samples=tuple(samples),
                labels=case.labels,
            )
        ]


def truth(case):
    """Milliseconds a fresh server takes."""
    return case.input_tokens / 4 if case.family == "prefill" else 40 + 3 * case.batch


@pytest.fixture
def rows_from(monkeypatch):
    """Summed-up rows of processes that measured the cases in these orders on a made-up engine."""

    def measured(engine, orders, endpoint=None):
        monkeypatch.setattr(run, "subject", engine.subject)
        monkeypatch.setattr(run, "measure", engine.measure)
        monkeypatch.setattr(run, "packages", lambda _: {})
        monkeypatch.setattr(run, "note", lambda _: None)
        monkeypatch.setattr(run, "progress", lambda *_: None)
        results = []
        for place, order in enumerate(orders):
            engine.begin()
            spec = {"subject": {"endpoint": endpoint}, "seed": place, "left_out": []}
            results.append(run.run_cell({**spec, "cases": [asdict(case) for case in order]}))
        return {row.case: row for row in summarize(results)}

    return measured


def held(rows_from, runs, *, own_orders, endpoint=None):
    """Share of figures whose interval holds the truth, over runs of any order."""
    random = Random(7)
    inside = []
    for _ in range(runs):
        orders = [random.sample(CASES, len(CASES)) for _ in range(5)]
        rows = rows_from(Engine(random), orders if own_orders else orders[:1] * 5, endpoint)
        for case in CASES:
            row = rows[case.name]
            inside.append(row.low <= truth(case) <= row.high)
    return sum(inside) / len(inside)


@pytest.mark.parametrize("own_orders", [True, False])
def test_any_order_gives_each_case_the_same_figure_within_its_interval(rows_from, own_orders):
    assert held(rows_from, 100, own_orders=own_orders) >= 0.95


def test_one_server_for_all_batches_would_not(rows_from):
    assert held(rows_from, 10, own_orders=False, endpoint="http://h") < 0.5


def test_each_order_has_a_server_for_each_batch_and_the_same_for_the_repeat(rows_from):
    engine = Engine(Random(0))
    rows = rows_from(engine, [[decode(4), decode(4, 512), decode(1), prefill(512)]])
    assert engine.started == [(4, 512 + 24 + 64), (1, 512 + 1 + 64), (4, 512 + 24 + 64)]
    assert rows["decode/b4/ctx128"].n == 3
    assert rows["decode/b4/ctx128"].labels["repeat_ratio"] == pytest.approx(1, abs=0.1)
    assert "repeat_ratio" not in rows["decode/b1/ctx128"].labels
    assert_signable(list(rows.values()))


@given(NAMES, st.booleans())
def test_servers_take_every_case_once_and_the_first_again(cases, running):
    laid = servers(cases, running=running)
    work = [case for server in laid for case in server.cases]
    assert work == (cases if len(cases) == 1 else [*cases, cases[0]])
    for server in laid:
        batches = {case.batch for case in server.cases}
        assert server.slots == max(batches)
        assert running or len(batches) == 1
        assert server.context > max(c.input_tokens + c.output_tokens for c in server.cases)
    assert running or len({(server.slots, server.context) for server in laid}) == len(
        {case.batch for case in cases}
    )


@given(NAMES, st.integers(0, 2**48))
def test_an_order_is_drawn_from_the_seed_with_no_batch_taken_apart(cases, seed):
    order = drawn(cases, seed)
    assert order == drawn(cases, seed)
    assert sorted(order, key=repr) == sorted(cases, key=repr)
    starts = servers(order, running=False)
    repeat = len({case.batch for case in cases}) > 1
    assert len(starts) == len({case.batch for case in cases}) + repeat


def test_processes_differ_in_order_and_the_same_seed_plans_the_same_run():
    options = {"model": "tiny-15m", "seed": 11}
    cells = plan("standard", options)
    assert cells == plan("standard", options)
    orders = [[tuple(case.values()) for case in cell.spec["cases"]] for cell in cells]
    assert len({tuple(order) for order in orders}) == len(cells)
    assert len({order[0] for order in orders}) > 1
    assert len({tuple(sorted(order)) for order in orders}) == 1


def test_the_estimate_counts_every_start_and_the_repeat():
    alone, *_ = plan("quick", {"model": "tiny-15m", "case": "decode/b4*"})
    pair, *_ = plan("quick", {"model": "tiny-15m", "case": "decode/*"})
    first = pair.spec["cases"][0]["batch"]
    start = start_s(pair.spec["subject"])
    seconds = {1: 128 / 100 + 24 * 0.04, 4: 4 * 256 / 100 + 24 * 0.04}
    assert alone.estimated_s == pytest.approx(start + seconds[4])
    assert pair.estimated_s == pytest.approx(3 * start + sum(seconds.values()) + seconds[first])


def test_a_machine_that_gets_slower_is_told_by_the_repeat(rows_from):
    orders = [[decode(4), decode(1), decode(2)]] * 5
    slower = rows_from(Engine(Random(1), drift=0.01), orders)["decode/b4/ctx128"]
    assert slower.labels["repeat_ratio"] == pytest.approx(1.3, rel=0.05)
    assert slower.labels["repeat_agrees"] is False
    (line,) = not_repeated([slower])
    assert line.startswith("decode/b4/ctx128: tpot at the end was 1.")
    steady = rows_from(Engine(Random(1)), orders)["decode/b4/ctx128"]
    assert steady.labels["repeat_agrees"] is True
    assert not_repeated([steady]) == []


def test_chance_alone_seldom_passes_for_a_change(rows_from):
    random = Random(3)
    alarms = [
        not rows_from(Engine(random), [[decode(4), decode(1)]] * 5)["decode/b4/ctx128"].labels[
            "repeat_agrees"
        ]
        for _ in range(60)
    ]
    assert sum(alarms) <= 3


def test_a_case_measured_once_has_no_interval_and_no_verdict(rows_from):
    rows = rows_from(Engine(Random(0)), [[decode(4), decode(1)]])
    assert "repeat_ratio" in rows["decode/b4/ctx128"].labels
    assert "repeat_agrees" not in rows["decode/b4/ctx128"].labels
