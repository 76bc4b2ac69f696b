"""The exact sentences for bad input. `FILE` stands for the configuration file, `DIR` for its folder."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from ikevpn.config.keys.schema import DaemonTable
from tests.config.conftest import Write, errors

DAEMON = [field.name for field in dataclasses.fields(DaemonTable)]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            '[tunnel.paris\nremote = "1.2.3.4"\n',
            "FILE:1:14: this is not TOML: expected ']' at the end of a table declaration.",
        ),
        (
            "[tunnel.paris]\nremote = paris\n",
            'FILE:2:10: this is not TOML: invalid value. Quote strings: key = "value".',
        ),
        (
            "[tunnel.paris]\nremote = 203.0.113.2\n",
            "FILE:2:15: this is not TOML: expected newline or end of document after a statement. "
            'Quote addresses: key = "192.0.2.1".',
        ),
        (
            '[tunnel.paris]\nremote = "203.0.113.2\n',
            "FILE:2:22: this is not TOML: illegal character '\\n'.",
        ),
        (
            '[tunnel.paris]\nremote = "a"\nremote = "b"\n',
            "FILE:3:13: this is not TOML: cannot overwrite a value.",
        ),
        (
            "[tunel.paris]\n",
            'FILE:1: tunel: there is no table "tunel" here. Did you mean "tunnel"?',
        ),
        (
            '[daemon]\n"a\\nb" = 1\n',
            'FILE:1: daemon."a\\nb": there is no key "a\\nb" here. Allowed here: ' + ", ".join(DAEMON) + ".",
        ),
        ("tunnel = 5\n", "FILE:1: tunnel: this is not a table of tunnels. Write [tunnel.NAME]"),
        ("[psk]\n", "FILE:1: psk: this is not a list of tables. Write [[psk]] with two brackets."),
        (
            '[tunnel."to paris"]\n',
            'FILE:1: tunnel."to paris": this cannot be the name of a tunnel. '
            "Use up to 63 letters, digits and . _ -, a letter or digit first.",
        ),
        (
            "[daemon]\nike_port = 70000\n",
            "FILE:2: daemon.ike_port: 70000 is not a whole number from 1 to 65535.",
        ),
        (
            '[daemon]\nike_port = "500"\n',
            'FILE:2: daemon.ike_port: "500" is not a whole number from 1 to 65535. Write numbers without quotes.',
        ),
        (
            '[daemon]\nsocket = "control.sock"\n',
            'FILE:2: daemon.socket: "control.sock" is not an absolute path. Begin it with a slash.',
        ),
    ],
)
def test_files_and_tables(write: Write, text: str, sentence: str) -> None:
    assert errors(write(text)) == [sentence]


IDENTITIES = 'an address, a domain name, "user@domain", "CN=…, O=…" or "keyid:…"'
PEERS = f'{IDENTITIES}, "wildcard:…", "container:…", or "any"'


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('moed = "main"', 'moed: there is no key "moed" here. Did you mean "mode"?'),
        (
            'auth = "rsa-sig"',
            'auth: "rsa-sig": it is the kind of the key here. Write auth = "rsa", "dsa" or "ecdsa", or leave auth out.',
        ),
        (
            'auth = "rsa"',
            'auth: with auth = "rsa" the tunnel needs a private key. '
            'Write private_key = { file = "paris.key" }, or auth = "psk".',
        ),
        (
            'auth = "xauth"',
            'auth: "xauth": XAUTH is not supported: only pre-shared keys and signatures are supported yet, '
            "without a user's password.",
        ),
        (
            "version = 2",
            "version: version = 2: ikevpn speaks IKEv1 only. "
            "Leave it out and set the peer to IKEv1, or use strongSwan for IKEv2.",
        ),
        (
            'keyexchange = "ikev1"',
            'keyexchange: there is no key "keyexchange" here: ikevpn speaks IKEv1 only. Leave it out.',
        ),
        (
            'xauth_user = "mallory"',
            'xauth_user: there is no key "xauth_user" here: XAUTH is not supported: only pre-shared keys and '
            "signatures are supported yet, without a user's password.",
        ),
        ('rightsubnet = "10.2.2.0/24"', 'rightsubnet: there is no key "rightsubnet" here. It is remote_networks here.'),
        ('psk = "hush"', 'psk: there is no key "psk" here. It is secret = { file = "NAME.psk" } here.'),
        ('mode = "agressive"', 'mode: "agressive" is not "main" or "aggressive". Did you mean "aggressive"?'),
        (
            'start = "now"',
            'start: "now" is not "up", "on-demand" or "listen".',
        ),
        ('sha256_96 = "yes"', 'sha256_96: "yes" is not true or false. Write true, without quotes.'),
        ("mtu = 100", 'mtu: 100 is not "auto" or a whole number of octets from 576 to 65535.'),
        (
            'nat_traversal = "forced"',
            'nat_traversal: "forced" is not true, false or "force". Did you mean "force"?',
        ),
        (
            'remote_networks = ["10.2.2.0/33"]',
            'remote_networks: "10.2.2.0/33" is not a network like "10.2.2.0/24", an address, a range like '
            '"10.2.2.5-10.2.2.9", or "peer": a prefix length ends at 32.',
        ),
        (
            'remote_networks = ["10.2.2.256/32"]',
            'remote_networks: "10.2.2.256/32" is not a network like "10.2.2.0/24", an address, a range like '
            '"10.2.2.5-10.2.2.9", or "peer": 256 is larger than 255.',
        ),
        (
            'remote_networks = ["10.2.2/24"]',
            'remote_networks: "10.2.2/24" is not a network like "10.2.2.0/24", an address, a range like '
            '"10.2.2.5-10.2.2.9", or "peer": 3 numbers instead of 4.',
        ),
        *(
            (
                f'remote_networks = ["{word}"]',
                f'remote_networks: "{word}" is not a network like "10.2.2.0/24", an address, a range like '
                '"10.2.2.5-10.2.2.9", or "peer". Write "peer" for the peer\'s own address.',
            )
            for word in ("Peer", "dynamic", "%dynamic")
        ),
        (
            'remote_networks = ["10.2.2.1/24"]',
            'remote_networks: "10.2.2.1/24" has host bits set. '
            'Write "10.2.2.0/24" for the network or "10.2.2.1/32" for the one host.',
        ),
        (
            'remote_networks = ["10.2.2.9-10.2.2.5"]',
            'remote_networks: "10.2.2.9-10.2.2.5" is not a range: '
            "its end lies before its start, or an address is wrong.",
        ),
        (
            'remote = "203.0.113.300"',
            'remote: "203.0.113.300" is not an address, a DNS name, a network like "198.51.100.0/24", or "any": '
            "300 is larger than 255.",
        ),
        (
            'remote = "https://gw.example.net"',
            'remote: "https://gw.example.net" is not an address, a DNS name, a network like "198.51.100.0/24", '
            'or "any". A port or a scheme does not belong here.',
        ),
        (
            'remote = "gw.example.net:500"',
            'remote: "gw.example.net:500" is not an address, a DNS name, a network like "198.51.100.0/24", or "any". '
            "A port or a scheme does not belong here.",
        ),
        (
            'remote = ["any", "203.0.113.2"]',
            'remote: "any" is in a list with other addresses. It already means all of them: write it alone.',
        ),
        (
            "remote = []",
            'remote: the list is empty. Write an address, a DNS name, a network like "198.51.100.0/24", or "any".',
        ),
        ('local = "192.0.2.1/24"', 'local: "192.0.2.1/24" is not an IPv4 or IPv6 address.'),
        (
            'local_id = "keyid:0xzz"',
            'local_id: "keyid:0xzz" is not an address, a domain name, "user@domain", "CN=…, O=…" or "keyid:…". '
            "After keyid:0x stand pairs of hex digits.",
        ),
        ('remote = "0.0.0.0"', 'remote: "0.0.0.0" is not an address of any host. Write "any" for peers anywhere.'),
        ('remote = "::"', 'remote: "::" is not an address of any host. Write "any" for peers anywhere.'),
        ('remote = "224.0.0.1"', 'remote: "224.0.0.1" is for many hosts at once, and the peer is one.'),
        ('remote = ["ff02::/16"]', 'remote: "ff02::/16" is for many hosts at once, and the peer is one.'),
        (
            'remote = "Any"',
            'remote: "Any" is not an address, a DNS name, a network like "198.51.100.0/24", or "any". '
            'Did you mean "any"?',
        ),
        ('local = "203.0.113.2"', "local: our address is the peer's. Each side writes its own as local."),
        (
            'local = "0.0.0.0"',
            "local: no host can have the address 0.0.0.0. Write an address of this host, or leave the key out.",
        ),
        (
            'local_id = "10.1.1.256"',
            f'local_id: "10.1.1.256" is not {IDENTITIES}: 256 is larger than 255. '
            'Write "keyid:10.1.1.256" where it is no address.',
        ),
        (
            'remote_id = "203.0.113"',
            f'remote_id: "203.0.113" is not {PEERS}: 3 numbers instead of 4. '
            'Write "keyid:203.0.113" where it is no address.',
        ),
        (
            'remote_id = "2001:db8:::1"',
            f'remote_id: "2001:db8:::1" is not {PEERS}. Write "keyid:2001:db8:::1" where it is no address.',
        ),
        (
            'remote_id = "Any"',
            f'remote_id: "Any" is not {PEERS}. Did you mean "any"?',
        ),
        ('local_id = "@"', f'local_id: "@" is not {IDENTITIES}.'),
        (
            'local_id = "CN=a, XX=b"',
            f'local_id: "CN=a, XX=b" is not {IDENTITIES}. XX is no field of a distinguished name.',
        ),
        (
            'remote_id = "wildcard:OU=a, OU=b"',
            f'remote_id: "wildcard:OU=a, OU=b" is not {PEERS}. '
            "A wildcard has one value of OU: write container: for several.",
        ),
        ('local_id = "keyid:0x"', f'local_id: "keyid:0x" is not {IDENTITIES}.'),
        (
            'remote_id = " any"',
            f'remote_id: " any" is not {PEERS}. Remove the spaces around it.',
        ),
        ('local_id = "any"', f'local_id: "any" is not {IDENTITIES}. Leave the key out.'),
        *(
            (f'device = "{name}"', f'device: "{name}" is not a name for a device of ours: {why}. Choose another.')
            for name, why in (
                ("lo", "it is the loopback device"),
                ("all", "in sysctl it means every device"),
                ("default", "in sysctl it means every new device"),
            )
        ),
        (
            'ike_proposals = ["pre-g2-aes-sha"]',
            'ike_proposals: there is no phase 1 proposal "pre-g2-aes-sha": "aes" is not a cipher '
            '(des, 3des, aes128, aes192, aes256). Did you mean "pre-g2-aes128-sha"?',
        ),
        (
            'ike_proposals = ["pre-g2-aes128"]',
            'ike_proposals: there is no phase 1 proposal "pre-g2-aes128": a hash is missing at its end '
            '(md5, sha, sha256, sha384, sha512). Did you mean "pre-g2-aes128-sha"?',
        ),
        (
            'ike_proposals = ["standart"]',
            'ike_proposals: "standart" is neither a phase 1 proposal nor a level. Did you mean "standard"?',
        ),
        (
            'ike_proposals = ["rsa-g2-3des-sha"]',
            "ike_proposals: without a private key all proposals are for pre-shared keys. "
            "Names of such proposals begin with pre-; others need a private_key.",
        ),
        (
            'esp_proposals = ["g14-esp-aes128gcm16-sha"]',
            'esp_proposals: there is no phase 2 proposal "g14-esp-aes128gcm16-sha": "sha" is not a part '
            'that may follow aes128gcm16. Did you mean "g14-esp-aes128gcm16"?',
        ),
        (
            'esp_proposals = ["g2-ah-null-md5"]',
            'esp_proposals: there is no phase 2 proposal "g2-ah-null-md5": "null" is not an integrity algorithm of AH '
            "(md5, sha, sha256, sha384, sha512).",
        ),
        (
            'address = ["10.9.9.1"]',
            'address: "10.9.9.1" is not an address with its prefix length, like "10.9.9.1/30".',
        ),
        (
            'routes = ["10.2.2.1-10.2.2.3"]',
            'routes: "10.2.2.1-10.2.2.3" is a range that no single route covers. '
            'Write it as networks: "10.2.2.1/32", "10.2.2.2/31".',
        ),
        (
            'device = "a-very-long-name"',
            'device: "a-very-long-name" is not a device name of at most 15 letters, digits and . _ -.',
        ),
        ("ike_lifetime_s = 5", "ike_lifetime_s: 5 is not a whole number of seconds from 60 to 31536000."),
        ("dpd_interval_s = -1", "dpd_interval_s: -1 is not a number of seconds from 0 to 86400."),
        ("manual = 5", "manual: this is not a table. Write [tunnel.paris.manual]"),
        ("secret = 5", 'secret: this is not a table. Write secret = { file = "paris.psk" }'),
        (
            'local = "2001:db8::1"',
            "local: our address and the peer's are of different families, IPv4 and IPv6. Give both of one family.",
        ),
        (
            'remote_networks = ["fd00::/64"]',
            "remote_networks: local_networks and remote_networks have no family in common, IPv4 or IPv6. "
            "Give both networks of one family.",
        ),
        ('df_bit = "copied"', 'df_bit: "copied" is not "copy", "set" or "clear". Did you mean "copy"?'),
        ("dscp = 64", 'dscp: 64 is not "copy" or a whole number from 0 to 63.'),
        ("ttl = 0", "ttl: 0 is not a whole number of hops from 1 to 255."),
        (
            "tcp_mss = 60",
            'tcp_mss: 60 is not true, false or "auto" or a whole number of octets from 88 to 65495.',
        ),
        (
            "dpd_timeout_s = 20",
            "dpd_timeout_s: the peer would count as dead before the first R-U-THERE is sent. "
            "Write more than dpd_interval_s, which is 30; 150 is what strongSwan has.",
        ),
        (
            'interface = "ppp/0"',
            'interface: "ppp/0" is not the name of a network interface.',
        ),
        (
            'dpd_action = "trap"',
            'dpd_action: "trap" is not "restart", "clear" or "hold".',
        ),
        (
            'unique = "yes"',
            'unique: "yes" is not "replace", "keep" or "refuse".',
        ),
        (
            "esp_lifetime_packets = 5",
            "esp_lifetime_packets: 5 is not 0 or a whole number of packets from 100 to 4294967295.",
        ),
        (
            "replay_window = 8192",
            "replay_window: 8192 is not 0 or a whole number of packets from 32 to 4096.",
        ),
    ],
)
def test_keys_of_a_tunnel(tunnel: Write, line: str, sentence: str) -> None:
    path = tunnel(line)
    number = path.read_text().splitlines().index(line) + 1
    assert errors(path) == [f"FILE:{number}: tunnel.paris.{sentence}"]


NETWORKS = ("local_networks", "remote_networks")
SELECTOR = '[[tunnel.paris.selector]]\nlocal = "10.1.1.0/24"\nremote = "10.2.2.0/24"\n'


@pytest.mark.parametrize(
    ("without", "more", "after", "sentence"),
    [
        (("remote",), "", "", '1: tunnel.paris: the key "remote" is missing. Write remote = "203.0.113.2"'),
        (
            ("remote_networks",),
            "",
            "",
            '1: tunnel.paris: the key "remote_networks" is missing beside the other. '
            'Write remote_networks = ["10.1.1.0/24"]; ["0.0.0.0/0"] means everything.',
        ),
        (
            NETWORKS,
            "",
            "",
            "1: tunnel.paris: it does not say which networks it connects. "
            'Write local_networks and remote_networks, or binding = "route".',
        ),
        (
            ("secret",),
            "",
            "",
            "1: tunnel.paris: the tunnel names no secret, and no [[psk]] table fits. "
            'Write secret = { file = "paris.psk" }, or a [[psk]] table for the peer.',
        ),
        (
            ("remote",),
            'remote = "any"\nstart = "up"',
            "",
            '6: tunnel.paris.start: with start = "up" this host initiates, but remote gives no address. '
            'Write start = "listen", or give remote an address or a name.',
        ),
        (
            (),
            "",
            SELECTOR,
            "1: tunnel.paris: it has selector tables and local_networks or remote_networks. Keep one of the two ways.",
        ),
        (
            NETWORKS,
            "",
            f"{SELECTOR}remote_port = 443",
            '4: tunnel.paris.selector[1]: ports need a protocol that has ports. Write protocol = "tcp" or "udp".',
        ),
        (
            NETWORKS,
            "",
            f'{SELECTOR}protocol = "tpc"',
            '7: tunnel.paris.selector[1].protocol: "tpc" is not a protocol by name ("tcp", "udp", "icmp", "any", …) '
            'or by number from 0 to 255. Did you mean "tcp"?',
        ),
        (
            NETWORKS,
            "",
            f'{SELECTOR}name = "a"\n{SELECTOR}name = "a"',
            '8: tunnel.paris.selector[2]: a selector called "a" is defined above. Give one another name.',
        ),
    ],
)
def test_keys_that_need_each_other(
    tunnel: Write, without: tuple[str, ...], more: str, after: str, sentence: str
) -> None:
    assert errors(tunnel(*([more] if more else []), without=without, after=after)) == [f"FILE:{sentence}"]


# Several files


def test_all_errors_of_all_files_come_at_once(write: Write, tmp_path: Path) -> None:
    write('[tunnel.a]\nremote = "x y"\nmod = 1\n', "1.toml")
    write("[tunnel.b\n", "2.toml")
    write("[daemon]\nike_port = 0\n", "3.toml")
    places = [error.split(": ")[0] for error in errors(tmp_path)]
    assert places == [f"FILE/{place}" for place in ("1.toml:2", "1.toml:3", "2.toml:1:10", "3.toml:2")]


def test_a_tunnel_in_two_files(tunnel: Write, write: Write, tmp_path: Path) -> None:
    write(tunnel().read_text(), "more.toml")
    assert errors(tmp_path) == [
        "FILE/more.toml:1: tunnel.paris: tunnel paris is defined in FILE/ikevpn.toml:1 already. Keep one of them."
    ]


def test_a_folder_without_files_and_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert errors(tmp_path) == [
        "FILE: there is no file here whose name ends in .toml. Write one, or name another folder."
    ]
    assert errors(tmp_path / "no.toml") == ["FILE: there is no such file. Name another with --config, or write it."]


def test_a_file_that_is_not_utf_8(write: Write) -> None:
    path = write("")
    path.write_bytes(b"[tunnel.caf\xe9]\n")
    assert errors(path) == ["FILE: the file is not UTF-8: octet 12 fits no character. Save it as UTF-8."]


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        (
            (),
            "FILE:4: tunnel.paris.sa_mode: transport mode needs to know our address. "
            'Write the address of this host: local = "192.0.2.1".',
        ),
        (
            ('local = "192.0.2.1"', 'remote = "any"'),
            "FILE:5: tunnel.paris.remote: transport mode is between this host and one peer at a known address. "
            'Write one address: remote = "203.0.113.2"; or sa_mode = "tunnel".',
        ),
        (
            ('local = "192.0.2.1"', 'binding = "route"'),
            "FILE:6: tunnel.paris.binding: in transport mode there is nothing to route: it is for two hosts. "
            'Leave binding out, or write sa_mode = "tunnel".',
        ),
        (
            ('local = "192.0.2.1"', 'local_networks = "10.1.1.0/24"', 'remote_networks = "203.0.113.2"'),
            "FILE:4: tunnel.paris.sa_mode: 10.1.1.0/24 to 203.0.113.2 is not what transport mode can protect. "
            'Only 192.0.2.1 to 203.0.113.2, the two hosts; leave the networks out, or write sa_mode = "tunnel".',
        ),
        *(
            (
                ('local = "192.0.2.1"', f'{one}_networks = "10.1.1.0/24"'),
                f'FILE:1: tunnel.paris: the key "{other}_networks" is missing beside the other. '
                f"Leave {one}_networks out: in transport mode there are just the two hosts.",
            )
            for one, other in (("local", "remote"), ("remote", "local"))
        ),
        (
            ('local = "192.0.2.1"', 'routes = "10.0.0.0/8"'),
            "FILE:6: tunnel.paris.routes: transport mode has no networks behind it and no addresses of its own. "
            'Remove routes, or write sa_mode = "tunnel".',
        ),
    ],
)
def test_what_transport_mode_needs(tunnel: Write, keys: tuple[str, ...], sentence: str) -> None:
    path = tunnel('sa_mode = "transport"', *keys, without=("local_networks", "remote_networks"))
    assert [line for line in errors(path) if "paris" in line] == [sentence]


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (
            ['remote = "192.0.2.9"', 'local = "192.0.2.1"', 'interface = "eth0"'],
            "interface: it is set together with local, and both say which address is ours. Keep one of the two.",
        ),
        (
            ['remote = "any"', 'dpd_action = "restart"'],
            'dpd_action: with dpd_action = "restart" this host initiates again, but remote gives no address. '
            'Write dpd_action = "clear", or give remote an address or a name.',
        ),
        (
            ['remote = "any"', "initiator_only = true"],
            "initiator_only: with initiator_only only this host initiates, but remote gives no address. "
            "Remove initiator_only, or let us start: give remote an address or a name, and leave start out.",
        ),
        (
            ['remote = "192.0.2.9"', 'start = "listen"', "initiator_only = true"],
            'initiator_only: with initiator_only only this host initiates, but with start = "listen" it does not. '
            "Remove initiator_only, or let us start: give remote an address or a name, and leave start "
            "out.",
        ),
        (
            ['remote = "192.0.2.9"', "dpd_interval_s = 0", "dpd_timeout_s = 60"],
            "dpd_timeout_s: with dpd_interval_s = 0 no R-U-THERE is ever sent. "
            "Write dpd_interval_s = 30, or remove dpd_timeout_s.",
        ),
    ],
)
def test_who_calls_whom(write: Write, lines: list[str], sentence: str) -> None:
    common = ['secret = { file = "paris.psk" }', 'local_networks = "10.1.1.0/24"', 'remote_networks = "10.2.2.0/24"']
    path = write("\n".join(["[tunnel.paris]", *common, *lines]))
    assert [each.partition("tunnel.paris.")[2] for each in errors(path)] == [sentence]


@pytest.mark.parametrize(
    ("remote", "instead"),
    [
        ('"any"', 'with "any" the peer may be anywhere'),
        ('"203.0.113.0/24"', "there is a network"),
        ('"gw.example.net"', "a DNS name may lead to another one at any time"),
        ('["203.0.113.2", "203.0.113.3"]', "there are several places"),
    ],
)
def test_the_peers_own_address_must_be_known(tunnel: Write, remote: str, instead: str) -> None:
    sentence = (
        f'"peer" needs one fixed address in remote, and {instead}. Write one address: remote = "203.0.113.2"; '
        'or in place of "peer" the networks that the peer may have.'
    )
    path = tunnel(f"remote = {remote}", 'remote_networks = ["peer", "10.2.2.0/24"]')
    assert errors(path) == [f"FILE:5: tunnel.paris.remote_networks: {sentence}"]
    pair = '[[tunnel.paris.selector]]\nlocal = "10.1.1.0/24"\nremote = "peer"\n'
    path = tunnel(f"remote = {remote}", without=("local_networks", "remote_networks"), after=pair)
    assert errors(path) == [f"FILE:6: tunnel.paris.selector[1].remote: {sentence}"]
