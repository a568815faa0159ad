"""`fenmark run`: measure this machine and leave a signed, logged result."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runners.options.registry import with_options

if TYPE_CHECKING:
    from results.economy.own_prices import Money
    from runners.submit.submit import LogClient

__all__ = ["run"]


@with_options
def run(
    out: Annotated[Path, typer.Option(help="Archive the result is added to.")] = Path(
        "out/results"
    ),
    resume: Annotated[bool, typer.Option(help="Go on with an interrupted run.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Summary rows on stdout.")] = False,
    list_: Annotated[bool, typer.Option("--list", help="List the kernel cases, run none.")] = False,
    presets: Annotated[
        bool, typer.Option("--presets", help="List what --preset knows, run none.")
    ] = False,
    to: Annotated[
        str | None,
        typer.Option(help="Submission API: its challenge seeds the run, and it gets the result."),
    ] = None,
    **given: Any,
) -> None:
    """Measure this machine, sign the result and add it to the archive's log.

    Exit 1 where questions were asked and the reference calls the weights different or worse, or
    answers are worse under load; the result is signed all the same.

    Examples:

    fenmark run --profile quick --out out/results

    fenmark run --suite kernels --case 'gemm*' --json

    fenmark run --suite serving --endpoint http://host:8000 --model NAME --isl 512 --osl 128

    fenmark run --suite serving --preset deepseek --model deepseek-chat --osl natural

    fenmark run --suite inference,serving --engine vllm --model qwen2.5-0.5b

    fenmark run --suite serving,quality --endpoint http://host:8000 --model NAME --api chat

    fenmark run --price 0.12/h --tariff 0.6CNY/kWh

    fenmark run --to https://log.example.org
    """
    from results.economy.money_options import money_of
    from runners.options.from_cli import from_arguments, without_effect
    from runners.submit.submit import connect
    from suites.base.terminal import complain

    options = from_arguments(given)
    money = money_of(given)  # a slip in a price is told before the run, not after it
    for flag in without_effect(options):
        complain(f"  {flag} says nothing to {','.join(options.suites)}")
    if presets:
        _print_presets(as_json=json_)
    elif list_:
        _print_cases(options.suite_options, as_json=json_)
    else:
        with connect(to, attempts=3) if to else nullcontext() as log:
            _measure(options, out, log, money, resume=resume, as_json=json_)


def _measure(
    options: Any, out: Path, log: LogClient | None, money: Money, *, resume: bool, as_json: bool
) -> None:
    from results.archive import archive
    from runners.measure.pipeline import measure
    from runners.measure.quality_lines import says_no
    from runners.measure.report import print_outcome
    from suites.base.terminal import Terminal, print_json

    terminal = Terminal(stderr=True)
    challenge = log.challenge_or_none(terminal) if log else None
    outcome = measure(options, out, resume=resume, terminal=terminal, challenge=challenge)
    if as_json:
        print_json([row.to_json() for row in outcome.rows])
    shown = terminal if as_json else Terminal(piped=112)
    print_outcome(outcome, out, shown, money)
    if log:
        accepted = log.submit(out / f"{outcome.digest}{archive.SUFFIX}")
        accepted.tell(shown)
    if says_no(outcome.statement.predicate.measurements):
        raise typer.Exit(1)


def _print_presets(*, as_json: bool) -> None:
    from rich.table import Table

    from suites.base.terminal import Terminal, print_json
    from suites.client.preset import names, preset

    known = {name: preset(name) for name in names()}
    if as_json:
        print_json({name: item.model_dump(mode="json") for name, item in known.items()})
        return
    table = Table("preset", "is", "asks", "address", "notes", box=None)
    for name, item in known.items():
        notes = f"{item.notes} Not read there: {item.unread}." if item.unread else item.notes
        table.add_row(name, item.title, ", ".join(item.apis), item.url or "--endpoint", notes)
    Terminal(piped=220).show(table)


def _print_cases(options: dict[str, Any], *, as_json: bool) -> None:
    from rich.table import Table

    from suites.base.terminal import Terminal, print_json
    from suites.kernels import list_cases

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
