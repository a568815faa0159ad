"""The catalogue: strict files, sourced values, and names that find their chip."""

import json
from pathlib import Path

import pytest

import leaderboard
from results import catalog
from results.catalog import chips_data
from results.catalog.chips_data import ChipEntry
from results.catalog.page import page
from results.catalog.prices_data import read_sheet
from results.catalog.reading import read_toml
from suites.base.errors import UserError


@pytest.mark.parametrize(
    ("name", "chip"),
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
        ("NVIDIA GH200 144G HBM3e", "gh200-144gb"),
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
def test_a_driver_s_name_finds_its_chip(name, chip):
    assert catalog.match(name) == chip


def numbers(vendor, family, model, stepping=None, *tables, name="", pci=""):
    return catalog.ChipSigns(
        name=name,
        vendor=vendor,
        family=family,
        model=model,
        stepping=stepping,
        tables=tables,
        pci=pci,
    )


AMD, INTEL, ARM = "AuthenticAMD", "GenuineIntel", "0x41"


@pytest.mark.parametrize(
    ("seen", "chip"),
    [
        (numbers(AMD, 25, 17, name="AMD EPYC"), "epyc-9004"),
        (numbers(AMD, 26, 2, name="AMD EPYC"), "epyc-9005"),
        (numbers(AMD, 25, 1, name="AMD EPYC"), "epyc-7003"),
        (numbers(AMD, 23, 49), "epyc-7002"),
        (numbers(INTEL, 25, 17), None),
        (numbers(INTEL, 6, 207, 2, name="Intel(R) Xeon(R) Processor"), "xeon-5th-gen"),
        (numbers(INTEL, 6, 85, 7), "xeon-2nd-gen"),
        (numbers(INTEL, 6, 85, 4), None),  # Sky Lake shares the model
        (numbers(ARM, 8, 0xD0C, 1, "c6g.large"), "graviton-2"),
        (numbers(ARM, 8, 0xD0C, 1, "c6gn.large"), "graviton-2"),
        (numbers(ARM, 8, 0xD0C, 1, "VirtIO"), "ampere-altra"),
        (numbers(ARM, 8, 0xD4F, 1, "c4a-standard-8"), None),  # Google's, of the same cores
        (numbers("0x48", 8, 0xD01), "kunpeng-920"),
        (numbers("0x70", 8, 0x663), "phytium"),
        (numbers("HygonGenuine", 24, 4), "hygon-c86"),
        (numbers("", 0, 0, name="Loongson-3A6000"), "loongson-3"),
        (numbers("", 0, 0, pci="1002:74b5"), "instinct-mi300x"),
        (numbers("", 0, 0, pci="10de:2335"), "h200-sxm"),
        (numbers("", 0, 0, pci="10de:2bb3"), None),  # an RTX PRO 5000 of 48 GB, or of 72
        (numbers("", 0, 0, None, "nvidia,p3737-0000+p3701-0000"), "jetson-agx-orin"),
        # A name goes before numbers: the part is narrower than its family.
        (numbers(AMD, 26, 2, name="AMD EPYC 9755 128-Core Processor"), "epyc-9755"),
    ],
)
def test_a_chip_is_told_by_numbers_tables_and_the_bus_where_no_name_tells(seen, chip):
    assert catalog.identify(seen) == chip


@pytest.mark.parametrize(
    ("name", "chip"),
    [("NVIDIA L40", None), ("NVIDIA A100-PCIE-40GB", None), ("AMD EPYC 9654P", "epyc-9004")],
)
def test_a_longer_name_is_another_chip(name, chip):
    assert catalog.match(name) == chip


def test_no_two_entries_answer_to_the_same_numbers_or_the_same_bus():
    entries = list(catalog.chips().values())
    pci = [bus_id for entry in entries for bus_id in entry.pci]
    ids = [
        (cpu.vendor, cpu.family, model)
        for entry in entries
        if (cpu := entry.cpuid) and not cpu.alone
        for model in cpu.models
    ]
    assert len(pci) == len(set(pci))
    assert len(ids) == len(set(ids))


def test_a_wrong_chip_is_told_the_nearest():
    with pytest.raises(UserError, match="expected h100-sxm"):
        catalog.require("h100-sxx", "here")


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


@pytest.mark.parametrize(
    ("family", "each"),
    [
        ("epyc-9004", 320 / 16),  # EPYC 9184X
        ("epyc-9005", 320 / 16),  # EPYC 9175F
        ("epyc-7002", 280 / 12),  # Threadripper PRO 3945WX, of the same model number
        ("ryzen-9000", 120 / 8),  # Ryzen 7 9800X3D
        ("xeon-4th-gen", 324 / 12),  # Xeon w5-3425
        ("core-13-14", 89 / 4),  # Core i3-13100
    ],
)
def test_a_family_s_power_is_bounded_by_its_hungriest_core(family, each):
    assert catalog.chips()[family].power_bounds_w(4) == (0.0, pytest.approx(4 * each))


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
        ("1.0", "0.9", "pue"),
        ("1.0", "true", "pue"),
        ("1.0", "1e9", "pue"),
        ("[]", "3", "rentals"),
        ('date = "2026-01"', 'date = "2026-13"', "month must be in 1..12"),
        ('date = "2026-01"', 'date = "0026-01"', "a year from 2000 to 2100"),
        ("0.3", "300", "usd_per_kwh"),
    ],
)
def test_a_wrong_sheet_is_one_line(tmp_path, old, new, says):
    (tmp_path / "mine.toml").write_text(SHEET.replace(old, new, 1))
    with pytest.raises(UserError, match=says) as caught:
        read_sheet(tmp_path / "mine.toml")
    assert len(str(caught.value).splitlines()) == 1


def own(tmp_path, text, name="mine.toml"):
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_sheet(tmp_path / name)


ONE = '[[rentals]]\nchip = "h100-sxm"\n'


def test_one_price_is_a_sheet_and_the_rest_is_as_on_ours(tmp_path):
    sheet, shipped = own(tmp_path, ONE + "usd_per_hour = 1.5\n"), catalog.latest_prices()
    price = sheet.rental("h100-sxm")
    assert (price.usd_per_hour, price.usd_per_hour_low, price.source) == (
        1.5,
        1.5,
        "the reader's own",
    )
    assert (sheet.id, sheet.pue, sheet.ownership) == ("mine", shipped.pue, shipped.ownership)
    assert sheet.rental("l40s") == shipped.rental("l40s")


def test_a_reader_s_class_of_a_chip_is_used_without_being_asked_for(tmp_path):
    sheet = own(tmp_path, ONE + 'kind = "reserved-1y"\nusd_per_hour = 1.5\n')
    assert sheet.rental("h100-sxm").price_class == "reserved-1y"
    assert sheet.default_class == "on-demand"


def test_yuan_are_dollars_at_the_sheet_s_rate(tmp_path):
    rate = 'cny_per_usd = {value = 7.0, date = "2026-01-02", source = "bank"}\n'
    price = own(tmp_path, rate + ONE + "cny_per_hour = 14\n").rental("h100-sxm")
    assert (price.usd_per_hour_low, price.usd_per_hour) == (2.0, 2.0)
    spread = ONE + "cny_per_hour_low = 7.0\ncny_per_hour_high = 21\n"
    price = own(tmp_path, rate + spread).rental("h100-sxm")
    assert (price.usd_per_hour_low, price.usd_per_hour, price.usd_per_hour_high) == (1, 2, 3)


def test_the_price_of_any_core_is_enough_of_a_sheet(tmp_path):
    sheet = own(tmp_path, "[generic]\ncny_per_hour = 0.14\n")
    yuan = catalog.latest_prices().cny_per_usd.value
    assert sheet.generic.usd_per_hour == pytest.approx(0.14 / yuan)
    assert (sheet.generic.chip, sheet.generic.per) == ("vcpu", "core")


def test_a_mark_at_the_beginning_and_a_date_of_toml_s_own_are_read(tmp_path):
    text = ONE.replace("\n", "\r\n") + "usd_per_hour = 2\r\ndate = 2026-01-31\r\n"
    assert own(tmp_path, b"\xef\xbb\xbf" + text.encode()).rental("h100-sxm").date == "2026-01-31"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[[rentals]]\nchip = "h100-sxx"\nusd_per_hour = 2\n', "expected h100-sxm"),
        (
            '[[purchases]]\nchip = "h100"\nbasis = "chip alone"\nusd_low = 9\nusd_high = 9\n',
            "no chip",
        ),
        (ONE + "usd_per_hour = true\n", r"rentals\.0\.usd_per_hour: is not a number"),
        (ONE + 'usd_per_hour = "2"\n', r"rentals\.0\.usd_per_hour: is not a number"),
        (ONE + 'usd_per_hour = "2.5/h"\n', r"rentals\.0\.usd_per_hour: is not a number"),
        (ONE + "cny_per_hour = true\n", r"rentals\.0\.cny_per_hour: is not a number"),
        (ONE + "cny_per_hours = 14\n", r"rentals\.0: has no price"),
        (ONE + "usd_per_hour = nan\n", "is nan"),
        (ONE + "cny_per_hour = inf\n", "is inf"),
        (ONE + "usd_per_hour = 0\n", "usd_per_hour"),
        (ONE + f"usd_per_hour = {'9' * 400}\n", "beyond 64 bits"),
        (ONE + "usd_per_hour = 1\nusd_per_hour = 2\n", "is not TOML"),
        (ONE + "usd_per_hour = 2\ndate = 2026-11-01T10:00:00Z\n", "date"),
        (ONE + 'usd_per_hour = 2\ndate = "yesterday"\n', "date"),
        (ONE + 'usd_per_hour = 2\nper = "core"\n', 'expected "chip"'),
        ("[rentals]\n", "list"),
        ("rentals = [[1]]\n", "rentals.0"),
        ('pue = {value = 0.9, date = "2026", source = "x"}\n', "pue.value"),
        ('pue = {value = true, date = "2026", source = "x"}\n', "pue.value"),
        ('cny_per_usd = {value = 0, date = "2026", source = "x"}\n', "cny_per_usd.value"),
        ('cny_per_usd = {value = 0.14, date = "2026", source = "x"}\n', "dollars for a yuan"),
        ('[[rentals]]\nchip = ["h100-sxm"]\nusd_per_hour = 2\n', r"rentals\.0\.chip"),
        ("[[rentals]]\nchip = {a = 1}\nusd_per_hour = 2\n", r"rentals\.0\.chip"),
        ('[[tariffs]]\nregion = "x"\nusd_per_kwh = -1\n', "usd_per_kwh"),
        ('reference_tariff = "Mars"\n', "names no region"),
        ('[generic]\nchip = "h100-sxm"\nusd_per_hour = 1\n', "of any logical core"),
        ("prices = 5\n", "prices"),
        ((ONE + "usd_per_hour = 2").encode("utf-16"), "byte order mark"),
        (ONE + "usd_per_hour = 2e9\n", "usd_per_hour"),
        (ONE + "usd_per_hour = -2\n", "usd_per_hour"),
        (ONE + "cny_per_hour = 14\nusd_per_hour = 2\n", "cny_per_hour: is given in dollars, too"),
        (ONE + "usd_per_hour_low = 3\nusd_per_hour_high = 2\n", "exceeds"),
        (ONE + 'kind = "free"\nusd_per_hour = 2\n', "kind is none of on-demand"),
        (ONE + 'usd_per_hour = 2\ndate = "2026-02-30"\n', "date"),
        (ONE + "usd_per_hour = 2\n" + ONE + "usd_per_hour = 3\n", "twice"),
        ('[[rentals]]\nchip = "epyc-9004"\nper = "chip"\nusd_per_hour = 2\n', 'expected "core"'),
        ("", "says nothing"),
    ],
)
def test_a_partial_sheet_is_held_to_the_same(tmp_path, text, says):
    with pytest.raises(UserError, match=says) as caught:
        own(tmp_path, text)
    assert len(str(caught.value).splitlines()) == 1


def test_the_sheet_of_a_day_is_the_newest_there_was():
    first, *_, last = catalog.price_sheets()
    assert catalog.prices_as_of("2026-11-10").id == "2026-11" == first
    assert catalog.prices_as_of("2026-12").id == last
    for day, says in {
        "2025-01-01": "as old as",
        "2026-02-30": "not a date",
        "soon": "not a date",
    }.items():
        with pytest.raises(UserError, match=says):
            catalog.prices_as_of(day)


def test_no_class_of_our_newest_sheet_mixes_two_versions_of_one_source():
    dates = {}
    for price in catalog.latest_prices().rentals:
        if price.price_class == "reserved-3y":
            dates.setdefault(price.source, set()).add(price.date)
    assert list(dates.values()) == [{"2026-08-14"}]
    # As published that day: the older version's placeholder for GB300 had made the two alike.
    sheet = catalog.latest_prices()
    assert sheet.rental("gb200", "reserved-3y").usd_per_hour == 2.60
    assert sheet.rental("gb300", "reserved-3y").usd_per_hour == 3.30


def test_our_newest_sheet_prices_no_thin_market():
    for price in catalog.latest_prices().rentals:
        if price.price_class == "on-demand":
            assert price.offers >= 3


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
apple-m4-max xeon-6980p epyc-9004 epyc-7002 epyc-7003 epyc-9005 xeon-2nd-gen xeon-3rd-gen
xeon-4th-gen xeon-5th-gen xeon-6-granite-rapids core-12 core-13-14 core-ultra-1 core-ultra-2
ryzen-9000 ryzen-ai-max apple-m1 apple-m5 graviton-2 graviton-5 ampere-altra kunpeng-920 phytium
hygon-c86 loongson-3 broadcom-xpu tomahawk-6 vera-rubin instinct-mi455x arc-pro-b60 arc-pro-b70
rtx-pro-4500-blackwell rtx-pro-5000-blackwell rtx-3090 a10 a30 l20 jetson-agx-orin
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
