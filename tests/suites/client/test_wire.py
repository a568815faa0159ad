"""A connection fed bytes as a loop feeds it stamps each read, and notices the end, no sooner."""

from __future__ import annotations

import socket

import pytest

from suites.client.wire import Balance, Connection, Exchange, Spares, Tape

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENT = b"e\r\ndata: {}\n\ndata\r\n"
DONE = b"e\r\ndata: [DONE]\n\n\r\n"
ANSWER = HEAD + EVENT + DONE + b"0\r\n\r\n"


class Transport:
    """What a loop gives; with TLS it hides its socket."""

    def __init__(self, own=None):
        self.own, self.written, self.ended, self.closing = own, [], "", False

    def get_extra_info(self, name):
        return {"socket": self.own, "ssl_object": None if self.own else "TLS"}[name]

    def is_closing(self):
        return self.closing

    def write(self, data):
        self.written.append(data)

    def abort(self):
        self.ended = "aborted"

    def close(self):
        self.ended = "closed"


class Peer:
    """One connection with a clock that counts up by one each time it is read."""

    def __init__(self, transport=None):
        self.ended, self.left, self.now = [], 0, 0
        self.transport = transport or Transport()
        self.connection = Connection(self._done, self._hung_up, clock=self._clock)
        self.connection.connection_made(self.transport)

    def _done(self, connection, exchange):
        assert connection is self.connection
        self.ended.append(exchange)

    def _hung_up(self):
        self.left += 1

    def _clock(self):
        self.now += 1
        return self.now

    def ask(self, payload=b"POST"):
        exchange = Exchange(index=0, input_tokens=8, output_tokens=2)
        self.connection.send(exchange, payload)
        return exchange


@pytest.mark.parametrize("size", [1, 2, 3, 7, len(ANSWER)])
def test_an_answer_ends_with_its_last_byte_however_it_was_cut(size):
    peer = Peer()
    exchange = peer.ask()
    reads = [ANSWER[at : at + size] for at in range(0, len(ANSWER), size)]
    for read in reads[:-1]:
        peer.connection.data_received(read)
    assert peer.ended == []
    peer.connection.data_received(reads[-1])
    assert peer.ended == [exchange]
    assert (exchange.sent_ns, list(exchange.stamps)) == (1, [*range(2, len(reads) + 2)])
    assert exchange.ended_ns == len(reads) + 2
    assert (exchange.reads, exchange.failure, exchange.status) == (reads, "", 200)
    assert (peer.connection.closed, peer.connection.served) == (False, 1)


@pytest.mark.parametrize(
    "answer",
    [
        HEAD + EVENT + b"0\r\n\r\n",
        HEAD + EVENT + b"0\r\nX-Trailer: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na",
        b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na",
    ],
)
def test_the_next_request_goes_over_the_same_connection(answer):
    peer = Peer()
    for count in (1, 2):
        exchange = peer.ask()
        for at in range(len(answer)):
            assert len(peer.ended) == count - 1
            peer.connection.data_received(answer[at : at + 1])
        assert peer.ended[-1] is exchange
        assert b"".join(exchange.reads) == answer
    assert (peer.connection.served, peer.connection.closed) == (2, False)
    assert peer.connection.balance == Balance([2], [2])


def test_answers_on_one_connection_may_each_begin_in_their_own_way():
    ok = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
    answers = {
        ok % 1 + b"a": 200,
        ok % 12 + b"abcdefghijkl": 200,  # begins as the first does, and is longer
        ok % 1 + b"b": 200,
        b"HTTP/1.1 503 Busy\r\nContent-Length: 1\r\n\r\nc": 503,
        ANSWER: 200,
    }
    peer = Peer()
    for answer, status in [*answers.items(), *answers.items()]:
        exchange = peer.ask()
        peer.connection.data_received(answer[:-1])
        assert peer.ended[-1:] != [exchange]
        peer.connection.data_received(answer[-1:])
        assert (peer.ended[-1], exchange.status) == (exchange, status)


def test_what_looks_like_the_end_inside_a_text_is_none():
    text = b'data: {"choices":[{"text":"0\\r\\n\\r\\n"}]}\n\n0\r\n\r\n'
    peer = Peer()
    peer.ask()
    peer.connection.data_received(HEAD + b"%x\r\n" % len(text) + text)
    assert peer.ended == []
    peer.connection.data_received(b"\r\n0\r\n\r\n")
    assert len(peer.ended) == 1


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n",
    ],
)
def test_a_server_that_will_hang_up_is_left_first(head):
    peer = Peer()
    peer.ask()
    peer.connection.data_received(head)
    assert peer.ended == []
    peer.connection.data_received(b"a")
    assert (len(peer.ended), peer.connection.closed, peer.transport.ended) == (1, True, "closed")


@pytest.mark.parametrize(
    ("before", "error", "failure"),
    [
        (b"", None, "closed_early"),
        (HEAD + EVENT, None, "closed_early"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na", None, "closed_early"),
        (b"HTTP/1.1 200 OK\r\n\r\ndata: {}\n\n", None, ""),
        (b"HTTP/1.1 200 OK\r\n\r\ndata: {}\n\n", ConnectionResetError(), "reset"),
        (HEAD + EVENT, ConnectionResetError(), "reset"),
    ],
)
def test_a_lost_connection_ends_the_exchange_by_how_it_was_lost(before, error, failure):
    peer = Peer()
    exchange = peer.ask()
    if before:
        peer.connection.data_received(before)
    assert peer.ended == []
    peer.connection.connection_lost(error)
    assert (peer.ended, exchange.failure, peer.connection.closed) == ([exchange], failure, True)
    peer.connection.connection_lost(error)
    assert (len(peer.ended), peer.left) == (1, 0)


def test_no_answer_at_all_is_read_no_further():
    peer = Peer()
    peer.ask()
    peer.connection.data_received(b"SSH-2.0-OpenSSH\r\n")
    assert (len(peer.ended), peer.connection.closed, peer.transport.ended) == (1, True, "closed")


def test_a_server_that_leaves_between_two_requests_is_told_once_and_only_if_it_served():
    peer = Peer()
    peer.connection.connection_lost(None)
    assert peer.left == 0  # it served none
    peer = Peer()
    peer.ask()
    peer.connection.data_received(ANSWER)
    peer.connection.connection_lost(None)
    peer.connection.connection_lost(None)
    assert (peer.left, len(peer.ended), peer.connection.closed) == (1, 1, True)


def test_one_that_was_left_on_purpose_did_not_hang_up():
    peer = Peer()
    peer.ask()
    peer.connection.data_received(ANSWER)
    peer.connection.abort("")
    peer.connection.connection_lost(None)
    assert (peer.left, peer.transport.ended, len(peer.ended)) == (0, "aborted", 1)


@pytest.mark.parametrize(("stray", "ended"), [(b"\r\n", ""), (b"\n\r\n", ""), (b"a", "aborted")])
def test_bytes_that_nobody_asked_for_end_a_connection_unless_they_are_empty_lines(stray, ended):
    peer = Peer()
    peer.connection.data_received(stray)
    assert peer.transport.ended == ended
    exchange = peer.ask()
    peer.connection.data_received(ANSWER)
    assert (exchange.reads, len(exchange.stamps)) == ([ANSWER], 1)


def test_an_exchange_given_up_has_its_name_and_the_connection_is_dropped():
    peer = Peer()
    exchange = peer.ask()
    peer.connection.data_received(HEAD + EVENT)
    peer.connection.abort("timeout")
    assert (peer.ended, exchange.failure, exchange.ended_ns) == ([exchange], "timeout", 3)
    assert (peer.transport.ended, peer.connection.closed) == ("aborted", True)
    assert peer.connection.balance.of_place(0) == (0, 1)


@pytest.mark.parametrize("read", [b"x" * 2**20, b"x" * 4096])
def test_an_answer_of_more_bytes_than_any_is_given_up_and_little_of_it_kept(read):
    peer = Peer()
    peer.connection.abort_if_endless()
    exchange = peer.ask()
    peer.connection.abort_if_endless()
    peer.connection.data_received(HEAD)
    # 32 MiB, and 16 KiB for each of the two tokens.
    for size in range(len(read), 2**25 + 2 * 2**14 + 1 - len(HEAD), len(read)):
        peer.connection.data_received(read)
        if size % 2**22 == 0:
            peer.connection.abort_if_endless()
    peer.connection.abort_if_endless()
    assert peer.ended == []
    peer.connection.data_received(read)
    peer.connection.abort_if_endless()
    assert (peer.ended, exchange.failure, peer.transport.ended) == (
        [exchange],
        "endless",
        "aborted",
    )
    assert (len(exchange.reads), len(exchange.stamps)) == (16, 16)


def test_an_answer_in_very_many_small_reads_is_weighed_too(monkeypatch):
    monkeypatch.setattr("suites.client.wire._MANY_READS", 9)
    monkeypatch.setattr("suites.client.wire._MOST_BYTES", len(HEAD) + 7 - 2 * 2**14)
    peer = Peer()
    exchange = peer.ask()
    peer.connection.data_received(HEAD)
    for _ in range(7):
        peer.connection.data_received(b"x")
        peer.connection.abort_if_endless()
    assert exchange.failure == ""
    peer.connection.data_received(b"x")
    peer.connection.abort_if_endless()
    assert exchange.failure == "endless"


@pytest.mark.parametrize(
    ("status", "header", "wait_s", "refused"),
    [
        (429, b"Retry-After: 7", 7.0, True),
        (503, b"Retry-After: Wed, 21 Oct 2026 07:28:00 GMT", 0.0, True),
        (400, b"Retry-After: 99999999", 99999999.0, True),
        (400, b"Retry-After: 999999999", 999999999.0, True),
        (399, "Retry-After: ٣".encode(), 0.0, True),
        (200, b"X: 1", 0.0, False),
    ],
)
def test_a_refusal_is_known_at_once_with_how_long_to_wait(status, header, wait_s, refused):
    peer = Peer()
    exchange = peer.ask()
    peer.connection.data_received(
        b"HTTP/1.1 %d X\r\n%b\r\nContent-Length: 0\r\n\r\n" % (status, header)
    )
    assert (exchange.status, exchange.retry_after_s, exchange.refused) == (status, wait_s, refused)
    assert Exchange(index=0, input_tokens=1, output_tokens=1, failure="reset").refused


def test_a_request_is_in_the_kernels_hands_at_once_and_the_loop_gets_only_what_does_not_fit():
    near, far = socket.socketpair()
    near.setblocking(False)
    with near, far:
        peer = Peer(Transport(near))
        exchange = peer.ask(b"POST /")
        assert (far.recv(99), peer.transport.written) == (b"POST /", [])
        assert (exchange.sent_bytes, exchange.place) == (6, 0)
        peer.connection.data_received(ANSWER)
        much = bytes(range(256)) * 2**15
        peer.ask(much)
        (rest,) = peer.transport.written
        assert 0 < len(rest) < len(much)
        assert much.endswith(rest)
        peer.connection.data_received(ANSWER)
        peer.transport.written.clear()
        peer.ask(b"GET /")  # the socket is full
        assert peer.transport.written == [b"GET /"]


@pytest.mark.parametrize("closing", [True, False])
def test_a_closing_or_secured_connection_is_written_to_by_its_transport(closing):
    near, far = socket.socketpair()
    with near, far:
        peer = Peer(Transport(near if closing else None))
        peer.transport.closing = closing
        peer.ask(b"POST")
        assert peer.transport.written == [b"POST"]


def test_a_request_to_another_address_bears_its_name_in_its_head_alone():
    peer = Peer()
    balance = Balance.of(3)
    peer.connection.goes_to(2, balance, (b"Host: a", b"Host: long"))
    exchange = peer.ask(b"POST\r\nHost: a\r\n\r\nHost: a")
    assert peer.transport.written == [b"POST\r\nHost: long\r\n\r\nHost: a"]
    assert (exchange.place, exchange.sent_bytes) == (2, len(peer.transport.written[0]))
    assert (balance.sent, balance.ended) == ([0, 0, 1], [0, 0, 0])
    peer.connection.data_received(ANSWER)
    assert (balance.of_place(2), balance.of_place(0)) == ((0, 1), (0, 0))


@pytest.mark.parametrize(
    ("in_memory", "kept"),
    [(0, 0), (245, 6), (246, 6), (331, 11), (411, 11), (412, 12), (2**20, 12)],
)
def test_a_tape_gives_each_exchange_back_its_own_bytes_whether_kept_or_written(in_memory, kept):
    tape = Tape(in_memory)
    exchanges = []
    for reads in ([b"one", b"", b"two"], [], [b"three"], [b"4"]):
        exchange = Exchange(index=0, input_tokens=1, output_tokens=1, reads=reads)
        exchange.stamps = [*range(len(reads))]
        tape.record(exchange)
        exchanges.append(exchange)
    assert [tape.raw(exchange) for exchange in exchanges] == [b"onetwo", b"", b"three", b"4"]
    first = exchanges[0]
    assert (list(first.sizes), list(first.stamps)) == ([3, 0, 3], [0, 1, 2])
    # What fits stays in memory, and no more than that: 80 bytes a read, and what it holds.
    assert sum(len(read) for exchange in exchanges for read in exchange.reads) == kept


def test_an_idle_connection_asked_for_by_number_is_that_one():
    balance = Balance.of(2)
    idle = Spares()
    for place in (0, 1):
        connection = Connection(lambda *_: None)
        connection.goes_to(place, balance, (b"", b""))
        idle.append(connection)
    balance.sent[0] = 5
    assert idle.pop(0).place == 0
