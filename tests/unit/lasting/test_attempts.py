import asyncio

from hypothesis import given
from hypothesis import strategies as st

from s2s.config import Reconnect
from s2s.lasting.attempts import Attempts
from s2s.testing.clock import run
from s2s.transports import Transport


async def nobody() -> Transport:
    raise AssertionError("not dialled here")


def made(n: int, reconnect: Reconnect, jitter: float) -> Attempts:
    attempts = Attempts(nobody, reconnect, 10, lambda: jitter)
    for number in range(n):
        assert attempts.count() == number + 1
    return attempts


@given(
    st.integers(1, 2000),
    st.floats(0.01, 100),
    st.floats(0.01, 100),
    st.floats(0, 1, exclude_max=True),
)
def test_each_attempt_waits_twice_as_long_up_to_a_bound(
    n: int, first_s: float, most_s: float, jitter: float
) -> None:
    async def main() -> None:
        await made(n, Reconnect(first_s=first_s, most_s=most_s), jitter).pause()
        waited_s = asyncio.get_running_loop().time()
        whole_s = 0 if n == 1 else min(first_s * 2.0 ** min(n - 2, 99), most_s)
        assert 0.8 * whole_s <= waited_s + 1e-9
        assert waited_s <= 1.2 * whole_s + 1e-9
        if jitter == 0.5:
            assert abs(waited_s - whole_s) < 1e-6

    run(main())


def test_attempts_end_and_begin_anew_after_a_connection_that_held() -> None:
    attempts = made(2, Reconnect(attempts=3, stable_s=30), 0)
    left = [attempts.left]
    attempts.count()
    left.append(attempts.left)
    for held_s in (29, 30):
        attempts.renew(held_s)
        left.append(attempts.left)
    assert (left, attempts.count()) == ([True, False, False, True], 1)
    attempts.renew()
    assert attempts.count() == 1


def test_without_attempts_none_is_left() -> None:
    assert not made(0, Reconnect(attempts=0), 0).left
