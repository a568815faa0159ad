"""Sum an array over several devices, one process each, by torch.distributed.

The measuring process is rank 0. Each peer waits for a byte on its standard input, takes part in
one sum, and waits again; it leaves when the input closes, however the leader ends. The bytes run
ahead of a device's queue, so that they do not slow it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from suites.kernels.backends import host
from suites.kernels.backends.base import contribution
from suites.kernels.backends.torch_devices import LIBRARIES, load_plugin

__all__ = ["SumPeers", "meet"]

# A peer imports torch first, which takes seconds on a cold disk.
_START = timedelta(minutes=2)


class SumPeers:
    """The other processes of a sum over `count` devices of one kind."""

    def __init__(self, kind: str, count: int) -> None:
        """Start the peers and wait until all have met."""
        self._folder = tempfile.TemporaryDirectory(prefix="fenmark-peers-")
        store = str(Path(self._folder.name) / "store")
        self._children = [
            subprocess.Popen(
                [sys.executable, "-m", __name__, kind, str(rank), str(count), store],
                stdin=subprocess.PIPE,
                # What fails in a peer fails in the leader too, and there it is reported.
                stderr=subprocess.DEVNULL,
                bufsize=0,
            )
            for rank in range(1, count)
        ]
        self._agreed: tuple[Any, Any] | None = None
        _join(kind, 0, count, store)

    def sum(self, x: Any) -> Any:
        """Give x plus every peer's contribution, as a new array of the same shape and dtype."""
        if self._agreed != (x.shape, x.dtype):
            self._tell(b"s")
            self._agreed = (x.shape, x.dtype)
            dist.broadcast_object_list(list(self._agreed), src=0)
        self._tell(b"+")
        out = x.clone()
        dist.all_reduce(out)
        return out

    def _tell(self, word: bytes) -> None:
        for child in self._children:
            if child.stdin:
                child.stdin.write(word)


@cache
def meet(kind: str, count: int) -> SumPeers:
    """Start the peers at their first use; they stay until this process ends."""
    return SumPeers(kind, count)


def _join(kind: str, rank: int, count: int, store: str) -> None:
    if kind != "cpu":
        getattr(torch, kind).set_device(rank)
    dist.init_process_group(
        LIBRARIES[kind],
        init_method=f"file://{store}",
        rank=rank,
        world_size=count,
        timeout=_START,
    )


def _serve(kind: str, rank: int, count: int, store: str) -> None:
    load_plugin(kind)
    if kind == "cpu":
        host.keep_freed_memory()  # as the leader does
    _join(kind, rank, count, store)
    mine = out = torch.empty(0)
    while word := os.read(sys.stdin.fileno(), 1):
        if word == b"s":
            asked: list[Any] = [None, None]
            dist.broadcast_object_list(asked, src=0)
            mine = torch.from_numpy(contribution(rank, tuple(asked[0]))).to(kind, asked[1])
            out = torch.empty_like(mine)
        else:
            out.copy_(mine)
            dist.all_reduce(out)


if __name__ == "__main__":
    _serve(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
