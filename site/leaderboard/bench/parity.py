"""The choose page against Python: `nox -s compare -- parity`.

Random workloads are chosen for by `results.prediction` and by the page's own scripts in Chromium,
over the same evidence and prices. Printed: the largest difference of any figure, and of what each
took.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from dataclasses import asdict, dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from shutil import copyfile
from typing import TYPE_CHECKING, Any

from leaderboard.bench.compare import CHROMIUM, served
from leaderboard.pages import choose as page
from results import catalog
from results.catalog.carbon_data import grid
from results.economy.own_prices import Money, Own
from results.prediction.choose import Demand, LatencyLimits, Ranked, Ranking, choose
from results.prediction.deployments import accelerators, learnt, predicted
from results.prediction.market import OWNED, Building, ChipMarket, drawn
from results.prediction.observed import Record, loads_of, observed, reported_records
from results.prediction.predict import predictor
from results.reported.shipping import shipped_files
from suites import models

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from playwright.sync_api import Page

__all__ = ["IN_BROWSER", "AskedWorkload", "chosen", "differences", "tables", "workloads"]

_SEED = 1
_ASSETS = Path(page.__file__).parent.parent / "assets"
_LENGTHS = ((1024, 1024), (8192, 1024), (1024, 8192))
_CLASSES = ("on-demand", "marketplace", "reserved-3y", OWNED)
# Of each workload: what is ranked, what is worth measuring, which chips lose, and milliseconds.
IN_BROWSER = """async ([base, tables, asked]) => {
  const { choose, kilowatts, known, words } = await import("./choose-rank.js");
  return asked.map(({ model, demand, limits, engine, prices, atHand }) => {
    const begun = performance.now();
    const { evidence } = tables[model];
    const asks = { engine, atHand, precisions: [], percentile: limits.percentile };
    const { options, unseen } = known(base, tables[model], evidence.rows, demand, asks);
    const priceOf = (chip) => (chip in prices ? { usd: prices[chip], label: "" } : null);
    const margin = base.constants.choose.MARGIN;
    const choice = choose(base, options, unseen, demand, limits, priceOf, atHand, margin);
    return {
      ms: performance.now() - begun,
      ranked: choice.ranked.map((own) => [
        `${words(own.option.setup)} ${own.option.kind} ${own.option.concurrency}`,
        own.rank, ...own.ttft, ...own.tpot, own.chips, ...own.monthly, own.perMtok,
        kilowatts(base, tables[model], evidence.bits, own, demand), own.option.apart ?? null,
      ]),
      measure: choice.measure.map((own) => words(own.option.setup)),
      losers: choice.losers.map(({ chip }) => chip),
    };
  });
}"""


@dataclass(frozen=True, slots=True)
class AskedWorkload:
    """What is asked for; price class and chips at hand with it."""

    model: str
    demand: Demand
    limits: LatencyLimits
    engine: str
    kind: str
    at_hand: dict[str, int | None]

    def as_json(self) -> dict[str, Any]:
        """As the page's scripts take it."""
        told = asdict(self.limits)
        return {
            "model": self.model,
            "demand": asdict(self.demand),
            "limits": {
                "ttft": told["ttft_ms"],
                "tpot": told["tpot_ms"],
                "percentile": told["percentile"],
            },
            "engine": self.engine,
            "prices": _prices(self.kind),
            "atHand": self.at_hand,
        }


def workloads(count: int, seed: int = _SEED) -> list[AskedWorkload]:
    """Draw workloads, every model in turn; half at lengths that somebody reported."""
    drawn_by = random.Random(seed)
    names = models.available()
    return [_workload(drawn_by, names[place % len(names)]) for place in range(count)]


def _workload(drawn_by: random.Random, model: str) -> AskedWorkload:
    any_length = (drawn_by.randint(16, 40_000), drawn_by.randint(2, 9000))
    isl, osl = drawn_by.choice([*_LENGTHS, any_length, any_length, any_length])
    rps = 10 ** drawn_by.uniform(-2, 3)
    users = float(round(10 ** drawn_by.uniform(0, 4)))
    demand = (
        Demand(isl, osl, rps=rps) if drawn_by.random() < 1 / 2 else Demand(isl, osl, None, users)
    )
    limits = LatencyLimits(
        drawn_by.choice([None, 500.0, 3000.0]),
        drawn_by.choice([None, 20.0, 50.0]),
        drawn_by.choice([None, 50.0, 90.0, 95.0, 99.0, 99.9]),
    )
    return AskedWorkload(
        model,
        demand,
        limits,
        drawn_by.choice(["vllm", "sglang", "trtllm"]),
        drawn_by.choice(_CLASSES),
        drawn_by.choice([{}, {}, {"h200-sxm": 16, "b200-sxm": None}]),
    )


@cache
def _market(kind: str) -> ChipMarket:
    return ChipMarket(Money(sheet=catalog.latest_prices(), own=Own()), kind)


@cache
def _prices(kind: str) -> dict[str, float]:
    prices = {name: _market(kind).price(name) for name in catalog.chips()}
    return {name: price.usd_per_hour for name, price in prices.items() if price}


@cache
def _records(model: str) -> list[Record]:
    files = (file for file in shipped_files() if file.source.kind != "aiconfigurator")
    return [record for file in files for record in reported_records(file, {model})]


def tables(asked: Iterable[AskedWorkload]) -> dict[str, Any]:
    """What the page would load of each model."""
    return {
        name: page.of_model(name, [load for own in _records(name) for load in loads_of(own)])
        for name in {own.model for own in asked}
    }


def chosen(asked: AskedWorkload) -> dict[str, Any]:
    """What Python answers, in the form of the page's."""
    using, geometry = predictor(), models.load(asked.model)
    options, unseen = predicted(
        using, geometry, asked.demand, asked.at_hand or accelerators(), engine=asked.engine
    )
    known = learnt(using, geometry, asked.demand)
    known += observed(_records(asked.model), asked.model, asked.demand, asked.limits.percentile)
    options += known.where(
        [not asked.at_hand or own.setup.chip in asked.at_hand for own in known.options]
    )
    choice = choose(
        options, asked.demand, asked.limits, _market(asked.kind).price,
        at_hand=asked.at_hand, unseen=unseen,
    )  # fmt: skip
    return _as_json(asked, choice)


def _as_json(asked: AskedWorkload, choice: Ranking) -> dict[str, Any]:
    return {
        "ranked": [_row(asked, own) for own in choice.ranked],
        "measure": [own.option.setup.words() for own in choice.measure],
        "losers": [own.chip for own in choice.losers],
    }


def _row(asked: AskedWorkload, own: Ranked) -> list[Any]:
    option = own.option
    building = Building(catalog.latest_prices().pue.value, grid("USA"))
    power = drawn(predictor(), models.load(asked.model), own, asked.demand, building)
    spans = [
        [span.value, span.low, span.high] for span in (own.ttft_ms, own.tpot_ms, own.monthly_usd)
    ]
    name = f"{option.setup.words()} {option.kind} {option.concurrency:g}"
    times, bills = spans[0] + spans[1], spans[2]
    return [
        name,
        own.rank,
        *times,
        own.chips,
        *bills,
        own.usd_per_mtok,
        power and power.kw,
        option.apart,
    ]


def differences(python: dict[str, Any], browser: dict[str, Any]) -> float:
    """The largest share that a figure differs by; infinite where a name or a length does."""
    if any(python[name] != browser[name] for name in ("measure", "losers")):
        return float("inf")
    if len(python["ranked"]) != len(browser["ranked"]):
        return float("inf")
    rows = zip(python["ranked"], browser["ranked"], strict=True)
    return max((_apart(a, b) for row, twin in rows for a, b in zip(row, twin, strict=True)),
               default=0.0)  # fmt: skip


def _apart(value: Any, other: Any) -> float:
    if value == other:
        return 0.0
    if not (isinstance(value, int | float) and isinstance(other, int | float)) or not value:
        return float("inf")
    return abs(other / value - 1)


def main() -> None:
    """Choose for random workloads twice and print how far the answers are apart."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--count", type=int, default=1000, help="workloads to choose for")
    parser.add_argument("--seed", type=int, default=_SEED)
    given = parser.parse_args()
    asked = workloads(given.count, given.seed)
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder:
        for script in _ASSETS.glob("*.js"):
            copyfile(script, Path(folder) / script.name)
        (Path(folder) / "index.html").write_text("<!doctype html><title>parity</title>")
        with served(Path(folder)) as url, sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
            )
            opened = browser.new_page()
            opened.goto(url)
            _compare(asked, opened)


def _model(asked: AskedWorkload) -> str:
    return asked.model


def _compare(asked: Sequence[AskedWorkload], opened: Page) -> None:
    worst, own_s, page_ms = 0.0, [], []
    for _, alike in groupby(sorted(asked, key=_model), key=_model):
        group = list(alike)
        plain = [own.as_json() for own in group]
        answers = opened.evaluate(IN_BROWSER, [page.common(), tables(group), plain])
        for workload, browser in zip(group, answers, strict=True):
            begun = time.process_time()
            python = chosen(workload)
            own_s.append(time.process_time() - begun)
            page_ms.append(browser["ms"])
            worst = max(worst, differences(python, browser))
    own_s.sort()
    page_ms.sort()
    middle = len(asked) // 2
    print(f"workloads: {len(asked)}")
    print(f"largest difference of a figure: {worst:.1e} (to reach: 1e-3)")
    print(f"one choice: Python {own_s[middle] * 1e3:.0f} ms CPU, page {page_ms[middle]:.0f} ms")


if __name__ == "__main__":
    main()
