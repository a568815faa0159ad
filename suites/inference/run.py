"""Run one cell: a fresh engine for each batch, nothing else on the machine of ours."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from suites.base.child import note, progress
from suites.base.records import CellResult
from suites.client.subject import packages, subject
from suites.inference.measure import InferenceCase, measure
from suites.inference.order import servers
from suites.quality.run import ask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from suites.base.records import Series

__all__ = ["run_cell"]


def run_cell(spec: dict[str, Any]) -> CellResult:
    """Measure the cases of a spec made by `plan`.

    The figures of the first case's second turn are kept apart, in the facts.

    Raises:
        CheckError: the engine failed or counted other tokens than asked for.
        UserError: the model or the endpoint cannot be used.
    """
    cases = [InferenceCase(**fields) for fields in spec["cases"]]
    quality = spec.get("quality")
    starts = servers(cases, running=bool(spec["subject"]["endpoint"]))
    total = sum(len(server.cases) for server in starts)
    series: list[Series] = []
    again: dict[str, Any] = {}
    engines: dict[int, dict[str, Any]] = {}
    done = 0
    # The one with most slots answers most questions at a time.
    asked = max(range(len(starts)), key=lambda place: starts[place].slots)
    answers: dict[str, Any] = {}
    for place, server in enumerate(starts):
        asks = quality if place == asked else None
        context = max(server.context, asks["context"] if asks else 0)
        with subject(spec["subject"], slots=server.slots, context=context) as under_test:
            engines[server.slots] = under_test.engine
            note(f"{under_test.engine['name']} is up")
            for case in server.cases:
                progress(done, total, case.name)
                repeated = done == len(cases)
                # Other prompts than the first time: a cache would know those.
                seed = f"{spec['seed']}{'/again' if repeated else ''}"
                measured = measure(
                    under_test.target, case, seed=seed, check_alive=under_test.check_alive
                )
                if repeated:
                    again = {"repeated": _as_kept(case, measured)}
                else:
                    series += [
                        replace(s, labels={**s.labels, **under_test.labels}) for s in measured
                    ]
                done += 1
            if asks:
                answers = {"quality": ask(under_test.target, asks, at_once=server.slots)}
                under_test.check_alive()
    progress(total, total, cases[0].name)
    # By slots: the order was drawn, and another run's engines are the same.
    described = [engines[slots] for slots in sorted(engines)]
    return CellResult(
        series=tuple(series),
        facts={"engines": described, "packages": packages(described[0]), **again, **answers},
        warnings=_left_out(spec["left_out"]),
    )


def _as_kept(case: InferenceCase, series: Sequence[Series]) -> dict[str, Any]:
    return {"case": case.name, "samples": {item.metric: item.samples for item in series}}


def _left_out(names: list[str]) -> tuple[str, ...]:
    if not names:
        return ()
    return (f"inference: no memory for {', '.join(names)}; use a larger machine",)
