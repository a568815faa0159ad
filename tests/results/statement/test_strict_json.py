"""JSON from strangers: each ambiguity is refused under its own name."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.statement import strict_json
from suites.base.errors import UserError

# What stands beside it decides how a document is read: long texts and many words in one way, code
# points in escapes, within objects or not, in two others.
WORDS = ",".join(['"a\\"[b"'] * 40)
TEXT = f'{"0," * 80}"{"." * 9000}"'
CODE_POINTS = ",".join([r'"\u00e9"'] * 1_000)
OBJECTS = ",".join([r'{"a:\u003A\\u003a":"\u00e9"}'] * 400)
NEIGHBOURS = (WORDS, TEXT, CODE_POINTS, OBJECTS)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b'{"a": 1, "a": 2}', "'a' twice"),
        (b'{"a": {"b": 1, "b": 1, "c": 1}}', "'b' twice"),
        (b"[NaN]", "contains NaN"),
        (b"[-Infinity]", "contains -Infinity"),
        (b"[1e999]", "too large for a double"),
        (b"[9007199254740993]", "integers below 2"),
        (b"[" + b"9" * 5000 + b"]", "integers below 2"),
        (b"[" * 40 + b"]" * 40, "nested too deeply"),
        (b"[" * 32 + b"{}" + b"]" * 32, "nested too deeply"),
        (b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
        (b"[" * 100_000, "nested too deeply"),
        (b'["\\ud800"]', "half a character"),
        (b'{"\\u0000": 1}', "NUL"),
        (b'"\xff"', "not UTF-8 at byte 1"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b"{", "not JSON"),
        (b"", "not JSON"),
        (b"[" + b"1," * 200_001 + b"1]", "too many values"),
        (b" " * (2**20 + 1), "bytes"),
        (b"{" + b'"same":1,' * 100_000 + b'"same":1}', "'same' twice"),
    ],
)
def test_ambiguous_json_is_refused_with_its_reason(data, says):
    with pytest.raises(UserError, match=says) as caught:
        strict_json.loads(data, "some file")
    assert str(caught.value).startswith("some file")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"a": 1, "b": [{"a": 1, "a": 2}]}', "'a' twice"),
        (r'{"a:": 1, "\"\\": 1, "a\u003a": 2}', "'a:' twice"),
        (r'{"a": 1, "b": "\u003a", "a": 2}', "'a' twice"),
        (r'{"a": 1, "b": "\\u003a\u003A", "a": ":::"}', "'a' twice"),
        ('{"a": {"b": ":", "c": 1}, "a": 2}', "'a' twice"),
        ("[NaN]", "contains NaN"),
        ("9007199254740992", "integers below 2"),
        (r'["\"", 12345678901234567, "\""]', "integers below 2"),
        (r'["\"", "\\", 12345678901234567, "\\"]', "integers below 2"),
        ("-9007199254740992", "integers below 2"),
        ("[1,12345678901234567]", "integers below 2"),
        ("-1.5E+400", "too large for a double"),
        ("1e0309", "too large for a double"),
        ("9" * 400 + ".0", "too large for a double"),
        ("[[]," * 32 + "[]" + "]" * 32, "nested too deeply"),
        ('{"]]]]":' * 33 + "1" + "}" * 33, "nested too deeply"),
        (r'"\\\\\uDE00"', "half a character"),
        (r'"\ud83d\\\ude00"', "half a character"),
        ("[" + '"0e000",' * 200 + "1e999]", "too large for a double"),
        ("[" + '"0e000",' * 20 + "1e999]", "too large for a double"),
        ("0." + "0" * 299 + "1" * 300 + "e999", "too large for a double"),
        ("{" + "".join(f'"{at}":0,' for at in range(99)) + '"7":0}', "'7' twice"),
        (r'{"\"\\\u0000": 1}', "NUL"),
        ("[" + r'"e\u0301",' * 50 + r'"\u0000"]', "NUL"),
    ],
)
def test_a_long_document_is_refused_for_the_same_reasons(text, says):
    for data in (f"{text}{' ' * 200}", *(f"[{text},{others}]" for others in NEIGHBOURS)):
        with pytest.raises(UserError, match=says):
            strict_json.loads(data.encode(), "x")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"a ] } , : in a string"', "a ] } , : in a string"),
        (r'"escaped \\u0000, \\ud800"', r"escaped \u0000, \ud800"),
        (r'"a pair \ud83d\ude00"', "a pair \U0001f600"),
        ('"a digest 0e000123, a number: 12345678901234567890"',) * 2,
        ("9007199254740991", 2**53 - 1),
        ("[8999999999999999,-9007199254740991]", [8999999999999999, 1 - 2**53]),
        ("1e308", 1e308),
        ("1E-999", 0.0),
        ("0." + "1" * 400, 1 / 9),
        (r'{":": ":", "\":": 1, "a" : 2}', {":": ":", '":': 1, "a": 2}),
        (r'["\\", "]"]', ["\\", "]"]),
    ],
)
def test_what_only_looks_odd_is_read(text, value):
    wanted = value.strip('"') if isinstance(value, str) else value
    assert strict_json.loads(text.encode(), "x") == wanted
    assert strict_json.loads(f"{text}{' ' * 200}".encode(), "x") == wanted
    for others in NEIGHBOURS:
        read = strict_json.loads(f"[{others},{text}]".encode(), "x")
        assert read == [*json.loads(f"[{others}]"), wanted]


def test_of_a_large_document_is_not_said_which_key_stands_twice():
    twice = f'{{"a":1,"b":2,"a":3}},{OBJECTS}'
    with pytest.raises(UserError, match="'a' twice"):
        strict_json.loads(f"[{twice}]".encode(), "x")
    with pytest.raises(UserError, match="a key twice in one object"):
        strict_json.loads(f"[{twice}{f',{OBJECTS}' * 8}]".encode(), "x")


def test_arrays_may_lie_32_deep():
    for inner in (b"", b"0," * 200 + b"[]"):
        deep = 31 if inner else 32
        data = b"[" * deep + inner + b"]" * deep
        assert strict_json.loads(data, "x") == json.loads(data)


def test_100_000_keys_are_read():
    members = ",".join(f'"{at}":0' for at in range(100_000))
    assert len(strict_json.loads(f"{{{members}}}".encode(), "x")) == 100_000


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


small = ["0", "-1", "1.5", "1e5", "1E+400", "1e-400", "-1e0309", "1.8e308", "NaN", "-Infinity"]
whole = ["9007199254740991", "9007199254740992", "8999999999999999", "12345678901234567.5"]
numbers = st.sampled_from(
    [*small, *whole, "12345678901234567", "1" * 310, "0." + "1" * 310, "1" * 5000]
)
pieces = ["\\\\", '\\"', "\\n", "\\u0000", "\\ud83d", "\\uDE00", "\\u00e9", "u0000", "é"]
strings = st.lists(
    st.sampled_from([*pieces, "[", "]", "{", "}", ",", ":", " ", "-", "0e000", "9" * 17, "." * 90])
).map(lambda characters: f'"{"".join(characters)}"')
spaces = st.sampled_from(["", " ", "\n"])
members = st.tuples(strings, spaces).map("".join)


def arrays(inner):
    return st.lists(inner, max_size=4).map(lambda elements: f"[{','.join(elements)}]")


def objects(inner):
    pairs = st.tuples(members, st.just(":"), spaces, inner).map("".join)
    return st.lists(pairs, max_size=4).map(lambda fields: f"{{{','.join(fields)}}}")


@given(
    st.recursive(numbers | strings, lambda inner: arrays(inner) | objects(inner), max_leaves=12),
    st.sampled_from([0, 29, 30, 31, 32]),
    st.sampled_from(["", *NEIGHBOURS]),
)
def test_it_refuses_just_what_a_slow_reader_would(text, deep, others):
    nested = f"{'[' * deep}{text}{']' * deep}"
    data = (f"[{others},{nested}]" if others else nested).encode()
    slowly = json.loads(data, object_pairs_hook=Pairs, parse_int=lambda digits: int(digits[:50]))
    try:
        strict_json.loads(data, "x")
    except UserError:
        assert not fair(slowly, 32)
    else:
        assert fair(slowly, 32)


class Pairs(list):
    """An object with every key it names."""


def fair(value, depth):
    if isinstance(value, str):
        return not any(letter == "\0" or "\ud800" <= letter <= "\udfff" for letter in value)
    if isinstance(value, Pairs):
        names = [name for name, _ in value]
        inner = names + [item for _, item in value]
        return depth > 0 and len({*names}) == len(names) and all(fair(x, depth - 1) for x in inner)
    if isinstance(value, list):
        return depth > 0 and all(fair(item, depth - 1) for item in value)
    return math.isfinite(value) and (isinstance(value, float) or abs(value) < 2**53)
