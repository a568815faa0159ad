"""A child with this folder on PYTHONPATH spends no second a cell on the speed of its machine."""

from suites.base import probe

steady = probe.Probe(copy_gb_s=20.0, gemm_gflop_s=100.0)
probe.probe = lambda: steady
