"""Where text for people goes: in colour where rich is installed and a terminal shows it."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from importlib.util import find_spec
from typing import Protocol, TextIO

_LABEL_WIDTH = 12
_CONTROLS = {each: None for each in (*range(0x20), *range(0x7F, 0xA0)) if chr(each) not in "\t\n"}
"""What text of others could give a terminal orders with."""
_PATIENCE_S = 0.7


class Pen(Protocol):
    """Puts text on the screen; `style` is a rich style such as `bold red`."""

    width: int | None
    """Columns of the terminal; None where a line cannot be erased."""

    def write(self, text: str, style: str = "") -> None:
        """Write without a line break."""
        ...

    def erase(self) -> None:
        """Empty the line and go to its beginning."""
        ...


class PlainPen:
    """Text as it is, for pipes and where rich is missing."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.width = shutil.get_terminal_size().columns if file.isatty() else None

    def write(self, text: str, style: str = "") -> None:
        """Write, at once."""
        self._put(text.translate(_CONTROLS))

    def erase(self) -> None:
        """Write spaces over the line."""
        self._put(f"\r{' ' * ((self.width or 1) - 1)}\r")

    def _put(self, text: str) -> None:
        self._file.write(text)
        self._file.flush()


class RichPen:
    """Text in colour."""

    def __init__(self, file: TextIO) -> None:
        from rich.console import Console
        from rich.control import Control
        from rich.segment import ControlType

        self._console = Console(file=file, highlight=False, markup=False, emoji=False)
        self._erasing = Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2))
        self.width = self._console.width if file.isatty() else None

    def write(self, text: str, style: str = "") -> None:
        """Write, at once; rich leaves colours out where NO_COLOR is set."""
        self._console.print(text.translate(_CONTROLS), style=style or None, end="", soft_wrap=True)

    def erase(self) -> None:
        """Have the terminal erase the line."""
        self._console.control(self._erasing)


class _Line(Enum):
    FRESH = "at the beginning of a line"
    OPEN = "in a line that may go on"
    SKETCH = "after a line that the next one replaces"


class Screen:
    """Writes labelled lines, some of which grow while they are spoken."""

    def __init__(self, pen: Pen) -> None:
        self._pen = pen
        self._line = _Line.FRESH
        self._growing = ""

    def say(self, label: str, text: str, style: str = "") -> None:
        """Write a line."""
        self._begin(label, style)
        self._pen.write(f"{text}\n", style)
        self._line = _Line.FRESH

    def plain(self, text: str = "", style: str = "") -> None:
        """Write a line that has no label."""
        self.finish()
        self._pen.write(f"{text}\n", style)

    def grow(self, label: str, text: str, style: str = "") -> None:
        """Go on with the line of this label, or begin it if it is not the last one."""
        if self._growing != label:
            self._begin(label, style)
            self._line, self._growing = _Line.OPEN, label
            text = text.lstrip()
        self._pen.write(text, style)

    @property
    def erases(self) -> bool:
        """Whether a line can be written over."""
        return self._pen.width is not None

    def sketch(self, label: str, text: str) -> None:
        """Show text that is not final: where the screen erases, the next line replaces it."""
        if self._pen.width is None:
            self.say(label, f"~ {text}", "dim")
            return
        self._begin(label, "dim")
        self._pen.write(text[-max(1, self._pen.width - _LABEL_WIDTH - 2) :], "dim")
        self._line = _Line.SKETCH

    def error(self, text: str) -> None:
        """Write a red line that says what went wrong."""
        self.finish()
        self._pen.write("error: ", "bold red")
        self._pen.write(f"{text}\n", "red")

    def table(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Write columns as wide as their contents; a number stands at the right of its column."""
        widths = [max(len(row[at]) for row in (heads, *rows)) for at in range(len(heads))]
        for row, style in ((heads, "bold"), *((row, "") for row in rows)):
            cells = (_aligned(cell, width) for cell, width in zip(row, widths, strict=True))
            self.plain("  ".join(cells).rstrip(), style)

    def finish(self) -> None:
        """End the line that may go on."""
        match self._line:
            case _Line.OPEN:
                self._pen.write("\n")
            case _Line.SKETCH:
                self._pen.erase()
            case _Line.FRESH:
                pass
        self._line, self._growing = _Line.FRESH, ""

    def _begin(self, label: str, style: str) -> None:
        self.finish()
        self._pen.write(label.ljust(_LABEL_WIDTH), style and f"bold {style}")


def screen() -> Screen:
    """Return the screen for what was asked for: standard output."""
    return Screen(_pen(sys.stdout))


def errors_screen() -> Screen:
    """Return the screen for what is said beside it: standard error."""
    return Screen(_pen(sys.stderr))


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Say on standard error what is being waited for, once that takes a while."""
    timer = threading.Timer(_PATIENCE_S, lambda: errors_screen().plain(f"{what} ...", "dim"))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _aligned(cell: str, width: int) -> str:
    return cell.rjust(width) if cell.isdigit() else cell.ljust(width)


def _pen(file: TextIO) -> Pen:
    coloured = file.isatty() or bool(os.environ.get("FORCE_COLOR"))
    return RichPen(file) if coloured and find_spec("rich") is not None else PlainPen(file)
