"""Meters that people own, against servers that speak their protocols on real sockets."""

from __future__ import annotations

import json
import os
import pty
import select
import socketserver
import struct
import threading
import tty
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from results.statement.statement import Chip
from runners.measure.run_meters import gauge_for
from runners.options.registry import by_name
from suites.base.errors import UserError
from suites.meters import rdtech, snmp
from suites.meters.owned import KINDS, open_meters


@contextmanager
def serving(server):
    threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
    ).start()
    try:
        yield "{}:{}".format(*server.server_address)
    finally:
        server.shutdown()
        server.server_close()


def web(pages, authorization=None):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            allowed = authorization in {None, self.headers.get("Authorization")}
            self.send_response(200 if allowed and self.path in pages else 401)
            self.end_headers()
            if allowed and self.path in pages:
                self.wfile.write(json.dumps(pages[self.path]).encode())

        def log_message(self, *_):
            """Say nothing."""

    return serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler))


def tcp(answer):
    """A server that gives `answer(request)` once a connection."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.sendall(answer(self.request.recv(4096)))

    return serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler))


def udp(answer):
    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            data, link = self.request
            link.sendto(answer(data), self.client_address)

    return serving(socketserver.ThreadingUDPServer(("127.0.0.1", 0), Handler))


def watts(text, scope="wall"):
    (meter,) = open_meters([text])
    reading = meter.read()
    assert reading.joules is None
    assert meter.info.scope == scope
    assert meter.period_s > 0
    assert meter.resolution_w > 0
    return reading.power_w


def test_shelly_by_its_rpc():
    page = {"id": 1, "source": "init", "output": True, "apower": 312.4, "voltage": 229.8}
    with web({"/rpc/Switch.GetStatus?id=1": page}) as host:
        assert watts(f"shelly:{host}/1") == 312.4


@pytest.mark.parametrize(("power", "total"), [(187, 187.0), ([100, 20.5, 3], 123.5)])
def test_tasmota_by_its_command(power, total):
    page = {"StatusSNS": {"Time": "2026-11-28T12:00:00", "ENERGY": {"Total": 3.1, "Power": power}}}
    with web({"/cm?cmnd=Status%208": page}) as host:
        assert watts(f"tasmota:{host}") == total


@pytest.mark.parametrize(("unit", "state", "expected"), [("W", "95.5", 95.5), ("kW", "1.2", 1200)])
def test_home_assistant_by_rest_with_a_token(monkeypatch, unit, state, expected):
    page = {"state": state, "attributes": {"unit_of_measurement": unit}}
    monkeypatch.setenv("FENMARK_HOME_ASSISTANT_TOKEN", "long")
    with web({"/api/states/sensor.plug_power": page}, "Bearer long") as host:
        assert watts(f"home-assistant:http://{host}/sensor.plug_power") == expected


def kasa_plug(reading):
    def answer(request):
        key, asked = 171, bytearray()
        for byte in request[4:]:
            asked.append(byte ^ key)
            key = byte
        assert json.loads(asked) == {"emeter": {"get_realtime": {}}}
        key, text = 171, bytearray()
        for byte in json.dumps({"emeter": {"get_realtime": reading}}).encode():
            key ^= byte
            text.append(key)
        return len(text).to_bytes(4, "big") + bytes(text)

    return tcp(answer)


@pytest.mark.parametrize("reading", [{"power": 41.25, "err_code": 0}, {"power_mw": 41250}])
def test_kasa_by_its_first_protocol_old_firmware_and_new(reading):
    with kasa_plug(reading) as host:
        assert watts(f"kasa:{host}") == 41.25


def upsd(variables):
    def answer(request):
        verb, kind, ups, name = request.decode().split()
        assert (verb, kind, ups) == ("GET", "VAR", "rack")
        known = f'VAR {ups} {name} "{variables.get(name)}"\n'
        return (known if name in variables else "ERR VAR-NOT-SUPPORTED\n").encode()

    return tcp(answer)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"ups.realpower": "431"}, 431.0),
        ({"ups.load": "36", "ups.realpower.nominal": "900"}, 324.0),
    ],
)
def test_a_ups_by_nut_tells_its_power_or_its_load(variables, expected):
    with upsd(variables) as host:
        assert watts(f"nut:{host}/rack") == expected


def test_a_yokogawa_by_scpi_with_its_class():
    def answer(request):
        assert request == b":NUMERIC:NORMAL:ITEM1 P,1;:NUMERIC:NORMAL:VALUE? 1\n"
        return b"1.0345E+02\n"

    with tcp(answer) as host:
        assert watts(f"yokogawa:{host}") == 103.45
        (meter,) = open_meters([f"yokogawa:{host}"])
        assert meter.info.accuracy_percent == 0.2
        (meter,) = open_meters([f"yokogawa:{host},accuracy=0.5"])
        assert meter.info.accuracy_percent == 0.5


# The object of `APC` below, as X.690 section 8.19 encodes it.
OID = bytes.fromhex("2b06010401823e01011a0403010501")


def pdu(type_=0x42, value=b"\x2b", status=0, number=None):
    """A distribution unit that answers 43 hundredths of a kilowatt."""

    def part(kind, content):
        return bytes((kind, len(content))) + content

    def answer(request):
        (_, whole), *_ = snmp._parts(request)
        version, community, (kind, body) = snmp._parts(whole)
        assert (version, community, kind) == ((2, b"\x01"), (4, b"public"), 0xA0)
        (_, asked), _, _, _ = snmp._parts(body)
        assert OID in request
        variables = part(0x30, part(0x30, part(6, OID) + part(type_, value)))
        told = part(2, number or asked) + part(2, bytes([status])) + part(2, b"\x00") + variables
        return part(0x30, part(2, b"\x01") + part(4, b"public") + part(0xA2, told))

    return udp(answer)


APC = "1.3.6.1.4.1.318.1.1.26.4.3.1.5.1"


def test_a_distribution_unit_by_snmp():
    with pdu() as host:
        assert watts(f"snmp:{host}/{APC}*10") == 430.0
        (meter,) = open_meters([f"snmp:{host}/{APC}*10"])
        assert meter.resolution_w == 10.0


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ({"number": b"\x01"}, "an answer to another question"),
        ({"status": 2}, "error 2"),
        ({"type_": 4}, "holds no number"),
    ],
)
def test_an_snmp_answer_that_is_none_is_refused(fault, says):
    with pdu(**fault) as host, pytest.raises(UserError, match=says):
        open_meters([f"snmp:{host}/{APC}"])


@contextmanager
def usb_c(*pieces):
    """A serial line whose other end answers each question with the same pieces, one write each."""
    near, far = pty.openpty()
    tty.setraw(far)
    stopped, stop = os.pipe()

    def answer():
        while stopped not in select.select([near, stopped], [], [])[0]:
            if os.read(near, 1) == b"\xf0":
                for piece in pieces:
                    os.write(near, piece)

    answering = threading.Thread(target=answer, daemon=True)
    answering.start()
    try:
        yield os.ttyname(far)
    finally:  # before its files are closed, whose numbers the next line gets
        os.write(stop, b"x")
        answering.join()
        for file in (far, near, stopped, stop):
            os.close(file)


def measured(model, milliwatts, end):
    """What a meter at 20 V answers: model, voltage, current, power; no figure of its groups."""
    start = struct.pack(">HHHI", model, 2000, milliwatts // 20, milliwatts)
    return start + bytes(130 - len(start) - len(end)) + end


# By hand: of the UM34C's checked places 1 (4C), 3 (D0) and 9 (34) alone are not zero, and
# 4C xor D0 xor 34 is A8.
UM25C = measured(0x09C9, 65_536, b"\xff\xf1")
UM34C = measured(0x0D4C, 0x00003C34, b"\xa8")


@pytest.mark.parametrize(
    ("pieces", "expected"), [((UM25C[:20], UM25C[20:]), 65.536), ((UM34C,), 15.412)]
)
def test_a_usb_c_meter_over_its_serial_line_in_pieces_too(pieces, expected):
    with usb_c(*pieces) as port:
        assert watts(f"rdtech:{port}", scope="node") == expected


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (UM25C[:-1] + b"\xf0", "wrong end"),
        (UM34C[:-1] + b"\xa9", "wrong end"),
        (b"\x09\x64" + UM25C[2:], "0964 is not the model"),
    ],
)
def test_what_another_device_answers_is_refused(answer, says):
    with usb_c(answer) as port, pytest.raises(UserError, match=says):
        open_meters([f"rdtech:{port}"])


def test_a_usb_c_meter_that_falls_silent_is_said(monkeypatch):
    monkeypatch.setattr(rdtech, "_TIMEOUT_S", 0.01)
    with usb_c(UM25C[:100]) as port, pytest.raises(UserError, match="of 130 bytes came"):
        open_meters([f"rdtech:{port}"])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("rdtech:/dev/null", "is not a serial port"),
        ("rdtech:/dev/none-of-that-name", "No such file"),
        ("wattmeter:x", "names no meter; expected KIND:ADDRESS"),
        ("shelly:", "names no meter"),
        ("shelly:127.0.0.1:9,accuracy=none", "could not convert"),
        ("shelly:127.0.0.1:9,accuracy=0", "is not an accuracy"),
        ("snmp:host/name", "names no object"),
        ("nut:127.0.0.1:1/ups", "gives no power"),
        ("home-assistant:http://h/sensor.x", "its token in"),
    ],
)
def test_a_meter_that_cannot_be_read_is_one_line(monkeypatch, text, says):
    monkeypatch.delenv("FENMARK_HOME_ASSISTANT_TOKEN", raising=False)
    with pytest.raises(UserError, match=says) as caught:
        open_meters([text])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("answer", [b"NAN\n", b"INF\n", b"-5\n", b"what?\n", b"9e12\n"])
def test_a_figure_that_is_no_power_is_refused(answer):
    with tcp(lambda _: answer) as host, pytest.raises(UserError, match="gives no power"):
        open_meters([f"yokogawa:{host}"])


def test_a_server_that_ends_in_the_middle_is_refused():
    with tcp(lambda _: b"\x00\x00") as host, pytest.raises(UserError, match="ended in the middle"):
        open_meters([f"kasa:{host}"])


def test_two_of_a_kind_have_names_of_their_own():
    with kasa_plug({"power": 1.0}) as first, kasa_plug({"power": 2.0}) as other:
        meters = open_meters([f"kasa:{first}", f"kasa:{other}"])
    assert [meter.info.name for meter in meters] == ["kasa 0", "kasa 1"]


def test_every_kind_is_in_the_guide():
    from pathlib import Path

    import leaderboard

    guide = (Path(leaderboard.__file__).parent / "docs" / "meters.md").read_text()
    assert all(f"`{kind}:" in guide for kind in KINDS)


def test_a_run_watches_them_and_never_states_where_they_are():
    chip = Chip(catalog_id=None, name="x", kind="other", count=1)
    with kasa_plug({"power": 7.5}) as host:
        (told,) = gauge_for(chip, {"meter": [f"kasa:{host},accuracy=1"]}).meters()
        assert (told["name"], told["accuracy_percent"]) == ("kasa 0", 1.0)
        assert host not in json.dumps(told)
    assert by_name()["meter"].stated == "no"
    assert by_name()["meter"].located
