"""What servers, engines and gateways are known to do, and the truth of what each of them sent when.

Every behaviour makes its first token 50 ms after the request and one more every 10 ms, unless it
says otherwise. The bytes are what a network would deliver, at the times it would; the truth stands
beside them. `suites.serving.bench.verdicts` plays them to the client, without a network and on a
clock that costs no time: `python -m suites.serving.bench.verdicts` prints the table.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["BEHAVIOURS", "INPUT_TOKENS", "STEP_MS", "TOKENS", "ScriptedAnswer"]

INPUT_TOKENS = 64
TOKENS = 128
_FIRST_MS, STEP_MS = 50.0, 10.0
_WORDS = ("the", " sea", " was", " calm", ",", " and", " we", " sailed", " on", ".")
_CHUNKED = (
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)
_DONE = b"data: [DONE]\n\n"
_LAST_CHUNK = b"0\r\n\r\n"

# What arrives when: ms after the request, and bytes or events.
TimedBytes = tuple[float, bytes]
TimedEvents = list[tuple[float, list[bytes]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedAnswer:
    """One way to answer a request for 128 tokens.

    Attributes:
        name: "a server that …".
        sent: what arrives, and when.
        verdict: "right": every figure is; "void": some are not given, `because` says why;
            "refused": the request has failed, under the name `because`.
        because: part of the reason.
        then: what the server does when all is sent: keeps the connection, closes or resets it.
        asked: output tokens asked for, 0 for as many as the model gives.
        tokens: how many were sent as answer or shown thoughts.
        ttft_ms: when the first token was sent.
        ttfo_ms: when the first behind its thoughts was, 0 where it shows none.
        tpot_ms: the pace at which tokens are made.
    """

    name: str
    sent: tuple[TimedBytes, ...]
    verdict: Literal["right", "void", "refused"] = "right"
    because: str = ""
    then: Literal["keep", "close", "reset"] = "keep"
    asked: int = TOKENS
    tokens: int = TOKENS
    ttft_ms: float = _FIRST_MS
    ttfo_ms: float = 0.0
    tpot_ms: float = STEP_MS


# How a timeline of tokens is written.


def _word(number: int) -> str:
    return _WORDS[number % len(_WORDS)]


def _at(number: int) -> float:
    """When token `number` is made, in ms."""
    return _FIRST_MS + STEP_MS * number


def _event(message: Any) -> bytes:
    return b"data: " + json.dumps(message, ensure_ascii=False).encode() + b"\n\n"


def _delta(delta: Any, *, finish: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return _event({"id": "chatcmpl-1", "choices": [choice], **more})


def _say(text: str, **more: Any) -> bytes:
    return _delta({"content": text}, **more)


def _usage(tokens: Any = TOKENS, *, prompt: Any = INPUT_TOKENS, **details: Any) -> bytes:
    counted = {"prompt_tokens": prompt, "completion_tokens": tokens, **details}
    return _event({"id": "chatcmpl-1", "choices": [], "usage": counted})


def _each_as(
    of: Callable[[int], dict[str, Any]], tokens: Iterable[int] = range(TOKENS)
) -> TimedEvents:
    """An event a token, at its time."""
    return [(_at(n), [_delta(of(n))]) for n in tokens]


def _each(kind: str = "content", tokens: Iterable[int] = range(TOKENS)) -> TimedEvents:
    return _each_as(lambda n: {kind: _word(n)}, tokens)


def _thinking(of: Callable[[int], dict[str, Any]]) -> TimedEvents:
    """Thoughts of a hundred tokens, whatever their name, and the answer."""
    return _ended([*_each_as(of, range(100)), *_each(tokens=_FINAL_STRETCH)], _usage())


def _merged(sizes: Sequence[int], *, counting: bool = False) -> TimedEvents:
    """Fragments of so many tokens, each sent when its last token is there."""
    made, timeline = 0, []
    for size in sizes:
        text = "".join(map(_word, range(made, made + size)))
        made += size
        more = {"usage": {"completion_tokens": made}} if counting else {}
        timeline.append((_at(made - 1), [_say(text, **more)]))
    return timeline


def _of_vllm(texts: Sequence[str], **more: Any) -> bytes:
    """An event as vLLM 0.32.0 sends it for /v1/completions, of the tokens so far."""
    fields = ("logprobs", "finish_reason", "stop_reason", "prompt_token_ids", "token_ids")
    choice = {"index": 0, "text": texts[-1], **dict.fromkeys(fields)}
    counted = {"prompt_tokens": INPUT_TOKENS, "total_tokens": INPUT_TOKENS + len(texts)}
    usage = counted | {"completion_tokens": len(texts)}
    return _event({"object": "text_completion", "choices": [choice | more], "usage": usage})


def _late_vllm() -> TimedEvents:
    """Counts in every event, keeps half a character back, and joins tokens when it is late."""
    timeline, texts, shown = [], [], ""
    for number in range(TOKENS):
        texts.append("" if number % 4 == 2 else ("é" if number % 4 == 3 else _word(number)))
        shown += texts[-1]
        if number % 8 in {4, 6}:  # the next token goes with it
            continue
        last = {"finish_reason": "length"} if number == TOKENS - 1 else {}
        timeline.append((_at(number), [_of_vllm([*texts[:-1], shown], **last)]))
        shown = ""
    details = {"prompt_tokens_details": {"cached_tokens": 0}}
    return _ended(timeline, _usage(total_tokens=INPUT_TOKENS + TOKENS, **details))


def _padded(text: str, tokens: Iterable[int] = range(TOKENS)) -> TimedEvents:
    """Behind each token an event that is none."""
    return [(ms, [event, _say(text)]) for ms, (event,) in _each(tokens=tokens)]


def _kept_back(size: int) -> TimedEvents:
    """A gateway that lets so many events wait and sends them together."""
    events = [event for _, events in _each() for event in events]
    return [
        (_at(min(start + size, TOKENS) - 1), events[start : start + size])
        for start in range(0, TOKENS, size)
    ]


def _ended(timeline: TimedEvents, *behind: bytes) -> TimedEvents:
    """Finish a timeline as servers do: what stands `behind` the last token, then [DONE]."""
    return [*timeline, (timeline[-1][0], [*behind, _DONE])]


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _chunks(timeline: TimedEvents, head: str = _CHUNKED) -> tuple[TimedBytes, ...]:
    """On the wire: a chunk an event, the head with the first event, the end with the last."""
    wire = [(ms, b"".join(map(_chunk, events))) for ms, events in timeline]
    wire[0] = (wire[0][0], head.encode() + wire[0][1])
    wire[-1] = (wire[-1][0], wire[-1][1] + _LAST_CHUNK)
    return tuple(wire)


def _plain(timeline: TimedEvents, head: str) -> tuple[TimedBytes, ...]:
    """On the wire without chunks."""
    wire = [(ms, b"".join(events)) for ms, events in timeline]
    return ((wire[0][0], head.encode() + wire[0][1]), *wire[1:])


def _changed(old: bytes, new: bytes) -> tuple[TimedBytes, ...]:
    """The usual answer with some bytes exchanged everywhere; chunks are counted afterwards."""
    return _chunks([(ms, [e.replace(old, new) for e in es]) for ms, es in _USUAL])


def _on_the_wire(old: bytes, new: bytes) -> tuple[TimedBytes, ...]:
    return tuple((ms, data.replace(old, new)) for ms, data in _chunks(_USUAL))


def _whole(ms: float, head: str, body: bytes) -> tuple[TimedBytes, ...]:
    """An answer in one piece, with its length."""
    return ((ms, f"HTTP/1.1 {head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body),)


def _cut(wire: tuple[TimedBytes, ...], size: int) -> tuple[TimedBytes, ...]:
    """The same bytes in pieces of at most `size`, those of one moment behind one another."""
    return tuple(
        (ms, data[start : start + size]) for ms, data in wire for start in range(0, len(data), size)
    )


_ROLE = (40.0, [_delta({"role": "assistant", "content": ""})])
_USUAL: TimedEvents = _ended([_ROLE, *_each()], _usage())
_UNTOLD: TimedEvents = _ended(_each())
_STOP = _delta({}, finish="stop")


def _right(name: str, timeline: TimedEvents, **more: Any) -> ScriptedAnswer:
    return ScriptedAnswer(name=name, sent=_chunks(timeline), **more)


def _void(name: str, timeline: TimedEvents, because: str, **more: Any) -> ScriptedAnswer:
    return ScriptedAnswer(
        name=name, sent=_chunks(timeline), verdict="void", because=because, **more
    )


def _refused(name: str, sent: tuple[TimedBytes, ...], because: str, **more: Any) -> ScriptedAnswer:
    return ScriptedAnswer(name=name, sent=sent, verdict="refused", because=because, **more)


def _tool(number: int) -> dict[str, Any]:
    call = {"index": 0, "function": {"arguments": _word(number)}}
    if not number:
        call |= {"id": "call_1", "type": "function"}
    return {"tool_calls": [call]}


def _two_choices(number: int) -> bytes:
    """The same token of two answers in one event, the second answer first."""
    delta = {"content": _word(number)}
    return _event({"choices": [{"index": index, "delta": delta} for index in (1, 0)]})


_HIDDEN = {"completion_tokens_details": {"reasoning_tokens": 100}}
_KNOWN = {"prompt_tokens_details": {"cached_tokens": INPUT_TOKENS // 2}}
_FINAL_STRETCH = range(100, TOKENS)

_COUNTS = (
    _right("sends one token an event, and counts them at the end", _USUAL),
    _right("never counts", _UNTOLD),
    _right(
        "says `usage: null` until the end",
        [
            (ms, [e.replace(b'"choices"', b'"usage": null, "choices"') for e in es])
            for ms, es in _ended(_each(), _usage())
        ],
    ),
    _right("counts with nothing in its numbers", _ended(_each(), _usage(None, prompt=None))),
    _right("counts in texts", _ended(_each(), _usage(str(TOKENS), prompt=str(INPUT_TOKENS)))),
    _right("counts in fractions", _ended(_each(), _usage(float(TOKENS)))),
    _right("counts twice at the end", _ended(_each(), _usage(), _usage())),
    _right(
        "counts in the event that finishes",
        _ended(
            _each(tokens=range(TOKENS - 1)),
            _say(_word(TOKENS - 1), finish="length", usage={"completion_tokens": TOKENS}),
        ),
        tpot_ms=STEP_MS * (TOKENS - 2) / (TOKENS - 1),
    ),
    _right("counts behind [DONE]", [*_each(), (_at(TOKENS), [_DONE, _usage()])]),
    _right("counts seconds after its last token", [*_each(), (9_000.0, [_usage(), _DONE])]),
    _right("counts in every event", _ended(_merged([1] * TOKENS, counting=True), _usage())),
    _right("answers as vLLM 0.32 does, and joins tokens when it is late", _late_vllm()),
    _refused(
        "refuses in an event a token that it does not know, as vLLM 0.32 does",
        _chunks([(_FIRST_MS, [_event({"error": {"message": "no", "code": 400}}), _DONE])]),
        "error_event",
    ),
    _right(
        "counts under a name of its own",
        _ended(
            _each(), _event({"choices": [], "x_groq": {"usage": {"completion_tokens": TOKENS}}})
        ),
    ),
    _refused(
        "counts only the tokens of the last event", _chunks(_ended(_each(), _usage(1))), "short"
    ),
    _refused("counts nothing made", _chunks(_ended(_each(), _usage(0))), "short"),
    _refused("counts less than nothing", _chunks(_ended(_each(), _usage(-1))), "garbage"),
    _refused(
        "had less than nothing in its cache",
        _chunks(_ended(_each(), _usage(prompt_tokens_details={"cached_tokens": -INPUT_TOKENS}))),
        "garbage",
    ),
    _void(
        "had more in its cache than the prompt",
        _ended(_each(), _usage(prompt_tokens_details={"cached_tokens": 9 * INPUT_TOKENS})),
        "in its cache",
    ),
    _refused(
        "counts more than there are numbers for",
        _chunks(_ended(_each(), _usage(10**30))),
        "garbage",
    ),
    _right(
        "counts before its last tokens",
        [
            *_each(tokens=range(100)),
            (_at(99), [_usage()]),
            *_ended(_each(tokens=range(100, TOKENS))),
        ],
    ),
    _void(
        "counts twice, and otherwise the second time",
        _ended(_each(), _usage(), _usage(64)),
        "fragments with text",
        asked=0,
    ),
    _void(
        "makes 2 tokens, sends empty events at the same pace, and counts these too",
        _ended([(_at(n), [_say("a" if n < 2 else "")]) for n in range(TOKENS)], _usage()),
        "events without text",
        tokens=2,
    ),
    _void(
        "sends an empty event behind every token, and counts these too",
        _ended(_padded("", range(64)), _usage()),
        "behind an event without text",
        tokens=64,
    ),
    _void(
        "sends a sign of no width behind every token, and counts these too",
        _ended(_padded("\u200b", range(64)), _usage()),
        "nothing that can be seen",
        tokens=64,
    ),
    _void(
        "sends a sign of no width behind every token and never counts, of any length",
        _ended(_padded("\u200b")),
        "nothing that can be seen",
        asked=0,
    ),
    _void(
        "sends a blank behind every token and never counts, of any length",
        _ended(_padded(" ")),
        "are blank",
        asked=0,
    ),
    _refused(
        "counts twice as many as it sends", _chunks(_ended(_each(), _usage(2 * TOKENS))), "long"
    ),
    _refused("counts in words", _chunks(_ended(_each(), _usage("many"))), "garbage"),
    _void(
        "makes 2 tokens and claims 128",
        _ended(_each(tokens=range(2)), _usage()),
        "does not hold",
        tokens=2,
    ),
    _void(
        "makes 2 tokens and claims 128 of any length",
        _ended(_each(tokens=range(2)), _usage()),
        "does not hold",
        tokens=2,
        asked=0,
    ),
    _void(
        "makes 2 tokens and counts on in every event",
        _ended(
            [
                (_at(0), [_say("the", usage={"completion_tokens": 1})]),
                (_at(TOKENS - 1), [_say(" sea", usage={"completion_tokens": TOKENS})]),
            ],
            _usage(),
        ),
        "does not hold",
        tokens=2,
    ),
    _void(
        "shows half of what it counts",
        _ended(_each(tokens=range(64, TOKENS)), _usage()),
        "does not hold",
    ),
    _void(
        "sends two fragments for each token it counts",
        _ended([(_at(n // 2), [_say("w")]) for n in range(2 * TOKENS)], _usage()),
        "fragments with text",
    ),
    _void(
        "claims a prompt far beyond the one it was sent",
        _ended(_each(), _usage(prompt=1_000_000)),
        "prompt tokens",
    ),
)

_TEXTS = (
    _right("sends its role first and alone", _ended([_ROLE, *_each()], _usage())),
    _right(
        "sends its role with a text of nothing several times",
        _ended([(10.0, _ROLE[1]), (20.0, _ROLE[1]), *_each()], _usage()),
    ),
    _right(
        "sends empty events behind the end of the sequence",
        _ended(
            [*_each(tokens=range(30)), *[(_at(n), [_say("")]) for n in range(30, TOKENS)]], _usage()
        ),
    ),
    _right(
        "sends empty events for special tokens first",
        _ended(
            [_ROLE, *[(_at(n), [_delta({})]) for n in range(3)], *_each(tokens=range(3, TOKENS))],
            _usage(),
        ),
        ttfo_ms=_at(3),
    ),
    _right(
        "makes special tokens first and sends no event for them",
        _ended(_each(tokens=range(3, TOKENS)), _usage()),
        ttft_ms=_at(3),
    ),
    _right(
        "counts the end of the sequence, and sends it as a reason",
        _ended([*_each(tokens=range(TOKENS - 1)), (_at(TOKENS - 1), [_STOP])], _usage()),
    ),
    _right("finishes by length", _ended(_each(), _delta({}, finish="length"), _usage())),
    _right(
        "finishes by stop, of any length",
        _ended(_each(tokens=range(60)), _STOP, _usage(60)),
        asked=0,
        tokens=60,
    ),
    _right(
        "shows a character when all its bytes are there",
        _ended(
            [(_at(n), [_say("" if n % 3 < 2 else "🌊")]) for n in range(TOKENS - 2)]
            + [(_at(n), [_say("a")]) for n in (TOKENS - 2, TOKENS - 1)],
            _usage(),
        ),
        ttfo_ms=_at(2),
    ),
    _right(
        "sends line ends and blanks",
        _ended([(_at(n), [_say("\n" if n % 2 else "  ")]) for n in range(TOKENS)], _usage()),
    ),
    _right(
        "quotes the end of a stream in its text",
        _ended([(_at(n), [_say("data: [DONE]\n\n0\r\n\r\n")]) for n in range(TOKENS)], _usage()),
    ),
    _right("calls a tool", _ended(_each_as(_tool), _usage())),
    _right(
        "calls a tool between its words",
        _ended(_each_as(lambda n: _tool(n) if n % 2 else {"content": _word(n)}), _usage()),
    ),
    _right(
        "sends its content in parts",
        _ended(_each_as(lambda n: {"content": [{"type": "text", "text": _word(n)}]}), _usage()),
    ),
    _right(
        "says in its first event who it is, and the end of the sequence as a reason",
        _ended(
            [
                (40.0, [_delta({"role": "assistant", "content": "", "provider": "acme"})]),
                *_each(tokens=range(TOKENS - 1)),
                (_at(TOKENS - 1), [_STOP]),
            ],
            _usage(),
        ),
    ),
    _right(
        "begins with probabilities of nothing",
        _ended([(40.0, [_delta({"role": "assistant", "logprobs": {"token": "x"}})]), *_each()]),
    ),
    _right(
        "sends probabilities in events of their own",
        _ended(
            [(ms, [event, _delta({}, logprobs={"token": "x"})]) for ms, (event,) in _each()],
            _usage(),
        ),
    ),
    _right("begins with a delta that is a number", _ended([(10.0, [_delta(5)]), *_each()])),
    _right("finishes twice", _ended(_each(), _STOP, _STOP, _usage())),
    _right(
        "finishes before its last tokens",
        [
            *_each(tokens=range(100)),
            (_at(99), [_STOP]),
            *_ended(_each(tokens=range(100, TOKENS)), _usage()),
        ],
    ),
    _right(
        "says [DONE] before its last tokens",
        [
            *_each(tokens=range(100)),
            (_at(99), [_DONE]),
            *_ended(_each(tokens=range(100, TOKENS)), _usage()),
        ],
    ),
    _right("refuses in words of its own field", _ended(_each("refusal"), _usage())),
    _right(
        "thinks aloud as `reasoning_content`",
        _thinking(lambda n: {"reasoning_content": _word(n)}),
        ttfo_ms=_at(100),
    ),
    _right(
        "thinks aloud as `reasoning`",
        _thinking(lambda n: {"reasoning": _word(n)}),
        ttfo_ms=_at(100),
    ),
    _right(
        "thinks aloud as `thinking`",
        _thinking(lambda n: {"thinking": _word(n)}),
        ttfo_ms=_at(100),
    ),
    _right(
        "thinks aloud under one name after another",
        _thinking(lambda n: {("reasoning", "reasoning_content", "thinking")[n % 3]: _word(n)}),
        ttfo_ms=_at(100),
    ),
    _right(
        "thinks again behind the first words of its answer",
        _ended(
            [
                *_each("reasoning", range(50)),
                *_each(tokens=range(50, 60)),
                *_each("reasoning", range(60, 100)),
                *_each(tokens=_FINAL_STRETCH),
            ],
            _usage(),
        ),
        ttfo_ms=_at(50),
    ),
    _right(
        "thinks aloud under two names at once",
        _thinking(lambda n: {"reasoning": _word(n), "reasoning_content": _word(n)}),
        ttfo_ms=_at(100),
    ),
    _right(
        "thinks aloud in parts of a content",
        _thinking(lambda n: {"content": [{"type": "thinking", "thinking": _word(n)}]}),
        ttfo_ms=_at(100),
    ),
    _void(
        "hides its thoughts and counts them",
        _ended(_each(tokens=_FINAL_STRETCH), _usage(**_HIDDEN)),
        "hide their thoughts",
        tokens=28,
        ttfo_ms=_at(100),
    ),
    _void(
        "hides its thoughts and does not say so",
        _ended(_each(tokens=_FINAL_STRETCH), _usage()),
        "does not hold",
        tokens=28,
    ),
    _right(
        "changes its id and its model midway",
        [
            (ms, [e.replace(b"chatcmpl-1", b"chatcmpl-%d" % (ms > 500)) for e in es])
            for ms, es in _USUAL
        ],
    ),
    _right(
        "sends fields nobody knows",
        [
            (
                ms,
                [
                    e.replace(b'{"id"', b'{"error": null, "p": "abc", "x": {"y": [1]}, "id"')
                    for e in es
                ],
            )
            for ms, es in _USUAL
        ],
    ),
    _right(
        "names the probability of every token",
        [
            (
                ms,
                [
                    e.replace(
                        b'"finish_reason"',
                        b'"logprobs": {"content": [{"token": "x", "logprob": -1, '
                        b'"bytes": [120], "top_logprobs": []}]}, "finish_reason"',
                    )
                    for e in es
                ],
            )
            for ms, es in _USUAL
        ],
    ),
    _refused(
        "sends two answers at once",
        _chunks(
            _ended(
                [(ms, [e, e.replace(b'"index": 0', b'"index": 1')]) for ms, (e,) in _each()],
                _usage(2 * TOKENS),
            )
        ),
        "several",
    ),
    _refused(
        "sends two answers at once, which together are as long as asked",
        _chunks(
            _ended(
                [(_at(n), [_two_choices(n)]) for n in range(TOKENS // 2)],
                _usage(),
            )
        ),
        "several",
        tokens=TOKENS // 2,
    ),
    _right(
        "numbers its tokens where others number answers",
        _ended(
            [
                (ms, [e.replace(b'"index": 0', b'"index": %d' % (n + 1)) for e in es])
                for n, (ms, es) in enumerate(_each())
            ],
            _usage(),
        ),
    ),
    _refused(
        "gives up for want of room",
        _chunks(_ended(_each(tokens=range(20)), _delta({}, finish="insufficient_system_resource"))),
        "insufficient_system_resource",
        asked=0,
    ),
    _refused(
        "begins again midway",
        _chunks(_ended(_each() + [(_at(TOKENS) + ms, es) for ms, es in _each()])),
        "long",
    ),
    _refused(
        "ignores the most tokens asked for",
        _chunks(_ended(_each(tokens=range(200)), _usage(200))),
        "long",
    ),
    _refused(
        "ends where the model ends, whatever was asked",
        _chunks(_ended(_each(tokens=range(60)), _STOP, _usage(60))),
        "short",
    ),
    _refused("sends no token at all", _chunks(_ended([_ROLE], _STOP)), "empty"),
    _refused(
        "is stopped by a filter",
        _chunks(_ended(_each(), _delta({}, finish="content_filter"))),
        "content_filter",
    ),
    _refused(
        "gives up with a reason", _chunks(_ended(_each(), _delta({}, finish="abort"))), "abort"
    ),
    _refused(
        "cuts the prompt", _chunks(_ended(_each(), _usage(prompt=INPUT_TOKENS // 2))), "prompt_cut"
    ),
    _right("adds a template to the prompt", _ended(_each(), _usage(prompt=INPUT_TOKENS + 40))),
    _void("has the prompt in its cache", _ended(_each(), _usage(**_KNOWN)), "in its cache"),
)

_PACE = (
    _right("sends four tokens an event", _ended(_merged([4] * 32), _usage()), ttft_ms=_at(3)),
    _right(
        "sends four tokens an event and counts as it goes",
        _ended(_merged([4] * 32, counting=True), _usage()),
        ttft_ms=_at(3),
    ),
    _right(
        "sends the first token alone, then ten an event",
        _ended(_merged([1, *[10] * 12, 7]), _usage()),
    ),
    _right(
        "sends as many tokens as its guesses were right",
        _ended(_merged([3, 1, 5, 2, 1, 4, 6, 1, 2, 3, 5, 1, 4, 2] * 3 + [8]), _usage()),
        ttft_ms=_at(2),
    ),
    _right(
        "sends half of all tokens in its first event",
        _ended(_merged([64, *[1] * 64]), _usage()),
        ttft_ms=_at(63),
    ),
    _right(
        "sends fragments of any size, counted as they go",
        _ended(_merged([7, 1, 30, 2, 60, 28], counting=True), _usage()),
        ttft_ms=_at(6),
    ),
    _refused(
        "sends four tokens an event and never counts", _chunks(_ended(_merged([4] * 32))), "short"
    ),
    _void(
        "sends four tokens an event and never counts, of any length",
        _ended(_merged([4] * 32)),
        "never counts",
        asked=0,
        tokens=32,
    ),
    _right(
        "stands behind a gateway that keeps 16 events back",
        _ended(_kept_back(16), _usage()),
        ttft_ms=_at(15),
    ),
    _right(
        "stands behind a gateway that keeps 32 events back",
        _ended(_kept_back(32), _usage()),
        ttft_ms=_at(31),
    ),
    _void(
        "stands behind a gateway that keeps everything back",
        _ended(_kept_back(TOKENS), _usage()),
        "no pace",
        ttft_ms=_at(TOKENS - 1),
    ),
    _right(
        "takes three seconds to its first byte",
        [(ms + 2_950, es) for ms, es in _ended(_each(), _usage())],
        ttft_ms=3_000.0,
    ),
    ScriptedAnswer(
        name="sends its head at once and its first event later",
        sent=((5.0, _CHUNKED.encode()), *_chunks(_ended(_each(), _usage()), head="")),
    ),
    ScriptedAnswer(
        name="says that it is working before its first token",
        sent=_chunks([(20.0, [b": OPENROUTER PROCESSING\n\n"]), *_USUAL]),
    ),
    _right(
        "stands still for a second midway",
        [(ms + 1_000 * (ms > 600), es) for ms, es in _ended(_each(), _usage())],
        tpot_ms=(STEP_MS * (TOKENS - 1) + 1_000) / (TOKENS - 1),
    ),
    _right("waits before it says [DONE]", [*_each(), (8_000.0, [_usage(), _DONE])]),
)


def _events_in_thirds() -> TimedEvents:
    """Every event over three chunks, all of one moment."""
    return [
        (ms, [e[at : at + len(e) // 3 + 1] for e in es for at in range(0, len(e), len(e) // 3 + 1)])
        for ms, es in _USUAL
    ]


def _interim(status: str) -> tuple[TimedBytes, ...]:
    (ms, first), *rest = _chunks(_USUAL)
    return ((ms, f"HTTP/1.1 {status}\r\nLink: </a>\r\n\r\n".encode() + first), *rest)


def _behind(more: bytes) -> tuple[TimedBytes, ...]:
    *wire, (ms, last) = _chunks(_USUAL)
    return (*wire, (ms, last + more))


def _wire(name: str, sent: tuple[TimedBytes, ...], **more: Any) -> ScriptedAnswer:
    return ScriptedAnswer(name=name, sent=sent, **more)


_LENGTH = sum(len(event) for _, events in _USUAL for event in events)
_SSE = "Content-Type: text/event-stream\r\n"
_FRAMES = (
    _wire("ends its lines with CR LF", _changed(b"\n", b"\r\n")),
    _wire("ends its lines with CR", _changed(b"\n", b"\r")),
    _wire("ends the lines of HTTP with LF", _on_the_wire(b"\r\n", b"\n")),
    _wire("begins with a byte order mark", _chunks([(5.0, [b"\xef\xbb\xbf: hello\n\n"]), *_USUAL])),
    _wire("leaves no space behind `data:`", _changed(b"data: ", b"data:")),
    _wire("leaves a space behind [DONE]", _changed(b"[DONE]", b"[DONE] ")),
    _wire(
        "names and numbers its events",
        _changed(b"data: ", b"event: message\nid: 7\nretry: 10\ndata: "),
    ),
    _wire(
        "spreads an event over two lines of data", _changed(b'"choices":', b'\ndata: "choices":')
    ),
    _wire("sends comments between its events", _changed(b"data: ", b": ping\n\ndata: ")),
    _wire(
        "sends events that only keep alive",
        _changed(b"data: ", b"event: ping\ndata: now\n\ndata: "),
    ),
    _wire("sends events of nothing", _changed(b"data: ", b"data:\n\ndata: ")),
    _wire("ends an event by LF and CR LF", _changed(b"\n\n", b"\n\r\n")),
    _wire("numbers nothing in an event of its own", _changed(b"data: ", b"id: 1\n\ndata: ")),
    _wire(
        "sends a megabyte of comment first",
        _chunks([(20.0, [b": " + b"x" * 1_000_000 + b"\n\n"]), *_USUAL]),
    ),
    _wire(
        "says that it does not compress",
        _plain(_USUAL, f"HTTP/1.1 200 OK\r\n{_SSE}Content-Encoding: none\r\n\r\n"),
        then="close",
    ),
    _wire("sends more behind its end", _behind(b"\r\n" + _DONE)),
    _wire("extends its chunks", _on_the_wire(b"\r\ndata", b";x=1\r\ndata")),
    _wire(
        "sends trailers",
        _on_the_wire(_DONE + b"\r\n0\r\n", _DONE + b"\r\n0\r\nX-Sum: 1\r\nX-More: 2\r\n"),
    ),
    _wire("spreads an event over several chunks", _chunks(_events_in_thirds())),
    _wire("sends byte by byte", _cut(_chunks(_USUAL), 1)),
    _wire("cuts its packets anywhere", _cut(_chunks(_USUAL), 37)),
    _wire(
        "cuts a character in two",
        _cut(_chunks(_ended([(_at(n), [_say("分" * 3)]) for n in range(TOKENS)], _usage())), 5),
    ),
    _wire(
        "says the length of its stream",
        _plain(_USUAL, f"HTTP/1.1 200 OK\r\n{_SSE}Content-Length: {_LENGTH}\r\n\r\n"),
    ),
    _wire(
        "is of HTTP/1.0 and closes", _plain(_USUAL, f"HTTP/1.0 200 OK\r\n{_SSE}\r\n"), then="close"
    ),
    _wire(
        "says neither length nor chunks, and closes",
        _plain(_USUAL, f"HTTP/1.1 200 OK\r\n{_SSE}\r\n"),
        then="close",
    ),
    _wire("says 100 first", _interim("100 Continue")),
    _wire("says 103 first", _interim("103 Early Hints")),
    _wire("calls its stream JSON", _on_the_wire(b"text/event-stream", b"application/json")),
    _wire(
        "writes its headers as it likes",
        _on_the_wire(b"Transfer-Encoding: chunked", b"transfer-encoding:  Chunked "),
    ),
    _wire(
        "finishes and never says [DONE]",
        _chunks(
            [(ms, [e for e in es if e != _DONE]) for ms, es in _ended(_each(), _STOP, _usage())]
        ),
    ),
    _refused("neither finishes nor says [DONE]", _chunks(_each()), "no_done"),
)


def _until(ms: float) -> tuple[TimedBytes, ...]:
    """The usual answer, cut off at a time."""
    return tuple((at, data) for at, data in _chunks(_USUAL) if at < ms)


_TOLD = b'{"error": {"message": "out of memory", "code": 500}}'
_ANSWER = b'{"choices": [{"message": {"content": "calm"}}], "usage": {"completion_tokens": 128}}'
_HTML = b"<!DOCTYPE html><title>Sign in</title>"
_REFUSALS = (
    _refused(
        "says 429 and when to come again",
        _whole(5.0, "429 Too Many\r\nRetry-After: 30", b"slow down"),
        "http_429",
    ),
    _refused("says 401", _whole(5.0, "401 No", b'{"error": "bad key"}'), "http_401"),
    _refused("says 402", _whole(5.0, "402 Payment Required", b"top up"), "http_402"),
    _refused("says 404", _whole(5.0, "404 Not Found", b"no such model"), "http_404"),
    _refused("says 422", _whole(5.0, "422 No", b'{"detail": "unknown field"}'), "http_422"),
    _refused("says 500 in HTML", _whole(5.0, "500 Oops", _HTML), "http_500"),
    _refused("says 502 from its gateway", _whole(5.0, "502 Bad Gateway", _HTML), "http_502"),
    _refused(
        "says 503 in chunks",
        (
            (
                5.0,
                b"HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n"
                + _chunk(b"no")
                + _LAST_CHUNK,
            ),
        ),
        "http_503",
    ),
    _refused(
        "says that there is nothing", ((5.0, b"HTTP/1.1 204 No Content\r\n\r\n"),), "http_204"
    ),
    _refused(
        "sends elsewhere", _whole(5.0, "307 Temporary Redirect\r\nLocation: /v2", b""), "http_307"
    ),
    _refused(
        "compresses",
        (
            (
                5.0,
                _CHUNKED.replace("\r\n\r\n", "\r\nContent-Encoding: gzip\r\n\r\n").encode()
                + _chunk(b"\x1f\x8b\x08")
                + _LAST_CHUNK,
            ),
        ),
        "compressed",
    ),
    _refused(
        "compresses and does not say so",
        ((5.0, _CHUNKED.encode() + _chunk(b"\x1f\x8b\x08") + _LAST_CHUNK),),
        "compressed",
    ),
    _refused(
        "says how much comes, and sends more",
        _plain(_USUAL, f"HTTP/1.1 200 OK\r\n{_SSE}Content-Length: {_LENGTH // 2}\r\n\r\n"),
        "no_done",
    ),
    _refused(
        "says how much comes, and sends less",
        _plain(_USUAL, f"HTTP/1.1 200 OK\r\n{_SSE}Content-Length: {2 * _LENGTH}\r\n\r\n"),
        "closed_early",
        then="close",
    ),
    _refused(
        "begins its head and never ends it",
        ((5.0, b"HTTP/1.1 200 OK\r\n"), *((6.0 + n, b"X: " + b"x" * 40_000) for n in range(3))),
        "garbage",
    ),
    _refused(
        "says 103 and nothing else, over and over",
        tuple((5.0 + n, b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000) for n in range(3)),
        "garbage",
    ),
    _refused(
        "sends a chunk of less than nothing",
        ((5.0, _CHUNKED.encode() + b"5\r\nhello\r\n-6\r\n" + _LAST_CHUNK),),
        "garbage",
    ),
    _refused(
        "sends a chunk larger than any machine",
        ((5.0, _CHUNKED.encode() + b"F" * 40 + b"\r\nhello\r\n" + _LAST_CHUNK),),
        "garbage",
    ),
    _refused("says a status of four digits", _whole(5.0, "2000 OK", b"hello"), "garbage"),
    _refused("says 200 and sends an error", _whole(5.0, "200 OK", _TOLD), "not_streamed"),
    _refused("sends its answer in one piece", _whole(900.0, "200 OK", _ANSWER), "not_streamed"),
    _refused(
        "sends lines of JSON",
        _whole(5.0, "200 OK", b'{"response": "calm"}\n{"done": true}\n'),
        "not_streamed",
    ),
    _refused("says 200 and sends a page to sign in", _whole(5.0, "200 OK", _HTML), "garbage"),
    _refused("says 200 and sends nothing", _whole(5.0, "200 OK", b""), "no_done"),
    _refused(
        "sends an error in place of the first event",
        _chunks([(50.0, [b"data: " + _TOLD + b"\n\n"])]),
        "error_event",
    ),
    _refused(
        "sends an error midway",
        _chunks([*_each(tokens=range(60)), (_at(60), [b"data: " + _TOLD + b"\n\n", _DONE])]),
        "error_event",
    ),
    _refused(
        "sends an error as an object of that kind",
        _chunks(
            _ended(_each(), _event({"object": "error", "message": "out of memory", "code": 500}))
        ),
        "error_event",
    ),
    _refused(
        "sends an error under that name",
        _chunks(_ended(_each(), b"event: error\n" + _event({"message": "out of memory"}))),
        "error_event",
    ),
    _refused(
        "sends half an event at the end",
        _chunks([*_each(), (_at(TOKENS), [b'data: {"choices": [{"del'])]),
        "closed_early",
    ),
    _refused(
        "sends an event that is not JSON", _chunks(_ended(_each(), b"data: {oops}\n\n")), "garbage"
    ),
    _refused(
        "sends an event that is a list", _chunks(_ended(_each(), b"data: [1, 2]\n\n")), "garbage"
    ),
    _refused(
        "sends a chunk without a size",
        ((5.0, _CHUNKED.encode() + b"zz\r\nhello\r\n" + _LAST_CHUNK),),
        "garbage",
    ),
    _refused("sends no HTTP", ((5.0, b"SSH-2.0-OpenSSH_9.9\r\n\r\n"),), "garbage"),
    _refused(
        "speaks HTTP/2 only", ((5.0, b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03"),), "garbage"
    ),
    _refused("hangs before its head", (), "timeout"),
    _refused("hangs within its head", ((5.0, _CHUNKED.encode()[:30]),), "timeout"),
    _refused("hangs midway", _until(600.0), "timeout"),
    _refused(
        "never ends",
        tuple((_at(n), d) for n, d in enumerate([_CHUNKED.encode(), *[_chunk(_say("w"))] * 500])),
        "timeout",
    ),
    _refused("closes before its head", (), "closed_early", then="close"),
    _refused("closes midway", _until(600.0), "closed_early", then="close"),
    _refused("resets midway", _until(600.0), "reset", then="reset"),
)


def _typed(kind: str, **more: Any) -> bytes:
    """An event of the Responses API."""
    return f"event: {kind}\n".encode() + _event({"type": kind, "sequence_number": 1, **more})


def _deltas(kind: str, tokens: Iterable[int] = range(TOKENS)) -> TimedEvents:
    return [(_at(n), [_typed(f"response.{kind}.delta", delta=_word(n))]) for n in tokens]


def _responded(
    timeline: TimedEvents, kind: str = "response.completed", **response: dict[str, Any]
) -> TimedEvents:
    """As the Responses API begins and ends; it has no [DONE]."""
    begun = [_typed("response.created", response={}), _typed("response.in_progress", response={})]
    counted = {"input_tokens": INPUT_TOKENS, "output_tokens": TOKENS}
    last = _typed(kind, response={"usage": counted, **response})
    whole = "".join(map(_word, range(TOKENS)))
    done = _typed("response.output_text.done", text=whole)
    return [(10.0, begun), *timeline, (timeline[-1][0], [done, last])]


_OUT_OF_TOKENS = {"incomplete_details": {"reason": "max_output_tokens"}}
_FILTERED = {"incomplete_details": {"reason": "content_filter"}}
_THOUGHT_OVER: dict[str, Any] = {
    "usage": {
        "input_tokens": INPUT_TOKENS,
        "output_tokens": TOKENS,
        "output_tokens_details": {"reasoning_tokens": 100},
    }
}
_RESPONSES = (
    _right("answers by events of the Responses API", _responded(_deltas("output_text"))),
    _right(
        "says there that its answer is incomplete for its length",
        _responded(_deltas("output_text"), "response.incomplete", **_OUT_OF_TOKENS),
    ),
    _right(
        "thinks aloud there",
        _responded(
            [*_deltas("reasoning_text", range(100)), *_deltas("output_text", _FINAL_STRETCH)]
        ),
        ttfo_ms=_at(100),
    ),
    _void(
        "shows there a summary of its thoughts, written by another model",
        _responded(
            [
                *_deltas("reasoning_summary_text", range(0, 100, 20)),
                *_deltas("output_text", _FINAL_STRETCH),
            ],
            **_THOUGHT_OVER,
        ),
        "hide their thoughts",
        tokens=28,
        ttfo_ms=_at(100),
    ),
    _right("calls a tool there", _responded(_deltas("function_call_arguments"))),
    _refused(
        "is stopped there by a filter",
        _chunks(_responded(_deltas("output_text"), "response.incomplete", **_FILTERED)),
        "content_filter",
    ),
    _refused(
        "fails there",
        _chunks(
            _responded(
                _deltas("output_text", range(60)), "response.failed", error={"message": "no"}
            )
        ),
        "error_event",
    ),
    _refused(
        "sends an error there",
        _chunks([*_deltas("output_text", range(60)), (_at(60), [_typed("error", message="no")])]),
        "error_event",
    ),
    _refused("stops there without an end", _chunks(_deltas("output_text")), "no_done"),
)

BEHAVIOURS: tuple[ScriptedAnswer, ...] = (
    *_COUNTS,
    *_TEXTS,
    *_PACE,
    *_FRAMES,
    *_REFUSALS,
    *_RESPONSES,
)
