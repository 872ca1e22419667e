"""The conformance suite: what every engine promises, checked on one.

@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda each: each.id)
def test_my_engine_keeps_its_promises(requirement):
    if missing := not_applicable(requirement, SUBJECT):
        pytest.skip(missing)
    conforms(requirement, SUBJECT)
"""

from s2s.testing.conformance.checks import CHECKS, conforms, not_applicable
from s2s.testing.conformance.requirements import REQUIREMENTS, Requirement
from s2s.testing.conformance.subject import LOOK_UP, Ask, Subject

__all__ = ["CHECKS", "LOOK_UP", "REQUIREMENTS", "Ask", "Requirement", "Subject", "conforms", "not_applicable"]
