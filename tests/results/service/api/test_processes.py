"""Several processes take HTTP, one orders: no client can tell, whichever of them answers."""

import os
import re
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx
import psutil
import pytest

from results.bench.made_up import FENMARK
from results.keys import keyfile
from results.keys.identity import read_runner, runner_id, runner_toml
from results.proof import envelope, notice
from results.proof.ledger import Ledger
from results.service import request as requests
from results.service.request import Asked
from tests.results.test_moderation import NOW, signed_notice


@pytest.fixture
def database(request, tmp_path):
    return None


class Board:
    """A server of several processes; each request over a connection of its own."""

    def __init__(self, server, url, data):
        self.server, self.url, self.data = server, url, data
        self.admin = keyfile.load(data / "log.pem")

    def get(self, path, **more):
        return httpx.get(self.url + path, timeout=120, **more)

    def post(self, path, content):
        return httpx.post(self.url + path, content=content, timeout=120)

    def submit(self, *results):
        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(lambda result: self.post("/v1/submissions", result), results))

    def ask(self, target, body):
        asked = Asked(
            schema_version=1,
            method="POST",
            host=self.url.removeprefix("http://"),
            target=target,
            nonce=self.get("/v1/nonce").json()["nonce"],
            body=body,
        )
        return self.post(target, requests.sign(self.admin, asked))

    @property
    def fronts(self):
        return [*filter(is_front, psutil.Process(self.server.pid).children())]


def is_front(child):
    with suppress(psutil.NoSuchProcess):  # it ended meanwhile
        return "resource_tracker" not in " ".join(child.cmdline())
    return False


@pytest.fixture(scope="module")
def board(tmp_path_factory, signer):
    folder = tmp_path_factory.mktemp("board")
    (folder / "keys").mkdir()
    key = signer.public_key
    (folder / "keys" / f"{runner_id(key)}.toml").write_text(runner_toml(key, owner="Lab"))
    command = [*FENMARK, "serve", "--data", folder / "data", "--runners", folder / "keys"]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [*command, "--port", "0", "--processes", "2"],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        url = re.search(r"http://\S+", server.stdout.readline())[0]
        yield Board(server, url, folder / "data")
        server.kill()
        server.wait()
        server.stdout.close()


def names(answers):
    return sorted(
        (answer.status_code, answer.json().get("type", "").rpartition(":")[2]) for answer in answers
    )


def test_results_get_receipts_of_one_log(board, sealed):
    answers = board.submit(*(sealed(f"first-{number}") for number in range(20)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["index"] for answer in answers}) == 20
    again = board.submit(sealed("first-0"), sealed("first-0"))
    assert [answer.status_code for answer in again] == [200, 200]
    assert {answer.json()["index"] for answer in again} == {answers[0].json()["index"]}
    for answer in answers[:4]:
        assert board.get(answer.headers["location"]).json()["index"] == answer.json()["index"]
    public = board.admin.public_key.to_dict()["keyval"]["public"]
    Ledger(board.data / "log").verify([bytes.fromhex(public)])


def test_a_key_counts_everywhere_as_soon_as_it_is_registered_and_no_longer_than_that(
    board, sealed, lab
):
    results = [sealed(f"lab-{number}", by=lab) for number in range(6)]
    assert {answer.status_code for answer in board.submit(*results)} == {403}
    text = runner_toml(lab.public_key, owner="Other lab")
    runner = read_runner(text, "x")
    registered = envelope.sign(notice.draft("registered", runner, NOW, key_file=text), lab)
    entered = board.post("/v1/notices", notice.countersign(registered, board.admin, "x"))
    assert entered.status_code == 201
    assert {answer.status_code for answer in board.submit(*results)} == {201}
    revoked = envelope.sign(notice.draft("revoked", runner, NOW, reason="lost"), lab)
    assert board.post("/v1/notices", revoked).status_code == 201
    late = board.submit(*(sealed(f"late-{number}", by=lab) for number in range(6)))
    assert names(late) == [(403, "key-revoked")] * 6


def test_what_is_said_of_a_result_is_told_by_all(board, sealed, signer):
    digest = board.submit(sealed("disputed"))[0].json()["digest"]
    assert board.post("/v1/notices", signed_notice("disputed", digest, signer)).status_code == 201
    told = [board.get(f"/v1/submissions/{digest}").json()["moderation"] for _ in range(8)]
    assert {mark["state"] for mark in told} == {"disputed"}


def test_a_quota_is_one_for_all(board, sealed):
    held = board.get("/v1/owners", params={"owner": "Lab"}).json()["owners"][0]["runners"]
    most = held[0]["results"] + 3
    assert board.ask("/v1/admin/quota", {"owner": "Lab", "submissions": most}).is_success
    answers = board.submit(*(sealed(f"quota-{number}") for number in range(8)))
    assert names(answers) == [(201, "")] * 3 + [(429, "owner-quota")] * 5
    assert board.ask("/v1/admin/quota", {"owner": "Lab"}).is_success


def test_read_only_holds_for_all(board, sealed):
    assert board.ask("/v1/admin/switches", {"read_only": True}).is_success
    answers = board.submit(*(sealed(f"closed-{number}") for number in range(4)))
    assert names(answers) == [(503, "read-only")] * 4
    assert board.ask("/v1/admin/switches", {"read_only": False}).is_success
    assert board.submit(sealed("open"))[0].status_code == 201


def test_what_a_front_does_not_answer_is_passed_on_as_it_was(board):
    head = httpx.head(f"{board.url}/v1/owners", timeout=120)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(board.get("/v1/owners").content))
    tag = board.get("/v1/owners").headers["etag"]
    assert board.get("/v1/owners", headers={"If-None-Match": tag}).status_code == 304
    forged = board.get("/v1/owners", headers={"X-Fenmark-Peer": "10.0.0.1"})
    assert forged.is_success
    lines = (board.data.parent / "log").read_text()
    assert '"client": "127.0.0.1"' in lines
    assert "10.0.0.1" not in lines
    assert board.post("/v1/notices", b"x" * 300_000).status_code == 413
    assert board.get("/v1/unknown").status_code == 404


def test_the_metrics_of_all_are_one(board, sealed):
    def stored():
        text = board.get("/metrics").text
        counts = re.findall(r"^fenmark_submissions_total\{.*?\} (\d+)", text, re.MULTILINE)
        return sum(map(int, counts))

    entries = int(re.search(r"fenmark_log_entries (\d+)", board.get("/metrics").text)[1])
    for _ in range(1200):  # each front tells what it counted once a second
        if stored() > 30:
            break
        time.sleep(0.1)
    assert 30 < stored() <= entries


def test_where_one_ends_by_itself_the_server_ends_and_says_so(board, sealed):
    before = Ledger(board.data / "log").unverified().size
    os.kill(board.fronts[0].pid, signal.SIGKILL)
    assert board.server.wait(120) == 1
    assert (
        "a process that takes requests ended by itself" in (board.data.parent / "log").read_text()
    )
    assert Ledger(board.data / "log").unverified().size == before
    assert "Traceback" not in (board.data.parent / "log").read_text()
