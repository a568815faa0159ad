"""Heads and bodies are read as RFC 9112 lets them be written, from any number of reads."""

from __future__ import annotations

import pytest

from suites.client.http_body import MalformedError, body_is_complete, dechunk, read_head

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
BODIES = {
    "plain": b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    "extensions": b"3;name=value\r\nabc\r\n2 ; x\r\nde\r\n0;last=1\r\n\r\n",
    "trailers": b"3\r\nabc\r\n2\r\nde\r\n0\r\nX-One: 1\r\nX-Two: 2\r\n\r\n",
    "bare line feeds": b"3\nabc\n2\nde\n0\n\n",
    "capitals and zeros": b"0003\r\nabc\r\n2\r\nde\r\n000\r\n\r\n",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_chunks_are_joined_and_their_places_on_the_wire_are_kept(body):
    raw = CHUNKED + body
    data, (in_body, on_wire), ended = dechunk(raw, len(CHUNKED))
    assert (data, ended, list(in_body)) == (b"abcde", True, [0, 3])
    assert [raw[at : at + 2] for at in on_wire] == [b"ab", b"de"]


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_chunked_body_is_complete_at_its_last_byte_and_not_before(body):
    for size in (1, len(body)):
        reads = [CHUNKED, *(body[at : at + size] for at in range(0, len(body), size))]
        assert body_is_complete(reads, "chunked")
    for cut in range(len(body)):
        assert not body_is_complete([CHUNKED, body[:cut]], "chunked")
        assert not dechunk(body[:cut], 0)[2]


def test_a_chunk_cut_short_gives_what_came_of_it():
    data, places, ended = dechunk(b"5\r\nab", 0)
    assert (data, [*map(list, places)], ended) == (b"ab", [[0], [3]], False)
    # The last byte of its end is still to come.
    assert dechunk(b"2\r\nab\r", 0)[0::2] == (b"ab", False)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"x\r\nabc\r\n", r"no chunk size: b'x\\r\\nabc"),
        (b";x=1\r\nabc\r\n", "no chunk size"),
        (b"2\r\nabc\r\n", r"no chunk end: b'c\\r\\n'"),
        (b"2\r\nabXY", r"no chunk end: b'XY'"),
        (b"3\r\nabc\r\n-6\r\n0\r\n\r\n", "no chunk size: b'-6"),  # back to the end of the first
        (b"F" * 40 + b"\r\nab", "no chunk size"),  # beyond what a machine counts
    ],
)
def test_what_is_no_chunk_is_shown(body, message):
    with pytest.raises(MalformedError, match=message):
        dechunk(body, 0)


def test_a_body_that_cannot_be_followed_has_ended_at_what_looks_like_its_end():
    assert body_is_complete([CHUNKED, b"zz\r\nab\r\n0\r\n\r\n"], "chunked")
    assert body_is_complete([b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n"], "length")
    assert body_is_complete([b"SSH\r\n\r\n"], "length")


@pytest.mark.parametrize(("body", "complete"), [(b"", False), (b"a", False), (b"ab", True)])
def test_a_body_of_stated_length_is_complete_with_that_many_bytes(body, complete):
    reads = [b"HTTP/1.1 200 OK\r\nContent-", b"Length: 2\r\n\r\n" + body]
    assert body_is_complete(reads, "length") is complete


@pytest.mark.parametrize("behind", [b"\r\n", b"data: [DONE]\n\n", CHUNKED + b"0\r\n\r\n"])
def test_what_stands_behind_the_last_chunk_holds_nobody_up(behind):
    assert body_is_complete([CHUNKED, BODIES["plain"] + behind], "chunked")


def test_a_long_body_ends_by_its_tail_and_long_trailers_do_not_hide_it():
    events = b"4\r\nabcd\r\n" * 3000
    trailer = b"X: " + b"y" * 7000 + b"\r\n"
    assert body_is_complete([CHUNKED, events, b"0\r\n" + trailer, b"\r\n"], "chunked")
    assert not body_is_complete([CHUNKED, events, b"1\r\n" + trailer, b"\r\n"], "chunked")


def test_the_end_behind_done_is_seen_though_it_comes_in_many_reads():
    end = b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"
    for size in (4, 5, 30):
        reads = [end[at : at + size] for at in range(0, len(end), size)]
        assert body_is_complete([CHUNKED, *reads], "chunked")
        assert not body_is_complete([CHUNKED, *reads[:-1], reads[-1][:-1]], "chunked")


@pytest.mark.parametrize(
    ("head", "framing"),
    [
        (b"200 OK\r\nTransfer-Encoding: gzip, Chunked", "chunked"),
        (b"200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3", "chunked"),
        (b"200 OK\r\ncontent-LENGTH: 3", "length"),
        (b"200 OK", "until close"),
        (b"204 No Content\r\nContent-Length: 3", "bodiless"),
        (b"304 Not Modified", "bodiless"),
    ],
)
def test_how_the_end_is_known_stands_in_the_head(head, framing):
    assert read_head(b"HTTP/1.1 " + head + b"\r\n\r\n").framing == framing


def test_a_head_is_read_behind_empty_lines_and_interim_answers():
    interim = b"\r\n\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    final = b"HTTP/1.1 200 OK\r\n  Name :  a value: with colons \r\n\r\n"
    head = read_head(interim + final + b"body")
    assert (head.status, head.end) == (200, len(interim + final))
    assert head.headers == {"name": "a value: with colons"}
    assert read_head(interim) is None


@pytest.mark.parametrize("start", [b"", b"H", b"HTTP/1.", b"HTTP/1.1 200 OK\r\nName: value\r\n"])
def test_a_head_that_is_not_whole_is_waited_for(start):
    assert read_head(start) is None


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"HTTP/2 200\r\n\r\n", "no HTTP response: b'HTTP/2 200"),
        (b"\r\n<html>", "no HTTP response: b'<html>'"),
        (b"HTTP/1.1\r\n\r\n", "no status line: b'HTTP/1.1'"),
        (b"HTTP/1.1 OK 200\r\n\r\n", "no status line"),
        (b"HTTP/1.1 -200 OK\r\n\r\n", "no status line"),
        (b"HTTP/1.1 2000 OK\r\n\r\n", "no status line"),
        (b"HTTP/1.1 200 OK\r\nName: " + b"x" * 2**16, "a head without end: b'HTTP/1.1 200"),
        (b"HTTP/1.1 103 Early\r\n\r\n" * 3000, "a head without end"),
        (b"\r\n" * 2**16, "a head without end"),
    ],
)
def test_what_is_no_head_is_shown(raw, message):
    with pytest.raises(MalformedError, match=message):
        read_head(raw)
