"""How much each profile measures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from suites.base.errors import UserError
from suites.kernels.families.registry import LIMITS, Sizes
from suites.kernels.timing import Budget

if TYPE_CHECKING:
    from collections.abc import Mapping

    from suites.kernels.case import Case

__all__ = ["KernelProfile", "profile"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelProfile:
    """What a profile runs.

    Attributes:
        processes: fresh processes in sequence; the interval comes from their spread.
        sizes: token counts of the model's cases.
        budget: blocks of each case.
        families, dtypes: what it takes when the user names no case; empty takes all.
        process_s: seconds all cases of one process share; a backend more makes each shorter.
    """

    processes: int
    sizes: Sizes
    budget: Budget
    process_s: float
    families: tuple[str, ...] = ()
    dtypes: tuple[str, ...] = ()

    def takes(self, case: Case) -> bool:
        """Say whether a run without a pattern measures this case.

        A profile that picks families takes hot runs only of the tests that seek the cache's limit.
        """
        work = case.work
        if self.families and case.cache == "hot" and work.family not in LIMITS:
            return False
        wanted = not self.families or work.family in self.families
        return wanted and (not self.dtypes or work.dtype in self.dtypes)

    def cap_s(self, cases: int) -> float:
        """Longest time of one series when `cases` share the process."""
        return min(self.budget.cap_s, self.process_s / max(1, cases))


# Half the t interval is t/√n of the spread between processes: 2.5 of it for three processes,
# 1.24 for five, 0.92 for seven, 0.72 for ten. So five short processes say more than three long
# ones, and a spread of 2%, usual on a rented machine, stays below 3%.
_PROFILES: Mapping[str, KernelProfile] = {
    "quick": KernelProfile(
        processes=5,
        sizes=Sizes(prefill=512, decode=(1,), batch=4, context=2048, peak=1536),
        budget=Budget(warm_up_s=0.03, min_blocks=8, target=0.01, cap_s=0.7),
        process_s=9,
        families=(
            *("copy", "triad", "read", "peak", "gemm"),
            *("attention_prefill", "attention_decode", "rmsnorm", "swiglu"),
        ),
        dtypes=("f32", "bf16"),
    ),
    "standard": KernelProfile(
        processes=7,
        sizes=Sizes(prefill=512, decode=(1, 8, 64), batch=8, context=4096, peak=2048),
        budget=Budget(warm_up_s=0.1, min_blocks=12, target=0.005, cap_s=1.5),
        process_s=170,
    ),
    "full": KernelProfile(
        processes=10,
        sizes=Sizes(prefill=2048, decode=(1, 8, 64, 256), batch=16, context=8192, peak=4096),
        budget=Budget(warm_up_s=0.2, min_blocks=20, target=0.003, cap_s=3),
        process_s=960,
    ),
}


def profile(name: str) -> KernelProfile:
    """Look a profile up.

    Raises:
        UserError: no such profile.
    """
    if name not in _PROFILES:
        raise UserError(f"unknown profile {name!r}", expected=f"one of {', '.join(_PROFILES)}")
    return _PROFILES[name]
