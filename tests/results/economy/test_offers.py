"""Offers become prices: medians and tenths by hand, thin markets refused, forms never guessed."""

import sys
from dataclasses import make_dataclass
from functools import partial
from types import SimpleNamespace

import pytest

from results import catalog
from results.catalog.prices_data import PriceSheet
from results.economy import offers, price_sources
from results.economy.offers import Offer
from suites.base import toml_file
from suites.base.errors import UserError

HEAD = (
    "InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,Price,Region,GpuInfo,SpotPrice\n"
)


def offer(usd, chip="h100-sxm", kind="on-demand", provider="a", machine=""):
    return Offer(
        chip=chip,
        price_class=kind,
        usd_per_hour=usd,
        per="chip",
        provider=provider,
        machine=machine or str(usd),
    )


@pytest.fixture
def vms(tmp_path):
    def make(rows, provider="aws"):
        path = tmp_path / provider / "vms.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_text(HEAD + rows)
        return path

    return make


def test_a_market_is_its_median_and_its_tenths():
    # Of 1, 2, 3, 4, 11: median 3; a tenth of the way through four gaps is 1.4, nine tenths 8.2.
    [market] = offers.markets([offer(usd) for usd in (11, 2, 3, 1, 4)])
    assert (market.usd, market.low, market.high) == (3, pytest.approx(1.4), pytest.approx(8.2))
    assert (market.offers, market.is_thin) == (5, False)


def test_two_offers_are_no_market_and_the_same_offer_twice_is_one():
    [market] = offers.markets([offer(1.0), offer(1.0), offer(2.0)])
    assert market.is_thin
    assert market.line == "h100-sxm, on-demand: 2 of 3 offers, 1 to 2 USD/h (a)"


def test_classes_and_chips_are_markets_of_their_own():
    markets = offers.markets([offer(1), offer(2, kind="spot"), offer(3, chip="l4")])
    assert [(market.chip, market.price_class) for market in markets] == [
        ("h100-sxm", "on-demand"),
        ("h100-sxm", "spot"),
        ("l4", "on-demand"),
    ]


def test_skypilot_s_machines_become_offers_by_chip_core_and_class(vms):
    path = vms(
        "p5.48xlarge,H100,8,192,2048,55.04,us-east-1,,20.0\n"
        "p5.48xlarge,H100,8,192,2048,55.04,us-east-1,,\n"
        "c7a.large,,,2,4,0.10264,us-east-1,,0.04\n"
        "c7a.large,,,2,4,nonsense,us-east-1,,\n"
        "x9z.large,,,2,4,0.2,us-east-1,,0.2\n"
    )
    quotes = price_sources.read_offers("skypilot", [path])
    seen = {
        (quote.chip, quote.price_class, quote.per, round(quote.usd_per_hour, 5)) for quote in quotes
    }
    assert seen == {
        ("h100-sxm", "on-demand", "chip", 6.88),
        ("h100-sxm", "spot", "chip", 2.5),
        ("epyc-9004", "on-demand", "core", 0.05132),
        ("epyc-9004", "spot", "core", 0.02),
        ("vcpu", "on-demand", "core", 0.05132),
        ("vcpu", "spot", "core", 0.02),
        ("vcpu", "on-demand", "core", 0.1),
    }


def test_a_marketplace_is_a_class_of_its_own_and_a_bare_accelerator_no_offer(vms):
    memory = "\"{'Gpus': [{'MemoryInfo': {'SizeInMiB': 163118}}]}\""
    rows = f'2x-H100_SXM-32,H100,2,32,64,3.74,"Texas, US",{memory},0.00\n'
    [quote] = price_sources.read_offers("skypilot", [vms(rows, "vast")])
    assert (quote.chip, quote.price_class, quote.usd_per_hour) == ("h100-sxm", "marketplace", 1.87)
    form = "\"{'Gpus': [{'Name': 'A100 PCIe', 'Count': 1}]}\""
    rows = f"1x_A100-80GB_SECURE,A100-80GB,1,8,117,1.59,CA,{form},1.59\n"
    [stated] = price_sources.read_offers("skypilot", [vms(rows, "runpod")])
    assert (stated.chip, stated.price_class) == ("a100-80gb-pcie", "on-demand")
    assert price_sources.read_offers("skypilot", [vms(",A100,1,,,2.9,us,,\n", "gcp")]) == []


@pytest.mark.parametrize(
    ("names", "chip"),
    [
        (("H100 80GB SXM",), "h100-sxm"),
        (("H100 80GB PCIe",), "h100-pcie"),
        (("H100 80GB (form unstated)",), None),
        (("H100", "Standard_NC40ads_H100_v5"), "h100-nvl"),
        (("H200 141GB NVL",), "h200-nvl"),
        (("GB200", "x"), "gb200"),
        (("B200 180GB (form unstated)",), "b200-sxm"),
        (("A100 40GB PCIe",), None),
        (("A100", "1x-A100_PCIE-32", "81920"), "a100-80gb-pcie"),
        (("A10G", "g5.xlarge"), None),
        (("A10 24GB",), "a10"),
        (("L40 48GB",), None),
        (("L4 24GB",), "l4"),
        (("RTX 3090 Ti 24GB",), None),
        (("RTX PRO 6000 Blackwell 24GB Server MIG",), None),
    ],
)
def test_a_form_that_nobody_states_is_no_chip(names, chip):
    assert offers.chip_of(*names) == chip


def test_every_name_leads_to_a_chip_of_the_catalogue():
    assert {chip for _, chip in offers._NAMES} <= set(catalog.chips())


FEED = (
    '{"schema_version": 2, "cheapest": {"runpod": {"L4 24GB": 9.0}}}\n\n'
    '{"schema_version": 2, "cheapest": {"runpod": {"L4 24GB": 0.49, "L40 48GB": 1},'
    ' "vastai": {"L4 24GB": 0.32}}}\n'
)


def test_the_feed_s_newest_day_counts_once_for_each_provider(tmp_path):
    path = tmp_path / "2026-10.jsonl"
    path.write_text(FEED)
    quotes = price_sources.read_offers("gpu-price-feed", [path])
    assert [(quote.provider, quote.price_class, quote.usd_per_hour) for quote in quotes] == [
        ("runpod", "on-demand", 0.49),
        ("vastai", "marketplace", 0.32),
    ]


# gpuhunt's `CatalogItem` as of version 0.1.34, which a test beside holds against the package.
Item = make_dataclass(
    "Item",
    (
        *("provider", "instance_name", "location", "price", "cpu", "memory"),
        *("gpu_count", "gpu_name", "gpu_memory", "spot", "disk_size"),
    ),
)


def item(kind=Item, **given):
    usual = {"provider": "aws", "instance_name": "m", "location": "r", "cpu": 8, "memory": 64.0}
    none = {"gpu_count": 0, "gpu_name": None, "gpu_memory": None, "disk_size": None}
    return kind(**{**usual, **none, "spot": False, **given})


def gpu(name, memory, count, **given):
    return item(gpu_name=name, gpu_memory=memory, gpu_count=count, **given)


H100, H200, A100, SLICE = ("H100", 80.0), ("H200", 141.0), ("A100", 40.0), ("A10", 8.0)


@pytest.mark.parametrize(
    ("machine", "count", "has", "chip"),
    [
        ("p5.48xlarge", 8, H100, "h100-sxm"),
        ("a3-highgpu-8g", 8, H100, "h100-sxm"),
        ("a3-ultragpu-8g", 8, H200, "h200-sxm"),
        ("p4d.24xlarge", 8, A100, "a100-40gb-sxm"),
        ("NVIDIA H100 80GB HBM3", 1, H100, "h100-sxm"),
        ("8H100.80S.176V", 8, H100, None),
        ("Standard_NV12ads_A10_v5", 1, SLICE, None),
    ],
)
def test_gpuhunt_s_items_are_offers_where_the_chip_is_told(monkeypatch, machine, count, has, chip):
    items = [gpu(*has, count, instance_name=machine, price=3.0 * count)]
    monkeypatch.setitem(sys.modules, "gpuhunt", SimpleNamespace(query=lambda: items))
    prices = [
        (quote.chip, quote.usd_per_hour) for quote in price_sources.read_offers("gpuhunt", [])
    ]
    assert prices == ([(chip, 3.0)] if chip else [])


def test_gpuhunt_s_spot_price_is_a_class_and_a_machine_without_gpus_is_rented_by_the_core(
    monkeypatch,
):
    items = [
        gpu("H100", 80.0, 8, instance_name="p5.48xlarge", price=16, spot=True),
        gpu("RTX4090", 24.0, 2, instance_name="123", price=0.8, provider="vastai"),
        item(instance_name="c7a.2xlarge", price=0.4),
    ]
    monkeypatch.setitem(sys.modules, "gpuhunt", SimpleNamespace(query=lambda: items))
    quotes = price_sources.read_offers("gpuhunt", [])
    assert [(quote.chip, quote.price_class, quote.usd_per_hour) for quote in quotes] == [
        ("h100-sxm", "spot", 2.0),
        ("rtx-4090", "marketplace", 0.4),
        ("epyc-9004", "on-demand", 0.05),
        ("vcpu", "on-demand", 0.05),
    ]


def test_gpuhunt_s_own_items_are_those_that_are_read(monkeypatch):
    gpuhunt = pytest.importorskip("gpuhunt")
    vendor = gpuhunt.AcceleratorVendor.NVIDIA
    real = item(
        partial(gpuhunt.CatalogItem, gpu_vendor=vendor),
        instance_name="p5.48xlarge",
        price=55.04,
        gpu_name="H100",
        gpu_memory=80.0,
        gpu_count=8,
    )
    monkeypatch.setattr(gpuhunt, "query", lambda: [real])
    [offer_] = price_sources.read_offers("gpuhunt", [])
    assert (offer_.chip, offer_.provider, offer_.region) == ("h100-sxm", "aws", "r")


def test_gpuhunt_that_is_not_there_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "gpuhunt", None)
    with pytest.raises(UserError, match="pip install gpuhunt"):
        price_sources.read_offers("gpuhunt", [])


@pytest.mark.parametrize(
    ("kind", "text", "says"),
    [
        ("skypilot", "a,b\n1,2\n", "lacks the column InstanceType"),
        ("gpu-price-feed", '{"cheapest": {}}\n', "schema_version 2"),
        ("gpu-price-feed", "[]\n", "not a line of gpu-price-feed"),
        ("excel", "", "no catalogue of prices 'excel'"),
    ],
)
def test_a_file_of_another_kind_is_one_line(tmp_path, kind, text, says):
    path = tmp_path / "f"
    path.write_text(text)
    with pytest.raises(UserError, match=says):
        price_sources.read_offers(kind, [path])


def test_a_new_sheet_replaces_whole_classes_and_keeps_the_others_dates():
    base = catalog.price_sheets()["2026-11"]
    made = offers.sheet_of(
        [offer(usd) for usd in (2, 3, 4)], base, name="2027-01-02", day="2027-01-02", source="s"
    )
    assert [(row.chip, row.usd_per_hour) for row in made.rentals if row.kind == "on-demand"] == [
        ("h100-sxm", 3)
    ]
    old = {row.date for row in made.rentals if row.price_class == "reserved-3y"}
    assert old == {row.date for row in base.rentals if row.price_class == "reserved-3y"}
    assert made.classes("l40s") == []


def test_a_written_sheet_reads_as_it_was():
    made = offers.sheet_of(
        [offer(usd, machine='a "quoted" \\ name') for usd in (2.25, 3, 4)]
        + [offer(1, kind="spot")],
        catalog.latest_prices(),
        name="2027-01-02",
        day="2027-01-02",
        source='s "x" é',
    )
    text = offers.toml_of(made)
    assert toml_file.fitted(toml_file.parse(text, "t"), PriceSheet, "t") == made
