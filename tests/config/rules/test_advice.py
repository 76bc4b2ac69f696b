"""What works and is unwise: each once, with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from ikevpn.config.check import check
from tests.config.conftest import Write

_DES = "DES has keys of 56 bits, which are found in a day"
_MD5 = "MD5 is broken as a hash; as HMAC it has no margin left"
_GROUP_1 = "group 1 has 768 bits, a size that was computed in public in 2016"
_GROUP_2 = "group 2 has 1024 bits, within reach of states that record now and read later"
_WHERE_NEEDED = "Use it only where the peer supports nothing better."


def warnings(path: Path) -> list[str]:
    verdict = check(path)
    assert not verdict.errors
    return [str(each).replace(str(path), "FILE") for each in verdict.warnings]


def test_the_defaults_are_not_warned_of(tunnel: Write) -> None:
    assert warnings(tunnel()) == []


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('ike_proposals = "pre-g2-aes128-sha"', f"ike_proposals: {_GROUP_2}. {_WHERE_NEEDED}"),
        ('ike_proposals = "basic"', f"ike_proposals: {_DES}; {_GROUP_1}; {_MD5}. {_WHERE_NEEDED}"),
        ('esp_proposals = "nopfs-esp-des-md5"', f"esp_proposals: {_DES}; {_MD5}. {_WHERE_NEEDED}"),
        (
            'esp_proposals = "nopfs-esp-null-sha"',
            f"esp_proposals: without encryption every host on the path can read the traffic. {_WHERE_NEEDED}",
        ),
        (
            'esp_proposals = "nopfs-esp-aes128-null"',
            f"esp_proposals: without integrity every host on the path can change the traffic. {_WHERE_NEEDED}",
        ),
        (
            'esp_proposals = "g14-esp-3des-sha"',
            "esp_proposals: 3DES has blocks of 64 bits: after some 32 GB under one key they repeat and show parts of "
            "the text. Write esp_lifetime_kb = 4000000",
        ),
        (
            'mode = "aggressive"',
            "mode: aggressive mode shows the peer, and every host on the path, a hash from which the secret can be "
            "guessed. Use main mode where you can, else a long random secret. This tunnel only initiates; to "
            "respond to the peer too, write answer_aggressive = true.",
        ),
        (
            'mode = "aggressive"\nanswer_aggressive = true',
            "mode: aggressive mode sends any initiator a hash from which the pre-shared key can be guessed offline. "
            "Use main mode where you can, else a long random secret.",
        ),
        (
            'esp_proposals = ["g14-esp-aes128gcm16", "nopfs-esp-aes128gcm16"]',
            "esp_proposals: quick mode has one group for all proposals: as initiator we offer only those with "
            "group 14. Put first what the peer takes.",
        ),
        (
            'secret = { text = "tooshort" }',
            "secret: the secret has fewer than 12 octets and can be guessed. "
            "Agree on 20 random characters with the peer.",
        ),
    ],
)
def test_each_weakness_once(tunnel: Write, line: str, sentence: str) -> None:
    path = tunnel(line)
    number = path.read_text().splitlines().index(line.splitlines()[0]) + 1
    assert warnings(path) == [f"FILE:{number}: tunnel.paris.{sentence}"]


def test_of_a_bundle_the_better_integrity_counts(tunnel: Write) -> None:
    for name in ("g14-esp-aes128-null+ah-sha256", "g14-esp-aes128-md5+ah-sha", "g14-esp-aes128gcm16+ah-md5"):
        assert warnings(tunnel(f'esp_proposals = "{name}"')) == []
    for name in ("g14-esp-aes128-null+ah-md5", "g14-esp-aes128-md5+ah-md5"):
        (found,) = warnings(tunnel(f'esp_proposals = "{name}"'))
        assert _MD5 in found and "everybody" not in found


def test_a_peer_from_anywhere_that_may_have_any_network(tunnel: Write) -> None:
    (warning,) = warnings(tunnel('remote = "any"', 'remote_networks = ["0.0.0.0/0"]'))
    assert warning == (
        "FILE:5: tunnel.paris.remote_networks: every peer that knows the secret gets routes to whatever networks it "
        "says it has. Name the networks that peers may have."
    )
    assert warnings(tunnel('remote = "any"', 'remote_networks = ["10.0.0.0/8"]')) == []


def test_all_of_ipv4_and_nothing_of_ipv6(tunnel: Write) -> None:
    (warning,) = warnings(tunnel('remote_networks = ["0.0.0.0/0"]'))
    assert warning == (
        "FILE:5: tunnel.paris.remote_networks: all of IPv4 goes into the tunnel, and IPv6 leaves in the clear. "
        'Add "::/0" here and an IPv6 network on our side: it is dropped even where the peer has none; '
        "or switch IPv6 off on this host: sysctl net.ipv6.conf.all.disable_ipv6=1"
    )
    both = 'local_networks = ["10.1.1.0/24", "fd00::/64"]'
    assert warnings(tunnel(both, 'remote_networks = ["0.0.0.0/0", "::/0"]')) == []
    (warning,) = warnings(
        tunnel('binding = "route"', 'routes = ["0.0.0.0/0"]', without=("local_networks", "remote_networks"))
    )
    assert "tunnel.paris.routes: all of IPv4 goes into the tunnel" in warning


def test_a_peer_on_this_host(tunnel: Write) -> None:
    assert warnings(tunnel('remote = "127.0.0.1"')) == [
        "FILE:5: tunnel.paris.remote: 127.0.0.1 is this host itself. Write the address at which the peer is reached."
    ]


@pytest.mark.parametrize(
    ("remote", "why"),
    [
        ("127.0.0.0/8", "this host itself"),
        ("::1", "this host itself"),
        ("0.0.0.5", "in 0.0.0.0/8, which is no host's address (RFC 1122 §3.2.1.3)"),
        ("240.0.0.1", "in 240.0.0.0/4, which is reserved (RFC 1112 §4)"),
    ],
)
def test_a_peer_where_hardly_any_is(tunnel: Write, remote: str, why: str) -> None:
    assert warnings(tunnel(f'remote = "{remote}"')) == [
        f"FILE:5: tunnel.paris.remote: {remote} is {why}. Write the address at which the peer is reached."
    ]


@pytest.mark.parametrize("remote", ["0.0.0.0/0", "any", "gw.example.net", "203.0.113.2"])
def test_our_address_is_one_that_only_we_reach(tunnel: Write, remote: str) -> None:
    assert warnings(tunnel(f'remote = "{remote}"')) == []
    assert warnings(tunnel(f'remote = "{remote}"', 'local = "127.0.0.1"')) == [
        "FILE:6: tunnel.paris.local: only this host itself can reach 127.0.0.1. "
        "Leave local out, or write an address at which the peer reaches us."
    ]


def test_one_network_on_both_sides(tunnel: Write) -> None:
    assert warnings(tunnel('remote_networks = ["10.1.1.0/24"]')) == [
        "FILE:1: tunnel.paris: 10.1.1.0/24 is on both sides: hosts there look for each other on their own network, not "
        "behind a tunnel. Name the networks that are behind each side."
    ]
    both = '["0.0.0.0/0", "::/0"]'
    assert warnings(tunnel(f"local_networks = {both}", f"remote_networks = {both}")) == []


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("", ""),
        (
            'mode = "aggressive"',
            "; aggressive mode, as in tunnel paris, sends any initiator a hash to guess it by offline",
        ),
    ],
)
def test_a_short_secret_of_a_psk_table(tunnel: Write, more: str, words: str) -> None:
    table = '[[psk]]\nremote = ["203.0.113.2", "203.0.113.3"]\nsecret = { text = "tooshort" }'
    path = tunnel(*([more] if more else []), without=("secret",), after=table)
    number = len(path.read_text().splitlines())
    assert warnings(path)[-1:] == [
        f"FILE:{number}: psk[1].secret: the secret has fewer than 12 octets and can be guessed{words}. "
        "Agree on 20 random characters with the peer."
    ]
    assert len(warnings(path)) == 1 + bool(more), "once for both addresses"


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "[daemon]\nike_port = 501\n"])
def test_no_tunnel_at_all(write: Write, text: str) -> None:
    assert warnings(write(text)) == ["FILE: no tunnel is configured. Write [tunnel.NAME] for one."]


def test_3des_with_a_limit_is_no_news(tunnel: Write) -> None:
    assert warnings(tunnel('esp_proposals = "g14-esp-3des-sha"', "esp_lifetime_kb = 4000000")) == []


def test_groups_that_do_not_go_together_matter_only_to_who_starts(tunnel: Write) -> None:
    lines = ('ike_proposals = ["pre-g14-aes256-sha256", "pre-g19-aes256-sha256"]', 'mode = "aggressive"')
    offered = "aggressive mode has one group for all proposals: as initiator we offer only those with group 14"
    assert [each for each in warnings(tunnel(*lines)) if offered in each]
    answers = ('start = "listen"', "answer_aggressive = true")
    assert not [each for each in warnings(tunnel(*lines, *answers)) if offered in each]


@pytest.mark.parametrize("listens", ['start = "listen"', 'remote = "any"', 'remote = "198.51.100.0/24"'])
def test_who_only_listens_must_say_that_it_answers_in_aggressive_mode(tunnel: Write, listens: str) -> None:
    path = tunnel('mode = "aggressive"', listens)
    assert [str(each).replace(str(path), "FILE").split(": ", 1)[1] for each in check(path).errors] == [
        "tunnel.paris.mode: a responder in aggressive mode sends any initiator a hash from which the pre-shared "
        "key can be guessed offline, so requests are refused, and this tunnel can only respond. "
        "Use main mode where you can; else write answer_aggressive = true, and use a long random secret."
    ]
    assert not check(tunnel('mode = "aggressive"', listens, "answer_aggressive = true")).errors


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ('id = "a@example.net"', 'id = "A@example.net"', True),
        ('remote = "203.0.113.0/24"', 'remote = ["198.51.100.7", "203.0.113.0/24"]', True),
        ("", "", True),
        ('id = "a@example.net"', 'id = "b@example.net"', False),
        ('remote = "203.0.113.0/24"', 'remote = "203.0.113.0/25"', False),
    ],
)
def test_of_two_secrets_for_the_same_peers_the_first_counts(tunnel: Write, first: str, second: str, same: bool) -> None:
    tables = "\n".join(f'[[psk]]\n{each}\nsecret = {{ text = "long enough for all" }}' for each in (first, second))
    path = tunnel(after=tables)
    line = path.read_text().splitlines().index("[[psk]]") + 1
    found = [each for each in warnings(path) if "same peers" in each]
    assert found == same * [
        f"FILE:{line + 3}: psk[2]: it is for the same peers as FILE:{line}: psk[1], and the first one counts. "
        "Keep one of them."
    ]
