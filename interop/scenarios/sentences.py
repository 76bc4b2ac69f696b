"""What a user reads when something is wrong: each with the sentence and the exit status, and within the time given.

    left: ikevpn 192.0.2.1 ─────────────────── 192.0.2.2 right: strongSwan, where the peer matters

The negotiations fail once with us as initiator, where `ikevpn up` says why, and once as responder, where the log does.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from interop.lab.outcome import PATIENCE_S, InteropError, expect, wait_until
from interop.lab.topology import Topology, pair
from interop.peers.ikevpn import Ikevpn
from interop.peers.tunnel import Choices, TunnelParameters, between
from interop.stage.scenario import Scenario, needs
from interop.stage.stage import Stage

TIMEOUT_S = 30.0
_QUICK = (("retransmit_s", 0.3), ("retransmit_tries", 3))


def _says(output: str, pattern: str) -> None:
    expect(re.search(pattern, output) is not None, f"nothing like `{pattern}` was said, but: {output.strip()}")


def _fails(ikevpn: Ikevpn, words: tuple[str, ...], status: int, pattern: str, timeout_s: float = TIMEOUT_S) -> None:
    """The command ends in time with this status and says something like `pattern`."""
    result = ikevpn.command(*words, check=False, timeout_s=timeout_s + PATIENCE_S)
    _says(result.output, pattern)
    expect(result.status == status, f"the exit status is {result.status} and not {status}: {result.output.strip()}")
    expect("Traceback" not in result.output, f"a traceback is no sentence: {result.output}")


def initiator(
    stage: Stage, ours: Choices, theirs: Choices, pattern: str, status: int = 1, kind: str = "strongswan"
) -> None:
    """We call a peer whose settings differ from ours."""
    topology = pair(stage.site)
    left_view, right_view = _views(topology, ours, theirs)
    stage.side(kind, topology.right, right_view)
    peer = stage.side("ikevpn", topology.left, left_view).peer
    assert isinstance(peer, Ikevpn)
    stage.stands()
    _fails(peer, ("up", "t", "--timeout", f"{TIMEOUT_S:g}"), status, pattern)


def responder(stage: Stage, ours: Choices, theirs: Choices, pattern: str, kind: str = "strongswan") -> None:
    """A peer whose settings differ from ours calls us; our log says why it gets no tunnel."""
    topology = pair(stage.site)
    left_view, right_view = _views(topology, ours, theirs)
    peer = stage.side("ikevpn", topology.left, left_view).peer
    assert isinstance(peer, Ikevpn)
    options = {"retransmit_s": 0.3} if kind == "strongswan" else {}
    caller = stage.side(kind, topology.right, right_view, **options).peer
    stage.stands()
    try:
        caller.initiate(timeout_s=3)
    except InteropError:
        pass
    else:
        raise InteropError("the tunnel came up although its ends differ")
    wait_until(lambda: re.search(pattern, peer.command("log").output), f"a line like `{pattern}` in the log")


def _views(topology: Topology, ours: Choices, theirs: Choices) -> tuple[TunnelParameters, TunnelParameters]:
    left_view, right_view = between(topology.left, topology.right)
    return replace(left_view, extra=_QUICK, **ours), replace(right_view, **theirs)


def alone(stage: Stage, ours: Choices, words: tuple[str, ...], status: int, pattern: str) -> None:
    """We call somebody who is not there."""
    topology = pair(stage.site)
    left_view, _ = between(topology.left, topology.right)
    peer = stage.side("ikevpn", topology.left, replace(left_view, extra=_QUICK, **ours)).peer
    assert isinstance(peer, Ikevpn)
    stage.stands()
    timeout_s = float(words[-1]) if "--timeout" in words else TIMEOUT_S
    _fails(peer, words, status, pattern, timeout_s)


Spoil = Callable[[Stage, Ikevpn], tuple[str, ...]]
"""Spoils something before the daemon starts; returns the command that stands before ours."""


def host(stage: Stage, spoil: Spoil, words: tuple[str, ...], status: int, pattern: str) -> None:
    """Something about this host or the configuration is wrong, and no daemon can start, or should."""
    topology = pair(stage.site)
    left_view, _ = between(topology.left, topology.right)
    ikevpn = Ikevpn(topology.left.host)
    ikevpn.write(left_view)
    ikevpn.before = spoil(stage, ikevpn)
    _fails(ikevpn, words, status, pattern, 5.0)


def _port_taken(stage: Stage, ikevpn: Ikevpn) -> tuple[str, ...]:
    script = (
        "import socket, time; s = socket.socket(2, 2); s.bind(('', 500)); print('ready', flush=True); time.sleep(60)"
    )
    taker = ikevpn.host.spawn(ikevpn.host.python, "-c", script, name="taker")
    wait_until(lambda: "ready" in taker.output(), "port 500 to be taken")
    return ()


def _not_root(stage: Stage, ikevpn: Ikevpn) -> tuple[str, ...]:
    stage.site.folder.chmod(0o755)
    ikevpn.host.run("chown", "-R", "65534:65534", ikevpn.folder)
    return ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all")


def _no_tun(stage: Stage, ikevpn: Ikevpn) -> tuple[str, ...]:
    return ("unshare", "-m", "sh", "-c", 'mount -t tmpfs none /dev/net && exec "$@"', "sh")


def _nobody(stage: Stage, ikevpn: Ikevpn) -> tuple[str, ...]:
    """The secret is root's alone and we are not root."""
    before = _not_root(stage, ikevpn)
    ikevpn.host.run("chown", "root:root", f"{ikevpn.folder}/t.psk")
    return before


def _already(stage: Stage, ikevpn: Ikevpn) -> tuple[str, ...]:
    ikevpn.start()
    return ()


def _append(text: str) -> Spoil:
    def spoil(stage: Stage, ikevpn: Ikevpn) -> tuple[str, ...]:
        written = ikevpn.host.read_file(ikevpn.config)
        ikevpn.host.write_file("ikevpn/ikevpn.toml", written + text)
        return ()

    return spoil


def _mode(name: str, mode: str) -> Spoil:
    def spoil(stage: Stage, ikevpn: Ikevpn) -> tuple[str, ...]:
        ikevpn.host.run("chmod", mode, f"{ikevpn.folder}/{name}")
        return ()

    return spoil


_OTHER_SECRET = {"secret": "another secret, of some length too"}
_OTHER_IKE = {"ike_suite": "aes256-sha256-g14"}
_OTHER_ESP = {"esp_suite": "aes256-sha256"}
_OTHER_NETWORK = {"remote_networks": ("10.77.0.0/24",)}
_UP = ("up", "t", "--timeout", "40")
_REFUSES = r"192\.0\.2\.2(:\d+)? refuses and says "

_INITIATOR_ROWS: tuple[tuple[str, Choices, Choices, str], ...] = (
    # name, ours, theirs, what is said
    ("wrong-secret", _OTHER_SECRET, {}, r"the pre-shared keys differ"),
    ("no-proposal-phase1", _OTHER_IKE, {}, _REFUSES + "no-proposal-chosen"),
    ("no-proposal-phase2", _OTHER_ESP, {}, _REFUSES + "no-proposal-chosen"),
    (
        "proxy-id",
        _OTHER_NETWORK,
        {},
        r"the networks differ.*10\.77\.0\.0/24(?s:.*)the peer said: invalid-id-information",
    ),
    (
        "wrong-identity",
        {"remote_id": "paris.example"},
        {},
        r"the peer's identity is 192\.0\.2\.2( \([^)]*\))?, expected paris\.example",
    ),
)
_RESPONDER_ROWS: tuple[tuple[str, Choices, Choices, str], ...] = (
    ("wrong-secret", _OTHER_SECRET, {}, r"the pre-shared keys differ"),
    (
        "no-proposal-phase1",
        _OTHER_IKE,
        {},
        r"no common proposal in phase 1: the peer offers pre-g2-aes128-sha; we accept pre-g14-aes256-sha256",
    ),
    (
        "no-proposal-phase2",
        _OTHER_ESP,
        {},
        r"no common proposal in phase 2: the peer offers nopfs-esp-aes128-sha; we accept nopfs-esp-aes256-sha256",
    ),
    ("proxy-id", _OTHER_NETWORK, {}, r"the networks differ: the peer asks for .*10\.1\.1\.0/24"),
    (
        "wrong-identity",
        {"remote_id": "paris.example"},
        {},
        r"the peer's identity is 192\.0\.2\.2( \([^)]*\))?, expected paris\.example",
    ),
)
_G14 = {"ike_suite": "aes256-sha256-g14"}
_PARIS, _LONDON = {**_G14, "local_id": "paris.example"}, {**_G14, "remote_id": "london.example"}
_NOT_WE = r"192\.0\.2\.2(:\d+)? does not accept our identity, paris\.example"
_LIBRESWAN_ROWS: tuple[tuple[str, Choices, Choices, str], ...] = (
    ("identity-refused", _PARIS, _LONDON, _NOT_WE),
    ("wrong-secret", {**_G14, **_OTHER_SECRET}, _G14, r"the pre-shared keys differ"),
)
_ALONE_ROWS: tuple[tuple[str, Choices, tuple[str, ...], int, str], ...] = (
    ("unreachable", {"remote": "192.0.2.99"}, _UP, 1, r"no answer from 192\.0\.2\.99"),
    ("timeout", {"remote": "192.0.2.99"}, ("up", "t", "--timeout", "0.5"), 5, r"not up within 0\.5 s"),
    (
        "dns",
        {"remote": "nowhere.invalid"},
        ("up", "t", "--timeout", "30"),
        1,
        r'the name "?nowhere\.invalid"? cannot be looked up',
    ),
    ("tunnel-unknown", {}, ("up", "tt", "--timeout", "5"), 4, r'there is no tunnel "tt"'),
)
_HOST_ROWS: tuple[tuple[str, Spoil, tuple[str, ...], int, str], ...] = (
    ("port-in-use", _port_taken, ("daemon",), 3, r"UDP (port )?\S*500\S* is in use"),
    ("not-root", _not_root, ("daemon",), 3, r"not root"),
    ("no-tun", _no_tun, ("up", "t", "--timeout", "5"), 3, r"/dev/net/tun"),
    ("already-running", _already, ("daemon",), 3, r"already"),
    ("malformed-toml", _append("[tunnel.broken\n"), ("check",), 2, r"ikevpn\.toml"),
    ("malformed-toml-daemon", _append("[tunnel.broken\n"), ("daemon",), 2, r"ikevpn\.toml"),
    ("unknown-key", _append('\nremotee = "192.0.2.7"\n'), ("check",), 2, r'remotee.*Did you mean "remote"'),
    ("bad-value", _append('\n[tunnel.b]\nremote = "192.0.2.7"\nmode = "agressive"\n'), ("check",), 2, r'"aggressive"'),
    ("world-readable-secret", _mode("t.psk", "644"), ("check",), 2, r"t\.psk is open to everybody.*chmod 600"),
    ("unreadable-secret", _nobody, ("check",), 2, r"t\.psk cannot be read"),
    ("check-good", lambda stage, ikevpn: (), ("check",), 0, r"good, 1 tunnel"),
)


_PLAYS: tuple[tuple[str, Callable[..., None]], ...] = (("up", initiator), ("log", responder))


def _row(name: str, verb: str, play: Callable[[Stage], None], *kinds: str) -> Scenario:
    return Scenario(f"sentence-{name}", f"`ikevpn {verb}`: {name.replace('-', ' ')}", play, needs("ikevpn", *kinds))


SCENARIOS = (
    *(
        _row(f"initiator-{name}", "up", partial(initiator, ours=ours, theirs=theirs, pattern=says), "strongswan")
        for name, ours, theirs, says in _INITIATOR_ROWS
    ),
    *(
        _row(f"responder-{name}", "log", partial(responder, ours=ours, theirs=theirs, pattern=says), "strongswan")
        for name, ours, theirs, says in _RESPONDER_ROWS
    ),
    *(
        _row(
            f"libreswan-{verb}-{name}",
            verb,
            partial(play, ours=ours, theirs=theirs, pattern=says, kind="guest-libreswan"),
            "guest-libreswan",
        )
        for name, ours, theirs, says in _LIBRESWAN_ROWS
        for verb, play in _PLAYS
    ),
    *(
        _row(name, "up", partial(alone, ours=ours, words=words, status=status, pattern=says))
        for name, ours, words, status, says in _ALONE_ROWS
    ),
    *(
        _row(name, words[0], partial(host, spoil=spoil, words=words, status=status, pattern=says))
        for name, spoil, words, status, says in _HOST_ROWS
    ),
)
