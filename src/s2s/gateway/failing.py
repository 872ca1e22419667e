"""What is kept of sessions that broke."""

from __future__ import annotations

import traceback

from s2s.errors import S2SError


def light(broken: S2SError) -> S2SError:
    """Return an error that holds nothing but its words and the lines where it was raised.

    The frames of a traceback hold all that the session had: keys, messages that waited, the engine. To be
    called where the error was caught; of that frame, which goes on, not even the line is left.
    """
    if broken.__traceback__ is not None:
        broken.__traceback__ = broken.__traceback__.tb_next
    left: list[BaseException | None] = [broken]
    known: set[int] = set()
    while left:
        each = left.pop()
        if each is None or id(each) in known:
            continue
        known.add(id(each))
        traceback.clear_frames(each.__traceback__)
        left += [each.__cause__, each.__context__]
        left += each.exceptions if isinstance(each, BaseExceptionGroup) else ()
    return broken
