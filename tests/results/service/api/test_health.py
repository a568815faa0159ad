"""`/healthz` says which of disk, log and database does not do its work, and nothing of where."""

import shutil
import sqlite3
import threading
from types import SimpleNamespace

import pytest

from results.service import health
from results.service.store import Store

FAILS = "fails: the server's log says why"


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """Keeps nothing, waits for nothing."""
    monkeypatch.setattr(health, "_KEPT_S", 0.0)
    monkeypatch.setattr(health, "_BETWEEN_S", 0.0)


@pytest.fixture
def look(client, tmp_path):
    def look():
        answer = client.get("/healthz")
        assert str(tmp_path) not in answer.text
        assert answer.headers["cache-control"] == "no-store"
        body = answer.json()
        assert (answer.status_code, body["status"]) in {(200, "ok"), (503, "failing")}
        wrong = {name: seen for name, seen in body["checks"].items() if seen != "ok"}
        assert (answer.status_code == 503) == bool(wrong)
        assert set(body["checks"]) == {"disk", "log", "database"}
        return wrong

    return look


def test_a_server_is_well_when_empty_and_when_it_holds_results(client, look, sealed):
    assert look() == {}
    client.post("/v1/submissions", content=sealed())
    assert look() == {}


@pytest.mark.parametrize("full", ["log", "data"])
def test_a_disk_nearly_full_is_told_whichever_it_is(look, monkeypatch, full):
    def usage(folder):
        return SimpleNamespace(free=2**20 if folder.name == full else 2**30)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    assert look() == {"disk": "less than 64 MiB free"}


def test_a_disk_that_takes_no_writes_is_told(look, monkeypatch):
    monkeypatch.setattr(health.os, "access", lambda *_: False)
    assert look() == {"disk": "takes no writes"}


def test_a_log_that_does_not_read_is_told(client, look, sealed, tmp_path):
    client.post("/v1/submissions", content=sealed())
    checkpoint = tmp_path / "data/log/checkpoint"
    kept = checkpoint.read_bytes()
    checkpoint.write_bytes(b"\xff no checkpoint")
    assert look() == {"log": FAILS}
    checkpoint.unlink()
    assert look() == {"log": "lacks entries that the database has"}
    checkpoint.write_bytes(kept)
    assert look() == {}


def test_a_database_that_lacks_what_the_log_has_is_told(client, look, sealed, tmp_path):
    client.post("/v1/submissions", content=sealed())
    with sqlite3.connect(tmp_path / "data/fenmark.db") as connection:
        for table in ("samples", "submissions", "entries"):
            connection.execute(f"DELETE FROM {table}")
    connection.close()
    assert look() == {"log": "has entries that the database lacks"}


def test_a_database_that_does_not_answer_is_told(look, tmp_path):
    with sqlite3.connect(tmp_path / "data/fenmark.db") as connection:
        connection.execute("ALTER TABLE entries RENAME TO elsewhere")
    connection.close()
    assert look() == {"log": FAILS, "database": FAILS}


def test_it_looks_once_a_second_however_many_ask(client, monkeypatch):
    monkeypatch.setattr(health, "_KEPT_S", 1000.0)
    looks = []
    size = Store.size
    monkeypatch.setattr(Store, "size", lambda store: looks.append(0) or size(store))
    for _ in range(5):
        assert client.get("/healthz").status_code == 200
    assert len(looks) == 3  # of the log before and after it, and of the database


def test_who_is_kept_waiting_is_told_in_time(client, monkeypatch):
    monkeypatch.setattr(health, "_LONGEST_S", 0.05)
    answered = threading.Event()
    monkeypatch.setattr(Store, "folders", lambda _: answered.wait(120) and [])
    answer = client.get("/healthz")
    answered.set()
    assert answer.status_code == 503
    assert answer.json()["checks"]["disk"] == "no answer within 0.05 s"
