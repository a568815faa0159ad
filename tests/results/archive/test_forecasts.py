"""Forecasts: signed, logged once, verified; scored by what came later and by nothing else."""

import json
from pathlib import Path

import pytest

from results.archive import archive, forecasts
from results.archive.scoring import calibrations_of, scored, scores_of
from results.keys import keyfile
from results.prediction.choose import Options, Setup, SetupOption
from results.prediction.forecasts import calibrations, forecast_of, ready, score
from results.prediction.observed import Record
from results.prediction.plan import Layout
from results.prediction.predict import Workload, cell_of, predictor
from results.proof import envelope
from results.proof.keylog import time_entry
from results.proof.ledger import Ledger
from results.statement.forecast import payload, read_forecast
from results.statement.statement_v2 import read_statement
from suites.base.errors import UserError
from suites.base.records import Row
from tests.builders import FORECAST_AT, engine, figure, forecast, stated

SHIPPED = Path(forecasts.__file__).parents[1] / "forecasts"


@pytest.fixture
def signer(tmp_path):
    return keyfile.create(tmp_path / "key.pem")


def read(directory):
    broken = []
    return forecasts.read_all(directory, broken.append), list(map(str, broken))


def test_a_forecast_is_signed_logged_and_read_back(tmp_path, signer):
    home = tmp_path / "archive"
    own = [forecast(), forecast(level="kernels")]
    digests = forecasts.enter(home, own, signer, signer)
    logged, broken = read(home)
    assert broken == []
    assert [(entry.index, entry.digest, entry.forecast) for entry in logged] == [
        (0, digests[0], own[0]),
        (1, digests[1], own[1]),
    ]
    # The same again changes nothing.
    assert forecasts.enter(home, own, signer, signer) == digests
    assert len(list(Ledger(home / "log").entries())) == 2


def test_an_archive_with_forecasts_verifies(tmp_path, signer, fenmark):
    forecasts.enter(tmp_path / "archive", [forecast()], signer, signer)
    around = archive.surroundings(tmp_path / "archive")
    assert around.problem is None
    assert fenmark("verify", tmp_path / "archive").returncode == 0


@pytest.mark.parametrize("damage", ["edited", "renamed", "unlogged"])
def test_what_was_changed_is_named_and_hides_no_other(tmp_path, signer, damage):
    home = tmp_path / "archive"
    first, _ = forecasts.enter(home, [forecast(), forecast(level="kernels")], signer, signer)
    path = home / forecasts.FOLDER / f"{first}{forecasts.SUFFIX}"
    data = path.read_bytes()
    if damage == "edited":
        document = json.loads(data)
        document["payload"] = document["payload"][:-8] + "AAAAAAA="
        path.write_text(json.dumps(document))
    elif damage == "renamed":
        path.rename(path.with_name("0" * 64 + forecasts.SUFFIX))
    else:
        other = forecasts.enter(tmp_path / "other", [forecast(level="later")], signer, signer)[0]
        name = f"{other}{forecasts.SUFFIX}"
        path.write_bytes(b"{}")
        path.unlink()
        (home / forecasts.FOLDER / name).write_bytes(
            (tmp_path / "other" / forecasts.FOLDER / name).read_bytes()
        )
    logged, broken = read(home)
    assert [entry.forecast.level for entry in logged] == ["kernels"]
    assert len(broken) == 1


def test_a_log_that_does_not_hold_gives_no_forecast(tmp_path, signer):
    home = tmp_path / "archive"
    forecasts.enter(home, [forecast()], signer, signer)
    checkpoint = Ledger(home / "log").checkpoint_file
    checkpoint.write_bytes(checkpoint.read_bytes().replace(b"\n1\n", b"\n2\n"))
    logged, broken = read(home)
    assert logged == []
    assert len(broken) == 1


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"tpot_ms": {"value": 30.0, "low": 8.0, "high": 20.0}}, "tpot_ms"),
        ({"tpot_ms": {"value": -1.0, "low": -2.0, "high": 20.0}}, "tpot_ms"),
        ({"made_at": "yesterday"}, "made_at"),
        ({"made_at": "2026-99-99T12:00:00Z"}, "predicate"),
        ({"forecaster": "\x1b[2J"}, "forecaster"),
        ({"spare": 1}, "spare"),
    ],
)
def test_what_is_no_forecast_is_refused_by_its_field(given, field):
    document = json.loads(payload(forecast()))
    document["predicate"] |= given
    with pytest.raises(UserError, match=field):
        read_forecast(json.dumps(document).encode(), "f")


def test_its_subject_is_its_cell():
    document = json.loads(payload(forecast()))
    document["predicate"]["cell"]["chip"] = "h200-sxm"
    with pytest.raises(UserError, match="another cell"):
        read_forecast(json.dumps(document).encode(), "f")


def seen(tpot, ttft=100.0, *, kind="measured", chip="ascend-950pr", load=16):
    option = SetupOption(
        setup=Setup(chip, "vllm", "fp8", Layout(1, 1, 1, 1)),
        concurrency=load, kind=kind, basis="d",
    )  # fmt: skip
    import numpy as np

    times = [np.full((3, 1), time) for time in (tpot, ttft)]
    return Options([option], *times, np.full((2, 1), np.nan))


def test_a_score_says_inside_or_by_how_much_beyond():
    ttft, tpot = score(forecast(), seen(12.0))
    assert (ttft.metric, ttft.inside, ttft.off) == ("ttft", True, 0)
    assert (tpot.metric, tpot.inside, tpot.beyond) == ("tpot", True, 1)
    assert tpot.off == pytest.approx(0.2)
    assert score(forecast(), seen(40.0))[1].beyond == pytest.approx(2)
    assert score(forecast(), seen(4.0))[1].beyond == pytest.approx(2)


@pytest.mark.parametrize("other", [{"chip": "h200-sxm"}, {"load": 8}, {"kind": "predicted"}])
def test_another_cell_scores_nothing(other):
    assert score(forecast(), seen(12.0, **other)) == []


def test_calibration_counts_by_forecaster_and_level():
    own, foreign = forecast(), forecast(forecaster="another")
    given = [("key", own, each) for time in (12.0, 40.0) for each in score(own, seen(time))]
    given += [("key", foreign, each) for each in score(foreign, seen(10.0))]
    runs = {(run.forecaster, run.metric): run for run in calibrations(given)}
    assert (runs["somebody", "tpot"].inside, runs["somebody", "tpot"].scored) == (1, 2)
    assert runs["somebody", "tpot"].off == pytest.approx((0.2 + 3) / 2)
    assert runs["another", "tpot"].off == 0


def test_another_key_of_the_same_name_is_another_forecaster():
    own = forecast()
    given = [(key, own, each) for key in ("theirs", "ours") for each in score(own, seen(12.0))]
    assert [run.runner for run in calibrations(given)] == ["ours", "ours", "theirs", "theirs"]


def measured(own, factor, day):
    """A signed result of a forecast's cell: so many times what was forecast."""
    cell = own.cell
    load = {"isl": cell.isl, "osl": cell.osl, "concurrency": cell.concurrency, "valid": True}
    rows = [
        figure(
            suite="serving", case="closed", metric=metric, value=time.value * factor,
            low=time.value * factor * 0.99, high=time.value * factor * 1.01,
            labels=load,
        )
        for metric, time in (("tpot", own.tpot_ms), ("ttft", own.ttft_ms))
    ]  # fmt: skip
    chip = {"catalog_id": cell.chip, "name": cell.chip, "kind": "npu", "count": cell.tp}
    return stated(
        *rows, machine={"chip": chip}, suites=["serving"], started_at=f"{day}T00:00:00Z",
        finished_at=f"{day}T01:00:00Z",
        engines=[engine(name=cell.engine, model=cell.model, precision=cell.precision)],
    )  # fmt: skip


def enter(home, signer, statement):
    return archive.accept(home, envelope.encode(read_statement(statement)), signer)


def of(entries, chip):
    return [own for own in entries if own.logged.forecast.cell.chip == chip]


def test_forecasts_ship_of_chips_that_nothing_was_learnt_of():
    logged, broken = read(SHIPPED)
    chips = {own.forecast.cell.chip for own in logged}
    assert broken == []
    assert len(logged) >= 40
    assert {"ascend-950pr", "ascend-950dt", "b300-sxm", "instinct-mi455x"} <= chips
    assert not chips & {cell.chip for cell in predictor().base.samples["tpot"].cells}


def test_what_ships_is_entered_in_another_log_and_scored_there_on_arrival(tmp_path, signer):
    home = tmp_path / "archive"
    own = next(o.forecast for o in read(SHIPPED)[0] if o.forecast.cell.chip == "ascend-950pr")
    enter(home, signer, measured(own, 1.0, "2026-12-01"))
    digests = forecasts.enter_signed(SHIPPED, home, signer)
    assert forecasts.enter_signed(SHIPPED, home, signer) == digests
    logged, broken = read(home)
    assert (broken, [entry.digest for entry in logged]) == ([], digests)
    assert {entry.runner for entry in logged} == {entry.runner for entry in read(SHIPPED)[0]}
    assert not any(entry.scores for entry in scored(home, pytest.fail)), "it was in the log before"
    enter(home, signer, measured(own, 1.1, "2026-12-02"))
    scored_entries = scored(home, pytest.fail)
    (entry,) = [entry for entry in of(scored_entries, "ascend-950pr") if entry.scores]
    assert [(each.kind, each.inside) for each in entry.scores] == [("measured", True)] * 2
    assert {(run.metric, run.scored, run.inside) for run in calibrations_of(scored_entries)} == {
        ("tpot", 1, 1),
        ("ttft", 1, 1),
    }


@pytest.mark.parametrize(("day", "scores"), [("2026-12-01", 2), ("2026-11-28", 0)])
def test_results_of_another_log_score_by_their_day(tmp_path, signer, day, scores):
    forecasts.enter(tmp_path / "own", [forecast()], signer, signer)
    enter(tmp_path / "other", signer, measured(forecast(), 1.2, day))
    (entry,) = scored(tmp_path / "own", pytest.fail, others=[tmp_path / "other"])
    assert len(entry.scores) == scores
    enter(tmp_path / "own", signer, measured(forecast(), 1.2, day))
    (entry,) = scored(tmp_path / "own", pytest.fail, others=[tmp_path / "other"])
    assert len(entry.scores) == 2, "of two logs that hold it, one counts"


def test_a_forecast_that_dates_itself_back_is_as_old_as_its_log_says(tmp_path, signer):
    home = tmp_path / "own"
    (home / "log").mkdir(parents=True)
    late = time_entry("2026-12-10T00:00:00Z")
    Ledger(home / "log").append(late, origin=archive.log_origin(signer), signer=signer)
    forecasts.enter(home, [forecast()], signer, signer)  # made at, as it says, on 28 November
    enter(tmp_path / "known", signer, measured(forecast(), 1.2, "2026-12-01"))
    (own,) = scored(home, pytest.fail, others=[tmp_path / "known"])
    assert (own.logged.day, own.scores) == ("2026-12-10", [])
    enter(tmp_path / "later", signer, measured(forecast(), 1.2, "2026-12-11"))
    (own,) = scored(home, pytest.fail, others=[tmp_path / "later"])
    assert len(own.scores) == 2


def test_nothing_is_entered_in_another_keys_log_or_where_one_is_broken(tmp_path, signer):
    forecasts.enter(tmp_path / "theirs", [forecast()], signer, signer)
    stranger = keyfile.create(tmp_path / "stranger.pem")
    with pytest.raises(UserError, match="belongs to"):
        forecasts.enter_signed(SHIPPED, tmp_path / "theirs", stranger)
    assert len(forecasts.files(tmp_path / "theirs")) == 1
    (path,) = forecasts.files(tmp_path / "theirs")
    path.write_text("{}")
    with pytest.raises(UserError):
        forecasts.enter_signed(tmp_path / "theirs", tmp_path / "mine", stranger)
    assert not (tmp_path / "mine").exists()


def record():
    labels = {"isl": 1024, "osl": 1024, "concurrency": 16}
    rows = [
        Row(suite="serving", case="c", metric=metric, unit="ms", value=12.0, low=None, high=None,
            n=1, method="measured", labels=labels)
        for metric in ("ttft", "tpot")
    ]  # fmt: skip
    return Record(
        kind="measured", where="d", chip="ascend-950pr", count=1, model="llama-3.1-8b",
        engine="vllm", precision="fp8", labels={}, measurements=rows,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("signed", "reported", "scores"),
    [
        ([(6, record())], [], 2),
        ([(4, record())], [], 0),  # it was in the log before
        ([], [("2026-11-29", record())], 2),
        ([], [("2026-11-28", record())], 0),
        ([], [("", record())], 0),
    ],
)
def test_only_what_came_later_scores(signed, reported, scores):
    logged = forecasts.LoggedForecast(digest="f", index=5, runner="r", forecast=forecast())
    assert len(scores_of(logged, signed, reported)) == scores


def test_a_prediction_becomes_a_forecast_with_its_price():
    from results.economy.money_options import money_of

    cell = cell_of(
        "h200-sxm", "llama-3.1-8b", Workload(isl=1024, osl=1024, concurrency=16),
        precision="fp8", engine="vllm", layout=(1, 1, 1),
    )  # fmt: skip
    prediction, money = predictor().predict([cell])[0], money_of({})
    own = forecast_of(cell, prediction, FORECAST_AT, "somebody", money)
    assert (own.tpot_ms.value, own.level) == (prediction.tpot_ms, prediction.basis)
    hour = money.sheet.rental("h200-sxm").usd_per_hour
    assert own.usd_per_mtok == pytest.approx(hour / prediction.tokens_per_s_chip / 3600 * 1e6)
    assert own.price_sheet == money.sheet.id


def test_ready_cells_are_of_chips_that_nothing_was_learnt_of():
    cells, refused = ready(predictor())
    known = {cell.chip for cell in predictor().base.samples["tpot"].cells}
    assert len(cells) >= 40
    assert not known & {cell.chip for cell in cells}
    assert {"ascend-950dt", "ascend-950pr"} <= {cell.chip for cell in cells}
    assert "vera-rubin, llama-3.1-8b" in dict(refused)


def test_the_command_signs_logs_and_waits(fenmark, tmp_path, monkeypatch):
    monkeypatch.setenv("FENMARK_HOME", str(tmp_path / "home"))
    home = tmp_path / "archive"
    done = fenmark(
        "forecast", "--chip", "ascend-950pr", "--model", "llama-3.1-8b", "--precision", "fp8",
        "--out", home, "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (told,) = json.loads(done.stdout)
    assert told["level"] == "datasheet"
    scores = json.loads(fenmark("forecast", "--score", home, "--json").stdout)
    assert [own["digest"] for own in scores["forecasts"]] == [told["digest"]]
    assert scores["calibration"] == []
    entered = fenmark("forecast", "--enter", home, "--out", tmp_path / "other", "--json")
    assert json.loads(entered.stdout) == [told["digest"]]
    scores = fenmark("forecast", "--score", tmp_path / "other", "--results", home, "--json")
    assert [own["digest"] for own in json.loads(scores.stdout)["forecasts"]] == [told["digest"]]


def test_the_command_refuses_what_cannot_be_predicted(fenmark, tmp_path):
    done = fenmark(
        "forecast", "--chip", "ascend-910b", "--model", "llama-3.1-8b", "--precision", "bf16",
        "--out", tmp_path,
    )  # fmt: skip
    assert done.returncode == 1
    assert "no memory bandwidth" in done.stderr
    for given in (
        ["--out", tmp_path],
        ["--ready"],
        ["--enter", tmp_path],
        ["--enter", tmp_path, "--ready", "--out", tmp_path],
        ["--score", tmp_path, "--out", tmp_path],
        ["--ready", "--out", tmp_path, "--results", tmp_path],
    ):
        assert fenmark("forecast", *given).returncode == 2
