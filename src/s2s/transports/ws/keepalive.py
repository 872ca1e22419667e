"""Asks a peer that has gone quiet whether it is still there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic


class KeepAlive:
    """Pings after `ping_after_s` without a frame and gives up after `pong_within_s` more; None never does.

    Any frame is a sign of life: who is busy sending must not lose the connection over a late pong. These are
    timers and not picows' own pings, which are a task, take a pause of reading for the peer's death, and
    leave nothing to tell that end from others.
    """

    def __init__(
        self,
        ping: Callable[[], None],
        give_up: Callable[[], None],
        ping_after_s: float | None,
        pong_within_s: float,
    ) -> None:
        self.heard_at = 0.0
        self._ping = ping
        self._give_up = give_up
        self._ping_after_s = ping_after_s
        self._pong_within_s = pong_within_s
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to watch, from now on."""
        self.stop()
        self.heard_at = monotonic()
        if self._ping_after_s is not None:
            self._watch(self._ping_after_s)

    def stop(self) -> None:
        """Watch no longer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _watch(self, ping_after_s: float) -> None:
        left_s = self.heard_at + ping_after_s - monotonic()
        loop = asyncio.get_running_loop()
        if left_s > 0:
            self._timer = loop.call_later(left_s, self._watch, ping_after_s)
        else:
            self._timer = loop.call_later(self._pong_within_s, self._judge, monotonic(), ping_after_s)
            self._ping()

    def _judge(self, asked_at: float, ping_after_s: float) -> None:
        if self.heard_at < asked_at:
            self._give_up()
        else:
            self._watch(ping_after_s)
