"""Our own portable kernels behind the same door as a stranger's: one function a family."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from suites.kernels.backends import load_backend
from suites.kernels.families import Sizes, works
from suites.models import load

if TYPE_CHECKING:
    from collections.abc import Callable

# One model of each kind: some families need experts or latent attention.
_MODELS = ("tiny-15m", "deepseek-v3", "gpt-oss-120b")
# Whatever the size, a family has one kernel.
_ANY = Sizes(prefill=16, decode=(1,), batch=1, context=16, peak=16)


def __getattr__(family: str) -> Callable[..., Any]:
    """Find the kernel of a family by its name, as a stranger's file would hold it."""
    if family.startswith("__"):
        raise AttributeError(family)
    candidates = (
        work for model in _MODELS for work in works(family, load(model), _ANY, "f32", 4096)
    )
    return partial(next(candidates).run, load_backend("numpy"))
