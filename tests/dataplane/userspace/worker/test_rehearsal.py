from __future__ import annotations

import socket

import pytest

from ikevpn.dataplane.userspace.ipc import channel, message
from ikevpn.dataplane.userspace.worker import rehearsal
from ikevpn.dataplane.userspace.worker.rehearsal import (
    AGAIN_S,
    LEAST_PAUSE,
    PERIOD_S,
    TOGETHER_S,
    Ends,
    Rehearsal,
    Stage,
)
from ikevpn.dataplane.userspace.worker.worker import Worker


class Scene:
    """A rehearsal that is played by nobody and takes `cost_s`."""

    def __init__(self, cost_s: float = 0.0, *, works: bool = True) -> None:
        self.now = 0.0
        self.cost_s = cost_s
        self.works = works
        self.played: list[float] = []
        self.rehearsal = Rehearsal(lambda: self.play, lambda: self.now)

    def play(self) -> bool:
        self.played.append(self.now)
        self.now += self.cost_s
        return self.works

    def pass_by(self, until: float) -> None:
        """Let time pass as a worker does that has nothing else to do."""
        while (due := self.rehearsal.next_timer) is not None and due <= until:
            self.now = max(self.now, due)
            self.rehearsal.timer(self.now)
        self.now = max(self.now, until)


def test_it_plays_between_packets_that_come_close_together() -> None:
    scene = Scene()
    for at in (0.0, 0.01, 0.02):
        scene.pass_by(at)
        scene.rehearsal.packets(at)
    assert len(scene.played) > 2 and all(0.01 < at <= 0.02 for at in scene.played)


def test_it_does_not_play_for_packets_that_are_far_apart() -> None:
    scene = Scene()
    for at in (0.0, 2 * TOGETHER_S, 4 * TOGETHER_S):
        scene.pass_by(at)
        for answer in (0.0, PERIOD_S / 4):
            scene.rehearsal.packets(at + answer)
    scene.pass_by(5.0)
    assert not scene.played and scene.rehearsal.next_timer is None


def test_it_ends_when_no_more_packets_come() -> None:
    scene = Scene()
    for at in (0.0, 0.01):
        scene.rehearsal.packets(at)
    scene.pass_by(10.0)
    assert scene.played and max(scene.played) < 0.01 + TOGETHER_S
    assert scene.rehearsal.next_timer is None


def test_it_takes_no_more_than_its_part_of_the_time() -> None:
    scene = Scene(cost_s=0.01)
    for at in (0.0, 0.01):
        scene.rehearsal.packets(at)
    scene.pass_by(10.0)
    assert 1 < len(scene.played) <= 1 + TOGETHER_S / (0.01 * (1 + LEAST_PAUSE))


def test_what_does_not_work_is_tried_again_much_later() -> None:
    scene = Scene(works=False)
    for at in (0.0, 0.01, 0.02, 0.03):
        scene.pass_by(at)
        scene.rehearsal.packets(at)
    scene.pass_by(10.0)
    assert len(scene.played) == 1 and scene.rehearsal.next_timer is None
    scene.works = True
    for at in (AGAIN_S + 1.0, AGAIN_S + 1.01, AGAIN_S + 1.02):
        scene.pass_by(at)
        scene.rehearsal.packets(at)
    assert len(scene.played) > 2 and scene.rehearsal.played == len(scene.played) - 1


def test_an_error_in_it_is_not_the_workers() -> None:
    played = Rehearsal(lambda: lambda: bool(1 // 0), lambda: 0.0)
    for at in (0.0, 0.01):
        played.packets(at)
    played.timer(0.02)
    assert played.next_timer is None and not played.played


def test_without_a_loopback_nothing_is_played_and_nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> socket.socket:
        raise OSError("no such address")

    monkeypatch.setattr(rehearsal, "_deaf_socket", refuse)
    assert Ends.open() is None


def opened() -> Ends:
    ends = Ends.open()
    assert ends is not None
    return ends


def test_a_worker_plays_to_itself() -> None:
    stage = Stage(Worker, opened())
    assert all(stage.play() for _ in range(10))
    assert isinstance(stage._worker, Worker)
    counts = stage._worker._stats.report()
    assert (counts["packets-out"], counts["packets-in"]) == (5, 5)
    assert not any(name.startswith("drop") for name in counts)


def test_nobody_else_can_play() -> None:
    stage = Stage(Worker, opened())
    assert isinstance(stage._worker, Worker)
    (end,) = stage._worker._outer._udp.values()
    with socket.socket(type=socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionRefusedError):
            for _ in range(2):  # the first is refused, the second hears of it
                stranger.connect(end.getsockname())
                stranger.send(bytes(40))
    assert stage.play() and stage.play()


def test_a_worker_rehearses_where_packets_came() -> None:
    """In its loop, with real descriptors: two packets, and then it plays as often as it is let."""
    times = iter(PERIOD_S * n for n in range(1000))
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    inside, outside = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs, outside, inside:
        inside.setblocking(False)
        worker = Worker(theirs, lambda: next(times))
        channel.send(ours, message.UseDevice("vpn", joins_udp=False), [inside.fileno()])
        ends = opened()
        channel.send(ours, message.UseRehearsal(), [each.fileno() for each in ends.sockets])
        ends.close()  # the worker has descriptors of its own
        worker.turn()
        for _ in range(2):
            outside.send(bytes(40))
            worker.turn(waits=False)
        assert worker._rehearsal is not None
        for _ in range(20):
            worker.turn(waits=False)
        assert worker._rehearsal.played


def test_without_the_ends_a_worker_does_not_rehearse() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    inside, outside = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs, outside, inside:
        inside.setblocking(False)
        times = iter(PERIOD_S * n for n in range(1000))
        worker = Worker(theirs, lambda: next(times))
        channel.send(ours, message.UseDevice("vpn", joins_udp=False), [inside.fileno()])
        for _ in range(20):
            outside.send(bytes(40))
            worker.turn(waits=False)
        channel.send(ours, message.Count())
        for _ in range(3):
            worker.turn(waits=False)
        received = channel.receive(ours)
        assert received is not None and "rehearsals" not in dict(received.value.counts)
