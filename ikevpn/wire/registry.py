"""Every number of the protocol, as open enumerations: a number nobody assigned is a value that prints itself.

Sources: RFC 2408 (ISAKMP), RFC 2407 (IPsec DOI), RFC 2409 (IKE) and the registries that grew from them.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Self


class OpenEnum(IntEnum):
    """An IntEnum that accepts any non-negative number; unknown ones are named `unknown_<n>`."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, int) or value < 0:
            return None
        member = int.__new__(cls, value)
        member._name_ = f"unknown_{value}"
        member._value_ = value
        return member

    @property
    def known(self) -> bool:
        """Whether the number stands in our table."""
        return self._name_ in type(self).__members__

    @property
    def label(self) -> str:
        """The name as people write it, `no-proposal-chosen`."""
        return self._name_.lower().replace("_", "-")

    def __str__(self) -> str:
        return f"{self.label} ({self._value_})" if self.known else self.label


class PayloadType(OpenEnum):
    """RFC 2408 §3.1; 20 and 21 from RFC 3947; 15, 16, 130, 131 from its drafts; 132 from Cisco and Microsoft."""

    NONE = 0
    SA = 1
    PROPOSAL = 2
    TRANSFORM = 3
    KEY_EXCHANGE = 4
    IDENTIFICATION = 5
    CERTIFICATE = 6
    CERTIFICATE_REQUEST = 7
    HASH = 8
    SIGNATURE = 9
    NONCE = 10
    NOTIFICATION = 11
    DELETE = 12
    VENDOR_ID = 13
    ATTRIBUTES = 14
    NAT_D_DRAFT_04 = 15
    NAT_OA_DRAFT_04 = 16
    NAT_D = 20
    NAT_OA = 21
    NAT_D_DRAFT = 130
    NAT_OA_DRAFT = 131
    FRAGMENT = 132


class ExchangeType(OpenEnum):
    """RFC 2408 §3.1, RFC 2409 appendix A, draft-dukes-ike-mode-cfg."""

    BASE = 1
    MAIN = 2
    AUTHENTICATION_ONLY = 3
    AGGRESSIVE = 4
    INFORMATIONAL = 5
    TRANSACTION = 6
    QUICK = 32
    NEW_GROUP = 33
    ACKNOWLEDGED_INFORMATIONAL = 34


class Flag(IntFlag):
    """RFC 2408 §3.1."""

    ENCRYPTION = 1
    COMMIT = 2
    AUTHENTICATION_ONLY = 4


class Doi(OpenEnum):
    """RFC 2408 §3.4, RFC 2407 §4.2."""

    ISAKMP = 0
    IPSEC = 1
    GDOI = 2


class Protocol(OpenEnum):
    """RFC 2407 §4.4.1."""

    ISAKMP = 1
    AH = 2
    ESP = 3
    IPCOMP = 4


class Ike(OpenEnum):
    """Phase 1 attribute classes, RFC 2409 appendix A."""

    ENCRYPTION = 1
    HASH = 2
    AUTHENTICATION = 3
    GROUP = 4
    GROUP_TYPE = 5
    GROUP_PRIME = 6
    GROUP_GENERATOR_ONE = 7
    GROUP_GENERATOR_TWO = 8
    GROUP_CURVE_A = 9
    GROUP_CURVE_B = 10
    LIFE_TYPE = 11
    LIFE_DURATION = 12
    PRF = 13
    KEY_LENGTH = 14
    FIELD_SIZE = 15
    GROUP_ORDER = 16


class IkeCipher(OpenEnum):
    """Phase 1 encryption, RFC 2409 appendix A and RFC 3602."""

    DES_CBC = 1
    IDEA_CBC = 2
    BLOWFISH_CBC = 3
    RC5_CBC = 4
    TRIPLE_DES_CBC = 5
    CAST_CBC = 6
    AES_CBC = 7
    CAMELLIA_CBC = 8


class Hash(OpenEnum):
    """Phase 1 hash, RFC 2409 appendix A; SHA-2 from RFC 4868."""

    MD5 = 1
    SHA1 = 2
    TIGER = 3
    SHA2_256 = 4
    SHA2_384 = 5
    SHA2_512 = 6


class Auth(OpenEnum):
    """Phase 1 authentication, RFC 2409 appendix A, RFC 4754; hybrid and XAUTH from their drafts."""

    PSK = 1
    DSS_SIGNATURE = 2
    RSA_SIGNATURE = 3
    RSA_ENCRYPTION = 4
    RSA_REVISED_ENCRYPTION = 5
    ECDSA_P256 = 9
    ECDSA_P384 = 10
    ECDSA_P521 = 11
    HYBRID_INIT_RSA = 64221
    HYBRID_RESP_RSA = 64222
    HYBRID_INIT_DSS = 64223
    HYBRID_RESP_DSS = 64224
    XAUTH_INIT_PSK = 65001
    XAUTH_RESP_PSK = 65002
    XAUTH_INIT_DSS = 65003
    XAUTH_RESP_DSS = 65004
    XAUTH_INIT_RSA = 65005
    XAUTH_RESP_RSA = 65006


class Group(OpenEnum):
    """Diffie-Hellman groups: RFC 2409 §6, RFC 3526, RFC 5903, RFC 5114.

    31 is from the registry of IKEv2 (RFC 8031); that of IKEv1 ends before it, and strongSwan takes it all the same.
    """

    NONE = 0
    MODP_768 = 1
    MODP_1024 = 2
    MODP_1536 = 5
    MODP_2048 = 14
    MODP_3072 = 15
    MODP_4096 = 16
    MODP_6144 = 17
    MODP_8192 = 18
    ECP_256 = 19
    ECP_384 = 20
    ECP_521 = 21
    MODP_1024_160 = 22
    MODP_2048_224 = 23
    MODP_2048_256 = 24
    CURVE25519 = 31


class LifeType(OpenEnum):
    """RFC 2407 §4.5, RFC 2409 appendix A."""

    SECONDS = 1
    KILOBYTES = 2


class EspCipher(OpenEnum):
    """ESP transform ids, RFC 2407 §4.4.4, RFC 3602, 3686, 4106, 4309, 4543."""

    DES_IV64 = 1
    DES = 2
    TRIPLE_DES = 3
    RC5 = 4
    IDEA = 5
    CAST = 6
    BLOWFISH = 7
    TRIPLE_IDEA = 8
    DES_IV32 = 9
    RC4 = 10
    NULL = 11
    AES_CBC = 12
    AES_CTR = 13
    AES_CCM_8 = 14
    AES_CCM_12 = 15
    AES_CCM_16 = 16
    AES_GCM_8 = 18
    AES_GCM_12 = 19
    AES_GCM_16 = 20
    SEED_CBC = 21
    CAMELLIA_CBC = 22
    NULL_AES_GMAC = 23


class AhTransform(OpenEnum):
    """AH transform ids, RFC 2407 §4.4.3, RFC 4868."""

    MD5 = 2
    SHA1 = 3
    DES_MAC = 4
    SHA2_256 = 5
    SHA2_384 = 6
    SHA2_512 = 7
    RIPEMD = 8
    AES_XCBC = 9


class IpcompTransform(OpenEnum):
    """IPComp transform ids, RFC 2407 §4.4.5."""

    OUI = 1
    DEFLATE = 2
    LZS = 3
    LZJH = 4


class Ipsec(OpenEnum):
    """Phase 2 attribute classes, RFC 2407 §4.5; 10 from RFC 3168, 11 from RFC 4304."""

    LIFE_TYPE = 1
    LIFE_DURATION = 2
    GROUP = 3
    MODE = 4
    AUTHENTICATION = 5
    KEY_LENGTH = 6
    KEY_ROUNDS = 7
    COMPRESS_DICTIONARY = 8
    COMPRESS_PRIVATE = 9
    ECN_TUNNEL = 10
    EXTENDED_SEQUENCE_NUMBERS = 11


class Mode(OpenEnum):
    """Encapsulation mode, RFC 2407 §4.5, RFC 3947 §5.1; 61443 and 61444 from drafts 00 to 03."""

    TUNNEL = 1
    TRANSPORT = 2
    UDP_TUNNEL = 3
    UDP_TRANSPORT = 4
    UDP_TUNNEL_DRAFT = 61443
    UDP_TRANSPORT_DRAFT = 61444


class Integrity(OpenEnum):
    """Phase 2 authentication algorithm, RFC 2407 §4.5, RFC 4868, RFC 3566."""

    NONE = 0
    HMAC_MD5 = 1
    HMAC_SHA1 = 2
    DES_MAC = 3
    KPDK = 4
    HMAC_SHA2_256 = 5
    HMAC_SHA2_384 = 6
    HMAC_SHA2_512 = 7
    HMAC_RIPEMD = 8
    AES_XCBC = 9


class IdType(OpenEnum):
    """Identification types, RFC 2407 §4.6.2."""

    IPV4_ADDRESS = 1
    FQDN = 2
    USER_FQDN = 3
    IPV4_SUBNET = 4
    IPV6_ADDRESS = 5
    IPV6_SUBNET = 6
    IPV4_RANGE = 7
    IPV6_RANGE = 8
    DN = 9
    GENERAL_NAME = 10
    KEY_ID = 11


class CertificateEncoding(OpenEnum):
    """RFC 2408 §3.9."""

    NONE = 0
    PKCS7 = 1
    PGP = 2
    DNS_KEY = 3
    X509_SIGNATURE = 4
    X509_KEY_EXCHANGE = 5
    KERBEROS = 6
    CRL = 7
    ARL = 8
    SPKI = 9
    X509_ATTRIBUTE = 10
    RAW_RSA = 11


class NotifyType(OpenEnum):
    """Notify message types: RFC 2408 §3.14.1, RFC 2407 §4.6.3, RFC 3706 §5.3; private ones with the product seen."""

    INVALID_PAYLOAD_TYPE = 1
    DOI_NOT_SUPPORTED = 2
    SITUATION_NOT_SUPPORTED = 3
    INVALID_COOKIE = 4
    INVALID_MAJOR_VERSION = 5
    INVALID_MINOR_VERSION = 6
    INVALID_EXCHANGE_TYPE = 7
    INVALID_FLAGS = 8
    INVALID_MESSAGE_ID = 9
    INVALID_PROTOCOL_ID = 10
    INVALID_SPI = 11
    INVALID_TRANSFORM_ID = 12
    ATTRIBUTES_NOT_SUPPORTED = 13
    NO_PROPOSAL_CHOSEN = 14
    BAD_PROPOSAL_SYNTAX = 15
    PAYLOAD_MALFORMED = 16
    INVALID_KEY_INFORMATION = 17
    INVALID_ID_INFORMATION = 18
    INVALID_CERT_ENCODING = 19
    INVALID_CERTIFICATE = 20
    CERT_TYPE_UNSUPPORTED = 21
    INVALID_CERT_AUTHORITY = 22
    INVALID_HASH_INFORMATION = 23
    AUTHENTICATION_FAILED = 24
    INVALID_SIGNATURE = 25
    ADDRESS_NOTIFICATION = 26
    NOTIFY_SA_LIFETIME = 27
    CERTIFICATE_UNAVAILABLE = 28
    UNSUPPORTED_EXCHANGE_TYPE = 29
    UNEQUAL_PAYLOAD_LENGTHS = 30
    CONNECTED = 16384
    RESPONDER_LIFETIME = 24576
    REPLAY_STATUS = 24577
    INITIAL_CONTACT = 24578
    CISCO_HELLO = 30000
    CISCO_WWTEBR = 30001
    CISCO_SHUT_UP = 30002
    IOS_KEEPALIVE = 32768
    IOS_KEEPALIVE_ACK = 32769
    R_U_THERE = 36136
    R_U_THERE_ACK = 36137
    NETSCREEN_NHTB = 40001
    UNITY_HEARTBEAT = 40500
    CISCO_LOAD_BALANCE = 40501
    CISCO_PSK_HASH = 40503

    @property
    def is_error(self) -> bool:
        """Error types are below 8192, and 8192 to 16383 are private errors (RFC 2408 §3.14.1)."""
        return self._value_ < 16384


class CfgType(OpenEnum):
    """Mode-config message types, draft-dukes-ike-mode-cfg §3.2."""

    REQUEST = 1
    REPLY = 2
    SET = 3
    ACK = 4


class Cfg(OpenEnum):
    """Mode-config, XAUTH and Unity attributes, draft-dukes-ike-mode-cfg §3.3, draft-beaulieu-ike-xauth §6.1."""

    IP4_ADDRESS = 1
    IP4_NETMASK = 2
    IP4_DNS = 3
    IP4_NBNS = 4
    ADDRESS_EXPIRY = 5
    IP4_DHCP = 6
    APPLICATION_VERSION = 7
    IP6_ADDRESS = 8
    IP6_NETMASK = 9
    IP6_DNS = 10
    IP6_NBNS = 11
    IP6_DHCP = 12
    IP4_SUBNET = 13
    SUPPORTED_ATTRIBUTES = 14
    IP6_SUBNET = 15
    XAUTH_TYPE = 16520
    XAUTH_USER_NAME = 16521
    XAUTH_USER_PASSWORD = 16522
    XAUTH_PASSCODE = 16523
    XAUTH_MESSAGE = 16524
    XAUTH_CHALLENGE = 16525
    XAUTH_DOMAIN = 16526
    XAUTH_STATUS = 16527
    XAUTH_NEXT_PIN = 16528
    XAUTH_ANSWER = 16529
    UNITY_BANNER = 28672
    UNITY_SAVE_PASSWORD = 28673
    UNITY_DEFAULT_DOMAIN = 28674
    UNITY_SPLIT_DNS = 28675
    UNITY_SPLIT_INCLUDE = 28676
    UNITY_NATT_PORT = 28677
    UNITY_LOCAL_LAN = 28678
    UNITY_PFS = 28679
    UNITY_FIREWALL_TYPE = 28680
    UNITY_BACKUP_SERVERS = 28681
    UNITY_DDNS_HOSTNAME = 28682
