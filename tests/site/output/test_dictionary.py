"""Every column of every download is explained, and nothing that is not a column."""

from __future__ import annotations

import json
import re
from pathlib import Path

import leaderboard
from leaderboard.figures import tables
from leaderboard.output import dictionary, reported_files

SAVED = (Path(leaderboard.__file__).parent / "assets" / "save.js").read_text("utf-8")


def names(columns: tuple[dictionary.Column, ...]) -> list[str]:
    return [column.name for column in columns]


def test_every_column_is_explained_in_the_order_of_the_file():
    assert names(dictionary.POINTS) == list(tables.COLUMNS)
    assert names(dictionary.REPORTED) == list(reported_files.COLUMNS)
    assert all(column.about for column in (*dictionary.POINTS, *dictionary.REPORTED))


def test_every_figure_of_a_saved_view_is_explained():
    saved = re.findall(r'^  \["\w+", "(\w+)", "\w*"\],$', SAVED, re.MULTILINE)
    assert saved
    assert sorted(names(dictionary.VIEW)) == sorted(saved)


def test_all_money_has_a_formula():
    money = [column for column in dictionary.POINTS if column.name.endswith("_per_mtok")]
    assert len(money) == 4
    assert all(column.formula and column.unit for column in money)


def test_programs_read_the_same(site: Path):
    known = json.loads((site / "data/points.schema.json").read_text("utf-8"))
    first = json.loads((site / "data/points.json").read_text("utf-8"))
    assert [field["name"] for field in known["fields"]] == first["columns"]
    kinds = {field["name"]: field["type"] for field in known["fields"]}
    python = {"integer": (int, type(None)), "number": (int, float, type(None)), "string": str}
    for row in first["data"][:200]:
        for name, value in zip(first["columns"], row, strict=True):
            assert isinstance(value, python[kinds[name]]), name


def test_points_carry_money_beside_the_rate_it_is_derived_from(site: Path):
    known = json.loads((site / "data/points.json").read_text("utf-8"))
    rows = [dict(zip(known["columns"], row, strict=True)) for row in known["data"]]
    rented = [row for row in rows if row["rent_usd_per_mtok"] is not None]
    assert rented
    assert {row["metric"] for row in rented} <= {"output_throughput", "decode_throughput"}
    assert {row["rent_price"].split(",")[0] for row in rented} <= {"on-demand", "generic vcpu"}
    assert all(row["price_sheet"] for row in rented)
    assert all(row["rent_price"] == "" for row in rows if row["rent_usd_per_mtok"] is None)
