"""The daemon's life: start, reload, stop, and what must be followed meanwhile. Owns everything; a start that fails
undoes itself.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from ikevpn import __version__
from ikevpn.capture.captures import EVERYTHING
from ikevpn.config.configuration import Configuration
from ikevpn.config.keys.words import LogLevel, WhenStopped
from ikevpn.config.load import load
from ikevpn.control import api, ready
from ikevpn.control.server import ControlSocket
from ikevpn.crypto import modexp
from ikevpn.dataplane.confinement import confinement
from ikevpn.errors import IkevpnError
from ikevpn.model.events.event import Code, Event, Fact
from ikevpn.service.history import log
from ikevpn.service.history.loaded_files import LoadedFiles
from ikevpn.service.host import notify, privileges, restore
from ikevpn.service.host.threads import UnjoinedThreads
from ikevpn.service.ike_port.icmp_errors import IcmpErrors
from ikevpn.service.listening import Listening
from ikevpn.service.parts import Parts
from ikevpn.service.plane_events import PlaneEvents
from ikevpn.service.requests import Requests
from ikevpn.service.tasks import Tasks
from ikevpn.service.tunnel.tunnels import Difference

IDLE_START_S = 30.0
"""How long a daemon that was started for one command waits for that command."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says; None leaves it to the configuration."""

    config: Path
    socket: Path | None = None
    log_level: LogLevel | None = None
    log_json: bool = False
    capture: Path | None = None
    until_idle: bool = False
    ready_fd: int | None = None


def run(options: Options) -> None:
    """Run until SIGTERM, or until idle. Raises IkevpnError where it cannot start; then nothing is left behind."""
    asyncio.run(Daemon(options).run())


class Daemon:
    """One daemon. `run` is all there is to call."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._stop = asyncio.Event()
        self._ready = asyncio.Event()
        self._reloading = asyncio.Lock()
        self._failure: IkevpnError | None = None
        self._why_stop = ""
        self._when_stopped = WhenStopped.PASS
        self._tasks = Tasks()
        self._parts: Parts
        self._control: ControlSocket
        self._requests: Requests

    async def run(self) -> None:
        """Start, serve, stop. Raises IkevpnError for a failed start, and for what ended it unasked."""
        asyncio.get_running_loop().set_default_executor(UnjoinedThreads())
        stamps = LoadedFiles(self._options.config).stamps()
        configuration = load(self._options.config)
        log.set_up(self._options.log_level or configuration.daemon.log_level, self._options.log_json)
        modexp.require()
        privileges.require()
        confinement.hide_memory()
        self._parts = Parts(self._options.config, configuration)
        self._parts.history.listen(log.write)
        self._parts.files.remember(stamps, configuration.tunnels.values())
        self._say_start(configuration)
        _warn(configuration)
        async with AsyncExitStack() as undo:
            await self._start(configuration, undo)
            await self._stop.wait()
            detail = str(self._failure or self._why_stop)
            self._parts.report(Event(Code.DAEMON_STOPPING, facts={"detail": detail}))
            notify.notify("STOPPING=1")
            await self._control.finish(1.0)
        _log.info("ikevpn has stopped")
        if self._failure is not None:
            raise self._failure

    def _say_start(self, configuration: Configuration) -> None:
        count = len(configuration.tunnels)
        facts: dict[str, Fact] = {
            "version": __version__,
            "pid": os.getpid(),
            "configuration": str(self._options.config),
            "tunnels": f"{count} tunnel{'s' if count != 1 else ''}",
            "socket": str(self._options.socket or configuration.daemon.socket),
        }
        self._parts.report(Event(Code.DAEMON_STARTED, facts=facts))

    def _end(self, why: str) -> None:
        self._why_stop = why
        self._stop.set()

    # Start

    async def _start(self, configuration: Configuration, undo: AsyncExitStack) -> None:
        """From the inside out; what was started last is stopped first."""
        parts = self._parts
        starts = not self._options.until_idle
        self._requests = Requests(parts, self._tasks, self.reload, self._work_done, starts)
        self._control = ControlSocket(self._options.socket or configuration.daemon.socket, self._handle)
        await self._control.open()
        undo.push_async_callback(self._control.close)
        undo.push_async_callback(parts.plane.stop)
        parts.plane.prepare()
        undo.callback(parts.captures.close)
        if self._options.capture:
            parts.captures.start(EVERYTHING, self._options.capture, lambda address: True)
        privileges.give_up()
        await parts.host.open()
        undo.push_async_callback(self._close_host)
        undo.push_async_callback(parts.plane.stop)
        await parts.plane.start()
        undo.push_async_callback(parts.driver.close)
        undo.push_async_callback(parts.questions.close)
        undo.push_async_callback(parts.ports.close)
        listening = Listening(parts)
        await listening.open()
        icmp_errors = IcmpErrors(parts.driver.unreachable)
        icmp_errors.open()
        undo.callback(icmp_errors.close)
        undo.push_async_callback(self._take_down)
        undo.push_async_callback(self._tasks.close)
        plane_events = PlaneEvents(parts)
        self._follow(plane_events.follow(), undo)
        self._follow(plane_events.watch(), undo)
        self._follow(listening.follow(), undo)
        self._follow(restore.follow_tables(parts.host, parts.report), undo)
        self._follow(restore.follow_routes(parts.host, parts.report), undo)
        parts.expiry.load(configuration.tunnels.values())
        self._follow(parts.expiry.follow(), undo)
        self._catch_signals(undo)
        parts.signer.load(configuration.tunnels.values())
        await parts.tunnels.apply(configuration, start=not self._options.until_idle)
        self._when_stopped = configuration.daemon.when_stopped
        if not (self._options.until_idle and self._when_stopped is WhenStopped.BLOCK):
            await parts.host.settle()  # else what an earlier run left in force is for tunnels that are none of ours
        _settle_memory()
        self._say_ready()

    def _follow(self, following: Coroutine[None, None, None], undo: AsyncExitStack) -> None:
        """Keep something going until the end; where it fails, the daemon ends with its error."""
        task = asyncio.create_task(following)
        undo.push_async_callback(_ended, task)
        task.add_done_callback(self._followed)

    def _followed(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or (error := task.exception()) is None:
            return
        if isinstance(error, IkevpnError):
            self._failure = error
        else:
            _log.error("the daemon ends after an internal error", exc_info=error)
            self._failure = IkevpnError(f"internal error of the daemon: {error!r}", reason="internal")
        self._stop.set()

    def _say_ready(self) -> None:
        self._ready.set()
        notify.notify("READY=1", f"STATUS={len(list(self._parts.tunnels))} tunnels")
        if self._options.ready_fd is not None:
            ready.tell(self._options.ready_fd, api.Done())
        if self._options.until_idle:
            asyncio.get_running_loop().call_later(IDLE_START_S, self._work_done)

    def _work_done(self) -> None:
        """End a daemon that was started for one command when nothing is wanted any more."""
        if self._options.until_idle and self._parts.tunnels.idle:
            self._end("no tunnel is wanted any more")

    async def _take_down(self) -> None:
        """Everything down, with Deletes; what the host refuses to undo is logged. All devices go in one step: before
        the tunnels, or after them where blocks stay, which are put in force as if the devices did.
        """
        stay = self._blocks_stay
        if not stay:
            await self._delete_devices()
        for tunnel in self._parts.tunnels:
            try:
                await tunnel.down(still_configured=stay)
            except IkevpnError as error:
                _log.error("%s: %s", tunnel.name, error)
        self._parts.driver.shielded(self._parts.driver.engine.shutdown)
        if stay:
            await self._delete_devices()

    async def _delete_devices(self) -> None:
        try:
            await self._parts.host.delete_devices()
        except IkevpnError as error:
            _log.error("%s", error)

    @property
    def _blocks_stay(self) -> bool:
        """Nobody has asked for the end of a daemon that fails: its blocks stay for the next one, as after a crash.
        Those of one that was stopped stay if the user wants it so; but `ikevpn up` leaves nothing behind.
        """
        is_kept = self._when_stopped is WhenStopped.BLOCK and not self._options.until_idle
        return self._failure is not None or is_kept

    async def _close_host(self) -> None:
        blocked = sum(not tunnel.binding.absent for tunnel in self._parts.tunnels)
        await self._parts.host.close(undo=not self._blocks_stay)
        if self._blocks_stay and blocked:
            sentence = "%d tunnel%s without a daemon: %s traffic is blocked. `ikevpn unblock` ends that"
            _log.warning(sentence, blocked, *(("", "its") if blocked == 1 else ("s", "their")))

    # Requests, signals

    async def _handle(self, request: api.AnyRequest) -> AsyncGenerator[api.Reply, None]:
        await self._ready.wait()
        replies = self._requests.handle(request)
        try:
            async for reply in replies:
                yield reply
        finally:
            await replies.aclose()

    def _catch_signals(self, undo: AsyncExitStack) -> None:
        loop = asyncio.get_running_loop()
        acts: Mapping[signal.Signals, Callable[[], object]] = {
            signal.SIGTERM: lambda: self._end("SIGTERM"),
            signal.SIGINT: lambda: self._end("SIGINT"),
            signal.SIGHUP: self._reload_on_signal,
        }
        for number, act in acts.items():
            loop.add_signal_handler(number, act)
            undo.callback(loop.remove_signal_handler, number)

    async def reload(self) -> Difference:
        """Read the configuration again and apply what changed. Raises ConfigErrors; then nothing has changed."""
        async with self._reloading:
            stamps = self._parts.files.stamps()
            configuration = self._load_again()
            _warn(configuration)
            notify.reloading()
            try:
                self._parts.signer.load(configuration.tunnels.values())
                difference = await self._parts.tunnels.apply(configuration, start=not self._options.until_idle)
                await self._apply_settings(configuration)
                self._parts.expiry.load(configuration.tunnels.values())
                self._parts.files.remember(stamps, configuration.tunnels.values())
            finally:
                notify.notify("READY=1")
        facts = {"added": difference.added, "changed": difference.changed, "removed": difference.removed}
        self._parts.report(Event(Code.RELOADED, facts=facts))
        self._work_done()
        return difference

    def _load_again(self) -> Configuration:
        """Raises ConfigErrors, and says so in the log too: who reloads by a signal sees it there."""
        try:
            return load(self._options.config)
        except IkevpnError as error:
            detail = "; ".join(str(error).splitlines())
            self._parts.report(Event(Code.NOT_RELOADED, facts={"detail": detail}))
            raise

    async def _apply_settings(self, configuration: Configuration) -> None:
        """Of the daemon's own settings the log level changes at once, everything else with the next start."""
        if self._options.log_level is None:
            log.set_up(configuration.daemon.log_level, self._options.log_json)
        if configuration.daemon != self._parts.settings:
            _log.warning("the [daemon] table changed: ports, addresses and limits count from the next start on")
        self._when_stopped = configuration.daemon.when_stopped

    def _reload_on_signal(self) -> None:
        self._tasks.start(self._reload_and_report())

    async def _reload_and_report(self) -> None:
        try:
            await self.reload()
        except IkevpnError:
            pass  # said already
        except Exception:
            _log.exception("not reloaded because of an internal error")


def _warn(configuration: Configuration) -> None:
    """What works and is unwise goes into the log, once a start or reload."""
    for finding in configuration.warnings:
        _log.warning("%s", finding)


def _settle_memory() -> None:
    """What is there after the start stays until the end: the collector does not look through it again and again, which
    with thousands of tunnels would hold up IKE for tenths of a second.
    """
    gc.collect()
    gc.freeze()


async def _ended(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait until it is gone."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
