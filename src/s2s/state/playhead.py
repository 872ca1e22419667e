"""What the user has heard."""

from __future__ import annotations

from msgspec import Struct


class Heard(Struct, frozen=True):
    """How much of one item has reached the ear."""

    item_id: str
    response_id: str
    heard_ms: float
    received_ms: float


class _Track(Struct):
    response_id: str
    received_ms: float = 0.0
    delivered_ms: float = 0.0
    reported_ms: float | None = None


class Playhead:
    """The items on their way to the ear, one after the other.

    The sink that plays the audio knows best and says so with `played`. Until it does, the playhead takes
    it that audio plays as soon as the application has it and the audio before it is over. Either way no
    more is heard than was received. Every `now` is one monotonic clock, in seconds.
    """

    def __init__(self) -> None:
        self._tracks: dict[str, _Track] = {}
        self._ends_at = 0.0

    def received(self, item_id: str, response_id: str, ms: float) -> None:
        """More audio of an item came from the engine."""
        track = self._tracks.get(item_id)
        if track is None:
            track = self._tracks[item_id] = _Track(response_id)
        track.received_ms += ms

    def delivered(self, item_id: str, ms: float, now: float) -> None:
        """The application has taken audio of an item."""
        track = self._tracks.get(item_id)
        if track is not None:
            track.delivered_ms += ms
            self._ends_at = (self._ends_at if self._ends_at > now else now) + ms / 1000

    def played(self, ms: float, item_id: str | None = None) -> None:
        """The sink has played this much of an item, in all; of the newest one if none is named."""
        key = item_id if item_id is not None else next(reversed(self._tracks), None)
        if key in self._tracks:
            self._tracks[key].reported_ms = max(0.0, ms)

    def tracks(self, now: float) -> tuple[Heard, ...]:
        """Return every item on its way, oldest first; those before one that is heard already are over."""
        waiting_ms = max(0.0, (self._ends_at - now) * 1000)
        found: list[Heard] = []
        for item_id, track in reversed(self._tracks.items()):
            by_clock = max(0.0, track.delivered_ms - waiting_ms)
            waiting_ms = max(0.0, waiting_ms - track.delivered_ms)
            heard = min(by_clock if track.reported_ms is None else track.reported_ms, track.received_ms)
            if found and found[-1].heard_ms > 0:
                heard = track.received_ms
            found.append(Heard(item_id, track.response_id, round(heard, 3), round(track.received_ms, 3)))
        return tuple(reversed(found))

    def unheard(self, now: float) -> tuple[Heard, ...]:
        """Return the items of which something is still to be heard, oldest first."""
        return tuple(each for each in self.tracks(now) if each.heard_ms < each.received_ms)

    def received_ms(self, item_id: str) -> float:
        """Return how much audio of an item on its way came from the engine; 0 for any other."""
        track = self._tracks.get(item_id)
        return 0.0 if track is None else track.received_ms

    def heard_ms(self, item_id: str, now: float) -> float:
        """Return how much of an item on its way was heard; 0 for any other."""
        return next((each.heard_ms for each in self.tracks(now) if each.item_id == item_id), 0.0)

    def flush(self, now: float) -> tuple[Heard, ...]:
        """Silence falls: return what was not heard to its end, and forget all items."""
        cut = self.unheard(now)
        self._tracks.clear()
        self._ends_at = now
        return cut

    def forget_heard(self, now: float) -> None:
        """Drop the items that were heard to their end, so that a long session stays small."""
        keep = {each.item_id for each in self.unheard(now)}
        for item_id in [each for each in self._tracks if each not in keep]:
            del self._tracks[item_id]
