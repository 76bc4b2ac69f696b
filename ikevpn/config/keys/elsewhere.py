"""Keys and words of other VPN software that people write here by habit: what they are called here, or that they are not
supported.
"""

from __future__ import annotations

from collections.abc import Mapping

from ikevpn.config.finding import Unfit, show

NOT_YET = "only pre-shared keys and signatures are supported yet"
_BY_KIND = 'it is the kind of the key here. Write auth = "rsa", "dsa" or "ecdsa", or leave auth out.'
_XAUTH = f"XAUTH is not supported: {NOT_YET}, without a user's password."
_IKEV2 = "ikevpn speaks IKEv1 only."
_NO_IKEV2 = "Leave it out and set the peer to IKEv1, or use strongSwan for IKEv2."

AUTH: Mapping[str, str] = {
    **dict.fromkeys(
        ("rsasig", "rsa-sig", "dsa-sig", "dss-sig", "ecdsa-sig", "pubkey", "cert", "certificate"), _BY_KIND
    ),
    **dict.fromkeys(("xauth", "xauth-psk", "xauthpsk", "psk+xauth", "hybrid", "eap"), _XAUTH),
}
"""Ways to authenticate that there are, though not here."""

_CALLED_HERE: Mapping[str, str] = {
    "psk": 'secret = { file = "NAME.psk" }',
    "authby": 'auth = "psk" or "rsa"',
    **dict.fromkeys(("cert", "certs", "leftcert"), 'certificate = { file = "NAME.pem" }'),
    "cacerts": 'authorities = [{ file = "NAME.pem" }]',
    "rightcert": 'remote_certificate = { file = "NAME.pem" }',
    "key_file": 'private_key = { file = "NAME.key" }',
    **dict.fromkeys(("send_cert", "leftsendcert"), 'send_certificate = "always"'),
    "left": "local",
    "local_addrs": "local",
    "right": "remote",
    "remote_addrs": "remote",
    "peer": "remote",
    "gateway": "remote",
    "leftid": "local_id",
    "rightid": "remote_id",
    "leftsubnet": "local_networks",
    "local_ts": "local_networks",
    "rightsubnet": "remote_networks",
    "remote_ts": "remote_networks",
    "ike": "ike_proposals",
    "proposals": "ike_proposals",
    "esp": "esp_proposals",
    "phase2alg": "esp_proposals",
    "ikelifetime": "ike_lifetime_s",
    "salifetime": "esp_lifetime_s",
    "keylife": "esp_lifetime_s",
    "dpddelay": "dpd_interval_s",
    "dpd_delay": "dpd_interval_s",
    "auto": "start",
    "start_action": "start",
    "aggressive": 'mode = "aggressive"',
    "aggrmode": 'mode = "aggressive"',
    "forceencaps": 'nat_traversal = "force"',
    "encap": 'nat_traversal = "force"',
}
"""Keys of ipsec.conf (strongSwan, libreswan) and swanctl.conf, and what to write in their place."""


def foreign_key(name: str, value: object) -> Unfit | None:
    """What to say of a key that another program has, or None. The value is shown only where it cannot be a secret."""
    if name in ("version", "keyexchange"):
        if str(value).lower() in ("2", "ikev2"):
            return Unfit(f"{name} = {show(value)}: {_IKEV2}", _NO_IKEV2, "ikev2")
        return Unfit(f'there is no key "{name}" here: {_IKEV2}', "Leave it out.", "unknown-key")
    if name.startswith(("xauth", "leftxauth", "rightxauth", "modecfg", "mode_config")):
        return Unfit(f'there is no key "{name}" here: {_XAUTH}', "", "not-supported")
    if name in _CALLED_HERE:
        return Unfit(f'there is no key "{name}" here.', f"It is {_CALLED_HERE[name]} here.", "unknown-key")
    return None
