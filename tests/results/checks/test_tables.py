"""The tables that a browser computes with are those that Python does."""

import json

from results import catalog
from results.checks import LAWS, queueing, tables
from results.checks.finding import TOLERANCE
from suites import models
from suites.base.labels import LABELS


def test_the_document_holds_every_law_datasheet_geometry_and_label():
    told = json.loads(tables.document())
    assert [one["formula"] for one in told["laws"]] == [law.formula for law in LAWS]
    assert told["chips"].keys() == catalog.chips().keys()
    assert told["models"].keys() == {*models.available()}
    assert told["labels"].keys() == LABELS.keys()
    assert told["constants"]["finding"]["TOLERANCE"] == TOLERANCE
    assert told["constants"]["queueing"]["MOST"] == queueing.MOST


def test_a_changed_tolerance_is_a_changed_document(monkeypatch):
    before = tables.document()
    assert tables.document() == before
    monkeypatch.setattr(queueing, "_ARITHMETIC", 1.3)
    assert json.loads(tables.document())["constants"]["queueing"]["ARITHMETIC"] == 1.3
