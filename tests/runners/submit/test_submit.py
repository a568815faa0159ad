"""Submitting: patient, idempotent, and never taken in by a log that changes its mind."""

import hashlib
import json
import shutil
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import repeat

import httpx
import pytest
from securesystemslib.signer import CryptoSigner

from results.keys.identity import runner_id, runner_toml
from results.proof import checkpoint, envelope, merkle
from results.proof.checkpoint import Checkpoint
from results.proof.receipt import result_entry
from runners.submit.submit import LogClient, Unreachable, connect, envelopes_of
from suites.base.errors import CheckError, UserError


@pytest.fixture
def write(tmp_path, sealed):
    """Writes a signed result as a file."""

    def write(run_id="run-1", **run):
        data = sealed(run_id, **run)
        path = tmp_path / f"{envelope.digest(data)}.dsse.json"
        path.write_bytes(data)
        return path

    return write


@pytest.fixture
def log(tmp_path):
    """Knows the log behind a client; remembers between clients as a machine would."""

    def know(client, attempts=3):
        waits = []
        known = LogClient(
            client=client, home=tmp_path / "known", pause=waits.append, attempts=attempts
        )
        return known, waits

    return know


def failing_first(client, times, error):
    """A client whose first requests fail before they reach the server, or after."""
    real, left = client.request, [times]

    def request(*arguments, **options):
        if left[0]:
            left[0] -= 1
            return error(lambda: real(*arguments, **options))
        return real(*arguments, **options)

    client.request = request
    return client


def unreachable(_):
    raise httpx.ConnectError("refused")


def answer_lost(send):
    send()
    raise httpx.ReadTimeout("lost")


def overloaded(_):
    return httpx.Response(503, headers={"retry-after": "7"})


def test_a_result_is_sent_and_its_receipt_verified(client, write, log):
    known, _ = log(client)
    accepted = known.submit(write())
    assert (accepted.new, accepted.outcome, accepted.receipt.index) == (True, "accepted", 1)


@pytest.mark.parametrize("failure", [unreachable, overloaded, answer_lost])
def test_failures_are_tried_again_with_growing_pauses(client, write, log, failure):
    known, waits = log(failing_first(client, 2, failure))
    accepted = known.submit(write())
    assert accepted.receipt.index == 1
    assert accepted.new == (failure is not answer_lost)
    assert len(waits) == 2
    if failure is overloaded:
        assert waits == [7, 7]


def test_what_cannot_be_sent_waits_in_the_outbox_until_it_can(client, write, log):
    path = write()
    offline, _ = log(failing_first(client, 3, unreachable))
    with pytest.raises(Unreachable, match="no answer in 3 attempts"):
        offline.submit(path)
    path.unlink()
    [waiting] = offline.outbox()
    assert offline.submit(waiting).new
    assert offline.outbox() == []


def test_a_refusal_is_final_and_names_the_reason(client, write, log):
    known, waits = log(client)
    with pytest.raises(CheckError, match="not issued by this log"):
        known.submit(write(nonce="invented"))
    assert waits == []


def test_a_challenge_is_asked_before_a_run(client, write, log):
    known, _ = log(client)
    given = known.challenge()
    assert known.submit(write(challenge=(given.nonce, given.not_before))).new


def test_a_result_spaced_otherwise_is_recognized_by_its_payload(client, write, log, tmp_path):
    known, _ = log(client)
    path = write()
    first = known.submit(path)
    other = tmp_path / "other.json"
    other.write_text(json.dumps(json.loads(path.read_bytes()), indent=1))
    again = known.submit(other)
    assert (again.new, again.receipt) == (False, first.receipt)


def test_a_growing_log_is_one_history(serving, write, log):
    for number in range(4):
        with serving() as client:
            log(client)[0].submit(write(f"run-{number}"))
    with serving() as client:
        assert not log(client)[0].submit(write("run-0")).new  # an old receipt fits too


def test_a_log_that_was_rolled_back_and_grown_anew_is_reported(serving, write, log, tmp_path):
    with serving() as client:
        log(client)[0].submit(write("run-0"))
        log(client)[0].submit(write("run-1"))
    with serving(data="again") as client:
        for number in range(2, 5):
            log(client)[0].client.post(
                "/v1/submissions", content=write(f"run-{number}").read_bytes()
            )
        with pytest.raises(CheckError, match="two histories"):
            log(client)[0].submit(write("run-5"))
    assert (tmp_path / "known/checkpoint.forked").exists()


def test_a_log_under_another_key_is_not_the_one_that_was_met(serving, write, log, tmp_path):
    with serving() as client:
        log(client)[0].submit(write("run-0"))
    shutil.copy(tmp_path / "known/key.toml", tmp_path / "pinned")
    other = CryptoSigner.generate_ed25519()
    unsigned = pytest.raises(CheckError, match="no signature verifies the checkpoint")
    with serving(data="other", by=other) as client, unsigned:
        log(client)[0].submit(write("run-1"))
    assert (tmp_path / "known/key.toml").read_bytes() == (tmp_path / "pinned").read_bytes()


def test_what_is_no_submission_api_is_said_in_one_line(write, log):
    def anything(_):
        return httpx.Response(200, text="<html>welcome</html>")

    told = pytest.raises(CheckError, match="is not a submission API")
    stranger = httpx.MockTransport(anything)
    with httpx.Client(transport=stranger, base_url="http://x") as client, told:
        log(client)[0].submit(write())


def test_a_path_without_results_is_an_error(tmp_path):
    with pytest.raises(UserError, match="holds no result"):
        envelopes_of([tmp_path])


@pytest.fixture
def liar(log_signer):
    """A log that answers what a test says; gives its URL and the answers by path."""
    answers = {"/v1/key": runner_toml(log_signer.public_key).encode()}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(200)
            self.end_headers()
            answer = next(body for path, body in answers.items() if self.path.startswith(path))
            with suppress(OSError):
                for part in [answer] if isinstance(answer, bytes) else answer:
                    self.wfile.write(part)

        def do_GET(self):
            self.do_POST()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield f"http://127.0.0.1:{server.server_port}", answers
        server.shutdown()


@pytest.mark.parametrize(
    "said",
    [
        b"[]",
        b"NaN",
        b"\xff",
        b"[" * 100_000,
        b'{"digest": 5}',
        b'{"digest": "0", "index": 0, "proof": [1], "checkpoint": "x"}',
        b'{"digest": "0", "index": -1, "proof": [], "checkpoint": "x"}',
        b'{"digest": "\\ud800", "index": 0, "proof": [], "checkpoint": "\\ud800"}',
        b'{"digest": "0", "digest": "1", "index": 0, "proof": [], "checkpoint": "x"}',
    ],
)
def test_a_log_that_answers_nonsense_is_one_line(liar, write, said, tmp_path, monkeypatch):
    monkeypatch.setenv("FENMARK_HOME", str(tmp_path / "home"))
    url, answers = liar
    answers["/v1/submissions"] = said
    with connect(url) as known, pytest.raises(UserError) as told:
        known.submit(write())
    assert "\n" not in str(told.value)


def test_an_answer_without_end_is_given_up(liar, write, tmp_path, monkeypatch):
    monkeypatch.setenv("FENMARK_HOME", str(tmp_path / "home"))
    url, answers = liar
    answers["/v1/submissions"] = repeat(b"x" * 65_536)
    with connect(url, attempts=1) as known, pytest.raises(Unreachable, match="without end"):
        known.submit(write())


def test_a_receipt_for_an_envelope_that_is_none_is_refused(
    liar, write, log_signer, tmp_path, monkeypatch
):
    monkeypatch.setenv("FENMARK_HOME", str(tmp_path / "home"))
    url, answers = liar
    digest = hashlib.sha256(b"[]").hexdigest()
    leaf = merkle.leaf_hash(result_entry(digest))
    origin = f"log/{runner_id(log_signer.public_key)}"
    note = checkpoint.write(Checkpoint(origin=origin, size=1, root=leaf), log_signer)
    receipt = {"digest": digest, "index": 0, "proof": [], "checkpoint": note.decode()}
    answers[f"/v1/submissions/{digest}"] = b"[]"
    answers["/v1/submissions"] = json.dumps(receipt | {"findings": 5}).encode()
    with connect(url) as known, pytest.raises(CheckError, match="for another result"):
        known.submit(write())


def test_a_log_whose_key_cannot_sign_one_is_not_pinned(liar, tmp_path, monkeypatch):
    monkeypatch.setenv("FENMARK_HOME", str(tmp_path / "home"))
    url, answers = liar
    answers["/v1/key"] = runner_toml(CryptoSigner.generate_ecdsa().public_key).encode()
    with connect(url) as known:
        with pytest.raises(UserError, match="expected an Ed25519 key"):
            known.key()
        assert not (known.home / "key.toml").exists()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://", "is not a URL"),
        ("http://[::1", "is not a URL"),
        ("http://log.example.org/\x1b[31m", "is not a URL"),
        ("ftp://log.example.org", "is not a URL"),
        ("https://me:secret@log.example.org", "an address alone"),
    ],
)
def test_what_is_no_address_is_said_and_a_password_is_not(url, says):
    with pytest.raises(UserError, match=says) as told, connect(url):
        pass
    assert "secret" not in str(told.value)
