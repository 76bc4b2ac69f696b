"""strongSwan: charon with its userspace ESP (always in UDP) in a namespace, or on the kernel's ESP in a guest."""

from __future__ import annotations

from interop.lab.outcome import PATIENCE_S, Missing, Unmet, wait_until
from interop.lab.process import Result
from interop.peers import swanctl
from interop.peers.shape import EspSa, Host
from interop.peers.tunnel import TunnelParameters

CHARON = "/usr/lib/ipsec/charon"
_PLUGINS = (
    "random nonce pem pkcs1 pkcs8 x509 pubkey constraints openssl aes sha1 sha2 hmac gmp md5 des kdf gcm ccm ctr "
    "socket-default {kernel} kernel-netlink vici updown"
)
_CONFIGURATION = """
charon {{
  load = {plugins}
  i_dont_care_about_security_and_use_aggressive_mode_psk = yes
  dos_protection = no
  retransmit_timeout = {retransmit_s}
  retransmit_base = 1.4
  retransmit_tries = 8
  keep_alive = {keepalive_s}s
  fragment_size = {fragment_size}
  plugins {{
    vici {{
      socket = unix://{socket}
    }}
  }}
  filelog {{
    f {{
      path = {log}
      default = 1
      ike = 2
      cfg = 2
      enc = 1
      flush_line = yes
    }}
  }}
}}
swanctl {{
  load = random pem pkcs1 pkcs8 x509 openssl
  socket = unix://{socket}
}}
"""


class Strongswan:
    """One charon. `userspace` chooses kernel-libipsec; otherwise ESP is the business of the host's kernel."""

    def __init__(
        self,
        host: Host,
        *,
        userspace: bool = True,
        retransmit_s: float = 2.0,
        keepalive_s: int = 20,
        fragment_size: int = 1280,
        dpd_s: int = 0,
    ) -> None:
        self.label = f"strongswan@{host.name}"
        self._host = host
        self._settings = {
            "plugins": _PLUGINS.format(kernel="kernel-libipsec" if userspace else ""),
            "retransmit_s": retransmit_s,
            "keepalive_s": keepalive_s,
            "fragment_size": fragment_size,
        }
        self._dpd_s = dpd_s
        self._folder = host.write_file("strongswan/empty", "").removesuffix("/empty")
        self._socket = f"{self._folder}/vici"
        self._log = f"{self._folder}/charon.log"

    def start(self) -> None:
        """Start charon under a /run of its own and wait for its control socket."""
        if self._host.run("test", "-x", CHARON, check=False).status != 0:
            raise Missing(
                f"strongSwan is not installed on {self._host.name}: no {CHARON} (apt-get install strongswan-charon)"
            )
        text = _CONFIGURATION.format(socket=self._socket, log=self._log, **self._settings)
        settings = self._host.write_file("strongswan/strongswan.conf", text)
        self._environment = {"STRONGSWAN_CONF": settings, "SWANCTL_DIR": self._folder}
        own_run = f"mount -t tmpfs none /run && exec {CHARON} --use-syslog no"
        self._process = self._host.spawn(
            "unshare", "-m", "sh", "-c", own_run, name="charon", environment=self._environment
        )
        wait_until(self._answers, f"the start of charon on {self._host.name}")

    def stop(self) -> None:
        """End charon; it deletes its SAs and tells their peers."""
        self._process.end()

    def kill(self) -> None:
        """End charon without giving it time for a word."""
        self._process.end(kill=True)

    def configure(self, *tunnels: TunnelParameters) -> None:
        """Load connections and secrets, replacing what was loaded before."""
        for tunnel in tunnels:
            for name, text in swanctl.credential_files(tunnel).items():
                self._host.write_file(f"strongswan/{name}", text)
        self.load(swanctl.configuration(tunnels, dpd_s=self._dpd_s))

    def load(self, configuration: str) -> None:
        """Load a swanctl.conf, and the certificates and keys in the folders beside it."""
        path = self._host.write_file("strongswan/swanctl.conf", configuration)
        self._swanctl("--load-all", "--clear", "--file", path)

    def initiate(self, name: str = "t", timeout_s: float = PATIENCE_S) -> None:
        """Bring a tunnel up."""
        self._swanctl("--initiate", "--child", name, "--timeout", f"{timeout_s:g}", timeout_s=timeout_s + 5)

    def terminate(self, name: str = "t") -> None:
        """Delete the tunnel's IKE SA and with it all its ESP SAs."""
        self._swanctl("--terminate", "--ike", name, "--timeout", f"{PATIENCE_S:g}")

    def rekey(self, name: str = "t") -> None:
        """Rekey the tunnel's ESP SAs."""
        self._swanctl("--rekey", "--child", name)

    def all_sas(self) -> dict[str, tuple[EspSa, ...]]:
        """The installed pairs by tunnel, oldest first."""
        return swanctl.installed(self._swanctl("--list-sas", "--raw").output)

    def sas(self, name: str = "t") -> tuple[EspSa, ...]:
        """The installed pairs of one tunnel."""
        return self.all_sas().get(name, ())

    def log(self) -> str:
        """charon's log, without what our own questions leave in it."""
        lines = self._host.read_file(self._log).splitlines()
        return "\n".join(line for line in lines if "vici client" not in line)

    def _answers(self) -> bool:
        if not self._process.running():
            raise Unmet(f"charon on {self._host.name} ended: {self._process.output().strip()}")
        return self._swanctl("--version", check=False).status == 0

    def _swanctl(self, *words: str, check: bool = True, timeout_s: float = PATIENCE_S) -> Result:
        environment = [f"{name}={value}" for name, value in self._environment.items()]
        command = ("env", *environment, "swanctl", *words, "--uri", f"unix://{self._socket}")
        result = self._host.run(*command, timeout_s=timeout_s, check=False)
        if check and result.status != 0:
            raise Unmet(
                f"{self.label}: `swanctl {' '.join(words)}` ended with {result.status}: {result.output.strip()}"
            )
        return result
