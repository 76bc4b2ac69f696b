"""Who wants what of the host: plans by owner. A step that two owners want is undone when the last of them lets go.

Blocking, like the kernel's verbs that it uses.
"""

from __future__ import annotations

from ikevpn.errors import HostError
from ikevpn.net.journal import Journal
from ikevpn.net.kernel import Kernel
from ikevpn.net.plan import AddRoute, Plan, Step

_BEFORE = ""
"""The owner of what an earlier run left behind, until `settle`."""


class Ledger:
    """Plans in force, in a kernel and a journal."""

    def __init__(self, kernel: Kernel, journal: Journal) -> None:
        self._kernel = kernel
        self._journal = journal
        self._plans: dict[str, Plan] = {_BEFORE: journal.found} if journal.found else {}
        self._foreign: set[Step] = set()  # was there before us: not ours to undo

    def plan_of(self, owner: str) -> Plan:
        """What is in force for an owner; empty for one that has nothing."""
        return self._plans.get(owner, ())

    def steps(self) -> set[Step]:
        """Everything that is in force for anybody."""
        return {step for plan in self._plans.values() for step in plan}

    def apply(self, owner: str, plan: Plan) -> None:
        """From now on exactly `plan` is in force for `owner`: what is new is applied, what is not wanted is undone.

        Raises HostError where a step is refused; then everything is as it was before. Old steps go last, so that
        traffic always finds either the old way or the new one.
        """
        before = self.plan_of(owner)
        wanted = tuple(dict.fromkeys(plan))
        done: list[Step] = []
        try:
            for step in wanted:
                self._refuse_theft(owner, step)
                self._apply(step, new=step not in self.steps())
                done.append(step)
                self._plans[owner] = tuple(dict.fromkeys((*before, *done)))
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

    def undo_all(self) -> None:
        """Put the host back as it was. Raises HostError after everything was tried."""
        for owner in reversed(list(self._plans)):
            self.undo(owner)

    def _apply(self, step: Step, *, new: bool) -> None:
        """Steps that are in force already are applied again, which is harmless: a device may have been made anew."""
        if new:
            self._journal.applying(step)
        try:
            ours = step.apply(self._kernel)
        except HostError:
            if new:
                self._journal.undone(step)
            raise
        if new and not ours:
            self._foreign.add(step)
            self._journal.undone(step)

    def _shrink(self, owner: str, rest: Plan) -> None:
        """Undo, from last to first, what `owner` has and `rest` has not, unless another owner wants it."""
        leaving = [step for step in self.plan_of(owner) if step not in rest]
        self._plans[owner] = rest
        if not rest:
            del self._plans[owner]
        taken = {step.place for step in self.steps()}
        failed: HostError | None = None
        for step in reversed(leaving):
            try:
                self._undo(step, taken=step.place in taken)
            except HostError as error:
                failed = failed or error
        if failed:
            raise failed

    def _undo(self, step: Step, *, taken: bool) -> None:
        """Undo a step, unless somebody wants it still or another has replaced it."""
        if step in self.steps():
            return
        if step in self._foreign:
            self._foreign.discard(step)
            return
        if not taken:
            step.undo(self._kernel)
        self._journal.undone(step)

    def _refuse_theft(self, owner: str, step: Step) -> None:
        """Raises HostError where another owner has a different route in the place of this one."""
        others = {other: plan for other, plan in self._plans.items() if other not in (owner, _BEFORE)}
        for other, plan in others.items():
            if isinstance(step, AddRoute) and any(each.place == step.place and each != step for each in plan):
                raise HostError(
                    f"{other} has another route in the place of {step.route}",
                    fix="Give one of the two tunnels another metric.",
                    reason="route-exists",
                )
