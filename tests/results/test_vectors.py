"""`fenmark verify` gives every vector its verdict; `tests/site/test_vectors` asks a browser."""

import pytest

from results.archive import archive, verification
from results.catalog.logs_data import KnownLog
from results.proof import writer
from suites.base.errors import UserError
from tests.results.vectors import LOG, ORIGIN, VECTORS

KNOWN = {ORIGIN: KnownLog(origin=ORIGIN, public_key=LOG.public_key.keyval["public"])}


def lay(folder, files):
    for path, content in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    return folder


@pytest.mark.parametrize("name", VECTORS)
def test_every_vector_gets_its_verdict(tmp_path, monkeypatch, name):
    vector = VECTORS[name]
    home = lay(tmp_path / "archive", vector.files)
    catalogue = lay(tmp_path / "catalogue", vector.catalogue)
    monkeypatch.setattr(archive, "REGISTERED", catalogue / "runners")
    monkeypatch.setattr(writer, "known_logs", lambda: KNOWN if vector.known else {})
    earlier = tmp_path / "seen"
    earlier.write_bytes(vector.seen or b"")
    try:
        [verdict] = verification.verify(
            home / f"{vector.digest}.dsse.json",
            earlier if vector.seen else None,
            vector.policy,
        )
        problems = list(verdict.problems)
        rules = set(verdict.flags)
    except UserError as error:
        problems, rules = [str(error)], set()
    if vector.step:
        assert any(vector.says in line for line in problems), problems
    else:
        assert problems == []
        assert verdict.tier == vector.tier
        assert rules == vector.flags


def test_there_are_as_many_vectors_as_were_promised():
    refused = [vector for vector in VECTORS.values() if vector.step]
    assert len(VECTORS) >= 60
    assert len(refused) >= 40
    assert {vector.step for vector in refused} == {
        "digest", "signature", "statement", "checkpoint", "inclusion", "lifetime", "laws",
    }  # fmt: skip
