"""What people serve with, on top of torch: each kernel by its name where its package is installed.

Nothing here imports torch or a package before a case runs, so that the list of what is missing,
and why, can be made anywhere. None of these but SDPA has been run by us: they follow the packages'
published interfaces, and the check in `harness` refuses a result that is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from suites.kernels.backends.base import Paths
    from suites.kernels.backends.work import Work

__all__ = ["paths"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Path:
    """One way to run a family.

    Attributes:
        name: at the end of the case's name.
        package: what must be installed; empty for torch itself.
        run: the kernel.
        kinds, dtypes: devices and dtypes it takes; empty takes all.
        plain: takes no ragged batch, window or sinks.
    """

    name: str
    run: Callable[..., Any]
    package: str = ""
    kinds: tuple[str, ...] = ()
    dtypes: tuple[str, ...] = ()
    plain: bool = False

    def reason(self, work: Work, kind: str) -> str:
        """Say why it does not run a work here; empty where it does."""
        rules = (
            (bool(self.kinds) and kind not in self.kinds, f"{self.name} has no {kind} kernel"),
            (
                bool(self.dtypes) and work.dtype not in self.dtypes,
                f"{self.name} takes {' and '.join(self.dtypes)}, not {work.dtype}",
            ),
            (
                self.plain and "tokens" in work.shape,
                f"{self.name} takes no ragged batch, window or sinks through this door",
            ),
            (
                bool(self.package) and not find_spec(self.package),
                f"the package {self.package} is not installed",
            ),
        )
        return next((why for applies, why in rules if applies), "")


def paths(work: Work, kind: str) -> Paths:
    """Ways that serving engines run a work's family on a kind of device, or the reasons why not."""
    return {
        path.name: path.reason(work, kind) or path.run for path in _BY_FAMILY.get(work.family, ())
    }


def _prefill_sdpa(_: object, *, q: Any, k: Any, v: Any) -> Any:
    """Causal attention by torch's own fused kernel; it wants a batch in front."""
    attend = import_module("torch.nn.functional").scaled_dot_product_attention
    return attend(q[None], k[None], v[None], is_causal=True, enable_gqa=True)[0]


def _prefill_flash3(_: object, *, q: Any, k: Any, v: Any) -> Any:
    """FlashAttention-3: (batch, tokens, heads, d)."""
    attend = import_module("flash_attn_interface").flash_attn_func
    out = attend(*(x.transpose(0, 1)[None] for x in (q, k, v)), causal=True)
    out = out[0] if isinstance(out, tuple) else out
    return out[0].transpose(0, 1)


def _decode_sdpa(_: object, *, q: Any, k_pages: Any, v_pages: Any, table: Any) -> Any:
    """Pages gathered into one stretch, then torch's own kernel, as engines without paging do."""
    attend = import_module("torch.nn.functional").scaled_dot_product_attention
    batch, heads, width = q.shape
    k, v = (
        pages[table].transpose(1, 2).reshape(batch, pages.shape[1], -1, width)
        for pages in (k_pages, v_pages)
    )
    return attend(q[:, :, None], k, v, enable_gqa=heads != k.shape[1])[:, :, 0]


def _decode_flashinfer(_: object, *, q: Any, k_pages: Any, v_pages: Any, table: Any) -> Any:
    """FlashInfer's kernel for one sequence at a time over its gathered pages, "HND" layout."""
    decode = import_module("flashinfer").single_decode_with_kv_cache
    outputs = []
    for sequence in range(q.shape[0]):
        k, v = (
            pages[table[sequence]].transpose(0, 1).reshape(pages.shape[1], -1, q.shape[-1])
            for pages in (k_pages, v_pages)
        )
        outputs.append(decode(q[sequence], k, v, kv_layout="HND"))
    return import_module("torch").stack(outputs)


def _decode_flash3(_: object, *, q: Any, k_pages: Any, v_pages: Any, table: Any) -> Any:
    """FlashAttention-3 over paged keys: (pages, page, kv_heads, d), a table of int32."""
    attend = import_module("flash_attn_interface").flash_attn_with_kvcache
    torch = import_module("torch")
    lengths = torch.full((len(q),), table.shape[1] * k_pages.shape[2], dtype=torch.int32)
    out = attend(
        q[:, None],
        k_pages.transpose(1, 2),
        v_pages.transpose(1, 2),
        cache_seqlens=lengths.to(q.device),
        page_table=table.int(),
    )
    return (out[0] if isinstance(out, tuple) else out)[:, 0]


def _mla_sdpa(_: object, *, q: Any, pages: Any, table: Any, rank: int, scale: float) -> Any:
    """All heads share one latent key: one head of keys for the group of all queries."""
    attend = import_module("torch.nn.functional").scaled_dot_product_attention
    latent = pages[table].flatten(1, 2)[:, None]
    return attend(q[:, None], latent, latent[..., :rank], scale=scale)[:, 0]


def _grouped_mm(_: object, *, x: Any, w: Any, counts: tuple[int, ...]) -> Any:
    """torch's ragged product, by the row at which each expert ends."""
    torch = import_module("torch")
    ends = torch.tensor(counts, device=x.device, dtype=torch.int32).cumsum(0, dtype=torch.int32)
    return torch._grouped_mm(x, w, offs=ends)  # noqa: SLF001 - no public name in every version


_NARROW = ("f16", "bf16")
_BY_FAMILY: dict[str, tuple[_Path, ...]] = {
    "attention_prefill": (
        _Path(name="sdpa", run=_prefill_sdpa),
        _Path(
            name="flash-attention-3",
            run=_prefill_flash3,
            package="flash_attn_interface",
            kinds=("cuda",),
            dtypes=_NARROW,
        ),
    ),
    "attention_decode": (
        _Path(name="sdpa", run=_decode_sdpa, plain=True),
        _Path(
            name="flashinfer",
            run=_decode_flashinfer,
            package="flashinfer",
            kinds=("cuda",),
            dtypes=_NARROW,
            plain=True,
        ),
        _Path(
            name="flash-attention-3",
            run=_decode_flash3,
            package="flash_attn_interface",
            kinds=("cuda",),
            dtypes=_NARROW,
            plain=True,
        ),
    ),
    "mla_decode": (_Path(name="sdpa", run=_mla_sdpa),),
    "grouped_gemm": (_Path(name="grouped-mm", run=_grouped_mm, kinds=("cuda",), dtypes=("bf16",)),),
}
