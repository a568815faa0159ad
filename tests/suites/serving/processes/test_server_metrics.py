"""What servers say of themselves, in one set of names."""

from __future__ import annotations

import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from suites.base.errors import UserError
from suites.serving import plan
from suites.serving.processes.metrics_watch import MetricsWatch
from suites.serving.processes.server_metrics import UNITS, figures, read_text
from suites.serving.workers.metrics_worker import read_metrics
from tests.suites.serving.load.test_steadiness import queued

VLLM = """\
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="a \\"b\\" {c}"} 3.0
vllm:num_requests_running{engine="1",model_name="a"} 4.0 1700000000000
vllm:num_requests_waiting{engine="0"} 2.0
vllm:kv_cache_usage_perc{engine="0"} 0.25
vllm:kv_cache_usage_perc{engine="1"} 0.75
vllm:num_preemptions_total{engine="0"} 5.0
vllm:prefix_cache_queries_total 1000
vllm:prefix_cache_hits_total 1e2
vllm:spec_decode_num_draft_tokens_total 50
vllm:spec_decode_num_accepted_tokens_total 30
vllm:spec_decode_num_drafts_total 25
vllm:spec_decode_num_accepted_tokens_per_pos_total{position="0"} 20
vllm:spec_decode_num_accepted_tokens_per_pos_total{engine="0",position="1"} 10
vllm:spec_decode_num_accepted_tokens_per_pos_total{engine="1"} 7
"""
SGLANG = """\
sglang:num_running_reqs{tp_rank="0"} 7
sglang:num_queue_reqs 1
sglang:token_usage 0.5
sglang:cache_hit_rate 0.125
sglang:num_retracted_reqs 0
sglang:spec_accept_length{tp_rank="0"} 2.5
sglang:spec_accept_length{tp_rank="1"} 2.7
"""
TRTLLM = """\
trtllm_num_requests_running{model_name="m"} 2
trtllm_num_requests_waiting{model_name="m"} 0
trtllm_kv_cache_utilization{model_name="m"} 0.62
trtllm_kv_cache_hit_rate{model_name="m"} 0.5
"""
LLAMACPP = "llamacpp:requests_processing 4\nllamacpp:requests_deferred 46\n"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (
            VLLM,
            {
                "running": 7,
                "queue": 2,
                "kv_use": 0.5,
                "preemptions": 5,
                "prefix_queries": 1000,
                "prefix_hits": 100,
                "drafted": 50,
                "accepted": 30,
                "drafts": 25,
                "accepted_at_0": 20,
                "accepted_at_1": 10,
            },
        ),
        (
            SGLANG,
            {
                "running": 7,
                "queue": 1,
                "kv_use": 0.5,
                "prefix_hit_share": 0.125,
                "preemptions": 0,
                "acceptance_length": 2.6,
            },
        ),
        (TRTLLM, {"running": 2, "queue": 0, "kv_use": 0.62, "prefix_hit_share": 0.5}),
        (LLAMACPP, {"running": 4, "queue": 46}),
        ("sglang:token_usage NaN\nsglang:num_queue_reqs -1\nsglang:num_running_reqs +Inf\n", {}),
        ('sglang:token_usage 1.5\nsglang:num_queue_reqs{a="} 1\nsglang:num_queue_reqs x\n', {}),
        ("sglang:num_queue_reqs{" + 'a="b",' * 2000 + "} 1\n<html>", {}),
    ],
)  # fmt: skip
def test_every_engine_says_it_by_the_same_names(text, values):
    assert read_text(text) == pytest.approx(values)


@given(st.text(max_size=300), st.sampled_from(["", "vllm:num_requests_running", "sglang:"]))
def test_any_text_is_read_without_a_fault(text, before):
    assert all(value >= 0 for value in read_text(before + text).values())


def test_levels_have_a_range_and_counters_their_growth():
    seen = [
        {"queue": 0.0, "preemptions": 5.0, "prefix_hits": 10.0, "prefix_queries": 100.0},
        {"queue": 6.0, "preemptions": 5.0, "prefix_hits": 20.0, "prefix_queries": 150.0},
        {"queue": 3.0, "preemptions": 9.0, "prefix_hits": 40.0, "prefix_queries": 200.0},
    ]
    summed = figures(seen)
    assert summed == {
        "server_queue": {"min": 0.0, "mean": 3.0, "max": 6.0},
        "server_preemptions": {"": 4.0},
        "server_prefix_hit_share": {"": 0.3},
    }
    assert summed.keys() <= UNITS.keys()
    assert figures([]) == {}
    assert "server_preemptions" not in figures(seen[:1])
    assert "server_preemptions" not in figures([*seen, {"preemptions": 0.0}])


def test_drafts_say_tokens_a_step_and_how_often_each_place_was_accepted():
    before = {"drafts": 100.0, "accepted": 50.0, "accepted_at_0": 40.0, "accepted_at_1": 10.0}
    after = {"drafts": 200.0, "accepted": 180.0, "accepted_at_0": 120.0, "accepted_at_1": 60.0}
    assert figures([before, after]) == {
        "server_acceptance_length": {"": 2.3},
        "server_position_acceptance": {"1": 0.8, "2": 0.5},
    }
    # More accepted than drafted is not a share; a server that drafts nothing says nothing.
    claims = figures([before, {**after, "accepted_at_0": 141.0}])
    assert "server_position_acceptance" not in claims
    assert figures([dict.fromkeys(before, 0.0)] * 2) == {}
    told = [{"acceptance_length": value} for value in (0.0, 2.5, 3.5)]
    assert figures(told) == {"server_acceptance_length": {"": 3.0}}
    assert set(claims) <= set(UNITS)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (httpx.Response(404), "answers 404"),
        (httpx.Response(200, text="go_goroutines 3\n"), "nothing we know"),
    ],
)
def test_an_answer_that_is_none_says_why(answer, says):
    with (
        httpx.Client(transport=httpx.MockTransport(lambda _: answer)) as client,
        pytest.raises(ValueError, match=says),
    ):
        read_metrics(client, "http://h/metrics")


@pytest.fixture(scope="module")
def served():
    """An HTTP server that says VLLM at /metrics and nothing we know elsewhere."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            body = VLLM.encode() if self.path == "/metrics" else b"up 1\n"
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_process_of_its_own_reads_beside_the_load(served):
    outcome = replace(queued(10.0, count=20), start_ns=0, end_ns=1 << 62)
    with MetricsWatch(f"{served}/metrics") as watch:
        while not (facts := watch.facts(outcome))["samples"]:
            threading.Event().wait(0.01)
    assert facts["figures"]["server_running"] == {"min": 7.0, "mean": 7.0, "max": 7.0}
    with pytest.raises(UserError, match="says nothing we know"), MetricsWatch(served):
        pass


@pytest.mark.parametrize(
    "url", ["host:8000", "ftp://h/m", "http://u:p@h/m", "http:///m", "http://["]
)
def test_an_address_that_cannot_be_is_refused(url):
    with pytest.raises(UserError) as caught:
        plan("quick", {"endpoint": "http://127.0.0.1:9", "model": "m", "metrics": url})
    assert caught.value.where == "metrics"
