from s2s.cli.asking.playback import Piece, Playback, Span
from s2s.events import AudioOutput

RATE = 1_000


def audio(ms: int, item_id: str = "a") -> AudioOutput:
    return AudioOutput(bytes(range(1, ms + 1)) * 2, RATE, "r", item_id)


def playing() -> tuple[Playback, list[Piece]]:
    heard: list[Piece] = []
    return Playback(heard.append), heard


def test_audio_plays_when_it_comes_and_the_one_before_is_over() -> None:
    playback, _ = playing()
    assert [playback.play(audio(100), at) for at in (50, 60, 400)] == [50, 150, 400]
    assert playback.until_ms == 500
    assert playback.spans == [Span(50, 250), Span(400, 500)]


def test_what_has_sounded_to_its_end_is_heard() -> None:
    playback, heard = playing()
    playback.play(audio(100), 0)
    playback.play(audio(100), 0)
    playback.advance(199)
    assert [(each.start_ms, each.heard_ms) for each in heard] == [(0, 100)]
    playback.finish()
    assert [(each.start_ms, each.heard_ms) for each in heard] == [(0, 100), (100, 200)]


def test_each_item_is_counted_by_itself() -> None:
    playback, heard = playing()
    for item_id in ("a", "b", "b"):
        playback.play(audio(100, item_id), 0)
    playback.finish()
    assert [(each.item_id, each.heard_ms) for each in heard] == [("a", 100), ("b", 100), ("b", 200)]


def test_after_a_stop_the_rest_is_never_heard() -> None:
    playback, heard = playing()
    for _ in range(3):
        playback.play(audio(100), 0)
    playback.stop(130)
    playback.finish()
    assert [(each.start_ms, len(each.pcm) // 2, each.heard_ms) for each in heard] == [
        (0, 100, 100),
        (100, 30, 130),
    ]
    assert playback.spans == [Span(0, 300, cut_ms=130)]
    assert playback.until_ms == 130


def test_a_stop_after_the_end_cuts_nothing() -> None:
    playback, heard = playing()
    playback.play(audio(100), 0)
    playback.stop(500)
    assert playback.spans == [Span(0, 100)]
    assert len(heard) == 1


def test_words_lie_where_their_audio_sounds() -> None:
    playback, _ = playing()
    first = playback.words(10)
    playback.play(audio(100), 20)
    playback.play(audio(50), 30)
    second = playback.words(40)
    playback.play(audio(100), 45)
    assert (first, second) == (Span(20, 170), Span(170, 270))
