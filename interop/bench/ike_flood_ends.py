"""What stands at the two ends of `python -m interop ike-flood`: whoever invents first messages, and an honest peer.

    python -m interop.bench.ike_flood_ends send TARGET RATE SECONDS KIND [SOURCE]
    python -m interop.bench.ike_flood_ends call LOCAL REMOTE SECONDS new|rekey DELAY

Both run inside a namespace and print one JSON object. The honest peer is our own engine with a socket; what comes for
it waits DELAY seconds, which is its way there and back.
"""

from __future__ import annotations

import json
import os
import random
import select
import socket
import struct
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable

from ikevpn.ike.engine import Engine, EngineSettings
from ikevpn.ike.state.effects import Effect, Report, Send
from ikevpn.model.address import AddressRange, Endpoint
from ikevpn.model.events.event import Code, Event
from ikevpn.model.identity import Identity
from ikevpn.model.proposal import IkeProposal, IpsecProposal
from ikevpn.model.secret import Secret
from ikevpn.model.selector import Selector
from ikevpn.model.tunnel import Child, Phase1Mode, Tunnel
from ikevpn.wire.registry import EspCipher, Group, Hash, IkeCipher, Integrity, Protocol

KINDS = ("main", "aggressive", "mixed", "zero-cookie")
SECRET = "a secret for tests, long enough"
IN_TIME_S = 10.0
PORT = 500
_HEADER = 28
_NAP_S = 0.002
_BETWEEN_S = {"new": 0.1, "rekey": 1.0}


def tunnel(local: str, remote: str, mode: Phase1Mode = Phase1Mode.MAIN) -> Tunnel:
    """The peer's side of what the gateway in `ike_flood` is configured for."""
    selector = Selector(AddressRange.of(f"10.2.{local.rpartition('.')[2]}.0/24"), AddressRange.of("10.1.0.0/16"))
    gcm = IpsecProposal(Protocol.ESP, EspCipher.AES_GCM_16, 128, Integrity.NONE, Group.MODP_2048)
    return Tunnel(
        name="t",
        ike_proposals=(IkeProposal(IkeCipher.AES_CBC, 256, Hash.SHA2_256, Group.MODP_2048),),
        ipsec_proposals=(gcm,),
        children=(Child("net", 1, selector),),
        remotes=(AddressRange.of(remote),),
        mode=mode,
        local_id=Identity.of(local),
        psk=Secret(SECRET.encode()),
        dpd_interval_s=0,
    )


# Who invents


def first_messages(mode: Phase1Mode) -> list[bytes]:
    """Messages 1 and 3 of an honest initiator; of aggressive mode only the first is in clear."""
    here, there = Endpoint.of("192.0.2.2", PORT), Endpoint.of("192.0.2.1", PORT)
    ours, theirs = (Engine(EngineSettings(), os.urandom) for _ in range(2))
    ours.add_tunnel(tunnel("192.0.2.2", "192.0.2.1", mode))
    theirs.add_tunnel(tunnel("192.0.2.1", "192.0.2.2", mode))
    found = _sent(ours.initiate("t", here, there, 0.0))
    for answer in _sent(theirs.datagram(found[0], there, here, 0.0)):
        found += _sent(ours.datagram(answer, here, there, 0.0))
    return found


def _sent(effects: Iterable[Effect]) -> list[bytes]:
    return [effect.data for effect in effects if isinstance(effect, Send)]


def inventor(kind: str) -> Callable[[int, bytes], list[bytes]]:
    """Gives the datagrams of the nth caller, who has that cookie."""
    main, aggressive = first_messages(Phase1Mode.MAIN), first_messages(Phase1Mode.AGGRESSIVE)

    def invent(number: int, cookie: bytes) -> list[bytes]:
        if kind == "zero-cookie":  # message 3 of somebody who cannot know our cookie, right behind message 1
            return [cookie + main[0][8:], cookie + bytes(8) + main[1][16:]]
        chosen = aggressive if kind == "aggressive" or (kind == "mixed" and number % 2) else main
        return [cookie + chosen[0][8:]]

    return invent


def send(target: str, rate: float, seconds: float, kind: str, source: str = "") -> None:
    """So many invented callers a second, from everywhere or from one address."""
    invent, rng, sent = inventor(kind), random.Random(7), 0
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        begun = time.monotonic()
        while (passed := time.monotonic() - begun) < seconds:
            while sent < passed * rate:
                address = socket.inet_aton(source) if source else struct.pack("!I", 0xC6120000 + rng.getrandbits(17))
                for data in invent(sent, rng.randbytes(8)):
                    raw.sendto(_packet(address, socket.inet_aton(target), data), (target, 0))
                sent += 1
            time.sleep(_NAP_S)
    print(json.dumps({"sent": sent, "seconds": round(passed, 1)}))


def _packet(source: bytes, target: bytes, data: bytes) -> bytes:
    udp = struct.pack("!HHHH", PORT, PORT, 8 + len(data), 0) + data
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + source + target + udp


# Who is honest


class Caller:
    """An initiator with a socket, far away by `delay_s`."""

    def __init__(self, local: str, remote: str, delay_s: float) -> None:
        self._local, self._remote = Endpoint.of(local, PORT), Endpoint.of(remote, PORT)
        self._delay_s = delay_s
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((local, PORT))
        self._socket.setblocking(False)
        self._coming: deque[tuple[float, bytes]] = deque()
        self._events: list[Event] = []
        self.begin()

    def begin(self) -> None:
        """Forget everything, as after a restart."""
        self._engine = Engine(EngineSettings(), os.urandom)
        self._engine.add_tunnel(tunnel(str(self._local.address), str(self._remote.address)))
        self._coming.clear()

    def up(self) -> float | None:
        """How long phase 1 and a child took; None where it was too long."""
        now = time.monotonic()
        return self._until(Code.CHILD_UP, self._engine.initiate("t", self._local, self._remote, now))

    def renew(self) -> float | None:
        """How long new keys took."""
        return self._until(Code.CHILD_REKEYED, self._engine.rekey("t", time.monotonic(), "net"))

    def leave(self) -> None:
        """With Deletes."""
        self._do(self._engine.shutdown(time.monotonic()))

    def _until(self, code: Code, effects: list[Effect]) -> float | None:
        begun = time.monotonic()
        self._events.clear()
        self._do(effects)
        while time.monotonic() < begun + IN_TIME_S:
            if any(event.code is code for event in self._events):
                return time.monotonic() - begun
            self._turn()
        return None

    def _turn(self) -> None:
        now = time.monotonic()
        timer, due = self._engine.next_timer(), self._coming[0][0] if self._coming else None
        waits = [max(0.0, each - now) for each in (timer, due) if each is not None]
        if select.select([self._socket], [], [], min((0.5, *waits)))[0]:
            self._read()
        now = time.monotonic()
        while self._coming and self._coming[0][0] <= now:
            self._do(self._engine.datagram(self._coming.popleft()[1], self._local, self._remote, now))
        if timer is not None and timer <= now:
            self._do(self._engine.timer(now))

    def _read(self) -> None:
        """What is for others under our address, which somebody invented, stays away."""
        ours = {bytes.fromhex(sa.cky_i) for sa in self._engine.status(0.0).ike_sas}
        for _ in range(256):
            try:
                data = self._socket.recv(65535)
            except OSError:
                return
            if data[:8] in ours or len(data) < _HEADER:
                self._coming.append((time.monotonic() + self._delay_s, data))

    def _do(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                self._socket.sendto(effect.data, (str(effect.remote.address), effect.remote.port))
            elif isinstance(effect, Report):
                self._events.append(effect.event)


def call(local: str, remote: str, seconds: float, what: str, delay_s: float) -> None:
    """New handshakes one after another, or one and then new keys."""
    caller, took = Caller(local, remote, delay_s), []
    if what == "rekey" and caller.up() is None:
        raise SystemExit("the first handshake failed")
    print("ready", flush=True)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what == "new":
            caller.begin()
            took.append(caller.up())
            caller.leave()
        else:
            took.append(caller.renew())
        time.sleep(_BETWEEN_S[what])
    good = sorted(each for each in took if each is not None)
    middle = round(good[len(good) // 2], 2) if good else None
    print(json.dumps({"tried": len(took), "ok": len(good), "median_s": middle}))


if __name__ == "__main__":
    if sys.argv[1] == "send":
        send(sys.argv[2], float(sys.argv[3]), float(sys.argv[4]), *sys.argv[5:])
    else:
        call(sys.argv[2], sys.argv[3], float(sys.argv[4]), sys.argv[5], float(sys.argv[6]))
