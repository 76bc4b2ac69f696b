"""libreswan: pluto on the kernel's ESP, in the guest. It knows no group 2 and needs IKEv1 to be switched on."""

from __future__ import annotations

import re

from interop.lab.outcome import PATIENCE_S, Missing, Unmet, wait_until
from interop.lab.process import Result
from interop.peers import suites
from interop.peers.shape import EspSa, Host
from interop.peers.tunnel import TunnelParameters

PLUTO = "/usr/libexec/ipsec/pluto"
_WHACK = "/usr/libexec/ipsec/whack"
_ADDCONN = "/usr/libexec/ipsec/addconn"
_NSS = "/var/lib/ipsec/nss"
_CONTROL = "/run/pluto/pluto.ctl"
_START = {"listen": "add", "on-demand": "ondemand", "up": "start"}


def configuration(tunnels: tuple[TunnelParameters, ...]) -> str:
    """The text of ipsec.conf; `left` is always our own side."""
    connections = "\n".join(_connection(tunnel) for tunnel in tunnels)
    return f"config setup\n  ikev1-policy=accept\n  nssdir={_NSS}\n  uniqueids=no\n\n{connections}"


def _connection(tunnel: TunnelParameters) -> str:
    esp = suites.ESP[tunnel.esp_suite].libreswan
    group = suites.LIBRESWAN_GROUPS[suites.IKE[tunnel.ike_suite].group]
    lines = {
        "ikev2": "no",
        "type": "tunnel",
        "authby": "secret",
        "aggressive": "yes" if tunnel.mode == "aggressive" else "no",
        "left": tunnel.local,
        "leftsubnets": "{" + " ".join(tunnel.local_networks) + "}",
        "leftid": _identity(tunnel.local_id),
        "leftupdown": "%disabled",
        "right": "%any" if tunnel.remote == "any" else tunnel.remote,
        "rightsubnets": "{" + " ".join(tunnel.remote_networks) + "}",
        "rightid": _identity(tunnel.remote_id),
        "ike": suites.IKE[tunnel.ike_suite].libreswan,
        "phase2alg": f"{esp};{group}" if tunnel.pfs else esp,
        "compress": "yes" if tunnel.compress else "no",
        "pfs": "yes" if tunnel.pfs else "no",
        "encapsulation": "yes" if tunnel.nat_traversal == "force" else "auto",
        "ikelifetime": f"{tunnel.ike_lifetime_s}s",
        "salifetime": f"{tunnel.esp_lifetime_s}s",
        "auto": _START[tunnel.start],
    }
    single = len(tunnel.local_networks) == len(tunnel.remote_networks) == 1
    if single:
        lines["leftsubnet"], lines["rightsubnet"] = tunnel.local_networks[0], tunnel.remote_networks[0]
        del lines["leftsubnets"], lines["rightsubnets"]
    body = "".join(f"  {key}={value}\n" for key, value in lines.items() if value)
    return f"conn {tunnel.name}\n{body}\n"


def _identity(identity: str | None) -> str:
    """libreswan takes a bare name for something to look up; an `@` in front makes it a domain name."""
    return "" if identity is None else "@" + identity


_ESP_STATE = re.compile(r'#(\d+): "(.*?)"(?:\[\d+\])?(?: \S+)? esp\.(\w+)@\S+ esp\.(\w+)@\S+')
_STATE = re.compile(r'#(\d+): "(.*?)"(?:\[\d+\])?(?: \S+)?:(\d+) ')


def established(status: str) -> dict[str, tuple[EspSa, ...]]:
    """The established SA pairs by tunnel in the output of `whack --status`, oldest first."""
    ports = {state[1]: state[3] for state in _STATE.finditer(status)}
    found: dict[str, list[tuple[int, EspSa]]] = {}
    for state in _ESP_STATE.finditer(status):
        number, name, out, own = state.groups()
        pair = EspSa(name, int(own, 16), int(out, 16), ports.get(number) != "500")
        found.setdefault(name, []).append((int(number), pair))
    return {name: tuple(sa for _, sa in sorted(pairs, key=lambda pair: pair[0])) for name, pairs in found.items()}


class Libreswan:
    """One pluto on a host, which has to be the kernel guest."""

    def __init__(self, host: Host) -> None:
        self.label = f"libreswan@{host.name}"
        self._host = host
        self._folder = host.write_file("libreswan/ipsec.conf", configuration(())).rpartition("/")[0]
        self._tunnels: tuple[TunnelParameters, ...] = ()

    def start(self) -> None:
        """Make a key store, start pluto and wait until it listens."""
        if self._host.run("test", "-x", PLUTO, check=False).status != 0:
            raise Missing(f"libreswan is not on {self._host.name}: no {PLUTO}")
        self._host.run("mkdir", "-p", "/run/pluto", _NSS)
        self._host.run("certutil", "-N", "-d", f"sql:{_NSS}", "--empty-password")
        words = ("--config", f"{self._folder}/ipsec.conf", "--secretsfile", f"{self._folder}/ipsec.secrets")
        self._host.write_file("libreswan/ipsec.secrets", "")
        self._process = self._host.spawn(
            PLUTO, *words, "--rundir", "/run/pluto", "--logfile", f"{self._folder}/pluto.log", "--nofork", name="pluto"
        )
        wait_until(self._answers, f"the start of pluto on {self._host.name}")
        self._whack("--listen")

    def stop(self) -> None:
        """Shut pluto down; it deletes its SAs and tells their peers."""
        self._whack("--shutdown", check=False)
        self._process.end()

    def configure(self, *tunnels: TunnelParameters) -> None:
        """Load connections and secrets, replacing what was loaded before."""
        for tunnel in self._tunnels:
            self._whack("--delete", "--name", tunnel.name, check=False)
        self._tunnels = tunnels
        secrets = "".join(f'{_ends(tunnel)} : PSK "{tunnel.secret}"\n' for tunnel in tunnels)
        self._host.write_file("libreswan/ipsec.secrets", secrets)
        path = self._host.write_file("libreswan/ipsec.conf", configuration(tunnels))
        self._whack("--rereadsecrets")
        for tunnel in tunnels:
            result = self._host.run(_ADDCONN, "--config", path, "--ctlsocket", _CONTROL, tunnel.name, check=False)
            if result.status != 0 or "error" in result.output.lower():
                raise Unmet(f"{self.label} does not take tunnel {tunnel.name}: {result.output.strip()}")

    def initiate(self, name: str = "t", timeout_s: float = PATIENCE_S) -> None:
        """Bring a tunnel up."""
        self._whack("--initiate", "--name", name, timeout_s=timeout_s)
        if not self.sas(name):
            raise Unmet(f"{self.label}: tunnel {name} did not come up")

    def terminate(self, name: str = "t") -> None:
        """Delete the tunnel's SAs of both phases and tell the peer."""
        self._whack("--terminate", "--name", name)

    def rekey(self, name: str = "t") -> None:
        """Run a new quick mode for the tunnel."""
        self._whack("--rekey-ipsec", "--name", name)

    def all_sas(self) -> dict[str, tuple[EspSa, ...]]:
        """The established pairs by tunnel, oldest first."""
        return established(self._whack("--status").output)

    def sas(self, name: str = "t") -> tuple[EspSa, ...]:
        """The established pairs of one tunnel."""
        return self.all_sas().get(name, ())

    def log(self) -> str:
        """pluto's log."""
        return self._host.read_file(f"{self._folder}/pluto.log")

    def _answers(self) -> bool:
        if not self._process.running():
            raise Unmet(f"pluto on {self._host.name} ended: {self._process.output().strip()}{self.log()[-1000:]}")
        return self._host.run("test", "-S", _CONTROL, check=False).status == 0

    def _whack(self, *words: str, check: bool = True, timeout_s: float = PATIENCE_S) -> Result:
        result = self._host.run(_WHACK, "--rundir", "/run/pluto", *words, check=False, timeout_s=timeout_s)
        if check and result.status != 0:
            raise Unmet(f"{self.label}: `whack {' '.join(words)}` ended with {result.status}: {result.output.strip()}")
        return result


def _ends(tunnel: TunnelParameters) -> str:
    local = _identity(tunnel.local_id) or tunnel.local
    remote = _identity(tunnel.remote_id) or ("%any" if tunnel.remote == "any" else tunnel.remote)
    return f"{local} {remote}"
