"""JSON from strangers: each ambiguity is refused under its own name."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from results import strict_json
from suites.errors import UserError


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b'{"a": 1, "a": 2}', "'a' twice"),
        (b'{"a": {"b": 1, "b": 1}}', "'b' twice"),
        (b"[NaN]", "contains NaN"),
        (b"[-Infinity]", "contains -Infinity"),
        (b"[1e999]", "too large for a double"),
        (b"[9007199254740993]", "integers below 2"),
        (b"[" + b"9" * 5000 + b"]", "integers below 2"),
        (b"[" * 40 + b"]" * 40, "nested too deeply"),
        (b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
        (b'["\\ud800"]', "half a character"),
        (b'{"\\u0000": 1}', "NUL"),
        (b'"\xff"', "not UTF-8 at byte 1"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b"{", "not JSON"),
        (b"", "not JSON"),
        (b"[" + b"1," * 200_001 + b"1]", "too many values"),
        (b" " * (2**20 + 1), "bytes"),
    ],
)
def test_ambiguous_json_is_refused_with_its_reason(data, says):
    with pytest.raises(UserError, match=says) as caught:
        strict_json.loads(data, "some file")
    assert str(caught.value).startswith("some file")


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc"), inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_canonical_json_reads_back_as_it_was_with_integers_kept_integers(value):
    read = strict_json.loads(strict_json.canonical(value), "x")
    assert read == value
    assert json.dumps(read) == json.dumps(value) or isinstance(value, dict | list)


@given(st.dictionaries(st.text("abcdef"), st.integers(0, 9), min_size=2))
def test_canonical_json_does_not_depend_on_the_order_of_keys(value):
    backwards = dict(reversed(value.items()))
    assert strict_json.canonical(backwards) == strict_json.canonical(value)


@given(st.binary(max_size=60))
def test_any_bytes_are_parsed_or_refused_in_one_line(data):
    try:
        strict_json.loads(data, "x")
    except UserError as error:
        if len(str(error).splitlines()) != 1:
            pytest.fail(str(error))
