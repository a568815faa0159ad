"""A site may ask for witnesses: a log that they have not cosigned is not shown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from leaderboard.base.workers import Workers
from leaderboard.read import archives, known
from tests.results.test_vectors import lay
from tests.results.vectors import VECTORS

if TYPE_CHECKING:
    from pathlib import Path


def read(folder: Path, name: str) -> archives.Archive:
    vector = VECTORS[name]
    with Workers() as workers:
        home = lay(folder / "results", vector.files)
        return archives.read([home], None, workers, vector.policy)


def test_a_cosigned_log_is_shown_and_its_page_knows_the_witnesses(tmp_path: Path):
    archive = read(tmp_path, "log cosigned by its witness")
    assert (len(archive.sources), archive.refused) == (1, ())
    page = json.loads(known.known(known.key_list(archive.keys), archive.known_logs, archive.policy))
    asked = page["policy"]
    assert (asked["quorum"], list(asked["witnesses"])) == (1, ["w.example/a", "w.example/b"])


@pytest.mark.parametrize("name", ["log cosigned by nobody", "log without cosignatures"])
def test_a_log_that_the_witnesses_did_not_cosign_is_not_shown(tmp_path: Path, name: str):
    archive = read(tmp_path, name)
    assert len(archive.sources) == 0
    assert "1 results beside it are not shown" in archive.refused[0][1]
