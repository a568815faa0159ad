"""All that the laws compute with, as one document: a reader in another language takes it from here.

Laws with their formulas and tolerances, the constants of the modules that hold them, datasheets,
geometries, labels, metrics and versions. What it holds of a constant is read from the module that
uses it, so that no number is written twice.
"""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from results import catalog
from results.catalog import chip_names, peaks
from results.checks import (
    claim,
    finding,
    labels,
    machine,
    names,
    order,
    points,
    power,
    queueing,
    roofline,
    speculation,
)
from results.checks.laws import LAWS
from results.economy import floor
from results.statement import texts
from suites import models
from suites.base.labels import LABELS
from suites.base.metrics import METRICS
from suites.models import names as model_names
from suites.models import widths
from suites.models.part import Part

if TYPE_CHECKING:
    from types import ModuleType

    from results.catalog import ChipEntry
    from suites.models import Geometry

__all__ = ["constants", "document", "model_table"]

_MODULES = (
    chip_names, claim, finding, floor, labels, machine, names, order, peaks, points, power,
    queueing, roofline, speculation, texts, widths,
)  # fmt: skip
# What a part says otherwise than all others do if it looks back at earlier tokens.
_LOOKING_BACK = ("kv_values", "kept", "cached", "prefill_flops")
_NOT_SAID = {"_NUMERIC"}  # types of Python's own
# Of a chip, what laws read.
_CHIP = {
    "id", "name", "vendor", "kind", "chips", "cpuid", "tables", "pci", "memory_gb",
    "memory_bandwidth_gb_s", "peak_tflops", "tdp_w", "skus", "added",
}  # fmt: skip


def document() -> bytes:
    """Return it as JSON; the same bytes each time."""
    return json.dumps(_tables(), separators=(",", ":"), ensure_ascii=False).encode()


def _tables() -> dict[str, Any]:
    return {
        "laws": [
            {
                "name": law.name,
                "outcome": law.outcome,
                "formula": law.formula,
                "tolerance": law.tolerance,
                "find": law.find.__name__,
            }
            for law in LAWS
        ],
        "constants": {module.__name__.rpartition(".")[2]: constants(module) for module in _MODULES}
        | {"model_names": constants(model_names)},
        "chips": {entry.id: _chip(entry) for entry in catalog.chips().values()},
        "chip_names": chip_names.named_parts(),
        "models": {name: model_table(models.load(name)) for name in models.available()},
        "labels": {
            label.name: {
                "type": label.type,
                "least": label.least,
                "most": label.most,
                "choices": label.choices,
                "expected": label.expected,
            }
            for label in LABELS.values()
        },
        "units": {metric.name: metric.unit for metric in METRICS.values()},
        "versions": {
            version.id: {
                "released": version.date.isoformat(),
                "first_day": names.first_day(version),
            }
            for version in catalog.versions().values()
        },
    }


def _chip(entry: ChipEntry) -> dict[str, Any]:
    told = entry.model_dump(include=_CHIP, exclude_none=True)
    return told | {"skus": [{"cores": sku.cores, "tdp_w": sku.tdp_w} for sku in entry.skus]}


def model_table(geometry: Geometry) -> dict[str, Any]:
    """Sums of a model, and the parts whose work and cache depend on how much they look back at."""
    census, hidden = geometry.census(), geometry.hidden
    parts = [(layer.count, part) for layer in geometry.layers for part in layer.parts]
    head = geometry.vocab * hidden
    steady = sum(count * part.decode_flops(1) for count, part in parts if not _looks_back(part))
    experts = sum(count * part.touched(hidden, 1, "same") for count, part in parts)
    return {
        "name": geometry.name,
        "hidden": hidden,
        "stored": census,
        # By a step, beside one row of `hidden` for each sequence.
        "read": {**census, "experts": experts, "head": head, "rest": geometry.mixed},
        "body": geometry.active_parameters() - head,
        "head": head,
        "kv_values": geometry.kv_bytes_per_token(1),
        "state_values": geometry.state_bytes(1),
        "steady_flops": steady,
        "parts": [
            {"count": count} | part.model_dump() for count, part in parts if _looks_back(part)
        ],
        "published": geometry.published and geometry.published.model_dump(),
    }


def _looks_back(part: Part) -> bool:
    """Whether what this kind takes depends on the tokens before."""
    return any(getattr(type(part), name) is not getattr(Part, name) for name in _LOOKING_BACK)


def constants(module: ModuleType) -> dict[str, Any]:
    """The module's own names in capitals, without the line that marks them as its own."""
    return {
        name.strip("_"): _plain(value)
        for name, value in vars(module).items()
        if name.isupper()
        and (name.startswith("_") or name in module.__all__)
        and name not in _NOT_SAID
    }


def _plain(value: Any) -> Any:
    match value:
        case timedelta():
            return value.total_seconds()
        case re.Pattern():
            return value.pattern
        case frozenset() | set():
            return sorted(value)
        case dict():
            return {name: _plain(item) for name, item in value.items()}
        case tuple() | list():
            return [_plain(item) for item in value]
        case str() | int() | float() | None:
            return value
        case _:
            raise TypeError(f"{value!r} has no place in a table")
