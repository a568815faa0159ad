"""What NVIDIA's driver says of the cards that moves a result: limits, clocks, ECC, MIG, links.

Every question may be refused by a card or missing in a driver; its answer is then left out.
"""

from __future__ import annotations

from contextlib import contextmanager
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pynvml

from runners.machine.conditions import topology

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from runners.machine.conditions import ConditionValue

__all__ = ["cards_now", "cards_settings", "serials"]

# nvml.h, nvmlGpuTopologyLevel_t: the nearest thing two cards share.
_SHARED = {
    pynvml.NVML_TOPOLOGY_INTERNAL: "one board",
    pynvml.NVML_TOPOLOGY_SINGLE: "one PCIe switch",
    pynvml.NVML_TOPOLOGY_MULTIPLE: "PCIe switches",
    pynvml.NVML_TOPOLOGY_HOSTBRIDGE: "a host bridge",
    pynvml.NVML_TOPOLOGY_NODE: "a NUMA node",
    pynvml.NVML_TOPOLOGY_SYSTEM: "the link between sockets",
}
# nvml.h, nvmlClocksEventReasons: those that slow a card against its will.
_THROTTLES = {
    pynvml.nvmlClocksThrottleReasonSwPowerCap: "power limit",
    pynvml.nvmlClocksThrottleReasonHwSlowdown: "hardware slowdown",
    pynvml.nvmlClocksThrottleReasonSwThermalSlowdown: "heat",
    pynvml.nvmlClocksThrottleReasonHwThermalSlowdown: "heat, hardware",
    pynvml.nvmlClocksThrottleReasonHwPowerBrakeSlowdown: "power brake",
}
_MILLI = 1e-3


def cards_settings() -> dict[str, ConditionValue]:
    """Read what is set on every card, and how the cards are joined."""
    with _cards() as cards:
        settings = {
            f"gpu{index}_{name}": value
            for index, card in enumerate(cards)
            for name, value in _settings(card)
        }
        joined = topology(
            (card, other, _link(cards[card], cards[other]))
            for card, other in combinations(range(len(cards)), 2)
        )
    return settings | ({"gpu_topology": joined} if joined else {})


def cards_now() -> dict[str, ConditionValue]:
    """Read what moves: temperature, clocks, what slows a card, who else computes on it."""
    with _cards() as cards:
        return {
            f"gpu{index}_{name}": value
            for index, card in enumerate(cards)
            for name, value in _now(card)
        }


def serials() -> list[str]:
    """Read what tells each card from every other card: the driver's UUID."""
    with _cards() as cards:
        return [uuid for card in cards if (uuid := _ask(pynvml.nvmlDeviceGetUUID, card))]


@contextmanager
def _cards() -> Iterator[list[Any]]:
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        yield []
        return
    try:
        count = _ask(pynvml.nvmlDeviceGetCount) or 0
        cards = (_ask(pynvml.nvmlDeviceGetHandleByIndex, index) for index in range(count))
        yield [card for card in cards if card is not None]
    finally:
        pynvml.nvmlShutdown()


def _ask(question: Callable[..., Any], *about: Any) -> Any:
    try:
        return question(*about)
    except (pynvml.NVMLError, pynvml.NVMLLibraryMismatchError):  # an older driver's list
        return None


def _settings(card: Any) -> Iterator[tuple[str, ConditionValue]]:
    limit = _ask(pynvml.nvmlDeviceGetPowerManagementLimit, card)
    if limit is not None:
        yield "power_limit_w", round(limit * _MILLI, 1)
    usual = _ask(pynvml.nvmlDeviceGetPowerManagementDefaultLimit, card)
    if usual is not None:
        yield "power_limit_default_w", round(usual * _MILLI, 1)
    fastest = _ask(pynvml.nvmlDeviceGetMaxClockInfo, card, pynvml.NVML_CLOCK_SM)
    if fastest is not None:
        yield "sm_mhz_max", int(fastest)
    modes = {
        "ecc": _ask(pynvml.nvmlDeviceGetEccMode, card),
        "mig": _ask(pynvml.nvmlDeviceGetMigMode, card),
    }
    for name, mode in modes.items():
        if mode is not None:
            yield name, "on" if mode[0] else "off"  # now, and after the next reset
    persistent = _ask(pynvml.nvmlDeviceGetPersistenceMode, card)
    if persistent is not None:
        yield "persistence", "on" if persistent else "off"
    node = _ask(pynvml.nvmlDeviceGetNumaNodeId, card)
    if node is not None:
        yield "numa_node", int(node)
    yield from _model(card)
    yield from _pcie(card)
    links = _nvlinks(card)
    if links:
        yield "nvlinks", links


def _model(card: Any) -> Iterator[tuple[str, ConditionValue]]:
    """Say which board and firmware this is."""
    bus = _ask(pynvml.nvmlDeviceGetPciInfo, card)
    if bus is not None:  # vendor in the lower half, device in the upper
        yield "pci", f"{bus.pciDeviceId & 0xFFFF:04x}:{bus.pciDeviceId >> 16:04x}"
    firmware = _ask(pynvml.nvmlDeviceGetVbiosVersion, card)
    if firmware:
        yield "vbios", str(firmware)


def _now(card: Any) -> Iterator[tuple[str, ConditionValue]]:
    heat = _ask(pynvml.nvmlDeviceGetTemperature, card, pynvml.NVML_TEMPERATURE_GPU)
    if heat is not None:
        yield "temperature_c", int(heat)
    for name, domain in (("sm_mhz", pynvml.NVML_CLOCK_SM), ("memory_mhz", pynvml.NVML_CLOCK_MEM)):
        clock = _ask(pynvml.nvmlDeviceGetClockInfo, card, domain)
        if clock is not None:
            yield name, int(clock)
    reasons = _ask(pynvml.nvmlDeviceGetCurrentClocksThrottleReasons, card)
    slowed = ", ".join(text for bit, text in _THROTTLES.items() if (reasons or 0) & bit)
    if slowed:
        yield "slowed_by", slowed
    others = _ask(pynvml.nvmlDeviceGetComputeRunningProcesses, card)
    if others is not None:
        yield "processes", len(others)


def _pcie(card: Any) -> Iterator[tuple[str, ConditionValue]]:
    now = (
        _ask(pynvml.nvmlDeviceGetCurrPcieLinkGeneration, card),
        _ask(pynvml.nvmlDeviceGetCurrPcieLinkWidth, card),
    )
    most = (
        _ask(pynvml.nvmlDeviceGetMaxPcieLinkGeneration, card),
        _ask(pynvml.nvmlDeviceGetMaxPcieLinkWidth, card),
    )
    if None not in now:
        could = f" of gen {most[0]} x{most[1]}" if None not in most and most != now else ""
        # An idle card lowers its generation to save power; the width tells a wrong slot.
        yield "pcie", f"gen {now[0]} x{now[1]}{could}"


def _nvlinks(card: Any) -> int:
    """NVLinks that are up."""
    states = (
        _ask(pynvml.nvmlDeviceGetNvLinkState, card, link)
        for link in range(pynvml.NVML_NVLINK_MAX_LINKS)
    )
    return sum(state == pynvml.NVML_FEATURE_ENABLED for state in states)


def _link(card: Any, other: Any) -> str:
    status = _ask(pynvml.nvmlDeviceGetP2PStatus, card, other, pynvml.NVML_P2P_CAPS_INDEX_NVLINK)
    if status == pynvml.NVML_P2P_STATUS_OK:
        return "NVLink"
    level = _ask(pynvml.nvmlDeviceGetTopologyCommonAncestor, card, other)
    return _SHARED.get(level, "an unknown path") if level is not None else "an unknown path"
