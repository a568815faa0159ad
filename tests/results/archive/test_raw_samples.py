"""Raw samples beside a result: every verb computes its figures again, and says where it cannot."""

import json
import re

import pytest
from typer.testing import CliRunner

from results.archive import archive, verification
from results.archive.beside import beside
from runners.cli import app
from suites.base.errors import CheckError
from tests.results import raw


def placed(tmp_path, signer, made):
    sealed, given = raw.signed(*made, signer)
    return raw.laid_out(tmp_path / "results", sealed, given, signer)


def fenmark(*arguments):
    return CliRunner().invoke(app(), [str(argument) for argument in arguments])


@pytest.mark.parametrize("suite", raw.SUITES)
@pytest.mark.parametrize(
    "change", [raw.with_false_figure, raw.with_false_samples, raw.with_one_sample_more]
)
def test_verify_refuses_a_figure_that_the_samples_do_not_give(tmp_path, signer, suite, change):
    path = placed(tmp_path, signer, change(suite))
    done = fenmark("verify", path.parent, "--json")
    [verdict] = json.loads(done.stdout)["results"]
    assert done.exit_code == 1
    assert "samples" in verdict["refused"]
    [problem, *_] = verdict["problems"]
    assert re.search(r"refused \(samples\): .* is stated, its raw samples give ", problem)


def test_check_tells_rule_figure_formula_and_both_numbers(tmp_path, signer):
    data, given = raw.with_false_figure("inference")
    figure = raw.figure_of(data, "inference")
    done = fenmark("check", placed(tmp_path, signer, (data, given)), "--json")
    told = json.loads(done.stdout)
    [finding] = [finding for finding in told["findings"] if finding["rule"] == "samples"]
    assert (done.exit_code, told["verdict"]) == (1, "refused")
    assert finding["figure"] == f"{figure['case']} {figure['metric']}"
    assert finding["left"] == figure["value"]
    assert finding["right"] == pytest.approx(figure["value"] / 1.0001)
    assert finding["formula"]


def test_check_of_a_statement_finds_the_samples_beside_it_too(tmp_path):
    data, given = raw.with_false_figure("inference")
    (tmp_path / "samples").mkdir()
    (tmp_path / data["subject"][0]["name"]).write_bytes(given)
    (tmp_path / "statement.json").write_text(json.dumps(data))
    done = fenmark("check", tmp_path / "statement.json", "--json")
    assert json.loads(done.stdout)["refused"] == ["samples"]


@pytest.mark.parametrize("suite", raw.SUITES)
def test_what_the_samples_give_is_refused_by_no_verb(tmp_path, signer, suite):
    data, cells = raw.published(suite)
    path = placed(tmp_path, signer, (data, raw.named(data, cells)))
    assert fenmark("check", path).exit_code == 0
    assert fenmark("verify", path).exit_code == 0


def test_reproduce_measures_nothing_where_the_first_figures_are_not_its_samples(tmp_path, signer):
    path = placed(tmp_path, signer, raw.with_false_figure("inference"))
    out = tmp_path / "out"
    done = fenmark("reproduce", path.name[:12], "--results", path.parent, "--out", out)
    assert isinstance(done.exception, CheckError)
    assert "refused (samples)" in str(done.exception)
    assert not out.exists()


def test_a_result_without_samples_is_said_to_be_unchecked(tmp_path, signer):
    path = placed(tmp_path, signer, raw.with_false_figure("inference"))
    [samples] = (path.parent / "samples").iterdir()
    samples.unlink()
    done = fenmark("verify", path)
    assert done.exit_code == 0
    assert "samples: not checked, no raw samples lie beside it" in done.stdout
    told = json.loads(fenmark("check", path, "--json").stdout)
    assert (told["verdict"], told["refused"]) == ("clean", [])
    assert "samples: not checked, no raw samples lie beside it" in told["unchecked"]


def changed(place):
    place.write_bytes(b"{}")


def large(place):
    with place.open("wb") as file:
        file.truncate(2**40)  # sparse: it takes no room


def folder(place):
    place.unlink()
    place.mkdir()


@pytest.mark.parametrize("spoil", [changed, large, folder])
def test_what_lies_there_instead_is_a_problem_of_verify_and_hides_no_result(
    tmp_path, signer, spoil
):
    path = placed(tmp_path, signer, raw.with_false_figure("inference"))
    [samples] = (path.parent / "samples").iterdir()
    spoil(samples)
    opened = archive.open_result(path)
    assert any(line.startswith("samples: not checked, ") for line in opened.unchecked)
    [verdict] = verification.verify(path)
    assert str(samples) in verdict.problems[0]


def test_two_files_of_samples_are_not_checked_and_said_to_be(tmp_path, signer):
    data, given = raw.with_false_figure("inference")
    data["subject"] *= 2
    opened = archive.open_result(placed(tmp_path, signer, (data, given)))
    assert "samples: not checked, it names 2 files of raw samples" in opened.unchecked


def test_samples_are_read_once_in_a_call_and_again_when_they_change(tmp_path, signer):
    data, cells = raw.published("inference")
    path = placed(tmp_path, signer, (data, raw.named(data, cells)))
    statement = archive.open_result(path).statement
    assert beside(path.parent, statement) is beside(path.parent, statement)
    [samples] = (path.parent / "samples").iterdir()
    samples.write_bytes(b"{ }")
    assert beside(path.parent, statement).absent
