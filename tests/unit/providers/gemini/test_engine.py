"""The engine over connections in memory, on a clock that jumps; the last tests over a real WebSocket."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine

import pytest
from pybase64 import b64decode
from tests.support import websockets
from tests.support.gemini_service import (
    OVER,
    READY,
    Service,
    audio,
    calls,
    handle,
    saying,
    shut,
    silent,
    sound,
    unreachable,
    words,
)
from tests.support.stages import LoudVAD, silence, speech
from websockets.asyncio.server import ServerConnection

import s2s
from s2s.errors import (
    AuthError,
    ConfigError,
    ConnectError,
    ConnectionLostError,
    ProviderError,
    RateLimitError,
    RemoteProtocolError,
    S2SError,
    SessionClosedError,
    UnsupportedError,
)
from s2s.events import (
    AudioOutput,
    Error,
    Reconnected,
    Reconnecting,
    ResponseDone,
    SessionEnded,
    SessionStarted,
    SpeechStarted,
    SpeechStopped,
    ToolCall,
    ToolCallCancelled,
    TurnEnd,
)
from s2s.items import JSON, Message, ToolResult
from s2s.providers.gemini import GeminiEngine
from s2s.testing.clock import run
from s2s.testing.contract import violations
from s2s.testing.talk import Talk
from s2s.transports.memory import MemoryTransport

CANARY = "canary-4711"
SETUP = "setup"
NATIVE = "gemini-2.5-flash-native-audio-preview-12-2025"


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def held(work: Callable[[Talk], Coroutine[object, object, None]], service: Service, **config: JSON) -> Talk:
    """Hold a conversation to its end and check what every session promises."""

    async def main() -> Talk:
        async with service.engine(**config).start() as session:
            talk = Talk(session, within_s=100)
            await work(talk)
            await session.close()
            await talk.rest()
            return talk

    talk = run(main())
    assert violations(talk.events, talk.session.config.spoken) == []
    return talk


def broken(work: Callable[[Talk], Coroutine[object, object, None]], service: Service, **config: JSON) -> Talk:
    """Hold a conversation that ends by itself."""

    async def main() -> Talk:
        async with service.engine(**config).start() as session:
            talk = Talk(session, within_s=100)
            await work(talk)
            await talk.rest()
            return talk

    talk = run(main())
    assert violations(talk.events, talk.session.config.spoken) == []
    assert talk.events[-1] == SessionEnded("failed")
    return talk


def refused(service: Service, **config: JSON) -> S2SError:
    """Return what starting a session raises."""

    async def main() -> None:
        async with service.engine(**config).start():
            pass

    with pytest.raises(S2SError) as caught:
        run(main())
    return caught.value


async def asks(talk: Talk, service: Service) -> None:
    """Ask in writing and be answered."""
    await talk.session.send_text("Hello?")
    while not is_asked("Hello?", await service.heard_until("clientContent")):
        pass
    await service.says(audio(bytes(4800)), words(" Good morning."), OVER)
    turn = await talk.until(TurnEnd)
    assert (turn.agent_text, turn.status) == ("Good morning.", "completed")


def is_asked(text: str, content: JSON) -> bool:
    return bool(
        content.get("turnComplete") and content["turns"][-1] == {"role": "user", "parts": [{"text": text}]}
    )


# What is known before anything is opened.


@pytest.mark.parametrize(
    ("turns", "interrupt"),
    [
        ("server", "local_only"),
        ("manual", "requested"),
        ("local", "requested"),
        (s2s.TurnDetection(mode="manual", interrupt_response=False), "local_only"),
    ],
    ids=str,
)
def test_who_finds_the_turns_decides_how_far_the_service_follows_an_interruption(
    turns: JSON, interrupt: str
) -> None:
    engine = GeminiEngine(s2s.Config(extra={"api_key": "k"}))
    overridden = s2s.Config(turn_detection=turns, extra={"api_key": "k"})
    assert engine.capabilities.interrupt == "local_only"
    assert engine.capabilities_with(overridden).interrupt == interrupt
    assert GeminiEngine(overridden).capabilities.interrupt == interrupt


def test_what_was_said_is_told_again_where_there_is_no_resumption() -> None:
    assert GeminiEngine().capabilities.resumption == "native"
    assert GeminiEngine(s2s.Config(extra={"resumption": False})).capabilities.resumption == "replay"


@pytest.mark.parametrize(
    ("fields", "kind", "says"),
    [
        ({"extra": {}}, s2s.MissingKeyError, "GEMINI_API_KEY or GOOGLE_API_KEY"),
        ({"extra": {"base_url": "host"}}, ConfigError, "must begin with wss://"),
        ({"extra": {"surface": "vertex", "access_token": "t"}}, ConfigError, "project"),
        ({"extra": {"api_key": "k", "affective_dialog": True}}, UnsupportedError, "affective_dialog"),
        ({"extra": {"api_key": "k", "profile": "x"}}, ConfigError, "profile"),
        ({"turn_detection": "semantic"}, UnsupportedError, "use server, manual, local"),
        (
            {"turn_detection": s2s.TurnDetection(create_response=False)},
            UnsupportedError,
            "answers every turn that it finds: use turn_detection='manual'",
        ),
        ({"turn_detection": "local", "extra": {"api_key": "k", "vad": "ears"}}, ConfigError, "ears"),
        ({"turn_detection": "local", "extra": {"api_key": "k", "vad": 5}}, ConfigError, "int is no voice"),
    ],
    ids=str,
)
def test_what_cannot_be_started_is_refused_at_once(
    fields: dict[str, JSON], kind: type[ConfigError], says: str
) -> None:
    engine = GeminiEngine(s2s.Config(**{"extra": {"api_key": "k"}, **fields}))
    with pytest.raises(kind, match=re.escape(says)):
        engine.start()


@pytest.mark.parametrize("mode", ["manual", "local"])
def test_turns_that_we_find_may_go_unanswered(mode: str) -> None:
    turns = s2s.TurnDetection(mode=mode, create_response=False)  # type: ignore[arg-type]
    GeminiEngine(s2s.Config(extra={"api_key": "k", "vad": LoudVAD()}, turn_detection=turns)).start()


def test_a_wrong_setting_is_refused_by_the_engine_itself() -> None:
    with pytest.raises(ConfigError, match="unknown field `key`"):
        GeminiEngine(s2s.Config(extra={"key": CANARY}))


@pytest.mark.parametrize(
    ("rate", "heard_hz"),
    [
        (8_000, 8_000),
        (11_025, 16_000),
        (16_000, 16_000),
        (22_050, 24_000),
        (44_100, 48_000),
        (96_000, 48_000),
    ],
)
def test_audio_is_heard_at_the_nearest_rate_that_is_not_lower(rate: int, heard_hz: int) -> None:
    service = Service()

    async def speaks(talk: Talk) -> None:
        await talk.session.send_audio(bytes(2 * rate))
        blob = (await service.heard_until("realtimeInput"))["audio"]
        assert blob["mimeType"] == f"audio/pcm;rate={heard_hz}"

    held(speaks, service, input_format=s2s.AudioFormat(sample_rate=rate))


# Opening.


def test_a_session_has_started_when_the_service_has_taken_the_setup() -> None:
    service = Service(silent)

    async def main() -> None:
        starting = asyncio.ensure_future(_entered(service.engine(model="gemini-3.8-live", voice="Kore")))
        await asyncio.sleep(5)
        assert not starting.done()
        setup = (await service.heard())[SETUP]
        assert setup["model"] == "models/gemini-3.8-live"
        voice = setup["generationConfig"]["speechConfig"]["voiceConfig"]
        assert voice == {"prebuiltVoiceConfig": {"voiceName": "Kore"}}
        await service.says(READY)
        session = await starting
        started = await Talk(session).until(SessionStarted)
        assert (started.provider, started.model) == ("gemini_live", "gemini-3.8-live")
        assert started.session_id.startswith("gemini_")
        assert session.id == started.session_id
        await session.close()

    run(main())


async def _entered(engine: GeminiEngine) -> s2s.Session:
    return await engine.start()


def test_the_service_may_name_the_session() -> None:
    async def named(end: MemoryTransport) -> None:
        await end.send(b'{"setupComplete":{"sessionId":"s-1"}}')

    async def nothing(talk: Talk) -> None:
        assert talk.session.id == "s-1"

    held(nothing, Service(named))


def test_a_handshake_carries_the_key_and_the_url_does_not() -> None:
    service = Service()

    async def nothing(talk: Talk) -> None:
        pass

    held(nothing, service, extra={"connect": service.connect, "api_key": CANARY})
    assert service.headers == [{"x-goog-api-key": CANARY}]
    assert CANARY not in service.urls[0]


REFUSALS = [
    (1007, "API key not valid. Please pass a valid API key.", AuthError, "check the API key"),
    (
        1008,
        "models/x is not found for API version v1beta, or is not supported for bidiGenerateContent.",
        ProviderError,
        "set Config.model",
    ),
    (1007, "Thinking level is not supported for this model.", ProviderError, "correct the settings"),
    (1007, "Request contains an invalid argument.", ProviderError, "begin anew"),
    (1008, "", ConnectionLostError, "1008"),
    (1011, "You exceeded your current quota, please check your plan.", RateLimitError, "wait"),
    (1011, "Internal error encountered.", ConnectionLostError, "try again"),
    (1006, "", ConnectionLostError, "1006"),
    (1000, "", S2SError, ""),
]


@pytest.mark.parametrize(("code", "reason", "kind", "says"), REFUSALS, ids=lambda each: str(each)[:30])
def test_a_setup_that_is_refused_is_raised_by_start_and_not_tried_again(
    code: int, reason: str, kind: type[S2SError], says: str
) -> None:
    service = Service(shut(code, reason))
    error = refused(service)
    assert isinstance(error, kind)
    assert says in str(error)
    assert reason.rstrip(".") in str(error)
    assert len(service.ends) == 1


def test_an_error_names_who_it_is_of() -> None:
    assert refused(Service(shut(1007, "API key not valid."))).provider == "gemini_live"


@pytest.mark.parametrize("connect_s", [15.0, 3.0])
def test_a_service_that_says_nothing_is_given_up(connect_s: float) -> None:
    service = Service(silent)

    async def main() -> float:
        with pytest.raises(ConnectError, match=f"not ready within {connect_s:g} s") as told:
            async with service.engine().start(limits=s2s.Limits(connect_s=connect_s)):
                pass
        assert told.value.retryable
        return asyncio.get_running_loop().time()

    assert run(main()) == pytest.approx(connect_s, abs=0.1)
    assert len(service.ends) == 1


@pytest.mark.parametrize("first", [b"<html>", b"[]", b'{"setupComplete":5}'])
def test_a_service_that_speaks_another_protocol_is_refused(first: bytes) -> None:
    async def greet(end: MemoryTransport) -> None:
        await end.send(first)

    assert isinstance(refused(Service(greet)), RemoteProtocolError)


@pytest.mark.parametrize(
    "error",
    [ConnectError("no way: try again", retryable=True), AuthError("HTTP 401: check the key")],
    ids=repr,
)
def test_a_connection_that_cannot_be_opened_is_raised_by_start(error: S2SError) -> None:
    assert refused(Service(unreachable(error))) is error


def test_a_key_that_cannot_be_had_is_raised_by_start() -> None:
    def fails() -> str:
        raise ValueError(CANARY)

    service = Service()
    error = refused(service, extra={"connect": service.connect, "api_key": fails})
    assert isinstance(error, AuthError)
    assert service.ends == []


def test_starting_can_be_cancelled_at_any_moment() -> None:
    async def main() -> None:
        for turns in range(40):
            service = Service(silent if turns % 2 else saying())
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


def test_a_retired_model_is_used_with_a_warning() -> None:
    service = Service()

    async def main() -> str:
        async with service.engine(model="gemini-2.0-flash-exp").start():
            return str((await service.heard())[SETUP]["model"])

    with pytest.warns(UserWarning, match=r"was shut down in 2025-12-09: use gemini-3\.8-live"):
        assert run(main()) == "models/gemini-2.0-flash-exp"


def test_a_model_that_nobody_knows_is_passed_on_and_is_like_the_newest() -> None:
    service = Service()

    async def main() -> JSON:
        def look_up() -> str:
            """Look it up."""
            return "found"

        async with service.engine(model="gemini-9-live", tools=[look_up]).start():
            return (await service.heard())[SETUP]

    setup = run(main())
    assert setup["model"] == "models/gemini-9-live"
    assert setup["tools"][0]["functionDeclarations"][0]["behavior"] == "BLOCKING"


# Conversations.


def test_a_question_in_writing_is_answered() -> None:
    service = Service()

    async def once(talk: Talk) -> None:
        await asks(talk, service)

    talk = held(once, service)
    assert len(talk.audio) == 4800
    assert talk.errors == []


@pytest.mark.parametrize(("mode", "confirmation"), [("server", "local_only"), ("manual", "requested")])
def test_an_interruption_goes_as_far_as_was_promised(mode: str, confirmation: str) -> None:
    service = Service()

    async def cuts(talk: Talk) -> None:
        await talk.session.send_text("Tell me a story.")
        await service.says(audio(bytes(4800)))
        await talk.until(AudioOutput)
        cut = await talk.session.interrupt()
        assert cut is not None
        assert cut.confirmation == confirmation
        if mode == "manual":
            assert (await service.heard_until("realtimeInput")) == {"activityStart": {}}
            await service.says({"serverContent": {"interrupted": True}}, OVER)
        else:
            await service.says(audio(bytes(4800)), OVER)
        await talk.until(TurnEnd, lambda each: each.status == "interrupted")
        await asks(talk, service)

    talk = held(cuts, service, turn_detection=mode)
    assert len(talk.audio) == 9600


def test_with_turns_found_here_the_service_is_told_of_them() -> None:
    service = Service()

    async def speaks(talk: Talk) -> None:
        setup = (await service.heard())[SETUP]
        assert setup["realtimeInputConfig"]["automaticActivityDetection"] == {"disabled": True}
        await talk.session.send_audio(silence(1_000) + speech("Hello there") + silence(1_000))
        await talk.until(SpeechStarted)
        await talk.until(SpeechStopped)
        assert (await service.heard())["realtimeInput"] == {"activityStart": {}}
        heard = b""
        while "audio" in (said := (await service.heard())["realtimeInput"]):
            heard += b64decode(said["audio"]["data"])
        assert said == {"activityEnd": {}}
        assert speech("Hello there") in heard
        await service.says(audio(bytes(4800)), words("Good morning."), OVER)
        await talk.until(TurnEnd, lambda each: each.agent_text == "Good morning.")

    vad: dict[str, JSON] = {"connect": service.connect, "vad": LoudVAD()}
    held(speaks, service, sample_rate=16_000, turn_detection="local", extra=vad)


def test_an_ear_that_cannot_be_opened_leaves_no_connection() -> None:
    class Deaf(LoudVAD):
        async def warm(self) -> None:
            raise ConfigError("no ears: install some")

    service = Service()
    extra: dict[str, JSON] = {"connect": service.connect, "vad": Deaf()}
    assert "no ears" in str(refused(service, turn_detection="local", extra=extra))
    assert service.ends[0]._closed is not None


@pytest.mark.parametrize("data", ["%%%%", "AAA=A===", "AA\n", "A", "\u00e9\u00e9\u00e9\u00e9"])
def test_audio_that_cannot_be_read_is_an_error_and_the_conversation_goes_on(data: str) -> None:
    service = Service()

    async def survives(talk: Talk) -> None:
        await talk.session.send_text("Hello?")
        await service.says(audio(bytes(4800)), sound(data), audio(bytes(4800)), OVER)
        turn = await talk.until(TurnEnd)
        assert turn.status == "completed"
        await asks(talk, service)

    talk = held(survives, service)
    (error,) = talk.errors
    assert isinstance(error, RemoteProtocolError)
    assert error.provider == "gemini_live"


@pytest.mark.parametrize("message", [b"<html>", b"", b"[]", b'{"serverContent":5}', b"\xff", b"{" * 100])
def test_a_message_that_cannot_be_read_is_an_error_and_the_conversation_goes_on(message: bytes) -> None:
    service = Service()

    async def survives(talk: Talk) -> None:
        await talk.session.send_text("Hello?")
        await service.says(audio(bytes(4800)), message, OVER)
        await talk.until(TurnEnd, lambda each: each.status == "completed")

    (error,) = held(survives, service).errors
    assert isinstance(error, RemoteProtocolError)


# Connections that end.


def reconnections(talk: Talk) -> list[tuple[str, JSON]]:
    told = [each for each in talk.events if isinstance(each, Reconnecting | Reconnected)]
    return [(each.type, each.attempt if isinstance(each, Reconnecting) else each.restored) for each in told]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (1000, ""),
        (1001, ""),
        (1006, ""),
        (1011, "Internal error encountered."),
        (1011, "Deadline expired before operation could complete."),
        (1012, ""),
    ],
)
def test_a_conversation_goes_on_where_it_was_by_its_handle(code: int, reason: str) -> None:
    service = Service(saying(handle("H1")))

    async def drops(talk: Talk) -> None:
        assert (await service.heard())[SETUP]["sessionResumption"] == {}
        await asks(talk, service)
        await service.says(handle("H2"))
        await service.closes(code, reason)
        await talk.until(Reconnected)
        setup = (await service.heard())[SETUP]
        assert setup["sessionResumption"] == {"handle": "H2"}
        assert "historyConfig" not in setup
        await asks(talk, service)

    talk = held(drops, service)
    assert reconnections(talk) == [("reconnecting", 1), ("reconnected", "full")]
    assert talk.errors == []
    assert len(service.ends) == 2
    assert service.ends[0]._closed is not None


def test_an_answer_that_loses_its_connection_is_over() -> None:
    service = Service(saying(handle("H1")))

    async def drops(talk: Talk) -> None:
        await talk.session.send_text("Tell me a story.")
        await service.says(audio(bytes(4800)), words("Once upon"))
        await talk.until(AudioOutput)
        await service.closes()
        done = await talk.until(ResponseDone)
        assert done.status == "interrupted"
        await talk.until(Reconnected)
        await asks(talk, service)

    held(drops, service)


def test_without_a_handle_the_service_is_told_what_was_said() -> None:
    service = Service()

    async def drops(talk: Talk) -> None:
        await asks(talk, service)
        await service.closes()
        await talk.until(Reconnected)
        assert (await service.heard())[SETUP]["historyConfig"] == {"initialHistoryInClientContent": True}
        (question, answer) = (await service.heard())["clientContent"]["turns"]
        assert (question["parts"], answer["parts"]) == ([{"text": "Hello?"}], [{"text": "Good morning."}])
        await asks(talk, service)

    talk = held(drops, service, extra={"connect": service.connect, "resumption": False})
    assert reconnections(talk) == [("reconnecting", 1), ("reconnected", "replayed")]


@pytest.mark.parametrize(
    ("code", "reason"),
    [(1008, "Requested entity was not found."), (1007, "Request contains an invalid argument.")],
)
def test_a_handle_that_is_refused_is_let_go(code: int, reason: str) -> None:
    service = Service(saying(handle("stale")), shut(code, reason))

    async def drops(talk: Talk) -> None:
        await asks(talk, service)
        await service.closes()
        await talk.until(Reconnected)
        assert (await service.heard())[SETUP]["sessionResumption"] == {}
        await asks(talk, service)

    talk = held(drops, service)
    assert reconnections(talk) == [("reconnecting", 1), ("reconnecting", 2), ("reconnected", "replayed")]


def test_a_service_that_goes_away_is_left_in_time() -> None:
    service = Service(saying(handle("H1")))

    async def goes(talk: Talk) -> None:
        await asks(talk, service)
        await service.says(handle("H2"), {"goAway": {"timeLeft": "50s"}})
        await talk.until(Reconnected)
        assert (await service.heard())[SETUP]["sessionResumption"] == {"handle": "H2"}
        await asks(talk, service)

    talk = held(goes, service)
    assert [each for each, _ in reconnections(talk)] == ["reconnecting", "reconnected"]


def test_a_service_that_is_not_ready_again_in_time_is_tried_anew() -> None:
    service = Service(saying(handle("H1")), silent)

    async def drops(talk: Talk) -> None:
        await service.closes()
        await talk.until(Reconnected)
        await asks(talk, service)

    talk = held(drops, service)
    assert reconnections(talk) == [("reconnecting", 1), ("reconnecting", 2), ("reconnected", "full")]


def test_a_service_that_is_gone_ends_the_session() -> None:
    gone = ConnectError("nobody there: try again", retryable=True)
    service = Service(saying(handle("H1")), *[unreachable(gone)] * 5)

    async def drops(talk: Talk) -> None:
        await service.closes()

    talk = broken(drops, service)
    assert reconnections(talk) == [("reconnecting", attempt) for attempt in range(1, 6)]
    assert talk.errors == [gone]
    assert talk.all(Error)[0].fatal


def test_who_does_not_want_to_reconnect_does_not() -> None:
    service = Service(saying(handle("H1")))

    async def drops(talk: Talk) -> None:
        await service.closes()

    talk = broken(drops, service, reconnect=s2s.Reconnect(attempts=0))
    (error,) = talk.errors
    assert isinstance(error, ConnectionLostError)
    assert (error.code, reconnections(talk)) == (1006, [])


FATAL = [
    (1007, "Request contains an invalid argument.", ProviderError, "context"),
    (1007, "API key not valid. Please pass a valid API key.", AuthError, None),
    (1008, "models/x is not found for API version v1beta, or is", ProviderError, "model"),
    (1007, "realtime_input.media_chunks is deprecated. Use audio,", ProviderError, "config"),
    (1011, "You exceeded your current quota, please check your", RateLimitError, "quota"),
]


@pytest.mark.parametrize(("code", "reason", "kind", "name"), FATAL, ids=lambda each: str(each)[:20])
def test_a_conversation_that_the_service_will_not_go_on_with_is_never_tried_again(
    code: int, reason: str, kind: type[S2SError], name: str | None
) -> None:
    service = Service(saying(handle("H1")))

    async def drops(talk: Talk) -> None:
        await talk.session.send_text("Tell me a story.")
        await service.says(audio(bytes(4800)))
        await talk.until(AudioOutput)
        await service.closes(code, reason)
        await talk.until(Error)
        with pytest.raises(SessionClosedError) as closed:
            await talk.session.send_text("Hello?")
        assert isinstance(closed.value.__cause__, kind)

    talk = broken(drops, service)
    (error,) = talk.errors
    assert type(error) is kind
    assert getattr(error, "code", None) == name
    assert reason.rstrip(".") in str(error)
    assert talk.all(ResponseDone)[0].status == "failed"
    assert (len(service.ends), reconnections(talk)) == (1, [])


def test_a_function_is_asked_for_a_key_at_every_connection_and_may_fail_once() -> None:
    made = iter(["auth_tokens/1", "", "auth_tokens/2"])

    async def mint() -> str:
        token = next(made)
        if not token:
            raise OSError(CANARY)
        return token

    service = Service(saying(handle("H1")))

    async def drops(talk: Talk) -> None:
        await service.closes()
        await talk.until(Reconnected)
        await asks(talk, service)

    talk = held(drops, service, extra={"connect": service.connect, "api_key": mint})
    assert reconnections(talk) == [("reconnecting", 1), ("reconnecting", 2), ("reconnected", "full")]
    assert [each["Authorization"] for each in service.headers] == [
        "Token auth_tokens/1",
        "Token auth_tokens/2",
    ]
    assert all(
        url.endswith("v1alpha.GenerativeService.BidiGenerateContentConstrained") for url in service.urls
    )
    assert CANARY not in str(talk.events)


def test_a_key_that_is_refused_on_the_way_back_ends_the_session() -> None:
    refusal = AuthError("HTTP 401: check the key")
    service = Service(saying(handle("H1")), unreachable(refusal))

    async def drops(talk: Talk) -> None:
        await service.closes()

    assert broken(drops, service).errors == [refusal]
    assert len(service.ends) == 1


# Tools.


@pytest.mark.parametrize("ends", ["the connection", "the session"])
def test_what_ends_during_a_tool_call_takes_the_call_along(ends: str) -> None:
    ended: list[str] = []

    async def look_up(city: str) -> str:
        """Look a city up."""
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append(city)
            raise
        return "found"

    service = Service(saying(handle("H1")))

    async def calling(talk: Talk) -> None:
        await talk.session.send_text("Hello?")
        await service.says(calls("look_up", city="Bonn"))
        await talk.until(ToolCall)
        if ends == "the session":
            return
        await service.closes()
        gone = await talk.until(ToolCallCancelled)
        assert gone.call_ids == ("fc_1",)
        await talk.until(Reconnected)
        (answer,) = (await service.heard_until("toolResponse"))["functionResponses"]
        assert answer["id"] == "fc_1"
        assert set(answer["response"]) == {"error"}
        await asks(talk, service)

    talk = held(calling, service, tools=[look_up])
    assert ended == ["Bonn"]
    assert talk.errors == []


def test_a_tool_is_called_and_its_result_answered_by_its_name() -> None:
    def look_up(city: str) -> str:
        """Look a city up."""
        return f"{city} is a city."

    service = Service()

    async def calling(talk: Talk) -> None:
        await talk.session.send_text("Hello?")
        await service.says(calls("look_up", city="Bonn"))
        (answer,) = (await service.heard_until("toolResponse"))["functionResponses"]
        assert answer == {"id": "fc_1", "name": "look_up", "response": {"output": "Bonn is a city."}}
        await service.says(audio(bytes(4800)), words("A city."), OVER)
        await talk.until(TurnEnd)
        assert ToolResult("fc_1", "Bonn is a city.") in talk.session.history
        assert Message("assistant", "A city.") in [
            Message(each.role, each.text) for each in talk.session.history if isinstance(each, Message)
        ]

    held(calling, service, tools=[look_up])


# Secrets, and the network.


def test_a_key_shows_in_no_error_no_event_and_no_name() -> None:
    service = Service()

    async def main() -> list[object]:
        engine = service.engine({"api_key": CANARY})
        async with engine.start() as session:
            await service.closes(1007, "API key not valid. Please pass a valid API key.")
            talk = Talk(session)
            await talk.rest()
            with pytest.raises(SessionClosedError) as closed:
                await session.send_text("Again?")
        return [engine, engine.config, engine.start(), session, *talk.events, closed.value, *talk.errors]

    shown = run(main())
    assert len(shown) > 7
    for each in shown:
        assert CANARY not in f"{each!r} {each!s} {getattr(each, '__cause__', None)!r}"


def over_a_websocket(
    serve: Callable[[ServerConnection], Awaitable[None]], work: Callable[[Talk], Awaitable[None]]
) -> Talk:
    async def main() -> Talk:
        async with websockets.server(serve, max_size=None) as url:
            engine = GeminiEngine(s2s.Config(extra={"base_url": url}))
            async with engine.start() as session:
                talk = Talk(session)
                await work(talk)
                await session.close()
                await talk.rest()
                return talk

    return websockets.run(main())


def test_a_message_of_20_mb_ends_the_session_with_a_typed_error() -> None:
    connections: list[str] = []

    async def serve(connection: ServerConnection) -> None:
        assert connection.request is not None
        connections.append(connection.request.path)
        await connection.recv()
        await connection.send(b'{"setupComplete": {}}\n')
        await connection.send(b'{"serverContent":"%s"}' % (b"x" * 20_000_000))
        await connection.wait_closed()

    async def waits(talk: Talk) -> None:
        error = await talk.until(Error)
        assert error.fatal
        assert isinstance(error.error, RemoteProtocolError | ConnectionLostError)
        assert error.error.provider == "gemini_live"
        assert "16" in str(error.error)

    talk = over_a_websocket(serve, waits)
    assert talk.events[-1] == SessionEnded("failed")
    assert connections == ["/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"]


def test_messages_come_as_binary_or_text() -> None:
    async def serve(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send('{\n  "setupComplete": {}\n}\n')
        await connection.recv()
        await connection.send(b'{"serverContent":{"outputTranscription":{"text":"Good morning."}}}')
        await connection.send('{"serverContent":{"turnComplete":true}}')
        await connection.wait_closed()

    async def once(talk: Talk) -> None:
        await talk.session.send_text("Hello?")
        turn = await talk.until(TurnEnd)
        assert turn.agent_text == "Good morning."

    assert over_a_websocket(serve, once).errors == []
