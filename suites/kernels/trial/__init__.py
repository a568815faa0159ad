"""A stranger's kernel, run in a process of its own and judged from outside."""

from suites.kernels.trial.judge import TriedKernel, try_kernel

__all__ = ["TriedKernel", "try_kernel"]
