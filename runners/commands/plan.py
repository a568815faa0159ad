"""`fenmark plan`: sweeps as files, checked, listed, run."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from runners.plans.cell_forecast import Prospect
    from runners.plans.document import PlanDocument
    from runners.plans.fitting import TargetMachine
    from runners.plans.work import JobHosts

__all__ = ["plan"]

plan = typer.Typer(
    help="Sweeps as files: check, list, run, gather. Example: fenmark plan run laptop-cpu",
    no_args_is_help=True,
)

_File = Annotated[str, typer.Argument(metavar="FILE", help="Plan file, or name of a ready plan.")]
_Chip = Annotated[str | None, typer.Option(help="Catalogue id: as if this machine held that chip.")]
_Chips = Annotated[int | None, typer.Option(min=1, help="How many of them.")]
_Only = Annotated[str | None, typer.Option(help="Only cells whose id matches, such as '*tp8*'.")]
_Shard = Annotated[str, typer.Option(help="Every n-th cell only, such as 2/8.")]
_Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="option=value for every cell, such as endpoint=http://host:8000."),
]
_Json = Annotated[bool, typer.Option("--json", help="Machine-readable, on stdout.")]


@plan.command()
def ready(json_: _Json = False) -> None:
    """List the plans that come with Fenmark, and what each answers.

    Example: fenmark plan ready
    """
    from runners.plans.document import read
    from runners.plans.document import ready as plans
    from suites.base.terminal import Terminal, print_json

    documents = [read(path) for path in plans().values()]
    if json_:
        shipped = [
            {
                "name": document.plan.name,
                "answers": document.plan.answers,
                "file": str(document.path),
            }
            for document in documents
        ]
        print_json(shipped)
        return
    terminal = Terminal()
    for document in documents:
        terminal.say(f"{document.plan.name:<22} {document.plan.answers}")


@plan.command()
def check(file: _File, set_: _Set = None, chip: _Chip = None, chips: _Chips = None) -> None:
    """Check a plan: every option, model and engine known, every value one its suite takes.

    Exits 0 when the plan is sound, whether or not this machine can run its cells.

    Example: fenmark plan check sweep.toml
    """
    from suites.base.terminal import Terminal

    document, target, forecast = _look(file, set_, chip, chips)
    cells = list(forecast)
    runnable = [prospect for prospect in cells if not prospect.reason]
    terminal = Terminal()
    terminal.say(
        f"{document.path}: {len(cells)} cells, {len(runnable)} of them run on {target.name}"
    )
    terminal.say(_estimate(runnable, target))


@plan.command("list")
def list_(
    file: _File,
    set_: _Set = None,
    chip: _Chip = None,
    chips: _Chips = None,
    only: _Only = None,
    shard: _Shard = "1/1",
    json_: _Json = False,
) -> None:
    """List a plan's cells: the estimate of each, or why it does not run.

    Example: fenmark plan list gpu-node --chip h200-sxm --chips 8
    """
    from rich.table import Table

    from suites.base.terminal import Terminal, print_json

    _, target, forecast = _look(file, set_, chip, chips)
    cells = _chosen(forecast, only, shard)
    if json_:
        print_json([prospect.to_json() for prospect in cells])
        return
    table = Table("cell", "minutes", "", box=None)
    for prospect in cells:
        table.add_row(
            prospect.cell.id,
            "" if prospect.reason else f"{prospect.estimated_s / 60:.1f}",
            prospect.reason,
        )
    terminal = Terminal(piped=160)
    terminal.show(table)
    terminal.say(_estimate([prospect for prospect in cells if not prospect.reason], target))


@plan.command()
def run(
    file: _File,
    out: Annotated[Path, typer.Option(help="Archive the results are added to.")] = Path(
        "out/results"
    ),
    shard: _Shard = "1/1",
    resume: Annotated[bool, typer.Option(help="Go on: finished cells stay.")] = False,
    only: _Only = None,
    set_: _Set = None,
    fleet: Annotated[
        str | None, typer.Option(help="Ray cluster that takes the cells: ray://HOST:PORT or auto.")
    ] = None,
    fleet_tag: Annotated[
        str, typer.Option(help="Only its hosts with this resource, such as h100-sxm.")
    ] = "",
    to: Annotated[
        str | None,
        typer.Option(
            help="Submission API: its challenges seed the cells, and it gets each result."
        ),
    ] = None,
    json_: _Json = False,
) -> None:
    """Run a plan's cells, each in its own process, and sign a result for each.

    A cell that fails is tried again by the plan's rule and costs no other. Interrupted or killed,
    it goes on with --resume. OUT/plan.json says where it stands. Exits 1 if a cell failed.

    Examples:

    fenmark plan run laptop-cpu --out out/results

    fenmark plan run sweep.toml --fleet ray://head:10001 --fleet-tag h100-sxm
    """
    from runners.plans.cells import PlanShard
    from runners.plans.display import PlanDisplay
    from runners.plans.document import read
    from runners.plans.fitting import TargetMachine
    from runners.plans.plan_runner import run_plan
    from runners.submit.submit import connect
    from suites.base.errors import CheckError
    from suites.base.terminal import Terminal, print_json

    document = read(file).with_options(set_ or [])
    terminal = Terminal(stderr=True)
    with _workers(document, out, fleet, fleet_tag) as (workers, forecast):
        cells = _chosen(forecast, only, shard)
        # A fleet's hosts are of many kinds, and have many prices.
        target = None if fleet else TargetMachine.this_machine()
        terminal.say(_estimate([prospect for prospect in cells if not prospect.reason], target))
        with PlanDisplay(terminal) as display, connect(to) if to else nullcontext() as log:
            progress = run_plan(
                document,
                cells,
                out,
                workers,
                shard=PlanShard.parse(shard),
                resume=resume,
                tell=display.tell,
                log=log,
            )
    if json_:
        print_json(progress.to_json())
    unsent = sum(cell.submitted is False for cell in progress.cells.values())
    if unsent:
        raise CheckError(
            f"{unsent} results were measured but not submitted",
            where=str(progress.path),
            remedy=f"fenmark submit --to {to} {out}",
        )
    if failed := progress.count("failed"):
        raise CheckError(
            f"{failed} of {len(progress.cells)} cells failed",
            where=str(progress.path),
            remedy="--resume tries them again",
        )


@plan.command()
def sbatch(
    file: _File,
    out: Annotated[Path, typer.Option(help="Folder all nodes share; a shard writes its own.")],
    tasks: Annotated[int, typer.Option(min=1, max=10_000, help="Shards, each a task.")] = 8,
    sbatch_: Annotated[
        list[str] | None,
        typer.Option("--sbatch", help="An option for sbatch, such as --partition=gpu."),
    ] = None,
    set_: _Set = None,
    chip: _Chip = None,
    chips: _Chips = None,
) -> None:
    """Print a Slurm script that runs a plan as an array job, one shard a task.

    Example: fenmark plan sbatch gpu-node --out /shared/run --sbatch=--partition=gpu | sbatch
    """
    from runners.plans.slurm import script
    from suites.base.terminal import print_whole

    document, _, forecast = _look(file, set_, chip, chips)
    text = script(
        document, list(forecast), out=out, tasks=tasks, options=sbatch_ or [], given=set_ or []
    )
    print_whole(text)


@plan.command()
def gather(
    archives: Annotated[list[Path], typer.Argument(help="Archives of shards.")],
    out: Annotated[Path, typer.Option(help="Archive the results are added to.")] = Path(
        "out/results"
    ),
) -> None:
    """Bring the results of several archives together; signatures stay, the log is OUT's own.

    Example: fenmark plan gather shards/* --out out/results
    """
    from results.archive.archive import envelopes
    from results.archive.bundle import gather as carry
    from results.archive.bundle import pack
    from runners.machine import keys
    from suites.base.errors import UserError
    from suites.base.terminal import Terminal

    paths = [path for folder in archives for path in envelopes(folder)]
    if not paths:
        raise UserError("no results there", where=", ".join(map(str, archives)))
    carry(out, [pack(path) for path in paths], keys.load_or_create().log_signer)
    Terminal().say(f"{len(paths)} results in {out}")


@contextmanager
def _workers(
    document: PlanDocument, out: Path, fleet: str | None, tag: str
) -> Iterator[tuple[JobHosts, Iterable[Prospect]]]:
    """Give the hosts that take the cells, and what they can run of the plan."""
    from runners.plans.cell_forecast import prospects
    from runners.plans.fitting import TargetMachine
    from runners.plans.plan_runner import HOME
    from runners.plans.work import Here

    if fleet is None:
        # What another machine could run is of no use now.
        yield Here(out / HOME), prospects(document, TargetMachine.this_machine())
        return
    import sys

    from runners.plans.fleet import Fleet
    from suites.base.ray_nodes import connected

    # Ray says on stdout what becomes of its nodes; ours is for scripts.
    with redirect_stdout(sys.stderr), connected(fleet) as cluster:
        hosts = Fleet(cluster, document, tag)
        yield hosts, hosts.prospects


def _look(
    file: str, set_: list[str] | None, chip: str | None, chips: int | None
) -> tuple[PlanDocument, TargetMachine, Iterable[Prospect]]:
    from runners.plans.cell_forecast import prospects
    from runners.plans.document import read
    from runners.plans.fitting import TargetMachine

    document = read(file).with_options(set_ or [])
    target = TargetMachine.of(document.plan, chip, chips)
    return document, target, prospects(document, target)


def _chosen(forecast: Iterable[Prospect], only: str | None, shard: str) -> list[Prospect]:
    from fnmatch import fnmatchcase

    from runners.plans.cells import PlanShard
    from suites.base.errors import UserError

    part = PlanShard.parse(shard)
    cells = [prospect for prospect in forecast if fnmatchcase(prospect.cell.id, only or "*")]
    if only and not cells:
        raise UserError(f"no cell matches {only!r}", where="--only", remedy="see `plan list`")
    return [prospect for prospect in cells if part.holds(prospect.cell)]


def _estimate(runnable: list[Prospect], target: TargetMachine | None) -> str:
    from results import catalog
    from runners.plans.estimate import rent

    seconds = [prospect.estimated_s for prospect in runnable]
    sentence = f"estimate: {len(runnable)} cells, {sum(seconds) / 60:.0f} minutes"
    if target and (cost := rent(seconds, target, catalog.latest_prices())):
        sentence += (
            f", rent {cost.low:.2f} to {cost.high:.2f} USD ({cost.price.kind}, "
            f"{cost.price.date}, price sheet {cost.sheet})"
        )
    return sentence
