"""A chip's page shows how the loads of its runs went, where their own raw samples lie here."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from dataclasses import asdict
from html import unescape

import pytest

from suites.evidence import KeptCell, raw_samples, rows_of
from suites.serving.bench.known_queue import KnownQueue, measured
from tests.site.conftest import accept, small_build, statement


@pytest.fixture
def archive(tmp_path):
    """One signed run of a queue, with the raw samples that give its figures beside it."""
    result = measured(KnownQueue(capacity=10.0), 5.0, 400, seed=1)
    cell = KeptCell(name="serving-p0", suite="serving", result=result)
    data = raw_samples([cell])
    digest = hashlib.sha256(data).hexdigest()
    document = statement(number=9)
    document["subject"] = [{"name": f"samples/{digest}.json", "digest": {"sha256": digest}}]
    document["predicate"]["run"]["suites"] = ["serving"]
    document["predicate"]["measurements"] = [asdict(row) for row in rows_of([cell])]
    folder = accept(tmp_path / "archive", document)
    (folder / "samples").mkdir(exist_ok=True)
    (folder / "samples" / f"{digest}.json").write_bytes(data)
    return folder


def pictures(out):
    pages = "".join(page.read_text() for page in (out / "chips").glob("*/index.html"))
    return re.findall(r'<img src="([^"]+)" alt="([^"]+)" width="720"', pages)


def test_pictures_come_with_a_runs_own_samples_and_go_with_them(archive, quick_build, tmp_path):
    # One folder, built again and again: what stands there already is not made twice.
    out, kept = tmp_path / "out", tmp_path / "samples"
    shutil.move(archive / "samples", kept)
    quick_build([archive], out)
    assert not pictures(out)

    shutil.copytree(kept, archive / "samples")
    small_build([archive], out)
    ((src, words),) = pictures(out)
    (digest,) = [path.name.partition(".")[0] for path in archive.glob("*.dsse.json")]
    assert src.endswith(f"timelines/{digest}-0.svg")
    assert "requests in flight:" in unescape(words)
    assert (out / "timelines" / f"{digest}-0.svg").read_text().startswith("<svg ")
    (listed,) = json.loads((out / "timelines" / f"{digest}.json").read_text())
    assert listed[1] == "open/poisson/r5/isl8/osl4"
    assert small_build([archive], out).written == 0


def test_other_samples_than_those_signed_for_are_never_drawn(archive, quick_build, tmp_path):
    (path,) = (archive / "samples").iterdir()
    path.write_bytes(path.read_bytes().replace(b'"sent":[', b'"sent":[9.0,', 1))
    quick_build([archive], tmp_path / "out")
    assert not list((tmp_path / "out").glob("timelines/*"))
    assert not pictures(tmp_path / "out")
