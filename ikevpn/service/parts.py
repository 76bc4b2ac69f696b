"""The parts of a running daemon, wired once: engine, data plane, host, sockets, tunnels, history. Starts nothing by
itself.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ikevpn.capture.captures import Captures
from ikevpn.config.configuration import Configuration
from ikevpn.dataplane.planes import PLANES, USERSPACE, PlaneSettings
from ikevpn.errors import HostError
from ikevpn.ike.engine import Engine, EngineSettings
from ikevpn.ike.state.effects import AttemptFailed, StateChange
from ikevpn.ike.values.question import Sign, Validate
from ikevpn.model.events.event import Event, Reason
from ikevpn.net.host import Host
from ikevpn.service.binding.binding import Bindings
from ikevpn.service.driver import Driver
from ikevpn.service.history.events import History
from ikevpn.service.history.expiry import CertificateExpiry
from ikevpn.service.history.loaded_files import LoadedFiles
from ikevpn.service.history.refused import RefusedCalls
from ikevpn.service.ike_port.ports import IkePorts
from ikevpn.service.perform import Performer
from ikevpn.service.questions import Questions
from ikevpn.service.signer import Signer
from ikevpn.service.tunnel.sequences import Sequences
from ikevpn.service.tunnel.tunnel import World
from ikevpn.service.tunnel.tunnels import Tunnels
from ikevpn.service.validator import Validator

_ABOUT_THE_SECRET = {
    Reason.WRONG_SECRET,
    Reason.NO_SECRET,
    Reason.NO_ANSWER_ENCRYPTED,
    Reason.NO_ANSWER_NATT,
    Reason.UNREADABLE_REFUSAL,
}
"""To these belongs where the secret of a tunnel comes from."""


class Parts:
    """Everything that a daemon has. To be made inside its event loop."""

    def __init__(self, config_path: Path, configuration: Configuration) -> None:
        daemon = configuration.daemon
        self.config_path = config_path
        self.settings = daemon
        self.history = History()
        self.refused = RefusedCalls()
        self.history.listen(self.refused.heard)
        self.files = LoadedFiles(config_path)
        self.expiry = CertificateExpiry(self.report)
        workers = daemon.workers or max(1, len(os.sched_getaffinity(0)) - 1)
        self.plane = PLANES[USERSPACE](PlaneSettings(workers, daemon.rehearsal))
        self.host = Host(daemon.state, (daemon.ike_port, daemon.natt_port))
        self.driver = Driver(Engine(_engine_settings(configuration), os.urandom), self.plane)
        self.started = self.driver.now
        lend, give_back = self.plane.lend_ike_socket, self.plane.return_ike_socket
        self.ports = IkePorts(daemon.ike_port, self.driver.received, lend, give_back)
        self.bindings = Bindings(self.host, self.plane, self.report, (daemon.ike_port, daemon.natt_port))
        self.captures = Captures((daemon.ike_port, daemon.natt_port), self._tunnel_of)
        sequences = Sequences(daemon.sequences)
        self._world = world = World(
            self.driver, self.host, self.ports, self.bindings, self.report, sequences, daemon.natt_port
        )
        self.tunnels = Tunnels(world, workers, self.captures.stop)
        self.signer = Signer()
        self.questions = Questions({Sign: self.signer.sign, Validate: Validator().validate}, self.driver.answer)
        performer = Performer(
            self.plane,
            self.ports,
            self.bindings,
            self.captures,
            report=self.report,
            changed=self._changed,
            query=self.driver.query,
            ask=self.questions.ask,
            look_up=self.tunnels.look_up,
        )
        self.driver.perform = performer.perform

    def report(self, event: Event) -> None:
        """Every event goes here, for people: into the history, with what only the service knows."""
        self.history.add(self._explained(event))

    def _changed(self, change: StateChange) -> None:
        """Tunnels act on this. What people will be told of a failure says as much as the event that they saw."""
        if isinstance(change, AttemptFailed):
            change = replace(change, event=self._explained(change.event))
        self.tunnels.changed(change)

    def _explained(self, event: Event) -> Event:
        event = self._world.at_rest.explain(event)
        if event.reason in _ABOUT_THE_SECRET:
            event = replace(event, facts={**event.facts, **self.tunnels.secret_facts(event.tunnel)})
        return event

    async def counters(self) -> dict[str, int]:
        """Drops and totals of all parts by name."""
        try:
            plane = await self.plane.counters()
        except HostError:
            plane = {}
        sources: Mapping[str, Mapping[str, int]] = {
            "ike": self.driver.engine.counters,
            "service": self.driver.counters,
            "port": self.ports.counters,
            "esp": plane,
            "host": await self._host_counters(),
        }
        return {f"{part}.{name}": count for part, counts in sources.items() for name, count in sorted(counts.items())}

    async def _host_counters(self) -> dict[str, int]:
        """What the host has dropped for us; nothing where it is to drop nothing, or does not say."""
        try:
            discarded = await self.host.discarded()
        except HostError:
            return {}
        return {} if discarded is None else {"drop-unprotected": discarded}

    def _tunnel_of(self, cky_i: bytes) -> str:
        cookie = cky_i.hex()
        found = self.driver.engine.status(self.driver.now).ike_sas
        return next((sa.tunnel for sa in found if sa.cky_i == cookie), "")


def _engine_settings(configuration: Configuration) -> EngineSettings:
    daemon = configuration.daemon
    return EngineSettings(
        ike_port=daemon.ike_port,
        natt_port=daemon.natt_port,
        max_half_open=daemon.max_half_open,
        max_half_open_per_source=daemon.max_half_open_per_source,
        max_established=daemon.max_established,
        max_established_per_source=daemon.max_established_per_source,
    )
