"""The engine over streams in memory, on a clock that jumps."""

import asyncio
import re
import sys
import time
import tomllib
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest
from tests.support.nova_service import (
    Service,
    accepts,
    calls,
    planned,
    really,
    said,
    shut,
    silent,
    sound,
    unreachable,
)

import s2s
from s2s.errors import (
    AuthError,
    ConfigError,
    ConnectError,
    ConnectionLostError,
    ProviderError,
    RateLimitError,
    S2SError,
    SessionClosedError,
    UnsupportedError,
)
from s2s.events import (
    AudioOutput,
    GoingAway,
    Reconnected,
    Reconnecting,
    SessionEnded,
    SessionStarted,
    ToolCall,
    Transcript,
    TurnEnd,
)
from s2s.items import JSON, ToolResult
from s2s.models import model_of
from s2s.providers.nova import NovaEngine, bare
from s2s.testing.clock import run
from s2s.testing.contract import violations
from s2s.testing.talk import Talk
from s2s.transports.memory import MemoryTransport

CANARY = "canary-4711"
FIRST = "amazon.nova-sonic-v1:0"
SECOND = "amazon.nova-2-sonic-v1:0"
PAIR: dict[str, JSON] = {"aws_access_key_id": "AKIAMINE", "aws_secret_access_key": CANARY}
ARN = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3"


@pytest.fixture(autouse=True)
def _a_machine_that_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)


def held(work: Callable[[Talk], Coroutine[object, object, None]], service: Service, **config: JSON) -> Talk:
    """Hold a conversation to its end and check what every session promises."""

    async def main() -> Talk:
        async with service.engine(**config).start() as session:
            talk = Talk(session, within_s=1000)
            await work(talk)
            await session.close()
            await talk.rest()
            return talk

    talk = run(main())
    assert violations(talk.events, talk.session.config.spoken) == []
    return talk


def refused(service: Service, **config: JSON) -> S2SError:
    """Return what starting a session raises."""

    async def main() -> None:
        async with service.engine(**config).start():
            pass

    with pytest.raises(S2SError) as caught:
        run(main())
    return caught.value


async def asks(talk: Talk, service: Service, text: str = "Hello?") -> None:
    """Ask in writing and be answered."""
    await talk.session.send_text(text)
    await service.asked(text)
    await service.says(planned("Good morning."), sound(bytes(4800)), really("Good morning."))
    turn = await talk.until(TurnEnd)
    assert (turn.agent_text, turn.status) == ("Good morning.", "completed")


async def nothing(_: Talk) -> None:
    """Say nothing."""


# What is known before anything is opened.


def test_what_the_service_can_do_is_known_before() -> None:
    can = NovaEngine().capabilities
    assert (can.interrupt, can.resets, can.truncate) == ("local_only", True, False)
    assert (can.turn_detection, can.resumption, can.updates) == (("server",), "replay", True)
    assert can.text_input
    assert not can.images
    assert {"en-US", "de", "hi", "pt-BR"} <= set(can.languages)
    assert "tina" in NovaEngine().voices


def test_the_first_generation_takes_no_text_and_speaks_fewer_languages() -> None:
    engine = NovaEngine(s2s.Config(model=FIRST))
    assert not engine.capabilities.text_input
    assert set(engine.capabilities.languages) < set(NovaEngine().capabilities.languages)
    assert "tina" not in engine.voices
    assert "greta" in engine.voices


def test_a_session_lasts_unless_nobody_wants_to_reconnect() -> None:
    engine = NovaEngine()
    assert engine.capabilities.max_session_s is None
    once = s2s.Config(reconnect=s2s.Reconnect(attempts=0))
    assert engine.capabilities_with(once).max_session_s == 480
    assert NovaEngine(once).capabilities.max_session_s == 480


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (SECOND, SECOND),
        (f"us.{SECOND}", SECOND),
        (f"arn:aws:bedrock:eu-north-1::foundation-model/{FIRST}", FIRST),
        (f"arn:aws:bedrock:us-east-1:1:inference-profile/us.{SECOND}", SECOND),
        (ARN, "a1b2c3"),
        ("mine", "mine"),
        ("", ""),
    ],
)
def test_a_model_is_known_by_its_bare_name(model: str, name: str) -> None:
    assert bare(model) == name


def test_a_model_that_nobody_knows_is_like_the_newest() -> None:
    newest = NovaEngine().capabilities
    for model in (ARN, "amazon.nova-9-sonic", "mine"):
        assert NovaEngine(s2s.Config(model=model)).capabilities == newest


@pytest.mark.parametrize(
    ("fields", "kind", "says"),
    [
        ({"extra": {"base_url": "https://gate.example"}}, s2s.MissingKeyError, "gate.example needs"),
        ({"extra": {"base_url": "wss://host"}}, ConfigError, "has none: begin it with https://"),
        ({"extra": {**PAIR, "base_url": "host"}}, ConfigError, "must begin with https://"),
        ({"extra": {"api_key": CANARY}}, ConfigError, "takes no API key"),
        (
            {"extra": {**PAIR, "endpointing": "LOW"}, "model": FIRST},
            UnsupportedError,
            "no endpointing in ama",
        ),
        ({"turn_detection": "manual"}, UnsupportedError, "nova has no turn detection 'manual': use server"),
        ({"turn_detection": "local"}, UnsupportedError, "nova has no turn detection 'local': use server"),
        ({"turn_detection": "semantic"}, UnsupportedError, "use server"),
        ({"turn_detection": s2s.TurnDetection(create_response=False)}, UnsupportedError, "leave create_resp"),
        (
            {"turn_detection": s2s.TurnDetection(interrupt_response=False)},
            UnsupportedError,
            "leave interrupt_response",
        ),
        ({"temperature": 1.1}, UnsupportedError, "nova has temperatures up to 1: lower Config.temperature"),
    ],
    ids=str,
)
def test_what_cannot_be_started_is_refused_at_once(
    fields: dict[str, JSON], kind: type[ConfigError], says: str
) -> None:
    with pytest.raises(kind, match=re.escape(says)) as told:
        NovaEngine(s2s.Config(**{"extra": PAIR, **fields})).start()
    assert CANARY not in str(told.value)


def test_a_machine_without_http2_is_told_of_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = NovaEngine(s2s.Config(extra=PAIR))
    engine.start()
    monkeypatch.setitem(sys.modules, "h2", None)
    with pytest.raises(ConfigError, match=r"needs h2: pip install 'voice-s2s\[nova\]'"):
        engine.start()
    Service().engine().start()


def test_a_rate_that_takes_numpy_says_so_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    for rates in ({"input_format": s2s.AudioFormat("pcm16", 44_100)}, {"sample_rate": 48_000}):
        with pytest.raises(ConfigError, match=r"voice-s2s\[audio\]"):
            Service().engine(**rates).start()


def test_a_wrong_setting_is_refused_by_the_engine_itself() -> None:
    with pytest.raises(ConfigError, match="unknown field `key`"):
        NovaEngine(s2s.Config(extra={"key": CANARY}))


@pytest.mark.parametrize("temperature", [None, 0, 1])
def test_what_the_service_takes_is_not_refused(temperature: float | None) -> None:
    turns = s2s.TurnDetection(eagerness="high")
    NovaEngine(s2s.Config(extra=PAIR, temperature=temperature, turn_detection=turns)).start()


@pytest.mark.parametrize(
    ("fields", "heard_hz", "spoken_hz"),
    [
        ({}, 16_000, 24_000),
        ({"sample_rate": 8_000}, 8_000, 8_000),
        ({"sample_rate": 16_000}, 16_000, 16_000),
        ({"sample_rate": 44_100}, 16_000, 24_000),
        ({"input_format": s2s.AudioFormat("g711_ulaw", 8_000)}, 8_000, 24_000),
        ({"output_format": s2s.AudioFormat("g711_alaw", 8_000)}, 16_000, 8_000),
    ],
    ids=str,
)
def test_the_rates_are_those_of_the_application_where_the_service_has_them(
    fields: dict[str, JSON], heard_hz: int, spoken_hz: int
) -> None:
    service = Service()

    async def looks(talk: Talk) -> None:
        prompt = await service.heard_until("promptStart")
        assert prompt["audioOutputConfiguration"]["sampleRateHertz"] == spoken_hz
        while "audioInputConfiguration" not in (start := await service.heard_until("contentStart")):
            pass
        assert start["audioInputConfiguration"]["sampleRateHertz"] == heard_hz
        await service.says(said("Hello?"), planned("Hi."), sound(bytes(2 * spoken_hz), hz=spoken_hz))
        await talk.until(TurnEnd)

    talk = held(looks, service, **fields)
    spoken = talk.session.config.spoken
    assert len(talk.audio) == pytest.approx(1000 * spoken.bytes_per_ms, rel=0.01)


# Opening.


def test_a_session_has_started_when_the_service_has_accepted_its_stream() -> None:
    service = Service(silent)

    async def main() -> None:
        starting = asyncio.ensure_future(_entered(service.engine(voice="tina", temperature=0.5)))
        await asyncio.sleep(5)
        assert not starting.done()
        session = await service.heard_until("sessionStart")
        assert session["inferenceConfiguration"]["temperature"] == 0.5
        prompt = await service.heard_until("promptStart")
        assert prompt["audioOutputConfiguration"]["voiceId"] == "tina"
        await accepts(service.ends[-1])
        started = await Talk(session := await starting).until(SessionStarted)
        assert (started.provider, started.model) == ("nova", "amazon.nova-2-5-sonic")
        assert started.session_id.startswith("r-")
        await session.close()

    run(main())


async def _entered(engine: NovaEngine) -> s2s.Session:
    return await engine.start()


def test_a_session_has_a_name_where_the_service_gives_it_none() -> None:
    async def nameless(end: MemoryTransport) -> None:
        await end.send(b'{"response":{}}')

    first, second = (held(nothing, Service(nameless)).session.id for _ in range(2))
    assert first.startswith("nova_")
    assert second.startswith("nova_")
    assert first != second


def test_what_only_this_service_understands_reaches_it() -> None:
    service = Service()
    extra: dict[str, JSON] = {
        "connect": service.connect,
        "endpointing": "HIGH",
        "top_p": 0.5,
        "session_start": {"newer": 1},
        "prompt_start": {"other": {"x": 2}},
    }

    async def looks(_: Talk) -> None:
        session = await service.heard_until("sessionStart")
        assert session["turnDetectionConfiguration"] == {"endpointingSensitivity": "HIGH"}
        assert session["inferenceConfiguration"]["topP"] == 0.5
        assert session["newer"] == 1
        assert (await service.heard_until("promptStart"))["other"] == {"x": 2}

    held(looks, service, extra=extra)


def test_eagerness_is_how_soon_a_turn_ends() -> None:
    service = Service()

    async def looks(_: Talk) -> None:
        session = await service.heard_until("sessionStart")
        assert session["turnDetectionConfiguration"] == {"endpointingSensitivity": "LOW"}

    held(looks, service, turn_detection=s2s.TurnDetection(eagerness="low"))


@pytest.mark.parametrize(
    ("model", "encoded"),
    [
        (None, "amazon.nova-2-5-sonic"),
        (f"us.{SECOND}", "us.amazon.nova-2-sonic-v1%3A0"),
        (ARN, ARN.replace(":", "%3A").replace("/", "%2F")),
    ],
)
def test_a_model_is_named_in_the_path_as_it_was_given(model: str | None, encoded: str) -> None:
    service = Service()
    extra: dict[str, JSON] = {"connect": service.connect, "headers": {"x-mine": "1"}}
    talk = held(nothing, service, model=model, extra=extra)
    assert talk.all(SessionStarted)[0].model == (model or "amazon.nova-2-5-sonic")
    host = "https://bedrock-runtime.us-east-1.amazonaws.com"
    assert service.urls == [f"{host}/model/{encoded}/invoke-with-bidirectional-stream"]
    assert service.headers == [{"x-mine": "1"}]


def test_a_retired_model_is_used_with_a_warning() -> None:
    service = Service()
    with pytest.warns(UserWarning, match=r"was shut down in 2026-09-14: use amazon\.nova-2-5-sonic"):
        held(nothing, service, model=f"us.{FIRST}")
    assert "/us.amazon.nova-sonic-v1%3A0/" in service.urls[0]


def test_any_other_service_may_still_have_it() -> None:
    service = Service()
    extra: dict[str, JSON] = {"connect": service.connect, "base_url": "https://gate.example"}

    async def looks(_: Talk) -> None:
        assert "turnDetectionConfiguration" not in await service.heard_until("sessionStart")

    held(looks, service, model=FIRST, extra=extra, turn_detection=s2s.TurnDetection(eagerness="low"))


def test_the_models_of_the_table_are_as_the_engine_says() -> None:
    newest = model_of("nova", "amazon.nova-2-5-sonic")
    assert (newest.text, newest.images, newest.shutdown) == (True, False, "")
    assert not model_of("nova", FIRST).text


@pytest.mark.parametrize(
    ("greeting", "kind"),
    [
        (shut(400, "Invalid input request, please fix your input and try again."), ProviderError),
        (shut(429, "Too many requests, please wait before trying again."), RateLimitError),
        (shut(503, "Try again."), S2SError),
        (shut(1006, "RST_STREAM NO_ERROR"), ConnectionLostError),
        (shut(1000), S2SError),
        (unreachable(AuthError("HTTP 403: check the secret")), AuthError),
        (unreachable(ConnectError("no way: try again", retryable=True)), ConnectError),
    ],
    ids=["400", "429", "503", "reset", "end", "403", "network"],
)
def test_a_stream_that_is_refused_is_raised_by_start_and_not_tried_again(
    greeting: Callable[..., Coroutine[object, object, None]], kind: type[S2SError]
) -> None:
    service = Service(greeting)
    assert isinstance(refused(service), kind)
    assert len(service.urls) == 1


def test_credentials_that_cannot_be_had_are_raised_by_start() -> None:
    async def fails() -> str:
        raise ValueError(CANARY)

    service = Service()
    error = refused(service, extra={"connect": service.connect, "credentials": fails})
    assert isinstance(error, AuthError)
    assert (error.provider, service.urls) == ("nova", [])
    assert CANARY not in str(error)


def test_a_service_that_says_nothing_is_given_up() -> None:
    service = Service(silent)
    error = refused(service, limits=s2s.Limits(connect_s=3))
    assert isinstance(error, ConnectError)
    assert "not ready within 3 s" in str(error)
    assert service.ends[0]._closed is not None


def test_starting_can_be_cancelled_at_any_moment() -> None:
    async def main() -> None:
        for turns in range(40):
            service = Service(silent if turns % 2 else accepts)
            start = asyncio.ensure_future(_started(service))
            for _ in range(turns):
                await asyncio.sleep(0)
            start.cancel()
            await asyncio.wait([start])
            assert all(end._closed for end in service.ends)

    async def _started(service: Service) -> None:
        async with service.engine().start():
            await asyncio.sleep(1)

    run(main())


# Conversations.


def test_a_question_in_writing_is_answered() -> None:
    service = Service()

    async def once(talk: Talk) -> None:
        await asks(talk, service)

    talk = held(once, service)
    assert len(talk.audio) == 4800
    assert talk.errors == []


def test_a_spoken_question_is_heard_and_answered() -> None:
    service = Service()

    async def speaks(talk: Talk) -> None:
        await talk.session.send_audio(b"\1\1" * 16_000)
        heard = b""
        while len(heard) < 32_000:
            heard += await service.audio()
        assert heard[:32_000] == b"\1\1" * 16_000
        await service.says(said("What is the time?"), planned("Noon."), sound(bytes(4800)), really("Noon."))
        transcript = await talk.until(Transcript, lambda each: each.final)
        assert transcript.text == "What is the time?"
        turn = await talk.until(TurnEnd)
        assert (turn.user_text, turn.agent_text) == ("What is the time?", "Noon.")

    held(speaks, service, sample_rate=16_000)


def test_a_tool_is_called_and_its_result_sent() -> None:
    service = Service()

    async def uses(talk: Talk) -> None:
        await service.says(said("Is it warm?"), calls("look_up", city="Bonn"))
        call = (await talk.until(ToolCall)).call
        assert (call.name, call.arguments) == ("look_up", {"city": "Bonn"})
        await talk.session.send_tool_result(ToolResult(call.id, "22 degrees"))
        assert (await service.heard_until("toolResult"))["content"] == '{"result":"22 degrees"}'

    tool = s2s.Tool(name="look_up", description="Look it up.")
    held(uses, service, tools=[tool])


def test_who_says_nothing_is_heard_to_be_silent() -> None:
    service = Service()

    async def waits(_: Talk) -> None:
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(100)
        heard = bytearray()
        while (asyncio.get_running_loop().time() - began) * 32_000 - len(heard) > 16_000:
            heard += await service.audio()
        assert not any(heard)

    held(waits, service)


def test_silence_never_stands_between_a_question_and_what_it_begins_with() -> None:
    service = Service()

    async def chats(talk: Talk) -> None:
        names: list[str] = []
        for number in range(20):
            await talk.session.send_text(f"Question {number}?")
            await asyncio.sleep(0.0317 * number)
            await service.says(planned("Yes."), sound(bytes(480)), really("Yes."))
            await talk.until(TurnEnd)
        await service.ends[-1].send(b"{}")
        open_text = False
        while len(names) < 300 and (event := await service.heard()):
            name, body = next(iter(event.items()))
            names.append(name)
            assert not (open_text and name == "audioInput"), names
            if name == "contentStart":
                open_text = body["type"] == "TEXT"
            elif name == "contentEnd":
                open_text = False

    held(chats, service)


def test_an_interruption_silences_the_answer_here_and_the_service_talks_on() -> None:
    service = Service()

    async def cuts(talk: Talk) -> None:
        await talk.session.send_text("Tell me a story.")
        await service.asked("Tell me a story.")
        await service.says(planned("Once upon"), sound(bytes(4800), stop="PARTIAL_TURN"))
        await talk.until(AudioOutput)
        cut = await talk.session.interrupt()
        assert cut is not None
        assert cut.confirmation == "local_only"
        await service.says(planned("a time."), sound(bytes(4800)), really("Once upon"), really("a time."))
        await talk.until(TurnEnd, lambda each: each.status == "interrupted")
        await asks(talk, service)

    talk = held(cuts, service)
    assert len(talk.audio) == 9600
    assert len(service.urls) == 1


def test_a_reset_goes_on_over_a_stream_that_knows_what_was_heard() -> None:
    service = Service()

    async def cuts(talk: Talk) -> None:
        await asks(talk, service)
        await asyncio.sleep(1)
        await talk.session.send_text("Tell me a story.")
        await service.asked("Tell me a story.")
        await service.says(planned("Once upon a time."), sound(bytes(48_000), stop="PARTIAL_TURN"))
        await talk.until(AudioOutput)
        await asyncio.sleep(0.6)
        await talk.session.interrupt(mode="reset")
        turn = await talk.until(TurnEnd)
        assert (turn.status, turn.heard_text) == ("interrupted", "Once upon")
        await talk.until(Reconnected)
        assert await service.heard_until("sessionStart")
        told = [(await service.heard_until("textInput"))["content"] for _ in range(5)]
        assert told[1:] == ["Hello?", "Good morning.", "Tell me a story.", "Once upon"]
        await asks(talk, service, "And now?")

    held(cuts, service)
    assert len(service.urls) == 2


# Streams that end.


def reconnections(talk: Talk) -> list[str]:
    told = [each for each in talk.events if isinstance(each, GoingAway | Reconnecting | Reconnected)]
    return [each.restored if isinstance(each, Reconnected) else each.type for each in told]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (1000, ""),
        (1006, "RST_STREAM NO_ERROR"),
        (1006, "GOAWAY NO_ERROR"),
        (400, "System instability detected. Please retry your request."),
        (500, "The system encountered an unexpected error during processing."),
        (408, "Model has timed out in processing the request. Try your request again."),
    ],
)
def test_a_conversation_goes_on_over_another_stream(code: int, reason: str) -> None:
    service = Service()

    async def drops(talk: Talk) -> None:
        await asks(talk, service)
        await service.closes(code, reason)
        await talk.until(Reconnected)
        await service.heard_until("sessionStart")
        told = [(await service.heard_until("textInput"))["content"] for _ in range(3)]
        assert told[1:] == ["Hello?", "Good morning."]
        await asks(talk, service)

    talk = held(drops, service)
    assert reconnections(talk) == ["reconnecting", "replayed"]
    assert talk.errors == []
    assert service.ends[0]._closed is not None


def test_a_stream_is_left_for_one_that_was_opened_before() -> None:
    service = Service()

    async def goes_on(talk: Talk) -> None:
        await asks(talk, service)
        going = await talk.until(GoingAway)
        assert going.time_left_s == pytest.approx(465 - 360)
        assert asyncio.get_running_loop().time() == pytest.approx(360, abs=1)
        await talk.until(Reconnected)
        assert asyncio.get_running_loop().time() < 380
        assert await service.heard_until("sessionEnd", 0) == {}
        await asks(talk, service)

    talk = held(goes_on, service)
    assert reconnections(talk) == ["going_away", "reconnecting", "replayed"]
    assert len(service.urls) == 2


def test_an_answer_is_heard_to_its_end_while_the_next_stream_is_open() -> None:
    service = Service()

    async def goes_on(talk: Talk) -> None:
        await asyncio.sleep(355)
        await talk.session.send_text("Hello?")
        await service.asked("Hello?")
        first = service.ends[0]
        await service.says(planned("Good morning."), sound(bytes(4800), stop="PARTIAL_TURN"))
        await talk.until(GoingAway)
        await talk.listen(2)
        assert len(service.urls) == 2
        assert reconnections(talk) == ["going_away"]
        service.ends.append(first)
        await service.says(planned("Sir."), sound(bytes(4800)), really("Good morning."), really("Sir."))
        turn = await talk.until(TurnEnd)
        assert (turn.agent_text, turn.status) == ("Good morning. Sir.", "completed")
        service.ends.pop()
        await talk.until(Reconnected)
        await asks(talk, service, "And now?")

    assert len(held(goes_on, service).audio) == 3 * 4800
    assert len(service.urls) == 2


def test_a_service_that_does_not_accept_the_next_stream_in_time_is_tried_anew() -> None:
    service = Service(accepts, silent)

    async def drops(talk: Talk) -> None:
        await asyncio.sleep(10)
        await service.closes()
        await talk.until(Reconnected)
        assert 13 < asyncio.get_running_loop().time() < 14
        await asks(talk, service)

    talk = held(drops, service, limits=s2s.Limits(connect_s=3))
    assert reconnections(talk) == ["reconnecting", "reconnecting", "full"]


def test_how_soon_a_stream_is_left_can_be_said() -> None:
    service = Service()

    async def goes_on(talk: Talk) -> None:
        await talk.until(GoingAway)
        assert asyncio.get_running_loop().time() == pytest.approx(30, abs=1)
        await talk.until(Reconnected)

    held(goes_on, service, extra={"connect": service.connect, "leave_after_s": 30})


@pytest.mark.parametrize(("left_s", "leave_s"), [(3600, 360), (500, 320), (300, 150), (60, 30)])
def test_a_stream_is_left_before_its_credentials_expire(left_s: float, leave_s: float) -> None:
    service, asked = Service(), list[float]()

    async def renewed() -> JSON:
        asked.append(asyncio.get_running_loop().time())
        return {**PAIR, "expires_at": time.time() + left_s}

    async def goes_on(talk: Talk) -> None:
        going = await talk.until(GoingAway)
        assert going.time_left_s == pytest.approx(min(left_s, 465) - leave_s, abs=1)
        assert asyncio.get_running_loop().time() == pytest.approx(leave_s, abs=1)
        await talk.until(Reconnected)
        await asks(talk, service)

    held(goes_on, service, extra={"connect": service.connect, "credentials": renewed})
    assert len(asked) == len(service.urls) >= 2


def test_who_does_not_want_to_reconnect_keeps_the_first_stream_to_its_end() -> None:
    service = Service()

    async def main() -> list[str]:
        engine = service.engine(reconnect=s2s.Reconnect(attempts=0))
        async with engine.start() as session:
            talk = Talk(session, within_s=1000)
            started = await talk.until(SessionStarted)
            assert started.expires_in_s == 480
            await asyncio.sleep(470)
            await asks(talk, service)
            await service.closes(408, "Model has timed out in processing the request.")
            await talk.rest()
            assert talk.events[-1] == SessionEnded("failed")
            return reconnections(talk)

    assert "reconnecting" not in run(main())
    assert len(service.urls) == 1


# What it is installed with.


def test_the_extra_brings_what_the_audio_of_the_defaults_needs() -> None:
    project = tomllib.loads((Path(__file__).parents[4] / "pyproject.toml").read_text())["project"]
    needed = {re.split(r"\W", each)[0] for each in project["optional-dependencies"]["nova"]}
    assert s2s.Config().sample_rate not in NovaEngine().capabilities.input_rates  # so it is resampled
    assert {"h2", "botocore", "numpy"} <= needed


# Secrets.


def test_no_secret_is_shown() -> None:
    service = Service()

    async def main() -> list[object]:
        extra = {**PAIR, "aws_session_token": CANARY, "connect": service.connect}
        engine = NovaEngine(s2s.Config(extra=extra, reconnect=s2s.Reconnect(attempts=0)))
        async with engine.start() as session:
            await service.closes(400, "Invalid input request, please fix your input and try again.")
            talk = Talk(session)
            await talk.rest()
            with pytest.raises(SessionClosedError) as closed:
                await session.send_text("Again?")
        return [engine, engine.config, engine.start(), session, *talk.events, closed.value, *talk.errors]

    shown = run(main())
    assert len(shown) > 7
    for each in [*shown, service.urls, service.headers]:
        assert CANARY not in f"{each!r} {each!s} {getattr(each, '__cause__', None)!r}"
