"""What the daemon does for the command line: one async generator a verb, which yields events and ends in an answer.

A client that hangs up closes its generator: an `up` that nobody waits for any more is taken back. What changes tunnels
or host is not left half done then: it is a task of the daemon's own.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from ikevpn import __version__
from ikevpn.config.keys.words import Start
from ikevpn.control import api
from ikevpn.errors import HostError, UsageError
from ikevpn.ike.engine import Engine
from ikevpn.ike.state.effects import Effect
from ikevpn.model.events import reasons
from ikevpn.model.events.event import Code, Event, Fact, Reason
from ikevpn.model.events.severity import severity
from ikevpn.model.sa import Total
from ikevpn.service.history import metrics, process_use
from ikevpn.service.parts import Parts
from ikevpn.service.tasks import Tasks
from ikevpn.service.tunnel import last_step
from ikevpn.service.tunnel.failure import Cause, Failure
from ikevpn.service.tunnel.renewal import PHASE1
from ikevpn.service.tunnel.state import index, tunnel_state
from ikevpn.service.tunnel.tunnel import Tunnel
from ikevpn.service.tunnel.tunnels import WANTED, Difference
from ikevpn.service.tunnel.wishes import Wanted, Wisher

Answer = AsyncGenerator[api.Reply, None]


@dataclass(frozen=True, slots=True)
class _Before:
    """How a tunnel was before an `up`."""

    wanted: Wanted
    absent: bool
    up: bool


class Requests:
    """The handlers of all verbs. `settled` is called after a verb that may have left the daemon without work; `starts`:
    this daemon starts tunnels as their configuration says.
    """

    def __init__(
        self,
        parts: Parts,
        tasks: Tasks,
        reload: Callable[[], Coroutine[Any, Any, Difference]],
        settled: Callable[[], None],
        starts: bool = True,
    ) -> None:
        self._parts = parts
        self._starts = starts
        self._reload_configuration = reload
        self._settled = settled
        self._tasks = tasks
        self._handlers: Mapping[type[api.Request], Callable[[Any], Answer]] = {
            api.Up: self._up,
            api.Down: self._down,
            api.Restart: self._restart,
            api.Status: self._status,
            api.Log: self._log,
            api.Rekey: self._rekey,
            api.Reload: self._reload,
            api.Metrics: self._metrics,
            api.Version: self._version,
        }

    async def handle(self, request: api.AnyRequest) -> Answer:
        """The replies to a request. Iterating raises IkevpnError where it cannot be carried out."""
        for sentence in self._remarks(request):
            yield api.Remark(sentence=sentence)
        replies = self._handlers[type(request)](request)
        try:
            async for reply in replies:
                yield reply
        finally:
            await replies.aclose()

    def _remarks(self, request: api.AnyRequest) -> Iterator[str]:
        """Where the user means another configuration than the daemon has."""
        ours = str(self._parts.config_path)
        if request.configuration and os.path.realpath(request.configuration) != os.path.realpath(ours):
            yield f"the daemon runs with {ours}, and not with {request.configuration}"
        if isinstance(request, api.Up | api.Restart) and (changed := self._parts.files.changed()):
            names = ", ".join(changed)
            yield f"{names} changed since the daemon read its configuration; `ikevpn reload` applies what is there now"

    # up and down

    async def _up(self, request: api.Up) -> Answer:
        tunnel = self._parts.tunnels.get(request.tunnel)
        before, good = _Before(tunnel.keeper.wanted, tunnel.binding.absent, bool(tunnel.keeper.up)), False
        with self._parts.history.subscribe(tunnel.name) as events, contextlib.ExitStack() as recording:
            try:
                self._start_capture(tunnel, request.capture, recording)
                await tunnel.want(Wanted.UP if tunnel.config.can_call else Wanted.LISTEN)
                outcome = asyncio.ensure_future(self._outcome(tunnel, request.timeout_s))
                async for record in events.until(outcome):
                    if record.event.code is not Code.RETRY_LATER or before.wanted is Wanted.UP:
                        yield record.line()
                failure = outcome.result()
                good = failure is None
                if failure is not None:
                    yield _failed(failure)
                    return
                recording.pop_all()
                await tunnel.binding.settled()
                yield api.UpAnswer(tunnel=await self._state(tunnel))
            finally:
                if not good:
                    await self._tasks.run(self._take_back(tunnel, before))

    async def _outcome(self, tunnel: Tunnel, timeout_s: float | None) -> Failure | None:
        try:
            async with asyncio.timeout(timeout_s):
                return await tunnel.keeper.outcome()
        except TimeoutError:
            facts: dict[str, Fact] = {"seconds": timeout_s or 0, "remote": ", ".join(map(str, tunnel.config.remotes))}
            newest = self._parts.history.last(last_step.LOOKED_AT, tunnel.name)
            facts |= last_step.facts_of([record.event for record in newest])
            return Failure(Event(Code.PHASE1_FAILED, tunnel.name, Reason.TIMEOUT, facts))

    async def _take_back(self, tunnel: Tunnel, before: _Before) -> None:
        """A tunnel that did not come up is wanted as it was before, and what blocked its traffic does so again.

        One that a reload has taken away meanwhile is nobody's any more.
        """
        if tunnel not in list(self._parts.tunnels):
            self._settled()
            return
        if before.wanted is Wanted.DOWN:
            await tunnel.down(still_configured=not before.absent)
            tunnel.keeper.withdraw(Wisher.USER)
            if self._starts and not before.absent and tunnel.config.start is Start.LISTEN:
                with contextlib.suppress(HostError):
                    await tunnel.want(Wanted.LISTEN)  # we could not call; the peer still may
            self._settled()
        elif before.wanted is not Wanted.UP:
            with contextlib.suppress(HostError):  # what the client hears is why its own request failed
                await tunnel.want(before.wanted)
            if not before.up:
                tunnel.lose_everything()  # the attempt would go on, and bring up what nobody waits for

    def _start_capture(self, tunnel: Tunnel, file: str, recording: contextlib.ExitStack) -> None:
        """It ends with `recording`; once the tunnel is up, with the tunnel."""
        if not file:
            return
        if tunnel.keeper.up:
            raise UsageError(
                f"{tunnel.name} is up already, and its keys were exchanged before a capture ran; "
                f"`ikevpn down {tunnel.name}` first"
            )
        self._parts.captures.start(tunnel.name, Path(file), partial(self._parts.tunnels.concerns, tunnel.name))
        recording.callback(self._parts.captures.stop, tunnel.name)

    async def _down(self, request: api.Down) -> Answer:
        tunnel = self._parts.tunnels.get(request.tunnel)
        if not request.yes and self._starts and (refusal := _cuts_off(tunnel, request.caller)):
            yield refusal
            return
        try:
            async with asyncio.timeout(request.timeout_s):
                await self._tasks.run(self._take_down(tunnel))
        except TimeoutError:
            yield api.Error(reason="timeout", sentence=f"{tunnel.name} was not down within {request.timeout_s:g} s")
            return
        ends = not self._starts and self._parts.tunnels.idle
        yield api.DownAnswer(blocked=() if ends else tuple(map(str, tunnel.binding.blocked())))

    async def _restart(self, request: api.Restart) -> Answer:
        tunnel = self._parts.tunnels.get(request.tunnel)
        wanted = WANTED[tunnel.config.start] if self._starts else Wanted.UP
        await self._tasks.run(self._start_anew(tunnel, wanted))
        if wanted is Wanted.UP:
            async for reply in self._up(api.Up(tunnel=request.tunnel, timeout_s=request.timeout_s)):
                yield reply
        else:
            yield api.UpAnswer(tunnel=await self._state(tunnel))

    async def _start_anew(self, tunnel: Tunnel, wanted: Wanted) -> None:
        await tunnel.down(still_configured=True)
        await tunnel.want(wanted)

    async def _take_down(self, tunnel: Tunnel) -> None:
        await tunnel.down(still_configured=True)
        self._parts.captures.stop(tunnel.name)
        self._settled()  # a daemon that ends now still finishes this conversation

    # knowledge

    async def _status(self, request: api.Status) -> Answer:
        tunnels = [self._parts.tunnels.get(request.tunnel)] if request.tunnel else list(self._parts.tunnels)
        states = await self._states(tunnels)
        yield api.StatusAnswer(
            tunnels=tuple(states),
            counters=await self._parts.counters(),
            up_s=self._parts.driver.now - self._parts.started,
            configuration=str(self._parts.config_path),
            refused=self._parts.refused.lately(time.time(), request.tunnel),
            changed_files=self._parts.files.changed(),
        )

    async def _state(self, tunnel: Tunnel) -> api.TunnelState:
        return (await self._states([tunnel]))[0]

    async def _states(self, tunnels: list[Tunnel]) -> list[api.TunnelState]:
        try:
            alone = [tunnels[0].name] if len(tunnels) == 1 else []
            uses = index(await self._parts.plane.query(tunnels=alone))
        except HostError:
            uses = {}  # the worker has just crashed; its counters are gone, the rest is worth telling
        now = self._parts.driver.now
        engine = self._parts.driver.engine
        expiring = self._parts.expiry.of
        return [
            tunnel_state(tunnel, engine.status(now, tunnel.name), uses, now, expiring(tunnel.name))
            for tunnel in tunnels
        ]

    async def _metrics(self, request: api.Metrics) -> Answer:
        yield api.MetricsAnswer(text=metrics.write(await self._view()))

    async def _view(self) -> metrics.View:
        parts = self._parts
        totals: Sequence[Total] = ()
        with contextlib.suppress(HostError):  # the worker has just crashed
            totals = await parts.plane.totals()
        now = parts.driver.now
        engine = parts.driver.engine.status(now)
        return metrics.View(
            version=__version__,
            up_s=now - parts.started,
            tunnels=tuple(await self._states(list(parts.tunnels))),
            totals=tuple(totals),
            counters=await parts.counters(),
            events=parts.history.counts,
            processes=process_use.of_all(parts.plane.uses_of_processes),
            ike_sas=len(engine.ike_sas),
            half_open=engine.half_open,
        )

    async def _log(self, request: api.Log) -> Answer:
        if request.tunnel:
            self._parts.tunnels.get(request.tunnel)
        with self._parts.history.subscribe(request.tunnel) as events:
            for record in self._parts.history.last(request.count, request.tunnel, request.level):
                yield record.line()
            while request.follow:
                record = await events.next()
                if not severity(record.event).reaches(request.level):
                    continue
                if lost := events.lost():
                    yield api.Lost(count=lost)
                yield record.line()
        yield api.Done()

    async def _version(self, request: api.Version) -> Answer:
        yield api.VersionAnswer(daemon=__version__, protocol=api.VERSION, pid=os.getpid())

    # changes

    async def _rekey(self, request: api.Rekey) -> Answer:
        tunnel = self._parts.tunnels.get(request.tunnel)
        names = self._to_rekey(tunnel, request)
        driver = self._parts.driver
        with self._parts.history.subscribe(tunnel.name) as events, tunnel.renewal(names) as renewal:
            for name in names:
                driver.run(partial(_rekey, driver.engine, tunnel.name, name))
            outcome = asyncio.ensure_future(asyncio.wait_for(renewal.outcome, request.timeout_s))
            try:
                async for record in events.until(outcome):
                    yield record.line()
                failure = outcome.result()
            except TimeoutError:
                yield api.Error(
                    reason="timeout", sentence=f"{tunnel.name} has no new keys after {request.timeout_s:g} s"
                )
                return
            finally:
                outcome.cancel()
        yield api.Done() if failure is None else _failed(failure)

    def _to_rekey(self, tunnel: Tunnel, request: api.Rekey) -> list[str]:
        """Names of children; `PHASE1` is phase 1."""
        if tunnel.config.manual:
            raise UsageError(
                f"{tunnel.name} has manual keys; new ones are agreed on by people and go into the configuration",
                reason="manual-keys",
            )
        child = child_of(tunnel, request.child) if request.child else ""
        if not tunnel.keeper.up:
            raise UsageError(f"{tunnel.name} is not up", reason="not-up")
        if request.phase1:
            return [PHASE1]
        return [child] if child else sorted(tunnel.keeper.up)

    async def _reload(self, request: api.Reload) -> Answer:
        difference = await self._tasks.run(self._reload_configuration())
        yield api.ReloadAnswer(
            added=difference.added,
            changed=difference.changed,
            removed=difference.removed,
            unchanged=difference.unchanged,
        )


def child_of(tunnel: Tunnel, meant: str) -> str:
    """The name of the child with that name, with those networks, or with something in these that no other has."""
    children = tunnel.config.template.children
    if any(child.name == meant for child in children):
        return meant
    words = "".join(meant.split())
    texts = {child.name: "".join(str(child.selector).split()) for child in children}
    found = [name for name, text in texts.items() if text == words] or [
        name for name, text in texts.items() if words and words in text
    ]
    if len(found) == 1:
        return found[0]
    what = "several children with" if found else "no child"
    known = ", ".join(found or texts)
    raise UsageError(f'{tunnel.name} has {what} "{meant}"; it has {known}', reason="tunnel-unknown")


def _cuts_off(tunnel: Tunnel, caller: str) -> api.Error | None:
    """Why a tunnel is not taken down where the caller's own session would end with it."""
    network = tunnel.binding.block_of(ip_address(caller)) if _is_address(caller) else None
    if network is None:
        return None
    return api.Error(
        reason="cuts-off",
        kind="usage",
        sentence=f"your SSH session comes from {caller}, and {network} stays blocked while {tunnel.name} is down: "
        "it would be cut off",
        advice=(
            f"`ikevpn down {tunnel.name} --yes` takes it down all the same",
            f'with when_down = "pass" in [tunnel.{tunnel.name}], and `ikevpn reload`, nothing stays blocked',
        ),
    )


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _rekey(engine: Engine, tunnel: str, child: str, now: float) -> list[Effect]:
    return engine.rekey(tunnel, now, child or None)


def _failed(failure: Failure) -> api.Error:
    """A failure as the answer to a request."""
    event = failure.event
    match failure.cause:
        case Cause.HOST:
            fix = str(event.facts.get("fix", ""))
            return api.Error(reason="host", kind="host", sentence=reasons.sentence(event), advice=(fix,) if fix else ())
        case Cause.INTERNAL:
            sentence, advice = reasons.sentence(event), reasons.advice(event)
            return api.Error(reason="internal", kind="internal", sentence=sentence, advice=advice)
        case Cause.PEER:
            sentence, advice = reasons.why(event), reasons.advice(event)
            return api.Error(reason=event.reason.value, kind="peer", sentence=sentence, advice=advice)
