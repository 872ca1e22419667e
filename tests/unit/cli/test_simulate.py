import argparse
import json
from pathlib import Path

import pytest

from s2s.cli.simulate import configure, script_of, temper_of
from s2s.errors import ConfigError
from s2s.items import Call
from s2s.providers.script import Reply
from s2s.simulators.temper import Fault, GeminiTemper, NovaTemper, Temper


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    configure(parser)
    return parser.parse_args(["openai", *arguments])


def test_replies_are_given_one_by_one_or_by_a_file(tmp_path: Path) -> None:
    place = tmp_path / "script.json"
    calls = [{"name": "look_up", "arguments": {"city": "Bonn"}}]
    place.write_text(json.dumps([{"hears": "Hi.", "calls": calls}, {"says": ["One.", "Two."]}]))
    call = Call("call_0_0", "look_up", {"city": "Bonn"}, '{"city":"Bonn"}')
    assert script_of(parsed("--script", str(place), "--says", "Bye.")) == [
        Reply(hears="Hi.", calls=(call,)),
        Reply(says=("One.", "Two.")),
        Reply(says="Bye."),
    ]


@pytest.mark.parametrize("content", ["", "{}", '[{"say": "typo"}]', '[{"status": "odd"}]'])
def test_a_file_that_is_no_script_is_refused(tmp_path: Path, content: str) -> None:
    place = tmp_path / "script.json"
    place.write_text(content)
    with pytest.raises(ConfigError, match="is no script"):
        script_of(parsed("--script", str(place)))


def test_a_good_day_is_the_default() -> None:
    assert temper_of(parsed(), Temper) == Temper()
    assert temper_of(parsed(), GeminiTemper) == GeminiTemper()
    assert temper_of(parsed(), NovaTemper) == NovaTemper()


def test_every_knob_and_fault_can_be_turned() -> None:
    temper = temper_of(
        parsed(
            *("--key", "k", "--model", "m", "--temper", "pace=0", "--temper", "transcript_lag_s=1.5"),
            *("--fault", "does=close,said=response.done,nth=2,code=1013,reason=full"),
        ),
        Temper,
    )
    fault = Fault(does="close", said="response.done", nth=2, code=1013, reason="full")
    assert temper == Temper(keys=("k",), models=("m",), pace=0, transcript_lag_s=1.5, faults=(fault,))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--temper", "speed=3"), "no such setting: speed; use strict, pace"),
        (("--temper", "pace=fast"), r"at `\$.pace`; correct it, or leave it out; see `s2s simulate --help`"),
        (("--temper", "pace=-1"), "give 0 for all at once"),
        (("--temper", "delta_ms=0"), "give more than 0"),
        (("--fault", "does=explode"), "explode.*; use close, abort, stall"),
        (("--fault", "does=close,nth=0"), "the first message is number 1"),
        (("--fault", "does=close,when=now"), "no such setting of a fault: when; use does, said, asked, nth"),
    ],
)
def test_what_cannot_be_turned_is_named(arguments: tuple[str, ...], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        temper_of(parsed(*arguments), Temper)


def test_gemini_has_knobs_of_its_own() -> None:
    temper = temper_of(
        parsed("--temper", "profile=dev-3.1", "--temper", "notice_s=5", "--temper", "plays=false"),
        GeminiTemper,
    )
    assert temper == GeminiTemper(profile="dev-3.1", notice_s=5, plays=False)
    with pytest.raises(ConfigError, match="no such setting: profile"):
        temper_of(parsed("--temper", "profile=dev-3.1"), Temper)


def test_nova_has_knobs_and_faults_of_its_own() -> None:
    knobs = ("idle_ends=reset", "region=eu-north-1", "accepts=with_first_event", "generation=1")
    told = (argument for each in knobs for argument in ("--temper", each))
    faults = ("--fault", "does=reset,said=audioOutput,code=CANCEL", "--fault", "does=goaway,said=usageEvent")
    fault, other = (
        Fault(does="reset", said="audioOutput", code="CANCEL"),
        Fault(does="goaway", said="usageEvent"),
    )
    assert temper_of(parsed("--key", "a:b", *told, *faults), NovaTemper) == NovaTemper(
        keys=("a:b",),
        idle_ends="reset",
        region="eu-north-1",
        accepts="with_first_event",
        generation=1,
        faults=(fault, other),
    )
    with pytest.raises(ConfigError, match="no such setting: idle_ends"):
        temper_of(parsed("--temper", "idle_ends=reset"), GeminiTemper)
    with pytest.raises(ConfigError, match=r"at `\$.accepts`; use at_once, with_first_event"):
        temper_of(parsed("--temper", "accepts=never"), NovaTemper)
    with pytest.raises(ConfigError, match=r"at `\$.generation`; use 1, 2"):
        temper_of(parsed("--temper", "generation=3"), NovaTemper)
