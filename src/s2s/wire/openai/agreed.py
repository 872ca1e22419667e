"""What the settings of the session are: those that the service took, and those that it will take."""

from __future__ import annotations

from s2s.items import JSON
from s2s.wire.openai.settings import merged


class Agreed:
    """The session object of one connection. Updates are acknowledged in order, or refused by name."""

    def __init__(self) -> None:
        self._taken: dict[str, JSON] = {}
        self._asked: dict[str, dict[str, JSON]] = {}

    @property
    def session(self) -> dict[str, JSON]:
        """What it will be once the service has answered everything."""
        session = self._taken
        for update in self._asked.values():
            session = merged(session, update)
        return session

    def told(self, session: dict[str, JSON]) -> None:
        """The service says what the session is, of itself."""
        self._taken = merged(self._taken, session)

    def ask(self, name: str, update: dict[str, JSON]) -> None:
        """We ask for a change under this name."""
        self._asked[name] = update

    def taken(self, session: dict[str, JSON]) -> None:
        """The service took the oldest change, and says what the session is now."""
        for name in list(self._asked)[:1]:
            self._taken = merged(self._taken, self._asked.pop(name))
        self.told(session)

    def refused(self, name: str) -> None:
        """The service did not take a change."""
        self._asked.pop(name, None)
