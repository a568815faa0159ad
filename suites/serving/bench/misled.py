"""Who is misled by which server, and by how much: our client beside others.

`python -m suites.serving.bench.misled`: each client measures each server of `odd_server`, in a
process of its own; the server's log says what it made when. A number that misses the truth is
wrong; "void" means that the client gave none, and why. What others report is their own medians.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from suites.base.errors import CheckError, UserError
from suites.engines.process import EngineProcess
from suites.serving.bench.odd_server import BEHAVIOURS, ServerBehaviour
from suites.serving.bench.peers import OFFLINE, Peers, write_tokenizer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["CLIENTS", "LoadAsk", "Misled", "Reporter", "judge", "misled", "print_table"]

_STREAMS, _REQUESTS, _TOKENS, _INPUT = 8, 24, 60, 32
_OPEN_REQUESTS = 60
_READY_S, _LIMIT_S = 30.0, 120.0
# Off by more than this, a figure is wrong: clients and machines differ by a few percent.
_RIGHT = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadAsk:
    """What every client is to do: `streams` at a time, or `rate` a second where there is one."""

    streams: int = _STREAMS
    rate: float = 0.0
    requests: int = _REQUESTS
    tokens: int = _TOKENS
    input_tokens: int = _INPUT


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporter:
    """A client and what it says at the end.

    Attributes:
        package: what is installed for it, "" for nothing.
        environment: variables of its own.
        command: behind its python, from URL, what to do and a folder of its own.
        read: medians of TTFT and TPOT in ms from its standard output and that folder, and why it
            gives none: {"ttft_ms", "tpot_ms", "void"}.
    """

    name: str
    package: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    command: Callable[[str, LoadAsk, Path], list[str]]
    read: Callable[[str, Path], dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Misled:
    """One client on one server.

    Attributes:
        ttft_error, tpot_error: of its medians, relative to what the server did; None for none.
        void: why the client gave no number.
        no_pace: why it gave no TPOT.
        problem: why it did not run.
        version: of the client, "" for our own and plain ones.
    """

    client: str
    behaviour: str
    version: str = ""
    ttft_error: float | None = None
    tpot_error: float | None = None
    void: str = ""
    no_pace: str = ""
    problem: str = ""

    @property
    def verdict(self) -> str:
        """In a few words; a server that is asked for too much has no right answer but none."""
        if self.problem:
            return f"did not run: {self.problem}"
        if self.void:
            return f"void: {self.void}"
        errors = [("TTFT", self.ttft_error), ("TPOT", self.tpot_error)]
        wrong = [f"{name} {error:+.0%}" for name, error in errors if error and abs(error) > _RIGHT]
        told = ", ".join(wrong) or "right"
        return f"{told}; TPOT void: {self.no_pace}" if self.no_pace else told


def misled(peers: Peers, clients: Sequence[Reporter]) -> list[Misled]:
    """Let every client measure every server."""
    missing = {client.name: peers.missing(client) for client in clients}
    versions = {client.name: peers.version(client) for client in clients}
    return [
        Misled(client=client.name, behaviour=of.name, problem=missing[client.name])
        if missing[client.name]
        else replace(_measure(client, peers.python(client), of), version=versions[client.name])
        for of in BEHAVIOURS
        for client in clients
    ]


def _measure(client: Reporter, python: str, of: ServerBehaviour) -> Misled:
    blank = Misled(client=client.name, behaviour=of.name)
    ask = LoadAsk(rate=of.rate, requests=_OPEN_REQUESTS if of.rate else _REQUESTS)
    with tempfile.TemporaryDirectory(prefix="fenmark-misled-") as name:
        folder, log = Path(name), Path(name, "log")
        command = [sys.executable, "-m", "suites.serving.bench.odd_server"]
        command += ["--behaviour", of.name, "--log", str(log)]
        with EngineProcess(command, name="server", ready_within_s=_READY_S) as server:
            url = server.ready()["url"]
            try:
                for last in (False, True) if of.twice else (True,):
                    reported = _run(client, python, url, ask, folder)
                    if not last:
                        first = log.read_text()
            except (CheckError, ValueError, LookupError, TypeError, OSError) as error:
                return replace(blank, problem=str(error)[:120])
        lines = [json.loads(line) for line in (first if of.twice else log.read_text()).splitlines()]
    return judge(blank, of, reported, lines)


def judge(
    blank: Misled, of: ServerBehaviour, reported: dict[str, Any], lines: Sequence[dict[str, Any]]
) -> Misled:
    """Hold what a client says against what its server did.

    Args:
        lines: of the server's log; of a server with a cache, those of the first time.
    """
    if reported["void"]:
        return replace(blank, void=str(reported["void"]).partition(";")[0][:120])
    if of.rate:  # more than it can do: its queue grows for as long as somebody watches
        return replace(blank, ttft_error=reported["ttft_ms"] / of.ttft_ms - 1)
    ttft_ms = median((line["made_ns"][0] - line["received_ns"]) / 1e6 for line in lines)
    tpot_ms = median(
        (line["made_ns"][-1] - line["made_ns"][0]) / 1e6 / (len(line["made_ns"]) - 1)
        for line in lines
    )
    # The first arrival of held or joint events is that of the last of them.
    together = of.held * of.tokens_an_event
    arrives_ms = ttft_ms + (together - 1) * tpot_ms
    return replace(
        blank,
        ttft_error=reported["ttft_ms"] / arrives_ms - 1,
        tpot_error=reported["tpot_ms"] / tpot_ms - 1 if reported["tpot_ms"] else None,
        no_pace=str(reported.get("no_pace", ""))[:120],
    )


def _run(client: Reporter, python: str, url: str, ask: LoadAsk, folder: Path) -> dict[str, Any]:
    out = folder / "out"
    with out.open("w") as stdout, (folder / "err").open("w") as stderr:
        try:
            done = subprocess.run(
                [python, *client.command(url, ask, folder)],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                cwd=folder,
                env={**os.environ, **client.environment},
                timeout=_LIMIT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise CheckError(f"took longer than {_LIMIT_S:.0f} s", where=client.name) from error
    if done.returncode:
        last = (folder / "err").read_text(errors="replace").strip().splitlines()[-1:]
        raise CheckError(" ".join([f"exit {done.returncode}", *last]), where=client.name)
    return client.read(out.read_text(), folder)


# Ours and the plain one run in processes of their own like the others: `--as NAME`.


def _self(name: str) -> Callable[[str, LoadAsk, Path], list[str]]:
    def command(url: str, ask: LoadAsk, _: Path) -> list[str]:
        asked = json.dumps(asdict(ask))
        return ["-m", "suites.serving.bench.misled", "--as", name, "--url", url, "--ask", asked]

    return command


def _last_line(out: str, _: Path) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads(out.strip().splitlines()[-1])
    return summary


def _fenmark_says(url: str, ask: LoadAsk) -> dict[str, Any]:
    """As a run does it: a preflight request, a fresh seed, and what makes a figure invalid."""
    import secrets

    from suites.client.preflight import preflight
    from suites.client.target import Target
    from suites.serving.instrument.validity import pace_problems, problems
    from suites.serving.load.outcome import run_point
    from suites.serving.load.point import Point
    from suites.serving.load.steadiness import drift, saturation

    target, _ = preflight(Target(url=url, model="odd"))
    size: dict[str, Any] = {"input_tokens": ask.input_tokens, "output_tokens": ask.tokens}
    point = Point(shape="closed", concurrency=ask.streams, requests=ask.requests, **size)
    if ask.rate:
        point = Point(shape="open", rate=ask.rate, requests=ask.requests, **size)
    outcome = run_point(target, point, seed=secrets.token_hex(8))
    reasons = [
        *problems(outcome),
        *filter(None, [saturation(outcome) if ask.rate else "", drift(outcome)]),
        *([] if outcome.answered else ["nothing was answered as asked"]),
    ]
    unpaced = pace_problems(outcome)
    paced = [r for r in outcome.answered if r.has_pace and not unpaced]
    return {
        "ttft_ms": median(r.ttft_ms for r in outcome.answered) if outcome.answered else 0.0,
        "tpot_ms": median(r.tpot_ms for r in paced) if paced else 0.0,
        "void": "; ".join(reasons),
        "no_pace": "; ".join(unpaced),
    }


def _plain(url: str, ask: LoadAsk) -> dict[str, Any]:
    """As scripts do it: first and last event with a choice, over the tokens that usage counts.

    The same prompts each time, as from a file.
    """
    import httpx

    seen: list[tuple[float, float]] = []
    body = {"model": "odd", "max_tokens": ask.tokens, "stream": True}
    body["stream_options"] = {"include_usage": True}

    async def request(client: httpx.AsyncClient, number: int) -> None:
        prompt = [number] * ask.input_tokens
        times, tokens, sent = [], 0, time.perf_counter()
        async with client.stream(
            "POST", "/v1/completions", json={**body, "prompt": prompt}
        ) as response:
            async for line in response.aiter_lines():
                if not line.startswith("data: {"):
                    continue
                event = json.loads(line[6:])
                if event["choices"]:
                    times.append(time.perf_counter())
                tokens = (event.get("usage") or {}).get("completion_tokens", tokens)
        seen.append((times[0] - sent, (times[-1] - times[0]) / (tokens - 1)))

    async def run() -> None:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=url, timeout=_LIMIT_S, limits=limits) as client:
            if ask.rate:
                tasks = []
                for number in range(ask.requests):
                    tasks.append(asyncio.create_task(request(client, number)))
                    await asyncio.sleep(1 / ask.rate)
                await asyncio.gather(*tasks)
                return

            async def stream(place: int) -> None:
                for number in range(place, ask.requests, ask.streams):
                    await request(client, number)

            await asyncio.gather(*(stream(place) for place in range(ask.streams)))

    asyncio.run(run())
    ttft_s, tpot_s = zip(*seen, strict=True)
    return {"ttft_ms": 1e3 * median(ttft_s), "tpot_ms": 1e3 * median(tpot_s), "void": ""}


# Peers.


def _prompts(folder: Path, ask: LoadAsk, field: str, **more: Any) -> str:
    """As many prompts as requests, of which no two begin alike."""
    path = folder / "prompts.jsonl"
    texts = (f"{number} " + "word " * (ask.input_tokens - 1) for number in range(ask.requests))
    path.write_text("".join(json.dumps({field: text, **more}) + "\n" for text in texts))
    return str(path)


def _aiperf(url: str, ask: LoadAsk, folder: Path) -> list[str]:
    load = ["--request-rate", str(ask.rate)] if ask.rate else ["--concurrency", str(ask.streams)]
    return [
        *("-m", "aiperf", "profile", "-m", "odd", "--url", url, "--ui", "none", *load),
        *("--endpoint-type", "completions", "--streaming", "--tokenizer", write_tokenizer(folder)),
        *("--request-count", str(ask.requests), "--extra-inputs", f"max_tokens:{ask.tokens}"),
        *("--custom-dataset-type", "single_turn", "--input-file", _prompts(folder, ask, "text")),
        *("--export-level", "records", "--artifact-dir", str(folder / "artifacts")),
    ]


def _read_aiperf(_: str, folder: Path) -> dict[str, Any]:
    lines = (folder / "artifacts" / "profile_export.jsonl").read_text().splitlines()
    metrics = [json.loads(line)["metrics"] for line in lines]
    return {
        "ttft_ms": median(of["time_to_first_token"]["value"] for of in metrics),
        "tpot_ms": median(of["inter_token_latency"]["value"] for of in metrics),
        "void": "",
    }


def _guidellm(url: str, ask: LoadAsk, folder: Path) -> list[str]:
    prompts = _prompts(folder, ask, "prompt", output_tokens_count=ask.tokens)
    load = (
        f"kind=constant,rate={ask.rate}" if ask.rate else f"kind=concurrent,streams={ask.streams}"
    )
    backend = f"kind=openai_http,target={url},model=odd,request_format=/v1/completions"
    return [
        *("-m", "guidellm", "run", "--backend", f"{backend},validate_backend=false"),
        *("--profile", load, "--constraint", f"kind=max_requests,count={ask.requests}"),
        *("--data", f"kind=json_file,path={prompts}", "--disable-console"),
        *("--output", f"kind=json,path={folder / 'report.json'}"),
    ]


def _read_guidellm(_: str, folder: Path) -> dict[str, Any]:
    report = json.loads((folder / "report.json").read_text())
    requests = report["benchmarks"][0]["requests"]["successful"]
    return {
        "ttft_ms": median(of["time_to_first_token_ms"] for of in requests),
        "tpot_ms": median(of["inter_token_latency_ms"] for of in requests),
        "void": "",
    }


def _random(ask: LoadAsk) -> list[str]:
    """Options that vLLM's and SGLang's benchmark share."""
    load = ["--request-rate", str(ask.rate)] if ask.rate else ["--max-concurrency"]
    load += [] if ask.rate else [str(ask.streams)]
    sizes = ("--random-input-len", str(ask.input_tokens), "--random-output-len", str(ask.tokens))
    return ["--model", "odd", "--num-prompts", str(ask.requests), *sizes, *load]


def _vllm(url: str, ask: LoadAsk, folder: Path) -> list[str]:
    return [
        *("-m", "vllm.entrypoints.cli.main", "bench", "serve", "--backend", "openai"),
        *(
            "--base-url",
            url,
            "--endpoint",
            "/v1/completions",
            "--tokenizer",
            write_tokenizer(folder),
        ),
        *("--dataset-name", "random", *_random(ask), "--ignore-eos", "--save-result"),
        *("--result-dir", str(folder), "--result-filename", "report.json"),
    ]


def _sglang(url: str, ask: LoadAsk, folder: Path) -> list[str]:
    return [
        *("-m", "sglang.bench_serving", "--backend", "sglang-oai", "--base-url", url),
        *("--tokenizer", write_tokenizer(folder), "--dataset-name", "random-ids", *_random(ask)),
        *("--random-range-ratio", "1.0", "--output-file", str(folder / "report.json")),
    ]


def _read_medians(_: str, folder: Path) -> dict[str, Any]:
    """The summary that both write, the last line of a file; times are in ms."""
    report = json.loads((folder / "report.json").read_text().strip().splitlines()[-1])
    return {"ttft_ms": report["median_ttft_ms"], "tpot_ms": report["median_tpot_ms"], "void": ""}


CLIENTS = (
    Reporter(name="fenmark", command=_self("fenmark"), read=_last_line),
    Reporter(name="httpx", command=_self("httpx"), read=_last_line),
    Reporter(name="vllm", package="vllm", command=_vllm, read=_read_medians),
    Reporter(
        name="sglang",
        package="sglang[all]",
        environment=OFFLINE,
        command=_sglang,
        read=_read_medians,
    ),
    Reporter(name="guidellm", package="guidellm", command=_guidellm, read=_read_guidellm),
    Reporter(name="aiperf", package="aiperf", command=_aiperf, read=_read_aiperf),
)
_OWN: dict[str, Callable[[str, LoadAsk], dict[str, Any]]] = {
    "fenmark": _fenmark_says,
    "httpx": _plain,
}


def print_table(results: Sequence[Misled]) -> None:
    """For people."""
    from rich.table import Table

    from suites.base.terminal import Terminal

    ran = [result for result in results if not result.problem.startswith("absent")]
    names = dict.fromkeys((result.client, result.version) for result in ran)
    table = Table("server", *(" ".join(name).strip() for name in names), box=None)
    for of in dict.fromkeys(result.behaviour for result in ran):
        table.add_row(of, *(result.verdict for result in ran if result.behaviour == of))
    terminal = Terminal(piped=150)
    terminal.show(table)
    for line in dict.fromkeys(f"{r.client} is {r.problem}" for r in results if r not in ran):
        terminal.say(line)
    terminal.say(
        "How far each client's median lies from what the server's own log says it did; right is "
        f"within {_RIGHT:.0%}. An overloaded server's TTFT is compared with that without a queue: "
        "it has no steady state, and the only right answer is none."
    )


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    Peers.add_options(parser)
    parser.add_argument("--clients", help="only these, comma-separated")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--as", dest="client", choices=list(_OWN))
    parser.add_argument("--url")
    parser.add_argument("--ask")
    options = parser.parse_args()
    if options.client:
        with suppress(BrokenPipeError):
            print(json.dumps(_OWN[options.client](options.url, LoadAsk(**json.loads(options.ask)))))
        return
    names = options.clients.split(",") if options.clients else [c.name for c in CLIENTS]
    try:
        chosen = [client for client in CLIENTS if client.name in names]
        results = misled(Peers.from_options(options), chosen)
    except UserError as error:
        sys.exit(str(error))
    if options.json:
        print(json.dumps([{**asdict(result), "verdict": result.verdict} for result in results]))
    else:
        print_table(results)


if __name__ == "__main__":
    _main()
