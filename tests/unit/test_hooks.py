import pytest

from s2s.errors import S2SError
from s2s.events import TurnEnd
from s2s.hooks import Hooks, compose_hooks
from s2s.items import JSON


def a(turn: TurnEnd) -> None: ...
async def b(turn: TurnEnd) -> None: ...
def keep(error: S2SError) -> S2SError:
    return error


def test_a_hook_and_several_are_both_held_as_a_chain() -> None:
    assert Hooks(on_turn=a).on_turn == (a,)
    assert Hooks(on_turn=(a, b)).on_turn == (a, b)


def test_composed_hooks_keep_their_order() -> None:
    assert compose_hooks(Hooks(on_turn=a), Hooks(on_turn=b, on_error=keep), Hooks(on_turn=a)) == Hooks(
        on_turn=(a, b, a), on_error=(keep,)
    )
    assert compose_hooks() == Hooks()


def test_hooks_are_true_where_there_is_one() -> None:
    assert Hooks(on_error=keep)
    assert not Hooks()
    assert not compose_hooks(Hooks(), Hooks())


@pytest.mark.parametrize("wrong", [None, "print", [a], (a, None)])
def test_what_cannot_be_called_is_refused(wrong: JSON) -> None:
    with pytest.raises(TypeError, match="hook on_turn must be callable, not"):
        Hooks(on_turn=wrong)
