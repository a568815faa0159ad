"""Regressions reported: runs found, compared and shown in a comment."""

import json
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from results.agreement import comparison
from runners.ci import regression
from suites.base.errors import CheckError, UserError
from tests.builders import around


def test_the_comment_counts_regressions_shows_them_and_folds_the_rest():
    base = [around(100.0, case="a"), around(100.0, case="b|c")]
    head = [around(120.0, case="a"), around(100.0, case="b|c")]
    text = regression.markdown(*comparison.compare(base, head))
    assert text.startswith("**Fenmark: 1 regressions, 0 improvements in 2 figures compared**")
    shown, folded = text.split("<details>")
    assert "1.200 [1." in shown
    assert r"| `b\x7cc` |" in folded
    assert "b\\|c" not in shown


def test_a_comment_stays_below_what_github_takes():
    base = [around(100.0, case=f"{'long' * 20}{number}") for number in range(5000)]
    head = [{**row, **dict.fromkeys(("value", "low", "high"), 200.0)} for row in base]
    notes = [f"only in head: {'x' * 80}"] * 5000
    text = regression.markdown(comparison.compare(base, head)[0], notes)
    assert len(text) < 65_536
    assert "and 4800 more" in text


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"a": 1}', '{"payload": "!!"}', "null"])
def test_a_file_without_rows_is_one_clear_error(tmp_path, content):
    (tmp_path / "summary.json").write_text(content)
    with pytest.raises(UserError, match="summary"):
        regression.load_side(str(tmp_path), [])


def test_rows_are_read_from_an_archive_folder(tmp_path):
    (tmp_path / "summary.json").write_text(json.dumps([around(1.0)]))
    assert regression.load_side(str(tmp_path), []).rows == [around(1.0)]


@pytest.fixture(scope="module")
def published():
    """The published archive and the digest of one of its results."""
    archive = Path(__file__).parents[3] / "results" / "public"
    path = min((archive / "submissions").glob("*.dsse.json"))
    return archive, path.name.partition(".")[0], path


def test_a_result_is_found_by_file_and_by_the_beginning_of_its_digest(published):
    archive, digest, path = published
    by_file = regression.load_side(str(path), [])
    assert by_file.rows
    assert regression.load_side(digest[:12], [archive]).rows == by_file.rows


def test_a_digest_nobody_holds_or_too_short_is_one_clear_error(published):
    archive, digest, _ = published
    for name in ("0" * 64, digest[:4]):
        with pytest.raises(UserError, match="no result"):
            regression.load_side(name, [archive])


class Log(BaseHTTPRequestHandler):
    """Answers with the published envelope, whatever digest is asked for."""

    def do_GET(self):
        body = self.server.body
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def log(published):
    with ThreadingHTTPServer(("127.0.0.1", 0), Log) as server:
        server.body = published[2].read_bytes()
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1/submissions"
        server.shutdown()


def test_a_result_is_read_from_a_log_by_its_address(published, log):
    _, digest, path = published
    side = regression.load_side(f"{log}/{digest}", [])
    assert side.rows == regression.load_side(str(path), []).rows


def test_a_log_that_answers_with_another_result_is_refused(log):
    with pytest.raises(CheckError, match="another result"):
        regression.load_side(f"{log}/{'0' * 64}", [])


def test_conditions_that_changed_stand_beside_the_figures(published):
    side = regression.load_side(str(published[2]), [])
    other = side.predicate.model_copy(
        update={"run": side.predicate.run.model_copy(update={"suite_version": "9"})}
    )
    [note] = regression.conditions(side, replace(side, predicate=other))
    assert note.startswith("suite version")
    assert regression.conditions(side, side) == []


def test_two_runs_without_a_common_figure_fail_the_check(fenmark, tmp_path):
    for name in "ab":
        (tmp_path / name).write_text(json.dumps([around(1.0, case=name)]))
    done = fenmark("compare-runs", tmp_path / "a", tmp_path / "b")
    assert (done.returncode, done.stdout) == (1, "")
    assert "share no measured figure" in done.stderr


def answered(share):
    """A run whose speed is the same, and whose right answers are a share of five hundred."""
    terms = {"question_api": "chat", "answer_tokens": 256, "temperature": 0.0}
    right = round(500 * share)
    told = {"suite": "quality", "case": "questions/tools", "metric": "score", "unit": "share"}
    ends = {"value": share, "low": share - 0.04, "high": share + 0.04, "method": "measured"}
    answers = {**told, **ends, **terms, "family": "tools", "levels": f"{right}/500"}
    return [around(1.0), answers]


def test_fewer_right_answers_fail_the_check_and_stand_in_every_form(fenmark, tmp_path):
    for name, share in (("a", 0.8), ("b", 0.6)):
        (tmp_path / name).write_text(json.dumps(answered(share)))
    worse = fenmark("compare-runs", tmp_path / "a", tmp_path / "b")
    assert worse.returncode == 1
    assert "right answers lost, in points: 20.0 [" in worse.stdout
    plain = fenmark("compare-runs", tmp_path / "b", tmp_path / "a", "--json")
    assert plain.returncode == 0
    told = json.loads(plain.stdout)
    assert told["answers"]["drop"] == pytest.approx(-0.2)
    # Shares of right answers are not a ratio, and are said once.
    assert {change["metric"] for change in told["changes"]} == {around(1.0)["metric"]}
    sides = [regression.load_side(str(tmp_path / name), []) for name in "ab"]
    comment = regression.markdown(
        *comparison.compare(*(side.rows for side in sides)), regression.answers(*sides)
    )
    assert "\nRight answers lost, in points: 20.0 [" in comment


def test_hardware_is_the_chip_and_how_many(published):
    side = regression.load_side(str(published[2]), [])
    chip = side.predicate.machine.chip.model_copy(update={"catalog_id": "epyc-9005"})
    machine = side.predicate.machine.model_copy(update={"chip": chip})
    other = replace(side, predicate=side.predicate.model_copy(update={"machine": machine}))
    assert regression.same_hardware(side, side)
    assert not regression.same_hardware(side, other)
    assert regression.same_hardware(side, regression.ComparedRun(name="summary", rows=[]))
