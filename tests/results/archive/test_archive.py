"""An archive proves what it holds: every change of one bit fails, every kill is survived."""

import base64
import json
import shutil

import pytest
from securesystemslib.signer import CryptoSigner

from results.archive import archive, verification
from results.proof import envelope
from results.statement.nonce import seed_of
from results.statement.statement import Statement
from suites.base.errors import CheckError, UserError


def envelope_file(home):
    [path] = archive.envelopes(home)
    return path


def flip(path, at=-10):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(bytes(data))


def rewrite(home, change):
    """Change the envelope's JSON and give the file the name its new bytes ask for."""
    path = envelope_file(home)
    data = json.loads(path.read_bytes())
    change(data)
    sealed = json.dumps(data).encode()
    path.unlink()
    (home / f"{envelope.digest(sealed)}{archive.SUFFIX}").write_bytes(sealed)


def problems(home):
    try:
        return [line for verdict in verification.verify(home) for line in verdict.problems]
    except UserError as error:
        return [str(error)]


def test_an_accepted_result_verifies(home, signer):
    [verdict] = verification.verify(home)
    assert verdict.problems == ()
    assert (verdict.signature, verdict.inclusion, verdict.tier) == (True, True, "self-signed")
    assert verdict.keyid == signer.public_key.keyid
    assert f"{verdict.digest}{archive.SUFFIX}" == envelope_file(home).name


def test_an_accepted_result_reads_back_as_it_was_stated(home, statement):
    assert archive.open_result(envelope_file(home)).statement == statement()


def change_payload(home):
    def change(data):
        text = base64.b64decode(data["payload"]).replace(b'"value":42.0', b'"value":41.0')
        data["payload"] = base64.b64encode(text).decode()

    rewrite(home, change)


def change_signature(home):
    def change(data):
        sig = bytearray(base64.b64decode(data["signatures"][0]["sig"]))
        sig[0] ^= 1
        data["signatures"][0]["sig"] = base64.b64encode(bytes(sig)).decode()

    rewrite(home, change)


def change_payload_type(home):
    rewrite(home, lambda data: data.update(payloadType="text/plain"))


def change_key(home):
    [path] = (home / "runners").glob("*.toml")
    other = CryptoSigner.generate_ed25519().public_key.to_dict()["keyval"]["public"]
    text = path.read_text().splitlines()
    path.write_text(
        "\n".join(f'public_key = "{other}"' if "public_key" in line else line for line in text)
    )


def remove_key(home):
    shutil.rmtree(home / "runners")


def change_log_entry(home):
    flip(next((home / "log" / "tile" / "entries").rglob("1")))


def change_log_leaf(home):
    flip(next((home / "log" / "tile" / "0").rglob("1")))


def change_checkpoint_root(home):
    flip(
        home / "log" / "checkpoint", at=home.joinpath("log/checkpoint").read_bytes().index(b"=") - 9
    )


def change_checkpoint_signature(home):
    flip(home / "log" / "checkpoint", at=-20)


def remove_log_tile(home):
    shutil.rmtree(home / "log" / "tile")


def remove_envelope(home):
    envelope_file(home).unlink()


def rename_envelope(home):
    path = envelope_file(home)
    path.rename(home / f"{'0' * 64}{archive.SUFFIX}")


def add_unlogged_envelope(home):
    payload = archive.open_result(envelope_file(home)).statement
    sealed = envelope.sign(envelope.encode(payload), CryptoSigner.generate_ed25519())
    (home / f"{envelope.digest(sealed)}{archive.SUFFIX}").write_bytes(sealed)


@pytest.mark.parametrize(
    "tamper",
    [
        change_payload,
        change_signature,
        change_payload_type,
        change_key,
        remove_key,
        change_log_entry,
        change_log_leaf,
        change_checkpoint_root,
        change_checkpoint_signature,
        remove_log_tile,
        remove_envelope,
        rename_envelope,
        add_unlogged_envelope,
    ],
)
def test_tampering_is_seen(home, tamper):
    tamper(home)
    assert problems(home)


def test_a_result_without_a_log_beside_it_is_judged_by_its_signature(home):
    shutil.rmtree(home / "log")
    [verdict] = verification.verify(envelope_file(home))
    assert (verdict.signature, verdict.inclusion, verdict.problems) == (True, None, ())


def test_a_log_whose_checkpoint_was_removed_is_no_log_but_a_problem(home):
    (home / "log" / "checkpoint").unlink()
    assert problems(home)


def test_accepting_the_same_payload_again_changes_nothing(home, payload, signer):
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    first, second = (archive.accept(home, payload, signer) for _ in range(2))
    assert first == second
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before


def test_a_log_takes_no_second_key(home, statement):
    with pytest.raises(UserError, match="has one writer"):
        archive.accept(home, envelope.encode(statement("run-2")), CryptoSigner.generate_ed25519())


def test_a_payload_outside_the_schema_is_never_signed(tmp_path, signer):
    with pytest.raises(UserError, match="the schema of version 1"):
        archive.accept(tmp_path, b'{"predicate": {"schema_version": 1}}', signer)
    assert list(tmp_path.iterdir()) == []


def test_a_newer_schema_version_is_named(tmp_path, signer):
    with pytest.raises(UserError, match="schema version 3"):
        archive.accept(tmp_path, b'{"predicate": {"schema_version": 3}}', signer)


def test_a_result_left_unlogged_by_a_kill_is_logged_with_the_next(
    tmp_path, payload, signer, statement
):
    home = tmp_path / "results"
    archive.accept(home, payload, signer)
    sealed = envelope.sign(envelope.encode(statement("run-2")), signer)
    (home / f"{envelope.digest(sealed)}{archive.SUFFIX}").write_bytes(sealed)
    assert problems(home)
    archive.accept(home, envelope.encode(statement("run-3")), signer)
    assert problems(home) == []


def test_a_missing_signature_key_is_named_in_one_line(home):
    remove_key(home)
    with pytest.raises(CheckError) as caught:
        archive.open_result(envelope_file(home))
    assert len(str(caught.value).splitlines()) == 1


def test_two_answers_to_one_challenge_are_told(tmp_path, statement, signer):
    def answering(run_id, nonce):
        data = statement(run_id).to_json()
        run = {"nonce": nonce, "not_before": "0" * 64, "seed": seed_of(nonce)}
        data["predicate"]["run"] |= run
        return envelope.encode(Statement.model_validate(data))

    for run_id, nonce in [("run-1", "first"), ("run-2", "second"), ("run-3", "first")]:
        archive.accept(tmp_path, answering(run_id, nonce), signer)
    places = archive.surroundings(tmp_path).places
    told = sorted(verification.verify(tmp_path), key=lambda verdict: places[verdict.digest])
    assert ["duplicate" in verdict.flags for verdict in told] == [False, False, True]
    [finding] = [finding for finding in told[2].findings if finding.rule == "duplicate"]
    assert (finding.where, finding.outcome) == ("run.nonce", "flagged")
    assert finding.reason == f"is that of result {told[0].digest}"
    assert not any(verdict.problems for verdict in told)
