"""Geometry of real models as data: layers, heads, experts and vocabulary give shapes and counts."""

from suites.models.attention import Gqa, Mla
from suites.models.feed_forward import Dense, Experts
from suites.models.geometry import Geometry, Layer, Widths
from suites.models.library import available, is_path, load

__all__ = [
    "Dense",
    "Experts",
    "Geometry",
    "Gqa",
    "Layer",
    "Mla",
    "Widths",
    "available",
    "is_path",
    "load",
]
