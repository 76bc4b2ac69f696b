"""Who wants what of the host: plans by owner. A step that two owners want is undone when the last of them lets go.
Of two routes in one place that lead to the same the second waits until the first has gone.

Blocking, like the kernel's verbs that it uses.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Hashable
from typing import TypeGuard

from ikevpn.errors import HostError
from ikevpn.model.address import Address
from ikevpn.net.kernel.rtnetlink import MAIN_TABLE, Kernel
from ikevpn.net.plan.covering import Covering
from ikevpn.net.plan.journal import Journal
from ikevpn.net.plan.steps import AddRoute, AddRule, Plan, Step

_BEFORE = ""
"""The owner of what an earlier run left behind, until `settle`."""


class Ledger:
    """Plans in force, in a kernel and a journal."""

    def __init__(self, kernel: Kernel, journal: Journal) -> None:
        self._kernel = kernel
        self._journal = journal
        self._plans: dict[str, dict[Step, None]] = {}
        self._owners: dict[Step, set[str]] = {}
        self._at: dict[Hashable, dict[Step, None]] = {}
        self._in_force: dict[Hashable, Step] = {}
        self._foreign: set[Step] = set()  # was there before us: not ours to undo
        self._in_main = Covering()
        for step in journal.found:
            self._hold(_BEFORE, step)
            self._in_force[step.place] = step

    def plan_of(self, owner: str) -> Plan:
        """What is in force for an owner; empty for one that has nothing."""
        return tuple(self._plans.get(owner, ()))

    def steps(self) -> Collection[Step]:
        """Everything that is in force for anybody."""
        return self._owners.keys()

    def leads_away(self, remote: Address) -> bool:
        """Whether a route of ours in the main table covers an address."""
        return self._in_main.covers(remote)

    def apply(self, owner: str, plan: Plan) -> None:
        """From now on exactly `plan` is in force for `owner`: what is new is applied, what is not wanted is undone.

        Raises HostError where a step is refused; then everything is as it was before. Old steps go last, so that
        traffic always finds either the old way or the new one.
        """
        before = self.plan_of(owner)
        wanted = tuple(dict.fromkeys(plan))
        vanished: dict[Hashable, bool] = {}
        try:
            for step in wanted:
                self._refuse_theft(owner, step)
                self._apply(owner, step, vanished)
                self._hold(owner, step)
        except HostError:
            self._shrink(owner, before)
            raise
        self._shrink(owner, wanted)

    def undo(self, owner: str) -> None:
        """Nothing is in force for `owner` any more. Raises HostError after everything was tried."""
        self._shrink(owner, ())

    def settle(self) -> None:
        """Undo what an earlier run left behind and nobody has wanted since. Raises HostError."""
        self.undo(_BEFORE)

    def restore(self) -> list[Step]:
        """Put back rules and routes of ours that somebody else has deleted, and return them. Raises HostError where the
        kernel cannot be asked; what it refuses has lost its device, which will say so.
        """
        places: set[Hashable] = set()
        for version in (4, 6):
            places.update(self._kernel.own_rules(version))
            places.update(route.place for route in self._kernel.own_routes(version))
        restored: list[Step] = []
        for place, step in self._in_force.items():
            if isinstance(step, AddRule | AddRoute) and place not in places and step not in self._foreign:
                with contextlib.suppress(HostError):
                    step.renew(self._kernel)
                    restored.append(step)
        return restored

    def undo_all(self) -> None:
        """Undo what this run did. Raises HostError after everything was tried.

        Without `settle` what an earlier run left behind stays: a start that fails opens none of its blocks.
        """
        failed: HostError | None = None
        for owner in reversed([owner for owner in self._plans if owner != _BEFORE]):
            try:
                self.undo(owner)
            except HostError as error:
                failed = failed or error
        if failed:
            raise failed

    def _apply(self, owner: str, step: Step, vanished: dict[Hashable, bool]) -> None:
        """Steps that are in force already are renewed: their device may have been made anew and lost them.

        One that waits until another has gone is none of them. Of the routes of a device the first one tells whether
        they have `vanished`, for they go together: thousands of peers in one tunnel cost no question each.
        """
        if step in self._owners:
            if self._in_force[step.place] == step and not isinstance(step, AddRule):  # rules need no device
                group: Hashable = step.group if isinstance(step, AddRoute) else step.place
                if vanished.get(group, True):
                    vanished[group] = step.renew(self._kernel)
            return
        if not self._others(owner, step):
            self._put_in_force(step)

    def _put_in_force(self, step: Step) -> None:
        self._journal.applying(step)
        try:
            ours = step.apply(self._kernel)
        except HostError:
            self._journal.undone(step)
            raise
        if not ours:
            self._foreign.add(step)
            self._journal.undone(step)
        self._in_force[step.place] = step

    def _hold(self, owner: str, step: Step) -> None:
        owners = self._owners.get(step)
        if owners is None:
            owners = self._owners[step] = set()
            self._at.setdefault(step.place, {})[step] = None
            if _is_in_main(step):
                self._in_main.add(step.route.network)
        if owner not in owners:
            owners.add(owner)
            self._plans.setdefault(owner, {})[step] = None

    def _shrink(self, owner: str, rest: Plan) -> None:
        """Let go, from last to first, of what `owner` has and `rest` has not."""
        staying = dict.fromkeys(rest)
        leaving = [step for step in self.plan_of(owner) if step not in staying]
        self._plans[owner] = staying
        if not staying:
            del self._plans[owner]
        failed: HostError | None = None
        for step in reversed(leaving):
            try:
                self._let_go(owner, step)
            except HostError as error:
                failed = failed or error
        if failed:
            raise failed

    def _let_go(self, owner: str, step: Step) -> None:
        """Undo a step, unless another owner wants it still, or another step is in its place or waits for it."""
        self._owners[step].discard(owner)
        if self._owners[step]:
            return
        del self._owners[step]
        if _is_in_main(step):
            self._in_main.remove(step.route.network)
        del self._at[step.place][step]
        left = self._at[step.place]
        was_in_force = self._in_force[step.place] == step
        if not left:
            del self._at[step.place], self._in_force[step.place]
        if step in self._foreign:
            self._foreign.discard(step)
            return
        waiting = next((other for other in left if self._owners[other] != {_BEFORE}), None)
        if was_in_force and not left:
            step.undo(self._kernel)
        elif was_in_force and waiting is not None:
            self._put_in_force(waiting)
        self._journal.undone(step)

    def _others(self, owner: str, step: Step) -> set[str]:
        """Owners of what differs from a step and is in its place."""
        rivals = self._at.get(step.place, {}).keys() - {step}
        return {other for rival in rivals for other in self._owners[rival]} - {owner, _BEFORE}

    def _refuse_theft(self, owner: str, step: Step) -> None:
        """Raises HostError where another owner has a route to somewhere else in the place of this one."""
        if not isinstance(step, AddRoute):
            return  # devices may be set up by several
        others, there = self._others(owner, step), self._in_force.get(step.place)
        if others and isinstance(there, AddRoute) and there.way != step.way:
            raise HostError(
                f"{min(others)} has another route in the place of {step.route}",
                fix="Give one of the two tunnels another metric.",
                reason="route-exists",
            )


def _is_in_main(step: Step) -> TypeGuard[AddRoute]:
    return isinstance(step, AddRoute) and step.route.table == MAIN_TABLE
