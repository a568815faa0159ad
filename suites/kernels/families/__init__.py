"""The kernel families: for each, shapes of real models, counts, the kernel and its reference."""

from suites.kernels.families.registry import FAMILIES, Sizes, works

__all__ = ["FAMILIES", "Sizes", "works"]
