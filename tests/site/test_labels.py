"""A result whose labels are not of their types is left out and named; all others are drawn."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from results.proof import envelope
from results.statement import strict_json
from tests.site.conftest import SIGNER, accept, statement
from tests.site.pages.test_verify import places, verdict

if TYPE_CHECKING:
    from pathlib import Path

MISTYPED = [
    {"isl": True},
    {"osl": "64"},
    {"concurrency": -1},
    {"concurrency": 1e300},
    {"rate": "fast"},
    {"context": 0.5},
    {"percentile": "p99"},
    {"percentile": 101},
    {"valid": "no"},
    {"model": 7},
    {"family": False},
    {"intensity_flop_per_byte": "many"},
    {"meter": 1},
    {"meter": "a\nb"},
    {"scope": "city"},
]


def with_labels(number: int, labels: dict[str, Any]) -> dict[str, Any]:
    """A result of version 1 whose every figure has these labels."""
    made = statement(number=number, chip=f"Mistyped {number}")
    for item in made["predicate"]["measurements"]:
        item["labels"] |= labels
    return made


def of_version_2(made: dict[str, Any]) -> dict[str, Any]:
    predicate = {**made["predicate"], "schema_version": 2}
    return {**made, "predicateType": "urn:fenmark:result:v2", "predicate": predicate}


@pytest.fixture(scope="module")
def archived(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("labels")
    accept(folder, *(with_labels(10 + at, labels) for at, labels in enumerate(MISTYPED)))
    return accept(
        folder,
        statement(number=1, chip="Old and good"),
        of_version_2(statement(number=2, chip="New and good")),
        with_labels(3, {"of_my_own": True}),
    )


@pytest.fixture(scope="module")
def built(archived, quick_build, tmp_path_factory) -> Any:
    return quick_build([archived], tmp_path_factory.mktemp("labels-site") / "out")


def test_each_is_left_out_and_named_and_the_build_goes_on(built):
    assert built.results == 3
    assert len(built.refused) == len(MISTYPED)
    reasons = " ".join(why for _, why in built.refused)
    for labels in MISTYPED:
        [(name, _)] = labels.items()
        assert f".labels.{name} is " in reasons
    digests = {digest for digest, _ in built.refused}
    assert not {path.name[:64] for path in (built.out / "statements").iterdir()} & digests
    chips = {path.name for path in (built.out / "chips").iterdir()}
    drawn = [
        name for name in ("old-and-good", "new-and-good", "mistyped") for c in chips if name in c
    ]
    assert drawn == ["old-and-good", "new-and-good", "mistyped"]


def test_a_second_build_leaves_them_out_too(archived, built, quick_build, tmp_path):
    again = quick_build([archived], tmp_path / "out")
    assert (again.results, sorted(again.refused)) == (3, sorted(built.refused))


def test_a_result_of_version_2_has_the_same_rows_as_the_same_of_version_1(built):
    board = (built.out / "data" / "points.csv").read_text().splitlines()
    old = [line for line in board if "Old and good" in line]
    new = [line for line in board if "New and good" in line]
    assert len(old) == len(new) > 10


def test_show_names_the_label_in_one_line(fenmark, tmp_path):
    accept(tmp_path, with_labels(1, {"percentile": "p99"}))
    done = fenmark("show", tmp_path)
    assert done.returncode == 1
    assert "labels.percentile is" in done.stderr
    assert "Traceback" not in done.stderr
    # A result that a law refuses is refused in every verb.
    assert json.loads(fenmark("show", tmp_path, "--json").stdout) == []


@pytest.mark.browser
def test_the_browser_verifies_both_versions_and_takes_neither_for_the_other(
    tab, serve, quick_build, tmp_path
):
    folder = accept(tmp_path / "a", statement(number=1), of_version_2(statement(number=2)))
    site = quick_build([folder], tmp_path / "out").out
    for digest in places(site).values():
        assert "Verified" in verdict(tab, serve(site), digest)
    mixed = {**of_version_2(statement(number=3)), "predicateType": "urn:fenmark:result:v1"}
    file = tmp_path / "mixed.dsse.json"
    file.write_bytes(envelope.sign(strict_json.canonical(mixed), SIGNER))
    tab.goto(f"{serve(site)}verify/")
    tab.set_input_files("input[type=file]", file)
    expect(tab.locator("[data-step=signature]")).to_have_class(re.compile("good"))
    expect(tab.locator("[data-step=statement]")).to_have_class(re.compile("bad"))
