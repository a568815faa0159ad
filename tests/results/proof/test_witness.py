"""Witnesses: a checkpoint is cosigned only if it extends the one before."""

import asyncio
import base64
import hashlib

import httpx
import pytest
from fastapi.testclient import TestClient
from securesystemslib.signer import CryptoSigner

from results.archive import verification
from results.proof import cosignature, witness
from results.proof.ledger import Ledger
from results.service.cosigning import Cosigning
from results.service.publish import publish
from suites.base.errors import CheckError, UserError
from suites.base.locks import held

ORIGIN = "fenmark.log/test"
NAME = "lab.example/w1"


@pytest.fixture
def own():
    return CryptoSigner.generate_ed25519()


def raw(signer):
    return bytes.fromhex(signer.public_key.to_dict()["keyval"]["public"])


@pytest.fixture
def cosigner(tmp_path, own, log_signer):
    home = tmp_path / "witness"
    home.mkdir()
    logs = {ORIGIN: raw(log_signer)}
    return witness.Witness(name=NAME, signer=own, logs=logs, home=home, clock=lambda: 1_700_000_000)


@pytest.fixture
def grow(tmp_path, log_signer):
    """Grows a log by a number of entries; names of logs keep forks apart."""

    def grow(by, name="log", word="entry", signer=log_signer, origin=ORIGIN):
        ledger = Ledger(tmp_path / name)
        items = [f"{word} {ledger.unverified().size + i}".encode() for i in range(by)]
        ledger.extend(items, origin=origin, signer=signer)
        return ledger

    return grow


def ask(cosigner, ledger, old):
    size = ledger.unverified().size
    proof = ledger.prove_consistency(old, size) if old else []
    note = ledger.checkpoint_file.read_bytes()
    return cosigner.add_checkpoint(witness.request(old, proof, note))


def test_a_growing_log_is_cosigned_and_the_cosignature_holds(cosigner, grow, own):
    for old, by in [(0, 3), (3, 300), (303, 1)]:
        ledger = grow(by)
        answer = ask(cosigner, ledger, old)
        assert answer.status == 200
        note = ledger.checkpoint_file.read_bytes() + answer.body
        assert cosignature.cosigners(note, {NAME: raw(own)}, "note") == {NAME}


def test_a_fork_is_never_cosigned(cosigner, grow):
    assert ask(cosigner, grow(3), 0).status == 200
    fork = grow(5, name="fork", word="other")
    assert ask(cosigner, fork, 3).status == 422
    assert ask(cosigner, fork, 0).body == b"3\n"


def test_an_old_size_that_is_not_remembered_is_told_the_right_one(cosigner, grow):
    ledger = grow(3)
    assert ask(cosigner, ledger, 2) == witness.WitnessReply(409, b"0\n", "text/x.tlog.size")
    assert ask(cosigner, ledger, 0).status == 200
    assert ask(cosigner, grow(1), 0) == witness.WitnessReply(409, b"3\n", "text/x.tlog.size")


def test_unknown_logs_and_forged_checkpoints_are_turned_away(cosigner, grow, own):
    assert ask(cosigner, grow(1, name="a", origin="fenmark.log/other"), 0).status == 404
    assert ask(cosigner, grow(1, name="b", signer=own), 0).status == 403


@pytest.mark.parametrize(
    "head",
    [b"", b"old -1", b"old 01", b"old x", b"new 0", b"old  0", b"old 0 0", b"old 0\n!", b"\xff"],
)
def test_what_is_no_request_is_400(cosigner, grow, head):
    note = grow(1).checkpoint_file.read_bytes()
    assert cosigner.add_checkpoint(head + b"\n\n" + note).status == 400
    assert cosigner.add_checkpoint(head + b"\n\n").status == 400


def test_a_proof_has_at_most_63_hashes(cosigner, grow):
    note = grow(1).checkpoint_file.read_bytes()
    status = {
        count: cosigner.add_checkpoint(witness.request(0, [bytes(32)] * count, note)).status
        for count in (63, 64)
    }
    assert status == {63: 422, 64: 400}


def test_an_old_size_above_the_checkpoints_is_400(cosigner, grow):
    note = grow(1).checkpoint_file.read_bytes()
    assert cosigner.add_checkpoint(witness.request(2, [], note)).status == 400


def test_what_is_remembered_lies_under_the_hash_of_the_logs_origin(cosigner, grow):
    ledger = grow(1)
    ask(cosigner, ledger, 0)
    [kept] = cosigner.home.iterdir()
    assert kept.name == f"{hashlib.sha256(ORIGIN.encode()).hexdigest()[:32]}.note"
    assert kept.read_bytes() == ledger.checkpoint_file.read_bytes()


def test_the_endpoint_answers_as_the_specification_says(cosigner, grow):
    with TestClient(witness.create_app(cosigner)) as client:
        note = grow(3).checkpoint_file.read_bytes()
        good = client.post("/add-checkpoint", content=witness.request(0, [], note))
        again = client.post("/add-checkpoint", content=witness.request(0, [], note))
        large = client.post("/add-checkpoint", content=b"x" * (64 * 1024 + 1))
        whole = client.post("/add-checkpoint", content=b"x" * (64 * 1024))
        described = client.get("/openapi.json").json()
    assert (good.status_code, good.text[0]) == (200, "—")
    assert good.headers["content-type"].startswith("text/plain")
    assert (again.status_code, again.text) == (409, "3\n")
    assert again.headers["content-type"] == "text/x.tlog.size; charset=utf-8"
    assert (large.status_code, whole.status_code) == (413, 400)
    assert described["info"]["title"] == "Fenmark witness"


def test_a_cosignature_for_another_checkpoint_or_time_does_not_hold(cosigner, grow, own):
    ledger = grow(1)
    line = ask(cosigner, ledger, 0).body
    other = grow(1, name="other", word="else").checkpoint_file.read_bytes()
    assert cosignature.cosigners(other + line, {NAME: raw(own)}, "note") == set()
    blob = bytearray(base64.b64decode(line.split()[-1]))
    blob[11] ^= 1  # the last byte of the time
    stamped = f"— {NAME} {base64.b64encode(bytes(blob)).decode()}\n".encode()
    note = ledger.checkpoint_file.read_bytes()
    assert cosignature.cosigners(note + stamped, {NAME: raw(own)}, "note") == set()


@pytest.fixture
def published(client, sealed, tmp_path, own, log_key):
    """A published archive whose log a witness cosigned over HTTP."""
    client.post("/v1/submissions", content=sealed())
    ledger = Ledger(tmp_path / "data" / "log")
    known = {ledger.unverified().origin: log_key}
    cosigner = witness.Witness(name=NAME, signer=own, logs=known, home=tmp_path)
    transport = httpx.ASGITransport(witness.create_app(cosigner))

    async def gather():
        async with httpx.AsyncClient(transport=transport) as to:
            return await Cosigning(ledger=ledger, witnesses=["http://w1"]).gather(to)

    assert asyncio.run(gather())
    publish(tmp_path / "data", tmp_path / "out")
    return tmp_path / "out"


@pytest.fixture
def policy(tmp_path):
    def policy(signer, quorum=1):
        path = tmp_path / "policy.toml"
        key = signer.public_key.to_dict()["keyval"]["public"]
        path.write_text(f'quorum = {quorum}\n[[witness]]\nname = "{NAME}"\npublic_key = "{key}"\n')
        return cosignature.read_policy(path)

    return policy


def test_a_cosigned_log_meets_its_policy(published, client, policy, own):
    [verdict] = verification.verify(published, policy=policy(own))
    assert verdict.problems == ()
    assert client.get("/v1/cosigned").content == (published / "log/cosigned").read_bytes()


def test_a_log_that_no_witness_of_the_policy_cosigned_is_a_problem(published, policy):
    [verdict] = verification.verify(published, policy=policy(CryptoSigner.generate_ed25519()))
    assert "cosigned by 0" in verdict.problems[0]


def test_a_log_forked_since_it_was_cosigned_is_a_problem(published, client, sealed, tmp_path):
    note = published / "log/cosigned"
    lines = note.read_text().split("\n")
    lines[2] = base64.b64encode(b"\0" * 32).decode()
    note.write_text("\n".join(lines))
    [verdict] = verification.verify(published)
    assert verdict.problems


def test_a_policy_that_cannot_be_met_is_refused(policy, own):
    with pytest.raises(UserError, match=r"\.toml:quorum: asks for 2; expected as many witnesses"):
        policy(own, quorum=2)


def test_a_policy_file_that_is_none_says_what_one_holds(tmp_path):
    (tmp_path / "policy.toml").write_text("quorum = 1\n")
    with pytest.raises(UserError) as caught:
        cosignature.read_policy(tmp_path / "policy.toml")
    assert "expected quorum and [[witness]] with name, public_key" in str(caught.value)


def test_a_note_without_the_quorum_says_how_many_of_whom(grow, policy, own):
    note = grow(1).checkpoint_file.read_bytes()
    with pytest.raises(CheckError) as caught:
        policy(own).check(note, "a note")
    assert str(caught.value) == (
        f"a note: is cosigned by 0 of the policy's witnesses; expected 1 of {NAME}"
    )


def test_what_is_no_checkpoint_has_no_cosigners():
    with pytest.raises(UserError, match=r"^a note: "):
        cosignature.cosigners(b"nothing", {}, "a note")


def test_a_policy_is_checked_even_where_there_is_no_cosigned_note(home, policy, own):
    [verdict] = verification.verify(home, policy=policy(own))
    assert "cosigned: cannot be read" in verdict.problems[0]


def test_a_cosignature_names_its_key_by_its_hash(cosigner, grow, own):
    ledger = grow(1)
    line = ask(cosigner, ledger, 0).body
    # C2SP tlog-cosignature: SHA-256 of name, newline, 0x04 and the key; its first four bytes.
    digest = hashlib.sha256(NAME.encode() + b"\n\x04" + raw(own)).digest()
    blob = bytearray(base64.b64decode(line.split()[-1]))
    assert bytes(blob[:4]) == digest[:4]
    note = ledger.checkpoint_file.read_bytes()
    for place in range(4):
        other = blob.copy()
        other[place] ^= 1
        forged = f"— {NAME} {base64.b64encode(bytes(other)).decode()}\n".encode()
        assert cosignature.cosigners(note + forged, {NAME: raw(own)}, "note") == set()


def test_a_second_witness_with_the_same_memory_ends_with_one_line(fenmark, tmp_path, runners):
    [key] = runners.glob("*.toml")
    with held(tmp_path / "w"):
        options = ("--data", tmp_path / "w", "--log-key", key, "--name", NAME, "--port", "0")
        second = fenmark("witness", *options)
    assert second.returncode == 1
    assert second.stderr.splitlines()[-1].endswith("stop the other first")
