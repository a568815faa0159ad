"""What may stand where: no flagged row, no figure of another model or load beside one."""

import json

import pytest

from leaderboard.base.workers import Workers
from leaderboard.figures import ranking
from leaderboard.figures.figures import NO_SAMPLES, Result
from leaderboard.figures.rows import frame, rows_of
from leaderboard.read import archives
from results import catalog
from results.statement.statement import Statement
from runners.measure import provenance
from runners.measure.attest import Stated, attest
from tests.site.conftest import accept, statement


def rows(*statements, flags=(), unsampled=()):
    sheet = catalog.latest_prices()
    records = []
    for at, document in enumerate(statements):
        result = Result(
            digest=f"{at:064x}",
            keyid="k",
            runner="r",
            key_tier="registered",
            log="",
            index=None,
            flags=("queueing: x",) if at in flags else (),
            recomputed=at not in unsampled,
            predicate=Statement.model_validate(document).predicate,
        )
        records += rows_of(result, sheet)
    return ranking.ranked(frame(records).assign(tier="registered"))


def gpu(**changes):
    listed = {"chip": "NVIDIA H100 80GB HBM3", "catalog_id": "h100-sxm", "kind": "gpu"}
    return statement(model="llama-3.1-8b", **{**listed, "speed": 900.0, "metered": True, **changes})


def proven(document):
    """A standard run for a challenge, whose instrument checked itself."""
    document["predicate"]["run"] |= {"profile": "standard", "nonce": "n", "not_before": "0"}
    checks = [
        {**item, "metric": "instrument_ttft_error", "value": 0.1, "low": None, "high": None}
        for item in document["predicate"]["measurements"]
        if item["metric"] == "ttft" and item["labels"].get("percentile") == 50
    ]
    document["predicate"]["measurements"] += checks
    return document


def test_a_flagged_row_ranks_nowhere_has_no_badge_and_no_card():
    fast, slow = gpu(number=1, speed=3000.0), gpu(number=2, speed=900.0)
    table = rows(fast, slow, flags={0})
    assert set(table[table["ranks"]]["digest"]) == {f"{1:064x}"}
    assert set(table[table["place"] < 4]["digest"]) == {f"{1:064x}"}
    assert set(ranking.leading(table)["digest"]) == {f"{1:064x}"}
    best = ranking.answers(table)
    cards = (best.cheapest, best.most_tokens_per_joule, best.nearest_to_one_fen)
    assert {card["digest"] for card in cards} == {f"{1:064x}"}


def test_where_every_row_is_flagged_nothing_is_announced():
    table = rows(gpu(), flags={0})
    assert ranking.answers(table) == ranking.Answers(
        cheapest=None, most_tokens_per_joule=None, nearest_to_one_fen=None
    )
    assert ranking.leading(table).empty


def test_a_quick_run_or_one_without_challenge_or_self_check_says_so_and_ranks_below():
    quick, full = gpu(number=1, speed=3000.0), proven(gpu(number=2, speed=900.0))
    table = rows(quick, full)
    serving = table[(table["suite"] == "serving") & table["ranks"]]
    assert serving.groupby("digest")["place"].unique().map(list).to_dict() == {
        f"{0:064x}": [2],
        f"{1:064x}": [0],
    }
    assert serving["doubts"].unique().tolist() == ["", "no challenge, no self-check"]
    assert ranking.answers(table).nearest_to_one_fen["digest"] == f"{1:064x}"
    assert set(ranking.leading(table)["digest"]) == {f"{1:064x}"}


@pytest.mark.parametrize(("seconds", "doubts"), [(60.0, ""), (5.0, "shorter than its profile")])
def test_a_point_that_its_options_made_short_is_not_proven_by_a_long_profile(seconds, doubts):
    document = proven(gpu())
    document["predicate"]["run"]["options"] = {"requests": 10}
    for item in document["predicate"]["measurements"]:
        if item["suite"] == "serving":
            rate = {"value": 10 / seconds} if item["metric"] == "request_throughput" else {}
            item.update({"n": 10, "low": None, "high": None} | rate)
    serving = rows(document).query("suite == 'serving'")
    assert serving["doubts"].unique().tolist() == [doubts]
    assert serving["proven"].unique().tolist() == [not doubts]


def test_drafts_that_only_an_engines_flags_tell_of_make_other_tokens():
    plain, drafted = gpu(number=1), gpu(number=2)
    drafted["predicate"]["engines"][0]["flags"] = {"--speculative-config": "mtp"}
    shapes = rows(plain, drafted).query("suite == 'serving'").groupby("digest")["shape"].unique()
    [[without], [apart]] = [list(shape) for shape in shapes]
    assert apart == f"{without}, drafts by unnamed"


@pytest.mark.parametrize(
    ("flags", "apart"),
    [
        ({"--kv-cache-dtype": "fp8_e4m3"}, ", cache kept as fp8_e4m3"),
        ({"--cache-type-k": "q8_0", "--cache-type-v": "f16"}, ", cache kept as q8_0"),
        ({"--quant-policy": "8"}, ", cache kept as int8"),
        ({"--kv-cache-dtype": "auto"}, ""),
        ({"--kv-cache-dtype": "bfloat16"}, ""),
    ],
)
def test_a_cache_that_is_narrower_makes_other_tokens(flags, apart):
    plain, narrow = gpu(number=1), gpu(number=2)
    narrow["predicate"]["engines"][0]["flags"] = flags
    shapes = rows(plain, narrow).query("suite == 'serving'").groupby("digest")["shape"].unique()
    [[without], [with_it]] = [list(shape) for shape in shapes]
    assert with_it == without + apart


def test_a_small_model_does_not_beat_a_large_one_and_stands_apart():
    large = [gpu(number=1), gpu(number=2, chip="NVIDIA H200", catalog_id="h200-sxm")]
    small = gpu(number=3, speed=90_000.0)
    small["predicate"]["engines"][0]["model"] = "tiny-15m"
    table = rows(*large, small)
    serving = table[table["place"] == 2]
    # Rows of one model stand together.
    assert serving["model"].ne(serving["model"].shift()).sum() == 2
    assert ranking.answers(table).nearest_to_one_fen["model"] == "llama-3.1-8b"


def test_one_load_is_one_ranking():
    short, long = gpu(number=1), gpu(number=2)
    for item in long["predicate"]["measurements"]:
        item["labels"] |= {"isl": 8192} if item["suite"] == "serving" else {}
    table = rows(short, long)
    serving = table[table["place"] == 2]
    assert serving["shape"].ne(serving["shape"].shift()).sum() == 2


@pytest.mark.parametrize("copied", ["samples", "figures"])
def test_a_copy_of_another_result_does_not_rank(tmp_path, copied):
    first, second = gpu(number=1), gpu(number=2)
    if copied == "samples":
        second = gpu(number=2, speed=901.0)
        second["subject"] = first["subject"]
    folder = accept(tmp_path / "results", first, second)
    with Workers() as workers:
        archive = archives.read([folder], None, workers)
    ranked = ranking.ranked(archive.rows)
    flagged = ranked.groupby("digest")["flags"].first()
    assert sorted(flagged) == [0, 1]
    copy = str(flagged.idxmax())
    assert "samples: " in archive.open(copy).flags[0]
    assert set(ranked[ranked["ranks"]]["digest"]) == set(flagged.index) - {copy}


def cheapest(document):
    """Cases of the cheapest interactive row and of the cheapest of all."""
    best = ranking.answers(rows(document))
    return best.cheapest and best.cheapest["case"], best.nearest_to_one_fen["case"]


def test_what_is_interactive_is_judged_by_the_99th_percentile_of_each_token():
    # 4 streams: 72 ms a token by the median, 109 ms by the 99th percentile; 100 ms may be.
    assert cheapest(gpu(speed=24.0)) == ("closed/c2", "closed/c4")


def test_and_of_the_first_token():
    slow = gpu()
    for item in slow["predicate"]["measurements"]:
        if item["metric"] == "ttft" and item["suite"] == "serving":
            for end in ("value", "low", "high"):
                item[end] *= 12
    # 4 streams: 1.5 s by the median, 2.2 s by the 99th percentile; 2 s may be.
    assert cheapest(slow) == ("closed/c2", "closed/c4")


def test_a_row_that_knows_its_median_alone_keeps_no_limit():
    document = gpu(speed=24.0)
    document["predicate"]["measurements"] = [
        item
        for item in document["predicate"]["measurements"]
        if item["labels"].get("percentile") != 99
    ]
    assert cheapest(document) == (None, "closed/c4")


@pytest.fixture
def attested(tmp_path, monkeypatch):
    """An archive with a result of vLLM's bench, faster than anything measured here."""
    monkeypatch.setenv("FENMARK_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(provenance, "_git", lambda *_: "")
    file = tmp_path / "bench.json"
    asked = {"model_id": "llama-3.1-8b", "max_concurrency": 4, "completed": 8}
    tokens = {"total_input_tokens": 4096, "total_output_tokens": 1024}
    file.write_text(json.dumps({**asked, **tokens, "output_throughput": 1e3, "median_ttft_ms": 90}))
    attest(file, tmp_path / "attested", Stated(chip="h100-sxm", count=1, precision="fp8"))
    return tmp_path / "attested"


def test_what_another_harness_measured_follows_all_that_was_measured_here(attested, tmp_path):
    flagged = gpu(number=2, speed=9e5)
    measured = accept(tmp_path / "measured", gpu(number=1), flagged)
    with Workers() as workers:
        archive = archives.read([measured, attested], None, workers)
    assert archive.refused == ()
    table = ranking.ranked(archive.rows)
    [row] = table[table["suite"] == "attested"].to_dict("records")
    assert (row["ranks"], row["flags"], row["throughput_method"]) == (False, 0, "attested")
    assert (row["throughput"], row["ttft"]) == (1e3, 90.0)
    assert (row["engine"], row["model"]) == ("vllm", "llama-3.1-8b")
    assert NO_SAMPLES not in row["doubts"]
    assert table[table["ranks"]]["place"].max() < row["place"]
    assert row["place"] < table[table["flags"] > 0]["place"].min()
    assert "attested" not in set(ranking.leading(table)["suite"])


def test_an_attested_row_whose_file_is_gone_says_that_nobody_read_it_again(attested):
    [file] = (attested / "samples").iterdir()
    file.unlink()
    with Workers() as workers:
        table = archives.read([attested], None, workers).rows
    assert NO_SAMPLES in table["doubts"][0]
