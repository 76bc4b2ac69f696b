import os
import socket
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ikevpn.dataplane.interface.ike_port import IkeDatagram
from ikevpn.dataplane.interface.sa_plane import Acquire
from ikevpn.dataplane.userspace.io.udp import open_socket
from ikevpn.dataplane.userspace.ipc import channel, message
from ikevpn.dataplane.userspace.worker.worker import BATCH, USES_PER_MESSAGE, Worker
from ikevpn.esp.outbound import Outbound
from ikevpn.model.address import Endpoint
from ikevpn.model.sa import Direction
from tests.dataplane.fakes import DEVICE, PACKET, packets, policy
from tests.esp.samples import SPI, entropy, sa

WITHIN_S = 120.0


class Control:
    """The other end of a worker's channel."""

    def __init__(self, end: socket.socket) -> None:
        self.end = end
        end.settimeout(WITHIN_S)

    def say(self, command: message.Command, *descriptors: int) -> None:
        channel.send(self.end, command, descriptors)

    def hear(self) -> Any:
        received = channel.receive(self.end)
        return None if received is None else received.value

    def ask(self, command: message.Command) -> Any:
        self.say(command)
        return self.hear()


@contextmanager
def running() -> Iterator[Control]:
    """A worker in a thread, which ends with its channel."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    thread = threading.Thread(target=Worker(theirs).run)
    thread.start()
    try:
        control = Control(ours)
        assert control.hear() == message.Ready()
        yield control
    finally:
        ours.close()
        thread.join(WITHIN_S)
        theirs.close()
        assert not thread.is_alive()


def device(control: Control) -> tuple[int, int]:
    """A pipe instead of a device: what is written to it comes out of the device. Returns (device, pipe's other end)."""
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_DIRECT)
    control.say(message.UseDevice(DEVICE, joins_udp=True), reader)
    return reader, writer


def test_stop_is_answered() -> None:
    with running() as control:
        assert control.ask(message.Stop()) == message.Done()


def test_answers_come_in_the_order_of_the_questions() -> None:
    with running() as control:
        control.say(message.AddSa(sa(Direction.IN)))
        for question in (message.Query(), message.Count(), message.DropDevice("none"), message.Query()):
            control.say(question)
        heard = [control.hear() for _ in range(4)]
        assert [type(answer) for answer in heard] == [message.Uses, message.Counts, message.Done, message.Uses]
        assert [use.spi for use in heard[0].uses] == [SPI]


def test_a_long_answer_is_one_page_a_turn() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        worker, control = Worker(theirs), Control(ours)
        ours.setblocking(False)
        for spi in range(1000, 1000 + 2 * USES_PER_MESSAGE + 1):
            control.say(message.AddSa(sa(Direction.IN, spi=spi, tunnel="paris" if spi < 1007 else "rome")))
            worker.turn()
        control.say(message.Query())
        pages = []
        for _ in range(3):
            worker.turn()
            pages.append(control.hear())
            with pytest.raises(BlockingIOError):
                control.hear()
        assert [len(page.uses) for page in pages] == [USES_PER_MESSAGE, USES_PER_MESSAGE, 1]
        assert [page.last for page in pages] == [False, False, True]
        control.say(message.Query(tunnels=("paris",)))
        worker.turn()
        assert [use.spi for use in control.hear().uses] == [*range(1000, 1007)]


def test_packets_of_a_device_acquire() -> None:
    with running() as control:
        reader, writer = device(control)
        control.say(message.AddPolicy(policy()))
        control.ask(message.Count())
        os.write(writer, PACKET)
        assert isinstance(control.hear(), Acquire)
        assert control.ask(message.DropDevice(DEVICE)) == message.Done()
        os.close(reader)
        os.close(writer)


def test_a_dropped_device_is_closed() -> None:
    with running() as control:
        reader, writer = device(control)
        control.ask(message.DropDevice(DEVICE))
        os.close(reader)
        try:
            os.write(writer, PACKET)
            raise AssertionError("somebody still holds the device")
        except BrokenPipeError:
            os.close(writer)


def test_a_turn_takes_commands_first_and_then_a_bounded_batch() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        worker, control = Worker(theirs), Control(ours)
        reader, writer = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        control.say(message.UseDevice(DEVICE, joins_udp=True), reader.fileno())
        worker.turn()
        for packet in packets(BATCH + 1):  # there is no room for twice as many
            writer.send(packet)
        dropped = []
        for _ in range(3):
            control.say(message.Count())
            worker.turn()
            dropped.append(dict(control.hear().counts).get("drop-no-policy", 0))
        assert dropped == [0, BATCH, BATCH + 1]
        control.say(message.DropDevice(DEVICE))
        worker.turn()
        reader.close()
        writer.close()


def test_events_wait_for_a_control_process_that_is_behind() -> None:
    with running() as control, open_socket(Endpoint.of("127.0.0.1", 0)) as end:
        local = Endpoint.of(*end.getsockname())
        control.say(message.UseUdp(local, receive=True), end.fileno())
        with socket.socket(type=socket.SOCK_DGRAM) as peer:
            for n in range(100):
                peer.sendto(bytes(4) + n.to_bytes(4, "big") + bytes(8000), (str(local.address), local.port))
        heard = [control.hear() for _ in range(100)]
        assert all(isinstance(event, IkeDatagram) for event in heard)
        assert [int.from_bytes(event.data[:4], "big") for event in heard] == list(range(100))


def test_an_sa_is_there_before_the_first_packet_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer is quick: new SA and first packet both come while the worker is about to read another packet."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    peer = socket.socket(type=socket.SOCK_DGRAM)
    end = open_socket(Endpoint.of("127.0.0.1", 0))
    where = end.getsockname()[:2]
    worker = Worker(theirs)
    channel.send(ours, message.UseUdp(Endpoint.of(*where), receive=True), [end.fileno()])
    worker.turn()
    wait = worker._watch.wait

    def meanwhile(due: float | None) -> tuple[Collection[int], float]:
        ready = wait(due)
        channel.send(ours, message.AddSa(sa(Direction.IN)))
        peer.sendto(Outbound(sa(Direction.OUT), entropy()).seal([PACKET], 4)[0], where)
        return ready

    monkeypatch.setattr(worker._watch, "wait", meanwhile)
    peer.sendto(b"\xff", where)
    worker.turn()
    counts = worker._stats.report()
    assert "drop-unknown-spi" not in counts and counts["drop-no-device"] == 1
    for each in (ours, theirs, peer, end):
        each.close()


def test_a_device_may_be_dropped_in_the_turn_in_which_it_is_ready() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        worker, control = Worker(theirs), Control(ours)
        reader, writer = device(control)
        worker.turn()
        os.write(writer, PACKET)
        control.say(message.DropDevice(DEVICE))
        worker.turn()
        assert control.hear() == message.Done()
        os.close(reader)
        os.close(writer)


def test_a_dropped_socket_is_forgotten() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    end = open_socket(Endpoint.of("127.0.0.1", 0))
    local = Endpoint.of(*end.getsockname()[:2])
    with ours, theirs, end:
        worker, control = Worker(theirs), Control(ours)
        control.say(message.UseUdp(local, receive=True), end.fileno())
        worker.turn()
        assert (len(worker._receivers), len(worker._watch)) == (1, 1)
        control.say(message.DropUdp(local))
        worker.turn()
        assert control.hear() == message.Done()
        assert (len(worker._receivers), len(worker._watch)) == (0, 0)


def test_an_error_costs_a_batch_and_not_the_worker(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        worker, control = Worker(theirs), Control(ours)
        reader, writer = device(control)
        worker.turn()

        def fail(*arguments: object) -> None:
            raise ValueError("a secret")

        with monkeypatch.context() as patch:
            patch.setattr(worker._forwarding, "from_device", fail)
            for _ in range(2):
                os.write(writer, PACKET)
                worker.turn()
        os.write(writer, PACKET)
        worker.turn()
        assert worker._stats.report() == {"drop-internal-error": 2, "drop-no-policy": 1}
        told = capfd.readouterr().err
        assert told.count("ValueError in test_worker.py:") == 1 and "secret" not in told
        os.close(reader)
        os.close(writer)
