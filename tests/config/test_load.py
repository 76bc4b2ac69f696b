"""What a configuration becomes: values, defaults, children, routes, secrets; and what a reload sees."""

from __future__ import annotations

import dataclasses
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path

import pytest

from ikevpn.config.check import check
from ikevpn.config.configuration import TunnelConfig
from ikevpn.config.keys.words import Binding, Start, WhenDown
from ikevpn.config.load import load
from ikevpn.config.tunnel.build import device_name
from ikevpn.errors import UsageError
from ikevpn.model.address import AddressRange
from ikevpn.model.dn_pattern import DnPattern
from ikevpn.model.identity import Identity
from ikevpn.model.outer_header import DfBit, Fragment, OuterHeader
from ikevpn.model.proposal import Lifetime
from ikevpn.model.sa import SaMode
from ikevpn.model.secret import Secret
from ikevpn.model.tunnel import NattDraft, NatTraversal, Phase1Mode, ProposalOrder, Tunnel
from tests.config.conftest import Write

PEER = AddressRange.of("203.0.113.2")
NETWORKS = ("local_networks", "remote_networks")


def only(path: Path) -> TunnelConfig:
    (tunnel,) = load(path).tunnels.values()
    return tunnel


def test_eight_lines_are_a_tunnel(tunnel: Write, secret: Path) -> None:
    config = only(tunnel())
    assert config.name == "paris"
    assert config.remotes == (PEER,)
    assert config.remote_addresses == (ip_address("203.0.113.2"),)
    assert (config.start, config.binding, config.when_down) == (Start.UP, Binding.POLICY, WhenDown.BLOCK)
    assert (config.device, config.addresses, config.mtu, config.metric) == ("ikevpn0", (), 0, 100)
    assert config.routes == (ip_network("10.2.2.0/24"),)
    assert config.secret_from == str(secret)
    assert [str(each) for each in config.selectors] == ["10.1.1.0/24 === 10.2.2.0/24"]


def test_the_tunnel_for_the_engine(tunnel: Write) -> None:
    made = only(tunnel()).tunnel([PEER], [7])
    assert made.psk == Secret(b"correct horse battery staple")
    assert made.remotes == (PEER,)
    assert [(child.name, child.reqid) for child in made.children] == [("10.1.1.0/24-10.2.2.0/24", 7)]
    same: tuple[str, ...] = (
        "mode",
        "local",
        "local_id",
        "remote_id",
        "rekey_margin",
        "sa_mode",
        "proposal_order",
        "nat_traversal",
    )
    same += (
        "natt_drafts",
        "keepalive_s",
        "fragment_size",
        "remote_ike_port",
        "remote_natt_port",
        "dpd_interval_s",
        "retransmit_s",
        "retransmit_tries",
    )
    same += (
        "remote_ike_port",
        "remote_natt_port",
        "initial_contact",
        "replay_window",
        "sha256_96",
        "ike_lifetime",
        "ipsec_lifetime",
        "any_remote_id",
        "remote_pattern",
        "outer",
    )
    defaults = {field.name: field.default for field in dataclasses.fields(Tunnel)}
    assert {name: getattr(made, name) for name in same} == {name: defaults[name] for name in same}


def test_names_that_nobody_looked_up_are_not_any_peer(tunnel: Write) -> None:
    config = only(tunnel('remote = "gw.example.net"'))
    assert config.remote_names == ("gw.example.net",)
    with pytest.raises(UsageError):
        config.tunnel([], [1])
    with pytest.raises(UsageError):
        config.tunnel([PEER], [])


def test_every_key_arrives(tunnel: Write) -> None:
    config = only(
        tunnel(
            'remote = ["gw.example.net", "203.0.113.2", "198.51.100.0/24"]',
            'local = "192.0.2.1"',
            'mode = "aggressive"',
            'local_id = "user@example.net"',
            'remote_id = "keyid:0xab01"',
            'ike_proposals = ["standard", "pre-g2-3des-md5", "pre-g2-3des-sha"]',
            'esp_proposals = "g2-esp-3des-md5"',
            'proposal_order = "theirs"',
            "ike_lifetime_s = 600",
            "ike_lifetime_kb = 1000",
            "esp_lifetime_s = 300",
            "esp_lifetime_kb = 2000",
            "rekey_margin = 0.2",
            'start = "on-demand"',
            'binding = "route"',
            'device = "vpn0"',
            'address = ["10.9.9.1/30", "fd09::1/64"]',
            'routes = ["10.3.0.0/16"]',
            "metric = 7",
            'when_down = "pass"',
            "mtu = 1400",
            'nat_traversal = "force"',
            'natt_drafts = ["draft-02", "rfc3947"]',
            "keepalive_s = 5",
            "fragmentation = 576",
            "dpd_interval_s = 0",
            "retransmit_s = 0.5",
            "retransmit_tries = 1",
            "replay_window = 0",
            "sha256_96 = true",
            "initial_contact = false",
            'sa_mode = "tunnel"',
            'df_bit = "clear"',
            "dscp = 46",
            "ecn = false",
            "ttl = 255",
            "tcp_mss = false",
            'fragment = "after"',
        )
    )
    made = config.template
    assert config.remotes == ("gw.example.net", PEER, AddressRange.of("198.51.100.0/24"))
    assert config.can_call
    assert config.local == ip_address("192.0.2.1")
    assert (made.mode, made.proposal_order, made.sa_mode) == (
        Phase1Mode.AGGRESSIVE,
        ProposalOrder.THEIRS,
        SaMode.TUNNEL,
    )
    assert (made.local_id, made.remote_id) == (Identity.of("user@example.net"), Identity.of("keyid:0xab01"))
    assert [str(each) for each in made.ike_proposals] == ["pre-g2-aes128-sha", "pre-g2-3des-sha", "pre-g2-3des-md5"]
    assert [str(each) for each in made.ipsec_proposals] == ["g2-esp-3des-md5"]
    assert (made.ike_lifetime, made.ipsec_lifetime) == (Lifetime(600, 1000), Lifetime(300, 2000))
    assert made.rekey_margin == 0.2
    assert (config.start, config.binding, config.device) == (Start.ON_DEMAND, Binding.ROUTE, "vpn0")
    assert config.addresses == (ip_interface("10.9.9.1/30"), ip_interface("fd09::1/64"))
    assert (config.routes, config.metric) == ((ip_network("10.3.0.0/16"),), 7)
    assert (config.when_down, config.mtu) == (WhenDown.PASS, 1400)
    assert made.nat_traversal is NatTraversal.FORCE
    assert made.natt_drafts == (NattDraft.DRAFT_02, NattDraft.RFC)
    assert (made.keepalive_s, made.fragment_size, made.dpd_interval_s) == (5, 576, 0)
    assert (made.retransmit_s, made.retransmit_tries) == (0.5, 1)
    assert (made.replay_window, made.sha256_96, made.initial_contact) == (0, True, False)
    assert made.outer == OuterHeader(DfBit.CLEAR, 46, False, 255, None, Fragment.AFTER, 1400)


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("nat_traversal = false", "nat_traversal", NatTraversal.OFF),
        ("nat_traversal = true", "nat_traversal", NatTraversal.AUTO),
        ("fragmentation = false", "fragment_size", 0),
        ("fragmentation = true", "fragment_size", 1280),
        ('remote_id = "any"', "any_remote_id", True),
        ("tcp_mss = true", "outer", OuterHeader()),
        ('tcp_mss = "auto"', "outer", OuterHeader()),
        ("tcp_mss = 1300", "outer", OuterHeader(mss=1300)),
        ('dscp = "copy"', "outer", OuterHeader()),
        ("dscp = 0", "outer", OuterHeader(dscp=0)),
        ('remote_id = "any"', "remote_id", None),
        ('remote_id = "CN=a, O=b"', "remote_id", Identity.of("O=b, CN=a")),
        ('remote_id = "wildcard:O=b, OU=c"', "remote_id", None),
        ('remote_id = "wildcard:O=b, OU=c"', "remote_pattern", DnPattern.of("wildcard:O=b, OU=c")),
        ('remote_id = "container:OU=b, OU=c"', "remote_pattern", DnPattern.of("container:OU=b, OU=c")),
    ],
)
def test_switches(tunnel: Write, line: str, name: str, value: object) -> None:
    assert getattr(only(tunnel(line)).template, name) == value


def test_every_pair_of_one_family_is_a_child(tunnel: Write) -> None:
    config = only(
        tunnel(
            'local_networks = ["10.1.1.0/24", "fd01::/64"]',
            'remote_networks = ["10.2.2.0/24", "10.2.3.5-10.2.3.6", "fd02::/64"]',
        )
    )
    assert [child.name for child in config.template.children] == [
        "10.1.1.0/24-10.2.2.0/24",
        "10.1.1.0/24-10.2.3.5-10.2.3.6",
        "fd01::/64-fd02::/64",
    ]
    assert [str(route) for route in config.routes] == ["10.2.2.0/24", "10.2.3.5/32", "10.2.3.6/32", "fd02::/64"]


@pytest.mark.parametrize(
    ("remote", "ours"), [("203.0.113.2", "192.0.2.1"), ("203.0.113.2/32", "10.1.1.0/24"), ("2001:db8::2", "fd01::/64")]
)
def test_the_peers_own_address_as_its_network(tunnel: Write, remote: str, ours: str) -> None:
    said = [f'remote = "{remote}"', f'local_networks = "{ours}"']
    address = remote.partition("/")[0]
    for words in ("peer", address):
        config = only(tunnel(*said, f'remote_networks = ["{words}"]'))
        assert [str(each) for each in config.selectors] == [f"{ours} === {address}"]
        assert config.routes == (ip_network(address),)
    pair = f'[[tunnel.paris.selector]]\nlocal = "{ours}"\nremote = "peer"\nprotocol = "tcp"\nremote_port = 443\n'
    exact = only(tunnel(f'remote = "{remote}"', without=NETWORKS, after=pair))
    assert [str(each) for each in exact.selectors] == [f"{ours} === {address}[443] tcp"]


def test_the_peers_own_address_beside_other_networks(tunnel: Write) -> None:
    config = only(tunnel('remote_networks = ["10.2.2.0/24", "peer", "203.0.113.2", "fd02::/64"]'))
    assert [str(each.remote) for each in config.selectors] == ["10.2.2.0/24", "203.0.113.2"]
    pair = ('local = "192.0.2.1"', 'local_networks = "192.0.2.1"', 'remote_networks = "peer"')
    assert only(tunnel('sa_mode = "transport"', *pair)) == only(
        tunnel('sa_mode = "transport"', 'local = "192.0.2.1"', without=NETWORKS)
    )


def test_exact_selectors(tunnel: Write) -> None:
    one = '[[tunnel.paris.selector]]\nlocal = "10.1.1.0/24"\nremote = "10.2.2.9"\n'
    more = ('protocol = "tcp"\nremote_port = 443', 'name = "ping"\nprotocol = 1', 'local_port = "any"')
    config = only(tunnel(without=NETWORKS, after="\n".join(one + each for each in more)))
    assert [(child.name, str(child.selector)) for child in config.template.children] == [
        ("10.1.1.0/24-10.2.2.9[443]-tcp", "10.1.1.0/24 === 10.2.2.9[443] tcp"),
        ("ping", "10.1.1.0/24 === 10.2.2.9 icmp"),
        ("10.1.1.0/24-10.2.2.9", "10.1.1.0/24 === 10.2.2.9"),
    ]
    assert config.routes == (ip_network("10.2.2.9/32"),)


def test_a_route_based_tunnel_protects_everything(tunnel: Write) -> None:
    config = only(tunnel('binding = "route"', 'routes = ["10.2.0.0/16", "fd02::/64"]', without=NETWORKS))
    assert [child.name for child in config.template.children] == ["any", "any-ipv6"]
    assert all(selector.is_any for selector in config.selectors)
    assert [selector.local.version for selector in config.selectors] == [4, 6]
    assert config.device == "vpn-paris"
    assert only(tunnel('binding = "route"', without=NETWORKS)).routes == ()


def test_a_policy_for_everything_routes_everything(tunnel: Write) -> None:
    assert only(tunnel('remote_networks = "0.0.0.0/0"')).routes == (ip_network("0.0.0.0/0"),)


@pytest.mark.parametrize(
    ("remote", "start"), [('"any"', Start.LISTEN), ('"10.0.0.0/8"', Start.LISTEN), ('"gw"', Start.UP)]
)
def test_who_cannot_be_called_is_waited_for(tunnel: Write, remote: str, start: Start) -> None:
    config = only(tunnel(f"remote = {remote}"))
    assert config.start is start
    assert config.any_remote is (remote == '"any"')


def test_names_of_devices() -> None:
    assert device_name("paris") == "vpn-paris"
    long = [device_name("headquarters-paris"), device_name("headquarters-lyon")]
    assert len(set(long)) == 2
    assert all(len(name) == 15 and name.startswith("vpn-headqu") for name in long)


# Secrets


@pytest.mark.parametrize(
    ("content", "encoding", "octets"),
    [
        (b"plain\n", "text", b"plain"),
        (b"plain\r\n", "text", b"plain"),
        (b" two lines \n\n", "text", b" two lines \n"),
        (b"0xab01\n", "text", b"0xab01"),
        (b"0xab01\n", "hex", b"\xab\x01"),
        (b"ab 01", "hex", b"\xab\x01"),
        (b"0sq83v\n", "base64", b"\xab\xcd\xef"),
    ],
)
def test_how_a_secret_is_written(tunnel: Write, secret: Path, content: bytes, encoding: str, octets: bytes) -> None:
    secret.write_bytes(content)
    path = tunnel(f'secret = {{ file = "paris.psk", encoding = "{encoding}" }}')
    assert only(path).template.psk == Secret(octets)


def test_secrets_from_elsewhere(tunnel: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARIS_PSK", "from the environment")
    config = only(tunnel('secret = { env = "PARIS_PSK" }'))
    assert config.template.psk == Secret(b"from the environment")
    assert config.secret_from == "environment variable PARIS_PSK"
    path = tunnel('secret = { text = "from the text" }')
    assert only(path).template.psk == Secret(b"from the text")
    assert only(path).secret_from == str(path)


def test_shared_secrets(tunnel: Write) -> None:
    psk = '[[psk]]\nremote = ["203.0.113.0/24", "198.51.100.7"]\nsecret = { file = "paris.psk" }\n'
    configuration = load(
        tunnel(without=("secret",), after=psk + '[[psk]]\nid = "a@b"\nsecret = { text = "abcabcabcabc" }')
    )
    assert configuration.tunnels["paris"].template.psk is None
    assert [(str(each.remote), str(each.identity), len(each.secret)) for each in configuration.secrets] == [
        ("203.0.113.0/24", "None", 28),
        ("198.51.100.7", "None", 28),
        ("None", "a@b", 12),
    ]


@pytest.mark.parametrize(
    ("line", "psk", "fits"),
    [
        ("", 'remote = "198.51.100.0/24"', False),
        ("", 'remote = "any"', True),
        ('remote_id = "a@b"', 'id = "c@d"', False),
        ('remote_id = "a@b"', 'id = "A@B"', True),
        ('remote = "gw.example.net"', 'remote = "198.51.100.0/24"', True),
    ],
)
def test_whether_a_shared_secret_may_fit(tunnel: Write, line: str, psk: str, fits: bool) -> None:
    path = tunnel(
        *([line] if line else []), without=("secret",), after=f'[[psk]]\n{psk}\nsecret = {{ file = "paris.psk" }}'
    )
    assert check(path).good is fits


def test_fingerprints_tell_secrets_apart_and_nothing_else(tunnel: Write, secret: Path) -> None:
    first = only(tunnel()).secret_fingerprint
    assert first == only(tunnel()).secret_fingerprint
    assert len(first) == 4
    secret.write_text("another secret altogether")
    assert only(tunnel()).secret_fingerprint != first


def test_nothing_printed_shows_a_secret(tunnel: Write) -> None:
    configuration = load(tunnel(after='[[psk]]\nsecret = { file = "paris.psk" }'))
    assert "correct horse" not in repr(configuration)


# Reload


def test_the_same_files_are_equal(tunnel: Write) -> None:
    one, two = load(tunnel()), load(tunnel())
    assert one == two


def test_a_moved_tunnel_is_the_same_tunnel(tunnel: Write) -> None:
    one = load(tunnel())
    path = tunnel()
    path.write_text("# a comment above\n\n" + path.read_text())
    assert load(path).tunnels == one.tunnels


@pytest.mark.parametrize("line", ['mode = "aggressive"', "metric = 5", 'start = "listen"', "dpd_interval_s = 31"])
def test_every_change_is_seen(tunnel: Write, line: str) -> None:
    assert load(tunnel()).tunnels != load(tunnel(line)).tunnels


def test_a_changed_secret_is_seen(tunnel: Write, secret: Path) -> None:
    one = load(tunnel())
    secret.write_text("correct horse battery stapler")
    assert load(tunnel()).tunnels != one.tunnels


# Several files


def test_a_folder_is_one_configuration(tunnel: Write, write: Write, tmp_path: Path) -> None:
    write(tunnel().read_text().replace("paris]", "lyon]").replace("203.0.113.2", "203.0.113.3"), "lyon.toml")
    write('[daemon]\nike_port = 1500\nlisten = "127.0.0.1"\n', "daemon.toml")
    write("not read", "notes.txt")
    configuration = load(tmp_path)
    assert list(configuration.tunnels) == ["paris", "lyon"]
    assert configuration.daemon.ike_port == 1500
    assert configuration.daemon.listen == (ip_address("127.0.0.1"),)
    assert configuration.daemon.socket == Path("/run/ikevpn/control.sock")


def test_a_byte_order_mark_is_no_error(tunnel: Write) -> None:
    path = tunnel()
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert only(path).name == "paris"


def test_transport_mode_is_for_two_hosts(tunnel: Write) -> None:
    config = only(tunnel('local = "192.0.2.1"', 'sa_mode = "transport"', without=NETWORKS))
    assert [str(selector) for selector in config.selectors] == ["192.0.2.1 === 203.0.113.2"]
    assert (config.device, config.routes) == ("vpn-paris", ())
    assert config.host_pair == (ip_address("192.0.2.1"), ip_address("203.0.113.2"))
    assert only(tunnel('local = "192.0.2.1"')).host_pair is None


@pytest.mark.parametrize(("remote", "named"), [('"203.0.113.2"', False), ('["203.0.113.2", "gw.example.net"]', True)])
def test_the_engine_knows_whether_a_peer_has_a_name(tunnel: Write, remote: str, named: bool) -> None:
    assert only(tunnel(f"remote = {remote}")).template.named is named
