"""The documentation's page of command lines: `python -m suites.engines.page`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from suites.engines.template import command, names, template

if TYPE_CHECKING:
    from collections.abc import Iterator

    from suites.engines.template import Device, Template

__all__ = ["page"]

# What stands in a command line where a run fills in its own.
_SHOWN: dict[str, object] = {
    "weights": "MODEL_FOLDER",
    "model": "NAME",
    "host": "127.0.0.1",
    "port": 8000,
    "dtype": "auto",
    "context": 4096,
    "slots": 64,
    "cpus": "0",
    "threads": 1,
    "chips": [0],
}
_HEAD = """# Engine command lines

Made from the templates in `suites/engines/templates`; do not edit. What an engine is and how to
choose one stands in [Engines](engines.md).
"""
_WIDTH = 90


def page() -> str:
    """Write the page as Markdown."""
    return "\n".join([_HEAD, *(line for name in names() for line in _engine(template(name)))])


def _engine(engine: Template) -> Iterator[str]:
    yield f"## {engine.name}\n"
    yield "| | |\n|---|---|"
    yield f"| `--engine` | {', '.join(f'`{engine.id}:{key}`' for key in engine.devices)} |"
    yield f"| input tokens | {engine.isl} |"
    yield f"| output tokens | {engine.osl} |"
    yield f"| ready when | `GET {engine.health}` answers |"
    version = engine.version
    told = f"`{' '.join(version.command)}`" if version.command else f"`GET {version.path}`"
    yield f"| version | {told} |"
    axes = (f"`--{axis}` {_flag(words)}".strip() for axis, words in engine.parallel.items())
    yield f"| parallelism | {', '.join(axes)} |\n"
    for key, device in engine.devices.items():
        yield from _device(engine, key, device)
    for name, text in engine.files.items():
        yield f"`{name}`:\n"
        yield f"```\n{text.strip()}\n```\n"


def _device(engine: Template, key: str, device: Device) -> Iterator[str]:
    yield f"### `{engine.id}:{key}`: {device.chips}\n"
    # The same page on every machine: no path of this one's interpreter.
    program = "python3" if engine.program == "{python}" else None
    start = command(engine, key, _SHOWN, parallel={}, program=program, folder=Path("RUN"))
    settings = [f"{name}={value}" for name, value in start.environment.items()]
    yield "```sh\n" + _wrapped([*settings, *map(shlex.quote, start.argv)]) + "\n```\n"
    ran = device.ran or "never; the command line is the documentation's"
    yield f"Install: {device.install}.\nSource: {device.source}, read on {device.read_on}."
    yield f"**Run by us:** {ran}.\n"


def _flag(words: tuple[str, ...]) -> str:
    return f"(`{words[0]}`)" if words else ""


def _wrapped(words: list[str]) -> str:
    """Break a command line as a shell reads it."""
    lines = [words[0]]
    for word in words[1:]:
        if len(lines[-1]) + len(word) > _WIDTH:
            lines.append(f"  {word}")
        else:
            lines[-1] += f" {word}"
    return " \\\n".join(lines)


if __name__ == "__main__":
    print(page(), end="")
