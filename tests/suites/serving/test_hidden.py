"""Questions hidden among a load: a server that is cheaper under load is told from an honest one."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from statistics import median
from types import SimpleNamespace

import pytest

from suites.base.errors import UserError
from suites.base.records import CellResult
from suites.quality import summarize as quality_rows
from suites.quality.hidden import Hidden
from suites.quality.record import HiddenRecord
from suites.serving import plan, run, summarize
from suites.serving.instrument.instrument import Error, Instrument
from suites.serving.load.point import Point
from suites.serving.questions import HiddenQuestions
from tests.builders import assert_signable
from tests.suites.quality.test_items import right_answer

SEED, ROOM, OSL = 4711, 300, 8
CASE = "closed/c8/isl66/osl8"
REST = Hidden(seed=f"{SEED}/0/rest", share=1.0, room=ROOM)
LOAD = Hidden(seed=f"{SEED}/0/{CASE}", share=0.3, room=ROOM)


@contextmanager
def serving(*, cheats):
    """A server that knows all answers, and may give those of the load away for nothing."""
    known = {
        question.prompt: question
        for n in range(800)
        for question in (REST.question(n), LOAD.question(n))
    }
    under_load = {LOAD.question(n).prompt for n in range(800)}
    seen = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 2**16  # head and body in one piece

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            text = body["messages"][0]["content"]
            seen.append((text, sorted(body)))
            item = known.get(text.partition("\n\n")[2])
            cheap = item is None or (cheats and item.prompt in under_load)
            first = "no idea" if cheap else right_answer(item)
            parts = [f"{first}\n", *["word "] * (body["max_tokens"] - 1)]
            events = [{"choices": [{"index": 0, "delta": {"content": part}}]} for part in parts]
            events.append({"choices": [], "usage": {"completion_tokens": len(parts)}})
            told = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
            data = f"{told}data: [DONE]\n\n".encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            with suppress(OSError):  # the load's end cuts the last ones off
                self.wfile.write(data)
                self.wfile.flush()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        server.server_close()


def measured(url, **options):
    asked = {"endpoint": url, "model": "m", "api": "chat", "concurrency": [8], "requests": 100}
    asked |= {"isl": 66, "osl": OSL, "seed": SEED, "hidden_share": 0.3, **options}
    (cell,) = plan("quick", asked)
    exact = Error.of([0.0] * 200)
    instrument = Instrument(
        ttft=exact, itl=exact, tpot=exact, stalls=0, cpu_share=0.1, events_per_s=1e9,
        cpu_ms_per_1000_events=0.1,
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "_check", lambda *_: instrument)
        return run.run_cell(json.loads(json.dumps(cell.spec)))


@pytest.fixture(scope="module")
def honest():
    with serving(cheats=False) as (url, seen):
        yield measured(url), seen


@pytest.fixture(scope="module")
def cheap_under_load():
    with serving(cheats=True) as (url, _):
        return measured(url)


def figures(result):
    rows = quality_rows([result])
    assert_signable(rows)
    return {(row.metric, row.case): row for row in rows}


def test_an_honest_server_is_as_good_under_load_and_its_figures_stand(honest):
    result, _ = honest
    rows = figures(result)
    assert rows["open_score", "hidden/rest"].value == 1
    under = rows["hidden_score", f"hidden/{CASE}"]
    assert under.value == 1
    assert under.n > 20
    assert rows["hidden_drop", f"hidden/{CASE}"].labels["verdict"] != "worse under load"
    # On a busy machine the instrument may be in doubt of itself.
    because = [str(row.labels.get("invalid_because", "")) for row in summarize([result])]
    assert not any("worse under load" in reason for reason in because)


def test_a_server_that_is_cheaper_under_load_is_told_and_its_figures_are_void(cheap_under_load):
    drop = figures(cheap_under_load)["hidden_drop", f"hidden/{CASE}"]
    assert drop.labels["verdict"] == "worse under load"
    assert drop.low > 0
    speed = [row for row in summarize([cheap_under_load]) if row.metric == "output_throughput"]
    assert not speed[0].labels["valid"]
    # On a busy machine other reasons stand before it.
    assert "worse under load: " in speed[0].labels["invalid_because"]


def test_a_hidden_question_looks_like_the_load(honest):
    _, seen = honest
    questions = [(text, fields) for text, fields in seen if "\n\n" in text]
    others = [(text, fields) for text, fields in seen if "\n\n" not in text]
    assert {tuple(fields) for _, fields in questions} == {tuple(fields) for _, fields in others}
    usual = median(len(text) for text, _ in others)
    sizes = {len(json.dumps(text, ensure_ascii=False).encode()) - 2 for text, _ in questions}
    assert all(usual - 10 <= size <= usual for size in sizes)


def test_hidden_questions_are_load_and_none_of_its_figures(honest):
    result, _ = honest
    e2e = next(series for series in result.series if series.metric == "e2e")
    assert len(e2e.samples) == 100
    rows = figures(result)
    asked = rows["hidden_score", f"hidden/{CASE}"].n
    assert rows["hidden_tokens", f"hidden/{CASE}"].value == asked * OSL
    assert next(iter(summarize([result]))).labels["hidden_share"] == 0.3


@pytest.mark.parametrize("change", ["left out", "invented"])
def test_answers_that_were_left_out_or_invented_are_no_evidence(cheap_under_load, change):
    facts = json.loads(json.dumps(cheap_under_load.facts))
    answers = facts["hidden"]["loads"][CASE]
    if change == "left out":
        del answers[next(iter(answers))]
    else:
        answers[next(str(n) for n in range(99) if not LOAD.hides(n))] = {"text": "1", "tokens": 1}
    with pytest.raises(ValueError, match=r"hidden questions|not a question"):
        summarize([CellResult(series=cheap_under_load.series, facts=facts)])


def test_what_cannot_be_graded_again_in_seconds_is_no_evidence():
    answer = {"text": "1", "tokens": 1}
    record = {"seed": SEED, "process": 0, "share": 1.0, "room": ROOM, "rest": {}, "loads": {}}

    def judged(*changes):
        cells = [
            CellResult(series=(), facts={"hidden": {**record, **change}}) for change in changes
        ]
        return quality_rows(cells)

    with pytest.raises(ValueError, match="20100 answers to hidden questions among 20100 requests"):
        judged({"loads": {f"closed/c{n}": dict.fromkeys(range(201), answer) for n in range(100)}})
    with pytest.raises(ValueError, match="20 answers to hidden questions among 19999980 requests"):
        judged({"loads": {f"closed/c{n}": {999_998: answer} for n in range(20)}})
    with pytest.raises(ValueError, match="room"):
        judged({"room": 20, "rest": {0: answer}})
    with pytest.raises(ValueError, match="several seeds"):
        judged({}, {"process": 1, "seed": SEED + 1})
    with pytest.raises(ValueError, match="one engine twice"):
        judged({}, {})


def test_the_answers_of_many_loads_stay_within_what_may_be_kept():
    spec = {"seed": SEED, "share": 1.0, "room": ROOM, "at_rest": 33, "engines": 5}
    kept = HiddenQuestions(spec, 0)
    asked = {"endpoint": "http://h", "model": "m", "api": "chat", "concurrency": [8], "isl": 66}
    point = Point.from_json(plan("quick", asked)[0].spec["points"][0])
    answered = SimpleNamespace(
        requests=[
            SimpleNamespace(question=n, failure="", text=b"1", output_tokens=1) for n in range(3000)
        ]
    )
    for concurrency in range(1, 40):
        among = kept.among(replace(point, concurrency=concurrency))
        kept.keep(among, answered)
    record = HiddenRecord.of(kept.facts()["hidden"])
    assert len(record.loads) == 39
    assert [len(answers) for answers in record.loads.values()][:3] == [500, 437, 382]
    assert 3900 < record.answers <= 4000


@pytest.mark.parametrize(
    "options",
    [{"api": "completions"}, {"isl": 20}, {"users": [2], "concurrency": None}],
)
def test_where_a_load_has_no_place_for_questions_asking_for_them_is_refused(options):
    with pytest.raises(UserError, match="--hidden-share: questions"):
        measured("http://127.0.0.1:9", **options)


def test_a_share_is_hidden_of_itself_only_among_text_of_an_endpoint():
    asked = {"model": "m", "hidden_share": None, "endpoint": "http://h", "api": "chat"}

    def questions(**options):
        return plan("quick", {**asked, **options})[0].spec["questions"]

    assert questions()["share"] == 0.05
    assert questions(api="completions") is None
    assert questions(hidden_share=0) is None
    assert plan("quick", {"endpoint": "http://h", "model": "m"})[0].spec["questions"] is None
