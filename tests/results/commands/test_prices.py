"""`fenmark prices`: sheets are listed by day, and made of what the field keeps."""

import json

import pytest

from results.catalog.prices_data import read_sheet

HEAD = (
    "InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,Price,Region,GpuInfo,SpotPrice\n"
)
ROWS = "".join(
    f"p5.48xlarge,H100,8,192,2048,{price},{region},,\n"
    for price, region in [(16, "a"), (24, "b"), (32, "c")]
)


@pytest.fixture
def vms(tmp_path):
    path = tmp_path / "aws" / "vms.csv"
    path.parent.mkdir()
    path.write_text(HEAD + ROWS + "g6.xlarge,L4,1,4,16,0.8,us-east-1,,\n")
    return path


def test_a_catalogue_becomes_a_sheet_that_the_other_verbs_read(fenmark, vms, tmp_path):
    out = tmp_path / "2026-12-01.toml"
    done = fenmark("prices", "import", "skypilot", vms, "--date", "2026-12-01", "--out", out)
    assert done.returncode == 0, done.stderr
    assert "refused: l4, on-demand: 1 of 3 offers" in done.stderr
    price = read_sheet(out).rental("h100-sxm")
    assert (price.usd_per_hour, price.usd_per_hour_low, price.usd_per_hour_high) == (3, 2.2, 3.8)
    assert (price.offers, price.date) == (3, "2026-12-01")
    told = fenmark("prices", "list", "--price-sheet", out, "--chip", "h100-sxm", "--json")
    assert [row["offers"] for row in json.loads(told.stdout)][:1] == [3]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--date", "2026-13-01", "--out", "x.toml"), "--date: '2026-13-01' is not a date"),
        (("--date", "2026-12-01"), "--out: is missing"),
    ],
)
def test_a_wrong_call_is_one_line(fenmark, vms, arguments, says):
    done = fenmark("prices", "import", "skypilot", vms, *arguments)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert says in done.stderr


def test_an_old_sheet_is_never_written_over(fenmark, vms, tmp_path):
    out = tmp_path / "2026-12-01.toml"
    out.write_text("mine")
    done = fenmark("prices", "import", "skypilot", vms, "--date", "2026-12-01", "--out", out)
    assert (done.returncode, out.read_text()) == (2, "mine")


def test_thin_markets_alone_make_no_sheet(fenmark, vms, tmp_path):
    vms.write_text(HEAD + "g6.xlarge,L4,1,4,16,0.8,us-east-1,,\n")
    out = tmp_path / "2026-12-01.toml"
    done = fenmark("prices", "import", "skypilot", vms, "--date", "2026-12-01", "--out", out)
    assert (done.returncode, out.exists()) == (1, False)


def test_prices_are_listed_as_of_a_day(fenmark):
    def listed(*more):
        done = fenmark("prices", "list", "--chip", "h100-sxm", *more, "--json")
        return json.loads(done.stdout)

    assert {row["price_sheet"] for row in listed("--as-of", "2026-11-05")} == {"2026-11"}
    assert {row["price_sheet"] for row in listed("--history")} >= {"2026-11", "2026-11-28"}
    for row in listed():
        assert row["price_low"] <= row["usd_per_hour"] <= row["price_high"]
    done = fenmark("prices", "list", "--chip", "h100")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
