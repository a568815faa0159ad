"""Which chip a run measures: one and only one, so that no figure is credited to another."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from results import catalog
from results.statement.statement_v2 import ChipV2
from runners.machine import machine
from runners.measure.run_meters import gauge_for
from runners.options.pools import chips_of
from suites.base.errors import UserError
from suites.engines import template

if TYPE_CHECKING:
    from runners.options.options import RunOptions

__all__ = ["chip_of_another", "chip_under_test", "with_subject"]

_CPU = "cpu"


def chip_under_test(options: RunOptions) -> ChipV2:
    """Name the chip: this machine's CPU, its accelerator, or what stands behind an endpoint.

    Raises:
        UserError: the options would measure two chips in one result, or name an unknown one.
    """
    chosen = options.suite_options
    if "endpoint" in chosen:
        return _behind_endpoint(options)
    for name in ("chip", "chips", "prefill_pool", "decode_pool", "telemetry"):
        if name in chosen:
            raise UserError(
                "says what stands behind an endpoint",
                where=f"--{name.replace('_', '-')}",
                remedy="give --endpoint too",
            )
    devices = set()
    if "kernels" in options.suites:
        devices |= {_device(backend) for backend in chosen.get("backend", ())} or {_CPU}
    if "inference" in options.suites or "serving" in options.suites:
        devices.add(_engine_device(chosen))
    if len(devices) > 1:
        raise UserError(
            f"one result is about one chip, and this run would measure {' and '.join(devices)}",
            where="--backend",
            remedy="run `--suite kernels` once for each device, and the engine by itself",
        )
    return _cpu() if devices == {_CPU} else _accelerator(devices.pop(), _chips(chosen))


def chip_of_another(stated: str | None, count: int | None, named: str) -> ChipV2:
    """Name the chip that another harness measured: this machine's, or one behind an endpoint.

    Args:
        stated: catalogue id; None for this machine's accelerator, or its CPU where it has none or
            the file names it.
        count: how many worked, None where nobody says.
        named: what the file says it ran on.

    Raises:
        UserError: this machine has several, and nobody says how many worked.
    """
    here = machine.accelerators() or machine.unnamed_accelerators()
    on_cpu = named == machine.cpu().name or (catalog.match(named) or "") == machine.listed_cpu()
    if stated == machine.listed_cpu() if stated else on_cpu or not here:
        return _cpu()
    if stated and not (here and stated == machine.listed_accelerator(here[0])):
        return _unseen(stated, count or 1)
    if count is None and len(here) > 1:
        raise UserError(
            f"nobody says how many of the {len(here)} accelerators worked",
            where="--count",
            remedy="give it",
        )
    return _accelerator(here[0].name, count or 1)


def with_subject(options: RunOptions) -> RunOptions:
    """Add what the suites must know: CPU backends by default, datasheet limits, meters' cadence."""
    chip = chip_under_test(options)
    chosen: dict[str, Any] = {**options.suite_options}
    engine = chosen.get("engine") or template.BUNDLED
    if engine != template.BUNDLED and "endpoint" not in chosen:
        template.check_installed(engine, chosen.get("engine_program"))
    if "kernels" in options.suites and "backend" not in chosen:
        from suites.kernels.backends import installed

        chosen["backend"] = [name for name in installed() if _device(name) == _CPU]
    if "kernels" in options.suites:
        chosen["energy_hold_s"] = gauge_for(chip, chosen).hold_s
    entry = catalog.chips().get(chip.catalog_id or "")
    # A CPU's datasheet speaks of the whole socket, of which a run may hold two cores.
    if entry and entry.kind != "cpu":
        chosen["datasheet"] = {
            "peak_tflop_s": entry.peak_tflops,
            "bandwidth_gb_s": entry.memory_bandwidth_gb_s,
        }
    return replace(options, suite_options=chosen)


def _cpu() -> ChipV2:
    cpu = machine.cpu()
    return ChipV2(
        catalog_id=machine.listed_cpu(),
        name=cpu.name,
        kind="cpu",
        count=machine.usable_cores(),
        features=list(cpu.features),
    )


def _engine_device(chosen: dict[str, Any]) -> str:
    """Where the engine we start computes."""
    engine = chosen.get("engine") or template.BUNDLED
    return _CPU if engine == template.BUNDLED else template.chosen(engine)[1]


def _chips(chosen: dict[str, Any]) -> int:
    """Accelerators the engine spreads over; experts lie on those of tp and dp."""
    return math.prod(chosen.get(axis) or 1 for axis in ("tp", "pp", "dp"))


def _accelerator(device: str, count: int) -> ChipV2:
    """Name the first accelerator, and how many of them the run uses."""
    cards = machine.accelerators() or machine.unnamed_accelerators()
    if not cards:
        return ChipV2(
            catalog_id=None,
            name=f"unnamed {device} device",
            kind="other",
            count=count,
            features=[],
        )
    return ChipV2(
        catalog_id=machine.listed_accelerator(cards[0]),
        name=cards[0].name,
        kind="gpu",
        count=count,
        features=[],
        memory_bytes=cards[0].memory_bytes,
        pci=sorted({card.pci for card in cards if card.pci and card.name == cards[0].name}),
    )


def _behind_endpoint(options: RunOptions) -> ChipV2:
    chosen = options.suite_options
    if "kernels" in options.suites:
        raise UserError(
            "kernels run here, not behind an endpoint", where="--endpoint", remedy="--suite serving"
        )
    stated = chosen.get("chip")
    if stated is not None:
        catalog.require(stated, "--chip")
    return _unseen(stated, _chips_behind(chosen))


def _unseen(stated: str | None, count: int) -> ChipV2:
    return ChipV2(
        catalog_id=stated,
        name=f"{stated or 'unknown chip'} behind an endpoint, as the runner states it",
        kind="other",
        count=count,
        features=[],
    )


def _chips_behind(chosen: dict[str, Any]) -> int:
    """Count them as stated, or as the pools of a disaggregated deployment hold them."""
    pools = {name: chosen[name] for name in ("prefill_pool", "decode_pool") if name in chosen}
    if not pools:
        return int(chosen.get("chips", 1))
    flags = [f"--{name.replace('_', '-')}" for name in pools]
    if len(pools) == 1:
        raise UserError(
            "one pool alone serves nobody", where=flags[0], expected="both pools, or neither"
        )
    held = sum(chips_of(pool, flag) for pool, flag in zip(pools.values(), flags, strict=True))
    if chosen.get("chips", held) != held:
        raise UserError(
            f"the pools hold {held} chips", where="--chips", expected="the same number, or none"
        )
    return held


def _device(backend: str) -> str:
    library, _, device = backend.partition(":")
    return "cuda" if library == "cupy" else device or _CPU
