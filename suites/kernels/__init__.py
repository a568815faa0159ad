"""Kernels: what the silicon delivers, beside how close that is to its measured limits."""

from suites.kernels.catalog import list_cases
from suites.kernels.plan import plan
from suites.kernels.summary import summarize

__all__ = ["list_cases", "plan", "summarize"]
