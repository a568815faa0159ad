"""Devices torch knows: their plug-ins and their libraries for sums."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from suites.base.errors import UserError

__all__ = ["DEVICES", "LIBRARIES", "load_plugin"]

# Device string to the plug-in that registers it; empty where torch itself does.
DEVICES = {
    "cpu": "",
    "cuda": "",
    "rocm": "",
    "npu": "torch_npu",  # Huawei Ascend
    "mlu": "torch_mlu",  # Cambricon
    "musa": "torch_musa",  # Moore Threads
    "xpu": "",  # Intel GPU
    "hpu": "habana_frameworks.torch.core",  # Intel Gaudi
    "mps": "",  # Apple
}
# Each vendor's collective library, by the name its torch plug-in registers.
LIBRARIES = {
    "cpu": "gloo",
    "cuda": "nccl",
    "npu": "hccl",
    "mlu": "cncl",
    "musa": "mccl",
    "xpu": "xccl",
    "hpu": "hccl",
}


def load_plugin(device: str) -> None:
    """Import the plug-in that registers a device with torch.

    Raises:
        UserError: it is not installed.
    """
    plugin = DEVICES[device]
    if not plugin:
        return
    package = plugin.partition(".")[0]
    if not find_spec(package):
        raise UserError(f"torch device {device!r} needs the package {package}", where="backend")
    import_module(plugin)
