"""`fenmark quality` against real servers: one that can count, a worse one, and a cheat."""

from __future__ import annotations

import json
import math
import sys
import threading
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random

import pytest

from runners.cli import main
from suites.quality.items import items
from tests.suites.quality.test_items import right_answer

SEED = "00112233445566778899aabbccddeeff"
KNOWN = {item.prompt: item for item in items(bytes.fromhex(SEED), 110)}


def able(level_limit: float):
    """A model that solves what is easy enough, the same questions each time."""

    def answer(prompt: str) -> str:
        item = KNOWN[prompt]
        return right_answer(item) if item.level < level_limit else "I do not know"

    return answer


def candidates(prompt: str, noise: float) -> dict[str, float]:
    random = Random(sha256(prompt.encode()).hexdigest())
    other = Random(f"{prompt}{noise}")
    shares = [random.random() ** 4 * (1 + noise * other.random()) for _ in range(10)]
    return {f"t{n}": math.log(share / (sum(shares) * 1.01)) for n, share in enumerate(shares)}


@contextmanager
def serving(
    answer, *, noise: float = 0.0, status: int = 200, logprobs: bool = True, first_id: int = 0
):
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            text = asked.get("prompt") or asked["messages"][0]["content"]
            next_tokens = asked.get("logprobs")
            reply = "t0" if next_tokens else answer(text)
            choice = {"message": {"content": reply}, "text": reply}
            if next_tokens and logprobs:
                told = candidates(text, noise)
                step = {
                    "token": max(told, key=told.get),
                    "top_logprobs": [
                        {"token": token, "logprob": told[token], "id": first_id + number}
                        for number, token in enumerate(sorted(told))
                    ],
                }
                choice["logprobs"] = {"content": [step, {**step, "token": "."}]}
            body = json.dumps({"choices": [choice], "usage": {"completion_tokens": 20}}).encode()
            if status != 200:
                body = b'{"error": "no such \x1b[31mmodel"}'
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 128

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def quality(capsys, monkeypatch):
    def run(url: str, *options: str) -> tuple[int, str, str]:
        capsys.readouterr()
        known = ["--model", "m", "--count", "110", "--seed", SEED]
        monkeypatch.setattr(
            sys, "argv", ["fenmark", "quality", "--endpoint", url, *known, *options]
        )
        with pytest.raises(SystemExit) as ended:
            main()
        output = capsys.readouterr()
        return int(ended.value.code or 0), output.out, output.err

    return run


@pytest.fixture
def reference(quality, tmp_path):
    place = tmp_path / "trusted.json"
    with serving(able(3)) as url:
        assert quality(url, "--record", str(place), "--places", "40")[0] == 0
    return place


def test_scores_are_those_of_the_questions_that_were_solved(quality):
    with serving(able(2)) as url:
        code, out, _ = quality(url, "--json")
    told = json.loads(out)
    assert code == 0
    assert told["verdict"] == "no reference"
    assert {name: s["score"] for name, s in told["families"].items()} == dict.fromkeys(
        told["families"], 0.4
    )
    assert (told["overall"]["score"], told["overall"]["n"]) == (0.4, 110)
    assert told["tokens_per_solved"] == 110 * 20 / 44


@pytest.mark.parametrize(
    ("noise", "limit", "verdict", "code"),
    [(0.0, 3, "same", 0), (0.2, 3, "same within quantization", 0), (50.0, 3, "different", 1)],
)
def test_weights_are_told_by_their_next_tokens(quality, reference, noise, limit, verdict, code):
    with serving(able(limit), noise=noise) as url:
        ended, out, _ = quality(url, "--reference", str(reference), "--json")
    told = json.loads(out)
    assert (told["verdict"], ended) == (verdict, code), told["agreement"]
    assert told["comparison"]["verdict"] == "not worse" or told["comparison"]["drop"] == 0


def test_other_ids_are_another_vocabulary_however_alike_the_texts(quality, reference):
    assert json.loads(reference.read_text())["ids"]["t3"] == 3
    with serving(able(3), first_id=5) as url:
        code, out, _ = quality(url, "--reference", str(reference), "--json")
    told = json.loads(out)
    assert (code, told["verdict"], told["agreement"]["other_ids"]) == (1, "different", 1.0)
    assert told["agreement"]["nats"] == pytest.approx(0, abs=1e-9)


def test_greedy_tokens_are_counted_to_the_first_that_differs(quality, reference):
    with serving(able(3)) as url:
        _, out, _ = quality(url, "--reference", str(reference))
    assert "greedy   2.0 [2.0, 2.0] of 2.0 tokens" in out


def test_a_worse_model_is_told_by_its_answers_where_no_tokens_are_told(quality, reference):
    told = json.loads(reference.read_text())
    reference.write_text(json.dumps({**told, "places": []}))
    with serving(able(1)) as url:
        code, out, _ = quality(url, "--reference", str(reference))
    assert code == 1
    assert "verdict  worse" in out


def test_a_server_that_tells_no_tokens_cannot_be_compared_by_them(quality, reference):
    with serving(able(3), logprobs=False) as url:
        code, _, err = quality(url, "--reference", str(reference))
    assert code == 1
    assert "gives log-probabilities" in err


def test_refusals_are_told_in_the_servers_words_and_end_soon(quality):
    with serving(able(3), status=404) as url:
        code, _, err = quality(url)
    assert code == 1
    assert "ten requests in a row failed: HTTP 404" in err
    assert "\x1b[31m" not in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--seed", "xyz"], "no hexadecimal digits"),
        (["--seed", "00"], "8 to 64 bytes"),
        (["--reference", "nowhere.json"], "nowhere.json"),
        (["--endpoint", "ftp://x"], "not a usable endpoint"),
    ],
)
def test_bad_options_are_one_line(quality, options, message):
    code, _, err = quality("http://127.0.0.1:9", *options)
    assert code == 2
    assert message in err
    assert "Traceback" not in err


@pytest.mark.parametrize("text", ["{}", "[]", '{"format": 2}', "\x00", '{"format": 1, "right": 3}'])
def test_what_is_no_reference_is_named(quality, tmp_path, text):
    place = tmp_path / "odd.json"
    place.write_text(text)
    code, _, err = quality("http://127.0.0.1:9", "--reference", str(place))
    assert code == 2
    assert "odd.json" in err
