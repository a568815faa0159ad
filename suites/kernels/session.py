"""One process's measuring: its cases, what they gave, and what was wrong."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from suites.base.errors import CheckError, UserError
from suites.base.records import CellResult, Series, Window
from suites.base.statistics import median_interval
from suites.kernels.catalog import select
from suites.kernels.harness import generator, measure_case, overhead_ns
from suites.kernels.profiles import profile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from suites.base.records import Label
    from suites.kernels.case import Case
    from suites.kernels.harness import TimedCase

__all__ = ["KernelSession"]


class KernelSession:
    """Measures the cases of one spec and gathers the results.

    The spec has the options of `plan`, the profile's name and `process`, this process's number.
    """

    def __init__(
        self, spec: Mapping[str, Any], *, report: Callable[[str], None] = lambda _: None
    ) -> None:
        """Keep the spec, and where progress goes, one JSON line a case."""
        self._spec, self._report = spec, report
        self._measured: list[TimedCase] = []
        self._wrong: list[str] = []

    @cached_property
    def cases(self) -> list[Case]:
        """The cases to measure, in the order of work."""
        chosen = select(self._spec["profile"], self._spec)
        if not chosen:
            raise UserError(
                f"no kernel case matches {self._spec.get('case')!r}",
                where="case",
                expected="a pattern such as 'gemm*' or '*/f32/numpy/*'",
                remedy="see every case with `fenmark run --suite kernels --list`",
            )
        return chosen

    def measure(self, case: Case) -> TimedCase:
        """Check and time one case.

        Raises:
            CheckError: its output is wrong, or the library would not run it.
        """
        seed, process = self._spec.get("seed", 0), self._spec.get("process", 0)
        chosen = profile(self._spec["profile"])
        budget = replace(chosen.budget, cap_s=chosen.cap_s(len(self.cases)))
        try:
            measured = measure_case(
                case,
                budget,
                generator(case, seed, process),
                self._spec.get("energy_hold_s", 0.0),
                # Once a run: the first process answers for the kernel, the others time it too.
                probed=process == 0,
            )
        except CheckError as error:
            self._wrong.append(str(error))
            raise
        except Exception as error:
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            self._wrong.append(f"{case.name}: {case.backend.name} would not run it: {reason}")
            raise CheckError(self._wrong[-1]) from error
        else:
            self._measured.append(measured)
            return measured
        finally:
            self._progress(case)

    def extra_info(self, measured: TimedCase) -> dict[str, Any]:
        """What pytest-benchmark's JSON carries besides its own statistics.

        `median_interval_95` is by order statistics and of this process alone;
        pytest-benchmark's own figures assume independent rounds.
        """
        work, timing = measured.case.work, measured.timing
        interval = median_interval(timing.seconds)
        return {
            **_labels(measured),
            "shape": dict(work.shape),
            "flops": work.flops,
            "bytes": work.bytes,
            "relative_l2_error": measured.verdict.error,
            "median_interval_95_s": [interval.low, interval.high],
            "blocks": [asdict(block) for block in timing.blocks],
        }

    def result(self) -> CellResult:
        """Everything measured so far.

        Raises:
            CheckError: no case gave a right answer.
        """
        if not self._measured:
            raise CheckError(f"no kernel case gave a right result; the first: {self._wrong[0]}")
        cases = {item.case.backend.name: item.case for item in self._measured}
        backends = {name: case.backend for name, case in cases.items()}
        facts = {
            "datasheet": self._spec.get("datasheet") or {},
            "packages": {
                key: value
                for backend in backends.values()
                for key, value in backend.facts().items()
            },
            "timing_overhead_ns": {name: overhead_ns(case) for name, case in cases.items()},
            "last_level_cache_bytes": {name: b.cache_bytes() for name, b in backends.items()},
            "cases": {item.case.name: _facts(item) for item in self._measured},
        }
        series = tuple(_series(item) for item in self._measured)
        return CellResult(series=series, facts=facts, warnings=tuple(self._warnings()))

    def _warnings(self) -> list[str]:
        disturbed = sum(b.disturbed for item in self._measured for b in item.timing.blocks)
        blocks = sum(len(item.timing.blocks) for item in self._measured)
        warnings = [f"no result: {line}" for line in self._wrong]
        # One block in five: enough to move a median, more than timer ticks cause.
        if disturbed > blocks / 5:
            warnings.append(
                f"{disturbed} of {blocks} timed blocks were preempted or starved; "
                "stop other work on this machine and run again"
            )
        return warnings

    def _progress(self, case: Case) -> None:
        done = len(self._measured) + len(self._wrong)
        event = {"event": "progress", "done": done, "total": len(self.cases), "case": case.name}
        self._report(json.dumps(event))


def _labels(measured: TimedCase) -> dict[str, Label]:
    case, timing = measured.case, measured.timing
    error = measured.quantization_error
    quantized: dict[str, Label] = {} if error is None else {"quantization_error": error}
    return quantized | {
        "backend": case.backend.name,
        "dtype": case.work.dtype,
        "family": case.work.family,
        "model": case.work.model,
        "cache": case.cache,
        "path": case.path,
        "timing": timing.clock,
        "stopped_because": timing.stopped_because,
        "blocks_disturbed": sum(block.disturbed for block in timing.blocks),
        "calls_per_block": timing.calls_per_block,
    }


def _facts(measured: TimedCase) -> dict[str, Any]:
    work = measured.case.work
    return {
        "shape": dict(work.shape),
        "flops": work.flops,
        "bytes": work.bytes,
        "relative_l2_error": measured.verdict.error,
        "copies": measured.case.copies,
        "elements": list(measured.elements),
    }


def _series(measured: TimedCase) -> Series:
    timing = measured.timing
    # A meter sees the held batch alone; without one, a model speaks of every block.
    seen = [measured.held] if measured.held else timing.blocks
    return Series(
        suite="kernels",
        case=measured.case.name,
        metric="time",
        unit="ms",
        samples=tuple(seconds * 1e3 for seconds in timing.seconds),
        labels={
            **_labels(measured),
            "flops": measured.case.work.flops,
            "bytes": measured.case.work.bytes,
        },
        windows=tuple(
            Window(
                start_ns=block.start_ns,
                end_ns=block.end_ns,
                calls=measured.held.calls if measured.held else timing.calls_per_block,
            )
            for block in seen
        ),
    )
