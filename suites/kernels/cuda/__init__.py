"""Our own CUDA kernels: their source, and how CuPy launches them."""

from suites.kernels.cuda.fused import SOURCE, launchers, refuses

__all__ = ["SOURCE", "launchers", "refuses"]
