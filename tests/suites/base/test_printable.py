"""Whatever a string holds, what is printed of it shows."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suites.base.errors import CheckError, UserError
from suites.base.printable import as_json, printable

# Written out here, apart from the code: general categories that draw nothing or move what is drawn.
UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
anything = st.text(st.characters(codec=None, exclude_categories=()))
seen = st.text(st.characters(exclude_categories=sorted(UNSEEN)))


@given(anything, st.integers(1, 100))
def test_every_character_shows_within_the_limit(text, limit):
    shown = printable(text, limit)
    assert not {unicodedata.category(character) for character in shown} & UNSEEN
    assert len(shown) <= limit
    assert printable(shown, limit) == shown


@given(seen)
def test_what_shows_already_is_unchanged(text):
    assert printable(text, None) == printable(text, max(1, len(text))) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\r ok  deadbeef CI-attested", r"\r ok  deadbeef CI-attested"),
        ("a\nb\tc\x07\x7f\x85\x9b", r"a\nb\tc\x07\x7f\x85\x9b"),
        ("\x1b]8;;http://x\x07\x1b[2K", r"\x1b]8;;http://x\x07\x1b[2K"),
        ("\u202egnp.exe\u2066\u200e\u061c", r"\u202egnp.exe\u2066\u200e\u061c"),
        ("a\u200bb\u2028c\u2029\ufeff", r"a\u200bb\u2028c\u2029\ufeff"),
        ("\ue000\ud800\U000e0041\uffff", r"\ue000\ud800\U000e0041\uffff"),
    ],
)
def test_what_does_not_show_is_escaped(text, shown):
    assert printable(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "昇腾 910B、每百万词元 ¥0.07。",
        "Größe\u00a0é\u3000ありがとう",
        "한국어 עברית हिन्दी",
        "5 µs ± 1 🎉 \\n",
    ],
)
def test_words_of_any_language_pass(text):
    assert printable(text) == text


def test_what_is_too_long_ends_in_an_ellipsis():
    assert printable("abcdef", 6) == "abcdef"
    assert printable("abcdefg", 6) == "abcde…"
    assert printable("\x1b" * 9, 6) == r"\x1b\…"
    assert len(printable("x" * 10**7)) == 4096


values = st.recursive(
    anything | st.integers() | st.just("##[error]x") | st.just("\\##[###["),
    lambda inner: st.lists(inner) | st.dictionaries(anything, inner),
    max_leaves=5,
)


@given(values)
def test_json_is_exact_and_acts_on_no_terminal_and_no_job(value):
    line = as_json(value)
    assert json.loads(line) == value
    assert line.isascii()
    assert line.isprintable()
    assert "##[" not in line


@pytest.mark.parametrize("kind", [UserError, CheckError])
def test_an_error_is_one_line_that_shows(kind):
    error = kind(
        "no\x1b[2K", where="a\r b\u2028.toml:x", expected="one\n  of\u202e", remedy="\ud800"
    )
    assert str(error) == r"a b .toml:x: no\x1b[2K; expected one of\u202e; \ud800"
