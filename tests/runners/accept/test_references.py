"""What figures are compared with: what was sold, an earlier test, signed results, datasheets."""

import json
from pathlib import Path

import pytest

from results import catalog
from results.catalog.attainable_data import attainable, bandwidth_gb_s, tflop_s
from runners.accept import identity, references
from runners.accept.causes import Causes, CoreLimits
from runners.accept.figures import MachineFigure
from runners.accept.judging import judge
from runners.machine.machine import Accelerator
from suites.base.errors import UserError

PUBLIC = Path(__file__).parents[3] / "results" / "public"
READ = MachineFigure(name="read/f32/numpy/64MiB (GB/s)", kind="bandwidth", value=9.0)
H100 = Accelerator(name="NVIDIA H100 80GB HBM3", driver="580.1", memory_bytes=80 * 10**9)
CARD = {
    "power_limit_w": 700.0,
    "power_limit_default_w": 700.0,
    "pcie": "gen 5 x16",
    "mig": "off",
    "ecc": "on",
    "nvlinks": 18,
}
TWO = CoreLimits(online=2, allowed=2)


def settings(*cards):
    return {f"gpu{n}_{name}": value for n, card in enumerate(cards) for name, value in card.items()}


def verdicts(shown, cards, expected=None):
    stated = settings(*cards)
    figures = list(identity.cards(shown, stated))
    chosen = references.sold(expected) if expected else None
    known = list(identity.promised(figures, chosen, TWO, stated))
    graded = judge(figures, known, Causes())
    return {case.figure: case.verdict for case in graded if not case.passed}


@pytest.mark.parametrize(
    ("text", "chip", "count"), [("h100-sxm:8", "h100-sxm", 8), ("epyc-9004", "epyc-9004", None)]
)
def test_what_was_sold_is_a_chip_and_a_count(text, chip, count):
    assert references.sold(text) == references.Sold(chip=chip, count=count)


@pytest.mark.parametrize(
    "text",
    ["h100-sxm:", "h100-sxm:0", "h100-sxm:x", "h100-sxm:-1", "h10O", "h100-sxm:" + "1" * 5000],
)
def test_what_cannot_have_been_sold_is_one_line(text):
    with pytest.raises(UserError, match="--expected: "):
        references.sold(text)


def test_cards_as_sold_are_as_expected():
    assert verdicts([H100, H100], [CARD, CARD], "h100-sxm:2") == {}


def test_fewer_other_or_sliced_cards_are_not_what_was_sold():
    pcie = Accelerator(name="NVIDIA H100 PCIe", driver="580.1", memory_bytes=40 * 10**9)
    assert verdicts([pcie], [{**CARD, "mig": "on"}], "h100-sxm:2") == dict.fromkeys(
        ("accelerators", "GPU 0 name", "GPU 0 memory (GB)", "GPU 0 mig"), "not what was sold"
    )


def test_a_card_unlike_its_twins_is_told():
    slow = {**CARD, "pcie": "gen 4 x8 of gen 5 x16", "nvlinks": 12, "ecc": "off"}
    assert verdicts([H100] * 3, [CARD, CARD, slow]) == {
        "GPU 2 ecc": "differs from its twins",
        "GPU 2 PCIe lanes": "slow by 50%",
        "GPU 2 NVLinks up": "differs from its twins by 33%",
    }


def test_a_power_cap_is_held_against_the_nameplate():
    capped = {**CARD, "power_limit_w": 350.0, "power_limit_default_w": 350.0}
    assert verdicts([H100], [capped]) == {}
    assert verdicts([H100], [capped], "h100-sxm") == {"GPU 0 power limit (W)": "slow by 50%"}


def test_cores_of_another_processor_are_not_what_was_sold(tmp_path):
    from runners.machine.machine import Cpu

    cpu = Cpu(name="AMD EPYC", vendor="", family=0, model=0, stepping=0, features=())
    figures = list(identity.host(cpu, "epyc-9004", TWO, 8 * 2**30, tmp_path))
    known = list(identity.promised(figures, references.sold("epyc-7003:4"), TWO, {}))
    wrong = [case for case in judge(figures, known, Causes()) if not case.passed]
    assert [case.figure for case in wrong] == ["processor in the catalogue", "cores"]
    assert {case.verdict for case in wrong} == {"not what was sold"}


def test_an_earlier_test_is_held_against(tmp_path):
    earlier = judge([MachineFigure(name=READ.name, kind="bandwidth", value=18.0)], [], Causes())
    path = tmp_path / "before.json"
    path.write_text(json.dumps([figure.to_json() for figure in earlier]))
    known = list(references.again(references.earlier(path), [READ]))
    case = judge([READ], known, Causes())[0]
    assert (case.verdict, case.expected, case.basis) == ("slow by 50%", 18.0, "an earlier test")


@pytest.mark.parametrize(
    "text", ["{}", "[1]", '[{"figure": "x"}]', "nonsense", '[{"figure": 1, "value": "x"}]', "[[[["]
)
def test_what_is_no_earlier_test_is_one_line(tmp_path, text):
    path = tmp_path / "before.json"
    path.write_text(text)
    with pytest.raises(UserError, match="accept --json"):
        references.earlier(path)


def test_signed_results_of_the_chip_are_held_against():
    rates = list(references.signed_rates([PUBLIC], "epyc-9004", 2, ("bandwidth",)))
    name, value = rates[0]
    assert not list(references.signed_rates([PUBLIC], "epyc-9004", 4, ("bandwidth",)))
    slow = MachineFigure(name=f"GPU 3 {name}", kind="bandwidth", value=value / 10)
    known = next(references.others(rates, [slow, READ]))
    assert known.figure == slow.name
    assert "signed result" in known.basis
    assert judge([slow], [known], Causes())[0].verdict.startswith("slow by ")


def test_a_datasheet_speaks_of_its_own_chip():
    peak = MachineFigure(
        name="GPU 0 peak/bf16/torch:cuda/n4096 (TFLOP/s)", kind="compute", value=500.0
    )
    read = MachineFigure(
        name="GPU 0 read/f32/torch:cuda/256MiB (GB/s)", kind="bandwidth", value=2900.0
    )
    known = {
        reference.figure: reference for reference in references.datasheet([peak, read], "h100-sxm")
    }
    assert known[peak.name].value == 846
    assert known[read.name].value == 2923
    assert [case.verdict for case in judge([peak, read], list(known.values()), Causes())] == [
        "slow by 41%",
        "as expected",
    ]
    odd = MachineFigure(name="peak/bf16/torch:cuda/n64 (GB/s)", kind="bandwidth", value=1.0)
    assert list(references.datasheet([odd], "h100-sxm")) == []
    assert list(references.datasheet([peak], "epyc-9004")) == []
    assert list(references.datasheet([peak], None)) == []


def test_a_chip_without_measurements_has_the_least_share():
    entry = catalog.chips()["instinct-mi300x"]
    assert tflop_s(entry, "bf16")[0] == pytest.approx(0.7 * entry.peak_tflops["bf16"])
    assert bandwidth_gb_s(entry)[0] == pytest.approx(0.85 * entry.memory_bandwidth_gb_s)
    assert tflop_s(entry, "f64x") is None


def test_what_is_attained_is_below_the_datasheet():
    for chip, attained in attainable().chips.items():
        entry = catalog.chips()[chip]
        for dtype, rate in attained.tflop_s.items():
            assert rate <= entry.peak_tflops.get(dtype, rate)
        if attained.bandwidth_gb_s and entry.memory_bandwidth_gb_s:
            assert attained.bandwidth_gb_s <= entry.memory_bandwidth_gb_s
