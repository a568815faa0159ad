"""A log is its origin and one key: no other key signs it, and no second log bears its name."""

import json
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner

from results.archive import archive, verification
from results.catalog import known_logs, logs_data
from results.keys.identity import runner_id
from results.proof import envelope
from runners.machine import keys
from suites.base.errors import UserError
from tests.site.conftest import begun, own_cache, quick_build  # noqa: F401 - fixtures

PUBLIC = Path(archive.__file__).parents[1] / "public"


def entered(home, signer, statement, *run_ids):
    for run_id in run_ids:
        archive.accept(home, envelope.encode(statement(run_id)), signer)
    return home


def catalogued(folder, signer, name="log", origin=None):
    folder.mkdir(exist_ok=True)
    public = signer.public_key.to_dict()["keyval"]["public"]
    (folder / f"{name}.toml").write_text(
        f'origin = "{origin or archive.log_origin(signer)}"\npublic_key = "{public}"\n'
    )


@pytest.fixture
def known(tmp_path, monkeypatch, signer):
    """The catalogue knows the signer's log."""
    monkeypatch.setattr(logs_data, "LOGS", tmp_path / "logs")
    catalogued(tmp_path / "logs", signer)


def test_the_published_log_is_known():
    writer = archive.surroundings(PUBLIC).writer
    assert (writer.known, writer.key) == (True, known_logs()[writer.origin].key)


def test_a_known_log_is_signed_by_its_key_alone(known, home, signer, statement, tmp_path):
    assert [verdict.problems for verdict in verification.verify(home)] == [()]
    thief = CryptoSigner.generate_ed25519()
    forged = entered(tmp_path / "forged", thief, statement, "run-1")
    origin, log = archive.log_origin(signer), archive.Ledger(forged / "log")
    entries = list(log.entries())
    log.checkpoint_file.unlink()
    log.extend(entries, origin=origin, signer=thief)
    [verdict] = verification.verify(forged)
    assert "no signature verifies the checkpoint" in verdict.problems[0]


def test_a_receipt_of_a_known_log_under_another_key_is_refused(
    serving, sealed, tmp_path, fenmark, monkeypatch, log_signer
):
    monkeypatch.setattr(logs_data, "LOGS", tmp_path / "logs")
    name = f"fenmark.log/{runner_id(log_signer.public_key)}"
    monkeypatch.setenv("FENMARK_HOME", str(tmp_path / "home"))
    data = sealed()
    path = tmp_path / f"{envelope.digest(data)}{archive.SUFFIX}"
    path.write_bytes(data)
    with serving() as client:
        catalogued(tmp_path / "logs", CryptoSigner.generate_ed25519(), origin=name)
        done = fenmark("submit", "--to", client.base_url, path)
        assert done.returncode == 1
        assert "signs with another key" in done.stderr
        catalogued(tmp_path / "logs", log_signer, origin=name)
        assert fenmark("submit", "--to", client.base_url, path).returncode == 0


@pytest.mark.parametrize("same", ["origin", "key"])
def test_one_log_stands_in_the_catalogue_once(known, tmp_path, signer, same):
    other = signer if same == "key" else CryptoSigner.generate_ed25519()
    origin = archive.log_origin(signer) if same == "origin" else "fenmark.log/other"
    catalogued(tmp_path / "logs", other, "second", origin)
    with pytest.raises(UserError, match=r"second\.toml"):
        known_logs()


def test_two_folders_with_two_logs_of_one_name_are_refused(
    tmp_path,
    signer,
    statement,
    fenmark,
    quick_build,  # noqa: F811 - fixtures
):
    first = entered(tmp_path / "one", signer, statement, "run-1", "run-2")
    other = entered(tmp_path / "other", signer, statement, "run-3")
    done = fenmark("verify", first, other)
    assert done.returncode == 1
    assert "holds another log of the same name" in done.stderr
    assert json.loads(fenmark("verify", first, other, "--json").stdout)["ok"] is False
    report = quick_build([first, other], tmp_path / "site")
    [(_, why)] = report.refused
    assert "holds another log of the same name" in why
    [log] = (tmp_path / "site" / "logs").iterdir()
    assert (log / "checkpoint").read_bytes() == (first / "log" / "checkpoint").read_bytes()


def test_an_older_copy_of_a_log_is_the_same_log(
    tmp_path,
    signer,
    statement,
    fenmark,
    quick_build,  # noqa: F811
):
    old = entered(tmp_path / "old", signer, statement, "run-1")
    new = entered(tmp_path / "new", signer, statement, "run-1", "run-2")
    assert fenmark("verify", old, new).returncode == 0
    for folders in ([old, new], [new, old]):
        report = quick_build(folders, tmp_path / "site")
        assert (report.results, report.refused) == (2, ())
        [log] = (tmp_path / "site" / "logs").iterdir()
        assert (log / "checkpoint").read_bytes() == (new / "log" / "checkpoint").read_bytes()
        assert (log / "tile" / "0" / "000.p" / "2").exists()


def test_the_site_says_which_key_signs_each_log(
    known,
    home,
    tmp_path,
    signer,
    statement,
    quick_build,  # noqa: F811
):
    other = entered(tmp_path / "other", CryptoSigner.generate_ed25519(), statement, "run-9")
    quick_build([home, other], tmp_path / "site")
    logs = json.loads((tmp_path / "site" / "data" / "proofs" / "logs.json").read_bytes())
    public = signer.public_key.to_dict()["keyval"]["public"]
    told = {log["origin"]: (log["public"], log["known"]) for log in logs}
    assert told[archive.log_origin(signer)] == (public, True)
    assert {known for _, known in told.values()} == {True, False}
    page = (tmp_path / "site" / "runners" / "index.html").read_text()
    assert public in page
    assert "ships with Fenmark" in page


def test_a_job_may_sign_its_log_with_a_key_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("FENMARK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FENMARK_LOG_KEY", str(tmp_path / "log.pem"))
    key, again = keys.load_or_create(), keys.load_or_create()
    assert key.log_signer.public_key != key.signer.public_key
    assert key.log_signer.public_key == again.log_signer.public_key
