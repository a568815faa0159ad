"""A chip whose kernels take their rooflines, and a small model: terms are sums by hand."""

import numpy as np
import pytest

from results.catalog import chips
from results.prediction.chip import ChipTiming
from results.prediction.grid import KernelGrid
from results.prediction.roofline import Rates
from suites.models.geometry import Geometry

# 1 GB/s is 10⁶ bytes per ms: here 10⁹ bytes per ms, 10¹² FLOPs per ms, links of 10⁸ bytes per ms.
RATES = Rates(1e9, {"bf16": 1e12, "fp8": 2e12}, 1e8)


def flat(dimensions):
    axes = tuple(np.array([1.0, 1024.0]) for _ in range(dimensions))
    return KernelGrid(axes, np.zeros([2] * dimensions))


@pytest.fixture
def chip():
    grids = {
        ("gemm", "bfloat16"): flat(3),
        ("decode", "bfloat16", 16, 4, 2): flat(2),
        ("decode", "bfloat16", 16, 2, 1): flat(2),
        ("prefill", 16, 4, 2): flat(1),
        ("prefill", 16, 2, 1): flat(1),
        ("experts", "bfloat16", 64, 32, 2, 8, 1, 1): flat(1),
        ("reduce", 2): flat(1),
    }
    return ChipTiming(chips()["h200-sxm"], RATES, "kernels", grids)


@pytest.fixture
def geometry():
    attention = {"kind": "gqa", "heads": 4, "kv_heads": 2, "head_dim": 16}
    dense = {"kind": "dense", "intermediate": 128}
    return Geometry.model_validate({
        "id": "small", "name": "small", "hidden": 64, "vocab": 1000, "tied_embeddings": False,
        "layers": [{"count": 3, "parts": [attention, dense]}], "source": "made up",
    })  # fmt: skip
