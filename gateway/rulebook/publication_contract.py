"""How something is published, and what was, as the API takes and tells it."""

from pydantic import Field, ValidationInfo, field_validator

from gateway.access.audit import Author
from gateway.answering import Answer, Page, Time
from gateway.reading import Form, Line
from gateway.rulebook.pending import Pending
from gateway.rulebook.publish import Released
from gateway.rulebook.refusals import TOLD
from gateway.rulebook.store import Signed
from routing_rules import Severity


class EditQuery(Form):
    """How to publish."""

    comment: Line = Field("", max_length=500)
    """Why, for the list of revisions."""

    force: bool = False
    """Publish although expectations fail or the rulebook is `managed_by` others; needs a `reason`."""

    reason: Line = Field("", max_length=500, validate_default=True)
    """Why it is forced; recorded in the revision."""

    @field_validator("reason")
    @classmethod
    def _beside_force(cls, reason: str, told: ValidationInfo) -> str:
        if told.data.get("force", False) != bool(reason.strip()):
            raise ValueError("says why the publish is forced: send both force=true and a reason, or neither")
        return reason

    confirm_within: int | None = Field(None, ge=10, le=86_400)
    """Seconds after which the revision reverts by itself, unless it is confirmed before (`POST /rulebook/confirm`).
    Nothing else can be published meanwhile."""

    def signed(self, author: Author) -> Signed:
        """The same, with who wants it."""
        return Signed(
            author=author,
            comment=self.comment,
            forced_for=self.reason if self.force else None,
            confirm_within=self.confirm_within,
        )


class PublishQuery(EditQuery):
    """How to publish a document."""

    dry_run: bool = False
    """Only check: nothing is published, and `If-Match` is not demanded."""


class ShownProblem(Answer):
    """Something doubtful or wrong in a rulebook."""

    severity: Severity
    """An error may not be published. A warning should be looked at, an info is worth knowing."""

    code: str
    """For programs."""

    pointer: str
    """JSON pointer (RFC 6901) into the document."""

    detail: str
    """What is wrong and how to mend it."""


class ShownPending(Answer):
    """A revision that waits for confirmation."""

    revision: int
    """Its number."""

    reverts_to: int
    """The revision that comes back, as a new one equal to it."""

    until: Time
    """When it does, unless it is confirmed before."""


class Confirming(Answer):
    """Whether the current revision waits for confirmation."""

    revision: int
    """Its number."""

    pending: ShownPending | None
    """Until when; null where it stays."""


def pending_of(pending: Pending | None) -> ShownPending | None:
    """The same in the contract's words."""
    return None if pending is None else ShownPending.model_validate(pending)


class Publication(Answer):
    """What was published, or would be."""

    revision: int
    """The number of the current revision now."""

    problems: list[ShownProblem]
    """The document's warnings."""

    pending: ShownPending | None
    """Until when it waits for confirmation; null where it stays."""


def published_of(released: Released) -> Publication:
    """What was published in the contract's words."""
    problems = [ShownProblem.model_validate(problem) for problem in released.warnings[:TOLD]]
    return Publication(revision=released.number, problems=problems, pending=pending_of(released.pending))


class ProblemPage(Page[ShownProblem]):
    """Warnings, then what is worth knowing."""
