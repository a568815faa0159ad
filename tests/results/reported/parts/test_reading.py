"""Formats: every row is read or named as broken, and nothing hangs or costs its neighbours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.reported.parts.reading import Broken, read, table_rows, tables
from suites.base.errors import UserError


def rows(tmp_path, content, name="file"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read(path).rows


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_is_read_whatever_parts_its_cells(tmp_path, delimiter):
    text = f"a{delimiter}b\n\n1{delimiter}2\n"
    assert rows(tmp_path, text) == [{"a": "1", "b": "2"}]


def test_a_ragged_row_costs_itself_alone(tmp_path):
    good, short, long, trailing = rows(tmp_path, "a,b\n1,2\n1\n1,2,3\n1,2,,\n")
    assert good == trailing == {"a": "1", "b": "2"}
    assert short == Broken("has 1 cells under 2 names", ("a", "b"))
    assert long == Broken("has 3 cells under 2 names", ("a", "b"))


def test_a_cell_may_hold_a_line_break_or_a_megabyte(tmp_path):
    text = f'a,b\n"x\ny",{"z" * 2**20}\n'
    assert rows(tmp_path, text) == [{"a": "x\ny", "b": "z" * 2**20}]


@pytest.mark.parametrize("content", ["a,a\n1,2\n", '{"a": 1, "a": 2}'])
def test_a_field_that_stands_twice_is_neither(tmp_path, content):
    (row,) = rows(tmp_path, content)
    assert repr(row["a"]) == "twice"


def test_a_separator_of_unicode_ends_no_line(tmp_path):
    assert rows(tmp_path, '{"a": "x\u2028y"}\n{"a": 1}\n') == [{"a": "x\u2028y"}, {"a": 1}]


def test_a_broken_line_hides_none_of_the_others(tmp_path):
    first, broken, last = rows(tmp_path, '{"a": 1}\n{"a": \n{"a": 2}\n')
    assert (first, last) == ({"a": 1}, {"a": 2})
    assert isinstance(broken, Broken)


def test_yaml_has_the_values_of_json(tmp_path):
    text = "a: 1\nb: {2: x}\nc: 2025-11-05T18:00:42Z\n---\nd: [true]\n"
    assert rows(tmp_path, text) == [
        {"a": 1, "b": {"2": "x"}, "c": "2025-11-05 18:00:42+00:00"},
        {"d": [True]},
    ]


@pytest.mark.parametrize(
    ("content", "name", "told"),
    [
        (b"", "f", "is empty"),
        (b" \n", "f", "is empty"),
        (b"\xff\xfe{", "f", "is not UTF-8"),
        (b"\x1f\x8b\x08", "f.json.gz", "compressed"),
        (b"[" * 100_000, "f", "nested too deeply"),
        (b'{"a": ', "f", "is not JSON"),
        (b"42", "f", "no header of columns"),
        (b"PAR1xxxx", "f.parquet", "is not Parquet"),
        (b"a: &x [1]\nb: *x\n", "f.yaml", "has YAML aliases"),
        (b"a: [1\nb: 2\n", "f.yaml", "is not YAML"),
        (b"a: !!python/object/apply:os.system [x]\n", "f.yaml", "is not YAML"),
    ],
)
def test_a_file_that_is_none_is_told_in_a_line(tmp_path, content, name, told):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UserError, match=told) as error:
        read(path)
    assert len(str(error.value).splitlines()) == 1


def test_tables_of_a_text_keep_their_headings():
    (table,) = tables("# One\n## Two\n\n| a | b |\n|---|--:|\n| 1 | |\n| 2 | x |\n\ntext | more\n")
    assert (table.headings, table.columns) == (("One", "Two"), ("a", "b"))
    assert table.cells == [["1", ""], ["2", "x"]]


def test_a_table_right_under_another_is_one_of_its_own():
    first, second = tables("| a |\n|---|\n| 1 |\n| b | c |\n|---|---|\n| 2 | 3 |\n")
    assert (first.columns, first.cells) == (("a",), [["1"]])
    assert (second.columns, second.cells) == (("b", "c"), [["2", "3"]])


@given(st.text())
def test_any_text_is_rows_or_an_error_of_the_user_s(tmp_path_factory, text):
    tables(text)
    try:
        for row in table_rows(tmp_path_factory.getbasetemp() / "x.csv", text):
            assert isinstance(row, dict | Broken)
    except UserError:
        pass
