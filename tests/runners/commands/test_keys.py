"""Keys change hands from the shell: `fenmark keys new`, `rotate`, `revoke`, then a pull request."""

import pytest

from results.archive import verification
from results.keys.identity import read_folder, read_runner
from results.service.publish import publish
from runners.machine.keys import load
from suites.base.errors import UserError


@pytest.fixture
def merge(runners):
    """Puts a printed key file where the server reads it, as a merged pull request does."""

    def merge(text):
        runner = read_runner(text, "printed")
        (runners / f"{runner.id}.toml").write_text(text)
        return runners / f"{runner.id}.toml"

    return merge


def problems(tmp_path):
    publish(tmp_path / "data", tmp_path / "out")
    verdicts = verification.verify(tmp_path / "out")
    return [line for verdict in verdicts for line in verdict.problems]


def test_a_rotated_key_hands_over_and_what_it_signed_stays_valid(
    tmp_path, verb, merge, client, sealed
):
    place = tmp_path / "key.pem"
    merge(verb("new", "--path", place, "--owner", "Lab"))
    old = load(place)
    assert client.post("/v1/submissions", content=sealed("1", by=old.signer)).status_code == 201
    merge(verb("rotate", "--path", place, "--owner", "Lab"))
    new = load(place)
    assert new.runner != old.runner
    assert load(tmp_path / f"{old.runner}.pem").runner == old.runner  # put aside, not lost
    late = client.post("/v1/submissions", content=sealed("2", by=old.signer))
    assert late.json()["errors"][0]["rule"] == "key-revoked"
    assert client.post("/v1/submissions", content=sealed("2", by=new.signer)).status_code == 201
    assert problems(tmp_path) == []


def test_a_revoked_key_is_turned_away_and_what_it_signed_stays_valid(
    tmp_path, verb, merge, client, sealed
):
    file = merge(verb("new", "--path", tmp_path / "key.pem"))
    signer = load(tmp_path / "key.pem").signer
    assert client.post("/v1/submissions", content=sealed("1", by=signer)).status_code == 201
    verb("revoke", file, "--reason", 'lost, "really"')
    assert client.post("/v1/submissions", content=sealed("2", by=signer)).status_code == 403
    assert problems(tmp_path) == []
    entries = [path for path in (tmp_path / "out/log/tile/entries").rglob("*") if path.is_file()]
    assert any(b"really" in path.read_bytes() for path in entries)


def test_a_key_is_revoked_once(verb, merge, tmp_path, runners):
    file = merge(verb("new", "--path", tmp_path / "key.pem"))
    verb("revoke", file, "--reason", "retired")
    assert "retired" in {runner.revoked_reason for runner in read_folder(runners)}
    with pytest.raises(UserError, match="revoked already"):
        verb("revoke", file, "--reason", "again")


def test_a_key_put_aside_is_never_overwritten(verb, tmp_path):
    place = tmp_path / "key.pem"
    verb("new", "--path", place)
    (tmp_path / f"{load(place).runner}.pem").write_text("precious")
    with pytest.raises(UserError, match="lies there already"):
        verb("rotate", "--path", place)
    assert load(place)
