"""Full disks and held databases: an honest status, nothing lost, and sending again heals."""

import errno
import shutil
import subprocess
from contextlib import contextmanager

import pytest
from securesystemslib.signer import CryptoSigner
from sqlalchemy import create_engine, text

from results.keys.identity import runner_id, runner_toml
from results.proof import ledger
from results.proof.ledger import Ledger
from results.proof.receipt import Receipt
from results.service import engine as database_module
from results.service.store import open_store
from suites.base.errors import CheckError

pytestmark = pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)


def post(client, body):
    return client.post("/v1/submissions", content=body)


def is_problem(answer, status, name):
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (status, f"urn:fenmark:problem:{name}")
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers.get("retry-after", "0")) == (6 if status == 503 else 0)
    return problem["detail"]


@pytest.fixture
def full(monkeypatch):
    """Fills the disk of the log, from the n-th writing of a commit on, while the context lasts."""

    @contextmanager
    def full(writing=0):
        place, calls = ledger.place_all, []

        def refuse(files):
            calls.append(files)
            if len(calls) > writing:
                raise OSError(errno.ENOSPC, "No space left on device", str(min(files)))
            return place(files)

        with monkeypatch.context() as patch:
            patch.setattr(ledger, "place_all", refuse)
            yield

    return full


@pytest.mark.parametrize("writing", [0, 1])  # of tiles, of the checkpoint
def test_rows_stored_while_the_log_s_disk_is_full_get_their_receipt_when_sent_again(
    client, sealed, full, log_key, tmp_path, writing
):
    first, second, third = (sealed(f"run-{number}") for number in range(3))
    assert post(client, first).status_code == 201
    with full(writing):
        for _ in range(2):
            detail = is_problem(post(client, second), 503, "receipt-pending")
            assert detail.startswith("it is stored, but the disk of the log is full")
        digest = client.get("/v1/results").json()["results"][1]["digest"]
        is_problem(client.get(f"/v1/submissions/{digest}"), 503, "receipt-pending")
    healed = post(client, second)
    assert healed.status_code == 200
    assert Receipt.from_json(healed.json(), "x").verify([log_key], "x").size == 3
    assert client.get(f"/v1/submissions/{digest}").json()["proof"] == healed.json()["proof"]
    assert post(client, third).status_code == 201
    assert Ledger(tmp_path / "data/log").verify([log_key]).size == 4  # and the key's own entry


def test_rows_stored_while_the_log_s_disk_is_full_are_in_it_after_a_restart(serving, sealed, full):
    with serving() as client:
        assert post(client, sealed("run-0")).status_code == 201
        with full():
            is_problem(post(client, sealed("run-1")), 503, "receipt-pending")
    with serving() as client:
        assert "fenmark_log_entries 3" in client.get("/metrics").text
        assert post(client, sealed("run-1")).status_code == 200


def test_a_key_that_comes_while_the_disk_is_full_counts_afterwards(client, sealed, full, runners):
    other = CryptoSigner.generate_ed25519()
    key = other.public_key
    (runners / f"{runner_id(key)}.toml").write_text(runner_toml(key))
    with full():
        is_problem(post(client, sealed("run-1", by=other)), 507, "storage-full")
        is_problem(post(client, sealed("run-2", by=other)), 503, "receipt-pending")
    assert post(client, sealed("run-1", by=other)).status_code == 201
    assert post(client, sealed("run-2", by=other)).status_code == 200


def mounted(place, size):
    place.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
    if not shutil.which("mount") or subprocess.run(command, check=False).returncode:
        pytest.skip("no file system may be mounted here")


def test_a_real_disk_of_the_log_that_fills_up_loses_nothing(serving, sealed, tmp_path, log_key):
    place = tmp_path / "data/log"
    mounted(place, "256k")
    try:
        with serving() as client:
            assert post(client, sealed("run-0")).status_code == 201
            with pytest.raises(OSError, match="No space"):
                (place / "ballast").write_bytes(bytes(2**18))
            is_problem(post(client, sealed("run-1")), 503, "receipt-pending")
            (place / "ballast").unlink()
            assert post(client, sealed("run-1")).status_code == 200
            assert post(client, sealed("run-2")).status_code == 201
        assert Ledger(place).verify([log_key]).size == 4
    finally:
        subprocess.run(["umount", str(place)], check=True)


@contextmanager
def database_full(database, home, monkeypatch):
    """The database takes no more while the context lasts: servers are opened within."""
    if database is None:
        durable = database_module._durable

        def small(connection, record):
            durable(connection, record)
            connection.execute("PRAGMA max_page_count = 1")  # what there is, and not a page more

        with monkeypatch.context() as patch:
            patch.setattr(database_module, "_durable", small)
            yield
        return
    engine = create_engine(database)
    with engine.begin() as connection:
        raised = "RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'"
        connection.execute(
            text(
                "CREATE FUNCTION takes_no_more() RETURNS trigger LANGUAGE plpgsql "
                f"AS $$ BEGIN {raised}; END $$"
            )
        )
        trigger = "CREATE TRIGGER no_more BEFORE INSERT ON submissions EXECUTE FUNCTION"
        connection.execute(text(f"{trigger} takes_no_more()"))
    yield
    with engine.begin() as connection:
        connection.execute(text("DROP TRIGGER no_more ON submissions"))
    engine.dispose()


def test_a_full_database_stores_nothing_and_says_so(
    serving, sealed, database, tmp_path, monkeypatch
):
    with serving() as client:
        assert post(client, sealed("run-0")).status_code == 201
    bodies = [sealed(f"run-{number}") for number in range(1, 20)]
    with database_full(database, tmp_path / "data", monkeypatch), serving() as client:
        answers = [post(client, body) for body in bodies]
        taken = sum(answer.status_code == 201 for answer in answers)
        assert taken < 10  # what was left of the last page
        assert "nothing was stored" in is_problem(answers[-1], 507, "storage-full")
        assert len(client.get("/v1/results").json()["results"]) == 1 + taken
    with serving() as client:
        again = [post(client, body).status_code for body in bodies]
        assert sorted(again) == [200] * taken + [201] * (len(bodies) - taken)


@contextmanager
def database_locked(database, home):
    engine = create_engine(database or f"sqlite:///{home / 'fenmark.db'}")
    with engine.connect() as connection:
        lock = "BEGIN IMMEDIATE" if database is None else "LOCK TABLE entries"
        connection.execute(text(lock))
        yield
        connection.rollback()
    engine.dispose()


def test_a_locked_database_is_said_to_be_and_taken_when_free(
    serving, sealed, database, tmp_path, monkeypatch
):
    monkeypatch.setattr(database_module, "_BUSY_MS", 20)
    with serving() as client:
        assert post(client, sealed("run-0")).status_code == 201
        with database_locked(database, tmp_path / "data"):
            detail = is_problem(post(client, sealed("run-1")), 503, "database-unavailable")
            assert detail == "another process holds the database; nothing was stored: send it again"
        assert post(client, sealed("run-1")).status_code == 201


def test_a_second_server_on_the_same_database_is_refused(serving, database, tmp_path):
    url = database or f"sqlite:///{tmp_path / 'data/fenmark.db'}"
    other = CryptoSigner.generate_ed25519()
    with (
        serving(),
        pytest.raises(CheckError, match="open in another process"),
        open_store(tmp_path / "elsewhere", other, url=url),
    ):
        pass
    with serving():  # the lock ends with its holder
        pass
