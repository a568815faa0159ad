"""What ships of others' results: whole, on record, repeatable, and with its faults told."""

import gzip
import json
from pathlib import Path

import pytest

import leaderboard
from results.reported import faults, shipping
from results.statement.reported import read_file
from suites.base.errors import CheckError, UserError

# The publishers' files, where somebody keeps them beside the checkout.
WHOLE = Path(__file__).parents[4] / "shared" / "data"
RECORD = """
publisher = "Somebody"
kind = "inferencex"
evidence = "measured"
licence = "Apache-2.0"
cite = "Somebody, points"
origin = "some/body: points.json @ 0123abcd"
date = "2026-11-28"

[[files]]
path = "points/agg.json"
"""
# Of 4 chips that two experts' groups share, the file makes 16; requests in flight are 4 and not 16.
ROW = {
    "hardware": "b200", "framework": "trt", "model": "dsr1", "precision": "fp4", "disagg": "False",
    "decode_tp": 4, "decode_ep": 4, "num_decode_gpu": 16, "isl": 1024, "osl": 1000, "conc": 4,
    "output_tput_per_gpu": 100.0, "input_tput_per_gpu": 100.0, "tput_per_gpu": 200.0,
    "median_e2el": 10.0, "median_ttft": 0.5,
}  # fmt: skip


@pytest.fixture(scope="module")
def shipped():
    return list(shipping.shipped_files())


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A folder of one publisher on record, and their file."""
    (tmp_path / "home" / "publishers").mkdir(parents=True)
    (tmp_path / "home" / "publishers" / "somebody.toml").write_text(RECORD)
    (tmp_path / "from" / "points").mkdir(parents=True)
    (tmp_path / "from" / "points" / "agg.json").write_text(json.dumps([ROW, ROW | {"conc": 64}]))
    monkeypatch.setattr(shipping, "_HOME", tmp_path / "home")
    return tmp_path / "from"


def test_every_row_says_who_published_it_where_and_how_to_cite_it(shipped):
    notice = (shipping.DATA / "NOTICE").read_text()
    on_record = {publisher.publisher for publisher in shipping.publishers()}
    for file in shipped:
        about = file.source
        told = (about.publisher, about.licence, about.origin, about.date, about.cite)
        assert all(told)
        assert about.publisher in on_record
        assert about.evidence in {"measured", "vendor-claimed"}
        for line in (about.file, about.file_sha256, about.licence, about.cite, about.evidence):
            assert line in notice
        rows = [int(result.id.rpartition("#")[2]) for result in file.results]
        assert rows == sorted(set(rows))
        assert rows[-1] <= file.rows


def test_what_ships_is_small_and_mlperf_stands_apart(shipped):
    assert sum(path.stat().st_size for path in shipping.DATA.iterdir()) < 20e6
    assert sum(len(file.results) for file in shipped) > 7000
    assert {file.source.kind for file in shipped if file.source.view == "mlperf"} == {"mlperf"}


def test_simulated_figures_never_ship():
    simulated = [
        publisher for publisher in shipping.publishers() if publisher.evidence == "simulated"
    ]
    assert simulated
    assert not any(publisher.files for publisher in simulated)
    record = simulated[0].model_dump() | {"kind": "vllm", "files": [{"path": "x.json"}]}
    with pytest.raises(ValueError, match="simulated figures do not ship"):
        shipping.Publisher.model_validate(record)


def test_a_build_is_repeatable_and_leaves_nothing_of_an_earlier_one(source, tmp_path):
    first = shipping.build(source, tmp_path / "a")
    (tmp_path / "b" / "data").mkdir(parents=True)
    (tmp_path / "b" / "data" / "vllm-0.reported.json.gz").write_bytes(b"of an earlier build")
    assert shipping.build(source, tmp_path / "b") == first
    contents = [
        {path.name: path.read_bytes() for path in (tmp_path / out / "data").iterdir()}
        for out in "ab"
    ]
    assert contents[0] == contents[1]
    [told] = first
    assert (told.rows, told.imported, told.file) == (2, 2, "points/agg.json")
    # 400 tokens/s × 10 s ÷ 1000 tokens are 4 requests: a sixteenth of 64.
    assert told.flagged == {"queueing": 1}


def test_a_missing_file_and_one_without_results_are_one_line(source, tmp_path):
    file = source / "points" / "agg.json"
    file.write_text(json.dumps([ROW | {"tput_per_gpu": "fast"}]))
    with pytest.raises(CheckError, match=r"agg\.json: gives no result"):
        shipping.build(source, tmp_path)
    file.unlink()
    with pytest.raises(UserError, match=r"agg\.json"):
        shipping.build(source, tmp_path)
    assert not (tmp_path / "data").exists()


def test_the_verb_tells_each_file(source, tmp_path, fenmark):
    done = fenmark("reported", "build", "--from", source, "--out", tmp_path, "--json")
    [told] = json.loads(done.stdout)
    assert (told["publisher"], told["evidence"], told["imported"]) == ("Somebody", "measured", 2)
    done = fenmark("reported", "build", "--from", source, "--out", tmp_path)
    assert "agg.json: 2 of 2 rows" in done.stdout


def test_what_ships_is_listed(fenmark, shipped, monkeypatch):
    monkeypatch.setattr(shipping, "shipped_files", lambda: iter(shipped))
    listed = json.loads(fenmark("reported", "list", "--json").stdout)
    assert {"inferencex", "mlperf", "flagperf"} <= {entry["kind"] for entry in listed}
    assert all(entry["cite"] and entry["results"] for entry in listed)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"plain", "is not gzip"),
        (gzip.compress(b"{}" * 300, mtime=0)[:-12], "ends early"),
        (gzip.compress(b" " * 2000, mtime=0), "holds more than 1,000 bytes"),
        (gzip.compress(b"{}", mtime=0), "schema_version"),
    ],
)
def test_a_packed_file_that_is_none_is_one_line(tmp_path, monkeypatch, data, told):
    monkeypatch.setattr("results.statement.reported._MOST", 1000)
    path = tmp_path / "x.reported.json.gz"
    path.write_bytes(data)
    with pytest.raises(UserError, match=told):
        read_file(path)


def test_faults_are_told_with_their_evidence(source, tmp_path):
    shipping.build(source, tmp_path)
    page = faults.page(shipping.shipped_files(tmp_path / "data"))
    assert "| Somebody | agg.json | 2 | 2 | 1 | 2 |" in page
    assert "| queueing | 2 | b200 | " in page
    assert "| b200 | 16 | 4 | 2 |" in page


def test_the_page_of_faults_is_the_codes_own(shipped):
    written = Path(leaderboard.__file__).parent / "docs" / "publishers-faults.md"
    assert written.read_text() == faults.page(shipped), (
        "run `python -m results.reported.faults` into it"
    )


@pytest.mark.skipif(not WHOLE.is_dir(), reason="the publishers' files are not beside the checkout")
def test_what_ships_is_what_the_publishers_files_give(shipped):
    made = [shipping._imported(WHOLE, *record)[1] for record in shipping._on_record()]
    assert {file.source.file: file for file in made} == {file.source.file: file for file in shipped}


@pytest.mark.parametrize(("flags", "given"), [((), True), (("--no-reported",), False)])
def test_a_site_shows_what_ships_unless_told_not_to(tmp_path, monkeypatch, fenmark, flags, given):
    monkeypatch.delenv("FENMARK_NO_REPORTED")
    asked = []

    def build(results, out, base_url, others, *_, **__):
        asked.extend(others)
        raise UserError("enough")

    monkeypatch.setattr(leaderboard, "build", build)
    fenmark("site", "--results", tmp_path, "--out", tmp_path / "out", *flags)
    assert asked == [shipping.DATA] * given


def test_what_ships_is_checked_and_costed_as_it_is(source, tmp_path, fenmark):
    shipping.build(source, tmp_path)
    [path] = (tmp_path / "data").glob("*.gz")
    assert '"queueing"' in fenmark("check", path, "--json").stdout
    assert json.loads(fenmark("cost", "--results", path.parent, "--json").stdout)
