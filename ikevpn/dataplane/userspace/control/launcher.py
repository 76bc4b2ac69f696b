"""The process that starts and ends workers, so that whoever talks to the network need not be able to.

A worker takes another user and another root as it begins, and one that hangs is another user's process then: the
capabilities for that are here and not in the control process, which gives them up. Started as
`python -m ikevpn.dataplane.userspace.control.launcher FD`; does what `children` says over that descriptor, reads
nothing else, and ends with the control process, its workers too.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
from typing import NamedTuple

from ikevpn.dataplane.confinement import confinement
from ikevpn.dataplane.confinement.own_user import OwnUser
from ikevpn.dataplane.userspace.control.child_message import Kind, read, write

KEPT = (
    confinement.CAP_DAC_READ_SEARCH,  # the interpreter and this package, wherever they are
    confinement.CAP_SETGID, confinement.CAP_SETUID, confinement.CAP_SETPCAP, confinement.CAP_SYS_CHROOT,
)  # fmt: skip
LEAVES_WITHIN_S = 3.0


class _Child(NamedTuple):
    process: subprocess.Popen[bytes]
    uid: int


class Launcher:
    """One loop over the control process's end and `ended`, which is ready when some worker may have ended."""

    def __init__(self, control: socket.socket, ended: socket.socket) -> None:
        self._control = control
        self._ended = ended
        self._children: list[_Child] = []
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)
        self._poll.register(ended, select.POLLIN)
        self._running = True

    def run(self) -> None:
        """Until the control process is gone; then the workers have some time to notice it too."""
        while self._running:
            if self._wait(None):
                self._obey()
        self._poll.unregister(self._control)
        ends = time.monotonic() + LEAVES_WITHIN_S
        while self._children and (left := ends - time.monotonic()) > 0:
            self._wait(left)
        for child in self._children:
            _kill(child)
            child.process.wait()

    def _wait(self, within_s: float | None) -> bool:
        """Until there is something to do; reports who has ended. Whether the control process wants something."""
        ready = [descriptor for descriptor, _ in self._poll.poll(None if within_s is None else within_s * 1000)]
        if self._ended.fileno() in ready:
            self._ended.recv(4096)
            for child in [each for each in self._children if each.process.poll() is not None]:
                self._children.remove(child)
                self._say(Kind.ENDED, child.process.pid, child.process.returncode)
        return self._control.fileno() in ready

    def _obey(self) -> None:
        request = read(self._control)
        if request is None:
            self._running = False
        elif request.kind is Kind.START:
            self._start(request.descriptors)
        elif request.kind is Kind.KILL:
            for child in self._children:
                if child.process.pid == request.pid:
                    _kill(child)

    def _start(self, descriptors: tuple[int, ...]) -> None:
        """The same interpreter and the same package; nothing from the working directory (-P), no secret in argv."""
        try:
            (descriptor,) = descriptors
            user = OwnUser.find()
            module = "ikevpn.dataplane.userspace.worker.worker"
            words = [sys.executable, "-P", "-m", module, str(descriptor), str(user.uid), str(user.gid)]
            child = subprocess.Popen(  # noqa: S603 - words of ours
                words, pass_fds=(descriptor,), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
            )
        except OSError as error:
            self._say(Kind.FAILED, 0, error.errno or 0)
            return
        finally:
            for each in descriptors:
                os.close(each)
        self._children.append(_Child(child, user.uid))
        self._say(Kind.STARTED, child.pid)

    def _say(self, kind: Kind, pid: int, status: int = 0) -> None:
        with contextlib.suppress(OSError):  # the control process is gone, which its end tells
            write(self._control, kind, pid, status)


def _kill(child: _Child) -> None:
    """A worker is another user's process: as that user it can be ended without a capability for all processes."""
    try:
        child.process.kill()
    except PermissionError:
        os.seteuid(child.uid)
        try:
            child.process.kill()
        finally:
            os.seteuid(0)


def main(arguments: list[str]) -> None:
    """Run until the control process is gone; signals from a terminal and the service manager are its business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    confinement.hide_memory()
    confinement.drop(KEPT)
    ended, told = socket.socketpair()
    for end in (ended, told):
        end.setblocking(False)
    signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)  # only the descriptor counts
    Launcher(socket.socket(fileno=int(arguments[1])), ended).run()


if __name__ == "__main__":
    main(sys.argv)
