"""Five endpoints, asked as their makers document, on a server that speaks all of them."""

from __future__ import annotations

import json
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from results.catalog.prices_data import chosen_sheet
from results.economy.costs import cost_rows
from suites.base.errors import CheckError, UserError
from suites.client.pooled import read_pooled
from suites.client.preflight import preflight
from suites.client.prompts import Conversations, Prompts, Turn
from suites.client.stream import read_answer
from suites.client.target import Target
from suites.inference import plan as plan_inference
from suites.serving import plan, run, summarize
from tests.builders import assert_signable

WORD = {"type": "response.output_text.delta", "delta": "word"}


class Server(BaseHTTPRequestHandler):
    """Answers by its path; `habits` is what it does otherwise."""

    protocol_version = "HTTP/1.1"
    habits: dict[str, object] = {}  # noqa: RUF012 - set by each test
    asked: list[dict[str, object]] = []  # noqa: RUF012

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append({"path": self.path, "accept": self.headers["Accept"], **body})
        kind = self.path.rpartition("/")[2]
        if self.habits.get("no_ids") and isinstance(body.get("input"), list):
            return self.answer(422, {"detail": "input must be a text"})
        return self.answer(200, getattr(self, f"to_{kind}")(body))

    def to_embeddings(self, body):
        sent = body["input"]
        count = len(sent if isinstance(sent, list) else sent.split())
        vectors = [{"index": 0, "embedding": [0.1, 0.2]}] * self.habits.get("vectors", 1)
        return {"data": vectors, "usage": {"prompt_tokens": count * self.habits.get("claims", 1)}}

    def to_rerank(self, body):
        scores = [
            {"index": place, "relevance_score": 0.5} for place, _ in enumerate(body["documents"])
        ]
        return {"results": scores[: self.habits.get("scores")], "usage": {"total_tokens": 10**6}}

    def to_responses(self, body):
        made = body["max_output_tokens"]
        ended = {"usage": {"input_tokens": 999, "output_tokens": made}}
        last = {"type": "response.completed", "response": ended}
        return "".join(f"data: {json.dumps(event)}\n\n" for event in [*[WORD] * made, last])

    def answer(self, status, body):
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def running():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def url(running):
    Server.habits, Server.asked = {}, []
    return running


def rows_of(url, api, **options):
    options = {"endpoint": url, "model": "m", "api": api, "isl": 64, "requests": 2, **options}
    (cell,) = plan("quick", {"concurrency": [1], **options})
    rows = summarize([run.run_cell(json.loads(json.dumps(cell.spec)))])
    assert_signable(rows)
    return rows


def body_of(target, input_tokens=64):
    prompts = Prompts(target, input_tokens=input_tokens, output_tokens=8, seed=0)
    head, _, body = prompts.request(0).partition(b"\r\n\r\n")
    assert int(head.rpartition(b" ")[2]) == len(body)
    return json.loads(body)


def test_embeddings_are_asked_by_token_ids_and_nothing_is_generated():
    body = body_of(Target(url="http://h", model="m", api="embeddings"))
    assert set(body) == {"model", "input"}
    assert len(body["input"]) == 64
    assert all(isinstance(token, int) for token in body["input"])


@pytest.mark.parametrize(
    ("documents", "query", "each"), [(1, 32, [32]), (8, 7, None), (3, 16, [16] * 3)]
)
def test_a_prompt_is_ranked_as_a_question_and_documents_of_its_length_in_all(
    documents, query, each
):
    body = body_of(Target(url="http://h", model="m", api="rerank", documents=documents))
    assert set(body) == {"model", "query", "documents"}
    words = [len(text.split()) for text in body["documents"]]
    assert len(body["query"].split()) == query
    assert sum(words) == 64 - query
    assert words == (each or words)
    assert len(words) == len(set(body["documents"])) == documents
    assert max(words) - min(words) <= 1


def test_no_two_questions_begin_alike():
    target = Target(url="http://h", model="m", api="rerank", documents=1)
    prompts = Prompts(target, input_tokens=64, output_tokens=1, seed=0)
    asked = [json.loads(prompts.request(i).partition(b"\r\n\r\n")[2])["query"] for i in range(20)]
    assert len({" ".join(question.split()[:4]) for question in asked}) == 20


def test_responses_are_asked_in_their_own_words_turn_by_turn():
    target = Target(url="http://h", model="m", api="responses")
    turns = Conversations(target, [Turn(0, 20, 5, 0), Turn(1, 40, 5, 0)], seed=0)
    body = json.loads(turns.request(1).partition(b"\r\n\r\n")[2])
    assert body["max_output_tokens"] == 5
    assert not {"stream_options", "messages", "max_tokens"} & set(body)
    assert [message["role"] for message in body["input"]] == ["user", "assistant", "user"]


def test_embeddings_give_tokens_a_second_and_latency_and_no_first_token(url, exact_instrument):
    rows = rows_of(url, "embeddings")
    metrics = {row.metric for row in rows}
    assert {"prefill_throughput", "e2e", "request_throughput", "failed"} <= metrics
    assert not {"ttft", "tpot", "itl", "interactivity", "output_throughput"} & metrics
    assert {row.case for row in rows} == {"embeddings/closed/c1/isl64"}
    rate = {row.metric: row for row in rows if row.metric.endswith("throughput")}
    labels = rate["prefill_throughput"].labels
    assert (labels["api"], labels["valid"], "osl" in labels) == ("embeddings", True, False)
    tokens_a_request = rate["prefill_throughput"].value / rate["request_throughput"].value
    assert tokens_a_request == pytest.approx(64)
    assert {request["accept"] for request in Server.asked} == {"application/json"}


def test_a_server_that_claims_more_input_is_paid_for_what_it_was_sent(url, exact_instrument):
    Server.habits = {"claims": 20}
    rate = {row.metric: row.value for row in rows_of(url, "embeddings")}
    assert rate["prefill_throughput"] / rate["request_throughput"] == pytest.approx(64)


def test_ranks_count_what_was_sent_and_say_how_many_documents(url, exact_instrument):
    rows = rows_of(url, "rerank", documents=3)
    (rate,) = [row for row in rows if row.metric == "prefill_throughput"]
    assert (rate.labels["documents"], rate.labels["api"]) == (3, "rerank")
    assert "question counted once" in rate.labels["isl_by"]
    assert {len(body["documents"]) for body in Server.asked} == {3}


def test_a_million_input_tokens_of_embeddings_cost_something(url, exact_instrument):
    # A busy machine may doubt its own figures, which then cost nothing.
    sure = [
        replace(row, labels={**row.labels, "valid": True}) for row in rows_of(url, "embeddings")
    ]
    (cost,) = cost_rows(
        sure,
        chip="h100-sxm",
        count=1,
        sheet=chosen_sheet(None, None),
        served=None,
    )
    assert (cost.tokens, cost.rental_usd.value > 0) == ("input", True)


def test_responses_give_what_a_stream_of_tokens_gives(url, exact_instrument):
    rows = rows_of(url, "responses", osl=8)
    assert {"ttft", "output_throughput"} <= {row.metric for row in rows}
    assert {row.labels["api"] for row in rows} == {"responses"}


@pytest.mark.parametrize(
    ("api", "habits"), [("embeddings", {"vectors": 0}), ("rerank", {"scores": 2})]
)
def test_an_answer_that_lacks_vectors_or_scores_is_refused_at_once(url, api, habits):
    Server.habits = habits
    with pytest.raises(CheckError, match=r"expected a (vector|score for every document)"):
        preflight(Target(url=url, model="m", api=api))
    assert len(Server.asked) == 1


def test_embeddings_without_token_ids_are_asked_in_words(url, capsys):
    Server.habits = {"no_ids": True}
    target, flags = preflight(Target(url=url, model="m", api="embeddings"))
    assert (target.isl_by, flags) == ("words, approximate", {"counts": "at the end"})
    assert "it refused token ids" in capsys.readouterr().out


@pytest.mark.parametrize(("asked", "failure"), [(1, ""), (8, "short"), (0, "not_streamed")])
def test_a_vector_is_no_answer_to_who_asked_for_tokens(asked, failure):
    body = b'HTTP/1.1 200 OK\r\n\r\n{"data": [{"embedding": [1.0]}]}'
    assert read_answer(body, [len(body)], [5], expected_tokens=asked).failure == failure


@pytest.mark.parametrize(
    ("option", "where"),
    [
        ({"osl": 8}, "--osl"),
        ({"slo_tpot": 9.0}, "--slo-tpot"),
        ({"endpoint": None}, "--api"),
        ({"documents": 4}, "--documents"),
        ({"api": "rerank", "isl": 36}, "--isl"),
        ({"reference": "x"}, "--reference"),
    ],
)
def test_what_embeddings_do_not_have_is_refused(option, where):
    options = {"endpoint": "http://h", "model": "m", "api": "embeddings", **option}
    with pytest.raises(UserError, match=where):
        plan("quick", options)


def test_embeddings_are_no_decode():
    with pytest.raises(UserError, match="--suite serving"):
        plan_inference("quick", {"endpoint": "http://h", "model": "m", "api": "embeddings"})


@pytest.mark.parametrize(
    ("body", "items", "tokens"),
    [
        ({"data": [{"embedding": [0.5]}], "usage": {"prompt_tokens": 3}}, 1, 3),
        ({"data": [{"embedding": "AACAPw=="}], "usage": {"total_tokens": 3}}, 1, 3),
        ({"results": [{"relevance_score": 1}], "meta": {"tokens": {"input_tokens": 7}}}, 1, 7),
        ({"results": [{"index": 0, "score": 0.1}], "usage": None}, 1, None),
        ({"data": [{"embedding": []}]}, None, None),
        ({"data": [{"embedding": [None, None]}]}, None, None),
        ({"results": [{"index": 0, "score": 1}, {"index": 0, "score": 2}]}, 1, None),
        ({"results": [{"relevance_score": True}, {"relevance_score": "1"}]}, None, None),
        ({"error": "no", "data": [{"embedding": [1]}]}, None, None),
        ({"data": {"embedding": [1]}}, None, None),
        ([], None, None),
    ],
)
def test_an_answer_is_read_as_its_makers_document_it(body, items, tokens):
    read = read_pooled(json.dumps(body).encode())
    assert (read and read.items, read and read.input_tokens) == (items, tokens)


@pytest.mark.parametrize("body", [b"", b"{", b'"x"', b"[" * 100_000])
def test_what_is_no_json_is_no_answer(body):
    assert read_pooled(body) is None
