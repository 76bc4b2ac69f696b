"""The table of a tunnel with manual keys: what IKE would negotiate, written down on both sides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ikevpn.config.finding import Unfit, show
from ikevpn.config.keys.key import Table, key
from ikevpn.config.keys.kinds import Choice, Hidden, Whole, YesNo
from ikevpn.config.keys.secret_table import FILE, SECRET, TEXT, VARIABLE, SecretTable
from ikevpn.config.keys.words import ManualEncapsulation
from ikevpn.config.proposals.names import read_without_group
from ikevpn.config.toml.secrets import Encoding
from ikevpn.model.algorithm_names import PROTOCOLS
from ikevpn.model.proposal import IpsecProposal

FIRST_SPI, LAST_SPI = 0x100, 0xFFFFFFFF  # RFC 4303 §2.1: smaller ones are reserved


@dataclass(frozen=True)
class Spi:
    """A security parameter index: hexadecimal digits as text.

    Not a number, whose digits would be decimal: 3020 without quotes would be the SPI bcc.
    """

    expects: str = "an SPI: hexadecimal digits from 100 to ffffffff in quotes"

    def read(self, value: object) -> int:
        digits = value.strip().lower().removeprefix("0x") if isinstance(value, str) else ""
        if digits and set(digits) <= set("0123456789abcdef") and FIRST_SPI <= int(digits, 16) <= LAST_SPI:
            return int(digits, 16)
        raise Unfit(f"{show(value)} is not {self.expects}.", _in_quotes(value))


def _in_quotes(value: object) -> str:
    """What a number was meant to be: its digits as they stand were hexadecimal, or the number itself was meant."""
    if isinstance(value, bool) or not isinstance(value, int) or not FIRST_SPI <= value <= LAST_SPI:
        return ""
    as_it_stands = f'Write "{value}" for these digits, or ' if int(str(value), 16) <= LAST_SPI else "Write "
    return f'{as_it_stands}"{value:x}" if they were decimal or began with 0x.'


@dataclass(frozen=True)
class ManualProposal:
    """Protocol and algorithms in the grammar of phase 2, without a group."""

    expects: str = 'protocol and algorithms like "esp-3des-sha"'

    def read(self, value: object) -> IpsecProposal:
        if isinstance(value, str) and value.partition("-")[0].lower() in PROTOCOLS:
            return read_without_group(value)
        fix = f"Begin it with {' or '.join(PROTOCOLS)}: there is no key exchange, so no group."
        raise Unfit(f"{show(value)} is not {self.expects}.", fix)


@dataclass(frozen=True, kw_only=True)
class KeyTable(SecretTable):
    """Where a manual key is. Exactly one of `file`, `env` and `text` is written. It is hex digits unless `encoding`
    says otherwise.
    """

    text_usual: ClassVar[bool] = False  # letters that are typed are few of the values of a key

    file: str | None = key(
        FILE,
        "A file with the key, as seen from the folder of the configuration file. It must be private: `chmod 600`.",
        '"paris.aes"',
        None,
    )
    env: str | None = key(VARIABLE, "An environment variable with the key.", '"PARIS_AES"', None)
    text: str | None = key(
        TEXT, "The key itself; refused unless the configuration file is private (`chmod 600`).",
        '"00112233445566778899aabbccddeeff"', None,
    )  # fmt: skip
    encoding: Encoding = key(
        Hidden(Choice(Encoding)), "How the key is written: hex digits, base64, or as it is.", '"base64"', Encoding.HEX
    )


_KEY = Table(KeyTable, '{ file = "paris.key" }')


@dataclass(frozen=True, kw_only=True)
class ManualTable:
    """Manual keys: the tunnel has no IKE. Both sides write down the same, with the two SPIs the other way round; the
    keys of a side's `…_in` are those with which the other one sends. `docs/manual-keys.md` explains.
    """

    local_spi: int = key(Spi(), "The SPI under which the peer sends to us.", '"3020"')
    remote_spi: int = key(Spi(), "The SPI under which we send to the peer.", '"3030"')
    proposal: IpsecProposal = key(ManualProposal(), "Protocol and algorithms.", '"esp-aes128-sha"')
    encryption_key: KeyTable | None = key(
        _KEY, "The key of the cipher, for both directions unless there is another for one.",
        '{ file = "paris.encryption" }', None,
    )  # fmt: skip
    integrity_key: KeyTable | None = key(
        _KEY, "The same for the integrity algorithm.", '{ file = "paris.integrity" }', None
    )
    encryption_key_in: KeyTable | None = key(
        _KEY, "The cipher's key for what the peer sends, where it has its own.",
        '{ file = "paris.encryption-in" }', None, "`encryption_key`",
    )  # fmt: skip
    integrity_key_in: KeyTable | None = key(
        _KEY, "The integrity key for what the peer sends, where it has its own.",
        '{ file = "paris.integrity-in" }', None, "`integrity_key`",
    )  # fmt: skip
    ah_local_spi: int | None = key(
        Spi(), "In a bundle, `esp-aes128-sha+ah-sha`, the SPI of AH under which the peer sends to us.", '"3021"', None
    )
    ah_remote_spi: int | None = key(Spi(), "The same for what we send to the peer.", '"3031"', None)
    ah_key: KeyTable | None = key(_KEY, "In a bundle, the key of AH.", '{ file = "paris.ah" }', None)
    ah_key_in: KeyTable | None = key(
        _KEY, "In a bundle, the key of AH for what the peer sends, where it has its own.",
        '{ file = "paris.ah-in" }', None, "`ah_key`",
    )  # fmt: skip
    passphrase: SecretTable | None = key(
        SECRET,
        "In place of keys: all are derived from it by scrypt. Only ikevpn derives them so; gateways have ways of "
        "their own, which need hex keys here.",
        '{ file = "paris.passphrase" }',
        None,
    )
    weak_passphrase: bool = key(
        YesNo(),
        "Whether a passphrase may have fewer than 16 octets, like the passwords of ScreenOS. From recorded "
        "packets it can be guessed; the derived keys must be entered in a gateway as hex digits in any case.",
        "true",
        False,
    )
    encapsulation: ManualEncapsulation = key(
        Choice(ManualEncapsulation),
        "How ESP travels: as IP protocol 50, or in UDP (RFC 3948) from our NAT-T port.",
        '"udp"',
        ManualEncapsulation.NONE,
    )
    remote_port: int = key(Whole(1, 65535), "With `udp`, the peer's port.", "4500", 4500)
    keep_sequence: bool = key(
        YesNo(),
        "Whether sequence numbers go on after a restart, so that a peer with replay protection accepts our packets. "
        "`false` needs `replay_window = 0`, on both sides.",
        "false",
        True,
    )


MANUAL = Table(ManualTable, "[tunnel.NAME.manual]")
