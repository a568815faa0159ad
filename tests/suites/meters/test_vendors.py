"""AMD, Apple, Ascend, Redfish and DCGM meters, against stand-ins for what they talk to."""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from suites.meters import amd, discovery, remote, tools

AMDSMI = """
import time
class AmdSmiException(Exception): pass
counter, power = {counter!r}, {power!r}
def amdsmi_init():
    if {fails!r}: raise AmdSmiException({fails!r})
def amdsmi_get_processor_handles(): return ["a", "b"]
def amdsmi_get_energy_count(handle):
    if counter is None: raise AmdSmiException("not supported")
    total = int(time.monotonic() * 300 / 15.3e-6) if counter == "moves" else 7
    return {{{name!r}: total, "counter_resolution": 15.3, "timestamp": 0}}
def amdsmi_get_power_info(handle):
    if power == "lost": raise AmdSmiException("device lost")
    return {{"current_socket_power": "N/A", "average_socket_power": power}}
"""


@pytest.fixture
def amdsmi(tmp_path, monkeypatch):
    """`amdsmi(counter="moves", power=300)`: AMD's package as it would behave on two cards."""

    def install(counter="moves", power=300, fails="", name="energy_accumulator"):
        text = AMDSMI.format(counter=counter, power=power, fails=fails, name=name)
        (tmp_path / "amdsmi.py").write_text(text)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "amdsmi", raising=False)

    yield install
    sys.modules.pop("amdsmi", None)


@pytest.fixture
def tool(tmp_path, monkeypatch):
    """`tool("npu-smi", script)`: a program of this name, first on the path."""

    def install(name, script):
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    return install


@pytest.fixture
def server():
    """`server(pages)`: a web server of these pages by path; returns its address."""
    running = []

    def start(pages, authorization=None):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                allowed = authorization in {None, self.headers.get("Authorization")}
                page = pages.get(self.path)
                self.send_response(401 if not allowed else 404 if page is None else 200)
                self.end_headers()
                if allowed and page is not None:
                    self.wfile.write((page if isinstance(page, str) else json.dumps(page)).encode())

            def log_message(self, *_):
                pass

        web = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=web.serve_forever, args=(0.01,), daemon=True).start()
        running.append(web)
        return f"http://127.0.0.1:{web.server_port}"

    yield start
    for web in running:
        web.shutdown()
        web.server_close()


@pytest.mark.parametrize("name", ["energy_accumulator", "power"])
def test_amd_cards_are_counted_in_joules_under_old_and_new_rocm(amdsmi, name):
    amdsmi(name=name)
    meters = amd.find()
    assert [meter.info.name for meter in meters] == ["amdsmi 0", "amdsmi 1"]
    first, second = meters[0].read(), meters[0].read()
    assert meters[0].info.method == "hardware counter"
    watts = (second.joules - first.joules) / (second.at_ns - first.at_ns) * 1e9
    assert watts >= 0
    off_j = 300 * first.unsure_ns / 1e9
    assert first.joules == pytest.approx(first.at_ns / 1e9 * 300, abs=off_j + 1e-3)
    assert first.power_w == 300


@pytest.mark.parametrize("counter", [None, "stands still"])
def test_an_amd_counter_that_is_missing_or_stands_still_gives_way_to_power(amdsmi, counter):
    amdsmi(counter=counter)
    meter = amd.find()[0]
    assert meter.info.method == "sampled power"
    assert (meter.read().joules, meter.read().power_w) == (None, 300)


def test_an_amd_card_that_tells_nothing_is_left_out(amdsmi):
    amdsmi(counter=None, power="N/A")
    assert amd.find() == []


def test_an_amd_card_that_is_lost_raises_what_the_recorder_expects(amdsmi):
    amdsmi()
    meter = amd.find()[0]
    sys.modules["amdsmi"].power = "lost"
    with pytest.raises(OSError, match="device lost"):
        meter.read()


def test_rocm_that_does_not_start_is_a_reason(amdsmi):
    amdsmi(fails="no driver")
    assert amd.find() == []
    assert "no driver" in amd.reason_absent()


NPU_SMI = """
case "$*" in
"info -l") printf '\\tTotal Count : 2\\n\\tNPU ID  : 0\\n\\tChip Count : 1\\n\\tNPU ID  : 4\\n';;
"info -t power -i 0") printf '\\tNPU ID  : 0\\n\\tNPU Real-time Power(W)  : 103.5\\n';;
"info -t power -i 4") printf '\\tNPU ID  : 4\\n\\tPower Dissipation(W)  : 67.4\\n';;
*) exit 1;;
esac
"""


def test_every_ascend_npu_is_read_by_the_words_of_either_generation(tool):
    tool("npu-smi", NPU_SMI)
    watts = {meter.info.name: meter.read().power_w for meter in tools.ascend()}
    assert watts == {"npu-smi 0": 103.5, "npu-smi 4": 67.4}


def test_an_npu_tool_that_fails_or_tells_nothing_is_no_meter(tool):
    tool("npu-smi", "exit 3")
    assert tools.ascend() == []
    tool("npu-smi", "echo 'NPU ID : 0'")
    assert tools.ascend() == []
    assert "no NPU" in tools.reason_no_ascend()


def test_apple_s_combined_power_is_read_in_watts(tool):
    tool(
        "powermetrics",
        "printf 'CPU Power: 823 mW\\nCombined Power (CPU + GPU + ANE): 1172 mW\\n'",
    )
    (meter,) = tools.apple()
    assert (meter.read().power_w, meter.info.scope) == (pytest.approx(1.172), "package")


def test_powermetrics_without_root_is_no_meter_and_says_so(tool):
    tool("powermetrics", "echo 'powermetrics must be invoked as the superuser' >&2; exit 1")
    assert tools.apple() == []
    assert "run as root" in tools.reason_no_apple()


def test_a_node_s_own_sensor_is_read_by_ipmitool(tool):
    tool("ipmitool", "printf '\\n    Instantaneous power reading:      220 Watts\\n'")
    (meter,) = tools.ipmi()
    assert (meter.read().power_w, meter.info.scope) == (220.0, "node")
    tool("ipmitool", "echo 'Could not open device at /dev/ipmi0' >&2; exit 1")
    assert tools.ipmi() == []
    assert "run as root" in tools.reason_no_ipmi()


CHASSIS = {
    "/redfish/v1/Chassis": {
        "Members": [{"@odata.id": f"/redfish/v1/Chassis/{name}"} for name in ("New", "Old", "Bare")]
    },
    "/redfish/v1/Chassis/New": {
        "Id": "New",
        "EnvironmentMetrics": {"@odata.id": "/redfish/v1/Chassis/New/EnvironmentMetrics"},
        "Power": {"@odata.id": "/redfish/v1/Chassis/New/Power"},
    },
    "/redfish/v1/Chassis/New/EnvironmentMetrics": {"PowerWatts": {"Reading": 5120.5}},
    "/redfish/v1/Chassis/Old": {
        "Id": "Old",
        "Power": {"@odata.id": "/redfish/v1/Chassis/Old/Power"},
    },
    "/redfish/v1/Chassis/Old/Power": {"PowerControl": [{"PowerConsumedWatts": 640}]},
    "/redfish/v1/Chassis/Bare": {"Id": "Bare"},
}


def test_redfish_chassis_are_read_by_the_new_resource_or_the_old(server, monkeypatch):
    monkeypatch.setenv("FENMARK_REDFISH_URL", server(CHASSIS))
    watts = {meter.info.name: meter.read().power_w for meter in remote.redfish()}
    assert watts == {"redfish New": 5120.5, "redfish Old": 640.0}
    assert {meter.info.scope for meter in remote.redfish()} == {"node"}


def test_redfish_asks_with_the_user_s_password_and_never_shows_it(server, monkeypatch):
    monkeypatch.setenv("FENMARK_REDFISH_URL", server(CHASSIS, "Basic bWU6c2VjcmV0"))
    assert remote.redfish() == []
    monkeypatch.setenv("FENMARK_REDFISH_USER", "me")
    monkeypatch.setenv("FENMARK_REDFISH_PASSWORD", "secret")
    meters = remote.redfish()
    assert len(meters) == 2
    assert "secret" not in repr(meters)


def test_a_node_that_goes_away_raises_what_the_recorder_expects(server, monkeypatch):
    pages = dict(CHASSIS)
    monkeypatch.setenv("FENMARK_REDFISH_URL", server(pages))
    meter = remote.redfish()[0]
    pages.clear()
    with pytest.raises(OSError, match="404"):
        meter.read()


def exported(*, counter=True):
    lines = ["# TYPE DCGM_FI_DEV_POWER_USAGE gauge"]
    for gpu, watts in (("0", 70.25), ("1", 699)):
        labels = f'{{gpu="{gpu}",UUID="GPU-{gpu}",modelName="X"}}'
        lines.append(f"DCGM_FI_DEV_POWER_USAGE{labels} {watts}")
        if counter:
            lines.append(f"DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{labels} 12500")
    lines.append('DCGM_FI_DEV_POWER_USAGE{gpu="2",GPU_I_ID="1"} 30')
    return "\n".join(lines) + "\n"


def test_the_exporter_s_gpus_are_read_by_counter_in_joules(server, monkeypatch):
    monkeypatch.setenv("FENMARK_DCGM_URL", server({"/metrics": exported()}) + "/metrics")
    meters = remote.dcgm()
    assert [(m.info.name, m.info.method) for m in meters] == [
        ("dcgm 0", "hardware counter"),
        ("dcgm 1", "hardware counter"),
    ]
    assert [(m.read().joules, m.read().power_w) for m in meters] == [(12.5, 70.25), (12.5, 699.0)]


def test_the_exporter_s_power_serves_where_no_counter_is_exported(server, monkeypatch):
    page = exported(counter=False)
    monkeypatch.setenv("FENMARK_DCGM_URL", server({"/metrics": page}) + "/metrics")
    assert [(m.info.method, m.read().joules) for m in remote.dcgm()] == [
        ("sampled power", None)
    ] * 2


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/metrics", "no address"])
def test_an_exporter_that_does_not_answer_is_no_meter_and_named(monkeypatch, url):
    monkeypatch.setenv("FENMARK_DCGM_URL", url)
    assert remote.dcgm() == []
    assert url in remote.reason_no_dcgm()


def test_what_is_found_is_described_with_its_name_and_what_is_not_with_its_reason(tool):
    tool("npu-smi", NPU_SMI)
    described = {name: (present, reason) for name, present, reason in discovery.describe()}
    assert described["Ascend npu-smi"] == (True, "npu-smi 0, npu-smi 4")
    assert described["Redfish"] == (False, "FENMARK_REDFISH_URL is not set")
    assert {"npu-smi 0", "npu-smi 4"} <= {meter.info.name for meter in discovery.available()}
