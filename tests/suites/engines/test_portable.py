"""The portable engine: its door with a decoder of the test's own, its decoder with PyTorch."""

from __future__ import annotations

import json
import random
import threading
from types import SimpleNamespace

import httpx
import pytest

from suites.engines.hf_folder import generate_folder
from suites.engines.portable.server import server
from suites.models import load

WORDS = ["<end>", "a", "b", "c"]


class Decoder:
    """Counts up from a prompt's last token; fails where a prompt says so."""

    def __init__(self):
        self.rows = []

    def start(self, tokens):
        if tokens == [3, 3]:
            raise MemoryError("no room")
        self.rows.append(tokens[-1])
        return self._next(len(self.rows) - 1)

    def step(self):
        return [self._next(row) for row in range(len(self.rows))]

    def drop(self, row):
        self.rows[row] = self.rows[-1]
        self.rows.pop()

    def _next(self, row):
        self.rows[row] = (self.rows[row] + 1) % len(WORDS)
        return self.rows[row]


@pytest.fixture(scope="module")
def url():
    tokenizer = SimpleNamespace(
        encode=lambda text: [WORDS.index(word) for word in text],
        decode=lambda ids: "".join(WORDS[number] for number in ids),
    )
    served = server(
        Decoder(),
        tokenizer,
        slots=2,
        model="m",
        version="1",
        ends={0},
        context=32,
        vocabulary=4,
        address=("127.0.0.1", 0),
    )
    threading.Thread(target=served.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{served.server_port}"
    served.shutdown()
    served.server_close()


def ask(url, **body):
    return httpx.post(f"{url}/v1/completions", json={"max_tokens": 4, **body}, timeout=120)


def test_an_answer_ends_at_its_limit_or_at_an_end_token_unless_that_is_ignored(url):
    answer = ask(url, prompt=[1], ignore_eos=True).json()
    assert answer["choices"][0]["text"] == "bc<end>a"
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"] == {"prompt_tokens": 1, "completion_tokens": 4, "total_tokens": 5}
    assert answer["timings"]["predicted_per_token_ms"] > 0
    stopped = ask(url, prompt="a").json()
    assert (stopped["choices"][0]["text"], stopped["choices"][0]["finish_reason"]) == ("bc", "stop")


def test_a_stream_has_an_event_for_each_token_and_tells_its_usage_last(url):
    body = {"stream": True, "stream_options": {"include_usage": True}, "ignore_eos": True}
    lines = [line for line in ask(url, prompt=[[2]], **body).text.split("\n\n") if line]
    assert lines[-1] == "data: [DONE]"
    events = [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]
    assert [event["choices"][0]["text"] for event in events] == ["c", "<end>", "a", "b", ""]
    assert [("usage" in event) for event in events] == [False] * 4 + [True]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"prompt": [4]}, "token ids are 0 to 3"),
        ({"prompt": [True]}, "token ids"),
        ({"prompt": []}, "one text, or a list"),
        ({"prompt": ["a", "b"]}, "token ids"),
        ({"prompt": [1], "max_tokens": 32}, "the context is 32"),
        ({"prompt": [1], "max_tokens": 0}, "max_tokens 0"),
        ({"prompt": [1], "temperature": 0.7}, "greedily"),
        ({"prompt": [1], "n": 2}, "greedily"),
    ],
)
def test_what_cannot_be_answered_as_asked_is_refused(url, body, told):
    answer = ask(url, **body)
    assert answer.status_code == 400
    assert told in answer.json()["error"]["message"]


def test_a_failure_is_told_to_its_client_and_the_next_request_is_answered(url):
    for stream in (False, True):
        failed = ask(url, prompt=[3, 3], stream=stream)
        assert failed.status_code == 500
        assert "no room" in failed.json()["error"]["message"]
    assert ask(url, prompt=[1]).status_code == 200


def test_more_requests_than_slots_are_all_answered_each_with_its_own_tokens(url):
    answers = {}

    def request(first):
        answers[first] = ask(url, prompt=[first % 4], max_tokens=9, ignore_eos=True).json()

    threads = [threading.Thread(target=request, args=(first,)) for first in range(7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for first, answer in answers.items():
        wanted = "".join(WORDS[(first + step) % 4] for step in range(1, 10))
        assert answer["choices"][0]["text"] == wanted


def test_other_paths_and_bodies_are_refused(url):
    assert httpx.get(f"{url}/health").status_code == 200
    assert httpx.get(f"{url}/version").json() == {"version": "1"}
    assert httpx.get(f"{url}/etc/passwd").status_code == 404
    assert httpx.post(f"{url}/v1/chat/completions", json={}).status_code == 404
    for body in (b"{", b"[]"):
        assert httpx.post(f"{url}/v1/completions", content=body).status_code == 400


def test_rows_that_join_and_leave_decode_as_each_would_alone(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    from suites.engines.portable.decoder import Decoder as Rows

    folder = generate_folder(load("tiny-15m"), tmp_path)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder.path, dtype=torch.float32)
    draw = random.Random(1)
    prompts = [[draw.randrange(300, 1000) for _ in range(size)] for size in (5, 70, 33)]
    wanted = [
        model.generate(
            torch.tensor([prompt]), max_new_tokens=20, min_new_tokens=20, do_sample=False
        )[0, len(prompt) :].tolist()
        for prompt in prompts
    ]
    rows = Rows(model.eval(), slots=3, context=128)
    order, answers = [0], {0: [rows.start(prompts[0])]}

    def steps(count):
        for _ in range(count):
            for number, token in zip(order, rows.step(), strict=True):
                answers[number].append(token)

    steps(4)
    for number in (1, 2):
        order.append(number)
        answers[number] = [rows.start(prompts[number])]
    with pytest.raises(IndexError):
        rows.start([1])
    steps(15)
    rows.drop(0)
    order[:] = [2, 1]
    steps(4)
    assert [answers[number] for number in range(3)] == wanted


def test_layers_that_forget_are_refused_by_name():
    pytest.importorskip("torch", reason="PyTorch is not installed")
    pytest.importorskip("transformers", reason="transformers is not installed")
    from suites.engines.portable.decoder import refusal

    def config(**fields):
        text = SimpleNamespace(**fields)
        return SimpleNamespace(get_text_config=lambda: text)

    assert refusal(config()) == ""
    assert refusal(config(layer_types=["full_attention"] * 2, sliding_window=None)) == ""
    kinds = ["full_attention", "sliding_attention", "linear_attention"]
    assert refusal(config(layer_types=kinds)) == "layers of linear_attention, sliding_attention"
    assert refusal(config(sliding_window=4096)) == "sliding-window attention"
    assert refusal(config(sliding_window=4096, use_sliding_window=False)) == ""
