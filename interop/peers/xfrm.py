"""Linux's own IPsec without any daemon: states and policies under manual keys, set up with `ip xfrm` in the guest."""

from __future__ import annotations

import re

from interop.lab.outcome import Unmet
from interop.peers.shape import EspSa, Host
from interop.peers.tunnel import Manual, TunnelParameters

_CIPHERS = {"3des": "cbc(des3_ede)", "des": "cbc(des)", "aes128": "cbc(aes)", "aes256": "cbc(aes)"}
_NO_CIPHER = ("enc", "ecb(cipher_null)", "")
_INTEGRITIES = {"md5": ("hmac(md5)", "96"), "sha": ("hmac(sha1)", "96"), "sha256": ("hmac(sha256)", "128")}
_WINDOW = "128"
_AH_LENGTH = ("flag", "align4")  # without it Linux pads AH over IPv4 to 8 octets, where RFC 4302 §3.3.3.2.1 has 4
_ANY_INSIDE = ("flag", "af-unspec")  # without it a state takes nothing of the other family of IP


class Xfrm:
    """The kernel of a host, with replay protection on."""

    def __init__(self, host: Host, *, mode: str = "tunnel") -> None:
        self.label = f"xfrm@{host.name}"
        self._host = host
        self._mode = mode
        self._tunnels: tuple[TunnelParameters, ...] = ()

    def start(self) -> None:
        """The kernel runs already."""

    def stop(self) -> None:
        """Nothing of it is left."""
        self._host.run("ip", "xfrm", "state", "flush")
        self._host.run("ip", "xfrm", "policy", "flush")

    def configure(self, *tunnels: TunnelParameters) -> None:
        """Set up these and no others; sequence numbers begin at 1."""
        self.stop()
        self._tunnels = tunnels
        for tunnel in tunnels:
            self._install(tunnel)

    def initiate(self, name: str = "t", timeout_s: float = 15.0) -> None:
        """It is there already."""

    def terminate(self, name: str = "t") -> None:
        """Take one down."""
        self.configure(*(tunnel for tunnel in self._tunnels if tunnel.name != name))

    def rekey(self, name: str = "t") -> None:
        """Nobody negotiates."""
        raise Unmet(f"{self.label}: manual keys stay as they are")

    def all_sas(self) -> dict[str, tuple[EspSa, ...]]:
        """The pair of every tunnel."""
        found = {}
        for tunnel in self._tunnels:
            manual = _manual(tunnel)
            found[tunnel.name] = (EspSa(tunnel.name, manual.local_spi, manual.remote_spi, udp=False),)
        return found

    def sas(self, name: str = "t") -> tuple[EspSa, ...]:
        """The pair of one tunnel."""
        return self.all_sas().get(name, ())

    def refused(self) -> dict[str, int]:
        """How many packets its states have refused, by reason."""
        report = self._host.run("ip", "-s", "xfrm", "state").output
        found = re.findall(r"stats:\s+replay-window (\d+) replay (\d+) failed (\d+)", report)
        columns = zip(*(map(int, each) for each in found), strict=True)
        return dict(zip(("replay-window", "replay", "failed"), map(sum, columns), strict=True))

    def log(self) -> str:
        """What the kernel has."""
        parts = (("ip", "-s", "xfrm", "state"), ("ip", "xfrm", "policy"), ("cat", "/proc/net/xfrm_stat"))
        return "\n".join(self._host.run(*words, check=False).output for words in parts)

    def _install(self, tunnel: TunnelParameters) -> None:
        """States of each protocol and policies with a template for each; what stands inside comes first."""
        manual = _manual(tunnel)
        inward, outward = ("src", tunnel.remote, "dst", tunnel.local), ("src", tunnel.local, "dst", tunnel.remote)
        for place, layer in enumerate(manual.layers):
            protocol, *words = layer.proposal.split("-")
            algorithms = _algorithms(protocol, words, layer)
            for end, spi in ((inward, layer.local_spi), (outward, layer.remote_spi)):
                state = (*end, "proto", protocol, "spi", hex(spi), "reqid", "1", "mode", self._mode_of(place))
                state += _flags(protocol, tunnel.remote)
                self._host.run("ip", "xfrm", "state", "add", *state, "replay-window", _WINDOW, *algorithms)
        (local,), (remote,) = tunnel.local_networks, tunnel.remote_networks
        self._host.run("ip", "route", "replace", remote, "dev", "outer")  # there is one only for the family outside
        for direction, source, target, end in (
            ("out", local, remote, outward),
            ("in", remote, local, inward),
            ("fwd", remote, local, inward),
        ):
            templates: tuple[str, ...] = ()
            for place, layer in enumerate(manual.layers):
                protocol = layer.proposal.partition("-")[0]
                templates += ("tmpl", *end, "proto", protocol, "reqid", "1", "mode", self._mode_of(place))
            self._host.run("ip", "xfrm", "policy", "add", "src", source, "dst", target, "dir", direction, *templates)

    def _mode_of(self, place: int) -> str:
        """AH around ESP adds no IP header of its own."""
        return "transport" if place else self._mode


def _manual(tunnel: TunnelParameters) -> Manual:
    if tunnel.manual is None:
        raise Unmet(f"tunnel {tunnel.name} has no manual keys, and there is no IKE here")
    return tunnel.manual


def _flags(protocol: str, remote: str) -> tuple[str, ...]:
    if ":" in remote:
        return _ANY_INSIDE
    return _AH_LENGTH if protocol == "ah" else ()


def _algorithms(protocol: str, words: list[str], manual: Manual) -> tuple[str, ...]:
    name, bits = _INTEGRITIES.get(words[-1], ("", ""))
    integrity = ("auth-trunc", name, f"0x{manual.integrity_key}", bits) if name else ()
    if protocol == "ah":
        return integrity
    cipher = ("enc", _CIPHERS[words[0]], f"0x{manual.encryption_key}") if words[0] in _CIPHERS else _NO_CIPHER
    return (*cipher, *integrity)
