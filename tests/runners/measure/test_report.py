"""A run tells its own user what a log would flag or refuse."""

import pytest

from results.catalog import latest_prices
from results.checks import judge
from results.economy.own_prices import own_prices
from results.proof import envelope
from results.statement import strict_json
from results.statement.statement import Statement
from runners.measure.quality_lines import says_no
from runners.measure.report import not_valid, print_findings, print_result
from suites.base.errors import UserError
from suites.base.terminal import Terminal
from tests.builders import figure, stated
from tests.results import honest


def told(data):
    terminal = Terminal(width=200)
    with terminal.capture() as capture:
        print_findings(judge(Statement.model_validate(data)), terminal)
    return capture.get()


def test_an_honest_run_is_told_nothing():
    assert told(honest.h100()) == ""


def test_a_run_is_told_which_figure_breaks_which_law_and_what_follows():
    data = honest.h100()
    data["predicate"]["machine"]["chip"]["count"] = 8
    data["predicate"]["measurements"][0]["low"] = 9.5
    output = told(data)
    assert "flagged chip: machine.chip.count 8 are claimed, the driver shows 1" in output
    assert "refused latency-order: decode/b4/ctx1024 tpot 8 lies outside" in output
    assert "does not rank" in output


def money_of(data, **own):
    """What the end of a run says of money, and whether it asks for the reader's own price."""
    terminal = Terminal(width=200)
    statement = Statement.model_validate(data)
    with terminal.capture() as capture:
        asks = print_result(statement.predicate, terminal, own_prices(latest_prices(), **own))
    return capture.get(), asks


@pytest.mark.parametrize("currency", ["USD", "CNY", "EUR"])
def test_costs_are_shown_in_the_currency_asked_for_alone(currency):
    output, _ = money_of(unlisted(), currency=currency.lower())
    head = next(line for line in output.splitlines() if "x one fen" in line)
    assert [name for name in ("USD", "CNY", "EUR") if name in head.split()] == [currency]


def test_a_currency_without_a_rate_is_refused():
    with pytest.raises(UserError, match=r"--currency: .* no rate of GBP"):
        money_of(unlisted(), currency="gbp")


def unlisted():
    data = honest.published("inference", "llama.cpp")
    data["predicate"]["machine"]["chip"] |= {"catalog_id": None, "name": "Some New CPU"}
    data["predicate"]["measurements"] = [
        row for row in data["predicate"]["measurements"] if row["metric"] == "decode_throughput"
    ]
    return data


def test_a_run_on_any_processor_ends_in_a_price_and_no_dash():
    output, asks = money_of(unlisted())
    assert "rental, generic on-demand" in output
    assert "its price's range" in output
    assert "The generic price is that of any cloud's logical core" in output
    assert "Energy: no meter could be read" in output
    assert " - " not in output
    assert asks


def test_a_reader_s_own_price_is_asked_for_no_more():
    output, asks = money_of(unlisted(), price="0.12/h", owned="1500", life="4y")
    assert "rental, own" in output
    assert "Owned: the machine, your own price, 4 years, busy 40% of them" in output
    assert not asks


def test_a_listed_chip_is_rented_in_its_class_and_marked_where_owning_costs_more():
    output, asks = money_of(honest.h100(), price="0.5/h")
    assert "A price below the cost of owning: look at it twice" in output
    output, asks = money_of(honest.h100())
    assert "rental, on-demand" in output
    assert not asks


def test_the_reader_s_own_file_is_used_without_being_named(fenmark, monkeypatch, tmp_path):
    monkeypatch.setenv("FENMARK_HOME", str(tmp_path))
    (tmp_path / "prices.toml").write_text('[own]\nprice = "0.12/h"\n')
    told = fenmark("show", honest.PUBLIC)
    assert "rental, own" in told.stdout
    (tmp_path / "prices.toml").write_text('[own]\nprice = "cheap"\n')
    done = fenmark("show", honest.PUBLIC)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "prices:own.price" in done.stderr


def test_a_case_that_is_not_valid_says_why_once():
    because = {"valid": False, "invalid_because": "12 of 12 answers are not counted truly"}
    figures = [
        figure(suite="serving", case="closed/c2", metric=name, labels=because)
        for name in ("ttft", "tpot")
    ]
    own = figure(suite="serving", case="closed/c4", metric="itl", labels={**because, "batch": 1})
    sound = figure(suite="serving", case="closed/c4", metric="tpot")
    parsed = envelope.parse(strict_json.canonical(stated(*figures, own, sound)), "x").predicate
    assert not_valid(parsed.measurements) == [
        "closed/c2: not valid: 12 of 12 answers are not counted truly",
        "closed/c4: itl not valid: 12 of 12 answers are not counted truly",
    ]


def test_a_saturated_case_says_so():
    most = figure(suite="serving", case="open/r9", labels={"saturated": True})
    parsed = envelope.parse(strict_json.canonical(stated(most)), "x").predicate
    assert [line.split(":")[1] for line in not_valid(parsed.measurements)] == [" saturated"]


def test_what_a_search_found_is_shown_for_each_chip_and_how_that_was_derived():
    data = honest.h100()
    data["predicate"]["measurements"].append(
        figure(
            suite="serving",
            case="search/agents/turns4/isl100+30/osl20/ttft500/share0.9",
            metric="searched_agents",
            unit="count",
            value=24.0,
            low=24.0,
            high=25.0,
            labels={"turns": 4, "slo_ttft": 500.0, "goodput_share": 0.9, "valid": True},
        )
    )
    output, _ = money_of(data)
    (row,) = [line for line in output.splitlines() if line.startswith("search/agents/")]
    assert row.split()[1:] == ["24", "[24,", "25]", "agents", "24", "[24,", "25]", "-"]
    assert "Derived: 24 agents ÷ 1 chip; no meter saw the load found." in output
    assert "Within limits" not in money_of(honest.h100())[0]


def answered():
    """A run that answered questions, was compared with a reference, and hid some in its load."""
    data = unlisted()
    of_all = {"suite": "quality", "case": "questions/all", "labels": {"question_seed": 0}}

    def row(metric, value, reach, unit="share", **changes):
        ends = {"value": value, "low": value - reach, "high": value + reach, "unit": unit}
        return figure(**{**of_all, "metric": metric, "n": 600, **ends, **changes})

    def verdict(text):
        return {"question_seed": 0, "verdict": text}

    data["predicate"]["measurements"] += [
        row("score", 0.5, 0.04),
        row("tokens_per_solved", 50.0, 4.0, unit="tokens"),
        row("score_drop", 0.2, 0.05, case="reference/answers", labels=verdict("worse")),
        row("divergence", 0.3, 0.1, unit="nats/token", case="reference/next-tokens",
            labels=verdict("different")),
        row("hidden_drop", 0.01, 0.05, case="hidden/closed/c4", labels=verdict("undecided")),
    ]  # fmt: skip
    return data


def test_a_run_that_was_asked_says_what_it_answered_and_what_answers_cost():
    output, _ = money_of(answered(), price="3.6/h", currency="usd")
    assert "50.0% [46.0%, 54.0%] of 600 questions answered right" in output
    assert "50 output tokens for each right answer" in output
    assert "reference, by answers: worse; 20.0 [15.0, 25.0] points of right answers lost" in output
    assert "reference, by next tokens: different; 0.3 nats a token" in output
    assert "hidden in closed/c4: undecided; 1.0 [-4.0, 6.0] points of right answers lost" in output
    rates = [
        row["value"]
        for row in answered()["predicate"]["measurements"]
        if row["metric"] == "decode_throughput"
    ]
    # A thousandth of a dollar pays a second; a thousand answers take 50,000 tokens.
    cost = 50_000 / max(rates) / 1000
    assert f"1,000 right answers cost {cost:.3g} [" in output


@pytest.mark.parametrize(
    ("verdict", "no"),
    [("worse", True), ("different", True), ("worse under load", True), ("undecided", False)],
)
def test_a_verdict_against_the_weights_fails_the_run(verdict, no):
    data = unlisted()
    data["predicate"]["measurements"][0]["labels"] |= {"verdict": verdict}
    assert says_no(Statement.model_validate(data).predicate.measurements) == no
