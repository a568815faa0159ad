"""Keys come, go and change hands in the log itself; its order decides, no clock."""

import shutil

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from securesystemslib.signer import CryptoSigner

from results.archive import verification
from results.keys.identity import endorse, read_folder, read_runner, runner_id, runner_toml
from results.proof.keylog import KeyLog, events
from results.service.publish import publish
from suites.base.errors import UserError


@pytest.fixture
def register(runners):
    def register(signer, extra=""):
        key = signer.public_key
        (runners / f"{runner_id(key)}.toml").write_text(runner_toml(key) + extra)

    return register


def submit(client, body):
    return client.post("/v1/submissions", content=body)


def problems(tmp_path):
    shutil.rmtree(tmp_path / "out", ignore_errors=True)
    publish(tmp_path / "data", tmp_path / "out")
    return [line for verdict in verification.verify(tmp_path / "out") for line in verdict.problems]


def test_a_revoked_key_keeps_what_it_signed_and_signs_no_more(
    client, sealed, register, signer, tmp_path
):
    assert submit(client, sealed("run-1")).status_code == 201
    register(signer, 'revoked_at = "2026-11-23T12:00:00Z"\nrevoked_reason = "stolen"\n')
    answer = submit(client, sealed("run-2"))
    assert (answer.status_code, answer.json()["errors"][0]["rule"]) == (403, "key-revoked")
    assert problems(tmp_path) == []


def test_a_key_that_was_replaced_keeps_what_it_signed_and_the_new_one_signs(
    client, sealed, register, signer, tmp_path
):
    new = CryptoSigner.generate_ed25519()
    assert submit(client, sealed("run-1")).status_code == 201
    names = f'replaces = "{runner_id(signer.public_key)}"\n'
    register(new, names)  # anybody could write that
    assert submit(client, sealed("run-2")).status_code == 201
    register(new, f'{names}endorsement = "{endorse(signer, new.public_key)}"\n')
    assert submit(client, sealed("run-3")).status_code == 403
    assert submit(client, sealed("run-3", by=new)).status_code == 201
    assert problems(tmp_path) == []


def test_an_entry_after_its_keys_revocation_is_a_problem_for_everybody(
    client, sealed, register, tmp_path, monkeypatch, signer
):
    submit(client, sealed("run-1"))
    register(signer, 'revoked_reason = "stolen"\n')
    with monkeypatch.context() as patch:
        patch.setattr(KeyLog, "good", lambda *_: True)  # a log that looks away
        assert submit(client, sealed("run-2")).status_code == 201
    [problem] = problems(tmp_path)
    assert "after the key" in problem


def test_a_run_outside_a_keys_window_is_refused(client, sealed, register, signer):
    register(signer, 'valid_until = "2026-11-01T00:00:00Z"\n')
    answer = submit(client, sealed())
    assert (answer.status_code, answer.json()["errors"][0]["rule"]) == (403, "key-window")


def test_a_run_outside_a_keys_window_is_a_problem_offline_too(home, signer):
    [path] = (home / "runners").glob("*.toml")
    path.write_text(path.read_text() + 'valid_from = "2026-12-01T00:00:00Z"\n')
    [verdict] = verification.verify(home)
    assert "outside the validity" in verdict.problems[0]


def test_a_result_signed_with_ecdsa_p256_verifies(client, sealed, register, tmp_path):
    ecdsa = CryptoSigner(generate_private_key(SECP256R1()))
    register(ecdsa)
    assert submit(client, sealed(by=ecdsa)).status_code == 201
    assert problems(tmp_path) == []


def test_what_fenmark_writes_as_a_key_file_it_reads(runners, signer):
    [runner] = read_folder(runners)
    assert runner.key == signer.public_key


@pytest.mark.parametrize(
    "line", ['valid_from = "yesterday"', 'valid_from = "2026-99-01T00:00:00Z"', "colour = 1"]
)
def test_a_broken_key_file_is_named(signer, line):
    with pytest.raises(UserError, match="some file"):
        read_runner(f"{runner_toml(signer.public_key)}{line}\n", "some file")


def test_a_log_is_told_once_that_a_key_was_revoked(signer):
    key, text = signer.public_key, 'revoked_at = "2026-11-23T12:00:00Z"\nrevoked_reason = "lost"\n'
    runner = read_runner(runner_toml(key) + text, "a key file")
    told = list(events([runner], KeyLog()))
    assert [event["action"] for event in told] == ["added", "revoked"]
    assert told[1] == {
        "type": "key",
        "action": "revoked",
        "keyid": key.keyid,
        "runner": runner.id,
        "reason": "lost",
    }
    assert list(events([runner], KeyLog.of(enumerate(told)))) == []
