"""How a WebSocket connection ended, and what that means to whoever used it."""

from __future__ import annotations

import msgspec

from s2s.errors import ConnectionLostError

NORMAL = 1000
GOING_AWAY = 1001
BROKEN = 1002
NO_CODE = 1005
CUT = 1006
BAD_TEXT = 1007
TOO_BIG = 1009
INTERNAL = 1011

RESUMABLE = frozenset({GOING_AWAY, NO_CODE, CUT, INTERNAL, 1012, 1013, 1014})
"""The peer or the network went away, and neither said that the conversation itself was wrong."""

_REASON_BYTES = 123
_OTHERWISE = "open another one"
_WHAT_TO_DO = {
    BROKEN: "the peer or something on the way breaks the WebSocket protocol: report it to its operator",
    1003: "the peer does not take such data: check that it speaks this dialect",
    BAD_TEXT: "the sender's text is not UTF-8: report it to its operator",
    1008: "what was sent breaks the peer's policy: check the key and the settings",
    TOO_BIG: "send smaller messages, or raise max_message_bytes",
}


class Ending(msgspec.Struct, frozen=True):
    """Why a connection is over; `wanted` if that is no error to whoever reads it."""

    code: int
    reason: str = ""
    wanted: bool = False

    def error(self, provider: str = "") -> ConnectionLostError:
        """Return what to raise to whoever goes on using the connection."""
        said = f" ({self.reason})" if self.reason else ""
        what = _WHAT_TO_DO.get(self.code, _OTHERWISE)
        return ConnectionLostError(
            f"the connection closed with code {self.code}{said}: {what}",
            code=self.code,
            reason=self.reason,
            resumable=self.code in RESUMABLE,
            provider=provider,
        )


def may_be_sent(code: int) -> bool:
    """Tell whether a close frame may carry this code (RFC 6455, 7.4)."""
    return code in {1000, 1001, 1002, 1003} or 1007 <= code <= 1014 or 3000 <= code <= 4999


def short(reason: str) -> bytes:
    """Cut a reason to what a close frame can carry."""
    return reason.encode()[:_REASON_BYTES].decode(errors="ignore").encode()
