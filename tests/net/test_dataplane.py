"""Two userspace data planes with SAs made by hand; what they put on the cable is checked with scapy's ESP."""

import asyncio
import errno
import hashlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.ipsec import ESP, SecurityAssociation
from scapy.layers.l2 import Ether
from scapy.packet import Packet

from ikevpn.capture.offload import split
from ikevpn.dataplane.interface.data_plane import Crashed
from ikevpn.dataplane.interface.sa_plane import Acquire
from ikevpn.dataplane.userspace.io import offload, tun
from ikevpn.errors import HostError
from ikevpn.model.address import Endpoint
from ikevpn.model.outer_header import DfBit, Fragment, OuterHeader
from ikevpn.model.sa import Direction, Encapsulation, Policy
from tests.esp.samples import CBC_SHA1, CBC_SHA256, GCM, Pair, algorithms
from tests.net import pings
from tests.net.gateways import DEVICE, REQID, Gateway, join, packet_socket, pair_of, two_gateways

pytestmark = pytest.mark.root

WITHIN_S = 120.0
SCAPY = {
    GCM: {"crypt_algo": "AES-GCM"},
    CBC_SHA1: {"crypt_algo": "AES-CBC", "auth_algo": "HMAC-SHA1-96"},
    CBC_SHA256: {"crypt_algo": "AES-CBC", "auth_algo": "SHA2-256-128"},
}
OUTSIDES = [(encapsulation, version) for encapsulation in (Encapsulation.UDP, Encapsulation.NONE) for version in (4, 6)]


def run(story: Callable[[Gateway, Gateway], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with two_gateways() as (left, right):
            await story(left, right)

    asyncio.run(whole())


async def ping(left: Gateway, right: Gateway, *options: str) -> None:
    """Five packets over either version inside, none lost."""
    for source, target in ((left.inside4, right.inside4), (left.inside6, right.inside6)):
        printed = await left.run(*pings.words(5, 0.1), "-I", source, *options, target)
        assert pings.lost(printed, 5) == []


async def transfer(sender: Gateway, receiver: Gateway, version: int, size: int = 2_000_000) -> None:
    """A TCP transfer with equal checksums."""
    loop = asyncio.get_running_loop()
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    source, target = ((gateway.inside4 if version == 4 else gateway.inside6) for gateway in (sender, receiver))
    with receiver.entered():
        listener = socket.socket(family)
    with sender.entered():
        client = socket.socket(family)
    with listener, client:
        listener.bind((target, 5001))
        listener.listen()
        listener.setblocking(False)
        client.setblocking(False)
        client.bind((source, 0))
        _, (server, _) = await asyncio.gather(loop.sock_connect(client, (target, 5001)), loop.sock_accept(listener))
        data = os.urandom(size)
        received = hashlib.sha256()

        async def receive() -> None:
            while part := await loop.sock_recv(server, 1 << 16):
                received.update(part)

        with server:
            receiving = asyncio.create_task(receive())
            await loop.sock_sendall(client, data)
            client.shutdown(socket.SHUT_WR)
            await receiving
    assert received.digest() == hashlib.sha256(data).digest()


def frames(end: socket.socket) -> list[Packet]:
    """What came over the cable so far; what the kernel shows in one piece is cut."""
    found = []
    try:
        while True:
            frame = end.recv(65_549)
            found += [Ether(frame[:14] + packet) for packet in split(frame[14:])]
    except BlockingIOError:
        return found


def decrypted(frame: Packet, encapsulation: Encapsulation, pair: Pair) -> Packet | None:
    """The inner packet by scapy's ESP, which raises where the ICV does not verify; None for other frames."""
    outer = frame.getlayer(IP) or frame.getlayer(IPv6)
    if outer is None or not outer.haslayer(ESP):
        return None
    keys = algorithms(pair)
    ports = {"nat_t_header": UDP(sport=4500, dport=4500)} if encapsulation is Encapsulation.UDP else {}
    association = SecurityAssociation(
        ESP,
        spi=outer[ESP].spi,
        crypt_key=keys.encryption_key.reveal(),
        auth_key=keys.integrity_key.reveal() or None,
        tunnel_header=type(outer)(src=outer.src, dst=outer.dst),
        **SCAPY[pair],
        **ports,
    )
    return association.decrypt(outer)


@pytest.mark.parametrize("pair", SCAPY, ids=["gcm", "sha1", "sha256"])
@pytest.mark.parametrize(("encapsulation", "version"), OUTSIDES, ids=lambda value: str(value))
def test_ping_and_tcp_and_scapy_reads_along(encapsulation: Encapsulation, version: int, pair: Pair) -> None:
    async def story(left: Gateway, right: Gateway) -> None:
        await join(left, right, version, encapsulation, pair)
        with packet_socket(right) as cable:
            await ping(left, right)
            inner = [packet for frame in frames(cable) if (packet := decrypted(frame, encapsulation, pair))]
            seen = {(packet.src, packet.dst) for packet in inner}
            assert {(left.inside4, right.inside4), (right.inside6, left.inside6)} <= seen
            assert len(inner) >= 20
        await transfer(left, right, 4)
        await transfer(right, left, 6)

    run(story)


@pytest.mark.parametrize(("encapsulation", "version"), OUTSIDES, ids=lambda value: str(value))
def test_fragments_inside_and_outside(encapsulation: Encapsulation, version: int) -> None:
    async def story(left: Gateway, right: Gateway) -> None:
        await join(left, right, version, encapsulation, outer=OuterHeader(DfBit.CLEAR, fragment=Fragment.AFTER))
        await ping(left, right, "-s", "5000")  # the host fragments before the device
        for gateway in (left, right):
            await gateway.run("ip", "link", "set", DEVICE, "mtu", "9000")
        await ping(left, right, "-s", "5000")  # the kernel fragments ESP

    run(story)


def refusing(flag: int) -> Callable[[int, str, int], str]:
    """The system call of a kernel that does not know a flag."""
    known = tun._set_flags

    def set_flags(descriptor: int, name: str, flags: int) -> str:
        if flags & flag:
            raise OSError(errno.EINVAL, "no")
        return known(descriptor, name, flags)

    return set_flags


@pytest.mark.parametrize("missing", ["frames", "cutting", "USO"])
@pytest.mark.parametrize("encapsulation", [Encapsulation.UDP, Encapsulation.NONE], ids=str)
def test_without_an_offload_all_goes_on(
    missing: str, encapsulation: Encapsulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One kernel cannot, the other can: they understand each other, and large transfers come through whole."""

    async def story(left: Gateway, right: Gateway) -> None:
        await right.plane.delete_device(DEVICE)
        if missing == "frames":
            monkeypatch.setattr(tun, "_set_flags", refusing(tun._IFF_VNET_HDR))
        else:
            monkeypatch.setattr(tun, "_OFFLOADS", () if missing == "cutting" else tun._OFFLOADS[1:])
        await right.device()
        await join(left, right, 4, encapsulation)
        await ping(left, right, "-s", "2000")
        await transfer(left, right, 4)
        await transfer(right, left, 6)

    run(story)


@pytest.mark.parametrize("version", [4, 6])
def test_a_stream_takes_few_frames(version: int) -> None:
    """The offloads are at work: what goes through the tunnel are many times more packets than acknowledgements."""

    async def story(left: Gateway, right: Gateway) -> None:
        await join(left, right, 4, Encapsulation.UDP)
        await transfer(left, right, version, size=20_000_000)
        counts = await right.plane.counters()
        assert counts["packets-in"] > 14_000
        assert counts["packets-out"] * 5 < counts["packets-in"]

    run(story)


@pytest.mark.parametrize("version", [4, 6])
def test_datagrams_sent_in_one_piece_arrive_one_by_one(version: int) -> None:
    async def story(left: Gateway, right: Gateway) -> None:
        await join(left, right, 4, Encapsulation.UDP)
        await ping(left, right)
        family = socket.AF_INET if version == 4 else socket.AF_INET6
        source, target = ((each.inside4 if version == 4 else each.inside6) for each in (left, right))
        data = os.urandom(20 * 1000 + 321)
        with left.entered():
            sender = socket.socket(family, socket.SOCK_DGRAM)
        with right.entered():
            listener = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        with sender, listener:
            sender.bind((source, 0))
            listener.bind((target, 5002))
            sender.sendmsg([data], [offload.write(1000)], 0, (target, 5002))
            loop = asyncio.get_running_loop()
            received = [await asyncio.wait_for(loop.sock_recv(listener, 65_535), WITHIN_S) for _ in range(21)]
        assert received == [data[at : at + 1000] for at in range(0, len(data), 1000)]

    run(story)


def test_draft_nat_traversal_on_the_ike_port() -> None:
    async def story(left: Gateway, right: Gateway) -> None:
        await join(left, right, 4, Encapsulation.UDP_NON_IKE)
        loop = asyncio.get_running_loop()
        ends = []
        for gateway in (left, right):
            local = gateway.outside(4, 500)
            with gateway.entered():
                ike = socket.socket(type=socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            ends.append(ike)
            ike.bind((str(local.address), local.port))
            gateway.plane.lend_ike_socket(local, ike.fileno())

            def arrived(gateway: Gateway = gateway, ike: socket.socket = ike, local: Endpoint = local) -> None:
                data, source = ike.recvfrom(65_535)
                assert data[:8] == bytes(8)
                gateway.plane.esp_datagram(data[8:], local, Endpoint.of(*source))

            loop.add_reader(ike, arrived)
        await ping(left, right)
        for ike in ends:
            loop.remove_reader(ike)
            ike.close()

    run(story)


def test_the_packet_that_acquires_is_sent_once_the_sa_is_there() -> None:
    async def story(left: Gateway, right: Gateway) -> None:
        left.add_policies()
        pinging = asyncio.create_task(left.run("ping", "-c", "1", "-W", "20", "-I", left.inside4, right.inside4))
        event = await asyncio.wait_for(anext(left.plane.events()), WITHIN_S)
        assert event == Acquire("paris", REQID, left.selector(4))
        await join(left, right, 4, Encapsulation.UDP)
        assert " 0% packet loss" in await pinging

    run(story)


def test_a_rekey_under_traffic_loses_nothing() -> None:
    async def story(left: Gateway, right: Gateway) -> None:
        await join(left, right, 4, Encapsulation.UDP)
        pinging = asyncio.create_task(left.run(*pings.words(40, 0.1), "-I", left.inside4, right.inside4))
        for generation in range(1, 6):
            for sender, receiver, first in ((left, right, 0x1000), (right, left, 0x2000)):
                out, into = pair_of(sender, receiver, 4, Encapsulation.UDP, spi=first + generation)
                receiver.plane.add_sa(into)
                await receiver.plane.query()  # installed before anybody sends to it
                sender.plane.add_sa(out)
            await left.plane.query()
            for gateway in (left, right):
                for first in (0x1000, 0x2000):
                    gateway.plane.delete_sa(first + generation - 1, Direction.OUT)
        assert pings.lost(await pinging, 40) == []
        assert {use.spi for use in await left.plane.query() if use.direction is Direction.OUT} == {0x1005}

    run(story)


def test_nothing_leaves_in_clear_after_a_crash() -> None:
    async def story(left: Gateway, right: Gateway) -> None:
        await join(left, right, 4, Encapsulation.UDP)
        await ping(left, right)
        assert left.plane._pool.workers[0] is not None
        os.kill(left.plane._pool.workers[0]._process.pid, signal.SIGKILL)
        assert isinstance(await asyncio.wait_for(anext(left.plane.events()), WITHIN_S), Crashed)
        with packet_socket(right) as cable:
            with pytest.raises(AssertionError, match="100% packet loss"):
                await left.run("ping", "-c", "3", "-i", "0.02", "-W", "0.2", "-I", left.inside4, right.inside4)
            assert [frame for frame in frames(cable) if frame.haslayer(IP)] == []
        await left.plane.start()
        for sender, receiver, spi in ((left, right, 0x1001), (right, left, 0x2001)):
            out, into = pair_of(sender, receiver, 4, Encapsulation.UDP, spi=spi)
            receiver.plane.add_sa(into)
            await receiver.plane.query()
            sender.plane.add_sa(out)
        left.add_policies()
        await ping(left, right)

    run(story)


def test_devices_come_and_go() -> None:
    async def story(left: Gateway, right: Gateway) -> None:
        with left.entered():
            with pytest.raises(HostError, match=f"a device named {DEVICE} exists already") as caught:
                await left.plane.add_device(DEVICE, 1400)
            assert caught.value.reason == "name-taken"
            assert await left.plane.add_device("ikevpn%d", 1400) == "ikevpn0"
        assert "mtu 1400" in await left.run("ip", "link", "show", "ikevpn0")
        await left.plane.delete_device("ikevpn0")
        await left.plane.delete_device("ikevpn0")
        assert "ikevpn0" not in await left.run("ip", "link", "show")

    run(story)


def test_a_device_deleted_by_others_does_not_keep_the_worker_busy() -> None:
    async def story(left: Gateway, right: Gateway) -> None:
        await left.run("ip", "link", "del", DEVICE)
        deadline = asyncio.get_running_loop().time() + WITHIN_S
        asleep = 0
        while asleep < 50:  # a process that polls without pause never sleeps
            assert asyncio.get_running_loop().time() < deadline
            asleep = asleep + 1 if worker_state(left) == "S" else 0
            await asyncio.sleep(0.001)
        assert await left.plane.query() == ()

    run(story)


def worker_state(gateway: Gateway) -> str:
    """The letter of the kernel, `S` for one that sleeps."""
    assert gateway.plane._pool.workers[0] is not None
    return Path(f"/proc/{gateway.plane._pool.workers[0]._process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


def test_a_policy_of_a_device_that_is_not_there_does_no_harm() -> None:
    async def story(left: Gateway, right: Gateway) -> None:
        await join(left, right, 4, Encapsulation.UDP)
        left.plane.add_policy(Policy("nowhere", left.selector(4), REQID + 1, "rome"))
        await ping(left, right)

    run(story)


def test_refusals_without_privilege() -> None:
    program = (
        "import os; os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "from ikevpn.dataplane.userspace.io import rawip, tun\n"
        "from ikevpn.errors import HostError\n"
        "for act in (lambda: tun.open_device('ikevpnx', 1400), lambda: rawip.open_socket(4)):\n"
        "    try: act()\n"
        "    except HostError as error: print(error.reason, error, error.fix, sep=': ')\n"
    )
    all_of_it = "import ikevpn.dataplane.userspace.control.userspace, scapy"
    code = f"import sys; sys.path[:0] = {sys.path!r}\n{all_of_it}\n{program}"
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert printed.splitlines() == [
        "not-root: creating the device ikevpnx is not permitted: run as root",
        "not-root: a raw socket for ESP may not be opened: run as root",
    ]
