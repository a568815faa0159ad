"""Every case this suite knows, whether this machine can run it, and why not."""

from __future__ import annotations

import math
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from suites.base.errors import UserError
from suites.kernels.backends import host, installed, load_backend
from suites.kernels.backends.work import ITEM_BITS
from suites.kernels.case import Case
from suites.kernels.families import FAMILIES, works
from suites.kernels.families.registry import LIMITS
from suites.kernels.profiles import profile
from suites.models import load

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from suites.kernels.backends import Backend
    from suites.kernels.backends.work import Work
    from suites.kernels.case import Cache
    from suites.kernels.families import Sizes

__all__ = ["list_cases", "select"]

# Cold means that what a call reads was last touched this many cache sizes ago.
_COLD_CACHES = 2.5
# No case takes more than this share of the memory the device has left.
_MEMORY_SHARE = 0.25
# Drawing more sets of operands than this takes longer than timing them.
_MOST_COPIES = 256
_EVERY_DTYPE = {"peak", "gemm"}


def select(profile_name: str, options: Mapping[str, Any]) -> list[Case]:
    """List the cases a run with these options would measure, in the order of work.

    Empty when the pattern matches no kernel case: it may be meant for another suite.

    Raises:
        UserError: unknown profile, model or backend, or none of the matching cases can run.
    """
    chosen = profile(profile_name)
    pattern = options.get("case")
    cases = [
        case
        for case in _all(chosen.sizes, options)
        if (fnmatchcase(case.name, pattern) if pattern else chosen.takes(case))
    ]
    runnable = [case for case in cases if not case.reason]
    if cases and not runnable:
        raise UserError(
            f"this machine runs none of the {len(cases)} chosen kernel cases: {cases[0].reason}",
            where="case",
            expected="a case that `fenmark run --suite kernels --list` calls runnable",
        )
    return runnable


def list_cases(options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """List every case as plain JSON, runnable here or not (with the reason).

    Raises:
        UserError: unknown profile, model or backend, or a pattern that matches nothing.
    """
    pattern = options.get("case") or "*"
    cases = _all(profile(options.get("profile", "quick")).sizes, options)
    listed = [case.to_json() for case in cases if fnmatchcase(case.name, pattern)]
    if not listed:
        raise UserError(
            f"no kernel case matches {pattern!r}", where="case", expected="such as 'gemm*'"
        )
    return listed


def _all(sizes: Sizes, options: Mapping[str, Any]) -> list[Case]:
    geometry = load(options.get("model") or "qwen2.5-0.5b")
    names = options.get("backend") or installed()
    backends = [load_backend(name) for name in names]
    cases = []
    for family in FAMILIES:
        for dtype in _dtypes(family):
            for backend in backends:
                cache = backend.cache_bytes()
                sizes = replace(sizes, peers=max(2, backend.peers))
                for work in works(family, geometry, sizes, dtype, _operand_bytes(backend)):
                    cases += _cases(work, backend, "cold")
                # An eighth of the last-level cache: past the private caches, well inside.
                for work in works(family, geometry, sizes, dtype, cache // 8):
                    if work.bytes <= cache // 2:
                        cases += _cases(work, backend, "hot")
    return cases


def _operand_bytes(backend: Backend) -> int:
    """Bytes of one operand of a cold memory test.

    On a host at most 64 MiB, since rotation keeps it cold and the reference is twice as wide; on
    a device at least 256 MiB, so that a launch's microseconds do not count.
    """
    cache = backend.cache_bytes()
    return min(cache, 64 * 2**20) if backend.timing == "host" else max(cache, 256 * 2**20)


def _dtypes(family: str) -> Sequence[str]:
    if family in LIMITS:
        return ("f32",)
    widest = [dtype for dtype in ITEM_BITS if dtype != "f64"]
    if family in _EVERY_DTYPE:
        return widest
    return ("f32", "f16", "bf16")


def _cases(work: Work, backend: Backend, cache: Cache) -> list[Case]:
    copies = _copies(work, backend, cache)
    return [_case(work, backend, cache, copies, path) for path in backend.paths(work).items()]


def _case(work: Work, backend: Backend, cache: Cache, copies: int, path: tuple[str, Any]) -> Case:
    name, way = path
    refused = isinstance(way, str)
    run = work.run if refused else way
    case = Case(work=work, backend=backend, cache=cache, copies=copies, path=name, run=run)
    return replace(case, reason=way if refused else _too_small(copies) or _too_large(case))


def _copies(work: Work, backend: Backend, cache: Cache) -> int:
    if cache == "hot":
        return 1
    # By what a call touches, not by its whole buffers: of a table it reads a few rows.
    return max(2, math.ceil(_COLD_CACHES * backend.cache_bytes() / work.bytes))


def _too_small(copies: int) -> str:
    if copies <= _MOST_COPIES:
        return ""
    return f"would take {copies} sets of operands to stay out of the cache; see its hot run"


def _too_large(case: Case) -> str:
    on_device = case.memory_bytes, case.backend.free_bytes(), "buffers"
    on_host = case.work.check_bytes, host.free_bytes(), "float64 on the host for its check"
    for needed, free, what in (on_device, on_host):
        if needed > free * _MEMORY_SHARE:
            return (
                f"needs {needed / 2**30:.1f} GiB of {what}, more than a quarter of the free "
                f"memory ({free * _MEMORY_SHARE / 2**30:.1f} GiB)"
            )
    return ""
