"""Turn finished cells and their rows into the statement that is signed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from results.statement.statement import STATEMENT_TYPE
from results.statement.statement_v2 import PREDICATE_TYPE, StatementV2
from results.statement.texts import printable
from runners.measure.provenance import software, source
from runners.measure.workspace import utc_now
from runners.options.in_statement import stated_options
from suites.engines.versions import remarks

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from results.statement.statement import Machine
    from runners.measure.workspace import FinishedCell, Started
    from suites.base.records import Row

__all__ = ["statement_of"]


def statement_of(
    *,
    started: Started,
    runner: str,
    machine: Machine,
    cells: Sequence[FinishedCell],
    rows: Sequence[Row],
    samples: bytes,
) -> StatementV2:
    """State what was measured.

    Args:
        runner: id of the runner's key file.
        samples: the file of raw samples, which the statement is about.
    """
    challenge = started.challenge
    digest = hashlib.sha256(samples).hexdigest()
    facts = [cell.result.facts for cell in cells]
    engines = _distinct(item for fact in facts for item in fact.get("engines", []))
    packages = {
        name: version for fact in facts for name, version in fact.get("packages", {}).items()
    }
    predicate = {
        "schema_version": 2,
        "run": {
            "id": started.run_id,
            "runner": runner,
            "suite_version": started.suite_version,
            "suites": list(started.options.suites),
            "profile": started.options.profile,
            "seed": started.options.seed,
            "started_at": started.started_at,
            "finished_at": utc_now(),
            "nonce": challenge.nonce if challenge else None,
            "not_before": challenge.not_before if challenge else None,
            "options": stated_options(started.options),
            "reproduces": started.reproduces,
            "plan": started.plan.model_dump() if started.plan else None,
        },
        "machine": machine.model_dump(),
        "software": software(packages).model_dump(),
        "source": source().model_dump(),
        "engines": engines,
        "meters": _distinct(meter for cell in cells for meter in cell.meters),
        "measurements": [asdict(row) for row in rows],
        "warnings": _warnings(cells, engines),
        "outputs": _outputs(cells),
    }
    # What drivers, engines and options say is foreign text; a line of it stays a line.
    stated = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": f"samples/{digest}.json", "digest": {"sha256": digest}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": predicate,
    }
    return StatementV2.model_validate(printable(stated))


def _warnings(cells: Sequence[FinishedCell], engines: Sequence[dict[str, Any]]) -> list[str]:
    seen = [text for cell in cells for text in (*cell.result.warnings, *cell.warnings)]
    return list(dict.fromkeys([*seen, *(text for engine in engines for text in remarks(engine))]))


def _outputs(cells: Sequence[FinishedCell]) -> list[dict[str, Any]]:
    """Take what the first process of the kernel suite kept of its cases' outputs."""
    kernels = [cell for cell in cells if cell.suite == "kernels"]
    cases = kernels[0].result.facts.get("cases", {}) if kernels else {}
    return [
        {"case": case, "elements": facts["elements"]}
        for case, facts in cases.items()
        if facts.get("elements")
    ]


def _distinct(items: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Keep the first of equal descriptions: every process of a run describes the same engine."""
    seen = {json.dumps(item, sort_keys=True): item for item in items}
    return list(seen.values())
