"""Command lines of engines we do not bundle, kept as data: `templates/<id>.toml`.

A template says how an engine is started, how it tells its version and when it is ready, how an
exact number of tokens is asked for, where that was read and when, and whether we ever ran it.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from datetime import date  # noqa: TC003 - pydantic reads it at run time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from suites.base.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "BUNDLED",
    "Command",
    "Device",
    "Template",
    "check_installed",
    "chosen",
    "command",
    "device_here",
    "flag_words",
    "image_of",
    "names",
    "speculating",
    "template",
]

_DATA = Path(__file__).parent / "templates"
# Comes with Fenmark and needs no template.
BUNDLED = "llama.cpp"

ParallelAxis = Literal["tp", "pp", "dp", "ep"]
_FIELD = re.compile(r"\{(file:[\w.-]+|[a-z]+)\}")
# --api-key, --hf-token, … but not --max-num-batched-tokens.
_SECRET = re.compile(r"--?([a-z]+[-_])*(key|token|secret|password)(=|$)", re.IGNORECASE)
_IMAGE = re.compile(r"[^\s@]+@sha256:[0-9a-f]{64}")
# Device files that tell which accelerator's driver is loaded.
_DEVICE_FILES = {"cuda": "nvidia0", "rocm": "kfd", "ascend": "davinci0"}


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class VersionSource(_Frozen):
    """How an engine tells its version: a field of a JSON answer, or the last word a command says.

    Attributes:
        path, field: GET this path of the running server and read this field.
        command: run this and take the last word it prints.
    """

    path: str = ""
    field: str = ""
    command: tuple[str, ...] = ()


class Device(_Frozen):
    """One kind of chip an engine runs on.

    Attributes:
        chips: which, in words.
        install: how to get the engine there.
        program, launch: in place of the template's, where this device's build starts differently.
        arguments: added to the template's for this device.
        environment: variables to set unless the user has set them.
        source: title and address of what the command line was read in.
        read_on: the day it was read.
        ran: the version and machine we ran it on ourselves, empty if never.
    """

    chips: str
    install: str
    program: str = ""
    launch: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    environment: dict[str, str] = {}
    source: str
    read_on: date
    ran: str = ""


class Speculation(_Frozen):
    """How an engine is told to draft tokens, and to accept as many as it is told.

    Attributes:
        arguments: to draft by `{method}`, `{drafts}` tokens a step.
        pinned: in their place, to accept `{acceptance}` tokens a step whatever was drafted.
        pinned_rates: in their place, to accept each place of a draft as often as `{rates}`, a list
            in JSON, says; empty where the engine has none.
        environment: set beside `pinned`.
        source, read_on: where this was read, and when.
    """

    arguments: tuple[str, ...]
    pinned: tuple[str, ...]
    pinned_rates: tuple[str, ...] = ()
    environment: dict[str, str] = {}
    source: str
    read_on: date


class Template(_Frozen):
    """An engine's command line.

    Attributes:
        id: stem of the file; what `--engine` takes.
        name: as its makers write it.
        weights: what it loads: "hf", a folder in Hugging Face's layout.
        program, launch, arguments: argv, with fields in braces (see `command`); `launch` is what
            must stand first. The program `{python}` is the one that runs Fenmark.
        needs: modules the program's interpreter must have.
        health: path that answers 200 once the model is loaded.
        metrics: path of its Prometheus metrics, empty where they are not served unasked.
        start_s: usual time to the first answer, for the estimate of a run.
        ready_within_s, stop_within_s: time limits for starting and for an orderly end.
        request_fields: fields of a request, beyond OpenAI's, that the engine knows.
        isl, osl: how an exact number of input and output tokens is asked for, in words.
        parallel: arguments for tp, pp, dp and ep, added where more than one is asked for.
        environment: as a device's, for every device.
        speculation: how it drafts tokens; None where we do not know.
        files: written beside the run; `{file:NAME}` is the path of one.
        devices: by "cuda", "rocm", "ascend", "cpu"; the first is the usual one.
    """

    id: str
    name: str
    weights: Literal["hf"]
    program: str
    launch: tuple[str, ...]
    arguments: tuple[str, ...]
    needs: tuple[str, ...] = ()
    health: str
    metrics: str = ""
    start_s: float = 120
    ready_within_s: float = 1800
    stop_within_s: float
    request_fields: tuple[str, ...]
    isl: str
    osl: str
    parallel: dict[ParallelAxis, tuple[str, ...]]
    environment: dict[str, str] = {}
    version: VersionSource
    speculation: Speculation | None = None
    files: dict[str, str] = {}
    devices: Annotated[dict[str, Device], Field(min_length=1)]


class Command(_Frozen):
    """What to start: the template's fields filled in.

    Attributes:
        program: one word, or more where the engine runs in a container.
        arguments: the engine's own.
        environment: variables to set unless they are set already.
        files: name → text, to be written into `folder` before the start.
    """

    program: tuple[str, ...]
    arguments: tuple[str, ...]
    environment: dict[str, str]
    files: dict[str, str]

    @property
    def argv(self) -> tuple[str, ...]:
        return self.program + self.arguments


def names() -> list[str]:
    """Ids of all templates."""
    return sorted(path.stem for path in _DATA.glob("*.toml"))


@cache
def template(name: str) -> Template:
    """Read a template.

    Raises:
        UserError: there is none of that name.
    """
    if name not in names():
        raise UserError(
            f"no engine {name!r}", where="--engine", expected=" or ".join([BUNDLED, *names()])
        )
    text = (_DATA / f"{name}.toml").read_text(encoding="utf-8")
    return Template.model_validate({"id": name, **tomllib.loads(text)})


def chosen(engine: str, *, dev: Path = Path("/dev")) -> tuple[Template, str]:
    """Read what `--engine` says: "vllm", or "vllm:cpu" with the device named.

    Returns:
        The template, and a key of its devices: the one named, else the one of this machine, else
        the template's first.

    Raises:
        UserError: no such engine, or it does not run on that device.
    """
    name, _, device = engine.partition(":")
    known = template(name)
    if not device:
        here = device_here(dev)
        return known, here if here in known.devices else next(iter(known.devices))
    if device not in known.devices:
        raise UserError(
            f"{known.name} has no command line for {device!r}",
            where="--engine",
            expected=" or ".join(f"{name}:{key}" for key in known.devices),
        )
    return known, device


def device_here(dev: Path = Path("/dev")) -> str:
    """Name the accelerator whose driver is loaded, "cpu" where there is none."""
    return next((key for key, file in _DEVICE_FILES.items() if (dev / file).exists()), "cpu")


def command(
    engine: Template,
    device: str,
    values: Mapping[str, object],
    *,
    parallel: Mapping[str, int],
    speculation: Mapping[str, object] | None = None,
    program: str | None = None,
    flags: Sequence[str] = (),
    folder: Path,
) -> Command:
    """Fill in a template; pure.

    Args:
        values: weights, model, host, port, dtype, context, slots, cpus, threads, chips.
        parallel: tp, pp, dp, ep; one is not parallelism and adds nothing.
        speculation: method and drafts, and acceptance where it is pinned; nothing is drafted
            without.
        program: replaces the template's, words split as a shell would: another path, or
            `docker run … IMAGE vllm`.
        flags: the user's own, added last so that they win; each may hold several words.
        folder: where `files` will lie.

    Raises:
        UserError: the engine has no such parallelism, no speculation that we know, or a flag is
            no shell words.
    """
    here = engine.devices[device]
    arguments = [*(here.launch or engine.launch), *engine.arguments, *here.arguments]
    for axis, size in parallel.items():
        if size > 1:
            arguments += _axis(engine, axis)
    drafting, pinned = speculating(engine, speculation or {})
    arguments += drafting
    known = {
        **values,
        **(speculation or {}),
        **{axis: parallel.get(axis, 1) for axis in ("tp", "pp", "dp", "ep")},
    }

    def fill(text: str) -> str:
        return _FIELD.sub(lambda match: _value(match[1], known, folder), text)

    return Command(
        program=_program(engine, here, program),
        arguments=(*map(fill, arguments), *(word for flag in flags for word in flag_words(flag))),
        environment={
            key: fill(value)
            for key, value in {**engine.environment, **here.environment, **pinned}.items()
        },
        files={name: fill(text) for name, text in engine.files.items()},
    )


def speculating(
    engine: Template, speculation: Mapping[str, object]
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Arguments and environment of a speculation, empty where there is none.

    Raises:
        UserError: we know of none of this engine.
    """
    if not speculation:
        return (), {}
    if engine.speculation is None:
        raise UserError(
            f"{engine.name}'s command line has none that we know",
            where="--speculation",
            remedy="give the engine's own options with --engine-flag",
        )
    if "rates" in speculation:
        if not engine.speculation.pinned_rates:
            raise UserError(
                f"{engine.name} pins no place of a draft by itself",
                where="--acceptance-rates",
                remedy="give --acceptance-length",
            )
        return engine.speculation.pinned_rates, {}
    if "acceptance" in speculation:
        return engine.speculation.pinned, engine.speculation.environment
    return engine.speculation.arguments, {}


def _axis(engine: Template, axis: str) -> tuple[str, ...]:
    for name, arguments in engine.parallel.items():
        if name == axis:
            return arguments
    raise UserError(
        f"{engine.name}'s command line has no {axis}",
        where=f"--{axis}",
        expected=" or ".join(engine.parallel),
        remedy="give the engine's own option with --engine-flag",
    )


def _value(name: str, values: Mapping[str, object], folder: Path) -> str:
    if name.startswith("file:"):
        return str(folder / name.removeprefix("file:"))
    return str(values[name])


def check_installed(engine: str, program: str | None) -> None:
    """Look for an engine's program before anything is measured.

    Raises:
        UserError: it is not there; the message says how to get it.
    """
    known, device = chosen(engine)
    here = known.devices[device]
    words = _program(known, here, program)
    launch = here.launch or known.launch
    # In a container the interpreter is not the first word, and only the container knows.
    modules = [launch[1], *known.needs] if launch[:1] == ("-m",) and len(words) == 1 else []
    missing = _missing_part(words[0], modules)
    if missing:
        raise UserError(
            missing,
            where=f"--engine {known.id}:{device}",
            expected=here.install,
            remedy="or name the program with --engine-program",
        )


def _program(engine: Template, here: Device, program: str | None) -> tuple[str, ...]:
    if program:
        return _words(program, "--engine-program")
    return tuple(
        sys.executable if word == "{python}" else word
        for word in _words(here.program or engine.program, "--engine-program")
    )


def _missing_part(program: str, modules: Sequence[str]) -> str:
    """Say what is not there: the program, or a module that interpreter is to run."""
    if shutil.which(program) is None:
        return f"{program!r} is not on PATH"
    for module in modules:
        package = module.partition(".")[0]
        look = f"import importlib.util, sys; sys.exit(not importlib.util.find_spec({package!r}))"
        if subprocess.run([program, "-c", look], check=False, capture_output=True).returncode:
            return f"{program!r} has no module {package!r}"
    return ""


def image_of(stated: str | None, program: str | None) -> str | None:
    """Image an engine runs in: as stated, else as its program names one by digest.

    Raises:
        UserError: what is stated has no digest; a tag names another image tomorrow.
    """
    if stated and not _IMAGE.fullmatch(stated):
        raise UserError(
            f"{stated!r} names no image by its digest",
            where="--engine-image",
            expected="NAME@sha256: and 64 hexadecimal digits",
            remedy="docker image inspect --format '{{index .RepoDigests 0}}' IMAGE",
        )
    named = _IMAGE.search(program or "")
    return stated or (named[0] if named else None)


def flag_words(flag: str) -> tuple[str, ...]:
    """Split a flag of the user's as a shell would.

    Raises:
        UserError: it is not shell words, or holds a secret: flags stand in the published result.
    """
    words = _words(flag, "--engine-flag")
    for word in words:
        if _SECRET.match(word):
            raise UserError(
                f"{word.partition('=')[0]} would be published with the result",
                where="--engine-flag",
                remedy="give it to the engine in an environment variable",
            )
    return words


def _words(text: str, where: str) -> tuple[str, ...]:
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise UserError(f"{text!r}: {error}", where=where, expected="words as in a shell") from None
    if not words:
        raise UserError("empty", where=where, expected="words as in a shell")
    return words
