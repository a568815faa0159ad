"""Meters reached over HTTP: a node's Redfish service, NVIDIA's DCGM exporter for Prometheus.

Neither is looked for by itself: the addresses come from the environment.

FENMARK_REDFISH_URL: "https://bmc.example", with FENMARK_REDFISH_USER and FENMARK_REDFISH_PASSWORD
where it asks for them. Its certificate is checked; SSL_CERT_FILE names an authority of your own.
FENMARK_DCGM_URL: "http://node:9400/metrics".
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from suites.meters.base import MeterInfo, MeterReading, dated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

__all__ = [
    "HttpMeter",
    "dcgm",
    "json_page",
    "open_client",
    "page_of",
    "reason_no_dcgm",
    "reason_no_redfish",
    "redfish",
]

_TIMEOUT_S = 5.0
# Management controllers refresh once a second or slower, and answer in tens of milliseconds.
_REDFISH_PERIOD_S = 1.0
# The exporter's own default collects every 30 s; its --collect-interval can be as short as this.
_DCGM_PERIOD_S = 1.0
_MILLI = 1e3
_SAMPLE = re.compile(
    r"^(?P<name>DCGM_FI_DEV_POWER_USAGE|DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION)"
    r"\{(?P<labels>[^}]*)\}\s+(?P<value>\S+)",
    re.MULTILINE,
)
_GPU = re.compile(r'(?:^|,)gpu="([^"]*)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpMeter:
    """A page that names a power or a running total.

    Attributes:
        take: finds (joules, watts) in the page, None for what it lacks.
    """

    info: MeterInfo
    url: str
    period_s: float
    take: Callable[[str], tuple[float | None, float | None]]
    client: httpx.Client = field(repr=False)

    def read(self) -> MeterReading:
        """Fetch the page; dated to the middle of the call.

        Raises:
            OSError: no answer, or an answer that is an error.
            ValueError: the page holds no reading.
        """
        page, at_ns, unsure_ns = dated(lambda: page_of(self.client, self.url))
        joules, power_w = self.take(page)
        if joules is None and power_w is None:
            raise ValueError(f"{self.url} holds no reading of {self.info.name}")
        return MeterReading(at_ns, joules, power_w, unsure_ns)


def redfish() -> list[HttpMeter]:
    """Open every chassis of the Redfish service that tells its power (DMTF DSP0266, DSP2046)."""
    base = os.environ.get("FENMARK_REDFISH_URL", "").rstrip("/")
    if not base:
        return []
    user = os.environ.get("FENMARK_REDFISH_USER")
    password = os.environ.get("FENMARK_REDFISH_PASSWORD", "")
    asking = open_client(auth=(user, password) if user else None)
    try:
        return list(_chassis(asking, base))
    except (OSError, ValueError):
        return []


def dcgm() -> list[HttpMeter]:
    """Open every GPU of the exporter: by its energy counter where it is exported."""
    url = os.environ.get("FENMARK_DCGM_URL", "")
    if not url:
        return []
    asking = open_client()
    try:
        page = page_of(asking, url)
    except OSError:
        return []
    gpus = dict.fromkeys(gpu for gpu, _, _ in _samples(page))
    return [_gpu_meter(asking, url, gpu, page) for gpu in gpus]


def reason_no_redfish() -> str:
    """Say why no node power can be read."""
    url = os.environ.get("FENMARK_REDFISH_URL")
    return f"{url} tells the power of no chassis" if url else "FENMARK_REDFISH_URL is not set"


def reason_no_dcgm() -> str:
    """Say why no GPU can be read."""
    url = os.environ.get("FENMARK_DCGM_URL")
    return f"{url} tells the power of no GPU" if url else "FENMARK_DCGM_URL is not set"


def _chassis(client: httpx.Client, base: str) -> Iterator[HttpMeter]:
    for member in _json(page_of(client, f"{base}/redfish/v1/Chassis")).get("Members", []):
        chassis = _json(page_of(client, base + member["@odata.id"]))
        # EnvironmentMetrics replaces the deprecated Power resource.
        for link in ("EnvironmentMetrics", "Power"):
            path = chassis.get(link, {}).get("@odata.id")
            if path and any(_redfish_power(page_of(client, base + path))):
                info = MeterInfo(
                    name=f"redfish {chassis.get('Id', member['@odata.id'])}",
                    scope="node",
                    method="sampled power",
                    note="by the management controller, which averages as its maker chose",
                )
                yield HttpMeter(
                    info=info,
                    url=base + path,
                    period_s=_REDFISH_PERIOD_S,
                    take=_redfish_power,
                    client=client,
                )
                break


def _redfish_power(page: str) -> tuple[float | None, float | None]:
    data = _json(page)
    controls = data.get("PowerControl") or [{}]
    power = data.get("PowerWatts", {}).get("Reading", controls[0].get("PowerConsumedWatts"))
    return None, None if power is None else float(power)


def _gpu_meter(client: httpx.Client, url: str, gpu: str, page: str) -> HttpMeter:
    def take(page: str) -> tuple[float | None, float | None]:
        values = {name: value for of, name, value in _samples(page) if of == gpu}
        total = values.get("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION")
        power = values.get("DCGM_FI_DEV_POWER_USAGE")
        return None if total is None else total / _MILLI, power

    counts = take(page)[0] is not None
    info = MeterInfo(
        name=f"dcgm {gpu}",
        scope="chip",
        method="hardware counter" if counts else "sampled power",
        accuracy_percent=5.0,  # NVML's, which the exporter reads
        note="as fresh as the exporter's --collect-interval, which must be 10 s or less",
    )
    return HttpMeter(info=info, url=url, period_s=_DCGM_PERIOD_S, take=take, client=client)


def _samples(page: str) -> Iterator[tuple[str, str, float]]:
    """Yield (gpu, field, value) of a page in Prometheus' text format; MIG slices are left out."""
    for sample in _SAMPLE.finditer(page):
        gpu = _GPU.search(sample["labels"])
        if gpu and "GPU_I_ID=" not in sample["labels"]:
            yield gpu[1], sample["name"], float(sample["value"])


def open_client(
    headers: dict[str, str] | None = None, *, auth: tuple[str, str] | None = None
) -> httpx.Client:
    """Keep certificates loaded, but no connection open between two readings."""
    import httpx  # takes as long to load as all else that a reader of results needs

    limits = httpx.Limits(max_keepalive_connections=0)
    return httpx.Client(timeout=_TIMEOUT_S, auth=auth, headers=headers, limits=limits)


def json_page(client: httpx.Client, url: str) -> dict[str, Any]:
    """Fetch a page that holds one JSON object.

    Raises:
        OSError: no answer, or an answer that is an error.
        ValueError: the page holds something else.
    """
    return _json(page_of(client, url))


def page_of(client: httpx.Client, url: str) -> str:
    """Fetch a page.

    Raises:
        OSError: no answer, or an answer that is an error.
    """
    import httpx

    try:
        return client.get(url).raise_for_status().text
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise OSError(f"{url}: {error}") from error


def _json(page: str) -> dict[str, Any]:
    import json

    data = json.loads(page)
    if not isinstance(data, dict):
        raise ValueError("no JSON object")  # noqa: TRY004 - bad data, not a bad call
    return data
