import importlib.util

import pytest
from tests.support.stages import LevelSTT, LoudVAD, ScriptedBrain, ToneTTS, echo
from tests.support.talking import on_the_line

from s2s.errors import ConfigError, UnknownProviderError, UnsupportedError
from s2s.items import JSON
from s2s.providers.local.brains.rules import RulesBrain
from s2s.providers.local.pool import Pool
from s2s.providers.local.seats import SEATS, Seats, require_models, seated
from s2s.testing import clock

POOL = Pool(1)


def stages() -> dict[str, object]:
    return {"vad": LoudVAD(), "stt": LevelSTT(), "brain": ScriptedBrain(echo), "tts": ToneTTS()}


class Anything(ToneTTS):
    voices = ()


def seats(tts: ToneTTS) -> Seats:
    return seated({**stages(), "tts": tts}, POOL)


def test_a_stage_object_takes_its_seat_as_it_is() -> None:
    chosen = stages()
    made = seated(chosen, POOL)
    assert {name: getattr(made, name) for name in SEATS} == chosen


def test_engines_of_one_configuration_share_their_stages() -> None:
    extra = {**stages(), "brain": "rules"}
    first, second = seated(extra, POOL), seated(extra, POOL)
    assert isinstance(first.brain, RulesBrain)
    assert first.brain is second.brain


def test_an_unknown_name_is_answered_with_those_that_exist() -> None:
    with pytest.raises(UnknownProviderError, match=r"no brain named 'oracle'; known: .*rules"):
        seated({**stages(), "brain": "oracle"}, POOL)


def test_an_unknown_option_is_named() -> None:
    with pytest.raises(ConfigError, match=r"brain rules does not take these brain_options.*speed"):
        seated({**stages(), "brain": "rules", "brain_options": {"speed": 1}}, POOL)


def test_options_for_a_stage_object_are_refused() -> None:
    with pytest.raises(ConfigError, match="set them on your own tts"):
        seated({**stages(), "tts_options": {"voice": "bass"}}, POOL)


def test_a_voice_or_a_language_that_no_stage_has_is_refused() -> None:
    made = seats(ToneTTS())
    made.require(voice="alto", language="en-US")
    made.require()
    with pytest.raises(UnsupportedError, match="use alto, tenor"):
        made.require(voice="bass")
    with pytest.raises(UnsupportedError, match="use en"):
        made.require(language="fr-CA")


def test_a_stage_that_lists_no_voices_takes_any() -> None:
    seats(Anything()).require(voice="whoever")


class Attended(ToneTTS):
    """A voice that hears of sessions, and cannot say goodbye while `fails` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.log: list[str] = []

    async def warm(self) -> None:
        self.log.append("warm")

    async def session_opened(self) -> None:
        self.log.append("opened")

    async def session_closed(self) -> None:
        self.log.append("closed")
        if self.fails is not None:
            raise self.fails


def test_a_stage_hears_of_the_session_before_and_after_all_else() -> None:
    async def main() -> None:
        tts = Attended()
        async with on_the_line(tts=tts) as caller:
            await caller.asks("are you there?")
            assert tts.log == ["opened", "warm"]
        assert tts.log == ["opened", "warm", "closed"]

    clock.run(main())


def test_a_stage_that_cannot_end_a_session_is_reported_and_the_session_ends() -> None:
    async def main() -> None:
        tts = Attended()
        async with on_the_line(tts=tts) as caller:
            tts.fails = OSError("no goodbye")
        assert "OSError: no goodbye" in str(caller.errors[0])

    clock.run(main())


@pytest.mark.parametrize(
    ("extra", "told"),
    [
        ({}, "silero, moonshine, hibari of the local engine need hibari-tts"),
        ({"vad": "energy", "stt": "openai", "tts": "hibari"}, "hibari of the local engine need hibari-tts"),
        ({"vad": "energy", "stt": "openai", "tts": "openai"}, None),
        ({"vad": object(), "stt": object(), "tts": object()}, None),
    ],
)
def test_only_stages_with_models_need_what_models_need(
    extra: dict[str, JSON], told: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    missing = {"hibari"}
    monkeypatch.setattr(
        "s2s.providers.local.seats.find_spec", lambda name: None if name in missing else found(name)
    )
    if told is None:
        require_models(extra)
    else:
        with pytest.raises(ConfigError, match=told):
            require_models(extra)
