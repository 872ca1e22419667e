import io
import sys

import pytest

from s2s.cli.rendering.screen import PlainPen, RichPen, Screen, waiting


class Terminal(io.StringIO):
    """A terminal of 80 columns that keeps what it was sent."""

    def isatty(self) -> bool:
        return True


def test_lines_have_labels() -> None:
    out = io.StringIO()
    screen = Screen(PlainPen(out))
    screen.say("you", "hello")
    screen.plain("a line")
    assert out.getvalue() == "you         hello\na line\n"


def test_a_line_grows_until_another_begins() -> None:
    out = io.StringIO()
    screen = Screen(PlainPen(out))
    for word in ("One", " two", " three"):
        screen.grow("agent", word)
    screen.say("you", "stop")
    screen.grow("agent", " Yes")
    screen.finish()
    assert out.getvalue() == "agent       One two three\nyou         stop\nagent       Yes\n"


def test_a_sketch_stays_where_nothing_can_be_erased() -> None:
    out = io.StringIO()
    screen = Screen(PlainPen(out))
    screen.sketch("you", "hel")
    screen.say("you", "hello")
    assert out.getvalue() == "you         ~ hel\nyou         hello\n"


@pytest.mark.parametrize("pen", [PlainPen, RichPen])
def test_a_terminal_replaces_a_sketch(pen: type[PlainPen | RichPen]) -> None:
    out = Terminal()
    screen = Screen(pen(out))
    screen.sketch("you", "hel " * 100)
    screen.say("you", "hello")
    first, second = out.getvalue().split("\r", 1)
    assert len(first.replace("\x1b", "").rstrip()) < 120
    assert second.replace("\r", "").endswith("hello\n") or "hello" in second
    assert "\n" not in first


@pytest.mark.parametrize("pen", [PlainPen, RichPen])
def test_what_others_say_gives_the_terminal_no_orders(pen: type[PlainPen | RichPen]) -> None:
    out = io.StringIO()
    screen = Screen(pen(out))
    screen.say("agent", "You said: \x1b]52;c;aGk=\x07\x1b[2J\r\b\x9b31m\x7fäöü\t\U0001f600")
    assert out.getvalue().split() == ["agent", "You", "said:", "]52;c;aGk=[2J31mäöü", "\U0001f600"]


def test_an_error_is_one_line_of_its_own() -> None:
    out = io.StringIO()
    screen = Screen(PlainPen(out))
    screen.grow("agent", "I am")
    screen.error("it broke")
    assert out.getvalue().splitlines()[1] == "error: it broke"


def test_a_table_aligns_words_left_and_numbers_right() -> None:
    out = io.StringIO()
    Screen(PlainPen(out)).table(["name", "ms"], [["one", "5"], ["three", "1200"], ["x", "-"]])
    assert out.getvalue().splitlines() == ["name   ms", "one       5", "three  1200", "x      -"]


def test_rich_colours_what_plain_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = Terminal()
    Screen(RichPen(out)).say("you", "[bold]hello[/] :smile:", "red")
    assert "\x1b[31m" in out.getvalue()
    assert "[bold]hello[/] :smile:" in out.getvalue()


def test_short_work_is_not_announced(capsys: pytest.CaptureFixture[str]) -> None:
    with waiting("thinking"):
        pass
    assert capsys.readouterr().err == ""
    assert sys.stderr is not None
