from __future__ import annotations

import pytest

from suites.kernels.backends import load_backend
from suites.kernels.case import Case
from suites.kernels.families import Sizes, works
from suites.models import load

SMALL = Sizes(prefill=32, decode=(1, 3), batch=2, context=64, peak=48)


@pytest.fixture
def make_case():
    """A small case of any family on any backend."""

    def make(family, *, dtype="f32", backend="numpy", model="tiny-15m", run=None, pick=0):
        work = works(family, load(model), SMALL, dtype, 64 * 1024)[pick]
        return Case(
            work=work, backend=load_backend(backend), cache="cold", copies=2, run=run or work.run
        )

    return make
