"""ikevpn itself, driven as its user drives it: TOML, a daemon in the foreground, and the command line with `--json`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import interop
from interop.lab.namespace import Namespace
from interop.lab.outcome import PATIENCE_S, Unmet, wait_until
from interop.lab.process import Process, Result
from interop.peers import credentials, suites
from interop.peers.credentials import Credentials
from interop.peers.shape import EspSa, Host
from interop.peers.tunnel import Manual, TunnelParameters

REPOSITORY = Path(interop.__file__).parent.parent


def configuration(tunnels: tuple[TunnelParameters, ...], *, daemon: dict[str, Any]) -> str:
    """The TOML of these tunnels; every tunnel's secret is in `NAME.psk` beside it. `daemon` is the table `[daemon]`."""
    return _table("daemon", daemon) + "".join(_table(f"tunnel.{tunnel.name}", _keys(tunnel)) for tunnel in tunnels)


def _keys(tunnel: TunnelParameters) -> dict[str, Any]:
    keys = {
        "remote": tunnel.remote,
        "local": tunnel.local,
        "local_networks": list(tunnel.local_networks),
        "remote_networks": list(tunnel.remote_networks),
        "binding": tunnel.binding,
        "sa_mode": tunnel.sa_mode,
        **(_manual(tunnel.manual) if tunnel.manual else _ike(tunnel)),
        **dict(tunnel.extra),
    }
    return {key: value for key, value in keys.items() if value is not None}


def _manual(manual: Manual) -> dict[str, Any]:
    secrets = {"encryption_key": manual.encryption_key, "integrity_key": manual.integrity_key, "ah_key": manual.ah_key}
    of_ah = {"ah_local_spi": manual.ah_local_spi, "ah_remote_spi": manual.ah_remote_spi}
    table = {
        "local_spi": f"{manual.local_spi:x}",
        "remote_spi": f"{manual.remote_spi:x}",
        "proposal": manual.proposal,
        **{name: f"{spi:x}" for name, spi in of_ah.items() if spi},
        **{name: {"text": text} for name, text in secrets.items() if text},
        **dict(manual.options),
    }
    return {"start": "up", "manual": table}


def _ike(tunnel: TunnelParameters) -> dict[str, Any]:
    ike = suites.IKE[tunnel.ike_suite]
    group = f"g{ike.group}" if tunnel.pfs else "nopfs"
    proposal = ike.ikevpn
    if tunnel.credentials is not None:
        proposal = proposal.replace("pre-", f"{tunnel.credentials.method}-")
    return {
        **_authentication(tunnel),
        "mode": tunnel.mode,
        "local_id": tunnel.local_id,
        "remote_id": tunnel.remote_id,
        "ike_proposals": [proposal],
        "esp_proposals": [f"{group}-{suites.ESP[tunnel.esp_suite].ikevpn}"],
        "ike_lifetime_s": tunnel.ike_lifetime_s,
        "esp_lifetime_s": tunnel.esp_lifetime_s,
        "start": tunnel.start,
        "nat_traversal": tunnel.nat_traversal,
    }


def _authentication(tunnel: TunnelParameters) -> dict[str, Any]:
    own = tunnel.credentials
    if own is None:
        aggressive = {"answer_aggressive": True} if tunnel.mode == "aggressive" else {}
        return {"auth": "psk", "secret": {"file": f"{tunnel.name}.psk"}, **aggressive}
    keys: dict[str, Any] = {
        "private_key": {"file": f"{tunnel.name}.key"},
        "certificate": {"file": f"{tunnel.name}.crt"},
        "send_certificate": own.send,
    }
    if own.peer:
        keys["remote_certificate"] = {"file": f"{own.peer}.crt"}
    if own.authorities:
        lists = {"crl": [f"{each}.crl" for each in own.crls]} if own.crls else {}
        how = {"revocation": own.revocation} if own.revocation else {}
        keys["authorities"] = [{"file": f"{each}.crt", **lists, **how} for each in own.authorities]
    return keys


def _table(name: str, keys: dict[str, Any]) -> str:
    return f"[{name}]\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in keys.items()) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value)


def _pairs(tunnel: dict[str, Any]) -> Iterator[EspSa]:
    for child in tunnel["children"]:
        if child["state"] == "up" and child["spi_in"]:
            udp = "udp" in child["encapsulation"].lower()
            yield EspSa(tunnel["name"], int(child["spi_in"], 16), int(child["spi_out"], 16), udp)


class Ikevpn:
    """One daemon in a namespace; `start` before `configure` runs it without tunnels.

    `before` stands before every command line, for scenarios that take something away from ikevpn.
    """

    def __init__(self, host: Host, **daemon: Any) -> None:
        if not isinstance(host, Namespace):
            raise Unmet("ikevpn runs in a namespace of this machine, not in a guest")
        self.label = f"ikevpn@{host.name}"
        self.host = host
        self.folder = str(host.folder / "ikevpn")
        self.socket = f"{self.folder}/socket"
        self.config = f"{self.folder}/ikevpn.toml"
        kept = {"state": f"{self.folder}/state", "sequences": f"{self.folder}/sequences"}
        self._daemon = {"socket": self.socket, **kept, **daemon}
        self.before: tuple[str, ...] = ()
        self._environment = {"PYTHONPATH": str(REPOSITORY), "NO_COLOR": "1"}
        self.write()

    def write(self, *tunnels: TunnelParameters) -> None:
        """Write the configuration and its secrets without telling the daemon."""
        for tunnel in tunnels:
            self.host.write_file(f"ikevpn/{tunnel.name}.psk", tunnel.secret)
            self._write_credentials(tunnel.name, tunnel.credentials)
        self.host.write_file("ikevpn/ikevpn.toml", configuration(tunnels, daemon=self._daemon))

    def _write_credentials(self, name: str, own: Credentials | None) -> None:
        if own is not None:
            self.host.write_file(f"ikevpn/{name}.key", own.private)
            self.host.write_file(f"ikevpn/{name}.crt", own.chain)
            for each in own.crls:
                self.host.write_file(f"ikevpn/{each}.crl", credentials.text(f"{each}.crl"))
            for each in (*own.authorities, *([own.peer] if own.peer else [])):
                self.host.write_file(f"ikevpn/{each}.crt", credentials.text(f"{each}.crt"))

    def start(self, *words: str) -> None:
        """Start the daemon and wait until it answers."""
        self.launch(*words)
        wait_until(self._answers, f"the start of {self.label}")

    def launch(self, *words: str) -> Process:
        """Start the daemon without waiting."""
        self._process = self.host.spawn(
            *self._command(), "daemon", *words, name="ikevpn", environment=self._environment
        )
        return self._process

    def stop(self) -> None:
        """End the daemon by SIGTERM, as systemd does; `Unmet` if it has to be killed or ends with an error."""
        self._process.end(PATIENCE_S)
        if self._process.status != 0:
            raise Unmet(f"{self.label} ended with {self._process.status}: {self.log()[-1000:]}")

    def kill(self) -> None:
        """End the daemon as a crash would, without a word to its peers."""
        self._process.end(kill=True)

    @property
    def pid(self) -> int:
        """The daemon's process."""
        return self._process.pid

    @property
    def workers(self) -> list[int]:
        """Its processes that carry packets, oldest first."""
        launchers = _children(self.pid, "ikevpn.dataplane.userspace.control.launcher")
        return oldest_first(
            pid for each in launchers for pid in _children(each, "ikevpn.dataplane.userspace.worker.worker")
        )

    def configure(self, *tunnels: TunnelParameters) -> None:
        """Write the configuration and have the daemon read it."""
        self.write(*tunnels)
        self.command("reload")

    def initiate(self, name: str = "t", timeout_s: float = PATIENCE_S) -> None:
        """`ikevpn up NAME`."""
        self.command("up", name, "--timeout", f"{timeout_s:g}", timeout_s=timeout_s + 10)

    def terminate(self, name: str = "t") -> None:
        """`ikevpn down NAME`."""
        self.command("down", name)

    def rekey(self, name: str = "t") -> None:
        """`ikevpn rekey NAME`: a new quick mode for every pair of networks."""
        self.command("rekey", name)

    def all_sas(self) -> dict[str, tuple[EspSa, ...]]:
        """The SA pairs by tunnel that `ikevpn status --json` shows as up."""
        found = {tunnel["name"]: tuple(_pairs(tunnel)) for tunnel in self.status()}
        return {name: pairs for name, pairs in found.items() if pairs}

    def sas(self, name: str = "t") -> tuple[EspSa, ...]:
        """The SA pairs of one tunnel."""
        return self.all_sas().get(name, ())

    def status(self) -> list[dict[str, Any]]:
        """The tunnels of `ikevpn status --json`."""
        answer = json.loads(self.command("status", "--json").output)
        tunnels: list[dict[str, Any]] = answer["tunnels"]
        return tunnels

    def log(self) -> str:
        """What the daemon printed."""
        return self._process.output()

    def command(self, *words: str, check: bool = True, timeout_s: float = PATIENCE_S) -> Result:
        """`ikevpn --config … --socket … WORDS`."""
        settings = (f"{key}={value}" for key, value in self._environment.items())
        result = self.host.run("env", *settings, *self._command(), *words, check=False, timeout_s=timeout_s)
        if check and result.status != 0:
            raise Unmet(f"{self.label}: `ikevpn {' '.join(words)}` ended with {result.status}: {result.output.strip()}")
        return result

    def _command(self) -> tuple[str, ...]:
        return (*self.before, self.host.python, "-m", "ikevpn", "--config", self.config, "--socket", self.socket)

    def _answers(self) -> bool:
        if not self._process.running():
            raise Unmet(f"{self.label} ended with {self._process.status}: {self.log().strip()[-1500:]}")
        return Path(self.socket).exists() and self.command("status", check=False).status == 0


def oldest_first(pids: Iterable[int]) -> list[int]:
    """Processes by their start. Their numbers say little of it: after the highest one the kernel begins anew."""
    return sorted(pids, key=lambda pid: int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]))


def _children(parent: int, module: str) -> list[int]:
    found = [
        int(pid) for task in Path(f"/proc/{parent}/task").iterdir() for pid in (task / "children").read_text().split()
    ]
    return [pid for pid in found if module in Path(f"/proc/{pid}/cmdline").read_text().split("\0")]
