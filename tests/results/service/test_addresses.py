"""Whose request it is, whatever a stranger writes into the header."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.service.addresses import client, group, read_network
from suites.base.errors import UserError

PROXIES = tuple(map(read_network, ["10.0.0.0/8", "fd00::/8", "192.0.2.7"]))
FORGED = st.lists(st.text(max_size=12) | st.ip_addresses().map(str), max_size=4)


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.5", ["198.51.100.1"], "203.0.113.5"),  # a stranger's word
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["1.1.1.1, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["1.1.1.1", "198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["1.1.1.1, 198.51.100.1, 10.9.9.9,192.0.2.7"], "198.51.100.1"),
        ("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("fd00::1", ["2001:db8::5"], "2001:db8::5"),
        ("10.0.0.1", ["198.51.100.1, unknown"], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("", ["198.51.100.1"], ""),
    ],
)
def test_the_rightmost_address_that_is_no_proxys_counts(peer, forwarded, expected):
    assert client(peer, forwarded, PROXIES) == expected


@given(forged=FORGED, real=st.ip_addresses(network="198.51.100.0/24"))
def test_no_forged_header_makes_one_client_another(forged, real):
    assert client(str(real), forged, PROXIES) == str(real)
    assert client("10.0.0.1", [*forged, str(real)], PROXIES) == str(real)
    assert client("10.0.0.1", [", ".join([*forged, str(real)])], PROXIES) == str(real)
    assert client("10.0.0.1", [*forged, str(real)], ()) == "10.0.0.1"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("203.0.113.5", "203.0.113.5"),
        ("::ffff:203.0.113.5", "203.0.113.5"),
        ("2001:db8:1:2:3::9", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
    ],
)
def test_addresses_of_one_ipv6_network_are_one(address, expected):
    assert group(address) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("proxy.example", "does not appear to be"),
        ("10.0.0.1/8", "has host bits set"),
        ("0.0.0.0/0", "trusts everyone"),
        ("::/0", "trusts everyone"),
    ],
)
def test_what_is_no_network_of_proxies_is_one_line(text, reason):
    with pytest.raises(UserError, match=f"^--trusted-proxy: .*{reason}.*expected an address"):
        read_network(text)
