"""One stream after the other, each signed with credentials of its own and left in time."""

from __future__ import annotations

import time
from math import inf

from s2s.lasting import Lifetime
from s2s.providers.nova.credentials import Machine, proof
from s2s.providers.nova.options import NAME, Options
from s2s.transports import Transport

_ENDS_S = 465.0
"""When a stream is over at the latest, a quarter of a minute before the service says so."""
_RENEW_S = 180.0
"""How long before its credentials expire a stream is to be left."""


class Approach:
    """Dials, and says of what was dialled last how long it may serve."""

    def __init__(self, options: Options, machine: Machine, url: str) -> None:
        self._options = options
        self._machine = machine
        self._url = url
        self._expires_at = inf

    async def dial(self) -> Transport:
        """Open a stream. Raises S2SError."""
        options = self._options
        credentials = await proof(options, self._machine)
        if options.connect is not None:
            opened: Transport = await options.connect(self._url, options.headers)
        else:
            from s2s.transports.bedrock import connect

            opened = await connect(
                self._url,
                credentials=credentials,
                region=options.where,
                headers=options.headers,
                ca=options.ca,
                proxy=options.proxy,
                provider=NAME,
            )
        self._expires_at = inf if credentials.expires_at is None else credentials.expires_at
        return opened

    def life(self, _: Transport) -> Lifetime:
        """Return how long it may serve: no longer than its credentials do."""
        left_s = self._expires_at - time.time()
        leave_s = left_s - min(_RENEW_S, left_s / 2) if left_s < inf else inf
        return Lifetime(min(self._options.leave_after_s, leave_s), min(_ENDS_S, left_s))
