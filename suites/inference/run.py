"""Run one cell: a fresh engine, every case on it, nothing else on the machine of ours."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from suites.base.child import note, progress
from suites.base.records import CellResult, Series
from suites.client.subject import packages, subject
from suites.inference.measure import Case, measure
from suites.inference.plan import SPARE_TOKENS

__all__ = ["run_cell"]


def run_cell(spec: dict[str, Any]) -> CellResult:
    """Measure the cases of a spec made by `plan`.

    Raises:
        CheckError: the engine failed or counted other tokens than asked for.
        UserError: the model or the endpoint cannot be used.
    """
    cases = [Case(**fields) for fields in spec["cases"]]
    slots = max(case.batch for case in cases)
    context = max(case.input_tokens + case.output_tokens for case in cases) + SPARE_TOKENS
    series: list[Series] = []
    with subject(spec["subject"], slots=slots, context=context) as under_test:
        note(f"{under_test.engine['name']} is up")
        for done, case in enumerate(cases):
            progress(done, len(cases), case.name)
            measured = measure(
                under_test.target, case, seed=spec["seed"], check_alive=under_test.check_alive
            )
            series += [replace(s, labels={**s.labels, **under_test.labels}) for s in measured]
        progress(len(cases), len(cases), cases[-1].name)
    return CellResult(
        series=tuple(series),
        facts={"engines": [under_test.engine], "packages": packages(under_test.engine)},
        warnings=_left_out(spec["left_out"]),
    )


def _left_out(names: list[str]) -> tuple[str, ...]:
    if not names:
        return ()
    return (f"inference: no memory for {', '.join(names)}; use a larger machine",)
