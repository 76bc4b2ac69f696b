"""Which identities a certificate vouches for (RFC 4945 §3.1, table 1). Pure, and says nothing of whether it is valid.

An address, a host name or an e-mail address is looked for in the subjectAltName and nowhere else, a distinguished name
in the subject. A wildcard in a certificate (`*.example.com`) stands for no other name (§3.1.2), and a key id or a
general name is in no certificate.
"""

from __future__ import annotations

from ipaddress import ip_address

from cryptography import x509

from ikevpn.model.identity import Identity
from ikevpn.model.names.distinguished_name import DistinguishedName
from ikevpn.pki.reading import extension
from ikevpn.wire.registry import IdType


def identities(certificate: x509.Certificate) -> tuple[Identity, ...]:
    """Every identity that the certificate is for, the subject first; of what does not parse, none."""
    subject = Identity(IdType.DN, certificate.subject.public_bytes())
    found = (_identity(name) for name in alternative_names(certificate))
    named = () if not list(certificate.subject) else (subject,)  # an empty subject is nobody's (RFC 5280 §4.1.2.6)
    return (*named, *(each for each in found if each is not None))


def own_identity(certificate: x509.Certificate, host_name: str = "") -> Identity | None:
    """Under which identity we authenticate with a certificate where nobody says: the name of this host with its domain,
    if the certificate is for it, else the subject, else whatever it is for. None: it is for nobody.

    A host often knows its name without the domain, which the certificate then says.
    """
    found = identities(certificate)
    name = host_name.lower().encode()
    hosts = (each for each in found if each.type == IdType.FQDN and name)
    ours = (each for each in hosts if each.data.lower() == name or each.data.lower().startswith(name + b"."))
    return next(ours, next(iter(found), None))


def certifies(certificate: x509.Certificate, identity: Identity) -> bool:
    """Whether the certificate is for a peer of this identity."""
    return any(each.matches(identity) for each in identities(certificate))


def alternative_names(certificate: x509.Certificate) -> tuple[x509.GeneralName, ...]:
    """The subjectAltName; empty where there is none, or where the extensions do not parse."""
    return tuple(extension(certificate, x509.SubjectAlternativeName) or ())


def distinguished_name(name: x509.Name) -> DistinguishedName | None:
    """None where it does not parse."""
    return Identity(IdType.DN, name.public_bytes()).name


def _identity(name: x509.GeneralName) -> Identity | None:
    if isinstance(name, x509.IPAddress):
        # a network is what name constraints have
        return Identity.of_address(ip_address(str(name.value))) if "/" not in str(name.value) else None
    if isinstance(name, x509.DNSName):
        return Identity(IdType.FQDN, name.value.encode())
    if isinstance(name, x509.RFC822Name):
        return Identity(IdType.USER_FQDN, name.value.encode())
    return None
