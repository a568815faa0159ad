"""Whatever a server does wrong is counted under its own name, and never averaged in."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from suites.base.errors import UserError
from suites.client.target import Target
from suites.client.wire import Connection
from suites.serving import plan, run, summarize
from suites.serving.instrument.validity import problems
from suites.serving.load.outcome import run_point
from suites.serving.load.point import Point
from tests.builders import assert_signable

TOKENS = 4
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def event(text="word", **more):
    choice = {"index": 0, "text": text, "finish_reason": None}
    return (
        b"data: " + json.dumps({"choices": [choice], **more}, ensure_ascii=False).encode() + b"\n\n"
    )


def chat_event(**delta):
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": delta}]}).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


def chunk(data):
    return b"%x\r\n%b\r\n" % (len(data), data)


LAST = b"0\r\n\r\n"


def whole(*events):
    return HEAD + b"".join(chunk(item) for item in events) + LAST


GOOD = whole(*[event()] * TOKENS, DONE)


def reset(peer):
    """Close so that the other side gets a reset, not an end."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


@contextmanager
def serving(answer):
    """Serve every request by `answer(peer)`, which sends what it likes; yields the URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    peers = []

    def connection(peer):
        with peer:
            try:
                while read_request(peer):
                    answer(peer)
            except OSError:
                return

    def accept():
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            peers.append(peer)
            threading.Thread(target=connection, args=(peer,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for peer in peers:
            peer.close()


def read_request(peer):
    data = b""
    while b"\r\n\r\n" not in data:
        piece = peer.recv(65536)
        if not piece:
            return False
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    if head.startswith(b"GET "):  # which models are listed
        peer.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        return read_request(peer)
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += peer.recv(65536)
    return True


def slowly(peer, data, pieces=1, pause_s=0.002):
    for start in range(0, len(data), pieces):
        peer.sendall(data[start : start + pieces])
        time.sleep(pause_s)


class Reads:
    """A clock for the reader, who looks at it with every read: a server can wait for that."""

    def __init__(self):
        self.looks, self.changed = 0, threading.Condition()

    def __call__(self):
        with self.changed:
            self.looks += 1
            self.changed.notify_all()
        return time.monotonic_ns()

    def after(self, peer, data):
        """Send it, wait until it was read, and return the time."""
        with self.changed:
            before = self.looks
            peer.sendall(data)
            assert self.changed.wait_for(lambda: self.looks > before, 60)
        return time.monotonic_ns()


@pytest.fixture
def reads(monkeypatch):
    reads = Reads()
    monkeypatch.setitem(Connection.__init__.__kwdefaults__, "clock", reads)
    return reads


def until_closed(peer):
    """Send nothing more: however busy the machine, it is the client who gives up."""
    while peer.recv(65536):
        pass


def ask(answer, *, api="completions", limit_s=120.0):
    """One measured request (after one of ramp-up) to a server that answers so."""
    point = Point(
        shape="closed",
        concurrency=1,
        requests=1,
        input_tokens=8,
        output_tokens=TOKENS,
        request_limit_s=limit_s,
    )
    with serving(answer) as url:
        outcome = run_point(Target(url=url, model="m", api=api), point, seed=0)
    (request,) = outcome.measured
    return request


def sending(data):
    return lambda peer: peer.sendall(data)


FAILURES = {
    "says 429": (
        sending(b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 4\r\n\r\nslow"),
        "http_429",
    ),
    "says 500": (
        sending(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"),
        "http_500",
    ),
    "says 503 in chunks": (
        sending(b"HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"no") + LAST),
        "http_503",
    ),
    "sends no HTTP": (sending(b"garbage\r\n\r\n"), "garbage"),
    "sends an event that is not JSON": (
        sending(whole(event(), b"data: {oops}\n\n", DONE)),
        "garbage",
    ),
    "sends lines that are not events": (sending(whole(b"<html>what?</html>\n\n", DONE)), "garbage"),
    "sends a chunk size that is not a number": (
        sending(HEAD + b"zz\r\nhello\r\n" + LAST),
        "garbage",
    ),
    "sends JSON of another kind": (sending(whole(b"data: [1, 2]\n\n", DONE)), "garbage"),
    "sends an error event": (
        sending(whole(event(), b'data: {"error":{"message":"out of memory"}}\n\n')),
        "error_event",
    ),
    "never sends [DONE]": (sending(whole(*[event()] * TOKENS)), "no_done"),
    "says there is nothing": (sending(b"HTTP/1.1 204 No Content\r\n\r\n"), "http_204"),
    "compresses": (
        sending(
            HEAD.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n") + chunk(b"\x1f") + LAST
        ),
        "compressed",
    ),
    "answers in one piece of JSON": (
        sending(b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n" + b'{"choices": []}'),
        "not_streamed",
    ),
    "is stopped by a filter": (
        sending(whole(*[event()] * TOKENS, event("").replace(b"null", b'"content_filter"'), DONE)),
        "content_filter",
    ),
    "counts fewer prompt tokens than sent": (
        sending(whole(*[event()] * TOKENS, event("", usage={"prompt_tokens": 7}), DONE)),
        "prompt_cut",
    ),
    "sends fewer tokens than asked": (sending(whole(event(), DONE)), "short"),
    "counts fewer tokens than asked": (
        sending(whole(*[event()] * TOKENS, event("", usage={"completion_tokens": 2}), DONE)),
        "short",
    ),
    "sends more tokens than asked": (sending(whole(*[event()] * (TOKENS + 1), DONE)), "long"),
    "sends several answers at once": (
        sending(whole(*[event(), event().replace(b'"index": 0', b'"index": 1')] * 2, DONE)),
        "several",
    ),
    "sends no token at all": (sending(whole(event(""), DONE)), "empty"),
}


@pytest.mark.parametrize("habit", FAILURES)
def test_a_server_that_misbehaves_is_counted_under_its_own_name(habit):
    answer, name = FAILURES[habit]
    assert ask(answer).failure == name


def test_a_server_that_hangs_is_a_timeout():
    answer = ask(until_closed, limit_s=0.3)
    assert answer.failure == "timeout"


def test_a_server_that_stops_in_the_middle_is_a_timeout_with_its_tokens_kept_apart():
    def half(peer):
        peer.sendall(HEAD + chunk(event()))
        until_closed(peer)

    # A machine that is held up for longer than the limit has read nothing by then: longer ones.
    for limit_s in (0.3, 3.0, 60.0):
        request = ask(half, limit_s=limit_s)
        assert request.failure == "timeout"
        if request.token_ns:
            break
    assert len(request.token_ns) == 1


@pytest.mark.parametrize(
    "start", [HEAD[:20], HEAD, HEAD + b"5", HEAD + b"5\r\nda", HEAD + LAST[:3]]
)
def test_a_server_that_stops_before_the_first_event_is_a_timeout(start):
    def begin(peer):
        peer.sendall(start)
        until_closed(peer)

    request = ask(begin, limit_s=0.2)
    assert request.failure == "timeout"
    assert not request.token_ns


def test_an_answer_of_no_chunk_at_all_is_empty_handed():
    assert ask(sending(HEAD + LAST)).failure == "no_done"


def test_a_server_that_resets_is_a_reset(reads):
    def answer(peer):
        reads.after(peer, HEAD + chunk(event()))
        reset(peer)

    assert ask(answer).failure == "reset"


def test_a_server_that_closes_early_is_named_so():
    def answer(peer):
        peer.sendall(HEAD + chunk(event()))
        peer.close()

    assert ask(answer).failure == "closed_early"


def test_the_servers_own_words_are_kept():
    answer, _ = FAILURES["sends an error event"]
    assert "out of memory" in ask(answer).detail


GOOD_WAYS = {
    "all in one packet": sending(GOOD),
    "byte by byte": lambda peer: slowly(peer, GOOD, pause_s=0),
    "with comments to keep alive": sending(
        whole(b": ping\n\n", *[event(), b": ping\n\n"] * TOKENS, DONE)
    ),
    "with carriage returns": sending(
        whole(*[event().replace(b"\n\n", b"\r\n\r\n")] * TOKENS, DONE.replace(b"\n", b"\r\n"))
    ),
    "with event names and ids": sending(
        whole(*[b"event: message\nid: 7\nretry: 10\n" + event()] * TOKENS, DONE)
    ),
    "after an interim answer": sending(b"HTTP/1.1 100 Continue\r\n\r\n" + GOOD),
    "after an empty line": sending(b"\r\n" + GOOD),
    "with trailers": sending(GOOD.removesuffix(LAST) + b"0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n"),
    "with extensions of chunks": sending(
        GOOD.replace(b"\r\nda", b";x=1\r\nda").replace(LAST, b"0;y\r\n\r\n")
    ),
    "with bare line feeds": sending(GOOD.replace(b"\r\n", b"\n")),
    "with zeros for a last chunk": sending(GOOD.removesuffix(LAST) + b"0000\r\n\r\n"),
    "with a byte order mark": sending(
        whole(b"\xef\xbb\xbf" + event(), *[event()] * (TOKENS - 1), DONE)
    ),
    "with signs of life": sending(
        whole(*[b"event: ping\ndata: now\n\n", b"retry-hint: 3\n" + event()] * TOKENS, DONE)
    ),
    "with a space behind [DONE]": sending(whole(*[event()] * TOKENS, b"data: [DONE] \n\n")),
    "with a reason for the end and no [DONE]": sending(
        whole(*[event()] * TOKENS, event("").replace(b"null", b'"length"'))
    ),
    "with nothing in its fields": sending(
        whole(*[event(usage=None, error=None, timings=None)] * TOKENS, DONE)
    ),
    "without a space after data": sending(
        whole(*[event().replace(b"data: ", b"data:")] * TOKENS, DONE)
    ),
    "without chunks, by length": sending(
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(event() * TOKENS + DONE)
        + event() * TOKENS
        + DONE
    ),
    "with text that looks like an end": sending(
        whole(*[event("data: [DONE]\n\n0\r\n\r\n")] * TOKENS, DONE)
    ),
    "with usage in every event": sending(
        whole(
            *[event(usage={"completion_tokens": n + 1}) for n in range(TOKENS)],
            DONE,
        )
    ),
}


@pytest.mark.parametrize("way", GOOD_WAYS)
def test_a_correct_answer_is_read_however_it_is_cut(way):
    request = ask(GOOD_WAYS[way])
    assert (request.failure, len(request.token_ns)) == ("", TOKENS)


def test_an_answer_that_ends_with_the_connection_is_complete():
    def answer(peer):
        peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + event() * TOKENS + DONE)
        peer.close()

    assert ask(answer).failure == ""


def test_characters_split_across_packets_are_whole(reads):
    data = whole(*[event("分" * 3)] * TOKENS, DONE)
    middle = data.index("分".encode()) + 1

    def answer(peer):
        reads.after(peer, data[:middle])
        peer.sendall(data[middle:])

    request = ask(answer)
    assert (request.failure, len(request.token_ns)) == ("", TOKENS)


def test_two_events_in_one_packet_are_two_events_at_one_time(reads):
    between_ns = []

    def answer(peer):
        between_ns.append(reads.after(peer, HEAD + chunk(event()) * 2))
        peer.sendall(chunk(event()) * 2)
        peer.sendall(chunk(DONE) + LAST)

    request = ask(answer)
    first, second, third, fourth = request.token_ns
    assert first == second < between_ns[-1] < third == fourth


def test_an_event_split_over_two_packets_arrives_with_the_second(reads):
    piece, between_ns = chunk(event()), []

    def answer(peer):
        between_ns.append(reads.after(peer, HEAD + piece + piece[:20]))
        peer.sendall(piece[20:] + piece * 2 + chunk(DONE) + LAST)

    request = ask(answer)
    assert request.token_ns[0] < between_ns[-1] < request.token_ns[1]


@pytest.mark.parametrize(
    ("said", "count", "share"),
    [
        (
            {"usage": {"prompt_tokens": 16, "prompt_tokens_details": {"cached_tokens": 12}}},
            24,
            0.75,
        ),
        ({"timings": {"cache_n": 4, "prompt_ms": 1.5}}, 8, 0.25),
        ({"usage": {"prompt_tokens": 16, "prompt_tokens_details": None}}, None, None),
    ],
)
def test_cache_hits_are_a_row_as_the_engine_reports_them_and_none_where_it_is_silent(
    said, count, share, exact_instrument
):
    answer = whole(*[event()] * 8, event("", choices=[], **said), DONE)
    with serving(sending(answer)) as url:
        options = {"endpoint": url, "model": "m", "isl": 16, "osl": 8, "concurrency": [1]}
        (cell,) = plan("quick", {**options, "requests": 2})
        rows = summarize([run.run_cell(cell.spec)])
    assert_signable(rows)
    cached = [row for row in rows if row.metric == "cached_tokens"]
    if count is None:
        assert cached == []
        return
    (row,) = cached
    assert (row.value, row.n, row.method, row.unit) == (count, 2, "reported", "count")
    assert row.labels["share_of_input"] == share


def test_answers_may_end_where_the_model_ends_them(exact_instrument):
    answer = whole(*[event()] * 5, event("", choices=[], usage={"completion_tokens": 5}), DONE)
    with serving(sending(answer)) as url:
        options = {"endpoint": url, "model": "m", "isl": 16, "osl": "natural", "concurrency": [1]}
        (cell,) = plan("quick", {**options, "requests": 2})
        rows = summarize([run.run_cell(cell.spec)])
    assert_signable(rows)
    assert {row.case for row in rows} == {"closed/c1/isl16/oslnatural"}
    (ttft,) = [row for row in rows if row.metric == "ttft"]
    assert (ttft.labels["osl"], ttft.labels["length"]) == (5, "natural")


def test_an_early_empty_role_chunk_is_not_the_first_token(reads):
    between_ns = []

    def answer(peer):
        role = chat_event(role="assistant", content="")
        between_ns.append(reads.after(peer, HEAD + chunk(role)))
        peer.sendall(b"".join([chunk(chat_event(content="hi"))] * TOKENS) + chunk(DONE) + LAST)

    request = ask(answer, api="chat")
    assert len(request.token_ns) == TOKENS
    assert request.token_ns[0] > between_ns[-1]
    assert request.ttft_ms > (between_ns[-1] - request.sent_ns) / 1e6


def test_thoughts_are_tokens():
    thought = chat_event(reasoning_content="hm")
    request = ask(sending(whole(*[thought] * 2, *[chat_event(content="so")] * 2, DONE)), api="chat")
    assert (request.failure, len(request.token_ns)) == ("", TOKENS)


@pytest.mark.parametrize("shape", ["closed", "open"])
@pytest.mark.parametrize("told", [b"", b"Retry-After: 3600\r\n"], ids=["silent", "for an hour"])
def test_a_server_that_refuses_is_left_alone(shape, told):
    asked = []

    def refuse(peer):
        asked.append(1)
        peer.sendall(b"HTTP/1.1 429 No\r\n" + told + b"Content-Length: 9\r\n\r\nslow down")

    # By its rate it takes a minute: a machine held up for less than that sends no more than is due.
    load = {"concurrency": 4} if shape == "closed" else {"rate": 50.0}
    point = Point(shape=shape, requests=3000, input_tokens=8, output_tokens=TOKENS, **load)
    with serving(refuse) as url:
        outcome = run_point(Target(url=url, model="m"), point, seed=0)
    assert outcome.gave_up
    assert outcome.answered == []
    assert 0 < outcome.failures["http_429"] <= len(asked) < (30 if shape == "closed" else 3000)
    assert "left alone" in problems(outcome)[0]
    assert outcome.measured[0].detail == "slow down"


LATER = b"\r\nRetry-After: 3600\r\n\r\n"
NO_ANSWERS = {
    "says 200 and an error": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n" + b'{"error": "quota"}',
        "not_streamed",
    ),
    "says 200 and an error in an event": (
        whole(b'data: {"error": {"message": "quota"}}\n\n', DONE),
        "error_event",
    ),
    "says 200 and a page to sign in": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<html>   ",
        "garbage",
    ),
    "says 200 and nothing": (whole(DONE), "empty"),
    "sends elsewhere": (b"HTTP/1.1 307 No\r\nContent-Length: 0\r\n\r\n", "http_307"),
}


@pytest.mark.parametrize("habit", NO_ANSWERS)
def test_a_server_that_has_no_answer_any_more_is_left_alone(habit):
    """It is asked once: to be left alone for an hour spares the test the waits between ten."""
    none, name = NO_ANSWERS[habit]
    asked = []

    def answer(peer):
        asked.append(1)
        peer.sendall(GOOD if len(asked) < 4 else none.replace(b"\r\n\r\n", LATER, 1))

    point = Point(
        shape="closed", concurrency=1, requests=3000, input_tokens=8, output_tokens=TOKENS
    )
    with serving(answer) as url:
        outcome = run_point(Target(url=url, model="m"), point, seed=0)
    assert (outcome.gave_up, outcome.failures, len(asked)) == (True, {name: 1}, 4)


def test_a_server_that_closes_after_every_answer_without_saying_so_is_asked_again():
    def answer(peer):
        peer.sendall(GOOD)
        peer.close()

    point = Point(shape="closed", concurrency=2, requests=6, input_tokens=8, output_tokens=TOKENS)
    with serving(answer) as url:
        outcome = run_point(Target(url=url, model="m"), point, seed=0)
    assert len(outcome.answered) == 6


def test_an_endpoint_that_nobody_serves_is_named_in_one_line():
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    point = Point(shape="closed", concurrency=1, requests=1, input_tokens=8, output_tokens=2)
    with pytest.raises(UserError, match="cannot connect"):
        run_point(Target(url=url, model="m"), point, seed=0)


def test_a_server_that_takes_no_further_connection_is_refused():
    listener = socket.create_server(("127.0.0.1", 0))

    def once():
        peer, _ = listener.accept()
        listener.close()
        with peer:
            read_request(peer)
            peer.sendall(GOOD.replace(b"200 OK\r\n", b"200 OK\r\nConnection: close\r\n"))

    threading.Thread(target=once, daemon=True).start()
    point = Point(shape="closed", concurrency=1, requests=1, input_tokens=8, output_tokens=TOKENS)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    outcome = run_point(Target(url=url, model="m"), point, seed=0)
    assert [request.failure for request in outcome.measured] == ["refused"]


def test_an_answer_without_end_is_given_up_for_its_size(monkeypatch):
    monkeypatch.setattr("suites.client.wire._MOST_BYTES", 2**20)

    def flood(peer):
        peer.sendall(HEAD)
        while True:
            peer.sendall(chunk(bytes(2**18)))

    request = ask(flood)
    assert (request.failure, request.token_ns) == ("endless", [])


# Habits that need a server of their own, and the test above that has it.
OTHER_FAILURES = {
    "hangs": ("timeout", test_a_server_that_hangs_is_a_timeout),
    "stops in the middle": (
        "timeout",
        test_a_server_that_stops_in_the_middle_is_a_timeout_with_its_tokens_kept_apart,
    ),
    "sends without end": ("endless", test_an_answer_without_end_is_given_up_for_its_size),
    "resets the connection": ("reset", test_a_server_that_resets_is_a_reset),
    "closes early": ("closed_early", test_a_server_that_closes_early_is_named_so),
    "takes no further connection": (
        "refused",
        test_a_server_that_takes_no_further_connection_is_refused,
    ),
}
OTHER_GOOD_WAYS = {
    "with its end told by closing": test_an_answer_that_ends_with_the_connection_is_complete,
    "with a character split over two packets": test_characters_split_across_packets_are_whole,
    "with two events in one packet": test_two_events_in_one_packet_are_two_events_at_one_time,
    "with an event split over two packets": (
        test_an_event_split_over_two_packets_arrives_with_the_second
    ),
    "with an empty role message first": test_an_early_empty_role_chunk_is_not_the_first_token,
    "with thoughts before the answer": test_thoughts_are_tokens,
    "and closes after it without saying so": (
        test_a_server_that_closes_after_every_answer_without_saying_so_is_asked_again
    ),
}


def test_the_tables_in_the_documents_hold_every_habit_tried_here_and_no_other():
    page = Path(__file__).parents[3] / "site/leaderboard/docs/serving.md"
    text = page.read_text(encoding="utf-8")
    failures = {habit: name for habit, (_, name) in FAILURES.items()}
    failures |= {habit: name for habit, (name, _) in OTHER_FAILURES.items()}
    bad, good = (_table(text, head) for head in ("a server that", "it may come"))
    assert bad == {f"{habit} | `{name}`" for habit, name in failures.items()}
    assert good == {way.replace("|", "") for way in (*GOOD_WAYS, *OTHER_GOOD_WAYS)}


def _table(text, head):
    _, _, rest = text.partition(f"| {head}")
    rows, _, _ = rest.partition("\n\n")
    return {line.strip("| ") for line in rows.splitlines()[2:]}
