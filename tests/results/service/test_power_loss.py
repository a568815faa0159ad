"""A process may die before any touch of the disk and within any write: nothing said is lost."""

import os
import resource
import shutil
import signal
import sys
from functools import partial

import pytest

from results.archive import archive, verification
from results.proof import envelope
from results.proof.ledger import Ledger
from results.service.challenge import Challenges
from results.service.store import open_store
from results.service.submission_check import Intake
from suites.base.errors import UserError

TOUCHES = {"open", "os.rename", "os.mkdir", "os.remove"}


def died(act):
    """Act in a child; tell whether something killed it."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] != 0
    act()
    os._exit(0)


def before_touch(step, act):
    """Die before a touch of the disk: opening, renaming, making, removing or flushing a file."""

    def counted():
        touches = 0

        def count(event, _=()):
            nonlocal touches
            touches += event in TOUCHES
            if touches == step:
                os._exit(9)

        fsync = os.fsync
        os.fsync = lambda descriptor: (count("open"), fsync(descriptor))
        sys.addaudithook(count)
        act()

    return died(counted)


def within_write(size, act):
    """Die in the first write that takes a file beyond a size, with that many bytes written."""

    def limited():
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        act()

    return died(limited)


def problems(home):
    try:
        return [line for verdict in verification.verify(home) for line in verdict.problems]
    except UserError as error:
        return [str(error)]


@pytest.fixture
def earlier(tmp_path, signer, statement):
    """An archive of one result, from which each try starts."""
    archive.accept(tmp_path / "earlier", envelope.encode(statement("run-0")), signer)
    return tmp_path / "earlier"


def try_accepting(earlier, home, kill, payload, signer):
    """Accept in a process that may be killed, then again; tell whether the first one was."""
    shutil.copytree(earlier, home)
    killed = kill(lambda: archive.accept(home, payload, signer))
    for path in archive.envelopes(home):
        assert archive.open_result(path)  # whole or not there
    assert archive.accept(home, payload, signer).logged.index == 1
    assert problems(home) == []
    return killed


def test_a_kill_before_any_touch_of_the_disk_loses_and_breaks_nothing(
    tmp_path, earlier, payload, signer
):
    step = 1
    while try_accepting(
        earlier, tmp_path / f"at-{step}", partial(before_touch, step), payload, signer
    ):
        step += 1
    assert step > 20  # the hook saw the work


def test_a_kill_within_any_write_loses_and_breaks_nothing(tmp_path, earlier, payload, signer):
    size = 0
    while try_accepting(
        earlier, tmp_path / f"at-{size}", partial(within_write, size), payload, signer
    ):
        size += 61  # a step that meets every part of every file
    assert size > 1000


@pytest.fixture
def candidates(tmp_path, runners, sealed, log_signer):
    with open_store(tmp_path / "elsewhere", log_signer) as store:
        intake = Intake(folders=[runners], challenges=Challenges(b"secret"), store=store)
        return [intake.judge(sealed(f"run-{number}")) for number in range(4)]


@pytest.fixture
def stored(tmp_path, log_signer, candidates):
    """A store of two results, and how to commit two more and say so."""

    def commit(home, batch, receipt_file=None):
        with open_store(home, log_signer) as store:
            answers = store.commit(batch)
            if receipt_file:
                receipt_file.write_text(answers[0].receipt.note.decode())
            return answers

    commit(tmp_path / "stored", candidates[:2])
    return commit


def try_committing(tmp_path, name, kill, commit, candidates, log_key):
    home, receipt_file = tmp_path / name, tmp_path / f"{name}.said"
    shutil.copytree(tmp_path / "stored", home)
    killed = kill(lambda: commit(home, candidates[2:], receipt_file))
    answers = commit(home, candidates)
    assert [answer.receipt.index for answer in answers] == [0, 1, 2, 3]
    for answer in answers:
        answer.receipt.verify([log_key], name)
    if receipt_file.exists():  # a receipt that was handed out before the kill is the one given now
        assert receipt_file.read_text() == answers[2].receipt.note.decode()
    assert Ledger(home / "log").verify([log_key]).size == 4
    return killed


def test_a_server_killed_before_any_touch_of_the_disk_keeps_every_receipt(
    tmp_path, stored, candidates, log_key
):
    step = 1
    while try_committing(
        tmp_path, f"at-{step}", partial(before_touch, step), stored, candidates, log_key
    ):
        step += 3
    assert step > 20


@pytest.mark.parametrize("size", [0, 31, 32, 64, 100, 300, 2**12, 2**13 + 1, 2**14 + 99])
def test_a_server_killed_within_any_write_keeps_every_receipt(
    tmp_path, stored, candidates, log_key, size
):
    kill = partial(within_write, size)
    assert try_committing(tmp_path, f"at-{size}", kill, stored, candidates, log_key)


@pytest.mark.parametrize("left", [b"", b"half", None])
def test_a_power_cut_that_takes_what_the_disk_had_not_written_loses_no_receipt(
    tmp_path, log_signer, candidates, log_key, left
):
    home = tmp_path / "data"
    with open_store(home, log_signer) as store:
        given = store.commit(candidates[:2])
        settled = {path for path in (home / "log").rglob("*") if path.is_file()}
        store.ledger.settle()
        given += store.commit(candidates[2:3]) + store.commit(candidates[3:])
        shutil.copytree(home, tmp_path / "cut")  # all but the closing
    cut = tmp_path / "cut/log"
    late = {path for path in cut.rglob("*") if path.is_file() and path.name != ".settled"}
    late -= {cut / path.relative_to(home / "log") for path in settled}
    assert len(late) >= 4
    for path in {*late, cut / "checkpoint"}:
        path.unlink() if left is None else path.write_bytes(left)
    with open_store(tmp_path / "cut", log_signer) as store:
        assert [answer.receipt for answer in store.commit(candidates)] == [
            answer.receipt for answer in given
        ]
        assert store.ledger.verify([log_key]).size == 4


def test_a_file_cut_short_at_any_byte_is_a_problem_and_never_a_crash(earlier, tmp_path):
    files = [path.relative_to(earlier) for path in earlier.rglob("*") if path.is_file()]
    assert len(files) >= 5
    for name in files:
        whole = (earlier / name).read_bytes()
        step = 1 if len(whole) < 400 else 29
        for size in range(0, len(whole) - 1, step):
            (earlier / name).write_bytes(whole[:size])
            lines = problems(earlier)
            # A key file may lose its owner and contact and still name the same key.
            assert lines or name.suffix == ".toml", f"{name} cut to {size} of {len(whole)} bytes"
        (earlier / name).write_bytes(whole)
    assert problems(earlier) == []
