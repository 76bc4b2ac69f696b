"""The data plane's own process: a loop over the control channel, the TUN devices and the sockets.

Started as `python -m ikevpn.dataplane.userspace.worker.worker FD UID GID`, where FD is its end of the channel; ends
when the other end is gone.
Each turn it takes commands first, then one bounded batch of every descriptor that has something, so that neither a
flood on one of them nor a saturated tunnel keeps the others waiting. It has no privilege and no file system, and may
make few system calls (`confinement`): what it works on was opened by the control process.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import Any

from ikevpn.dataplane.confinement import confinement, imports
from ikevpn.dataplane.confinement.own_user import OwnUser
from ikevpn.dataplane.interface.event_queue import Backlog
from ikevpn.dataplane.kernel.process_usage import OwnUse
from ikevpn.dataplane.userspace.forward.forwarding import Forwarding
from ikevpn.dataplane.userspace.io import error_queue, rawip, udp
from ikevpn.dataplane.userspace.io.error_queue import TooBig
from ikevpn.dataplane.userspace.io.outer import Outer
from ikevpn.dataplane.userspace.io.tun import Devices, Tun
from ikevpn.dataplane.userspace.ipc import channel, message
from ikevpn.dataplane.userspace.packet.ends import Receiver
from ikevpn.dataplane.userspace.packet.stats import Loss, Stats
from ikevpn.dataplane.userspace.worker.internal_errors import InternalErrors
from ikevpn.dataplane.userspace.worker.neighbours import InboxReceiver, Neighbours
from ikevpn.dataplane.userspace.worker.rehearsal import Ends, Rehearsal, Stage
from ikevpn.dataplane.userspace.worker.watch import Watch
from ikevpn.model.sa import Encapsulation, SaUse, Total

# Packets of one descriptor a turn, less where they are large: as many small ones as the usual buffer of a socket, of
# 212,992 octets, has room for, which take 832 each.
BATCH = 256
STRANGERS_BATCH = 16  # of what nobody vouches for: IKE of new peers finds room, a flood costs the others little
COMMANDS_PER_TURN = 64
USES_PER_MESSAGE = 100  # as many a turn, between the packets of others


class Worker:
    """One loop. `clock` gives monotonic seconds."""

    def __init__(
        self,
        control: socket.socket,
        clock: Callable[[], float] = time.monotonic,
        *,
        use: OwnUse | None = None,
    ) -> None:
        control.setblocking(False)
        self._control = control
        self._clock = clock
        self._stats = Stats()
        self._use = use or OwnUse()
        self._internal_errors = InternalErrors(self._stats)
        self._devices = Devices(self._stats, BATCH)
        self._outer = Outer(self._stats, self._hear)
        self._neighbours = Neighbours(self._stats)
        self._events = Backlog()
        self._receivers: list[Receiver] = []
        self._answers: deque[message.Answer | Iterator[message.Answer]] = deque()
        self._watch = Watch(clock)
        self._watch.call(control.fileno())
        self._channel = control.fileno()
        self._has_listened = False
        self._is_behind = False  # there is more to say than the control process has taken
        self._failure: Exception | None = None
        self._rehearsal: Rehearsal | None = None
        self._running = True
        self._forwarding = Forwarding(
            devices=self._devices,
            outer=self._outer,
            stats=self._stats,
            report=self._events.push,
            hand_over=self._neighbours.hand_over,
            catch_up=self._catch_up,
            entropy=os.urandom,
        )
        self._commands = self._by_kind()
        self._descriptor_commands = self._by_kind_of_descriptor()

    def _by_kind_of_descriptor(self) -> dict[type, Callable[..., None]]:
        """What to do for each command that brings descriptors, with these."""
        return {
            message.UseDevice: self._use_device,
            message.UseUdp: self._use_udp,
            message.UseRaw: self._use_raw,
            message.UseInbox: self._use_inbox,
            message.UseNeighbour: self._use_neighbour,
            message.UseProbe: self._use_probe,
            message.UseRehearsal: self._use_rehearsal,
        }

    def _by_kind(self) -> dict[type, Callable[[Any, float], None]]:
        """What to do for each command that brings no descriptor."""
        forwarding = self._forwarding
        return {
            message.AddSa: forwarding.add_sa,
            message.DeleteSa: forwarding.delete_sa,
            message.MoveSas: forwarding.move_sas,
            message.Elsewhere: forwarding.elsewhere,
            message.AddPolicy: forwarding.add_policy,
            message.DeletePolicy: forwarding.delete_policy,
            message.SendIke: forwarding.send_ike,
            message.Keepalive: forwarding.keepalive,
            message.EspDatagram: forwarding.esp_datagram,
            message.DropDevice: self._drop_device,
            message.DropUdp: self._drop_udp,
            message.Query: self._query,
            message.Sum: self._sum,
            message.Count: self._count,
            message.Stop: self._stop,
        }

    def run(self, missing: tuple[str, ...] = ()) -> None:
        """Work until told to stop or until the control process is gone. `missing` is told before: `message.Ready`."""
        self._answers.append(message.Ready(missing))
        self._speak()
        while self._running:
            self.turn()

    def turn(self, *, waits: bool = True) -> None:
        """Wait for something to do, and do it: commands, what time has brought, then one batch of each descriptor."""
        due, rehearsal = self._forwarding.next_timer(), self._rehearsal
        ready, now = self._watch.wait(_earlier(due, rehearsal.next_timer if rehearsal else None) if waits else 0.0)
        self._has_listened = self._channel in ready
        if self._has_listened:
            self._listen(now)
        if due is not None and due <= now:
            self._outer.gather()  # the keepalives
            self._forwarding.timer(now)
            self._outer.flush()
        some = False
        for descriptor in ready:
            some |= self._watch.read(descriptor, now)
        if rehearsal is not None and some:
            rehearsal.packets(now)
        elif rehearsal is not None and rehearsal.next_timer is not None and rehearsal.next_timer <= now:
            rehearsal.timer(now)
        if self._answers or self._events.events or self._is_behind:
            self._speak()

    def _catch_up(self, now: float) -> bool:
        """What the control process has said since the turn began, once a turn; whether it may have been something."""
        if self._has_listened:
            return False
        self._has_listened = True
        try:
            self._listen(now)
        except Exception as error:
            self._failure = error
        return True

    def _listen(self, now: float) -> None:
        """Carry out what the control process wants."""
        try:
            for _ in range(COMMANDS_PER_TURN):
                received = channel.receive(self._control)
                if received is None:
                    self._running = False
                    return
                self._obey(received, now)
        except BlockingIOError:
            return
        except ConnectionError:
            self._running = False

    def _obey(self, received: channel.Received, now: float) -> None:
        command, descriptors = received
        use = self._descriptor_commands.get(type(command))
        if use is not None:
            use(command, *descriptors)
        else:
            self._commands[type(command)](command, now)

    def _speak(self, *, to_the_end: bool = False) -> None:
        """Answers first, then events, as far as the control process takes them; of a long answer one page."""
        has_more = False
        try:
            while self._answers and (to_the_end or not has_more):
                has_more = self._send_answer()
            while self._events.events:
                channel.send(self._control, self._events.first())
                self._events.pop()
            self._is_behind = has_more
        except BlockingIOError:
            self._is_behind = True
        except OSError:
            self._running = False
            return
        self._watch.wants_room(self._channel, self._is_behind)

    def _send_answer(self) -> bool:
        """The first one; whether it was a page that others follow."""
        first = self._answers[0]
        if not isinstance(first, message.Answer):
            page = next(first, None)
            if page is None:
                self._answers.popleft()
                return False
            self._answers.appendleft(first := page)
        channel.send(self._control, first)
        self._answers.popleft()
        return isinstance(first, message.Uses) and not first.last

    def _use_device(self, command: message.UseDevice, descriptor: int) -> None:
        device = self._devices.use(command.name, descriptor, joins_udp=command.joins_udp)
        self._watch.add(device.fileno(), partial(self._read_device, command.name, device), BATCH)

    def _read_device(self, name: str, device: Tun, limit: int, now: float) -> int:
        try:
            packets = device.read_batch(limit)
            if device.gone:
                self._watch.remove(device.fileno())  # deleted under our hands; it would be ready forever
            if len(packets) > 1:  # perhaps of many SAs
                self._outer.gather()
            self._forwarding.from_device(name, packets, now)
        except Exception as error:
            self._internal_errors.survive(error)
        finally:
            self._outer.flush()
        return device.taken

    def _drop_device(self, command: message.DropDevice, now: float) -> None:
        device = self._devices.drop(command.name)
        if device is not None:
            if not device.gone:
                self._watch.remove(device.fileno())
            device.close()
        self._answers.append(message.Done())

    def _use_udp(self, command: message.UseUdp, descriptor: int) -> None:
        end = socket.socket(fileno=descriptor)
        if not command.strangers:
            self._outer.use_udp(command.local, end, lent=not command.receive)
        if command.receive:
            receiver = udp.PktinfoReceiver(end, command.local, Encapsulation.UDP)
            self._receive(receiver, end, strangers=command.strangers)

    def _drop_udp(self, command: message.DropUdp, now: float) -> None:
        end = self._outer.drop_udp(command.local)
        if end is not None:
            if end.fileno() in self._watch:
                self._watch.remove(end.fileno())
            self._receivers = [each for each in self._receivers if each.fileno() != end.fileno()]
            end.close()
        self._answers.append(message.Done())

    def _use_raw(self, command: message.UseRaw, descriptor: int) -> None:
        end = socket.socket(fileno=descriptor)
        self._outer.use_raw(command.version, command.protocol, end)
        self._receive(rawip.receiver(end, command.version, command.protocol, batch=BATCH), end)

    def _use_inbox(self, command: message.UseInbox, descriptor: int) -> None:
        self._receive(InboxReceiver(socket.socket(fileno=descriptor), self._told))

    def _use_neighbour(self, command: message.UseNeighbour, descriptor: int) -> None:
        self._neighbours.use(command.worker, socket.socket(fileno=descriptor))

    def _use_probe(self, command: message.UseProbe, descriptor: int) -> None:
        self._outer.use_probe(command.version, socket.socket(fileno=descriptor))

    def _use_rehearsal(self, command: message.UseRehearsal, *descriptors: int) -> None:
        ends = Ends.of(descriptors)
        self._rehearsal = Rehearsal(lambda: Stage(partial(Worker, use=self._use), ends).play, self._clock)

    def _receive(self, receiver: Receiver, end: socket.socket | None = None, *, strangers: bool = False) -> None:
        """Read it whenever it is ready; `end` where routers may have something to say of what it sends."""
        self._receivers.append(receiver)
        reader = partial(self._read_socket, receiver, end)
        self._watch.add(receiver.fileno(), reader, STRANGERS_BATCH if strangers else BATCH, patient=strangers)

    def _hear(self, end: socket.socket) -> bool:
        """Take what routers say of datagrams of ours; whether there was anything."""
        errors, some = error_queue.read(end)
        for error in errors:
            if not self._forwarding.too_big(error, self._clock()):
                # The kernel says it to one of the workers, not always the right one.
                self._neighbours.tell(error, self._clock())
        return some

    def _told(self, error: TooBig) -> None:
        self._forwarding.too_big(error, self._clock())

    def _read_socket(self, receiver: Receiver, end: socket.socket | None, limit: int, now: float) -> int:
        taken = 0
        try:
            arrivals = receiver.read_batch(limit)
            if end is not None and not arrivals:
                self._hear(end)  # it is ready for another reason than datagrams
            taken = len(arrivals) if limit == 1 else sum(len(arrival.datagrams) for arrival in arrivals)
            self._forwarding.from_outside(arrivals, now)
        except Exception as error:
            self._internal_errors.survive(error)
        if self._failure is not None:
            raise self._failure  # of a command, which costs more than a batch: both processes disagree from now on
        return taken

    def _query(self, command: message.Query, now: float) -> None:
        self._answer_in_parts(self._forwarding.uses(now, command.spis, command.tunnels))

    def _sum(self, command: message.Sum, now: float) -> None:
        self._answer_in_parts(self._forwarding.totals(now))

    def _answer_in_parts(self, uses: Iterator[SaUse | Total]) -> None:
        self._answers.append(_pages(uses))

    def _count(self, command: message.Count, now: float) -> None:
        counts = self._stats.report()
        counts["events-lost"] = self._events.lost
        if self._rehearsal is not None and self._rehearsal.played:
            counts["rehearsals"] = self._rehearsal.played
        if lost := sum(receiver.lost() for receiver in self._receivers):
            counts[f"drop-{Loss.SOCKET_QUEUE_FULL}"] = lost
        self._answers.append(message.Counts(tuple(sorted(counts.items())), *self._use.read()))

    def _stop(self, command: message.Stop, now: float) -> None:
        self._answers.append(message.Done())
        self._speak(to_the_end=True)
        self._running = False


def _pages(uses: Iterator[SaUse | Total]) -> Iterator[message.Uses]:
    """Each is counted when it is its turn."""
    while part := tuple(islice(uses, USES_PER_MESSAGE)):
        yield message.Uses(part, last=len(part) < USES_PER_MESSAGE)
        if len(part) < USES_PER_MESSAGE:
            return
    yield message.Uses((), last=True)


def _earlier(one: float | None, other: float | None) -> float | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)


def main(arguments: list[str]) -> None:
    """Run until the control process ends us; signals from a terminal are its business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    descriptor, uid, gid = map(int, arguments[1:])
    use = OwnUse()
    imports.load()
    missing = confinement.confine(OwnUser(uid, gid))
    imports.end()
    Worker(socket.socket(fileno=descriptor), use=use).run(missing)


if __name__ == "__main__":
    main(sys.argv)
