"""The documentation says what the code does."""

from __future__ import annotations

from pathlib import Path

import leaderboard
from suites.kernels.families import FAMILIES
from suites.kernels.families.registry import explain
from suites.kernels.shapes import page

DOCS = Path(leaderboard.__file__).parent / "docs"


def test_the_page_of_shapes_is_the_codes_own():
    written = (DOCS / "kernel-shapes.md").read_text()
    assert written == page(), "run `python -m suites.kernels.shapes` into the page"


def test_every_family_states_its_work():
    for family in FAMILIES:
        text = explain(family)
        assert any(word in text for word in ("FLOP", "value", "bytes", "Listed")), family


def test_the_guide_names_every_family():
    guide = (DOCS / "kernels.md").read_text()
    for family in FAMILIES:
        assert f"`{family}`" in guide
