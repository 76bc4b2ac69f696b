"""Vendor ids: which octets announce which extension or product. A table and its look-up; what follows from an
announcement is decided in `ike`.

A row matches by prefix, the longest wins: most ids are a digest, several carry a version behind it. Sources: `md5 …` is
the MD5 of that text (the tests compute it again), `list` the collection of observed ids that ike-scan publishes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Flag, auto
from typing import Final


class Capability(Flag):
    """What a peer that sends the id can do, or does differently."""

    NONE = 0
    NATT_RFC = auto()
    NATT_DRAFT_00 = auto()
    NATT_DRAFT_01 = auto()
    NATT_DRAFT_02 = auto()
    NATT_DRAFT_02N = auto()
    NATT_DRAFT_03 = auto()
    NATT_DRAFT_04_08 = auto()
    NATT_APPLE = auto()
    DPD = auto()
    XAUTH = auto()
    UNITY = auto()
    FRAGMENTATION = auto()
    HEARTBEAT = auto()
    INITIAL_CONTACT = auto()


@dataclass(frozen=True, slots=True)
class VendorRow:
    """One id. `product` is a short stable word for the maker's line of products, empty for mere extensions."""

    prefix: bytes
    name: str
    capability: Capability
    product: str
    source: str


RFC_3947: Final = bytes.fromhex("4a131c81070358455c5728f20e95452f")
NATT_DRAFT_00: Final = bytes.fromhex("4485152d18b6bbcd0be8a8469579ddcc")
NATT_DRAFT_02: Final = bytes.fromhex("cd60464335df21f87cfdb2fc68b6a448")
NATT_DRAFT_02N: Final = bytes.fromhex("90cb80913ebb696e086381b5ec427b1f")
NATT_DRAFT_03: Final = bytes.fromhex("7d9419a65310ca6f2c179d9215529d56")
DPD: Final = bytes.fromhex("afcad71368a1f1c96b8696fc77570100")
XAUTH: Final = bytes.fromhex("09002689dfd6b712")
UNITY: Final = bytes.fromhex("12f5f28c457168a9702d9fe274cc0100")
HEARTBEAT: Final = b"HeartBeat_Notify" + bytes.fromhex("386b0100")
FRAGMENTATION: Final = bytes.fromhex("4048b7d56ebce88525e7de7f00d6c2d3" + "c0000000")
"""With the word that says for which exchanges: 0x80000000 main and aggressive mode, 0x40000000 the base exchange."""

_C = Capability
_Extension = tuple[str, str, Capability, str]
_Product = tuple[str, str, str, str]

_EXTENSIONS: tuple[_Extension, ...] = (
    ("4a131c81070358455c5728f20e95452f", "NAT-T, RFC 3947", _C.NATT_RFC, "md5 RFC 3947"),
    ("4485152d18b6bbcd0be8a8469579ddcc", "NAT-T, draft 00", _C.NATT_DRAFT_00, "md5 draft-ietf-ipsec-nat-t-ike-00"),
    ("16f6ca16e4a4066d83821a0f0aeaa862", "NAT-T, draft 01", _C.NATT_DRAFT_01, "md5 draft-ietf-ipsec-nat-t-ike-01"),
    ("cd60464335df21f87cfdb2fc68b6a448", "NAT-T, draft 02", _C.NATT_DRAFT_02, "md5 draft-ietf-ipsec-nat-t-ike-02"),
    ("90cb80913ebb696e086381b5ec427b1f", "NAT-T, draft 02n", _C.NATT_DRAFT_02N, "md5 draft-ietf-ipsec-nat-t-ike-02\n"),
    ("7d9419a65310ca6f2c179d9215529d56", "NAT-T, draft 03", _C.NATT_DRAFT_03, "md5 draft-ietf-ipsec-nat-t-ike-03"),
    ("9909b64eed937c6573de52ace952fa6b", "NAT-T, draft 04", _C.NATT_DRAFT_04_08, "md5 draft-ietf-ipsec-nat-t-ike-04"),
    ("80d0bb3def54565ee84645d4c85ce3ee", "NAT-T, draft 05", _C.NATT_DRAFT_04_08, "md5 draft-ietf-ipsec-nat-t-ike-05"),
    ("4d1e0e136deafa34c4f3ea9f02ec7285", "NAT-T, draft 06", _C.NATT_DRAFT_04_08, "md5 draft-ietf-ipsec-nat-t-ike-06"),
    ("439b59f8ba676c4c7737ae22eab8f582", "NAT-T, draft 07", _C.NATT_DRAFT_04_08, "md5 draft-ietf-ipsec-nat-t-ike-07"),
    ("8f8d83826d246b6fc7a8a6a428c11de8", "NAT-T, draft 08", _C.NATT_DRAFT_04_08, "md5 draft-ietf-ipsec-nat-t-ike-08"),
    ("42ea5b6f898d9773a575df26e7dd19e1", "NAT-T, draft 09", _C.NONE, "md5 draft-ietf-ipsec-nat-t-ike-09"),
    ("4df37928e9fc4fd1b3262170d515c662", "NAT-T, Apple", _C.NATT_APPLE, "md5 draft-ietf-ipsec-nat-t-ike"),
    ("c40fee00d5d39ddb1fc762e09b7cfea7", "NAT-T, RFC test", _C.NONE, "md5 Testing NAT-T RFC"),
    ("810fa565f8ab14369105d706fbd57279", "NAT-T, RFC to be", _C.NONE, "md5 RFC XXXX"),
    ("27bab5dc01ea0760ea4e3190ac27c0d0", "NAT-T, stenberg 01", _C.NONE, "md5 draft-stenberg-ipsec-nat-traversal-01"),
    ("6105c422e76847e43f9684801292aecd", "NAT-T, stenberg 02", _C.NONE, "md5 draft-stenberg-ipsec-nat-traversal-02"),
    ("6a7434c19d7e36348090a02334c9c805", "NAT-T, huttunen 00", _C.NONE, "md5 draft-huttunen-ipsec-esp-in-udp-00.txt"),
    ("50760f624c63e5c53eea386c685ca083", "ESP through NAT", _C.NONE, "md5 ESPThruNAT"),
    ("afcad71368a1f1c96b8696fc7757", "dead peer detection", _C.DPD, "RFC 3706 §5.1"),
    ("09002689dfd6b712", "XAUTH", _C.XAUTH, "md5 draft-ietf-ipsra-isakmp-xauth-06.txt"),
    ("12f5f28c457168a9702d9fe274cc", "Cisco Unity", _C.UNITY, "md5 CISCO-UNITY"),
    ("4048b7d56ebce88525e7de7f00d6c2d3", "IKE fragmentation", _C.FRAGMENTATION, "md5 FRAGMENTATION"),
    ("4865617274426561745f4e6f74696679", "ScreenOS heartbeats", _C.HEARTBEAT, "text HeartBeat_Notify"),
    ("486561727442656174204e6f74696679", "ScreenOS heartbeats", _C.HEARTBEAT, "text HeartBeat Notify"),
    ("8db7a41811221660", "heartbeats, draft 00", _C.NONE, "list: draft-ietf-ipsec-heartbeats-00"),
    ("325df29a2319f2dd", "anti-replay, draft 00", _C.NONE, "list: draft-krywaniuk-ipsec-antireplay-00"),
    ("26244d38eddb61b3172a36e3d0cfb819", "initial contact", _C.INITIAL_CONTACT, "md5 Vid-Initial-Contact"),
    ("621b04bb09882ac1e15935fefa24aeee", "GSSAPI", _C.NONE, "md5 GSSAPI"),
    ("ad2c0dd0b9c32083ccba25b8861ec455", "GSSAPI", _C.NONE, "md5 A GSS-API Authentication Method for IKE"),
    ("fb1de3cdf341b7ea16b7e5be0855f120", "negotiation discovery", _C.NONE, "md5 MS-Negotiation Discovery Capable"),
    ("214ca4faffa7f32d6748e5303395ae83", "MS-MamieExists", _C.NONE, "md5 MS-MamieExists"),
    ("e3a5966a76379fe707228231e5ce8652", "IKE CGA version 1", _C.NONE, "md5 IKE CGA version 1"),
    ("ba290499c24e84e53a1d83a05e5f00c9", "challenge-response", _C.NONE, "list: IKE Challenge-Response"),
    ("4f70656e504750", "OpenPGP", _C.NONE, "text OpenPGP"),
)

_PRODUCTS: tuple[_Product, ...] = (
    ("166f932d55eb64d8e4df4fd37e2313f0d0fd8451", "ScreenOS 5.2 or later", "screenos", "list: Netscreen-15"),
    ("299ee8289f40a8973bc78687e2e7226b532c3b76", "ScreenOS 5.0", "screenos", "list: Netscreen-01"),
    ("4a4340b543e02b84c88a8b96a8af9ebe77d9accc", "ScreenOS 5.0", "screenos", "list: Netscreen-04"),
    ("64405f46f03b7660a23be116a1975058e69e8387", "ScreenOS 4.0", "screenos", "list: Netscreen-05"),
    ("2a2bcac19b8e91b426107807e02e7249569d6fd3", "ScreenOS 5.1", "screenos", "list: Netscreen-14"),
    ("a35bfd05ca1ac0b3d2f24e9e82bfcbff9c9e52b5", "ScreenOS 5.2", "screenos", "list: Netscreen-16"),
    ("9436e8d67174ef9aed068d5ad5213f187a3f8ba6", "ScreenOS", "screenos", "list: Netscreen-16"),
    ("3a15e1f3cf2a63582e3ac82d1c64cbe3b6d779e7", "ScreenOS", "screenos", "list: Netscreen-02"),
    ("47d2b126bfcd83489760e2cf8c5d4d5a03497c15", "ScreenOS", "screenos", "list: Netscreen-03"),
    ("699369228741c6d4ca094c93e242c9de19e7b7c6", "ScreenOS or Junos", "screenos", "list: Netscreen-06"),
    ("8c0dc6cf62a0ef1b5c6eabd1b67ba69866adf16a", "ScreenOS", "screenos", "list: Netscreen-07"),
    ("92d27a9ecb31d99246986d3453d0c3d57a222a61", "ScreenOS", "screenos", "list: Netscreen-08"),
    ("9b096d9ac3275a7d6fe8b91c583111b09efed1a0", "ScreenOS", "screenos", "list: Netscreen-09"),
    ("bf03746108d746c904f1f3547de24f78479fed12", "ScreenOS", "screenos", "list: Netscreen-10"),
    ("c2e80500f4cc5fbf5daaeed3bb59abaeee56c652", "ScreenOS", "screenos", "list: Netscreen-11"),
    ("c8660a62b03b1b6130bf781608d32a6a8d0fb89f", "ScreenOS", "screenos", "list: Netscreen-12"),
    ("f885da40b1e7a9abd17655ec5bbec0f21f0ed52e", "ScreenOS", "screenos", "list: Netscreen-13"),
    ("fd808804df73b15150709d878044cde0ac1efcde", "Junos (SRX)", "junos", "strongSwan isakmp_vendor.c"),
    ("f4ed19e0c114eb516faaac0ee37daf2807b4381f", "Check Point", "check-point", "list: Firewall-1"),
    ("1d6e178f6c2c0be284985465450fe9d4", "FortiGate", "fortigate", "list: FortiGate"),
    ("8299031757a36082c6a621de", "FortiGate", "fortigate", "capture of a FortiGate, answering a Palo Alto over IPv6"),
    ("a9b9b1034f7e50a2513b47b100bb85a9", "Palo Alto", "palo-alto", "capture of a Palo Alto, asking a FortiGate"),
    ("4855415745492d494b45763144534350", "Huawei", "huawei", "text HUAWEI-IKEv1DSCP"),
    ("5b362bc820f6", "SonicWall", "sonicwall", "list: SonicWall-1 to -8"),
    ("5b362bc820f70001", "SonicWall", "sonicwall", "list: SonicWall-c"),
    ("404bf439522ca3f6", "SonicWall", "sonicwall", "list: SonicWall-a"),
    ("da8e937880010000", "SonicWall or SafeNet", "sonicwall", "list: SonicWall-b"),
    ("da8e9378", "SafeNet or WatchGuard", "safenet", "list: Safenet or Watchguard"),
    ("47bbe7c993f1fc13b4e6d0db565c68e5", "SafeNet SoftRemote", "safenet", "list: SafeNet SoftRemote"),
    ("1f07f70eaa6514d3b0fa96542a", "Cisco VPN 3000 concentrator", "cisco", "list: Cisco VPN Concentrator"),
    ("f6f7efc7f5aeb8cb158cb9d094ba69e7", "Cisco VPN client", "cisco", "list: VPN-3000-client"),
    ("bdb41038a7ec5e5534dd004d0f91f927", "Cisco IOS", "cisco", "list: Maybe Cisco IOS"),
    ("1e2b516905991c7d7c96fcbfb587e461", "Windows", "windows", "md5 MS NT5 ISAKMPOAKLEY"),
    ("1e2b516905991c7d7c96fcbfb587e46100000002", "Windows 2000", "windows", "list: Windows-2000"),
    ("1e2b516905991c7d7c96fcbfb587e46100000003", "Windows XP", "windows", "list: Windows-XP-SP1"),
    ("1e2b516905991c7d7c96fcbfb587e46100000004", "Windows XP SP2 or 2003", "windows", "list: Windows-2003-or-XP-SP2"),
    ("1e2b516905991c7d7c96fcbfb587e46100000005", "Windows Vista", "windows", "list: Windows-Vista"),
    ("1e2b516905991c7d7c96fcbfb587e46100000006", "Windows Server 2008", "windows", "list: Windows-2008"),
    ("1e2b516905991c7d7c96fcbfb587e46100000007", "Windows 7", "windows", "list: Windows-7"),
    ("1e2b516905991c7d7c96fcbfb587e46100000008", "Windows Server 2008 R2", "windows", "list: Windows-2008-R2"),
    ("1e2b516905991c7d7c96fcbfb587e46100000009", "Windows 8 or later", "windows", "list: Windows-8"),
    ("7003cbc1097dbe9c2600ba6983bc8b35", "racoon", "racoon", "md5 KAME/racoon"),
    ("882fe56d6fd20dbc2251613b2ebe5beb", "strongSwan", "strongswan", "md5 strongSwan"),
    ("4f45", "Openswan or Libreswan", "openswan", "list: FreeS/WAN or OpenSWAN"),
    ("4f454e", "Libreswan or Openswan", "libreswan", "list: FreeS/WAN or OpenSWAN or Libreswan"),
    ("4f5357", "Openswan 2.6.40 or later", "openswan", "list: Openswan Unknown Vsn"),
    ("4d6163204f53582031302e78", "Mac OS X", "apple", "text Mac OSX 10.x"),
    ("424e4553000000", "Nortel Contivity", "nortel", "list: Nortel Contivity"),
    ("b858d1addd08c1e8adafea150608aa4497aa6cc8", "ZyXEL router", "zyxel", "list: ZyXEL ZyWALL Router"),
    ("f758f22668750f03b08df6ebe1d0", "ZyXEL ZyWALL USG", "zyxel", "list: ZyXEL ZyWALL USG 100"),
    ("625027749d5ab97f5616c1602765cf480a3b7d0b", "ZyXEL ZyWALL", "zyxel", "list: ZyXEL ZyWALL"),
    ("dbfb81eb5760b0788562067da102d755", "Netgear", "netgear", "list: Netgear"),
    ("c573b056d7faca36c2fba28374127cbf", "StoneGate", "stonegate", "list: StoneGate-01"),
    ("baeb239037e17787d730eed9d95d48aa", "StoneGate", "stonegate", "list: StoneGate-02"),
    ("054182a07c7ae206f9d2cf9d2432c482", "SSH Sentinel", "sentinel", "md5 SSH Sentinel"),
    ("b91623e693ca18a54c6a2778552305e8", "SSH Sentinel 1.1", "sentinel", "list: SSH Sentinel 1.1"),
    ("5430888de01a31a6fa8f60224e449958", "SSH Sentinel 1.2", "sentinel", "list: SSH Sentinel 1.2"),
    ("7ee5cb85f71ce259c94a5c731ee4e752", "SSH Sentinel 1.3", "sentinel", "list: SSH Sentinel 1.3"),
    ("63d9a1a7009491b5a0a6fdeb2a8284f0", "SSH Sentinel 1.4", "sentinel", "list: SSH Sentinel 1.4"),
    ("eb4b0d96276b4e220ad16221a7b2a5e6", "SSH Sentinel 1.4.1", "sentinel", "list: SSH Sentinel 1.4.1"),
    ("4485152d18b6bbcc0be8a8469579ddcc", "Avaya VSU", "avaya", "list: avaya"),
)

ROWS: Final[tuple[VendorRow, ...]] = (
    *(VendorRow(bytes.fromhex(prefix), name, able, "", source) for prefix, name, able, source in _EXTENSIONS),
    *(VendorRow(bytes.fromhex(prefix), name, _C.NONE, product, src) for prefix, name, product, src in _PRODUCTS),
)

_BY_PREFIX: Mapping[bytes, VendorRow] = {row.prefix: row for row in ROWS}
_SIZES = sorted({len(row.prefix) for row in ROWS}, reverse=True)


def recognise(data: bytes) -> VendorRow | None:
    """The row whose prefix is the longest that the body of a vendor id payload begins with, if there is one."""
    return next((row for size in _SIZES if (row := _BY_PREFIX.get(data[:size])) is not None), None)
