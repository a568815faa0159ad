"""Meters of the hosts behind an endpoint: what their Prometheus exporters say of energy and power.

Read from an address that the user names: NVIDIA's DCGM exporter (each GPU), the node exporter (each
CPU package by RAPL; the ACPI power meter), the IPMI exporter (the node, by DCMI). What stands
behind `#` picks GPUs: `http://node:9400/metrics#0,1`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from suites.base.errors import UserError
from suites.base.printable import printable
from suites.base.web_address import is_usable, names_somebody
from suites.meters.base import MeterInfo
from suites.meters.remote import HttpMeter, open_client, page_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["telemetry"]

_PERIOD_S = 1.0
_MOST_METERS = 1024
_LONGEST_LINE = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class _Series:
    """A series of an exporter.

    Attributes:
        kind: first word of the meter's name.
        label: which of its labels tells one device from the next, "" for a node's only one.
        joules: a running total, else a momentary power.
        factor: to joules or watts.
        only: what a label named `chip` must hold, "" for anything.
    """

    kind: str
    scope: Literal["chip", "package", "node"]
    label: str = ""
    joules: bool = False
    factor: float = 1.0
    only: str = ""


_ACPI = _Series(kind="acpi", scope="node", label="sensor", only="acpi")
_KNOWN = {
    "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION": _Series(
        kind="dcgm", scope="chip", label="gpu", joules=True, factor=1e-3
    ),
    "DCGM_FI_DEV_POWER_USAGE": _Series(kind="dcgm", scope="chip", label="gpu"),
    "node_rapl_package_joules_total": _Series(
        kind="rapl", scope="package", label="index", joules=True
    ),
    "node_hwmon_power_average_watt": _ACPI,
    "node_hwmon_power_input_watt": _ACPI,
    "ipmi_dcmi_power_consumption_watts": _Series(kind="ipmi", scope="node"),
}
_NOTES = {
    "dcgm": "by the exporter of the endpoint's host, as fresh as its --collect-interval",
    "rapl": "by the node exporter of the endpoint's host; memory is not in it",
    "acpi": "by the node exporter of the endpoint's host, from its ACPI power meter",
    "ipmi": "by the IPMI exporter of the endpoint's host, averaged as the board's maker chose",
}
_SAMPLE = re.compile(
    r"([A-Za-z_]\w*)(\{(?:[^\"{}]|\"(?:[^\"\\]|\\.)*\")*\})?[ \t]+(\S{1,64})(?:[ \t]+-?\d+)?\s*",
    re.ASCII,
)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"', re.ASCII)
# (kind, which device) -> joules and watts, None for what is not said.
_Readings = dict[tuple[str, str], tuple[float | None, float | None]]


def telemetry(addresses: Sequence[str]) -> list[HttpMeter]:
    """Open every meter that the exporters at these addresses offer.

    Meters are named by kind and device (`dcgm 0`), and by the place of their exporter among several
    (`dcgm 1.0`): a signed result names no address.

    Raises:
        UserError: an address is none, does not answer, or says nothing of power; names it.
    """
    meters: list[HttpMeter] = []
    for place, address in enumerate(addresses):
        meters += _meters(address, f"{place}." if len(addresses) > 1 else "")
    return meters[:_MOST_METERS]


def _meters(address: str, prefix: str) -> Iterator[HttpMeter]:
    url, _, picked = _checked(address).partition("#")
    http = open_client()
    try:
        readings = _readings(page_of(http, url))
    except OSError as error:
        raise UserError(
            f"cannot be read ({printable(str(error), 200)})",
            where=f"--telemetry {address}",
            expected="the /metrics of a DCGM, node or IPMI exporter",
        ) from error
    wanted = set(picked.split(",")) if picked else set()
    keys = [key for key in readings if key[0] != "dcgm" or not wanted or key[1] in wanted]
    lacking = wanted - {device for kind, device in readings if kind == "dcgm"}
    if not keys or lacking:
        raise UserError(
            f"tells the power of no GPU {', '.join(sorted(lacking))}"[:120]
            if lacking
            else "tells the power of nothing",
            where=f"--telemetry {address}",
            expected="the /metrics of a DCGM, node or IPMI exporter",
        )
    for kind, device in keys:
        counts = readings[kind, device][0] is not None
        yield HttpMeter(
            info=MeterInfo(
                name=f"{kind} {prefix}{printable(device, 60)}".strip(),
                scope=_scope_of(kind),
                method="hardware counter" if counts else "sampled power",
                accuracy_percent=5.0 if kind == "dcgm" else None,  # NVML's, which DCGM reads
                note=_NOTES[kind],
            ),
            url=url,
            period_s=_PERIOD_S,
            take=partial(_take, key=(kind, device)),
            client=http,
        )


def _checked(address: str) -> str:
    if names_somebody(address) or not is_usable(address):
        raise UserError(
            "no usable address",
            where="--telemetry",
            expected="a URL such as http://node:9400/metrics, without a password",
        )
    return address


def _scope_of(kind: str) -> Literal["chip", "package", "node"]:
    return next(series.scope for series in _KNOWN.values() if series.kind == kind)


def _take(page: str, key: tuple[str, str]) -> tuple[float | None, float | None]:
    return _readings(page).get(key, (None, None))


def _readings(page: str) -> _Readings:
    """Read a page of Prometheus' text format; slices of a GPU and non-numbers are left out.

    Of two series for one device and quantity the first counts.
    """
    readings: _Readings = {}
    for line in page.splitlines():
        if len(line) > _LONGEST_LINE or not (match := _SAMPLE.fullmatch(line)):
            continue
        series, labels = _KNOWN.get(match[1]), dict(_LABEL.findall(match[2] or ""))
        value = _number(match[3])
        if not series or value is None or "GPU_I_ID" in labels:
            continue
        if series.only and series.only not in labels.get("chip", "").lower():
            continue
        key = series.kind, labels.get(series.label, "") if series.label else ""
        joules, watts = readings.get(key, (None, None))
        if series.joules:
            joules = value * series.factor if joules is None else joules
        else:
            watts = value * series.factor if watts is None else watts
        readings[key] = joules, watts
    return readings


def _number(word: str) -> float | None:
    try:
        value = float(word)
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None
