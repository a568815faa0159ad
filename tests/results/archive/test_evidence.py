"""Which signed results of an archive count as evidence for a choice."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from results.archive import archive
from results.archive.evidence import sound_records
from results.checks import SampleFigures
from results.keys import keyfile
from results.proof import envelope
from results.statement.statement_v2 import read_statement
from tests.builders import RUN_ID, engine, figure, stated

GOOD, BAD = "500/500 490/500 400/500 200/500", "400/500 220/500 100/500 20/500"


def result(number, answers="", **of):
    """A result of one engine; its answers to questions of one kind, by level."""
    terms = {"question_api": "chat", "answer_tokens": 256, "temperature": 0.0, "question_seed": 0}
    labels = {**terms, "family": "arithmetic", "levels": answers}
    score = figure(
        suite="quality", case="questions/arithmetic", metric="score", unit="share", value=0.5,
        low=None, high=None, labels=labels,
    )  # fmt: skip
    own = engine(model="llama-3.1-8b", **of)
    chip = {"catalog_id": "epyc-9004", "name": "EPYC", "kind": "cpu", "count": 2}
    figures = [figure(), score] if answers else [figure()]
    return stated(
        *figures, engines=[own], machine={"chip": chip}, id=f"{RUN_ID[:-1]}{number}",
        suites=["inference", "quality"],
    )  # fmt: skip


@pytest.fixture
def counted(tmp_path, monkeypatch):
    """Places of those of some results that count; their answers graded again, or not."""

    def of(*statements, graded=True, findings=()):
        signer = keyfile.create(tmp_path / "key.pem")
        digests = [
            archive.accept(tmp_path, envelope.encode(read_statement(document)), signer).digest
            for document in statements
        ]
        opened = list(archive.open_each(archive.envelopes(tmp_path), pytest.fail))
        kept = SampleFigures(rows={("", "", ""): None} if graded else {})
        again = [replace(own, findings=findings, evidence=kept) for own in opened]
        monkeypatch.setattr(archive, "open_each", lambda *_: iter(again))
        records = sound_records(tmp_path, pytest.fail)
        return sorted(digests.index(own.where) for own in records)

    return of


def test_real_weights_count_where_they_answer_as_well_as_full_width(counted):
    assert counted(
        result(0, GOOD, weights="real", precision="bf16"),
        result(1, GOOD, weights="real", precision="q8_0"),
        result(2, BAD, weights="real", precision="q2_k"),
        result(3, weights="real", precision="fp8"),
        result(4, weights="random", precision="fp8"),
    ) == [0, 1, 4]


def test_answers_that_nobody_can_grade_again_count_for_nothing(counted):
    own = result(0, GOOD, weights="real", precision="bf16")
    assert counted(own, result(1, weights="random"), graded=False) == [1]


def test_what_a_law_flags_is_no_evidence(counted):
    assert counted(result(0, weights="random"), findings=("flagged",)) == []


@pytest.mark.parametrize(("mark", "count"), [("withdrawn", []), ("", [0])])
def test_what_a_notice_marks_is_no_evidence(counted, monkeypatch, mark, count):
    state = SimpleNamespace(mark=mark)
    monkeypatch.setattr(archive, "moderated", lambda _: SimpleNamespace(get=lambda *_: state))
    assert counted(result(0, weights="random")) == count
