"""What audio costs, and how large its pieces are; the rest of the manners is seen in test_temper."""

from collections.abc import Sequence

import pytest
from tests.support.links import PlainLink
from tests.support.sessions import loud

from s2s.commands import AppendAudio
from s2s.events import AudioOutput, Event, ResponseDone, ResponseStatus, Tokens, Usage
from s2s.simulators.manner import Mannered, Tariff
from s2s.simulators.temper import NovaTemper, Temper
from s2s.testing.clock import run
from s2s.wire import Send

SPOKEN = AudioOutput(loud(500), 24_000, "r", "i")
SPEECH, QUIET = loud(1000), bytes(48_000)
SAID = Tokens(10, audio=10)


def told(turns: Sequence[tuple[bytes, ResponseStatus]], temper: Temper, tariff: Tariff) -> list[Event]:
    """Return what is told of turns in which this is heard; all of them say the same."""

    async def main() -> list[Event]:
        inner = PlainLink()
        mannered = Mannered(inner, temper, tariff)
        events: list[Event] = []
        for heard, status in turns:
            await mannered.send(AppendAudio(heard))
            inner.tell(SPOKEN, ResponseDone("r", status))
            async for event in mannered:
                assert not isinstance(event, Send)
                events.append(event)
                if isinstance(event, ResponseDone):
                    break
        return events

    return run(main())


def costs(tariff: Tariff, *turns: tuple[bytes, ResponseStatus]) -> list[Usage | None]:
    events = told(turns, Temper(), tariff)
    return [each.usage for each in events if isinstance(each, ResponseDone)]


def heard(tokens: int) -> Usage:
    return Usage(Tokens(tokens, audio=tokens), SAID)


@pytest.mark.parametrize(
    ("rereads", "expected"), [("nothing", [10, 10]), ("heard", [10, 20]), ("everything", [10, 30])]
)
def test_a_response_costs_of_what_was_before_it_what_the_tariff_says(
    rereads: str, expected: list[int]
) -> None:
    spent = costs(Tariff(rereads=rereads), (SPEECH, "completed"), (SPEECH, "completed"))  # type: ignore[arg-type]
    assert spent == [heard(each) for each in expected]


@pytest.mark.parametrize(("silence", "expected"), [(True, 10), (False, 0)])
def test_silence_costs_what_the_tariff_says(silence: bool, expected: int) -> None:
    assert costs(Tariff(silence=silence), (QUIET, "completed")) == [heard(expected)]


def test_audio_that_ends_amid_a_sample_is_weighed_too() -> None:
    assert costs(Tariff(silence=False), (b"\x01", "completed")) == [heard(0)]


@pytest.mark.parametrize(("cut", "expected"), [(True, heard(10)), (False, None)])
def test_what_was_cut_off_costs_something_or_nothing(cut: bool, expected: Usage | None) -> None:
    assert costs(Tariff(cut=cut), (SPEECH, "interrupted")) == [expected]


@pytest.mark.parametrize(
    ("temper", "sizes"),
    [
        (NovaTemper(), [3840] * 6 + [960]),
        (Temper(), [4800, 9599, 9600, 1]),
        (NovaTemper(odd_delta=1, first_delta_ms=100, delta_ms=300), [4799, 14_400, 4801]),
    ],
)
def test_audio_comes_in_pieces(temper: Temper, sizes: list[int]) -> None:
    pieces = [each for each in told([(b"", "completed")], temper, Tariff()) if isinstance(each, AudioOutput)]
    assert b"".join(each.audio for each in pieces) == SPOKEN.audio
    assert [len(each.audio) for each in pieces] == sizes
