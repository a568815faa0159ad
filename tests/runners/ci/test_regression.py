"""Two runs compared: a verdict only where both runs' noise allows one."""

import json
import math
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.agreement import comparison
from runners.ci import regression
from suites.base.errors import CheckError, UserError


def row(value, half=0.01, metric="tpot", case="decode/b1/ctx64", **more):
    return {
        "suite": "inference",
        "case": case,
        "metric": metric,
        "unit": "ms",
        "value": value,
        "low": value * (1 - half),
        "high": value * (1 + half),
        "n": 3,
        "method": "measured",
        **more,
    }


def verdicts(base, head, **options):
    changes, _ = comparison.compare(base, head, **options)
    return [change.verdict for change in changes]


def test_a_clear_slowdown_is_a_regression():
    assert verdicts([row(100.0)], [row(110.0)]) == ["regression"]


def test_a_clear_speedup_is_an_improvement():
    assert verdicts([row(100.0)], [row(90.0)]) == ["improvement"]


def test_direction_follows_the_metric():
    base, head = row(100.0, metric="decode_throughput"), row(110.0, metric="decode_throughput")
    assert verdicts([base], [head]) == ["improvement"]


def test_a_change_of_exactly_the_threshold_counts():
    base, head = row(100.0, half=1e-4), row(150.0, half=1e-4)
    assert verdicts([base], [head], min_change=0.5) == ["regression"]
    assert verdicts([base], [head], min_change=0.51) == ["no difference shown"]


def test_a_change_inside_the_noise_is_no_difference():
    assert verdicts([row(100.0, half=0.1)], [row(110.0, half=0.1)]) == ["no difference shown"]


def test_a_change_below_the_threshold_is_no_difference_however_sharp_the_runs():
    assert verdicts([row(100.0, half=1e-4)], [row(102.0, half=1e-4)]) == ["no difference shown"]
    assert verdicts([row(100.0, half=1e-4)], [row(102.0, half=1e-4)], min_change=0.01) == [
        "regression"
    ]


def test_many_comparisons_widen_the_interval():
    alone, _ = comparison.compare([row(100.0)], [row(103.0)])
    many = [row(100.0, case=f"c{i}") for i in range(50)]
    together, _ = comparison.compare(many, many)
    assert math.log(together[0].high) > 1.6 * math.log(alone[0].high / alone[0].ratio)


def test_modelled_invalid_and_unbounded_figures_are_not_judged():
    spoilt = [
        row(1.0, method="modelled"),
        row(1.0, valid=False),
        {**row(1.0), "low": None},
        row(1.0, metric="something_else"),
    ]
    assert verdicts(spoilt, spoilt) == []


def test_figures_of_one_run_only_are_named():
    _, alone = comparison.compare([row(1.0, case="a")], [row(1.0, case="b")])
    assert alone == ["only in base: a tpot", "only in head: b tpot"]


def test_percentiles_of_one_case_are_compared_apart():
    base = [row(1.0, percentile=50), row(2.0, percentile=99)]
    assert verdicts(base, base) == ["no difference shown"] * 2


@given(st.floats(0.1, 1e6), st.floats(0.1, 1e6), st.floats(0.0, 0.2), st.floats(0.0, 0.2))
def test_swapping_the_runs_swaps_the_verdict(a, b, half_a, half_b):
    opposite = {
        "regression": "improvement",
        "improvement": "regression",
        "no difference shown": "no difference shown",
    }
    options = {"min_change": 0.0}
    [there] = verdicts([row(a, half_a)], [row(b, half_b)], **options)
    [back] = verdicts([row(b, half_b)], [row(a, half_a)], **options)
    assert back == opposite[there]


def test_the_comment_counts_regressions_shows_them_and_folds_the_rest():
    base = [row(100.0, case="a"), row(100.0, case="b|c")]
    head = [row(120.0, case="a"), row(100.0, case="b|c")]
    text = regression.markdown(*comparison.compare(base, head))
    assert text.startswith("**Fenmark: 1 regressions, 0 improvements in 2 figures compared**")
    shown, folded = text.split("<details>")
    assert "1.200 [1." in shown
    assert r"| `b\x7cc` |" in folded
    assert "b\\|c" not in shown


def test_a_comment_stays_below_what_github_takes():
    base = [row(100.0, case=f"{'long' * 20}{number}") for number in range(5000)]
    head = [{**one, **dict.fromkeys(("value", "low", "high"), 200.0)} for one in base]
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
    (tmp_path / "summary.json").write_text(json.dumps([row(1.0)]))
    assert regression.load_side(str(tmp_path), []).rows == [row(1.0)]


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
        (tmp_path / name).write_text(json.dumps([row(1.0, case=name)]))
    done = fenmark("compare-runs", tmp_path / "a", tmp_path / "b")
    assert (done.returncode, done.stdout) == (1, "")
    assert "share no measured figure" in done.stderr


def test_the_interval_of_a_ratio_is_both_half_widths_in_quadrature():
    # Half-widths of 3% and 4% on the log scale make 5%.
    def spanned(value, half):
        return row(value) | {"low": value * math.exp(-half), "high": value * math.exp(half)}

    [change], _ = comparison.compare([spanned(10.0, 0.03)], [spanned(10.0, 0.04)])
    assert (change.low, change.high) == pytest.approx((math.exp(-0.05), math.exp(0.05)))
