"""Upgrades of beta sessions as the API takes and tells them."""

from typing import Any

from pydantic import Field, JsonValue

from gateway.answering import Answer
from gateway.profiles.legacy import Upgraded
from gateway.reading import Form
from routing_rules import Problem, Severity


class UpgradeQuestion(Form):
    """A session object of an older shape."""

    session: dict[str, Any] = Field(max_length=200)
    """As it was sent to the beta or answered by it, or the event or request that carried it."""


class ShownUpgrade(Answer):
    """One thing that became different."""

    was: str
    """JSON pointer into what was given."""

    now: str | None
    """JSON pointer into the profile; null where it was dropped."""

    why: str
    """The reason."""


class ProfileProblem(Answer):
    """Something doubtful or wrong in the profile."""

    severity: Severity
    """An error keeps the profile from being published."""

    code: str
    """For programs."""

    pointer: str
    """JSON pointer into the profile."""

    detail: str
    """What is wrong and how to mend it."""


class UpgradedProfile(Answer):
    """The session in today's shape. Nothing is published by this."""

    profile: dict[str, JsonValue]
    """Ready to be put into a rulebook, if its problems allow."""

    changes: list[ShownUpgrade]
    """Every field that moved, was renamed, rewritten or dropped."""

    problems: list[ProfileProblem]
    """What is wrong or doubtful in the profile."""


def upgraded_of(upgraded: Upgraded, problems: list[Problem]) -> UpgradedProfile:
    """An upgrade in the contract's words."""
    return UpgradedProfile(
        profile=upgraded.profile,
        changes=[ShownUpgrade.model_validate(change) for change in upgraded.changes],
        problems=[ProfileProblem.model_validate(problem) for problem in problems],
    )
