"""Values of a row: conditions become labels of their type, or cost the row."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.reported.parts.building import Refused, Twice, conditions, flat, known, number, text

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inside: st.lists(inside) | st.dictionaries(st.text(), inside),
    max_leaves=5,
)


@pytest.mark.parametrize(
    ("label", "value", "told"),
    [
        ("concurrency", "64", 64), ("concurrency", 64.0, 64), ("concurrency", "inf", None),
        ("concurrency", float("inf"), None), ("concurrency", None, None), ("concurrency", "", None),
        ("concurrency", 0, None), ("concurrency", -1, None), ("rate", "2.5", 2.5),
        ("depth", 0, 0), ("disaggregated", "True", True), ("disaggregated", False, False),
        ("disaggregated", "none", None), ("speculation", " mtp ", "mtp"),
        ("isl", 1023.6, 1024), ("image", 7, "7"),
    ],
)  # fmt: skip
def test_a_condition_has_the_type_of_its_label(label, value, told):
    labels = conditions({"theirs": value}, {label: "other theirs"})
    assert labels == ({} if told is None else {label: told})


@pytest.mark.parametrize(
    ("label", "value"),
    [("concurrency", "many"), ("concurrency", [1]), ("concurrency", True), ("isl", 1e30),
     ("disaggregated", "perhaps"), ("speculation", {"a": 1}), ("rate", Twice())],
)  # fmt: skip
def test_a_condition_that_makes_no_sense_costs_the_row(label, value):
    with pytest.raises(Refused, match="theirs"):
        conditions({"theirs": value}, {label: "theirs"})


@given(ANYTHING)
def test_anything_is_a_value_or_refused(value):
    for read in (number, text):
        try:
            taken = read({"field": value}, "field")
        except Refused:
            continue
        assert taken is None or isinstance(taken, float | str)
    for label in ("isl", "rate", "disaggregated", "speculation"):
        try:
            taken = conditions({"field": value}, {label: "field"}).get(label)
        except Refused:
            continue
        assert taken is None or type(taken) in {bool, int, float, str}


def test_what_a_stranger_writes_is_a_line_that_shows():
    row = {"model": "a\x00b\u202e\nnew\x1b[31mred", "other": "bad \ud800", "long": "m" * 999}
    for name in row:
        line = text(row, name)
        assert line.isprintable()
        assert len(line) <= 256
        assert known(row, name)[name] == line


def test_nested_objects_are_paths_and_lists_stay():
    assert flat({"a": {"b": {"c": 1}}, "d": [{"e": 2}]}) == {"a.b.c": 1, "d": [{"e": 2}]}
