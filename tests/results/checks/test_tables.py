"""The tables that a browser computes with are those that Python does."""

import json

import pytest

from results import catalog
from results.checks import LAWS, queueing, tables
from results.checks.finding import TOLERANCE
from suites import models
from suites.base.labels import LABELS


def test_the_document_holds_every_law_datasheet_geometry_and_label():
    told = json.loads(tables.document())
    assert [law["formula"] for law in told["laws"]] == [law.formula for law in LAWS]
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


def test_every_entry_has_the_names_a_reader_looks_for():
    told = json.loads(tables.document())
    assert set(told) == {
        "laws", "constants", "chips", "chip_names", "models", "labels", "units", "versions",
    }  # fmt: skip
    assert list(told["versions"]) == list(catalog.versions())
    assert told["units"]["tpot"] == "ms"
    law = told["laws"][0]
    assert law == {
        "name": LAWS[0].name,
        "outcome": LAWS[0].outcome,
        "formula": LAWS[0].formula,
        "tolerance": LAWS[0].tolerance,
        "find": LAWS[0].find.__name__,
    }
    assert set(told["labels"]["isl"]) == {"type", "least", "most", "choices", "expected"}


def test_a_chip_is_told_with_what_the_laws_read_and_its_parts():
    told = json.loads(tables.document())
    h100 = told["chips"]["h100-sxm"]
    assert (h100["name"], h100["kind"], h100["memory_gb"]) == (
        "NVIDIA H100 SXM5 80GB",
        "gpu",
        80.0,
    )
    assert "sources" not in h100
    parts = [part for chip in told["chips"].values() for part in chip["skus"]]
    assert parts
    assert {frozenset(part) for part in parts} == {frozenset({"cores", "tdp_w"})}
    assert told["chip_names"]


def test_a_model_is_told_by_sums_worked_out_by_hand():
    # Llama 3.1 8B: 32 layers, 8 KV heads of 128, hidden 4096, 14336 between, vocabulary 128256.
    told = json.loads(tables.document())["models"]["llama-3.1-8b"]
    assert set(told) == {
        "name", "hidden", "stored", "read", "body", "head", "kv_values", "state_values",
        "steady_flops", "parts", "published",
    }  # fmt: skip
    assert told["hidden"] == 4096
    assert told["head"] == 128_256 * 4096
    assert told["kv_values"] == 2 * 32 * 8 * 128
    assert told["state_values"] == 0
    attention = 4096 * 4096 * 2 + 4096 * 1024 * 2
    mlp = 3 * 4096 * 14336
    assert told["body"] == pytest.approx(32 * (attention + mlp), rel=1e-4)
    # What looks back is the attention of all layers; the rest is weights, which `body` counts.
    assert [part["count"] for part in told["parts"]] == [32]
    assert told["steady_flops"] == 0
    assert (told["read"]["head"], told["read"]["experts"]) == (told["head"], 0)
    assert set(told["read"]) == {*told["stored"], "experts", "head", "rest"}


def test_experts_are_read_as_one_token_touches_them():
    # Mixtral 8x7B: two of eight experts of 3 x 4096 x 14336 weights, in 32 layers.
    told = json.loads(tables.document())["models"]["mixtral-8x7b"]
    expert = 3 * 4096 * 14336
    assert told["read"]["experts"] == pytest.approx(32 * 2 * expert, rel=1e-3)
    assert told["stored"]["experts"] == pytest.approx(32 * 8 * expert, rel=1e-3)


def test_what_has_no_place_in_a_table_is_an_error():
    with pytest.raises(TypeError, match="has no place in a table"):
        tables._plain(object())
