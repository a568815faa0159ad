"""Write a geometry as the TOML that ships, and that anyone may bring."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from suites.models.geometry import Geometry, Layer

__all__ = ["as_toml"]

_BESIDE = {"id", "layers", "modules", "towers", "published"}


def as_toml(geometry: Geometry) -> str:
    """Write everything but the id, which is the file's name; what is as usual is left out."""
    lines = list(_pairs(_stated_fields(geometry, leave=_BESIDE)))
    for layer in geometry.layers:
        lines += ["", "[[layers]]", *_layer(layer)]
    if geometry.modules:
        lines += ["", "[modules]", f"count = {geometry.modules.count}"]
        for layer in geometry.modules.layers:
            lines += ["", "[[modules.layers]]", *_layer(layer)]
    for tower in geometry.towers:
        lines += ["", "[[towers]]", *_pairs(_stated_fields(tower))]
    if geometry.published:
        lines += ["", "[published]", *_pairs(geometry.published.model_dump())]
    return "\n".join(lines) + "\n"


def _layer(layer: Layer) -> Iterator[str]:
    yield f"count = {layer.count}"
    yield from _pairs(_stated_fields(layer, leave={"count", "parts"}))
    yield "parts = ["
    for part in layer.parts:
        fields = {"kind": part.kind, **_stated_fields(part)}
        yield f"  {{ {', '.join(_pairs(fields))} }},"
    yield "]"


def _stated_fields(model: Any, leave: set[str] = frozenset()) -> dict[str, Any]:  # type: ignore[assignment]
    return dict(model.model_dump(exclude=leave, exclude_defaults=True))


def _pairs(values: Mapping[str, Any]) -> Iterator[str]:
    """Strings of JSON without control characters are strings of TOML."""
    for name, value in values.items():
        yield f"{name} = {json.dumps(value, ensure_ascii=False)}"
