"""The catalogue: strict files, sourced values, and names that find their chip."""

import json
from pathlib import Path

import pytest

import leaderboard
from results import catalog
from results.catalog import chips_data
from results.catalog.chips_data import ChipEntry
from results.catalog.page import page
from results.catalog.prices_data import PriceSheet, read_sheet
from results.catalog.reading import read_toml
from suites.base.errors import UserError


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("NVIDIA H100 80GB HBM3", "h100-sxm"),
        ("NVIDIA H100 PCIe", "h100-pcie"),
        ("NVIDIA A100-SXM4-80GB", "a100-80gb-sxm"),
        ("NVIDIA L4", "l4"),
        ("NVIDIA L40S", "l40s"),
        ("NVIDIA GeForce RTX 4090", "rtx-4090"),
        ("AMD EPYC 9654 96-Core Processor", "epyc-9004"),
        ("AMD EPYC 9654P 96-Core Processor", "epyc-9004"),
        ("AMD EPYC 9R14", "epyc-9004"),
        # As published, by people.
        ("B300", "b300-sxm"),
        ("NVIDIA B300 SXM6", "b300-sxm"),
        ("MI350X", "instinct-mi350x"),
        ("AMD Instinct MI355X (288 GB)", "instinct-mi355x"),
        ("H100 SXM5", "h100-sxm"),
        ("h100_sxm", "h100-sxm"),
        ("NVIDIA H100-SXM-80GB", "h100-sxm"),
        ("NVIDIA-H100-80GB-HBM3", "h100-sxm"),
        ("8xH100 SXM", "h100-sxm"),
        ("H100-PCIe-80GB", "h100-pcie"),
        ("NVIDIA H200 NVL", "h200-nvl"),
        ("NVIDIA H200-SXM-141GB", "h200-sxm"),
        ("A100-SXM4-80GB", "a100-80gb-sxm"),
        ("A100_40_SXM", "a100-40gb-sxm"),
        ("NVIDIA GH200-GraceHopper-Superchip 96GB", "gh200"),
        ("GB200 NVL72", "gb200"),
        # Another chip, or no whole one: a longer name, a slice, a laptop's.
        ("H100", None),
        ("NVIDIA L40", None),
        ("NVIDIA H800", None),
        ("NVIDIA GeForce RTX 4090 D", None),
        ("NVIDIA GeForce RTX 4090 Ti", None),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", None),
        ("NVIDIA H100 80GB HBM3 MIG 1g.10gb", None),
        ("Some New Chip", None),
        ("", None),
    ],
)
def test_a_driver_s_name_finds_its_chip(name, found):
    assert catalog.match(name) == found


def test_every_chip_is_found_by_its_own_id_and_name():
    for entry in catalog.chips().values():
        if entry.kind != "system":
            assert {catalog.match(entry.id), catalog.match(entry.name)} == {entry.id}


def test_a_system_of_two_chips_names_both():
    named = catalog.all_named("AMD Instinct MI300X (x32), AMD Instinct MI325X 256GB HBM3e (x16)")
    assert set(named) == {"instinct-mi300x", "instinct-mi325x"}


def test_cpuid_finds_a_family_whose_name_the_hypervisor_hides():
    assert catalog.match("AMD EPYC", vendor="AuthenticAMD", family=25, model=17) == "epyc-9004"
    assert catalog.match("AMD EPYC", vendor="AuthenticAMD", family=25, model=1) is None
    assert catalog.match("AMD EPYC", vendor="GenuineIntel", family=25, model=17) is None


def test_every_entry_has_a_source_and_every_number_is_positive():
    for entry in catalog.chips().values():
        assert entry.source
        assert all(value > 0 for value in entry.peak_tflops.values())


def test_every_price_names_a_chip_of_the_catalogue():
    for sheet in catalog.price_sheets().values():
        assert {price.chip for price in sheet.rentals} <= set(catalog.chips())


def test_compute_to_bandwidth_of_an_a100():
    # 312 TFLOP/s of bf16 over 2,039 GB/s.
    assert catalog.chips()["a100-80gb-sxm"].compute_to_bandwidth()["bf16"] == pytest.approx(
        153.0, abs=0.1
    )


def test_a_family_s_power_is_bounded_by_its_hungriest_core():
    # EPYC 9184X: 320 W over 16 cores.
    assert catalog.chips()["epyc-9004"].power_bounds_w(4) == (0.0, pytest.approx(80.0))


def test_a_chip_without_a_nameplate_has_no_power_bounds():
    assert catalog.chips()["sunrise-s3"].power_bounds_w(1) is None


ENTRY = (
    'id = "x"\nname = "X"\nvendor = "V"\nkind = "gpu"\nconfidence = "high"\nsource = "S (2026)"\n'
)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (ENTRY + "tpd_w = 5\n", "tpd_w"),
        (ENTRY + "tdp_w = -5\n", "tdp_w"),
        (ENTRY + "tdp_w = nan\n", "tdp_w"),
        (ENTRY + 'memory_gb = "80"\nmemory_gb = 1\n', "is not TOML"),
        (ENTRY.replace('source = "S (2026)"\n', ""), "source"),
        (ENTRY + "[peak_tflops]\nbf17 = 1\n", "peak_tflops"),
    ],
)
def test_a_wrong_entry_is_one_line_that_names_file_and_field(tmp_path, text, says):
    path = tmp_path / "x.toml"
    path.write_text(text)
    with pytest.raises(UserError, match=says) as caught:
        read_toml(path, ChipEntry)
    assert str(path) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_an_entry_under_another_name_is_refused(tmp_path, monkeypatch):
    (tmp_path / "y.toml").write_text(ENTRY)
    monkeypatch.setattr(chips_data, "_FOLDER", tmp_path)
    with pytest.raises(UserError, match="expected y"):
        chips_data.chips.__wrapped__()


SHEET = """
id = "mine"
reference_tariff = "home"
pue = {value = 1.0, date = "2026-01", source = "my meter"}
cny_per_usd = {value = 7.0, date = "2026-01", source = "my bank"}
tariffs = [{region = "home", usd_per_kwh = 0.3, date = "2026-01", source = "my bill"}]
rentals = []
"""


def test_a_reader_s_own_sheet_is_read(tmp_path):
    (tmp_path / "mine.toml").write_text(SHEET)
    assert read_sheet(tmp_path / "mine.toml").usd_per_kwh == 0.3


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"home"\npue', '"away"\npue', "reference_tariff"),
        ("1.0", "0", "pue"),
        ("[]", "3", "rentals"),
    ],
)
def test_a_wrong_sheet_is_one_line(tmp_path, old, new, says):
    (tmp_path / "mine.toml").write_text(SHEET.replace(old, new, 1))
    with pytest.raises(UserError, match=says):
        read_toml(tmp_path / "mine.toml", PriceSheet)


def test_chips_lists_ratios_and_sources_as_json(fenmark):
    rows = json.loads(fenmark("chips", "--json").stdout)
    by_id = {row["id"]: row for row in rows}
    assert by_id["h20"]["compute_to_bandwidth"]["bf16"] == pytest.approx(37.0)
    for row in rows:
        assert row.keys() >= {"id", "name", "kind", "chips", "source", "compute_to_bandwidth"}
        assert row["compute_to_bandwidth"].keys() in (set(), row["peak_tflops"].keys())


def test_the_page_of_chips_is_the_catalogue_s_own():
    written = Path(leaderboard.__file__).parent / "docs" / "chip-table.md"
    assert written.read_text() == page(), "run `python -m results.catalog.page` into the page"


# The list of the project: every one of these must have an entry.
WANTED = """
a100-40gb-sxm a100-80gb-sxm h20 h100-sxm h100-pcie h200-sxm b200-sxm b300-sxm gb200-nvl72
gb300-nvl72 l4 l40s rtx-4090 rtx-5090 rtx-pro-6000-blackwell gb10 instinct-mi300x instinct-mi325x
instinct-mi355x gaudi-3 tpu-v5e tpu-v6e tpu7x-ironwood trainium2 ascend-910b ascend-910c
cloudmatrix-384 sunrise-s1 sunrise-s2 sunrise-s3 mlu590 hygon-dcu-bw200 biren-br100 mtt-s4000
mtt-s5000 iluvatar-bi-v150 kunlunxin-p800 enflame-l600 metax-c500 groq-lpu cerebras-wse-3
apple-m4-max xeon-6980p epyc-9004
"""


def test_every_chip_inference_buyers_weigh_has_an_entry():
    assert set(WANTED.split()) <= set(catalog.chips())


@pytest.mark.parametrize("system", ["gb200-nvl72", "gb300-nvl72", "cloudmatrix-384"])
def test_a_system_holds_its_chips_memory_and_switch_bandwidth(system):
    entry = catalog.chips()[system]
    assert entry.kind == "system"
    assert entry.chips > 1
    assert entry.link_gb_s
    assert entry.link_kind
    assert entry.memory_gb
