"""The bounds of one connection."""

from __future__ import annotations

import msgspec

from s2s.errors import ConfigError


class ConnectionLimits(msgspec.Struct, frozen=True):
    """How long things may take and how much may wait; `ping_after_s=None` leaves keeping alive to TCP."""

    max_message_bytes: int = 16 * 2**20
    waiting_bytes: int = 4 * 2**20
    open_s: float = 10.0
    send_s: float = 10.0
    close_s: float = 2.0
    ping_after_s: float | None = 20.0
    pong_within_s: float = 20.0

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ConfigError(f"{name} is {value}: give more than 0")
