"""An archive from elsewhere may hold anything: it is judged, never believed or waited for."""

import os
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner

from leaderboard.base.workers import Workers
from leaderboard.read import archives
from results.archive import archive, verification
from results.archive.bundle import gather, pack
from results.keys import identity
from results.keys.identity import revoked_toml, runner_id, runner_toml
from results.proof.checkpoint import Checkpoint
from results.proof.checkpoint import write as write_note
from results.proof.receipt import result_entry
from results.statement import strict_json
from suites.base.errors import UserError

PUBLIC = Path(__file__).parents[3] / "results" / "public"
NOW = datetime(2026, 11, 24, tzinfo=UTC)
NAMED = "0" * 64 + archive.SUFFIX


def problems(home):
    return [line for verdict in verification.verify(home) for line in verdict.problems]


def pipe(path):
    os.mkfifo(path)


def device(path):
    path.symlink_to("/dev/zero")


def vast(path):
    with path.open("wb") as file:
        file.truncate(2**40)  # sparse: it takes no room


@pytest.mark.parametrize("make", [pipe, device, vast])
@pytest.mark.parametrize("where", [NAMED, "runners/x.toml", "log/checkpoint", "log/tile/0/000.p/1"])
def test_what_is_no_file_of_an_archive_is_not_waited_for(home, make, where):
    (home / where).unlink(missing_ok=True)
    make(home / where)
    told = []

    def judge():
        try:
            told.extend(problems(home))
        except UserError as error:
            told.append(str(error))
        told.extend(map(str, archive.broken_keys(home)))

    judging = threading.Thread(target=judge, daemon=True)
    judging.start()
    judging.join(240)
    assert not judging.is_alive()
    assert any("is not a plain file" in line or "bytes, above" in line for line in told)


@pytest.mark.parametrize("size", [-1, 0, 2**62])
def test_a_log_of_an_impossible_size_is_refused_though_its_key_signed_it(home, signer, size):
    origin = archive.log_origin(signer)
    note = write_note(Checkpoint(origin=origin, size=size, root=bytes(32)), signer)
    (home / "log" / "checkpoint").write_bytes(note)
    assert problems(home)


def test_raw_samples_that_were_changed_are_a_problem(home):
    [opened] = [archive.open_result(path) for path in archive.envelopes(home)]
    [subject] = opened.statement.subject
    (home / "samples").mkdir()
    (home / "samples" / f"{subject.digest.sha256}.json").write_text("[]")
    assert "not the raw samples that were signed for" in problems(home)[0]


def test_a_statement_that_names_another_signer_is_flagged_and_pages_name_its_own(home, signer):
    [verdict] = verification.verify(home)
    own_id = runner_id(signer.public_key)
    [flag] = [finding for finding in verdict.findings if finding.rule == "runner"]
    assert flag.reason == f"runner-1 is named, {own_id} signed"
    with Workers() as workers:
        read = archives.read([home], None, workers)
    assert set(read.rows["runner"]) == {own_id}


@pytest.mark.parametrize("name", ["a-well-known-lab", "runner-0123456789ab"])
def test_a_key_file_beside_a_result_names_nobody(home, name):
    [path] = (home / "runners").iterdir()
    path.write_text(path.read_text().replace(path.stem, name))
    path.rename(path.with_name(f"{name}.toml"))
    [broken] = archive.broken_keys(home)
    assert f"is named '{name}', its key 'runner-" in str(broken)
    assert archive.surroundings(home).problem


def test_two_keys_that_were_made_to_share_a_name_are_refused(home, tmp_path, monkeypatch):
    monkeypatch.setattr(identity, "runner_id", lambda _: "runner-0123456789ab")  # they meet
    [path] = (home / "runners").iterdir()
    (tmp_path / "catalogue").mkdir()
    other = runner_toml(CryptoSigner.generate_ed25519().public_key)
    (tmp_path / "catalogue" / "runner-0123456789ab.toml").write_text(other)
    path.write_text(path.read_text().replace(path.stem, "runner-0123456789ab"))
    path.rename(path.with_name("runner-0123456789ab.toml"))
    monkeypatch.setattr(archive, "REGISTERED", tmp_path / "catalogue")
    with pytest.raises(UserError, match="stands for two keys"):
        archive.surroundings(home)


def test_a_result_logged_again_after_its_key_was_revoked_stays_valid(home, signer):
    key = signer.public_key
    [path] = archive.envelopes(home)
    revoked = {"type": "key", "action": "revoked", "keyid": key.keyid, "reason": "stolen"}
    again = [strict_json.canonical(revoked), result_entry(path.name.removesuffix(archive.SUFFIX))]
    origin = archive.log_origin(signer)
    archive.Ledger(home / "log").extend(again, origin=origin, signer=signer)
    assert problems(home) == []


@pytest.mark.parametrize("lies_there", ["another file", "a pipe"])
def test_a_result_is_carried_with_what_it_names_and_nothing_else(
    home, signer, tmp_path, lies_there
):
    [path] = archive.envelopes(home)
    [key] = (home / "runners").iterdir()
    key.write_text(f"# my own notes\n{key.read_text()}")
    [subject] = archive.open_result(path).statement.subject
    samples = home / "samples" / f"{subject.digest.sha256}.json"
    samples.parent.mkdir()
    if lies_there == "a pipe":
        os.mkfifo(samples)
    else:
        samples.write_text("my private key")
    parcel = pack(path)
    assert parcel.samples == ()
    # Of a parcel from another host neither the file's name nor more samples are believed.
    told = replace(parcel, key=("../../evil.toml", parcel.key[1]), samples=(b"more",))
    out = tmp_path / "deep" / "out"
    out.mkdir(parents=True)
    gather(out, [told], signer)
    assert not [*out.glob("samples/*")]
    assert [file.name for file in (out / "runners").iterdir()] == [key.name]
    assert "notes" not in (out / "runners" / key.name).read_text()
    assert [file.name for file in tmp_path.iterdir()] == ["results", "deep"]
    assert problems(out) == []


def test_raw_samples_that_were_signed_for_are_carried(tmp_path, signer):
    [path, *_] = archive.envelopes(PUBLIC)
    out = tmp_path / "out"
    out.mkdir()
    gather(out, [pack(path)], signer)
    [carried] = (out / "samples").iterdir()
    assert carried.read_bytes() == (PUBLIC / "samples" / carried.name).read_bytes()
    assert archive.open_result(out / path.name).evidence.rows


@pytest.fixture
def revoked(tmp_path, signer, monkeypatch):
    """A catalogue that says that the signer's key was stolen."""
    folder = tmp_path / "catalogue"
    folder.mkdir()
    key = signer.public_key
    text = revoked_toml(runner_toml(key), "file", "stolen", NOW)
    (folder / f"{runner_id(key)}.toml").write_text(text)
    monkeypatch.setattr(archive, "REGISTERED", folder)


def test_a_stolen_key_is_not_registered_in_a_log_that_its_thief_began(home, revoked):
    [verdict] = verification.verify(home)
    assert verdict.tier == "self-signed"
    assert (
        "was revoked (stolen)"
        in next(finding for finding in verdict.findings if finding.rule == "key").reason
    )
    [path] = archive.envelopes(home)
    assert archive.open_result(path).key_tier == "self-signed"
