from __future__ import annotations

from importlib.util import find_spec

import array_api_strict
import numpy as np
import pytest

from suites.kernels.backends import load_backend
from suites.kernels.backends.numpy_backend import NumpyBackend
from suites.kernels.case import Case
from suites.kernels.families import Sizes, works
from suites.models import load

SMALL = Sizes(prefill=32, decode=(1, 3), batch=2, context=64, peak=48)


class StrictBackend(NumpyBackend):
    """Refuses whatever the array API standard does not promise: what CuPy and torch may lack."""

    name = "strict"
    xp = array_api_strict

    def put(self, array, dtype):
        return array_api_strict.asarray(super().put(array, dtype))

    def get(self, array):
        return super().get(np.asarray(array))


def backend_of(name):
    if name == "strict":
        return StrictBackend()
    if not find_spec(name):
        pytest.skip(f"{name} is not installed")
    return load_backend(name)


@pytest.fixture
def make_case():
    """A small case of any family on any backend."""

    def make(family, *, dtype="f32", backend="numpy", model="tiny-15m", run=None, pick=0):
        work = works(family, load(model), SMALL, dtype, 64 * 1024)[pick]
        return Case(
            work=work, backend=backend_of(backend), cache="cold", copies=2, run=run or work.run
        )

    return make
