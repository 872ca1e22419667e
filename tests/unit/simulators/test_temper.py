import asyncio
import base64
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal

import pytest
from tests.support.peers import Peer, inside, outside
from tests.support.websockets import run as run_on_sockets

from s2s.items import Call
from s2s.providers.script import Reply
from s2s.simulators.openai import OpenAISimulator
from s2s.simulators.temper import Fault, Temper
from s2s.testing.clock import run

WORDS = Reply(says="one two three four five six")
"""Six words, 200 ms each."""


def talked(
    temper: Temper,
    talk: Callable[[Peer], Awaitable[None]],
    script: Sequence[Reply] = (WORDS,),
    url: str = "",
    headers: Mapping[str, str] = {},
) -> Peer:
    """Talk inside this process, on a clock that jumps."""

    async def main() -> Peer:
        simulator = OpenAISimulator(script, temper=temper)
        transport = await simulator.connect(url, headers)
        peer = inside(transport)
        await talk(peer)
        await transport.close()
        return peer

    return run(main(), at_most_s=9000)


def now() -> float:
    return asyncio.get_running_loop().time()


async def answer(peer: Peer) -> None:
    await peer.ask()
    await peer.until("response.done")


async def nothing(peer: Peer) -> None:
    await peer.until("session.created")


# Manners.


@pytest.mark.parametrize(("pace", "expected_s"), [(1.0, 1.2), (4.0, 0.3), (0, 0)])
def test_an_answer_comes_as_many_times_faster_than_life_as_the_pace_says(
    pace: float, expected_s: float
) -> None:
    async def talk(peer: Peer) -> None:
        before = now()
        await answer(peer)
        assert now() - before == pytest.approx(expected_s)

    talked(Temper(pace=pace), talk)


def test_audio_comes_in_pieces_the_first_one_smaller_and_the_second_one_odd() -> None:
    peer = talked(Temper(pace=0, first_delta_ms=50, delta_ms=80), answer)
    deltas = [each for each in peer.heard if each["type"] == "response.output_audio.delta"]
    sizes = [len(base64.b64decode(each["delta"])) for each in deltas]
    assert sizes[:3] == [50 * 48, 80 * 48 - 1, 70 * 48 + 1]
    assert max(sizes) == 80 * 48
    assert sum(sizes) == 6 * 200 * 48


def test_the_words_of_the_user_come_late() -> None:
    async def talk(peer: Peer) -> None:
        hears = {"turn_detection": None, "transcription": {"model": "m"}}
        await peer.say("session.update", session={"type": "realtime", "audio": {"input": hears}})
        await peer.say("input_audio_buffer.append", audio=base64.b64encode(bytes(9600)).decode())
        await peer.say("input_audio_buffer.commit")
        await peer.until("input_audio_buffer.committed")
        before = now()
        await peer.until("conversation.item.input_audio_transcription.completed")
        assert now() - before == pytest.approx(0.7)

    talked(Temper(transcript_lag_s=0.7), talk)


def test_the_end_of_an_answer_comes_late() -> None:
    async def talk(peer: Peer) -> None:
        await peer.ask()
        await peer.until("session.created")
        before = now()
        await peer.until("response.done")
        assert now() - before == pytest.approx(0.5)

    talked(Temper(pace=0, done_lag_s=0.5), talk)


def test_an_answer_is_counted_and_the_allowance_goes_down() -> None:
    async def talk(peer: Peer) -> None:
        await answer(peer)
        await answer(peer)
        await peer.until("rate_limits.updated")

    peer = talked(Temper(), talk)
    usages = [each["response"]["usage"] for each in peer.heard if each["type"] == "response.done"]
    assert usages[0]["output_token_details"] == {"text_tokens": 6, "audio_tokens": 24}
    limits = [each["rate_limits"][0] for each in peer.heard if each["type"] == "rate_limits.updated"]
    assert limits[0]["remaining"] > limits[1]["remaining"]
    assert peer.kinds.index("response.done") < peer.kinds.index("rate_limits.updated")


def test_nothing_is_counted_where_nothing_is_to_be() -> None:
    peer = talked(Temper(counts=False), answer)
    assert peer.heard[-1]["response"]["usage"] is None
    assert "rate_limits.updated" not in peer.kinds


def test_an_answer_that_was_cut_off_costs_nothing_that_anybody_is_told() -> None:
    async def talk(peer: Peer) -> None:
        await peer.ask()
        await peer.until("response.output_audio.delta")
        await peer.say("response.cancel")
        done = await peer.until("response.done")
        assert done["response"]["usage"] is None
        await peer.until("rate_limits.updated")

    talked(Temper(pace=1), talk)


# Who is let in.


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer sk-right"},
        {"api-key": "sk-right"},
        {"Sec-WebSocket-Protocol": "realtime, openai-insecure-api-key.sk-right"},
    ],
)
def test_a_key_that_is_known_opens_however_it_is_shown(headers: dict[str, str]) -> None:
    talked(Temper(keys=("sk-right",)), nothing, headers=headers)


@pytest.mark.parametrize(
    ("temper", "url", "headers", "code", "close"),
    [
        (Temper(keys=("sk-right",)), "?model=m", {}, "invalid_api_key", 3000),
        (Temper(keys=("sk-right",)), "?model=m", {"api-key": "sk-wrong"}, "invalid_api_key", 3000),
        (Temper(keys=()), "?model=m", {"api-key": "sk-any"}, "invalid_api_key", 3000),
        (Temper(models=("m",)), "?model=n", {}, "invalid_model", 4000),
        (Temper(), "?voice=v", {}, "missing_model", 4000),
        (
            Temper(strict=True),
            "?model=m",
            {"OpenAI-Beta": "realtime=v1"},
            "beta_api_shape_disabled",
            4000,
        ),
    ],
)
def test_who_is_not_served_is_told_and_hung_up_on(
    temper: Temper, url: str, headers: dict[str, str], code: str, close: int
) -> None:
    async def talk(peer: Peer) -> None:
        assert await peer.rest() == (close, f"invalid_request_error.{code}")

    peer = talked(temper, talk, url=f"ws://host/v1/realtime{url}", headers=headers)
    assert [each["error"]["code"] for each in peer.heard] == [code]


def test_the_header_of_the_beta_is_forgiven_unless_told_otherwise() -> None:
    talked(Temper(), nothing, headers={"OpenAI-Beta": "realtime=v1"})


@pytest.mark.parametrize("url", ["?call_id=rtc_1", "?intent=transcription"])
def test_a_call_or_an_intent_will_do_for_a_model(url: str) -> None:
    talked(Temper(), nothing, url=f"ws://host/v1/realtime{url}")


# The end of the hour.


def test_after_an_hour_the_session_is_closed_with_the_words_of_the_service() -> None:
    async def talk(peer: Peer) -> None:
        created = await peer.until("session.created")
        opened = created["session"]["expires_at"] - 3600
        assert opened > 1_700_000_000
        await peer.ask()
        await peer.until("response.done")
        ended = await peer.rest(within_s=4000)
        assert ended == (1001, "Your session hit the maximum duration of 60 minutes.")
        assert now() == pytest.approx(3600)

    talked(Temper(), talk)


def test_a_shorter_session_says_when_it_will_end() -> None:
    async def talk(peer: Peer) -> None:
        created = await peer.until("session.created")
        assert created["session"]["expires_at"] - time.time() == pytest.approx(120, abs=5)
        assert await peer.rest(within_s=4000) == (
            1001,
            "Your session hit the maximum duration of 2 minutes.",
        )

    talked(Temper(session_s=120), talk)


# Faults.


def faulty(talk: Callable[[Peer], Awaitable[None]], **fault: Any) -> Peer:  # noqa: ANN401
    return talked(Temper(faults=(Fault(**fault),), pace=1), talk)


def test_close_says_goodbye_with_a_code_and_a_reason() -> None:
    async def talk(peer: Peer) -> None:
        await peer.ask()
        assert await peer.rest() == (1012, "restart")

    peer = faulty(talk, does="close", said="response.output_audio.delta", nth=2, code=1012, reason="restart")
    assert peer.kinds.count("response.output_audio.delta") == 1


@pytest.mark.parametrize("does", ["abort", "reset", "goaway", "fail", "error"])
def test_abort_and_whatever_a_websocket_has_not_drop_it_without_a_goodbye(does: str) -> None:
    async def talk(peer: Peer) -> None:
        await peer.ask()
        assert (await peer.rest())[0] == 1006

    assert "response.created" not in faulty(talk, does=does, said="response.created").kinds


def test_a_fault_may_hang_on_what_the_client_says() -> None:
    async def talk(peer: Peer) -> None:
        await peer.ask()
        assert (await peer.rest())[0] == 1006

    faulty(talk, does="abort", asked="response.create")


def test_stall_says_nothing_more_for_ever() -> None:
    async def talk(peer: Peer) -> None:
        await peer.until("session.created")
        await peer.ask()
        with pytest.raises(TimeoutError):
            await peer.until("response.done", within_s=600)

    assert faulty(talk, does="stall", said="response.created").kinds[-1] == "conversation.item.done"


@pytest.mark.parametrize("side", [{"said": "response.created"}, {"asked": "response.create"}])
def test_deaf_reads_nothing_more_and_speaks_on(side: dict[str, str]) -> None:
    async def talk(peer: Peer) -> None:
        await peer.ask()
        await peer.until("response.output_audio.delta")
        await peer.say("response.cancel")
        done = await peer.until("response.done")
        assert done["response"]["status"] == "completed"
        assert (await peer.rest(within_s=4000))[0] == 1001

    faulty(talk, does="deaf", **side)


def test_garble_makes_a_message_no_json() -> None:
    async def talk(peer: Peer) -> None:
        assert (await peer.raw() or b"").startswith(b'}{"type":"session.created"')

    faulty(talk, does="garble", said="session.created")


def test_cut_says_half_of_a_message_and_drops() -> None:
    async def talk(peer: Peer) -> None:
        half = await peer.raw() or b""
        assert half.startswith(b'{"type":"session.created"')
        assert not half.endswith(b"}")
        assert (await peer.rest())[0] == 1006

    faulty(talk, does="cut", said="session.created")


def test_corrupt_makes_audio_no_base64() -> None:
    async def talk(peer: Peer) -> None:
        await answer(peer)

    peer = faulty(talk, does="corrupt", said="response.output_audio.delta")
    deltas = [each["delta"] for each in peer.heard if each["type"] == "response.output_audio.delta"]
    assert [each.startswith("?") for each in deltas].count(True) == 1


def test_huge_pads_a_message_to_twenty_megabytes() -> None:
    async def talk(peer: Peer) -> None:
        await peer.ask()
        created = await peer.until("response.created")
        assert len(created["padding"]) == 20 * 1024 * 1024
        await peer.until("response.done")

    faulty(talk, does="huge", said="response.created")


def test_twice_says_a_message_two_times() -> None:
    assert faulty(answer, does="twice", said="response.created").kinds.count("response.created") == 2


def test_skip_leaves_a_message_out() -> None:
    assert "response.created" not in faulty(answer, does="skip", said="response.created").kinds


def test_delay_lets_everything_wait() -> None:
    async def talk(peer: Peer) -> None:
        await peer.ask()
        await peer.until("session.created")
        before = now()
        await peer.until("response.created")
        assert now() - before == pytest.approx(3.0)

    faulty(talk, does="delay", said="response.created", seconds=3.0)


def test_refuse_answers_with_an_error_and_the_message_counts_for_nothing() -> None:
    async def talk(peer: Peer) -> None:
        await peer.say("response.create", event_id="mine")
        error = (await peer.until("error"))["error"]
        assert (error["code"], error["message"], error["event_id"]) == ("server_error", "Busy.", "mine")
        await answer(peer)

    peer = faulty(talk, does="refuse", asked="response.create", code="server_error", reason="Busy.")
    assert peer.kinds.count("response.created") == 1


def test_faults_come_one_after_the_other_each_once() -> None:
    faults = (
        Fault(does="skip", said="response.created"),
        Fault(does="twice", said="response.created", nth=2),
        Fault(does="close", said="response.done", nth=3, code=1011),
    )

    async def talk(peer: Peer) -> None:
        for _ in range(2):
            await answer(peer)
        await peer.ask()
        assert (await peer.rest())[0] == 1011

    peer = talked(Temper(faults=faults), talk, [Reply(says=each) for each in "abc"])
    assert peer.kinds.count("response.created") == 3


def test_a_message_that_is_no_json_passes_by_the_faults() -> None:
    async def main() -> None:
        simulator = OpenAISimulator(temper=Temper(faults=(Fault(does="abort", asked="response.create"),)))
        transport = await simulator.connect()
        peer = inside(transport)
        for nonsense in (b"}", b"\xff", b"[1]"):
            await transport.send(nonsense)
            assert (await peer.until("error"))["error"]["code"] == "invalid_json"
        await transport.close()

    run(main())


@pytest.mark.parametrize("does", ["abort", "cut", "close"])
def test_a_connection_that_breaks_breaks_on_a_socket_too(does: Literal["abort", "cut", "close"]) -> None:
    fault = Fault(does=does, said="response.output_audio.delta", code=1011, reason="oops")

    async def main() -> None:
        async with (
            OpenAISimulator([WORDS], temper=Temper(faults=(fault,))) as simulator,
            outside(f"{simulator.url}?model=m") as (peer, _),
        ):
            await peer.ask()
            await peer.until("response.content_part.added")
            while await peer.raw() is not None:
                pass
            assert peer.ended == ((1011, "oops") if does == "close" else (1006, ""))

    run_on_sockets(main())


def test_a_call_with_arguments_is_made_on_time() -> None:
    async def talk(peer: Peer) -> None:
        await answer(peer)

    call = Call("c", "look_up", {"city": "Bonn"}, '{"city":"Bonn"}')
    peer = talked(Temper(), talk, [Reply(says="Wait.", calls=(call,))])
    assert peer.heard[-1]["response"]["output"][-1]["name"] == "look_up"
