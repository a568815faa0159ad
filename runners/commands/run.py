"""`fenmark run`: measure this machine and leave a signed, logged result."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from runners.submit import Log

__all__ = ["run"]


def run(
    suite: Annotated[
        str, typer.Option(help="Comma-separated: kernels,inference,serving.")
    ] = "kernels,inference,serving",
    profile: Annotated[str, typer.Option(help="quick, standard or full.")] = "quick",
    case: Annotated[
        str | None, typer.Option(help="Only cases matching this pattern, such as 'gemm*'.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Archive the result is added to.")] = Path(
        "out/results"
    ),
    resume: Annotated[bool, typer.Option(help="Go on with an interrupted run.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Summary rows on stdout.")] = False,
    list_: Annotated[bool, typer.Option("--list", help="List the kernel cases, run none.")] = False,
    backend: Annotated[
        str | None, typer.Option(help="Kernel backends, comma-separated: numpy,torch,cupy.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Model geometry, or served name.")] = None,
    weights: Annotated[
        Path | None, typer.Option(help="GGUF file, or model folder, instead of random weights.")
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(help="Continuations the engine must give; made by `fenmark reference`."),
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Engine threads.")] = None,
    engine: Annotated[
        str | None,
        typer.Option(help="llama.cpp (default), vllm, vllm:cpu, sglang, …; see the engines page."),
    ] = None,
    engine_program: Annotated[
        str | None, typer.Option(help="Its program, if not on PATH: words as in a shell.")
    ] = None,
    engine_flag: Annotated[
        list[str] | None, typer.Option(help="Added to its command line; may be repeated.")
    ] = None,
    engine_image: Annotated[
        str | None, typer.Option(help="Image it runs in, as NAME@sha256:DIGEST.")
    ] = None,
    dtype: Annotated[str | None, typer.Option(help="The engine's name of a precision.")] = None,
    tp: Annotated[int | None, typer.Option(min=1, help="Tensor parallelism.")] = None,
    pp: Annotated[int | None, typer.Option(min=1, help="Pipeline parallelism.")] = None,
    dp: Annotated[int | None, typer.Option(min=1, help="Data parallelism.")] = None,
    ep: Annotated[int | None, typer.Option(min=1, help="Expert parallelism.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seeds every generated input.")] = 0,
    endpoint: Annotated[
        str | None, typer.Option(help="Serve suite: a running OpenAI-compatible server.")
    ] = None,
    chip: Annotated[
        str | None, typer.Option(help="Catalogue id of the chip behind --endpoint.")
    ] = None,
    chips: Annotated[int | None, typer.Option(min=1, help="How many of them.")] = None,
    prefill_pool: Annotated[
        str | None,
        typer.Option(help="Disaggregated endpoint: its prefill instances, such as 2xtp8."),
    ] = None,
    decode_pool: Annotated[
        str | None, typer.Option(help="Its decode instances, such as 1xdp32ep32.")
    ] = None,
    api: Annotated[str | None, typer.Option(help="completions or chat.")] = None,
    concurrency: Annotated[
        str | None, typer.Option(help="Closed loop, comma-separated: 1,64,512.")
    ] = None,
    rate: Annotated[str | None, typer.Option(help="Open loop, requests per second: 10,50.")] = None,
    arrival: Annotated[str | None, typer.Option(help="poisson, constant or burst.")] = None,
    isl: Annotated[int | None, typer.Option(min=1, help="Input tokens per request.")] = None,
    osl: Annotated[int | None, typer.Option(min=2, help="Output tokens per request.")] = None,
    requests: Annotated[int | None, typer.Option(min=1, help="Requests per point.")] = None,
    duration: Annotated[
        float | None, typer.Option(min=1, help="Seconds per point, instead of --requests.")
    ] = None,
    slo_ttft: Annotated[float | None, typer.Option(help="Goodput: TTFT limit in ms.")] = None,
    slo_tpot: Annotated[float | None, typer.Option(help="Goodput: TPOT limit in ms.")] = None,
    processes: Annotated[
        int | None, typer.Option(min=1, help="Processes of the load generator.")
    ] = None,
    fleet: Annotated[
        str | None,
        typer.Option(help="Serving: nodes of a Ray cluster make the load: ray://HOST:PORT."),
    ] = None,
    sweep: Annotated[
        Path | None, typer.Option(help="Serving: TOML of a sweep that finds the concurrencies.")
    ] = None,
    trace: Annotated[
        Path | None,
        typer.Option(help="Serving: JSONL of requests to replay (arrival, isl, osl, session)."),
    ] = None,
    trace_speed: Annotated[
        float | None, typer.Option(help="Replay this many times as fast.")
    ] = None,
    shared_prefix: Annotated[
        float | None, typer.Option(help="Share of every prompt all have in common, 0 by default.")
    ] = None,
    tokenizer: Annotated[
        Path | None,
        typer.Option(help="tokenizer.json: exact prompts where an engine takes no token ids."),
    ] = None,
    request_limit: Annotated[
        float | None, typer.Option(help="Seconds after which a request has failed, 600 by default.")
    ] = None,
    api_key_env: Annotated[
        str | None, typer.Option(help="Variable that holds the endpoint's API key.")
    ] = None,
    samples: Annotated[
        Path | None, typer.Option(help="Parquet file with a row per serving request.")
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(help="Submission API: its challenge seeds the run, and it gets the result."),
    ] = None,
    meter_trace: Annotated[
        list[Path] | None,
        typer.Option(help="A file a wall meter writes meanwhile: CSV or SPEC PTDaemon log."),
    ] = None,
) -> None:
    """Measure this machine, sign the result and add it to the archive's log.

    Examples:

    fenmark run --profile quick --out out/results

    fenmark run --suite kernels --case 'gemm*' --json

    fenmark run --suite serving --endpoint http://host:8000 --model NAME --isl 512 --osl 128

    fenmark run --suite inference,serving --engine vllm --model qwen2.5-0.5b

    fenmark run --to https://log.example.org
    """
    given = dict(locals())
    from runners.asked import options_of
    from runners.submit import connect

    options = options_of(given)
    if list_:
        _print_cases(options.suite_options, as_json=json_)
    else:
        with connect(to, attempts=3) if to else nullcontext() as log:
            _measure(options, out, log, resume=resume, as_json=json_)


def _measure(options: Any, out: Path, log: Log | None, *, resume: bool, as_json: bool) -> None:
    from results import archive
    from runners.pipeline import measure
    from runners.report import print_outcome
    from suites.terminal import Terminal, print_json

    terminal = Terminal(stderr=True)
    challenge = log.challenge_or_none(terminal) if log else None
    outcome = measure(options, out, resume=resume, terminal=terminal, challenge=challenge)
    if as_json:
        print_json([row.to_json() for row in outcome.rows])
    shown = terminal if as_json else Terminal(piped=112)
    print_outcome(outcome, out, shown)
    if log:
        accepted = log.submit(out / f"{outcome.digest}{archive.SUFFIX}")
        accepted.tell(shown)


def _print_cases(options: dict[str, Any], *, as_json: bool) -> None:
    from rich.table import Table

    from suites.kernels import list_cases
    from suites.terminal import Terminal, print_json

    cases = list_cases(options)
    if as_json:
        print_json(cases)
        return
    table = Table("case", "shape", "FLOP", "bytes", "runs here", box=None)
    for item in cases:
        runs = "yes" if item["runnable"] else f"no: {item['reason']}"
        shape = " ".join(f"{name}={size}" for name, size in item["shape"].items())
        table.add_row(item["case"], shape, f"{item['flops']:.3g}", f"{item['bytes']:.3g}", runs)
    Terminal(piped=200).show(table)
