"""Catalogues of prices that the field keeps, read as offers: SkyPilot, gpuhunt, gpu-price-feed."""

from __future__ import annotations

import csv
import importlib
import io
import math
import re
from typing import TYPE_CHECKING, Any

from results.catalog.chips_data import rented
from results.catalog.prices_data import GENERIC
from results.economy.offers import Offer, chip_of
from results.statement import strict_json
from suites.base import files
from suites.base.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["KINDS", "read_offers"]

_MOST_BYTES = 2**26  # SkyPilot's largest has 3 MB
_COLUMNS = ("InstanceType", "AcceleratorName", "AcceleratorCount", "vCPUs", "Price", "Region")
# Those that let others' machines, each at its owner's price.
_MARKETPLACES = {
    *("vast", "vastai", "vast.ai", "tensordock", "lium"),
    *("shadeform", "primeintellect", "spheron"),  # and those that broker them
}
_LEAST, _MOST = 1e-4, 1e4  # USD per hour and unit: beyond is another unit, or a slip
_NOT_A_MACHINE = re.compile(r"(?i).*gpu.*|[apg]\d[a-z]*[.-].*")
_NAME = re.compile(r"'Name':\s*'([^']{1,80})'")
_MEMORY = re.compile(r"'SizeInMiB':\s*(\d+)")


def read_offers(kind: str, paths: Sequence[Path]) -> list[Offer]:
    """Read offers.

    Args:
        kind: of `KINDS`.
        paths: files of the catalogue; none where it is asked itself.

    Raises:
        UserError: there is no such kind, a file is none of its, or its package is missing.
    """
    if kind not in KINDS:
        raise UserError(f"no catalogue of prices {kind!r}", where="KIND", expected=", ".join(KINDS))
    if kind == "gpuhunt":
        return list(_gpuhunt())
    if not paths:
        raise UserError("names no file", where="FILE", expected=f"a file of {kind}")
    read = _skypilot if kind == "skypilot" else _feed
    return [offer for path in paths for offer in read(path)]


def _skypilot(path: Path) -> Iterator[Offer]:
    """Read a vms.csv; its folder, or its stem, names the provider."""
    text = files.decoded(files.read(path, _MOST_BYTES, expected="a vms.csv"), str(path))
    provider = (path.parent.name if path.stem == "vms" else path.stem) or path.stem
    rows = csv.DictReader(io.StringIO(text))
    lacking = [name for name in _COLUMNS if name not in (rows.fieldnames or ())]
    if lacking:
        raise UserError(
            f"lacks the column {lacking[0]}", where=str(path), expected="SkyPilot's vms.csv"
        )
    try:
        for row in rows:
            yield from _of_vm(row, provider)
    except csv.Error as error:
        raise UserError(f"is not CSV: {error}", where=f"{path}:{rows.line_num}") from error


def _of_vm(row: dict[str, Any], provider: str) -> Iterator[Offer]:
    machine, region = (str(row.get(name) or "") for name in ("InstanceType", "Region"))
    name, count = str(row.get("AcceleratorName") or ""), _number(row.get("AcceleratorCount"))
    cores = _number(row.get("vCPUs"))
    if name:
        info = str(row.get("GpuInfo") or "")
        memory, form = _MEMORY.search(info), _NAME.search(info)
        per_chip = int(memory[1]) // max(1, int(count or 1)) if memory else 0
        # Without a machine it is the accelerator's price alone: the host is paid besides.
        stated = (name, machine, form[1] if form else "", str(per_chip or ""))
        chip = chip_of(*stated) if machine else None
        units, per = count, "chip"
        known = [chip] if chip else []
    else:
        chip = rented(machine)
        units, per = cores, "core"
        bare = machine and not _NOT_A_MACHINE.fullmatch(machine)
        known = [id_ for id_ in (chip, GENERIC if bare or chip else None) if id_]
    prices = _number(row.get("Price")), _number(row.get("SpotPrice"))
    yield from _offers(known, per, units, prices, (provider, machine, region))


def _offers(
    known: Sequence[str],
    per: str,
    units: float | None,
    prices: tuple[float | None, float | None],
    place: tuple[str, str, str],
) -> Iterator[Offer]:
    """Give an offer of each chip in each class; a spot price that is no cheaper is none."""
    if not units:
        return
    provider, machine, region = place
    listed, spot = prices
    usual = "marketplace" if provider.lower() in _MARKETPLACES else "on-demand"
    asked = {usual: listed, "spot": spot if spot and listed and spot < listed else None}
    for chip in known:
        for price_class, usd in asked.items():
            each = usd / units if usd else 0.0
            if _LEAST <= each <= _MOST:
                yield Offer(
                    chip=chip,
                    price_class=price_class,
                    usd_per_hour=each,
                    per=per,
                    provider=provider,
                    machine=machine,
                    region=region,
                )


def _feed(path: Path) -> Iterator[Offer]:
    """Read gpu-price-feed's lines: of each provider the newest, its cheapest price of each GPU."""
    text = files.decoded(files.read(path, _MOST_BYTES, expected="JSON lines"), str(path))
    newest: dict[str, dict[str, Any]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        feed = strict_json.loads(line.encode(), where)
        prices = feed.get("cheapest") if isinstance(feed, dict) else None
        if not isinstance(prices, dict) or feed.get("schema_version") != 2:
            raise UserError(
                "is not a line of gpu-price-feed",
                where=where,
                expected="schema_version 2, cheapest",
            )
        newest |= {str(name): own for name, own in prices.items() if isinstance(own, dict)}
    for provider, own in newest.items():
        for name, usd in own.items():
            chip = chip_of(str(name))
            place = (provider, str(name), "")
            yield from _offers([chip] if chip else [], "chip", 1, (_number(usd), None), place)


def _gpuhunt() -> Iterator[Offer]:
    """Ask gpuhunt's own catalogue, over the network."""
    try:
        gpuhunt = importlib.import_module("gpuhunt")
    except ImportError as error:
        raise UserError(
            "is not installed", where="gpuhunt", remedy="pip install gpuhunt"
        ) from error
    try:
        items = gpuhunt.query()
    except Exception as error:  # its providers raise what they like
        raise UserError(f"did not answer: {error}", where="gpuhunt", remedy="try later") from error
    for item in items:
        price, spot = _number(item.price), bool(item.spot)
        count = int(item.gpu_count or 0)
        machine, region = str(item.instance_name), str(item.location)
        units: float | None
        if count:
            memory = f"{int(item.gpu_memory)}g" if item.gpu_memory else ""
            chip = chip_of(f"{item.gpu_name}{memory}", machine)
            known, per, units = ([chip] if chip else []), "chip", float(count)
        else:
            chip = rented(machine)
            known, per, units = [*([chip] if chip else []), GENERIC], "core", _number(item.cpu)
        for offer in _offers(known, per, units, (price, None), (item.provider, machine, region)):
            yield Offer(**{**_fields(offer), "price_class": "spot"}) if spot else offer


def _fields(offer: Offer) -> dict[str, Any]:
    return {name: getattr(offer, name) for name in Offer.__slots__}


def _number(given: Any) -> float | None:
    """A number above zero; None for anything else."""
    if isinstance(given, bool) or not isinstance(given, (str, int, float)):
        return None
    try:
        value = float(given)
    except ValueError:
        return None
    return value if math.isfinite(value) and value > 0 else None


KINDS = ("skypilot", "gpuhunt", "gpu-price-feed")
