"""Geometry of real models as data: layers, heads, experts and vocabulary give shapes and counts."""

from suites.models.geometry import Geometry, Mla, Moe
from suites.models.library import available, load

__all__ = ["Geometry", "Mla", "Moe", "available", "load"]
