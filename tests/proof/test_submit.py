"""Submitting: patient, idempotent, and never taken in by a log that changes its mind."""

import json
import shutil

import httpx
import pytest
from securesystemslib.signer import CryptoSigner

from results import envelope
from runners.submit import Log, Unreachable, envelopes_of
from suites.errors import CheckError, UserError


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
        known = Log(client=client, home=tmp_path / "known", pause=waits.append, attempts=attempts)
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

    told = pytest.raises(CheckError, match="is no submission API")
    stranger = httpx.MockTransport(anything)
    with httpx.Client(transport=stranger, base_url="http://x") as client, told:
        log(client)[0].submit(write())


def test_a_path_without_results_is_an_error(tmp_path):
    with pytest.raises(UserError, match="holds no result"):
        envelopes_of([tmp_path])
