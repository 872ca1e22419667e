"""What a check is."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

from s2s.testing.conformance.subject import Subject

Check: TypeAlias = Callable[[Subject], Coroutine[Any, Any, None]]


class Checks(dict[str, Check]):
    """The checks of one module, by the id of the requirement that they check."""

    def of(self, requirement_id: str) -> Callable[[Check], Check]:
        """Enter the decorated check under this id."""

        def enter(check: Check) -> Check:
            return self.setdefault(requirement_id, check)

        return enter
