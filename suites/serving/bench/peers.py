"""The clients that `compare` sets ours beside: where each is, how it is run, what it reports.

Each but httpx has an environment of its own; some bring torch, gigabytes of it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

from suites.base.errors import UserError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping, Sequence

__all__ = [
    "CLIENTS",
    "OFFLINE",
    "TOKENS",
    "Client",
    "Peers",
    "SeenRequest",
    "gaps_ms",
    "write_tokenizer",
]

TOKENS = 64
# Requests of each stream: fewer, and what a client takes to start counts for much of its events.
ROUNDS = 6
# For what asks a hub for the model's name, for half a minute.
OFFLINE = {"HF_HUB_OFFLINE": "1"}
_INSTALL_LIMIT_S = 1800
_LOOK_LIMIT_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenRequest:
    """One request as its client reports it, times in ms.

    Attributes:
        name: what the emitter's log calls it: its response's id, its X-Request-ID, or the time at
            which its first event was sent; "" where the client says none, and reports them all.
        ttft_ms: from when the client says that it sent it.
        gaps_ms: as many as the client gives.
    """

    name: str
    ttft_ms: float
    gaps_ms: Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client to compare with.

    Attributes:
        name: as the table has it.
        package: what is installed for it, "" for nothing.
        arguments: behind its python, from URL, streams and a folder of its own.
        read: what it reported, from its standard output and that folder.
        environment: variables of its own.
        note: what a reader must know of its figures.
    """

    name: str
    package: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    arguments: Callable[[str, int, Path], list[str]]
    read: Callable[[str, Path], list[SeenRequest]]
    note: str = ""


class _Packaged(Protocol):
    """What has a name in the tables, and perhaps a package that brings it."""

    @property
    def name(self) -> str: ...
    @property
    def package(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Peers:
    """Where clients are installed.

    Attributes:
        home: folder with an environment for each, by its name.
        given: interpreters that have a client already, by its name.
        may_install: whether what is absent is installed into `home`.
    """

    home: Path
    given: Mapping[str, str] = field(default_factory=dict)
    may_install: bool = False

    @staticmethod
    def add_options(parser: argparse.ArgumentParser) -> None:
        """Let a command say where they are."""
        parser.add_argument("--folder", type=Path, default=Path(".nox/peers"))
        parser.add_argument("--install", action="store_true", help="install what is absent there")
        parser.add_argument(
            "--peer",
            action="append",
            default=[],
            metavar="NAME=PYTHON",
            help="an interpreter that has this client already; may be repeated",
        )

    @classmethod
    def from_options(cls, options: argparse.Namespace) -> Self:
        """Read what `add_options` added.

        Raises:
            UserError: a peer without a name or an interpreter.
        """
        given = dict(pair.partition("=")[::2] for pair in options.peer)
        for name, python in given.items():
            if not name or not Path(python).is_file():
                raise UserError(
                    f"no interpreter at {python!r}", where="--peer", expected="NAME=PYTHON"
                )
        home = options.folder.absolute()
        return cls(home=home, given=given, may_install=options.install)

    def python(self, client: _Packaged) -> str:
        """Path of the interpreter that the client runs on."""
        if not client.package:
            return sys.executable
        own = self.home / client.name / "bin" / "python"
        return self.given.get(client.name) or str(own)

    def version(self, client: _Packaged) -> str:
        """Version of the client's package there; "" where it has none or is absent."""
        package = client.package.partition("[")[0]
        if not package:
            return ""
        look = f"from importlib.metadata import version; print(version({package!r}))"
        out, problem = _ran([self.python(client), "-c", look], _LOOK_LIMIT_S)
        return "" if problem else out.strip()

    def missing(self, client: _Packaged) -> str:
        """Say what installs a client that is absent, or why it cannot be; "" for one that is here.

        Installs it where that is allowed.
        """
        if not client.package or self.version(client):
            return ""
        home = self.home / client.name
        if not self.may_install:
            return (
                f"absent: `{sys.executable} -m venv {home} && "
                f"{home}/bin/pip install '{client.package}'` installs it, or --install"
            )
        steps = (
            [sys.executable, "-m", "venv", "--clear", str(home)],
            [str(home / "bin" / "python"), "-m", "pip", "install", "-q", client.package],
        )
        for step in steps:
            _, problem = _ran(step, _INSTALL_LIMIT_S)
            if problem:
                return f"cannot install: {problem}"
        return ""


def _ran(command: Sequence[str], limit_s: float) -> tuple[str, str]:
    """Run a command to its end: what it printed, and what went wrong, "" for nothing."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=limit_s)
    except (OSError, subprocess.TimeoutExpired) as error:
        return "", str(error)
    last = done.stderr.strip().splitlines()[-1:]
    return done.stdout, " ".join([f"exit {done.returncode}", *last]) if done.returncode else ""


# Ours and the plain ones print, for each request, when it was sent and of each token when it was
# seen and when it was sent.


def _read_pairs(out: str, _: Path) -> list[SeenRequest]:
    answers = json.loads(out)["answers"]
    return [
        SeenRequest(
            name=str(tokens[0][1]),
            ttft_ms=(tokens[0][0] - sent) / 1e6,
            gaps_ms=gaps_ms([seen for seen, _ in tokens]),
        )
        for sent, tokens in answers
    ]


def gaps_ms(times_ns: Sequence[int]) -> list[float]:
    """Every gap between two times of one request."""
    return [(later - earlier) / 1e6 for earlier, later in pairwise(times_ns)]


# Runs as a child like the others, so that start-up and memory count the same.
_OURS = """
import json, sys
from suites.serving.load.outcome import run_point
from suites.serving.load.point import Point
from suites.client.target import Target
url, streams, tokens, rounds = sys.argv[1], *map(int, sys.argv[2:])
point = Point(shape="closed", concurrency=streams, input_tokens=16, output_tokens=tokens,
              requests=(rounds - 1) * streams)
outcome = run_point(Target(url=url, model="emitter"), point, seed=0)
print(json.dumps({"answers": [
    [r.sent_ns, list(zip(r.token_ns, r.truth_ns))] for r in outcome.answered
]}))
"""


def _fenmark(url: str, streams: int, _: Path) -> list[str]:
    return ["-c", _OURS, url, str(streams), str(TOKENS), str(ROUNDS)]


def _naive(name: str) -> Callable[[str, int, Path], list[str]]:
    script = str(Path(__file__).with_name("naive.py"))

    def arguments(url: str, streams: int, _: Path) -> list[str]:
        size = ["--streams", str(streams), "--rounds", str(ROUNDS), "--tokens", str(TOKENS)]
        return [script, "--client", name, "--url", url, *size]

    return arguments


# A tokenizer that all can load without a network: every "word" is a token, and numbers are others,
# for those that draw prompts of ids.
_WORDS = ("word", "[UNK]", *(f"w{number}" for number in range(254)))
_TOKENIZER = {
    "version": "1.0",
    "added_tokens": [],
    "pre_tokenizer": {"type": "Whitespace"},
    "model": {
        "type": "WordLevel",
        "vocab": {word: number for number, word in enumerate(_WORDS)},
        "unk_token": "[UNK]",
    },
}


def write_tokenizer(folder: Path) -> str:
    """Write it as Hugging Face's libraries read it; return the folder."""
    (folder / "tokenizer.json").write_text(json.dumps(_TOKENIZER))
    kind = {"tokenizer_class": "PreTrainedTokenizerFast"}
    (folder / "tokenizer_config.json").write_text(json.dumps(kind))
    return str(folder)


def _guidellm(url: str, streams: int, folder: Path) -> list[str]:
    line = json.dumps({"prompt": "word " * 16, "output_tokens_count": TOKENS})
    (folder / "prompts.jsonl").write_text(f"{line}\n" * streams)
    backend = f"kind=openai_http,target={url},model=emitter,request_format=/v1/completions"
    return [
        *("-m", "guidellm", "run", "--backend", f"{backend},validate_backend=false"),
        *("--profile", f"kind=concurrent,streams={streams}"),
        *("--constraint", f"kind=max_requests,count={ROUNDS * streams}"),
        *("--data", f"kind=json_file,path={folder / 'prompts.jsonl'}"),
        *("--output", f"kind=json,path={folder / 'report.json'}", "--disable-console"),
    ]


def _read_guidellm(_: str, folder: Path) -> list[SeenRequest]:
    report = json.loads((folder / "report.json").read_text())
    return [
        SeenRequest(
            name=request["response_id"],
            ttft_ms=request["time_to_first_token_ms"],
            gaps_ms=[request["inter_token_latency_ms"]],
        )
        for request in report["benchmarks"][0]["requests"]["successful"]
    ]


def _aiperf(url: str, streams: int, folder: Path) -> list[str]:
    line = json.dumps({"text": "word " * 16})
    (folder / "prompts.jsonl").write_text(f"{line}\n" * streams)
    tokenizer = write_tokenizer(folder)
    return [
        *("-m", "aiperf", "profile", "-m", "emitter", "--url", url, "--ui", "none"),
        *("--endpoint-type", "completions", "--streaming", "--tokenizer", tokenizer),
        *("--concurrency", str(streams), "--request-count", str(ROUNDS * streams)),
        *("--extra-inputs", f"max_tokens:{TOKENS}", "--custom-dataset-type", "single_turn"),
        *("--input-file", str(folder / "prompts.jsonl"), "--export-level", "records"),
        *("--artifact-dir", str(folder / "artifacts")),
    ]


def _read_aiperf(_: str, folder: Path) -> list[SeenRequest]:
    lines = (folder / "artifacts" / "profile_export.jsonl").read_text().splitlines()
    records: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return [
        SeenRequest(
            name=record["metadata"]["x_request_id"],
            ttft_ms=record["metrics"]["time_to_first_token"]["value"],
            gaps_ms=record["metrics"]["inter_chunk_latency"]["value"],
        )
        for record in records
    ]


def _random(streams: int) -> list[str]:
    """Options that vLLM's and SGLang's benchmark share."""
    sizes = ("--random-input-len", "16", "--random-output-len", str(TOKENS))
    count = ("--num-prompts", str(ROUNDS * streams), "--max-concurrency", str(streams))
    return ["--model", "emitter", "--disable-tqdm", *sizes, *count]


def _vllm(url: str, streams: int, folder: Path) -> list[str]:
    return [
        *("-m", "vllm.entrypoints.cli.main", "bench", "serve", "--backend", "openai"),
        *("--base-url", url, "--endpoint", "/v1/completions"),
        *("--tokenizer", write_tokenizer(folder), "--dataset-name", "random", *_random(streams)),
        *("--request-id-prefix", "vllm-", "--save-result", "--save-detailed"),
        *("--result-dir", str(folder), "--result-filename", "report.json"),
    ]


def _sglang(url: str, streams: int, folder: Path) -> list[str]:
    return [
        *("-m", "sglang.bench_serving", "--backend", "sglang-oai", "--base-url", url),
        *("--tokenizer", write_tokenizer(folder), "--dataset-name", "random-ids"),
        *(*_random(streams), "--random-range-ratio", "1.0", "--warmup-requests", "0"),
        *("--output-details", "--output-file", str(folder / "report.json")),
    ]


def _read_details(prefix: str) -> Callable[[str, Path], list[SeenRequest]]:
    """What both write of every request, in order of their plan; times are in seconds."""

    def read(_: str, folder: Path) -> list[SeenRequest]:
        report = json.loads((folder / "report.json").read_text().strip().splitlines()[-1])
        seen = zip(report["ttfts"], report["itls"], strict=True)
        return [
            SeenRequest(
                name=prefix and f"{prefix}{place}",
                ttft_ms=1e3 * ttft_s,
                gaps_ms=[1e3 * gap_s for gap_s in gaps_s],
            )
            for place, (ttft_s, gaps_s) in enumerate(seen)
        ]

    return read


CLIENTS = (
    Client(name="fenmark", arguments=_fenmark, read=_read_pairs),
    Client(
        name="bare",
        arguments=_naive("bare"),
        read=_read_pairs,
        note="no client: a floor; it checks nothing",
    ),
    Client(name="httpx", arguments=_naive("httpx"), read=_read_pairs),
    Client(name="aiohttp", package="aiohttp", arguments=_naive("aiohttp"), read=_read_pairs),
    Client(name="vllm", package="vllm", arguments=_vllm, read=_read_details("vllm-")),
    Client(
        name="sglang",
        package="sglang[all]",
        environment=OFFLINE,
        arguments=_sglang,
        read=_read_details(""),
    ),
    Client(
        name="guidellm",
        package="guidellm",
        arguments=_guidellm,
        read=_read_guidellm,
        note="ITL is a mean for each request",
    ),
    Client(name="aiperf", package="aiperf", arguments=_aiperf, read=_read_aiperf),
)
