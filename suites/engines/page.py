"""The documentation's page of command lines: `python -m suites.engines.page`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from suites.engines.template import command, names, template

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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


def page(say: Callable[[str], str] = str) -> str:
    """Write the page as Markdown.

    Args:
        say: English text -> the text in the page's language.
    """
    lines = (line for name in names() for line in _engine(template(name), say))
    return "\n".join([say(_HEAD), *lines])


def _engine(engine: Template, say: Callable[[str], str]) -> Iterator[str]:
    yield f"## {engine.name}\n"
    yield "| | |\n|---|---|"
    yield f"| `--engine` | {', '.join(f'`{engine.id}:{key}`' for key in engine.devices)} |"
    yield f"| {say('input tokens')} | {say(engine.isl)} |"
    yield f"| {say('output tokens')} | {say(engine.osl)} |"
    ready = say("`GET {health}` answers").format(health=engine.health)
    yield f"| {say('ready when')} | {ready} |"
    version = engine.version
    told = f"`{' '.join(version.command)}`" if version.command else f"`GET {version.path}`"
    yield f"| {say('version')} | {told} |"
    axes = (f"`--{axis}` {_flag(words)}".strip() for axis, words in engine.parallel.items())
    yield f"| {say('parallelism')} | {', '.join(axes)} |\n"
    for key, device in engine.devices.items():
        yield from _device(engine, key, device, say)
    for name, text in engine.files.items():
        yield f"`{name}`:\n"
        yield f"```\n{text.strip()}\n```\n"


def _device(engine: Template, key: str, device: Device, say: Callable[[str], str]) -> Iterator[str]:
    head = say("`{name}`: {chips}").format(name=f"{engine.id}:{key}", chips=say(device.chips))
    yield f"### {head}\n"
    # The same page on every machine: no path of this one's interpreter.
    program = "python3" if engine.program == "{python}" else None
    start = command(engine, key, _SHOWN, parallel={}, program=program, folder=Path("RUN"))
    settings = [f"{name}={value}" for name, value in start.environment.items()]
    yield "```sh\n" + _wrapped([*settings, *map(shlex.quote, start.argv)]) + "\n```\n"
    ran = device.ran or "never; the command line is the documentation's"
    yield say("Install: {what}.").format(what=say(device.install))
    yield say("Source: {what}, read on {day}.").format(what=say(device.source), day=device.read_on)
    yield say("**Run by us:** {ran}.").format(ran=say(ran)) + "\n"


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
