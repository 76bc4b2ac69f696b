"""Manual keys: exact lengths, what excludes what, and sentences that say which. No sentence shows a key."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from ikevpn.config.check import check
from ikevpn.config.keys.ike_keys import IkeKeys
from ikevpn.config.keys.key import key_of
from ikevpn.config.load import load
from ikevpn.crypto.passphrase import derive
from ikevpn.model.manual import ManualKeys
from ikevpn.model.secret import Secret
from ikevpn.model.tunnel import NatTraversal
from ikevpn.wire.registry import EspCipher, Integrity, Protocol
from tests.config.conftest import Write
from tests.config.rules.test_advice import warnings

AES, SHA = "00" * 15 + "0f", "11" * 20
KEYS = {
    "local_spi": '"3020"',
    "remote_spi": '"3030"',
    "proposal": '"esp-aes128-sha"',
    "encryption_key": f'{{ text = "{AES}" }}',
    "integrity_key": f'{{ text = "{SHA}" }}',
}


@pytest.fixture
def manual(write: Write) -> Write:
    """Writes a tunnel with manual keys; `None` takes a key out, and `tunnel` stands above them."""

    def write_manual(tunnel: str = "", more: str = "", **changes: str | None) -> Path:
        keys = {**KEYS, **changes}
        head = (
            '[tunnel.paris]\nremote = "203.0.113.2"\nlocal_networks = "10.1.0.0/16"\nremote_networks = "10.2.0.0/16"\n'
        )
        table = "".join(f"{key} = {value}\n" for key, value in keys.items() if value is not None)
        return write(f"{head}{tunnel}\n[tunnel.paris.manual]\n{table}{more}")

    return write_manual


def errors(path: Path) -> list[str]:
    found = [f"{each.where.split(': ')[-1]}: {each.sentence} {each.fix}".strip() for each in check(path).errors]
    return [each.removeprefix("tunnel.paris.manual.") for each in found]


def keys(path: Path) -> ManualKeys:
    found = load(path).tunnels["paris"].manual
    assert found is not None
    return found


def test_one_key_for_both_directions(manual: Write) -> None:
    config = load(manual()).tunnels["paris"]
    found = config.manual
    assert found is not None
    assert (found.local_spi, found.remote_spi, found.words) == (0x3020, 0x3030, "esp-aes128-sha")
    assert found.inbound == found.outbound
    assert found.inbound.encryption_key.reveal().hex() == AES and found.inbound.key_bits == 128
    assert found.inbound.integrity_key.reveal().hex() == SHA
    assert config.template.ipsec_proposals == (found.proposal,)
    assert config.template.nat_traversal is NatTraversal.OFF
    assert AES not in repr(config)
    assert config.secret_from == "manual keys"


def test_four_digits_a_direction_are_the_same_at_the_other_end(manual: Write) -> None:
    other = f'{{ text = "{"22" * 16}" }}'
    ours = load(manual(encryption_key_in=other)).tunnels["paris"].secret_fingerprint
    theirs = load(manual(encryption_key=other, encryption_key_in=KEYS["encryption_key"])).tunnels["paris"]
    inbound, outbound = ours.removeprefix("in ").split(", out ")
    assert len(inbound) == len(outbound) == 4 and inbound != outbound
    assert theirs.secret_fingerprint == f"in {outbound}, out {inbound}"


def test_a_key_of_its_own_for_what_comes_in(manual: Write) -> None:
    found = keys(manual(encryption_key_in=f'{{ text = "{"22" * 16}" }}'))
    assert found.outbound.encryption_key.reveal().hex() == AES
    assert found.inbound.encryption_key.reveal().hex() == "22" * 16
    assert found.inbound.integrity_key == found.outbound.integrity_key


def test_a_passphrase_makes_keys_for_each_direction_that_fit_the_other_end(manual: Write) -> None:
    without = {"encryption_key": None, "integrity_key": None, "passphrase": '{ text = "correct horse battery staple" }'}
    ours = keys(manual(**without))
    theirs = keys(manual(**without, local_spi='"3030"', remote_spi='"3020"'))
    assert ours.inbound == theirs.outbound and ours.outbound == theirs.inbound != ours.inbound
    assert ours.inbound.encryption_key.reveal().hex() == "b48ac39833e9cc974d693fbe85dfdb46"
    assert ours.inbound.integrity_key.reveal().hex() == "01bdd25e20c697249b04c2ca74522cd349d21375"


def test_ah_has_no_cipher(manual: Write) -> None:
    found = keys(manual(proposal='"ah-sha"', encryption_key=None))
    assert found.proposal.protocol is Protocol.AH
    assert (found.inbound.cipher, found.inbound.integrity) == (EspCipher.NULL, Integrity.HMAC_SHA1)
    assert len(found.inbound.encryption_key) == 0


BUNDLE = {
    "proposal": '"esp-aes128-sha+ah-sha"',
    "ah_local_spi": '"3021"',
    "ah_remote_spi": '"3031"',
    "ah_key": f'{{ text = "{"44" * 20}" }}',
}


def test_a_bundle_has_spis_and_keys_of_its_own_for_ah(manual: Write) -> None:
    found = keys(manual(**BUNDLE, ah_key_in=f'{{ text = "{"55" * 20}" }}'))
    around = found.around
    assert around is not None and found.layers == (found, around)
    assert (found.local_spi, found.remote_spi, around.local_spi, around.remote_spi) == (0x3020, 0x3030, 0x3021, 0x3031)
    assert (found.words, around.words) == ("esp-aes128-sha+ah-sha", "ah-sha")
    assert around.outbound.integrity_key.reveal() == b"\x44" * 20 and len(around.outbound.encryption_key) == 0
    assert around.inbound.integrity_key.reveal() == b"\x55" * 20
    assert found.inbound == keys(manual()).inbound, "ESP has the keys that it has without AH"


def test_a_passphrase_makes_the_keys_of_a_bundle_too(manual: Write) -> None:
    passphrase = {
        "encryption_key": None,
        "integrity_key": None,
        "passphrase": '{ text = "correct horse battery staple" }',
    }
    bundle = {**BUNDLE, **passphrase, "ah_key": None}
    swapped = {"local_spi": '"3030"', "remote_spi": '"3020"', "ah_local_spi": '"3031"', "ah_remote_spi": '"3021"'}
    ours, theirs = keys(manual(**bundle)), keys(manual(**{**bundle, **swapped}))
    assert ours.around is not None and theirs.around is not None
    assert ours.around.inbound == theirs.around.outbound and ours.around.outbound == theirs.around.inbound
    assert len({each.integrity_key for layer in ours.layers for each in (layer.inbound, layer.outbound)}) == 4


def test_the_key_of_ah_counts_in_the_four_digits(manual: Write) -> None:
    one = load(manual(**BUNDLE)).tunnels["paris"].secret_fingerprint
    two = load(manual(**{**BUNDLE, "ah_key": f'{{ text = "{"66" * 20}" }}'})).tunnels["paris"].secret_fingerprint
    assert one != two


@pytest.mark.parametrize("place", ["encryption_key", "integrity_key_in", "passphrase"])
def test_a_key_without_quotes_is_not_shown(manual: Write, place: str) -> None:
    found = " ".join(errors(manual(**{place: "{ text = 0x00112233445566778899aabbccddeeff }"})))
    assert f"{place}.text: this is not a text of at least one character. Quote strings." in found
    assert str(0x00112233445566778899AABBCCDDEEFF) not in found


@pytest.mark.parametrize(("text", "spi"), [('"0x100"', 0x100), ('"3020"', 0x3020), ('"FFFFFFFF"', 0xFFFFFFFF)])
def test_ways_to_write_an_spi(manual: Write, text: str, spi: int) -> None:
    assert keys(manual(local_spi=text)).local_spi == spi


@pytest.mark.parametrize("text", ['"ff"', '"100000000"', '"xyz"', "255", "3020", "true", '""', '"-300"'])
def test_what_is_no_spi(manual: Write, text: str) -> None:
    (found,) = errors(manual(local_spi=text))
    assert "is not an SPI: hexadecimal digits from 100 to ffffffff in quotes." in found


@pytest.mark.parametrize(
    ("number", "fix"),
    [
        ("3020", 'Write "3020" for these digits, or "bcc" if they were decimal or began with 0x.'),
        ("0x3020", 'Write "12320" for these digits, or "3020" if they were decimal or began with 0x.'),
        ("0xffffffff", 'Write "ffffffff" if they were decimal or began with 0x.'),
    ],
)
def test_an_spi_without_quotes_could_mean_two(manual: Write, number: str, fix: str) -> None:
    (found,) = errors(manual(local_spi=number))
    assert found.endswith(f"in quotes. {fix}")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"encryption_key": '{ text = "0011" }'},
            "encryption_key: aes128 needs a key of 16 octets (32 hex digits); this one has 2 octets.",
        ),
        (
            {"proposal": '"esp-3des-sha"', "encryption_key": f'{{ text = "{"0f" * 32}" }}'},
            "encryption_key: 3des needs a key of 24 octets (48 hex digits); this one has 32 octets. "
            'It would do for "aes256".',
        ),
        (
            {"integrity_key_in": f'{{ text = "{AES}" }}'},
            "integrity_key_in: sha needs a key of 20 octets (40 hex digits); this one has 16 octets. "
            'It would do for "aes128".',
        ),
        (
            {"integrity_key": None},
            "integrity_key: sha needs a key of 20 octets (40 hex digits), and there is none. "
            'Write integrity_key = { file = "NAME.key" }, or a passphrase.',
        ),
        (
            {"proposal": '"esp-null-sha"'},
            "encryption_key: null takes no such key. Remove encryption_key.",
        ),
        (
            {"proposal": '"ah-sha"'},
            "encryption_key: AH takes no such key. Remove encryption_key.",
        ),
        (
            {"proposal": '"esp-3des-sha"', "encryption_key": f'{{ text = "{"0123456789abcdef" * 2}{"22" * 8}" }}'},
            "encryption_key: two of the three parts of this 3DES key are equal, which leaves single "
            "DES (RFC 2451 §2.3). Agree on another key.",
        ),
        (
            {"proposal": '"esp-aes128gcm16"'},
            "proposal: aes128gcm16 is a counter mode: under one key no counter value may be used twice, which cannot "
            "be "
            "guaranteed for keys that do not change (RFC 3686 §7, RFC 4106 §2). "
            'Write "esp-aes128-sha256", or let IKE make the keys.',
        ),
        (
            {"proposal": '"esp-aes128-sha-esn"'},
            "proposal: nothing tells the peer the upper half of extended sequence numbers after a "
            "restart. Remove -esn.",
        ),
        (
            {"proposal": '"ah-sha265"'},
            'proposal: there is no proposal "ah-sha265": "sha265" is not an integrity algorithm of AH (md5, sha, '
            'sha256, sha384, sha512). Did you mean "ah-sha256"?',
        ),
        (
            {"proposal": '"esp-aes128"'},
            'proposal: there is no proposal "esp-aes128": an integrity algorithm is missing at its end (md5, sha, '
            'sha256, sha384, sha512, null). Did you mean "esp-aes128-sha"?',
        ),
        (
            {"proposal": '"g2-esp-aes128-sha"'},
            'proposal: "g2-esp-aes128-sha" is not protocol and algorithms like "esp-3des-sha". '
            "Begin it with esp or ah: there is no key exchange, so no group.",
        ),
        (
            {"proposal": '"ah-sha"', "encryption_key": None, "encapsulation": '"udp"'},
            "encapsulation: AH covers the addresses, so it cannot travel in UDP.",
        ),
        (
            {"passphrase": '{ text = "correct horse battery staple" }'},
            "encryption_key: it is set together with a passphrase. Keep one of the two ways.",
        ),
        (
            {"encryption_key": None, "integrity_key": None, "passphrase": '{ text = "secret" }'},
            "passphrase: the passphrase has fewer than 16 octets and can be guessed. "
            "Agree on 20 random characters with the peer; or, if it has to be this one, write weak_passphrase = true.",
        ),
        (
            {"weak_passphrase": "true"},
            "weak_passphrase: there is no passphrase. Remove weak_passphrase.",
        ),
        (
            {"remote_spi": '"3020"'},
            "remote_spi: with one SPI and one key, what we send can be sent back to us. "
            "Agree on two SPIs, or on a key for each direction.",
        ),
        (
            {"ah_key": f'{{ text = "{SHA}" }}'},
            "ah_key: the proposal has no AH around ESP. "
            'Remove ah_key, or write a proposal like "esp-aes128-sha+ah-sha".',
        ),
        (
            {**BUNDLE, "ah_remote_spi": None},
            'ah_remote_spi: AH around ESP needs an SPI of its own. Write ah_remote_spi = "3031".',
        ),
        (
            {**BUNDLE, "local_spi": '"ffffffff"', "ah_local_spi": None},
            'ah_local_spi: AH around ESP needs an SPI of its own. Write ah_local_spi = "fffffffe".',
        ),
        (
            {"encryption_key": '{ text = "not hex at all!!" }'},
            "encryption_key: the text does not hold hex. Fix it.",
        ),
        (
            {**BUNDLE, "ah_local_spi": '"3020"'},
            "ah_local_spi: ESP has the same SPI. Agree on another for AH.",
        ),
        (
            {**BUNDLE, "ah_key": None},
            "ah_key: sha needs a key of 20 octets (40 hex digits), and there is none. "
            'Write ah_key = { file = "NAME.key" }, or a passphrase.',
        ),
        (
            {**BUNDLE, "ah_remote_spi": '"3021"'},
            "ah_remote_spi: with one SPI and one key, what we send can be sent back to us. "
            "Agree on two SPIs, or on a key for each direction.",
        ),
        (
            {**BUNDLE, "encapsulation": '"udp"'},
            "encapsulation: AH covers the addresses, so it cannot travel in UDP.",
        ),
        (
            {**BUNDLE, "proposal": '"esp-aes128-sha+ah-sha-esn"'},
            "proposal: nothing tells the peer the upper half of extended sequence numbers after a "
            "restart. Remove -esn.",
        ),
        (
            {"tunnel": 'start = "listen"'},
            "tunnel.paris.start: with manual keys nothing is negotiated: the tunnel is just there. Leave start out.",
        ),
        (
            {"keep_sequence": "false"},
            "keep_sequence: numbers that start again look like a replay to a peer that protects "
            "itself, and we would too. Write replay_window = 0, on both sides; or leave keep_sequence out.",
        ),
    ],
)
def test_what_does_not_fit_is_said_exactly(manual: Write, changes: dict[str, str | None], sentence: str) -> None:
    assert errors(manual(**changes)) == [sentence]


@pytest.mark.parametrize("remote", ['"any"', '"10.0.0.0/8"', '["192.0.2.1", "192.0.2.2"]'])
def test_there_is_one_peer_at_one_place(write: Write, remote: str) -> None:
    table = "".join(f"{key} = {value}\n" for key, value in KEYS.items())
    head = f'[tunnel.paris]\nremote = {remote}\nbinding = "route"\nroutes = ["10.2.0.0/16"]\n'
    assert errors(write(f"{head}[tunnel.paris.manual]\n{table}")) == [
        "tunnel.paris.remote: manual keys are for one peer at one place. "
        'Write one address or name: remote = "203.0.113.2".'
    ]


def test_keys_of_ike_mean_nothing(manual: Write) -> None:
    (found,) = errors(manual(tunnel="dpd_interval_s = 10"))
    assert found == (
        "tunnel.paris.dpd_interval_s: the tunnel has manual keys and no IKE, so this key has no effect. "
        "Remove dpd_interval_s."
    )
    assert errors(manual(tunnel='local = "192.0.2.1"\nkeepalive_s = 5')) == []


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(IkeKeys)])
def test_every_key_of_ike_is_refused(manual: Write, name: str) -> None:
    example = key_of(next(field for field in dataclasses.fields(IkeKeys) if field.name == name)).example
    assert any(
        f"tunnel.paris.{name}: the tunnel has manual keys" in each for each in errors(manual(f"{name} = {example}"))
    )


def test_two_tunnels_cannot_have_one_local_spi(manual: Write) -> None:
    table = "".join(f"{key} = {value}\n" for key, value in {**KEYS, "remote_spi": '"4030"'}.items())
    other = '[tunnel.rome]\nremote = "203.0.113.3"\nbinding = "route"\nroutes = ["10.3.0.0/16"]\n[tunnel.rome.manual]\n'
    (found,) = errors(manual(more=other + table))
    assert (
        found
        == "tunnel.rome.manual: tunnel paris has the same local_spi 0x3020. Agree with one of the peers on another."
    )


def test_two_tunnels_cannot_send_under_one_key_and_spi(manual: Write) -> None:
    """Numbers of both would be those of one SA."""
    table = "".join(f"{key} = {value}\n" for key, value in {**KEYS, "local_spi": '"4020"'}.items())
    other = '[tunnel.rome]\nremote = "203.0.113.3"\nbinding = "route"\nroutes = ["10.3.0.0/16"]\n[tunnel.rome.manual]\n'
    assert errors(manual(more=other + table)) == [
        "tunnel.rome.manual: tunnel paris sends with the same keys under the same remote_spi 0x3030. "
        "Agree with one of the peers on other keys, or on another SPI."
    ]
    assert errors(manual(more=other + table.replace(AES, "33" * 16))) == []
    assert errors(manual(more=other + table.replace('"3030"', '"4030"'))) == []
    in_ah = {"proposal": '"ah-sha"', "local_spi": '"4020"', "remote_spi": '"3031"', "integrity_key": BUNDLE["ah_key"]}
    layer = "".join(f"{key} = {value}\n" for key, value in {**KEYS, **in_ah}.items() if key != "encryption_key")
    (found,) = errors(manual(**BUNDLE, more=other + layer))
    assert "the same remote_spi 0x3031" in found


def test_nor_one_for_esp_and_another_for_ah(manual: Write) -> None:
    table = "".join(
        f"{key} = {value}\n" for key, value in {**KEYS, "local_spi": '"3021"', "remote_spi": '"4030"'}.items()
    )
    other = '[tunnel.rome]\nremote = "203.0.113.3"\nbinding = "route"\nroutes = ["10.3.0.0/16"]\n[tunnel.rome.manual]\n'
    (found,) = errors(manual(**BUNDLE, more=other + table))
    assert found.startswith("tunnel.rome.manual: tunnel paris has the same local_spi 0x3021.")


def test_no_spi_is_proposed_that_another_tunnel_has(manual: Write) -> None:
    table = "".join(
        f"{key} = {value}\n" for key, value in {**KEYS, "local_spi": '"3021"', "remote_spi": '"4030"'}.items()
    )
    other = '[tunnel.rome]\nremote = "203.0.113.3"\nbinding = "route"\nroutes = ["10.3.0.0/16"]\n[tunnel.rome.manual]\n'
    (found,) = errors(manual(**{**BUNDLE, "ah_local_spi": None}, more=other + table))
    assert found.endswith('Write ah_local_spi = "3022".')


def test_two_that_are_missing_are_not_proposed_as_one(manual: Write) -> None:
    missing = {**BUNDLE, "remote_spi": '"3020"', "ah_local_spi": None, "ah_remote_spi": None}
    found = [each.split(" = ")[-1] for each in errors(manual(**missing))]
    assert found == ['"3021".', '"3022".']


def test_what_is_unwise_is_warned_of(manual: Write) -> None:
    unwise = {"proposal": '"esp-3des-md5"', "encryption_key": f'{{ text = "{bytes(range(24)).hex()}" }}'}
    path = manual(tunnel="replay_window = 0", **unwise, integrity_key=f'{{ text = "{AES}" }}', keep_sequence="false")
    found = {each.code: each.sentence for each in check(path).warnings}
    assert found.keys() == {"weak", "no-replay-protection"}
    assert "after some 32 GB under one key" in found["weak"] and "esp_lifetime_kb" not in found["weak"]
    assert "recorded packets can be sent again" in found["no-replay-protection"]


def test_a_short_password_only_by_its_own_word(manual: Write) -> None:
    """The keys are those of any passphrase, to be pasted into a gateway as hex digits; and it is warned of."""
    short = {"encryption_key": None, "integrity_key": None, "passphrase": '{ text = "PNas134a" }'}
    path = manual(**short, weak_passphrase="true")
    (tunnel,) = load(path).tunnels.values()
    assert tunnel.manual is not None
    keys = derive(Secret(b"PNas134a"), 3, tunnel.manual.remote_spi, 36)
    found = tunnel.manual.outbound
    assert found.encryption_key.reveal() + found.integrity_key.reveal() == keys
    assert any("from recorded packets it can be guessed" in each for each in warnings(path))
