"""Our side of the protocol, on one connection.

Source: openai-python 3.57.0 `types/realtime`; order and errors from captures that public gateways transcribe
(2026-08), and the defects of other clients that their issue trackers tell of.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from s2s.commands import Command
from s2s.events import Event
from s2s.wire import Send
from s2s.wire.openai.asking import Asking
from s2s.wire.openai.connection import Connection, Opening
from s2s.wire.openai.hearing import Hearing


class OpenAIClient:
    """Commands become messages, messages become events; SessionStarted comes when our settings are taken."""

    def __init__(self, opening: Opening) -> None:
        connection = Connection(opening)
        self.input_rate = connection.uplink.rate
        """Sample rate of the PCM16 mono in AppendAudio."""
        asking, hearing = Asking(connection), Hearing(connection)
        self.append: Callable[[bytes], bytes] = connection.uplink.append
        self.send: Callable[[Command], Sequence[Send | Event]] = asking.send
        self.receive: Callable[[bytes], Sequence[Send | Event]] = hearing.receive
        self.lost: Callable[[], Sequence[Event]] = hearing.lost


__all__ = ["OpenAIClient", "Opening"]
