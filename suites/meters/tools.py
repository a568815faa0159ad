"""Power read from a tool: Apple's powermetrics, Huawei's npu-smi, ipmitool for a whole node.

A call takes tens to hundreds of milliseconds, so these are coarse: the reading is dated to the
middle of the call and the cadence is a second.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass

from suites.meters.base import MeterInfo, MeterReading, dated

__all__ = [
    "ToolMeter",
    "apple",
    "ascend",
    "ipmi",
    "reason_no_apple",
    "reason_no_ascend",
    "reason_no_ipmi",
]

_PERIOD_S = 1.0
_TIMEOUT_S = 10

# One sample of 100 ms over CPU, GPU and neural engine. Needs root.
_POWERMETRICS = ("powermetrics", "-n", "1", "-i", "100", "--samplers", "cpu_power,gpu_power")
_COMBINED = re.compile(
    r"^Combined Power \(CPU \+ GPU \+ ANE\):\s*(?P<power>[\d.]+) mW", re.MULTILINE
)

# The Data Center Manageability Interface of IPMI; needs root.
_IPMI = ("ipmitool", "dcmi", "power", "reading")
_IPMI_POWER = re.compile(r"Instantaneous power reading:\s*(?P<power>\d+) Watts")

_NPU_LIST = ("npu-smi", "info", "-l")
_NPU_ID = re.compile(r"^\s*NPU ID\s*:\s*(\d+)", re.MULTILINE)
# The 310 and older firmware say dissipation, the 910 family real-time power.
_NPU_POWER = re.compile(
    r"^\s*(?:NPU Real-time Power|Power Dissipation)\s*\(W\)\s*:\s*(?P<power>[\d.]+)", re.MULTILINE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolMeter:
    """A command whose output names a power.

    Attributes:
        pattern: finds it, as group "power".
        unit_w: watts in one of its units.
    """

    info: MeterInfo
    command: tuple[str, ...]
    pattern: re.Pattern[str]
    unit_w: float
    period_s: float = _PERIOD_S

    def read(self) -> MeterReading:
        """Run the tool.

        Raises:
            OSError: it is missing, fails or hangs.
            ValueError: its output holds no power.
        """
        output, at_ns, unsure_ns = dated(lambda: _output(self.command))
        match = self.pattern.search(output)
        if not match:
            raise ValueError(f"{self.command[0]} told no power")
        return MeterReading(at_ns, power_w=float(match["power"]) * self.unit_w, unsure_ns=unsure_ns)


def apple() -> list[ToolMeter]:
    """Open Apple silicon's package; none elsewhere or without root."""
    info = MeterInfo(
        name="powermetrics 0",
        scope="package",
        method="sampled power",
        note="CPU, GPU and neural engine, estimated by macOS; memory is not in it",
    )
    meter = ToolMeter(info=info, command=_POWERMETRICS, pattern=_COMBINED, unit_w=1e-3)
    return [meter] if _reads(meter) else []


def ascend() -> list[ToolMeter]:
    """Open every Ascend NPU that tells its power."""
    try:
        ids = _NPU_ID.findall(_output(_NPU_LIST))
    except OSError:
        return []
    meters = [
        ToolMeter(
            info=MeterInfo(name=f"npu-smi {npu}", scope="chip", method="sampled power"),
            command=("npu-smi", "info", "-t", "power", "-i", npu),
            pattern=_NPU_POWER,
            unit_w=1.0,
        )
        for npu in dict.fromkeys(ids)
    ]
    return [meter for meter in meters if _reads(meter)]


def ipmi() -> list[ToolMeter]:
    """Open the node's own power sensor; none without ipmitool, root or the sensor."""
    info = MeterInfo(
        name="ipmi 0",
        scope="node",
        method="sampled power",
        note="by the management controller, which averages as its maker chose",
    )
    meter = ToolMeter(info=info, command=_IPMI, pattern=_IPMI_POWER, unit_w=1.0)
    return [meter] if _reads(meter) else []


def reason_no_apple() -> str:
    """Say why Apple silicon cannot be read."""
    if not shutil.which("powermetrics"):
        return "powermetrics is not here: no macOS"
    return "powermetrics tells no combined power: run as root, on Apple silicon"


def reason_no_ascend() -> str:
    """Say why no NPU can be read."""
    if not shutil.which("npu-smi"):
        return "npu-smi is not here: no Ascend driver"
    return "npu-smi tells the power of no NPU"


def reason_no_ipmi() -> str:
    """Say why the node cannot be read."""
    if not shutil.which("ipmitool"):
        return "ipmitool is not here"
    return "ipmitool tells no power: run as root, on a machine whose controller measures it"


def _reads(meter: ToolMeter) -> bool:
    try:
        meter.read()
    except (OSError, ValueError):
        return False
    return True


def _output(command: tuple[str, ...]) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=_TIMEOUT_S, stdin=subprocess.DEVNULL, check=True
        )
    except subprocess.SubprocessError as error:
        raise OSError(f"{command[0]}: {error}") from error
    return done.stdout.decode(errors="replace")  # some releases print in GB 2312
