"""Every option of a run, once: name, type, bounds, help, whose it is, and who may set it.

The command line, plans, signed statements, `reproduce`, estimates and forecasts all read this
table; an option is added by adding an entry.
"""

from __future__ import annotations

import inspect
import math
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from results.economy.money_options import MONEY_OPTIONS
from suites.base.errors import UserError
from suites.base.labels import MOST_CHIPS
from suites.base.parameters import with_parameters
from suites.client.vocabulary import MOST_TOKENS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = [
    "DEFAULT_SUITES",
    "OPTIONS",
    "SUITES",
    "RunOption",
    "by_key",
    "by_name",
    "of_suite",
    "with_options",
]

# In the order they run: what the chip can do, what an engine makes of it, what users see.
DEFAULT_SUITES = ("kernels", "inference", "serving")
# Questions are asked of the server that another suite measures, after it.
SUITES = (*DEFAULT_SUITES, "quality")
_ENGINES = ("inference", "serving")
_LOAD = ("serving",)
_QUALITY = ("quality",)

# A signed statement's list holds at most this many values (`results.statement.statement.Option`).
_LONGEST_LIST = 1024
_LONGEST_TEXT = 4096
# One printable word; a leading dash would make it a flag of the program it is given to.
_WORD = r"[A-Za-z0-9][\w.:-]{0,127}"
# As hubs and servers name models, owner/name:tag; what ends like this would be read as a file here.
_MODEL = r"(?!.*\.(toml|json|gguf)$)[A-Za-z0-9][\w.:/@+ -]{0,255}"
_POOL = r"\d{1,6}x((tp|pp|dp|ep)\d{1,6})+"
_DAY_S = 86_400
_ARTICLED = {
    "file": "a file",
    "program": "a program to execute",
    "address": "an address",
    "secret": "a secret",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOption:
    """One option of a run.

    Attributes:
        name: parameter of `fenmark run`, and key in a plan.
        key: name in a run's options and in a signed statement, where it differs.
        kind: type of one value.
        many: how several values are given: "comma" in one text, "again" by repeating the flag.
        least, most: bounds of a number, both allowed; with `above` the least itself is not.
        pattern: what a text must match whole.
        word: a text that may stand in place of a number.
        foreign: what it must match besides where it comes from a stranger's statement.
        default: shown by --help; None where each suite has its own.
        suites: which read it; empty for the run itself.
        holds: what a value is: a plain "value", or something of one machine only: a "file", a
            "program" to execute, an "address", or the name of a "secret".
        stated: what a signed result says of it: its "value", the "text" of its file, or "no".
        asked: whether a stranger's statement sets it only with the reader's explicit yes.
        derived: found by the run itself; no flag and no plan sets it.
        planned: whether a plan may set it.
        speaks: whether its value says by itself what it is, in a cell's label.
    """

    name: str
    help: str = ""
    key: str = ""
    kind: type[str | int | float | bool] = str
    many: Literal["", "comma", "again"] = ""
    least: float = -math.inf
    most: float = math.inf
    above: bool = False
    pattern: str = ""
    word: str = ""
    foreign: str = ""
    default: str | int | None = None
    unit: str = ""
    suites: tuple[str, ...] = SUITES
    holds: Literal["value", "file", "program", "address", "secret"] = "value"
    stated: Literal["value", "text", "no"] = "value"
    asked: bool = False
    derived: bool = False
    planned: bool = True
    speaks: bool = False

    @property
    def located(self) -> bool:
        """Whether it says where a machine finds things, not what it is asked to do."""
        return self.holds in {"address", "secret"} or self.name == "meter_trace"

    @property
    def flag(self) -> str:
        """As typed on a command line."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def in_statement(self) -> str:
        """Its name in a run's options and in a signed statement."""
        return self.key or self.name

    def from_text(self, given: Any) -> Any:
        """Read what a command line or a plan gives: a text, a number, a path, a list of them.

        Raises:
            UserError: it is of another type or out of bounds; names the flag.
        """
        if self.holds == "file":
            # The cells' processes may work elsewhere.
            return [_absolute(path) for path in given] if self.many else _absolute(given)
        if self.many == "comma" and isinstance(given, str):
            given = [part.strip() for part in given.split(",") if part.strip()]
            if self.kind is not str:
                given = self._numbers(given)
        if self.word and isinstance(given, str) and given != self.word:
            (given,) = self._numbers([given])
        return self.checked(given, self.flag)

    def from_stranger(self, value: Any, where: str) -> Any:
        """Return a value that somebody else's statement gives.

        Raises:
            UserError: it is of this machine alone, of another type or out of bounds.
        """
        if self.holds != "value" and self.stated != "text":
            raise UserError(
                f"names {_ARTICLED[self.holds]}",
                where=where,
                expected="nothing of one machine only",
                remedy=f"such a statement never decides it; {self.flag} is the reader's own",
            )
        if self.derived and self.stated == "no":
            raise UserError("is not for a statement", where=where, expected="no such option")
        value = self.checked(value, where)
        if self.foreign and not re.fullmatch(self.foreign, str(value), re.ASCII):
            raise UserError(f"{_shown(value)} will not do", where=where, expected="a plain name")
        return value

    def checked(self, value: Any, where: str) -> Any:
        """Return a value of the right type and within bounds.

        Args:
            value: as JSON or TOML has it; a list where there may be many.
            where: flag or field, for the message.

        Raises:
            UserError: it is not.
        """
        if not self.many:
            return self._single(value, where)
        if not isinstance(value, (list, tuple)) or not 1 <= len(value) <= _LONGEST_LIST:
            raise UserError(
                f"{_shown(value)} is not a list of values",
                where=where,
                expected=f"1 to {_LONGEST_LIST} of them",
            )
        return [self._single(item, where) for item in value]

    def _single(self, value: Any, where: str) -> Any:
        if self.kind is str:
            return self._text(value, where)
        if self.word and value == self.word:
            return value
        if self.kind is bool:
            if not isinstance(value, bool):
                raise UserError(
                    f"{_shown(value)} will not do", where=where, expected="true or false"
                )
            return value
        number = isinstance(value, (int, float) if self.kind is float else int)
        if not number or isinstance(value, bool) or not self._within(value):
            raise UserError(f"{_shown(value)} will not do", where=where, expected=self.expected)
        return value

    def _text(self, value: Any, where: str) -> str:
        longest = 2**20 if self.stated == "text" else _LONGEST_TEXT
        if not isinstance(value, str) or not value or len(value) > longest:
            raise UserError(f"{_shown(value)} will not do", where=where, expected="a text")
        if self.pattern and not re.fullmatch(self.pattern, value, re.ASCII):
            raise UserError(f"{_shown(value)} will not do", where=where, expected=self.expected)
        return value

    def _within(self, value: float) -> bool:
        above_least = value > self.least if self.above else value >= self.least
        return above_least and value <= self.most and math.isfinite(value)

    @property
    def expected(self) -> str:
        """What a value must be, in words."""
        if self.kind is str:
            return f"a text such as {self.pattern}" if self.pattern else "a text"
        noun = "a whole number" if self.kind is int else "a number"
        bounds = [
            f"{'above' if self.above else 'from'} {self.least:g}" * math.isfinite(self.least),
            f"to {self.most:g}" * math.isfinite(self.most),
        ]
        described = " ".join(
            part for part in (noun, self.unit and f"in {self.unit}", *bounds) if part
        )
        return f"{described}, or {self.word}" if self.word else described

    def _numbers(self, words: Iterable[str]) -> list[Any]:
        try:
            return [self.kind(word) for word in words]
        except ValueError as error:
            raise UserError(
                f"{','.join(words)!r} is not a list of numbers",
                where=self.flag,
                expected="such as 1,4,16",
            ) from error


_OF_RUN: dict[str, Any] = {"suites": (), "stated": "no"}
_LOCAL: dict[str, Any] = {"stated": "no"}
# Money is derived when a result is shown: no plan sets it, and no result states it.
_MONEY: dict[str, Any] = {**_OF_RUN, "planned": False}


# One line an option, in the order of `fenmark run --help`.
OPTIONS: tuple[RunOption, ...] = (
    RunOption(
        name="suite",
        help="Comma-separated: kernels,inference,serving; quality beside one of the last two.",
        default=",".join(DEFAULT_SUITES),
        speaks=True,
        **_OF_RUN,
    ),
    RunOption(
        name="profile", help="quick, standard or full.", default="quick", speaks=True, **_OF_RUN
    ),
    RunOption(name="case", help="Only cases matching this pattern, such as 'gemm*'.", speaks=True),
    RunOption(
        name="backend",
        help="Kernel backends, comma-separated: numpy,torch,cupy.",
        many="comma",
        pattern=_WORD,
        suites=("kernels",),
        speaks=True,
    ),
    RunOption(
        name="model",
        help="Model: an id, a config.json, .gguf or .toml file, ./FOLDER, or a served name.",
        foreign=_MODEL,
        speaks=True,
    ),
    RunOption(
        name="weights",
        help="GGUF file, or model folder, instead of random weights.",
        suites=_ENGINES,
        holds="file",
        **_LOCAL,
    ),
    RunOption(
        name="reference",
        help="Continuations the engine must give; made by `fenmark reference`.",
        suites=_ENGINES,
        holds="file",
        **_LOCAL,
    ),
    RunOption(
        name="power_cap_w",
        help="Hold each chip at so many watts during the run; the old limit comes back.",
        kind=float,
        least=1,
        most=10_000,
        unit="W",
        # It changes a machine: a stranger's statement sets it with the reader's yes alone.
        asked=True,
    ),
    RunOption(name="threads", help="Engine threads.", kind=int, least=1, most=65_536),
    RunOption(
        name="engine",
        help="llama.cpp (default), vllm, vllm:cpu, sglang, …; see the engines page.",
        pattern=_WORD,
        suites=_ENGINES,
        speaks=True,
    ),
    RunOption(
        name="engine_program",
        help="Its program, if not on PATH: words as in a shell.",
        suites=_ENGINES,
        holds="program",
        **_LOCAL,
    ),
    RunOption(
        name="engine_flag",
        key="engine_flags",
        help="Added to its command line; may be repeated.",
        many="again",
        suites=_ENGINES,
        asked=True,
    ),
    RunOption(
        name="engine_image", help="Image it runs in, as NAME@sha256:DIGEST.", suites=_ENGINES
    ),
    RunOption(
        name="dtype",
        help="The engine's name of a precision.",
        pattern=_WORD,
        suites=_ENGINES,
        speaks=True,
    ),
    RunOption(
        name="tp", help="Tensor parallelism.", kind=int, least=1, most=100_000, suites=_ENGINES
    ),
    RunOption(
        name="pp", help="Pipeline parallelism.", kind=int, least=1, most=100_000, suites=_ENGINES
    ),
    RunOption(
        name="dp", help="Data parallelism.", kind=int, least=1, most=100_000, suites=_ENGINES
    ),
    RunOption(
        name="ep", help="Expert parallelism.", kind=int, least=1, most=100_000, suites=_ENGINES
    ),
    RunOption(
        name="speculation",
        help="The engine drafts tokens by this method of its own, such as ngram or mtp.",
        pattern=_WORD,
        suites=_ENGINES,
        speaks=True,
    ),
    RunOption(
        name="draft_tokens",
        help="Speculation: tokens drafted a step.",
        kind=int,
        least=1,
        most=1024,
        suites=_ENGINES,
    ),
    RunOption(
        name="acceptance_length",
        help="Speculation: tokens a step, pinned where we start the engine, else stated.",
        kind=float,
        least=1,
        most=1025,
        suites=_ENGINES,
    ),
    RunOption(
        name="acceptance_rates",
        help="Speculation: share of drafts accepted up to each place, likewise: 0.8,0.5.",
        kind=float,
        least=0,
        most=1,
        many="comma",
        suites=_ENGINES,
    ),
    RunOption(
        name="seed",
        help="Seeds every generated input; drawn afresh for each run, and stated, if not given.",
        kind=int,
        least=0,
        most=2**53 - 1,
        **_OF_RUN,
    ),
    RunOption(
        name="endpoint",
        help="A running OpenAI-compatible server to measure; several with commas between.",
        suites=_ENGINES,
        holds="address",
        **_LOCAL,
    ),
    RunOption(
        name="preset",
        help="How a known service or server is asked; `fenmark run --presets` lists them.",
        pattern=_WORD,
        suites=_ENGINES,
        speaks=True,
    ),
    RunOption(
        name="chip",
        help="Catalogue id of the chip behind --endpoint.",
        pattern=_WORD,
        suites=_ENGINES,
    ),
    RunOption(
        name="chips", help="How many of them.", kind=int, least=1, most=MOST_CHIPS, suites=_ENGINES
    ),
    RunOption(
        name="prefill_pool",
        help="Disaggregated endpoint: its prefill instances, such as 2xtp8.",
        pattern=_POOL,
        suites=_ENGINES,
    ),
    RunOption(
        name="decode_pool",
        help="Its decode instances, such as 1xdp32ep32.",
        pattern=_POOL,
        suites=_ENGINES,
    ),
    RunOption(
        name="api",
        help="completions (default), chat, responses, embeddings or rerank.",
        pattern=_WORD,
        suites=_ENGINES,
        speaks=True,
    ),
    RunOption(
        name="documents",
        help="Rerank: documents a question, 8 by default.",
        kind=int,
        least=1,
        most=10_000,
        suites=_LOAD,
    ),
    RunOption(
        name="concurrency",
        help="Closed loop, comma-separated: 1,64,512.",
        kind=int,
        many="comma",
        least=1,
        most=1_000_000,
        suites=_LOAD,
    ),
    RunOption(
        name="rate",
        help="Open loop, requests per second: 10,50.",
        kind=float,
        many="comma",
        least=0,
        above=True,
        most=1e7,
        unit="requests/s",
        suites=_LOAD,
    ),
    RunOption(
        name="users",
        help="Serving: people in conversation at a time, comma-separated; see --turns.",
        kind=int,
        many="comma",
        least=1,
        most=1_000_000,
        suites=_LOAD,
    ),
    RunOption(
        name="agents",
        help="Serving: agents in a session at a time, comma-separated; see --turns.",
        kind=int,
        many="comma",
        least=1,
        most=1_000_000,
        suites=_LOAD,
    ),
    RunOption(
        name="turns",
        help="Requests of each conversation, 4 by default; its prompt grows with each.",
        kind=int,
        least=1,
        most=4096,
        suites=_LOAD,
    ),
    RunOption(
        name="turn_isl",
        help="Input tokens each further turn adds: a message or a tool's result; --isl by default.",
        kind=int,
        least=1,
        most=MOST_TOKENS,
        unit="tokens",
        suites=_LOAD,
    ),
    RunOption(
        name="think_time",
        help="Seconds before each further turn: 5, exponential:5, uniform:2-8, lognormal:5:1.2.",
        pattern=r"[a-z]{0,16}:?[\d.]{1,16}([:-][\d.]{1,16})?",
        suites=_LOAD,
    ),
    RunOption(
        name="sub_agents",
        help="Sub-agents that run side by side once in each agent's session.",
        kind=int,
        least=0,
        most=1024,
        suites=_LOAD,
    ),
    RunOption(
        name="cache_target",
        help="Share of all input tokens that earlier prompts of the load began with: 0.9.",
        kind=float,
        least=0,
        most=0.9999,
        suites=_LOAD,
    ),
    RunOption(
        name="images",
        help="Images of noise in every prompt of a chat, each another.",
        kind=int,
        least=0,
        most=1024,
        suites=_LOAD,
    ),
    RunOption(
        name="image_size",
        help="Their size in pixels, 512x512 by default.",
        pattern=r"\d{1,4}x\d{1,4}",
        suites=_LOAD,
    ),
    RunOption(
        name="audio",
        help="Seconds of noise in every prompt of a chat, as WAV at 16 kHz.",
        kind=float,
        least=0,
        above=True,
        most=3600,
        unit="s",
        suites=_LOAD,
    ),
    RunOption(
        name="lora_mix",
        help="Adapters that requests name, with weights, comma-separated: sql:3,chat:1.",
        many="comma",
        pattern=r"[A-Za-z0-9][\w./@+:-]{0,160}",
        suites=_LOAD,
    ),
    RunOption(
        name="ramp",
        help="Serving: steps from the first to the last of two rates or concurrencies.",
        kind=int,
        least=2,
        most=1000,
        suites=_LOAD,
    ),
    RunOption(
        name="arrival", help="poisson, constant, burst or gamma.", pattern=_WORD, suites=_LOAD
    ),
    RunOption(
        name="burstiness",
        help="Gamma arrivals: 1 is Poisson, below is burstier.",
        kind=float,
        least=0.01,
        most=1e6,
        suites=_LOAD,
    ),
    RunOption(
        name="isl",
        help="Input tokens per request.",
        kind=int,
        least=1,
        most=MOST_TOKENS,
        unit="tokens",
        suites=_LOAD,
    ),
    RunOption(
        name="osl",
        help="Output tokens per request; natural lets the model end its answers.",
        kind=int,
        word="natural",
        least=2,
        most=MOST_TOKENS,
        unit="tokens",
        suites=_LOAD,
    ),
    RunOption(
        name="isl_spread",
        help="Input tokens uniform within this share of --isl to both sides: 0.2.",
        kind=float,
        least=0,
        most=0.99,
        suites=_LOAD,
    ),
    RunOption(
        name="osl_spread",
        help="Likewise output tokens.",
        kind=float,
        least=0,
        most=0.99,
        suites=_LOAD,
    ),
    RunOption(
        name="lengths",
        help="Serving: JSONL of request lengths (isl, osl), in place of both.",
        suites=_LOAD,
        holds="file",
        **_LOCAL,
    ),
    RunOption(
        name="requests",
        help="Requests per point.",
        kind=int,
        least=1,
        most=100_000_000,
        suites=_LOAD,
    ),
    RunOption(
        name="duration",
        help="Seconds per point, instead of --requests.",
        kind=float,
        least=1,
        most=30 * _DAY_S,
        unit="s",
        suites=_LOAD,
    ),
    RunOption(
        name="questions",
        help="Quality: how many are asked: 600; 110 in the quick profile, 2000 in the full one.",
        kind=int,
        least=11,
        most=2000,
        suites=_QUALITY,
    ),
    RunOption(
        name="question_api",
        help="Quality: chat (default) or completions.",
        pattern="chat|completions",
        suites=_QUALITY,
    ),
    RunOption(
        name="answer_tokens",
        help="Quality: most tokens of an answer, 2048 by default; 256 in the quick profile.",
        kind=int,
        least=1,
        most=100_000,
        unit="tokens",
        suites=_QUALITY,
    ),
    RunOption(
        name="temperature",
        help="Quality: of sampling, 0 (greedy) by default.",
        kind=float,
        least=0,
        most=2,
        suites=_QUALITY,
    ),
    RunOption(
        name="quality_reference",
        help="Quality: what trusted weights answered, as `fenmark quality --record` wrote it.",
        suites=_QUALITY,
        holds="file",
        **_LOCAL,
    ),
    RunOption(
        name="hidden_share",
        help="Quality: share of the load's requests that are questions; 0.05 of text, 0: none.",
        kind=float,
        least=0,
        most=0.5,
        suites=_QUALITY,
    ),
    RunOption(
        name="slo_ttft",
        help="Goodput: TTFT limit in ms.",
        kind=float,
        least=0,
        above=True,
        most=1e9,
        unit="ms",
        suites=_LOAD,
    ),
    RunOption(
        name="slo_tpot",
        help="Goodput: TPOT limit in ms.",
        kind=float,
        least=0,
        above=True,
        most=1e9,
        unit="ms",
        suites=_LOAD,
    ),
    RunOption(
        name="search",
        help="Serving: rate, concurrency, users or agents; finds the most that meet the limits.",
        pattern="rate|concurrency|users|agents",
        suites=_LOAD,
    ),
    RunOption(
        name="goodput_share",
        help="Search: share of the requests that has to meet them, 0.9 by default.",
        kind=float,
        least=0.5,
        most=0.999,
        suites=_LOAD,
    ),
    RunOption(
        name="processes",
        help="Processes of the load generator.",
        kind=int,
        least=1,
        most=4096,
        suites=_LOAD,
    ),
    RunOption(
        name="metrics",
        help="Serving: the endpoint's Prometheus metrics, read beside the load: URL.",
        suites=_LOAD,
        holds="address",
        **_LOCAL,
    ),
    RunOption(
        name="telemetry",
        help="DCGM, node or IPMI exporter of a host behind --endpoint: URL, or URL#0,1; repeat it.",
        many="again",
        suites=_ENGINES,
        holds="address",
        **_LOCAL,
    ),
    RunOption(
        name="fleet",
        help="Serving: nodes of a Ray cluster make the load: ray://HOST:PORT.",
        suites=_LOAD,
        holds="address",
        **_LOCAL,
    ),
    RunOption(
        name="sweep",
        help="Serving: TOML of a sweep that finds the concurrencies.",
        suites=_LOAD,
        holds="file",
        stated="text",
    ),
    RunOption(
        name="trace",
        help="Serving: requests to replay: JSONL, or a trace of Mooncake, Azure or BurstGPT.",
        suites=_LOAD,
        holds="file",
        **_LOCAL,
    ),
    RunOption(
        name="trace_speed",
        help="Replay this many times as fast.",
        kind=float,
        least=0,
        above=True,
        most=1e6,
        suites=_LOAD,
    ),
    RunOption(
        name="shared_prefix",
        help="Share of every prompt all have in common, 0 by default.",
        kind=float,
        least=0,
        most=1,
        suites=_LOAD,
    ),
    RunOption(
        name="tokenizer",
        help="tokenizer.json: prompts of exact length as text, and answers counted by it.",
        suites=_ENGINES,
        holds="file",
        **_LOCAL,
    ),
    RunOption(
        name="request_limit",
        help="Seconds after which a request has failed, 600 by default.",
        kind=float,
        least=0,
        above=True,
        most=_DAY_S,
        unit="s",
        suites=_LOAD,
    ),
    RunOption(
        name="api_key_env",
        help="Variable that holds the endpoint's API key.",
        suites=_ENGINES,
        holds="secret",
        **_LOCAL,
    ),
    RunOption(
        name="header",
        help="Further header of every request, NAME: VALUE; may be repeated.",
        many="again",
        pattern=r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}: ?[\x20-\x7e]{0,4096}",
        suites=_ENGINES,
        holds="secret",
        **_LOCAL,
    ),
    RunOption(
        name="extra_body",
        help="Further fields of every request, as a JSON object; they win over ours.",
        suites=_ENGINES,
        asked=True,
    ),
    RunOption(
        name="drop_field",
        help="Field of ours that the endpoint does not take; may be repeated.",
        many="again",
        pattern=_WORD,
        suites=_ENGINES,
    ),
    RunOption(
        name="max_tokens_field",
        help="Its name for the most output tokens, such as max_completion_tokens.",
        pattern=_WORD,
        suites=_ENGINES,
    ),
    RunOption(
        name="ca",
        help="PEM file of the authorities that vouch for the endpoint.",
        suites=_ENGINES,
        holds="file",
        **_LOCAL,
    ),
    RunOption(
        name="insecure",
        help="Take any certificate from the endpoint.",
        kind=bool,
        suites=_ENGINES,
        **_LOCAL,
    ),
    RunOption(
        name="samples",
        help="Parquet file with a row per serving request.",
        suites=_LOAD,
        holds="file",
        planned=False,
        **_LOCAL,
    ),
    RunOption(
        name="meter_trace",
        help="A file a wall meter writes meanwhile: CSV or SPEC PTDaemon log.",
        many="again",
        holds="file",
        **_LOCAL,
    ),
    RunOption(
        name="meter",
        help="A wall meter of yours: shelly:HOST, tasmota:HOST, kasa:HOST, nut:HOST/UPS, "
        "yokogawa:HOST, snmp:HOST/OID*FACTOR, rdtech:PORT, home-assistant:URL/sensor.NAME; "
        ",accuracy=1 in %.",
        many="again",
        holds="address",
        **_LOCAL,
    ),
    *(
        RunOption(
            name=option.name,
            help=option.help,
            holds="file" if option.is_file else "value",
            **_MONEY,
        )
        for option in MONEY_OPTIONS
    ),
    # Found by the run itself: the model cache, the catalogue's limits of the chip, and how long
    # a meter must see a case.
    RunOption(name="cache", derived=True, suites=_ENGINES, holds="file", **_LOCAL),
    RunOption(name="datasheet", derived=True, suites=("kernels",), **_LOCAL),
    RunOption(
        name="energy_hold_s",
        derived=True,
        kind=float,
        least=0,
        most=_DAY_S,
        unit="s",
        suites=("kernels",),
    ),
)


@cache
def by_name() -> dict[str, RunOption]:
    """Options that a command line or a plan may name."""
    return {option.name: option for option in OPTIONS if not option.derived}


@cache
def by_key() -> dict[str, RunOption]:
    """Options of the suites, by their name in a run's options and in a statement."""
    return {option.in_statement: option for option in OPTIONS if option.suites}


def of_suite(suite: str) -> list[RunOption]:
    """Options that a suite reads."""
    return [option for option in OPTIONS if suite in option.suites]


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command every option of the table; it takes them as keyword arguments."""
    import typer

    return with_parameters(
        command,
        before=[
            inspect.Parameter(
                option.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=option.default,
                annotation=Annotated[_on_command_line(option), _typer_option(typer, option)],
            )
            for option in by_name().values()
        ],
    )


def _on_command_line(option: RunOption) -> Any:
    if option.many == "comma":
        return str | None
    value: Any = Path if option.holds == "file" else str if option.word else option.kind
    return (list[value] if option.many else value) | None


def _typer_option(typer: Any, option: RunOption) -> Any:
    bounds = {}
    numbers = option.kind in {int, float} and not option.word
    if numbers and not option.many and not option.above:
        bounds = {"min": option.kind(option.least), "max": option.kind(option.most)}
    return typer.Option(option.flag, help=option.help, **bounds)


def _absolute(path: str | Path) -> str:
    return str(Path(path).absolute())


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}…"
