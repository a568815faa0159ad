"""A store as one file: taken under load, restored whole or not at all, and never a fork."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
import threading

import pytest

from results.keys.identity import runner_id, runner_toml
from results.proof.ledger import Ledger
from results.service import backup
from results.service.backup import back_up, restore
from results.service.challenge import Challenges
from results.service.publish import publish
from results.service.store import open_store
from results.service.submission_check import Intake
from suites.base.errors import CheckError, UserError
from tests.results.service.test_publish import send

# Taken from the environment, to be run once at length.
TIMES = int(os.environ.get("FENMARK_BACKUPS", "4"))
both = pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)


def digests(client, sealed, numbers):
    """Send results; return the digest and the place each was promised."""
    answers = [
        client.post("/v1/submissions", content=sealed(f"run-{number}")).json() for number in numbers
    ]
    return {answer["digest"]: answer["index"] for answer in answers}


def honoured(home, signer, given, url=None):
    with open_store(home, signer, url=url) as store:
        return {
            digest: store.receipt(kept).index
            for digest in given
            if (kept := store.find(digest)) is not None
        }


def rewritten(file, change):
    """Write a backup anew with its members changed."""
    with tarfile.open(file) as bundle:
        members = {member.name: bundle.extractfile(member).read() for member in bundle}
    with tarfile.open(file, "w:gz") as bundle:
        for name, data in change(members).items():
            about = tarfile.TarInfo(name)
            about.size = len(data)
            bundle.addfile(about, io.BytesIO(data))


@both
def test_every_receipt_given_before_a_backup_is_honoured_afterwards(
    serving, sealed, tmp_path, database, log_signer
):
    with serving() as client:
        given = digests(client, sealed, range(5))
        manifest = back_up(tmp_path / "data", tmp_path / "b.tar.gz", url=database)
        send(client, sealed, range(5, 7))
    restored = restore(tmp_path / "b.tar.gz", tmp_path / "elsewhere")
    assert restored == manifest
    assert honoured(tmp_path / "elsewhere", log_signer, given) == given
    assert not [path for path in tmp_path.rglob("*") if "restoring" in path.name and path.is_dir()]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_store_moves_from_a_file_into_postgresql(serving, sealed, tmp_path, database, log_signer):
    with open_store(tmp_path / "data", log_signer):
        pass
    with serving() as client:  # the same folder over PostgreSQL, from which a file is made
        given = digests(client, sealed, range(3))
    back_up(tmp_path / "data", tmp_path / "b.tar.gz", url=database)
    with pytest.raises(CheckError, match="holds entries"):
        restore(tmp_path / "b.tar.gz", tmp_path / "other", url=database)
    assert not (tmp_path / "other").exists()
    empty = f"sqlite:///{tmp_path / 'moved.db'}"
    restore(tmp_path / "b.tar.gz", tmp_path / "other", url=empty)
    assert not (tmp_path / "other/fenmark.db").exists()
    assert honoured(tmp_path / "other", log_signer, given, empty) == given


def test_backups_under_load_are_each_whole(serving, sealed, tmp_path, log_signer):
    with serving() as client:
        given = digests(client, sealed, range(2))
        stop = threading.Event()

        def load():
            number = 100
            while not stop.is_set():
                send(client, sealed, [number])
                number += 1

        sending = threading.Thread(target=load)
        sending.start()
        try:
            for number in range(TIMES):
                back_up(tmp_path / "data", tmp_path / f"b{number}.tar.gz")
                given |= digests(client, sealed, [number + 2])
        finally:
            stop.set()
            sending.join()
    for number in range(TIMES):
        manifest = restore(tmp_path / f"b{number}.tar.gz", tmp_path / f"data{number}")
        assert manifest.entries >= manifest.size
        held = honoured(tmp_path / f"data{number}", log_signer, given)
        assert len(held) >= number + 2
        assert held.items() <= given.items()
    # Newer ones may take the place of older ones, never the other way round.
    restore(tmp_path / f"b{TIMES - 1}.tar.gz", tmp_path / "data0")
    with pytest.raises(CheckError, match="rolled back"):
        restore(tmp_path / "b0.tar.gz", tmp_path / "data")


@pytest.fixture
def stored(tmp_path, runners, sealed, log_signer):
    """A store of three results and a backup of it, no server started."""
    home = tmp_path / "data"
    shutil.copytree(runners, home / "runners")
    name = runner_id(log_signer.public_key)
    (home / "runners" / f"{name}.toml").write_text(runner_toml(log_signer.public_key))
    with open_store(home, log_signer) as store:
        intake = Intake(folders=[runners], challenges=Challenges(b"secret"), store=store)
        store.commit([intake.judge(sealed(f"run-{number}")) for number in range(3)])
    back_up(home, tmp_path / "b.tar.gz")
    return home, tmp_path / "b.tar.gz"


def test_neither_a_fork_nor_another_log_is_overwritten(
    stored, serving, sealed, tmp_path, log_signer, signer
):
    _home, file = stored
    with serving(data="forked") as client:
        send(client, sealed, [2, 1, 0])
    with pytest.raises(CheckError, match="would fork the log"):
        restore(file, tmp_path / "forked")
    with serving(data="another", by=signer) as client:
        send(client, sealed, [0])
    with pytest.raises(CheckError, match="is of fenmark"):
        restore(file, tmp_path / "another")
    assert Ledger(tmp_path / "another/log").unverified().size


def test_a_backup_older_than_what_was_published_is_refused(stored, serving, sealed, tmp_path):
    _home, file = stored
    with serving() as client:
        send(client, sealed, [3])
    publish(tmp_path / "data", tmp_path / "public")
    with pytest.raises(CheckError, match="rolled back"):
        restore(file, tmp_path / "fresh", archive=tmp_path / "public")
    assert not (tmp_path / "fresh").exists()


def test_a_server_that_runs_keeps_its_folder(stored, serving):
    home, file = stored
    with serving(), pytest.raises(CheckError, match="open in another process"):
        restore(file, home)


def test_what_is_no_store_is_not_backed_up_and_nothing_is_overwritten(stored, tmp_path):
    with pytest.raises(UserError, match="holds no log"):
        back_up(tmp_path / "nowhere", tmp_path / "c.tar.gz")
    with pytest.raises(UserError, match="is there already"):
        back_up(*stored)


def without(name):
    return lambda members: {key: value for key, value in members.items() if key != name}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (without("backup.json"), "cut short"),
        (without("log/checkpoint"), "log/checkpoint is not what was backed up"),
        (lambda members: {**members, "fenmark.db": b"x"}, "holds 'fenmark.db'|fenmark.db is not"),
        (lambda members: {"../evil": b"x", **members}, "holds '../evil'"),
        (lambda members: {"runners/../../evil": b"x", **members}, "holds"),
        (lambda members: {"log.pem": b"x", **members}, "holds 'log.pem'"),
        (lambda members: {**members, "backup.json": b"{}"}, "another format"),
        (lambda members: {**members, "backup.json": b"\xff"}, "another format"),
    ],
)
def test_a_changed_backup_is_refused_and_nothing_is_written(stored, tmp_path, change, expected):
    _home, file = stored
    rewritten(file, change)
    with pytest.raises(CheckError, match=expected):
        restore(file, tmp_path / "fresh")
    assert not (tmp_path / "fresh").exists()
    assert not (tmp_path.parent / "evil").exists()


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.95])
def test_a_backup_cut_short_is_refused_in_one_line(stored, tmp_path, share):
    _home, file = stored
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * share)])
    with pytest.raises((CheckError, UserError), match=r"cut short|cannot be read"):
        restore(file, tmp_path / "fresh")
    assert not (tmp_path / "fresh").exists()


class Killed(BaseException):
    """The process ends here: nothing is tidied up."""


def test_a_kill_leaves_the_old_folder_or_the_new_one(stored, tmp_path, monkeypatch, log_signer):
    home, file = stored
    finished = 0
    for at in range(20):
        target = tmp_path / f"target{at}"
        shutil.copytree(home, target)
        with monkeypatch.context() as patch:
            _die_at(patch, at)
            try:
                restore(file, target)
                finished += 1
            except Killed:
                pass
        with open_store(target, log_signer) as store:
            assert store.size() >= 3
        restore(file, target)  # the next try succeeds
    assert 0 < finished < 20


def _die_at(patch, at):
    """Let the process die at its nth step on the disk: every later step fails, too."""
    steps = [0]

    def stepping(real):
        def step(*args, **options):
            steps[0] += 1
            if steps[0] > at:
                raise Killed
            return real(*args, **options)

        return step

    for owner, name in (
        (backup, "_write"),
        (backup.files, "flush"),
        (backup, "_exchange"),
        (backup.shutil, "rmtree"),
        (backup.Path, "rename"),
    ):
        patch.setattr(owner, name, stepping(getattr(owner, name)))


def test_what_lies_in_the_way_stays_beside_the_restored_folder(stored, tmp_path):
    home, file = stored
    restore(file, home)
    assert [path for path in tmp_path.iterdir() if path.name.startswith("data.before-")]


def test_where_folders_cannot_be_exchanged_in_one_step_two_are_taken(stored, monkeypatch, tmp_path):
    home, file = stored
    monkeypatch.setattr(backup.ctypes, "CDLL", lambda *_args, **_options: object())
    restore(file, home)
    assert (home / "log/checkpoint").is_file()
    shutil.rmtree(home)
