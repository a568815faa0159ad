"""`fenmark quality`: is the cheap token the same token?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from suites.base.terminal import Terminal
    from suites.quality.agreement import Reference
    from suites.quality.probe import Probed

__all__ = ["quality"]


def quality(
    endpoint: Annotated[str, typer.Option(help="Address of an OpenAI-compatible server.")],
    model: Annotated[str, typer.Option(help="The name it serves.")],
    api: Annotated[
        Literal["chat", "completions"], typer.Option(help="Which of its interfaces is asked.")
    ] = "chat",
    reference: Annotated[
        Path | None, typer.Option(help="What trusted weights answered, as --record wrote it.")
    ] = None,
    record: Annotated[
        Path | None, typer.Option(help="Write a reference of this endpoint, which you trust.")
    ] = None,
    weights: Annotated[
        str, typer.Option(help="Of --record: whose weights they are, or a digest of them.")
    ] = "",
    count: Annotated[int, typer.Option(min=11, max=5_000, help="Questions.")] = 600,
    places: Annotated[
        int, typer.Option(min=0, max=5000, help="Of --record: places to compare next tokens at.")
    ] = 300,
    concurrency: Annotated[int, typer.Option(min=1, max=256, help="Requests at a time.")] = 16,
    max_tokens: Annotated[int, typer.Option(min=1, max=100_000, help="Of an answer.")] = 2048,
    temperature: Annotated[float, typer.Option(min=0, max=2, help="0: greedy.")] = 0.0,
    seed: Annotated[
        str | None,
        typer.Option(help="Of the questions, in hexadecimal: a log's challenge. Else drawn anew."),
    ] = None,
    api_key_env: Annotated[
        str | None, typer.Option(help="Environment variable that holds the endpoint's key.")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Machine-readable, on stdout.")] = False,
) -> None:
    """Ask questions made from a seed, grade the answers by program, and compare with a reference.

    Eleven families at five levels: nothing is downloaded, nobody can know the questions before the
    seed, and no model judges. With --reference also: are the weights the same, by next tokens where
    the server gives log-probabilities, and by right answers of the same kind and level. Exit 1 when
    the reference says different, or worse.

    Examples:
      fenmark quality --endpoint http://127.0.0.1:8000 --model qwen3-8b --json
      fenmark quality --endpoint http://trusted:8000 --model qwen3-8b --record qwen3-8b.json
      fenmark quality --endpoint https://cheap.example/v1 --model qwen3-8b --reference qwen3-8b.json
    """
    import secrets

    from suites.base.errors import UserError
    from suites.base.terminal import Terminal, print_json
    from suites.client.target import Target, key_from
    from suites.quality.asking import Asker
    from suites.quality.probe import probe
    from suites.quality.probe import record as make
    from suites.quality.reference_file import read_reference

    if record and record.exists():
        raise UserError("is there already", where=str(record), remedy="name another with --record")
    trusted = read_reference(reference) if reference else None
    drawn = _seed(seed) if seed else secrets.token_bytes(16)
    target = Target(url=endpoint, model=model, api=api, key=key_from(api_key_env))
    asker = Asker(target, temperature=temperature, concurrency=concurrency)
    terminal = Terminal()
    extra = places if record else len(trusted.places) if trusted else 0
    with _bar(terminal, count + extra, quiet=json_) as done:
        if record:
            made = make(
                asker,
                drawn,
                model=model,
                weights=weights,
                count=count,
                places=places,
                max_tokens=max_tokens,
                done=done,
            )
            _write(record, made, terminal)
            return
        probed = probe(
            asker, drawn, count=count, max_tokens=max_tokens, reference=trusted, done=done
        )
    if json_:
        print_json(probed.to_json())
    else:
        _show(probed, model, terminal)
    if probed.verdict in {"different", "worse"}:
        raise typer.Exit(1)


def _seed(text: str) -> bytes:
    from suites.base.errors import UserError

    try:
        seed = bytes.fromhex(text)
    except ValueError as error:
        raise UserError(
            f"no hexadecimal digits: {text!r}", where="--seed", expected="such as 8c1f…"
        ) from error
    if not 8 <= len(seed) <= 64:
        raise UserError(
            f"{len(seed)} bytes", where="--seed", expected="8 to 64 bytes: who guesses it can cheat"
        )
    return seed


def _write(place: Path, made: Reference, terminal: Terminal) -> None:
    from suites.base.files import write_atomically

    write_atomically(place, made.to_bytes())
    terminal.say(f"{made.in_words()}, in {place}", whole=True)


class _bar:  # noqa: N801 - a context, not a kind of thing
    """A bar on a terminal, nothing elsewhere."""

    def __init__(self, terminal: Terminal, total: int, *, quiet: bool) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

        self._bar = Progress(
            "asking",
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=terminal,
            transient=True,
            disable=quiet,
        )
        self._task = self._bar.add_task("", total=total)

    def __enter__(self) -> Callable[[], None]:
        self._bar.start()
        return lambda: self._bar.advance(self._task)

    def __exit__(self, *_: object) -> None:
        self._bar.stop()


def _show(probed: Probed, model: str, terminal: Terminal) -> None:
    from rich.table import Table

    table = Table(title=f"Questions to {model}", box=None, pad_edge=False)
    for head in ("family", "right", "95% interval", "n"):
        table.add_column(head, justify="left" if head == "family" else "right")
    for name, score in [*probed.families.items(), ("all", probed.overall)]:
        interval = f"[{score.low:.1%}, {score.high:.1%}]"
        table.add_row(name, f"{score.score:.1%}", interval, str(score.n))
    terminal.show(table)
    terminal.say(f"seed     {probed.seed}")
    if probed.failed:
        terminal.say(f"failed   {probed.failed} questions had no answer and count as wrong")
    if probed.tokens_per_solved:
        terminal.say(f"tokens   {probed.tokens_per_solved:.0f} for each right answer")
    if probed.comparison:
        drop = probed.comparison
        terminal.say(
            f"right    {-drop.drop:+.1%} [{-drop.high:+.1%}, {-drop.low:+.1%}] against the "
            f"reference: {drop.verdict}"
        )
    if probed.agreement:
        same = probed.agreement
        terminal.say(
            f"tokens   {same.top:.1%} [{same.top_low:.1%}, {same.top_high:.1%}] of {same.n} next "
            f"tokens the same, {same.nats:.2g} [{same.nats_low:.2g}, {same.nats_high:.2g}] "
            "nats of divergence"
        )
        if same.prefix is not None:
            terminal.say(
                f"greedy   {same.prefix:.1f} [{same.prefix_low:.1f}, {same.prefix_high:.1f}] of "
                f"{same.prefix_of:.1f} tokens before the first that differs"
            )
    terminal.say(f"verdict  {probed.verdict}")
