from __future__ import annotations

from tests.support.nova_server import BONN, setup_of

from s2s.items import Call
from s2s.wire.nova.ledger import Ledger


def ledger() -> Ledger:
    return Ledger(setup_of(), "s", lambda: "id", 20_000)


def test_the_one_answer_to_a_call_that_was_withdrawn_is_forgiven() -> None:
    known = ledger()
    known.calls.opened(BONN, "r1")
    known.withdraw(("c1", "c2"))
    assert [known.forgive(each) for each in ("c1", "c1", "c2")] == [True, False, False]


def test_not_all_that_was_withdrawn_is_kept_for_ever() -> None:
    known = ledger()
    for number in range(257):
        known.calls.opened(Call(f"c{number}", "look_up"), "r1")
        known.withdraw((f"c{number}",))
    assert not known.forgive("c0")
    assert known.forgive("c1")
