"""What calls are called: by the service, which may leave that out or begin anew, and here."""

from __future__ import annotations

import itertools

_MOST_KNOWN = 1000


class CallNames:
    """The ids of calls, as they are known here and at the other end."""

    def __init__(self) -> None:
        self._theirs: dict[str, str | None] = {}
        self._ours: dict[str, str] = {}
        self._numbers = itertools.count(1)

    def name(self, theirs: str | None) -> str | None:
        """Name a call that the service makes; None for one that it has made before."""
        if theirs and theirs in self._ours:
            return None
        ours = theirs or f"call_{next(self._numbers)}"
        while ours in self._theirs:
            ours = f"{theirs or 'call'}_{next(self._numbers)}"
        self._theirs[ours] = theirs or None
        if theirs:
            self._ours[theirs] = ours
        if len(self._theirs) > _MOST_KNOWN:
            gone = self._theirs.pop(next(iter(self._theirs)))
            self._ours.pop(gone or "", None)
        return ours

    def theirs(self, ours: str) -> str | None:
        """Return the id that the service knows a call by; None where it gave it none."""
        return self._theirs.get(ours, ours)

    def ours(self, theirs: str) -> str:
        """Return what a call of the service is called here."""
        return self._ours.get(theirs, theirs)

    def begin_anew(self) -> None:
        """The service remembers nothing: its next calls are others, whatever their ids."""
        self._ours.clear()
