"""`fenmark model`: the models that ship, and what any model's own file says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from suites.base.terminal import Terminal

__all__ = ["model"]

model = typer.Typer(
    help="Sizes of models: yours from its files, or one of those that ship.\n\n"
    "Example: fenmark model show ./Qwen3-32B-FP8 --json"
)


@model.command("show")
def show(
    path: Annotated[
        str,
        typer.Argument(help="An id, a config.json or its folder, a .gguf or a .toml file."),
    ],
    context: Annotated[
        int, typer.Option(min=1, max=10**9, help="Tokens the decoded token sees, with itself.")
    ] = 1,
    kv_bits: Annotated[float, typer.Option(min=1, max=64, help="Width of a cached value.")] = 16,
    json_: Annotated[bool, typer.Option("--json", help="The figures, on stdout.")] = False,
) -> None:
    """Show parameters, cache, FLOPs and widths of a model, counted from its sizes.

    What cannot be counted exactly is refused by name.

    Examples: fenmark model show qwen3-8b; fenmark model show ./Qwen3-32B-FP8 --context 32768;
    fenmark model show llama-3.1-8b-Q4_K_M.gguf --json
    """
    from suites.base.terminal import Terminal, print_json
    from suites.models.describe import describe

    figures = describe(path).figures(context=context, kv_bits=kv_bits)
    if json_:
        print_json(figures)
    else:
        _print(figures, Terminal())


@model.command("list")
def list_(
    json_: Annotated[bool, typer.Option("--json", help="The list, on stdout.")] = False,
) -> None:
    """List the models that ship, smallest first.

    Example: fenmark model list
    """
    from suites import models
    from suites.base.terminal import Terminal, print_json

    known = {name: models.load(name) for name in models.available()}
    if json_:
        print_json([{"id": name, "parameters": it.parameters()} for name, it in known.items()])
        return
    terminal = Terminal()
    for name, geometry in known.items():
        active = geometry.active_parameters() / 1e9
        terminal.say(
            f"{name:<26}{geometry.parameters() / 1e9:>10,.2f} B {active:>9,.2f} B active  "
            f"{geometry.name}"
        )


def _print(figures: Mapping[str, Any], terminal: Terminal) -> None:
    """One line a figure, with its unit."""
    bits, towers = figures["bits_per_weight"], figures["towers"]
    size = f", {figures['weight_bytes'] / 1e9:,.2f} GB" if bits else ""
    width = f"{bits:.2f} bits a weight{size}" if bits else "width unknown"
    lines = [
        ("parameters", f"{figures['parameters']:,}"),
        ("active", f"{figures['active_parameters']:,} multiply one token"),
        ("precision", f"{figures['precision']}, {width}"),
        ("cache", f"{figures['kv_bytes_per_token']:,.0f} B a token in every layer"),
        ("", f"{figures['kv_bytes']:,.0f} B at a context of {figures['context']:,}"),
        ("state", f"{figures['state_bytes']:,.0f} B a sequence"),
        ("work", f"{figures['flops_per_token']:,} FLOP a token"),
        *(("layers", f"{count} x {kind}") for kind, count in figures["layers"].items()),
        ("prediction", f"{figures['prediction_module_parameters']:,} parameters, apart"),
        *((kind, f"{count or 'uncounted'} parameters, apart") for kind, count in towers.items()),
        ("source", figures["source"]),
    ]
    terminal.say(f"{figures['name']} {figures['architecture']}".strip())
    for name, text in lines:
        terminal.say(f"  {name:<12}{text}")
