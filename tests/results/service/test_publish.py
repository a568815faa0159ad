"""Publishing: plain files that verify, the same bytes however often."""

import pytest

from results.archive import verification
from results.service.publish import publish
from suites.base.errors import UserError


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


def test_a_folder_without_a_store_is_named(tmp_path):
    with pytest.raises(UserError, match="holds no log"):
        publish(tmp_path, tmp_path / "out")
