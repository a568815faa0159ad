"""The server as a process: it says when it listens, ends cleanly, survives `kill -9`."""

import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress

import httpx
import pytest

from results.bench import kills

ROUNDS = 3  # a full disk, a database and a log put back alone; `nox -s compare -- kills` has 50
FENMARK = [sys.executable, "-c", "from runners.cli import main; main()"]


@pytest.fixture
def start(tmp_path, runners):
    """Starts `fenmark serve` on the same folder, as often as asked."""

    @contextmanager
    def start():
        options = ["--port", "0", "--data", str(tmp_path / "data"), "--runners", str(runners)]
        command = [*FENMARK, "serve", *options, "--per-minute", "0"]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as server:
            try:
                line = server.stdout.readline()
                assert line.startswith("listening on http://127.0.0.1:")
                with httpx.Client(base_url=line.split()[-1], timeout=120) as client:
                    yield server, client
            finally:
                server.kill()

    return start


def flood(client, bodies, receipts):
    """Submit until the server is gone, keeping every receipt."""
    for body in bodies:
        with suppress(httpx.TransportError):
            answer = client.post("/v1/submissions", content=body)
            if answer.status_code == 201:
                receipts.append((body, answer.json()))


def test_kills_a_full_disk_and_restores_lose_no_receipt_and_fork_nothing(tmp_path):
    done = kills.exercise(tmp_path, ROUNDS)
    assert (done.lost, done.forks, done.odd) == (0, 0, [])
    assert done.kills.total() == ROUNDS
    assert done.refused == done.kills[kills.OLD_DATABASE] >= 1
    assert len(done.receipts) >= 10 * ROUNDS


def takes_connections(address):
    try:
        socket.create_connection(address, timeout=120).close()
    except OSError:
        return False
    return True


def test_sigterm_finishes_what_was_accepted_settles_and_ends_with_0(start, sealed, tmp_path):
    slow, bodies, receipts = sealed("slow"), [sealed(f"run-{at}") for at in range(60)], []
    head = f"POST /v1/submissions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(slow)}\r\n\r\n"
    with start() as (server, client):
        threads = [
            threading.Thread(target=flood, args=(client, bodies[k::4], receipts)) for k in range(4)
        ]
        for thread in threads:
            thread.start()
        while len(receipts) < 10:
            assert server.poll() is None
            time.sleep(0.005)
        address = (client.base_url.host, client.base_url.port)
        with socket.create_connection(address, timeout=120) as connection:
            connection.sendall(head.encode() + slow[:100])
            while client.get("/healthz").status_code != 200:  # one loop: the head was read before
                pass
            server.terminate()
            while takes_connections(address):
                time.sleep(0.005)
            connection.sendall(slow[100:])
            assert connection.recv(65536).startswith(b"HTTP/1.1 201")
        for thread in threads:
            thread.join()
        assert server.wait(timeout=120) == 0
    log = tmp_path / "data/log"
    assert (log / ".settled").read_bytes() == (log / "checkpoint").read_bytes()
    with start() as (_, client):
        assert client.post("/v1/submissions", content=slow).status_code == 200
        for body, given in receipts:
            again = client.post("/v1/submissions", content=body)
            assert (again.status_code, again.json()) == (200, given)


def test_a_second_server_on_the_same_folder_ends_with_one_line(start, fenmark, tmp_path):
    with start():
        second = fenmark("serve", "--port", "0", "--data", tmp_path / "data")
    assert second.returncode == 1
    assert len(second.stderr.splitlines()) == 1
    assert "open in another process" in second.stderr


def test_submit_publish_and_verify_work_together_from_the_shell(
    start, fenmark, sealed, tmp_path, monkeypatch
):
    monkeypatch.setenv("FENMARK_HOME", str(tmp_path / "fenmark"))
    path = tmp_path / "result.dsse.json"
    path.write_bytes(sealed())

    with start() as (_, client):
        output = fenmark("submit", "--to", client.base_url, path, "--json").stdout
        assert '"ok": true' in output
        fenmark("publish", "--data", tmp_path / "data", "--out", tmp_path / "out")
    assert '"ok": true' in fenmark("verify", tmp_path / "out", "--json").stdout
