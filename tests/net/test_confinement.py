"""Behind the confinement of a worker: every door that should be shut is tried, and the real worker is looked at."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.net.daemons import Side, launcher_of, statuses, two_sides, until, worker_of

pytestmark = pytest.mark.root
_NONE = "0" * 16

PRISONER = r"""
import ctypes, errno, fcntl, json, mmap, os, select, signal, socket, sys, threading, time
from ikevpn.dataplane.confinement import confinement
from ikevpn.dataplane.confinement import imports
from ikevpn.dataplane.userspace.io import outer_fields
from ikevpn.dataplane.confinement import seccomp
import ikevpn.dataplane.userspace.worker.worker
from ikevpn.dataplane.confinement.own_user import OwnUser

folder, parent, others = sys.argv[1], os.getppid(), int(sys.argv[2])
libc = ctypes.CDLL(None, use_errno=True)
udp = socket.socket(type=socket.SOCK_DGRAM)
control = socket.socket(fileno=int(sys.argv[3]))
room = mmap.mmap(-1, 4096)
address = ctypes.addressof(ctypes.c_char.from_buffer(room))
anonymous = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
imports.load()
if sys.argv[4] == "without-filter":
    seccomp.install = lambda: None
missing = confinement.confine(OwnUser.find())

def call(name, *arguments):
    def act():
        if getattr(libc, name)(*arguments) == -1:
            raise OSError(ctypes.get_errno(), "")
    return act

def system_call(number, *arguments):
    return call("syscall", ctypes.c_long(number), *(ctypes.c_long(each) for each in arguments))

def start_thread():
    threading.Thread(target=lambda: None).start()

FILES = {
    "reads a secret": lambda: open(folder + "/psk").read(),
    "reads /etc/shadow": lambda: open("/etc/shadow").read(),
    "writes a file of root": lambda: open(folder + "/new", "w"),
    "makes a file in its root": lambda: open("/new", "w"),
    "makes a folder in its root": lambda: os.mkdir("/new"),
    "makes a folder where it is": lambda: os.mkdir("new"),
    "leaves its root": lambda: os.stat("../../../../etc"),
    "sees another process": lambda: open(f"/proc/{parent}/status").read(),
    "sees itself": lambda: open("/proc/self/maps").read(),
    "opens a device": lambda: os.open("/dev/mem", os.O_RDONLY),
    "opens a TUN device": lambda: os.open("/dev/net/tun", os.O_RDWR),
    "calls the control socket": lambda: socket.socket(socket.AF_UNIX).connect(folder + "/control.sock"),
    "starts a program": lambda: os.execv("/bin/true", ["true"]),
    "starts this interpreter": lambda: os.execv(sys.executable, ["python"]),
}
OTHERS = {
    "signals its parent": lambda: os.kill(parent, 0),
    "signals init": lambda: os.kill(1, 0),
    "signals another": lambda: os.kill(others, signal.SIGTERM),
    "traces its parent": call("ptrace", 16, parent, 0, 0),
    "traces another": call("ptrace", 16, others, 0, 0),
    "reads another's memory": call("process_vm_readv", others, 0, 0, 0, 0, 1),
    "takes another's descriptors": lambda: os.close(libc.syscall(438, os.pidfd_open(others), 1, 0) + 1 or -1),
}
POWERS = {
    "becomes root": lambda: os.setuid(0),
    "becomes somebody": lambda: os.setresuid(1, 1, 1),
    "joins a group": lambda: os.setgroups([0]),
    "changes its root": lambda: os.chroot("."),
    "makes a mount": call("mount", b"none", b"/", b"tmpfs", 0, None),
    "opens a raw socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 50),
    "opens a packet socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3),
    "makes a network namespace": call("unshare", 0x40000000),
    "reads what happens in the kernel": call("klogctl", 3, ctypes.create_string_buffer(64), 64),
    "loads a program into the kernel": system_call(321, 0, 0, 0),
    "loads a module": system_call(175, 0, 0, 0),
    "restarts the machine": system_call(169, 0, 0, 0, 0),
}
FILTERED = {
    "opens TCP": lambda: socket.socket(socket.AF_INET),
    "opens UDP": lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM),
    "opens netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
    "opens a local socket": lambda: socket.socket(socket.AF_UNIX),
    "makes a pair of sockets": lambda: socket.socketpair(),
    "binds a socket": lambda: udp.bind(("127.0.0.1", 0)),
    "listens": call("listen", udp.fileno(), 1),
    "forks": lambda: os.fork() or os._exit(0),
    "starts a thread": start_thread,
    "makes a user namespace": call("unshare", 0x10000000),
    "makes memory executable": call("mprotect", ctypes.c_void_p(address), 4096, 7),
    "asks for executable memory": lambda: mmap.mmap(-1, 4096, anonymous, mmap.PROT_READ | mmap.PROT_EXEC),
    "makes a file in memory": lambda: os.memfd_create("x"),
    "has signals sent by a socket": lambda: fcntl.fcntl(udp, fcntl.F_SETOWN, parent),
    "types into a terminal": lambda: fcntl.ioctl(2, 0x5412, b"x"),
    "lists interfaces": lambda: socket.if_nameindex(),
    "attaches a filter to a socket": lambda: udp.setsockopt(socket.SOL_SOCKET, 26, bytes(16)),
    "marks a socket": lambda: udp.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, 1),
    "can be traced again": call("prctl", 4, 1, 0, 0, 0),
    "replaces its filter": system_call(317, 1, 0, 0),
    "uses io_uring": system_call(425, 1, 0),
    "uses keys of the kernel": system_call(250, 0, 0, 0, 0),
    "watches performance": system_call(298, 0, 0, 0, 0, 0),
    "handles faults of pages": system_call(323, 0),
    "makes a call of the x32 kind": system_call(0x40000000 + 39),
    "signals itself": lambda: os.kill(os.getpid(), 0),
}
doors = {**FILES, **OTHERS, **POWERS, **(FILTERED if sys.argv[4] == "whole" else {})}
found = {}
for name, act in doors.items():
    try:
        act()
        found[name] = "OPEN"
    except OSError as error:
        found[name] = errno.errorcode.get(error.errno, error.errno)
    except RuntimeError as error:  # what threading says
        found[name] = "EPERM"
data, received, _, _ = socket.recv_fds(control, 100, 1)
os.write(received[0], b"a descriptor that came later")
udp.sendto(b"out", ("127.0.0.1", 9))
for checksum in (False, True):
    outer_fields.set_options(udp, df=True, checksum=checksum)
print(json.dumps([found, missing, data.decode()]))
"""


def tried(folder: Path, how: str) -> tuple[dict[str, str], list[str]]:
    """What each door said to a prisoner, and what of the confinement was not in force."""
    folder.chmod(0o755)
    (folder / "psk").write_text("a secret")
    (folder / "psk").chmod(0o600)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    reading, writing = os.pipe()
    other = subprocess.Popen(["sleep", "60"])
    with ours, theirs, socket.socket(socket.AF_UNIX) as control:
        control.bind(str(folder / "control.sock"))
        control.listen()
        socket.send_fds(ours, [b"later"], [writing])
        words = [sys.executable, "-c", PRISONER, str(folder), str(other.pid), str(theirs.fileno()), how]
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "OPENBLAS_NUM_THREADS": "1"}
        try:
            ended = subprocess.run(
                words, capture_output=True, text=True, env=environment, pass_fds=(theirs.fileno(),), timeout=60
            )
        finally:
            other.kill()
            other.wait()
    assert ended.returncode == 0, ended.stderr
    os.close(writing)
    assert os.read(reading, 100) == b"a descriptor that came later"
    os.close(reading)
    found, missing, data = json.loads(ended.stdout)
    assert data == "later" and not (folder / "new").exists()
    return found, missing


def test_every_door_is_shut(tmp_path: Path) -> None:
    found, missing = tried(tmp_path, "whole")
    assert missing == []
    assert len(found) > 50 and set(found.values()) == {"EPERM"}, found


def test_without_the_filter_user_root_and_capabilities_still_hold(tmp_path: Path) -> None:
    found, missing = tried(tmp_path, "without-filter")
    assert missing == []
    assert "OPEN" not in found.values() and len(found) > 30, found


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Side, int]]:
    """Left with its tunnel up, and the process of its daemon."""
    with two_sides(tmp_path_factory.mktemp("confined")) as (left, right):
        right.write("london", start="listen")
        left.write("paris")
        with right.daemon(), left.daemon() as process:
            until(lambda: left.tunnel()["state"] == "up", "paris")
            assert left.pings(right.inner) == 3
            yield left, process.pid


def test_the_real_worker(daemon: tuple[Side, int]) -> None:
    _, control = daemon
    worker = worker_of(control)
    for status in statuses(worker):
        assert all(int(uid) >= 100 for uid in status["Uid"].split()) and len(set(status["Uid"].split())) == 1
        assert all(int(gid) >= 100 for gid in status["Gid"].split()) and not status["Groups"]
        for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert status[kind] == _NONE, kind
        assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    root = Path(f"/proc/{worker}/root")
    assert list(root.iterdir()) == [] and root.stat().st_nlink == 0
    with pytest.raises(FileNotFoundError):
        (root / "new").mkdir()
    assert str(Path(f"/proc/{worker}/cwd").readlink()).endswith("(deleted)")
    files = {str(each.readlink()).partition(":")[0] for each in Path(f"/proc/{worker}/fd").iterdir()}
    expected = {"socket", "anon_inode", "/dev/null", "/dev/net/tun"}
    assert {name for name in files - expected if name.startswith("/") and Path(name).is_dir()} == set()
    assert expected <= files


def test_the_launcher_and_the_control_process_keep_what_they_need(daemon: tuple[Side, int]) -> None:
    _, control = daemon
    launcher = launcher_of(control)
    kept = {control: (2, 10, 12, 13), launcher: (2, 6, 7, 8, 18)}
    for process, capabilities in kept.items():
        for status in statuses(process):
            mask = f"{sum(1 << number for number in capabilities):016x}"
            assert (status["CapEff"], status["CapPrm"], status["CapBnd"]) == (mask, mask, mask)
            assert status["NoNewPrivs"] == "1"
    names = [str(each.readlink()) for each in Path(f"/proc/{launcher}/fd").iterdir()]
    assert not [name for name in names if "tun" in name or "netlink" in name]


def test_a_worker_is_replaced_by_one_that_is_as_confined(daemon: tuple[Side, int]) -> None:
    left, control = daemon
    before = worker_of(control)
    os.kill(before, 9)
    until(lambda: worker_of(control) not in (0, before), "another worker")
    after = worker_of(control)
    until(lambda: statuses(after)[0]["Seccomp"] == "2", "its confinement")
    (status,) = statuses(after)
    assert int(status["Uid"].split()[0]) and (status["CapBnd"], status["Groups"]) == (_NONE, "")
    until(lambda: left.pings("10.2.2.1", 1) == 1, "paris once more")
