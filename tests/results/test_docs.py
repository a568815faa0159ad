"""The documents name tests and endpoints that exist."""

import re
from pathlib import Path

import leaderboard
from results.checks import LAWS

DOCS = Path(leaderboard.__file__).parent / "docs"


def test_every_defence_in_the_threat_table_names_a_test_that_exists():
    threats = (DOCS / "proof.md").read_text().partition("## Threats")[2]
    named = set(re.findall(r"`(test_\w+)`", threats))
    source = "".join(path.read_text() for path in Path(__file__).parents[1].rglob("test_*.py"))
    assert len(named) > 20
    assert named - set(re.findall(r"def (test_\w+)", source)) == set()


def test_every_law_has_a_name_of_the_contract_or_is_about_origin():
    figures = {
        "queueing", "latency-order", "interactivity", "goodput", "roofline", "memory", "power",
        "meter", "chip", "profile", "samples", "labels", "duplicate", "time",
    }  # fmt: skip
    assert {law.name for law in LAWS} == figures | {"nonce", "job", "suite", "software"}


def test_every_endpoint_of_the_documents_is_served(client):
    served = client.get("/openapi.json").json()["paths"]
    written = re.findall(r"`(?:GET|POST) (/[^?`]*)", (DOCS / "api.md").read_text())
    special = {"/openapi.json", "/v1/tile/{level}/{number}"}
    shape = {re.sub(r"\{\w+\}", "{}", path) for path in served}
    assert {re.sub(r"\{\w+\}", "{}", path) for path in set(written) - special} <= shape
    assert len(written) > 10
