"""A database or a log restored alone: completed where it can be, refused before anything forks."""

import re
import shutil
from contextlib import contextmanager

import pytest
from sqlalchemy import create_engine, text

from results.proof.ledger import Ledger
from results.service.challenge import Challenges
from results.service.store import open_store
from results.service.submission_check import Intake
from suites.base.errors import CheckError
from tests.results.service.test_publish import files

pytestmark = pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def candidates(tmp_path, runners, sealed, log_signer):
    with open_store(tmp_path / "elsewhere", log_signer) as store:
        intake = Intake(folders=[runners], challenges=Challenges(b"secret"), store=store)
        return [intake.judge(sealed(f"run-{number}")) for number in range(4)]


@pytest.fixture
def opened(log_signer, database):
    @contextmanager
    def opened(home):
        with open_store(home, log_signer, url=database) as store:
            yield store

    return opened


@pytest.fixture
def killed(opened, candidates, tmp_path, database):
    """A store of four entries; its disk was last known to have one, and its server was killed."""
    with opened(tmp_path / "data") as store:
        store.commit(candidates[:1])
    with opened(tmp_path / "data") as store:
        shutil.copy(store.ledger.checkpoint_file, tmp_path / "settled")
        store.commit(candidates[1:3])
        store.commit(candidates[3:])
        if database is None:
            shutil.copytree(tmp_path / "data", tmp_path / "killed")
            return tmp_path / "killed"
    shutil.copy(tmp_path / "settled", tmp_path / "data/log/.settled")
    return tmp_path / "data"


@pytest.fixture
def change(killed, database):
    """Runs statements on the database of the killed store."""

    def change(*statements):
        engine = create_engine(database or f"sqlite:///{killed / 'fenmark.db'}")
        with engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))
        engine.dispose()

    return change


def refusal(opened, home):
    """What the refused opening says; it changes no file of the log."""
    before = files(home / "log")
    with pytest.raises(CheckError) as refused, opened(home):
        pass
    assert files(home / "log") == before
    return str(refused.value)


@pytest.mark.parametrize("rows", [0, 1, 2, 3])
def test_an_older_database_beside_a_newer_log_is_refused(opened, killed, change, rows):
    change(*(f"DELETE FROM {table} WHERE at >= {rows}" for table in ("samples", "submissions")))
    change(f"DELETE FROM entries WHERE at >= {rows}")
    root = Ledger(killed / "log").unverified().root.hex()[:16] if rows else ".{16}"
    size = 4 if rows else 1
    line = refusal(opened, killed)
    assert re.search(f"log has {size} entries of root {root}…, the database gives {rows} of", line)
    assert "restore both together" in line
    assert "\n" not in line


def test_rows_of_another_history_are_refused_though_they_are_as_many(opened, killed, change):
    change("UPDATE entries SET record = (SELECT record FROM entries WHERE at = 2) WHERE at = 3")
    line = refusal(opened, killed)
    assert re.search(r"has 4 entries of root (\w+)…, the database gives 4 of root (?!\1)", line)


def test_a_log_of_another_history_is_refused_though_it_is_shorter(
    opened, killed, candidates, tmp_path, log_signer
):
    with open_store(tmp_path / "fork", log_signer) as store:
        store.commit(candidates[2:3])
    shutil.rmtree(killed / "log")
    shutil.copytree(tmp_path / "fork/log", killed / "log")
    assert "log has 1 entries" in refusal(opened, killed)


def test_what_witnesses_cosigned_counts_where_the_checkpoint_was_restored_too(
    opened, killed, change
):
    shutil.copy(killed / "log/checkpoint", killed / "log/cosigned")
    shutil.copy(killed / "log/.settled", killed / "log/checkpoint")
    change(*(f"DELETE FROM {table} WHERE at >= 2" for table in ("samples", "submissions")))
    change("DELETE FROM entries WHERE at >= 2")
    assert "log has 4 entries" in refusal(opened, killed)


@pytest.mark.parametrize("lost", ["since it was settled", "all but a torn checkpoint", "all"])
def test_an_older_log_beside_a_newer_database_is_completed(opened, killed, candidates, lost):
    log, whole = killed / "log", (killed / "log/checkpoint").read_bytes()
    if lost == "since it was settled":
        shutil.copy(log / ".settled", log / "checkpoint")
    else:
        shutil.rmtree(log)
        log.mkdir()
        if lost != "all":
            (log / "checkpoint").write_bytes(b"")
    with opened(killed) as store:
        assert store.ledger.checkpoint_file.read_bytes() == whole
        answers = store.commit(candidates)
    assert [(answer.new, answer.receipt.index) for answer in answers] == [
        (False, at) for at in range(4)
    ]
