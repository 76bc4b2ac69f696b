"""What a tunnel offers in phase 1: levels stand for the way in which it authenticates, names for what they say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ikevpn.config.finding import Unfit
from ikevpn.config.keys.schema import TunnelTable
from ikevpn.config.keys.walk import Walk
from ikevpn.config.keys.words import AuthMethod
from ikevpn.config.proposals.names import IKE_LEVELS
from ikevpn.config.toml.document import Keys
from ikevpn.config.tunnel.signing import Signing
from ikevpn.model.algorithm_names import AUTHENTICATIONS
from ikevpn.model.proposal import IkeProposal
from ikevpn.wire.registry import Auth

_KINDS: Mapping[AuthMethod, tuple[Auth, ...]] = {
    AuthMethod.PSK: (Auth.PSK,),
    AuthMethod.RSA: (Auth.RSA_SIGNATURE,),
    AuthMethod.DSA: (Auth.DSS_SIGNATURE,),
    AuthMethod.ECDSA: (Auth.ECDSA_P256, Auth.ECDSA_P384, Auth.ECDSA_P521),
}
_PREFIXES = {auth: word for word, auth in AUTHENTICATIONS.items()}


def ike_proposals(walk: Walk, table: TunnelTable, signing: Signing, keys: Keys) -> tuple[IkeProposal, ...]:
    """The proposals, and findings where they, `auth` and the private keys do not go together."""
    if not table.private_key:
        return _of_secret(walk, table, keys)
    own = tuple(dict.fromkeys(each.auth for each in signing.own))
    if not own:
        return ()  # the finding is about the key
    kinds = _KINDS[table.auth] if table.auth else own
    if not set(kinds) & set(own):
        sentence = f'with auth = "{table.auth}" the private key must be of that kind; it is for {_words(own)}.'
        walk.error((*keys, "auth"), Unfit(sentence, "Leave auth out, or name another key."))
    if table.secret:
        fix = "Keep secret or private_key."
        walk.error((*keys, "secret"), Unfit("the tunnel has a private key and a pre-shared key.", fix))
    if not (table.remote_certificate or table.authorities):
        sentence = "it does not say whose signature is accepted."
        fix = f'Write authorities = [{{ file = "ca.pem" }}], or remote_certificate = {{ file = "{keys[-1]}.pem" }}'
        walk.error(keys, Unfit(sentence, fix, "no-trust"))
    wrong = [each for each in table.ike_proposals if each.auth not in own and each.auth != Auth.PSK]
    if wrong or _named_for_secrets(walk, keys):
        sentence = f"the tunnel has a private key for {_words(own)} only."
        fix = f"Names of such proposals begin with {', '.join(f'{_PREFIXES[auth]}-' for auth in own)}."
        walk.error((*keys, "ike_proposals"), Unfit(sentence, fix))
    ways = [auth for auth in own if auth in kinds]
    found = (replace(each, auth=auth) for each in table.ike_proposals if each.auth == Auth.PSK for auth in ways)
    return tuple(dict.fromkeys((*(each for each in table.ike_proposals if each.auth in own), *found)))


def _of_secret(walk: Walk, table: TunnelTable, keys: Keys) -> tuple[IkeProposal, ...]:
    if table.auth not in (None, AuthMethod.PSK):
        fix = f'Write private_key = {{ file = "{keys[-1]}.key" }}, or auth = "psk".'
        walk.error((*keys, "auth"), Unfit(f'with auth = "{table.auth}" the tunnel needs a private key.', fix))
    elif any(proposal.auth != Auth.PSK for proposal in table.ike_proposals):
        fix = "Names of such proposals begin with pre-; others need a private_key."
        walk.error((*keys, "ike_proposals"), Unfit("without a private key all proposals are for pre-shared keys.", fix))
    elif name := next((each for each in ("remote_certificate", "authorities") if getattr(table, each)), ""):
        fix = f'Write private_key = {{ file = "{keys[-1]}.key" }}, or remove {name}.'
        walk.error((*keys, name), Unfit("with a pre-shared key no certificate is used.", fix))
    return table.ike_proposals


def _named_for_secrets(walk: Walk, keys: Keys) -> bool:
    """Whether a name, and not a level, says that a pre-shared key is used."""
    tunnels: Mapping[str, Any] = walk.document.tables["tunnel"]  # type: ignore[assignment]
    written = tunnels[str(keys[-1])].get("ike_proposals", [])
    names = written if isinstance(written, list) else [written]
    return any(str(name).lower() not in IKE_LEVELS and str(name).lower().startswith(("pre-", "psk-")) for name in names)


def _words(own: tuple[Auth, ...]) -> str:
    return ", ".join(_PREFIXES[auth] for auth in own)
