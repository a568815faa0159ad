"""The readers of files that people name: bounded, each complaint one line with file and place."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from suites.base import files, json_file, toml_file
from suites.base.errors import UserError


class Pair(BaseModel, extra="forbid"):
    name: str
    size: int


def complaint(call, *arguments, **more):
    with pytest.raises(UserError) as caught:
        call(*arguments, **more)
    line = str(caught.value)
    assert len(line.splitlines()) == 1
    assert len(line) < 400
    return line


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a = ", "f.toml: is not TOML: Invalid value (at end of document)"),
        ("a = 1\na = 2\n", "f.toml:2:6: is not TOML: Cannot overwrite a value"),
        ("a = " + "[" * 5000 + "]" * 5000, "f.toml: is nested too deeply; expected depth 32"),
        ("a = " + "{a=" * 40 + "1" + "}" * 40, "f.toml: is nested too deeply"),
        ("[" + ".".join("a" * 40) + "]", "f.toml: is nested too deeply"),
        (".".join("a" * 9000) + " = 1", "f.toml: holds 8999 dots in one line"),
        ("[" + ".".join("a" * 2000) + "]\n" + "b.c=1\n" * 9000, "f.toml: holds 1999 dots in"),
        ("\n\na = " + "9" * 10_000, "f.toml:3: holds a number beyond 64 bits"),
        ("[t]\na = [1, 9223372036854775808]", "f.toml:t.a.1: is a number beyond 64 bits"),
        ("[[t]]\na = 0x8000000000000001", "f.toml:t.0.a: is a number beyond 64 bits"),
        ("a = {b = [nan]}", "f.toml:a.b.0: is nan; expected a finite number"),
        ("a = 1e999", "f.toml:a: is inf"),
    ],
)
def test_toml_that_cannot_be_is_one_line(text, says):
    assert complaint(toml_file.parse, text, "f.toml").startswith(says)


def test_toml_of_every_kind_is_read(tmp_path):
    path = tmp_path / "x.toml"
    path.write_text(
        "reals = [" + "0.25, " * 2000 + "]\nday = 2026-11-24\n[a.b]\nc = -9223372036854775808"
    )
    table = toml_file.read(path)
    assert (len(table["reals"]), table["day"].year) == (2000, 2026)
    assert table["a"]["b"]["c"] == -(2**63)
    path.write_text("size = 3\r\n")
    assert toml_file.read_model(path, Pair, name="x").size == 3
    nested = "a = " + "[" * 31 + "]" * 31
    assert toml_file.parse(nested, "x")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('name = "x"', "p.toml:size: Field required; expected the fields name, size"),
        ('name = "x"\nsize = "y"', "p.toml:size: Input should be a valid integer"),
        ('name = "x"\nsize = 1\ncolour = 1', "p.toml:colour: Extra inputs are not permitted"),
        ("name = 2026-01-01\nsize = 1", "p.toml:name: Input should be a valid string"),
    ],
)
def test_a_field_that_does_not_fit_is_named(tmp_path, text, says):
    path = tmp_path / "p.toml"
    path.write_text(text)
    assert says in complaint(toml_file.read_model, path, Pair)


@given(st.text(st.sampled_from("a.=[]{}\"',\n#0159ef-_: \\"), max_size=60))
def test_any_text_is_toml_or_refused_in_one_line(text):
    try:
        toml_file.parse(text, "x")
    except UserError as error:
        if len(str(error).splitlines()) != 1:
            pytest.fail(str(error))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b'{"a":\n tru}', "is not JSON: Expecting value at line 2 column 2; expected something"),
        (b"[" * 100_000, "is nested too deeply"),
        (b"9" * 10_000, "holds a number of thousands of digits"),
        (b"", "is not JSON"),
        (b"\xef\xbb\xbf{}", "begins with a byte order mark; expected UTF-8 without one"),
        ("{}".encode("utf-16"), "begins with a byte order mark"),
        (b'{"a":\n"\xe9"}', ":2: is not UTF-8"),
        (b" " * 200_001, "has 200,001 bytes, above 200,000"),
    ],
)
def test_json_that_cannot_be_is_one_line(tmp_path, data, says):
    path = tmp_path / "x.json"
    path.write_bytes(data)
    line = complaint(json_file.read, path, 200_000, expected="something")
    assert line.startswith(str(path))
    assert says in line


def test_a_file_is_read_no_further_than_it_reached_when_opened(tmp_path, monkeypatch):
    path = tmp_path / "log"
    path.write_bytes(b"x" * 100)
    read = os.read

    def grown(descriptor, size):
        with path.open("ab") as file:
            file.write(b"y" * 100)
        return read(descriptor, min(size, 30))

    monkeypatch.setattr(os, "read", grown)
    assert files.read_limited(path, most=1000) == b"x" * 100


def test_a_link_is_followed_unless_it_must_not_be(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "link").symlink_to("file")
    assert files.read_limited(tmp_path / "link", most=10) == b"x"
    with pytest.raises(OSError, match="is a link"):
        files.read_limited(tmp_path / "link", most=10, follow=False)


def test_a_large_file_may_have_holes_but_not_be_one(tmp_path):
    path = tmp_path / "weights"
    path.write_bytes(b"x")
    os.truncate(path, 2**40)
    with pytest.raises(OSError, match="of which"):
        files.open_plain(path)
    os.truncate(path, 2**20)
    with files.open_plain(path) as file:
        assert file.read(2) == b"x\0"


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs Linux")
def test_a_file_of_the_kernel_s_which_may_never_end_is_empty():
    with files.open_plain(Path("/proc/self/maps")) as file:
        assert file.read() == b""
    assert files.read_limited(Path("/proc/self/maps"), most=10**9) == b""
