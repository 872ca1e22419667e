"""Every requirement, over every chain."""

import pytest

from s2s.testing.conformance import REQUIREMENTS, Requirement, Subject, conforms, not_applicable
from tests.chain.subjects import CHAINS


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda each: each.id)
@pytest.mark.parametrize("subject", CHAINS, ids=lambda each: each.name)
def test_the_chain_keeps(requirement: Requirement, subject: Subject) -> None:
    if missing := not_applicable(requirement, subject):
        pytest.skip(missing)
    conforms(requirement, subject)
