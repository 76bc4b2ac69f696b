"""swanctl's two languages: the configuration that strongSwan reads and the raw form in which it lists SAs."""

from __future__ import annotations

import re

from interop.peers import suites
from interop.peers.credentials import Credentials, text
from interop.peers.shape import EspSa
from interop.peers.tunnel import TunnelParameters

_SEND = {"always": "always", "on-request": "ifasked", "never": "never"}
_START = {"listen": "none", "on-demand": "trap", "up": "start"}


def configuration(tunnels: tuple[TunnelParameters, ...], *, dpd_s: int = 0) -> str:
    """The text of swanctl.conf for IKEv1 tunnels with pre-shared keys; every tunnel's child has the tunnel's name.

    Networks that are not given are left to strongSwan: on each side the address that it has.
    """
    connections = "\n".join(_connection(tunnel, dpd_s) for tunnel in tunnels)
    secrets = "\n".join(_secret(tunnel) for tunnel in tunnels)
    return f"connections {{\n{connections}\n}}\nsecrets {{\n{secrets}\n}}\n"


def _connection(tunnel: TunnelParameters, dpd_s: int) -> str:
    ike = suites.IKE[tunnel.ike_suite]
    suite = suites.ESP[tunnel.esp_suite]
    esp = suite.strongswan
    if tunnel.pfs:
        esp += "-" + suites.STRONGSWAN_GROUPS[ike.group]
    remote = "%any" if tunnel.remote == "any" else tunnel.remote
    return f"""
{tunnel.name} {{
  version = 1
  aggressive = {"yes" if tunnel.mode == "aggressive" else "no"}
  local_addrs = {tunnel.local}
  remote_addrs = {remote}
  proposals = {ike.strongswan}
  encap = {"yes" if tunnel.nat_traversal == "force" else "no"}
  unique = never
  dpd_delay = {dpd_s}s
  rekey_time = {tunnel.ike_lifetime_s * 9 // 10}s
  over_time = {tunnel.ike_lifetime_s // 10}s
  rand_time = 0s
  {"send_cert = " + _SEND[tunnel.credentials.send] if tunnel.credentials else ""}
  local {{
    auth = {"pubkey" if tunnel.credentials else "psk"}
    {f"certs = {tunnel.name}.crt" if tunnel.credentials else ""}
    {f"id = {tunnel.local_id}" if tunnel.local_id else ""}
  }}
  remote {{
    auth = {"pubkey" if tunnel.credentials else "psk"}
    {_believed(tunnel.credentials) if tunnel.credentials else ""}
    {f"id = {tunnel.remote_id}" if tunnel.remote_id else ""}
  }}
  children {{
    {tunnel.name} {{
      {f"local_ts = {','.join(tunnel.local_networks)}" if tunnel.local_networks else ""}
      {f"remote_ts = {','.join(tunnel.remote_networks)}" if tunnel.remote_networks else ""}
      mode = {tunnel.sa_mode}
      ipcomp = {"yes" if tunnel.compress else "no"}
      {suite.protocol}_proposals = {esp}
      rekey_time = {tunnel.esp_lifetime_s * 9 // 10}s
      life_time = {tunnel.esp_lifetime_s}s
      rand_time = 0s
      start_action = {_START[tunnel.start]}
    }}
  }}
}}"""


def _believed(own: Credentials) -> str:
    if own.peer:
        return f"certs = {own.peer}.crt"
    return f"cacerts = {', '.join(f'{each}.crt' for each in own.authorities)}"


def credential_files(tunnel: TunnelParameters) -> dict[str, str]:
    """The files of a tunnel with certificates, as seen from swanctl's folder."""
    own = tunnel.credentials
    if own is None:
        return {}
    above = enumerate(own.above.split("-----END CERTIFICATE-----\n")[:-1])
    return {
        f"x509/{tunnel.name}.crt": text(f"{own.own}.crt"),
        f"private/{tunnel.name}.key": own.private,
        **{f"x509ca/above-{number}.crt": f"{each}-----END CERTIFICATE-----\n" for number, each in above},
        **{f"x509ca/{each}.crt": text(f"{each}.crt") for each in own.authorities},
        **({f"x509/{own.peer}.crt": text(f"{own.peer}.crt")} if own.peer else {}),
    }


def _secret(tunnel: TunnelParameters) -> str:
    if tunnel.credentials is not None:
        return ""
    identity = f"id = {tunnel.remote_id}" if tunnel.remote_id else ""
    return f'ike-{tunnel.name} {{\n  secret = "{tunnel.secret}"\n  {identity}\n}}'


Node = dict[str, "Node | str | list[str]"]
_TOKEN = re.compile(
    r"\s*(?:(?P<close>\})|(?P<open>[^\s={}]+) \{|"
    r"(?P<key>[^\s={}]+)=(?:\[(?P<list>[^\]]*)\]|(?P<value>[^{}]*?)(?=\s+[a-z][a-z0-9-]*=|\s+[^\s={}]+ \{|\s*\})))"
)
"""A distinguished name has blanks and equals signs: a value ends where the next key does, which is in small letters."""


def read_raw(text: str) -> Node:
    """The nested sections of one `swanctl --raw` event, from its first brace on."""
    root: Node = {}
    stack = [root]
    position = text.index("{") + 1
    while stack:
        token = _TOKEN.match(text, position)
        if token is None:
            break
        position = token.end()
        if token["close"]:
            stack.pop()
        elif token["open"]:
            child: Node = {}
            stack[-1][token["open"]] = child
            stack.append(child)
        elif token["list"] is not None:
            stack[-1][token["key"]] = token["list"].split()
        else:
            stack[-1][token["key"]] = token["value"]
    return root


def installed(raw: str) -> dict[str, tuple[EspSa, ...]]:
    """The installed SA pairs by connection in the output of `swanctl --list-sas --raw`, oldest first."""
    found: dict[str, list[tuple[int, EspSa]]] = {}
    for line in raw.splitlines():
        if not line.startswith("list-sa event"):
            continue
        for connection, ike in read_raw(line).items():
            children = ike.get("child-sas", {}) if isinstance(ike, dict) else {}
            for child in children.values() if isinstance(children, dict) else ():
                if isinstance(child, dict) and child.get("state") == "INSTALLED":
                    found.setdefault(connection, []).append((int(str(child["uniqueid"])), _pair(connection, child)))
    return {name: tuple(sa for _, sa in sorted(pairs, key=lambda pair: pair[0])) for name, pairs in found.items()}


def _pair(connection: str, child: Node) -> EspSa:
    spi_in, spi_out = (int(str(child[key]), 16) for key in ("spi-in", "spi-out"))
    return EspSa(connection, spi_in, spi_out, child.get("encap") == "yes")
