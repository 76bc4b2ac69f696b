"""What happened in a run: a running hash always, readable lines where asked for."""

from __future__ import annotations

import hashlib

from ikevpn.errors import Malformed
from ikevpn.ike.state.effects import ExportKeys
from ikevpn.model.events.event import Event
from ikevpn.wire import describe, message
from ikevpn.wire import header as isakmp_header
from tests.sim.packet import Kind, Packet


class Trace:
    """Two runs of one seed must give one hash. Lines are kept only where `keep` is set, since they cost time."""

    def __init__(self, keep: bool = False) -> None:
        self.lines: list[str] = []
        self._keep = keep
        self._hash = hashlib.blake2b(digest_size=16)

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def note(self, now: float, host: str, text: str) -> None:
        """Anything that is worth a line."""
        self._hash.update(f"{now:.6f} {host} {text}\n".encode())
        if self._keep:
            self._line(now, host, text)

    def packet(self, now: float, host: str, what: str, packet: Packet) -> None:
        """A packet was sent, received or lost."""
        self._hash.update(f"{now:.6f} {host} {what} {packet.kind} {packet.source.port}\n".encode())
        self._hash.update(packet.data)
        if self._keep and packet.kind is not Kind.KEEPALIVE:
            self._line(now, host, f"{what} {packet.source} > {packet.target} {content(packet)}")

    def event(self, now: float, host: str, event: Event) -> None:
        """The engine reported something."""
        reason = "" if event.reason == "none" else f" because {event.reason}"
        facts = " ".join(f"{name}={value}" for name, value in event.facts.items())
        self.note(now, host, f"event {event.code} {event.tunnel}{reason} {facts}".rstrip())

    def key(self, now: float, host: str, effect: ExportKeys) -> None:
        """Phase 1 has keys; simulated ones may be shown."""
        self.note(now, host, f"keys of {effect.cky_i.hex()}: {effect.encryption_key.hex()}")

    def _line(self, now: float, host: str, text: str) -> None:
        self.lines.append(f"{now:12.3f} {host:8} {text}")


def content(packet: Packet) -> str:
    """One line about a packet for people."""
    if packet.kind is Kind.IKE:
        return f"{len(packet.data)} octets: {_describe(packet.data)}"
    if packet.sealed is not None and packet.inner is not None:
        return f"{packet.kind} spi {packet.sealed.spi:08x} packet {packet.inner.number}"
    return str(packet.kind)


def _describe(data: bytes) -> str:
    """The package's own words for a datagram; what is encrypted stays so."""
    try:
        header = isakmp_header.read(data)
        words = describe.header(header)
        if not header.encrypted:
            payloads = message.read_chain(header.next_payload, data[isakmp_header.HEADER_SIZE :]).payloads
            words += ": " + ", ".join(" ".join(map(str.strip, describe.payload(each))) for each in payloads)
    except Malformed as error:
        return f"does not parse: {error}"
    return words
