"""Processes of one load put together: whose window, whose processor, which events."""

from __future__ import annotations

from suites.serving.load.outcome import LoadOutcome
from suites.serving.processes.shard import merge
from tests.builders import answered


def request(sent_ns, *token_ns):
    return answered(token_ns, sent_ns=sent_ns)


def outcome(start_ns, end_ns, cpu_share, *requests):
    return LoadOutcome(
        requests=requests,
        start_ns=start_ns,
        end_ns=end_ns,
        cpu_share=cpu_share,
        events=sum(len(sent.token_ns) for sent in requests),
        parse_s=0.5,
        lag_ms=[1.0],
        reconnects=1,
    )


PARTS = (
    outcome(10, 90, 0.25, request(5, 9, 10, 50), request(60, 70, 90)),
    outcome(20, 100, 0.75, request(15, 19, 20, 91, 100)),
)


def test_the_steady_state_is_the_time_all_of_them_were_in_it():
    both = merge(PARTS)
    assert (both.start_ns, both.end_ns) == (20, 90)
    # 50, 70 and 90 of the first, 20 of the second; its 91 and 100 are after the first ended.
    assert both.events == 4


def test_of_a_trace_all_counts():
    both = merge(PARTS, whole=True)
    assert (both.start_ns, both.end_ns, both.events) == (10, 100, 8)


def test_the_busiest_process_is_the_one_that_distorts():
    assert merge(PARTS).cpu_share == 0.75
    assert merge(PARTS[::-1]).cpu_share == 0.75


def test_requests_are_numbered_anew_in_the_order_they_were_sent():
    both = merge(PARTS)
    assert [sent.sent_ns for sent in both.requests] == [5, 15, 60]
    assert [sent.index for sent in both.requests] == [0, 1, 2]
    assert (both.parse_s, both.lag_ms, both.reconnects) == (1.0, [1.0, 1.0], 2)
