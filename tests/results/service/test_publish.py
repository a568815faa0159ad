"""Publishing: plain files that verify, the same bytes however often."""

import shutil

import pytest
from securesystemslib.signer import CryptoSigner

from results.archive import verification
from results.proof.ledger import Ledger
from results.service.publish import publish
from suites.base.errors import CheckError, UserError


def files(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def send(client, sealed, numbers):
    for number in numbers:
        answer = client.post("/v1/submissions", content=sealed(f"run-{number}"))
        assert answer.status_code == 201


def test_what_is_published_verifies_and_holds_no_secret(client, sealed, tmp_path, log_signer):
    send(client, sealed, range(3))
    publish(tmp_path / "data", tmp_path / "out")
    verdicts = verification.verify(tmp_path / "out")
    assert [(verdict.inclusion, verdict.problems) for verdict in verdicts] == [(True, ())] * 3
    assert not any(b"PRIVATE" in content for content in files(tmp_path / "out").values())


def test_publishing_again_changes_nothing_and_growing_gives_what_a_fresh_one_gives(
    client, sealed, tmp_path
):
    out = tmp_path / "out"
    send(client, sealed, range(2))
    publish(tmp_path / "data", out)
    first = files(out)
    publish(tmp_path / "data", out)
    assert files(out) == first
    send(client, sealed, range(2, 5))
    publish(tmp_path / "data", out)
    publish(tmp_path / "data", tmp_path / "fresh")
    assert files(out) == files(tmp_path / "fresh") != first


def test_what_was_published_extends_the_checkpoint_published_before(client, sealed, tmp_path):
    send(client, sealed, range(2))
    publish(tmp_path / "data", tmp_path / "then")
    send(client, sealed, range(2, 4))
    publish(tmp_path / "data", tmp_path / "now")
    verdicts = verification.verify(tmp_path / "now", tmp_path / "then" / "log" / "checkpoint")
    assert not any(verdict.problems for verdict in verdicts)


def refused(data, out, expected):
    """Publishing is refused with one line and leaves every file as it was."""
    before = files(out)
    with pytest.raises(CheckError, match=expected) as error:
        publish(data, out)
    assert files(out) == before
    assert "\n" not in str(error.value)


def test_a_newer_archive_is_never_overwritten(client, sealed, tmp_path):
    send(client, sealed, [0])
    shutil.copytree(tmp_path / "data", tmp_path / "older")
    send(client, sealed, [1])
    publish(tmp_path / "data", tmp_path / "out")
    refused(tmp_path / "older", tmp_path / "out", "has 3 entries, the store 2: it is newer")
    (tmp_path / "out/log/checkpoint").rename(tmp_path / "out/log/cosigned")
    refused(tmp_path / "older", tmp_path / "out", "has 3 entries, the store 2: it is newer")


@pytest.mark.parametrize("more", [1, 2])
def test_a_forked_archive_is_never_overwritten(serving, sealed, tmp_path, more):
    with serving(data="one") as client:
        send(client, sealed, [0])
        shutil.copytree(tmp_path / "one", tmp_path / "two")
        send(client, sealed, [1])
        publish(tmp_path / "one", tmp_path / "out")
    with serving(data="two") as client:
        send(client, sealed, range(2, 2 + more))
        forked = r"forked: its 3 entries have root (\w+)…, the store's first 3 have (?!\1)"
        refused(tmp_path / "two", tmp_path / "out", forked)


def test_an_archive_of_another_log_is_never_overwritten(serving, sealed, tmp_path):
    for name, key in (("one", CryptoSigner.generate_ed25519()), ("two", None)):
        with serving(data=name, **({"by": key} if key else {})) as client:
            send(client, sealed, [0])
    publish(tmp_path / "one", tmp_path / "out")
    refused(tmp_path / "two", tmp_path / "out", "is of fenmark.log/runner-")


def test_an_archive_whose_checkpoint_is_none_is_never_overwritten(client, sealed, tmp_path):
    send(client, sealed, [0])
    publish(tmp_path / "data", tmp_path / "out")
    (tmp_path / "out/log/checkpoint").write_bytes(b"half")
    with pytest.raises(UserError, match="is not a checkpoint"):
        publish(tmp_path / "data", tmp_path / "out")


def test_an_older_database_beside_the_log_is_not_published(client, sealed, tmp_path):
    send(client, sealed, [0])
    shutil.copytree(tmp_path / "data", tmp_path / "mixed")
    send(client, sealed, [1])
    shutil.copy(tmp_path / "data/log/checkpoint", tmp_path / "mixed/log/checkpoint")
    with pytest.raises(CheckError, match=r"log has 3 entries .*, the database gives 2"):
        publish(tmp_path / "mixed", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_older_cosigned_note_does_not_take_the_place_of_a_newer(client, sealed, tmp_path):
    log, out = tmp_path / "data/log", tmp_path / "out"
    send(client, sealed, [0])
    older = (log / "checkpoint").read_bytes()
    send(client, sealed, [1])
    shutil.copy(log / "checkpoint", log / "cosigned")
    publish(tmp_path / "data", out)
    newer = (out / "log/cosigned").read_bytes()
    (log / "cosigned").write_bytes(older)
    publish(tmp_path / "data", out)
    assert (out / "log/cosigned").read_bytes() == newer
    (out / "log/cosigned").write_bytes(older)
    (log / "cosigned").write_bytes(newer)
    publish(tmp_path / "data", out)
    assert (out / "log/cosigned").read_bytes() == newer


def test_a_folder_without_a_store_is_named(tmp_path):
    with pytest.raises(UserError, match="holds no log"):
        publish(tmp_path, tmp_path / "out")


def test_an_operator_sees_what_was_published_when(client, sealed, tmp_path):
    send(client, sealed, range(2))
    publish(tmp_path / "data", tmp_path / "out")
    text = client.get("/metrics").text
    size = Ledger(tmp_path / "out/log").unverified().size
    assert f"fenmark_published_entries {size}\n" in text
    assert "fenmark_published_timestamp_seconds" in text
