"""What the test PKI consists of: one row an authority or certificate."""

from __future__ import annotations

from dataclasses import dataclass

ORGANISATION = "/C=CH/O=ikevpn test"
RSA, RSA_OLD = "RSA -pkeyopt rsa_keygen_bits:2048", "RSA -pkeyopt rsa_keygen_bits:1024"
EC256, EC384, EC521 = (f"EC -pkeyopt ec_paramgen_curve:P-{bits}" for bits in (256, 384, 521))
DSA = "DSA"
SIGNING = "critical, digitalSignature"
PAST = ("20100101000000Z", "20200101000000Z")
FUTURE = ("20900101000000Z", "20991231000000Z")
NOW = ("20240101000000Z", "20491231235959Z")
EVERY_KIND_OF_NAME = (
    "email:sans@example.com, DNS:sans.example.com, DNS:*.sans.example.com, URI:https://sans.example.com/, "
    "IP:192.0.2.7, IP:2001:db8::7, RID:1.2.3.4, dirName:directory, "
    "otherName:1.3.6.1.4.1.311.20.2.3;UTF8:sans@example.com"
)


@dataclass(frozen=True)
class Authority:
    """Signs others. One without issuer is a root."""

    name: str
    issuer: str = ""
    key: str = RSA
    digest: str = "sha256"

    @property
    def subject(self) -> str:
        """As openssl's `-subj` takes it."""
        return f"{ORGANISATION}/CN={self.name}"


@dataclass(frozen=True)
class EndCertificate:
    """Of a gateway or a user. `key_of` shares the key of another row, which saves the time to make one."""

    name: str
    issuer: str = "second"
    subject: str = ""
    names: str = ""
    key: str = RSA
    key_of: str = ""
    digest: str = "sha256"
    usage: str = SIGNING
    extended: str = ""
    validity: tuple[str, str] = NOW
    revoked: str = ""


AUTHORITIES = (
    Authority("root"),
    Authority("first", "root"),
    Authority("second", "first"),
    Authority("ec-root", key=EC384, digest="sha384"),
    Authority("other"),  # for the certificate of a stranger
    Authority("old-root", key=RSA_OLD, digest="sha1"),
)


def _gateway(side: str, number: int, kind: str, key: str, issuer: str = "second") -> EndCertificate:
    """`west` stands at 192.0.2.1, `east` at 192.0.2.2."""
    names = (
        f"DNS:{side}.example.com, email:{side}@example.com, IP:192.0.2.{number}, IP:2001:db8::{number}, "
        f"DNS:{side}-{kind}.example.com"
    )
    return EndCertificate(
        f"{side}-{kind}", issuer, f"{ORGANISATION}/OU=gateways/CN={side}.example.com", names=names, key=key
    )


def _flawed(name: str, **flaw: object) -> EndCertificate:
    """As that of east-rsa, with its key, but for one thing."""
    row = {"subject": f"{ORGANISATION}/OU=gateways/CN=east.example.com", "names": "DNS:east.example.com, IP:192.0.2.2"}
    return EndCertificate(name, **{"key_of": "east-rsa", **row, **flaw})  # type: ignore[arg-type]


_KINDS = {"rsa": (RSA, "second"), "ec256": (EC256, "ec-root"), "ec384": (EC384, "ec-root"), "ec521": (EC521, "ec-root")}
CERTIFICATES = (
    *(
        _gateway(side, number, kind, key, issuer)
        for side, number in (("west", 1), ("east", 2))
        for kind, (key, issuer) in (*_KINDS.items(), ("dsa", (DSA, "root")))
    ),
    # straight from the root, the key is that of the chain
    *(
        EndCertificate(
            f"{side}-direct",
            "root",
            f"{ORGANISATION}/CN={side}.example.com",
            f"DNS:{side}.example.com, IP:192.0.2.{number}",
            key_of=f"{side}-rsa",
        )
        for side, number in (("west", 1), ("east", 2))
    ),
    EndCertificate("alice", subject=f"{ORGANISATION}/OU=sales/OU=west/CN=alice", names="email:alice@example.com"),
    EndCertificate(
        "bob",
        subject="/DC=com/DC=example/OU=sales/CN=bob/emailAddress=bob@example.com",
        names="email:bob@example.com",
        key_of="alice",
    ),
    EndCertificate("ocsp", "second", usage=SIGNING, extended="OCSPSigning", key_of="alice"),
    EndCertificate("sans", names=EVERY_KIND_OF_NAME, key_of="alice"),
    _flawed("revoked", revoked="keyCompromise"),
    _flawed("expired", validity=PAST),
    _flawed("not-yet-valid", validity=FUTURE),
    _flawed("wrong-usage", usage="critical, keyEncipherment"),
    _flawed("wrong-purpose", extended="critical, codeSigning"),
    _flawed("wrong-name", subject=f"{ORGANISATION}/CN=elsewhere", names="DNS:elsewhere.example.com"),
    _flawed("stranger", issuer="other"),
    _flawed("no-names", names=""),
    _flawed("old", issuer="old-root", key=RSA_OLD, key_of="", digest="sha1"),
    _flawed(
        "large",
        names="DNS:east.example.com, IP:192.0.2.2, "
        + ", ".join(f"DNS:one-of-the-many-names-of-this-gateway-{number:03}.example.com" for number in range(90)),
    ),
)
