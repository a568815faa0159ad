"""The server as a process: it says when it listens, ends cleanly, survives `kill -9`."""

import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress

import httpx
import pytest

from results.archive import verification
from results.keys.identity import read_runner
from results.proof.receipt import Receipt
from results.service.publish import publish

# Two in the suite; `FENMARK_KILL_ROUNDS=50 pytest -k kill_9` was run by hand (docs: proof).
ROUNDS = int(os.environ.get("FENMARK_KILL_ROUNDS", "2"))
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


def test_every_receipt_is_honoured_after_kill_9_under_load(start, sealed, tmp_path):
    clients, each = 4, 25
    receipts = []
    for number in range(ROUNDS):
        bodies = [sealed(f"run-{number}-{i}") for i in range(clients * each)]
        with start() as (server, client):
            threads = [
                threading.Thread(target=flood, args=(client, bodies[k::clients], receipts))
                for k in range(clients)
            ]
            for thread in threads:
                thread.start()
            while len(receipts) < 20 * (number + 1):
                assert server.poll() is None
            os.kill(server.pid, signal.SIGKILL)
            for thread in threads:
                thread.join()
    assert len(receipts) >= 20 * ROUNDS
    with start() as (_, client):
        key = read_runner(client.get("/v1/key").text, "key").key.to_dict()["keyval"]["public"]
        for body, given in receipts:
            Receipt.from_json(given, "receipt").verify([bytes.fromhex(key)], "receipt")
            again = client.post("/v1/submissions", content=body)
            assert (again.status_code, again.json()) == (200, given)
    publish(tmp_path / "data", tmp_path / "out")
    assert not any(verdict.problems for verdict in verification.verify(tmp_path / "out"))


def takes_connections(address):
    try:
        socket.create_connection(address, timeout=120).close()
    except OSError:
        return False
    return True


def test_sigterm_finishes_what_was_accepted_and_ends_with_0(start, sealed):
    body = sealed()
    head = f"POST /v1/submissions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    with start() as (server, client):
        address = (client.base_url.host, client.base_url.port)
        with socket.create_connection(address, timeout=120) as connection:
            connection.sendall(head.encode() + body[:100])
            while client.get("/healthz").status_code != 200:  # one loop: the head was read before
                pass
            client.close()
            server.terminate()
            while takes_connections(address):
                pass
            connection.sendall(body[100:])
            assert connection.recv(65536).startswith(b"HTTP/1.1 201")
        assert server.wait(timeout=120) in {0, -signal.SIGTERM}
    with start() as (_, client):
        assert client.post("/v1/submissions", content=body).status_code == 200


def test_submissions_in_flight_at_sigterm_are_answered_or_untouched(start, sealed):
    bodies = [sealed(f"run-{number}") for number in range(60)]
    receipts = []
    with start() as (server, client):
        threads = [
            threading.Thread(target=flood, args=(client, bodies[k::4], receipts)) for k in range(4)
        ]
        for thread in threads:
            thread.start()
        while len(receipts) < 10:
            assert server.poll() is None
        server.terminate()
        for thread in threads:
            thread.join()
        assert server.wait(timeout=120) in {0, -signal.SIGTERM}
    with start() as (_, client):
        for body, given in receipts:
            again = client.post("/v1/submissions", content=body)
            assert (again.status_code, again.json()) == (200, given)


def test_a_second_server_on_the_same_folder_ends_with_one_line(start, tmp_path):
    with start():
        options = ["--port", "0", "--data", str(tmp_path / "data")]
        second = subprocess.run(
            [*FENMARK, "serve", *options], capture_output=True, text=True, check=False
        )
    assert second.returncode == 2
    assert len(second.stderr.splitlines()) == 1
    assert "open in another process" in second.stderr


def test_submit_publish_and_verify_work_together_from_the_shell(
    start, sealed, tmp_path, monkeypatch
):
    monkeypatch.setenv("FENMARK_HOME", str(tmp_path / "fenmark"))
    path = tmp_path / "result.dsse.json"
    path.write_bytes(sealed())

    def fenmark(*arguments):
        return subprocess.run(
            [*FENMARK, *map(str, arguments)], capture_output=True, text=True, check=True
        )

    with start() as (_, client):
        said = fenmark("submit", "--to", client.base_url, path, "--json").stdout
        assert '"ok": true' in said
        fenmark("publish", "--data", tmp_path / "data", "--out", tmp_path / "out")
    assert '"ok": true' in fenmark("verify", tmp_path / "out", "--json").stdout
