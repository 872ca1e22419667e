from s2s.cli.asking.tooluse import spelled
from s2s.items import Call


def test_a_call_is_spelled_as_python_would() -> None:
    call = Call("1", "move", {"direction": "forward", "distance": 10, "fast": True, "via": ["a", None]})
    assert spelled(call) == 'move(direction="forward", distance=10, fast=true, via=["a",null])'
    assert spelled(Call("1", "stop")) == "stop()"
