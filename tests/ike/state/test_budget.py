"""So many at once, so many in the long run, and one kind does not live at another's expense."""

from __future__ import annotations

from ikevpn.ike.state.budget import Allowance, Budget, Budgets


def budgets(at_once: float, per_s: float) -> Budgets:
    return Budgets(dict.fromkeys(Budget, Allowance(at_once, per_s)))


def test_a_few_at_once_then_one_now_and_then() -> None:
    spent = budgets(3, 0.5)
    assert [spent.affords(Budget.EVENT, 10.0) for _ in range(5)] == [True] * 3 + [False] * 2
    assert not spent.affords(Budget.EVENT, 11.0) and spent.affords(Budget.EVENT, 12.0)
    assert sum(spent.affords(Budget.EVENT, 12.0 + second) for second in range(1, 1001)) == 500


def test_after_a_pause_no_more_than_at_first() -> None:
    spent = budgets(3, 0.5)
    assert spent.affords(Budget.EVENT, 0.0)
    assert [spent.affords(Budget.EVENT, 1e6) for _ in range(5)] == [True] * 3 + [False] * 2


def test_kinds_and_budgets_are_apart() -> None:
    spent = budgets(1, 0)
    assert spent.affords(Budget.EVENT, 0, "one") and not spent.affords(Budget.EVENT, 0, "one")
    assert spent.affords(Budget.EVENT, 0, "two") and spent.affords(Budget.REFUSAL, 0, "one")
