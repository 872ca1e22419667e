"""A check for every row of the table, by its id."""

from __future__ import annotations

from s2s.errors import S2SError
from s2s.testing.conformance.checks import calling, interrupting, responding, sessions, speaking
from s2s.testing.conformance.checks.check import Check
from s2s.testing.conformance.requirements import Requirement
from s2s.testing.conformance.subject import Subject

CHECKS: dict[str, Check] = {
    **sessions.CHECKS,
    **responding.CHECKS,
    **speaking.CHECKS,
    **interrupting.CHECKS,
    **calling.CHECKS,
}


def not_applicable(requirement: Requirement, subject: Subject) -> str:
    """Return why this requirement does not apply to this subject, or nothing where it does."""
    return "" if subject.has(requirement.needs) else f"{subject.name} has no {requirement.needs}"


def conforms(requirement: Requirement, subject: Subject) -> None:
    """Raise AssertionError where the subject does not do what is required, or does what it is said not to."""
    why = subject.diverges.get(requirement.id)
    try:
        subject.run(CHECKS[requirement.id](subject))
    except (AssertionError, S2SError):
        if why is None:
            raise
    else:
        if why is not None:
            raise AssertionError(
                f"{subject.name} meets {requirement.id} by now: strike out its divergence ({why})"
            )
