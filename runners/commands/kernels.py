"""`fenmark kernels try`: somebody else's kernel beside ours, judged from outside its process."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from suites.kernels.case import Case
    from suites.kernels.trial import TriedKernel

__all__ = ["kernels"]

kernels = typer.Typer(
    help="Kernels from elsewhere beside ours. Example: fenmark kernels try mine.py --case NAME",
    no_args_is_help=True,
)


@kernels.callback()
def _group() -> None:
    """Keep `try` a word of its own while it is the only one."""


@kernels.command("try")
def try_(
    file: Annotated[Path, typer.Argument(help="Python file with the kernel.", exists=True)],
    case: Annotated[str, typer.Option(help="Name of a case, as `run --list` prints it.")],
    function: Annotated[str, typer.Option(help="Its name in the file; the case's family.")] = "",
    model: Annotated[str, typer.Option(help="Geometry of the case.")] = "qwen2.5-0.5b",
    profile: Annotated[str, typer.Option(help="Profile whose sizes the case has.")] = "quick",
    json_: Annotated[bool, typer.Option("--json", help="Machine-readable, on stdout.")] = False,
) -> None:
    """Check a kernel that comes as a Python file, and time it beside ours.

    The file holds a function with the case's family as its name, which takes the operands as NumPy
    arrays by name, such as `gemm(a, b)`, and returns its result or writes it into an argument
    `out`. It runs in a process of its own, on inputs drawn after it was imported, and each timed
    answer is checked. This is not a sandbox: the file is code that you choose to run, with your
    rights. Exits with 1 when an answer is wrong.

    Example: fenmark kernels try mine.py --case 'gemm/f32/numpy/qwen2.5-0.5b/o/m1'
    """
    from suites.base.terminal import Terminal, print_json
    from suites.kernels import trial
    from suites.kernels.trial import try_kernel

    chosen = _case(case, model, profile)
    tried = try_kernel(chosen, file, function=function)
    reference = try_kernel(chosen, Path(trial.__file__).with_name("ours.py"))
    answer = _answer(chosen, file, tried, reference)
    if json_:
        print_json(answer)
        return
    terminal = Terminal()
    terminal.say(f"{chosen.name}: right in every one of {tried.sets} calls a batch")
    for name, seconds in (("theirs", answer["theirs_us"]), ("ours", answer["ours_us"])):
        value, low, high = (_figure(seconds[key]) for key in ("value", "low", "high"))
        terminal.say(f"{name:<7} {value} µs a call [{low} to {high}]")
    apart = "" if _apart(tried, reference) else ", and no difference shown: the intervals overlap"
    terminal.say(f"speed   {answer['speedup']:.2f} times ours{apart}")


def _case(name: str, model: str, profile: str) -> Case:
    from suites.base.errors import UserError
    from suites.kernels.catalog import select

    cases = select(profile, {"case": name, "model": model, "backend": ["numpy"]})
    if len(cases) == 1:
        return cases[0]
    several = f"{len(cases)} cases match, such as {cases[0].name}" if cases else "no case matches"
    raise UserError(
        f"{several} for {name!r}",
        where="--case",
        expected="the name of one case of the backend numpy",
        remedy="see them with `fenmark run --suite kernels --list --backend numpy`",
    )


def _answer(case: Case, file: Path, tried: TriedKernel, reference: TriedKernel) -> dict[str, Any]:
    from hashlib import sha256

    return {
        "case": case.name,
        "file": str(file),
        "sha256": sha256(file.read_bytes()).hexdigest(),
        "verdict": "right",
        "calls_checked_per_batch": tried.sets,
        "theirs_us": _microseconds(tried),
        "ours_us": _microseconds(reference),
        "speedup": reference.seconds.value / tried.seconds.value,
        "floor_us": tried.floor_s * 1e6,
    }


def _apart(kernel: TriedKernel, other: TriedKernel) -> bool:
    ends = [(tried.seconds.low, tried.seconds.high) for tried in (kernel, other)]
    (low, high), (other_low, other_high) = ends
    if None in {low, high, other_low, other_high}:
        return False
    return bool(low > other_high or high < other_low)  # type: ignore[operator]


def _microseconds(tried: TriedKernel) -> dict[str, float | None]:
    seconds = {name: getattr(tried.seconds, name) for name in ("value", "low", "high")}
    return {name: None if value is None else value * 1e6 for name, value in seconds.items()}


def _figure(value: float | None) -> str:
    return "?" if value is None else f"{value:,.1f}"
