"""Who may do what: one table, from what an operation demands to the least role that may.

Operations name their permission in `gateway.api.routes`; docs/api.md lists them all with the role, held to this table
by a test.
"""

from enum import StrEnum
from typing import Final


class Permission(StrEnum):
    """What an operation of the API demands."""

    READ_CALLS = "calls:read"  # call history
    CONTROL_CALLS = "calls:control"  # transfer or hang up a call that is under way
    REVEAL_CALLERS = "calls:reveal"  # be told who called, which the audit log remembers
    READ_RULEBOOK = "rulebook:read"  # rules, revisions, problems, overrides
    TRY_CALLS = "decide"  # ask what would happen to a call
    PUBLISH = "rulebook:write"  # change what happens to calls
    READ_ENDPOINTS = "endpoints:read"  # where webhooks come from and commands go, and which secrets are in use
    MINT_SECRETS = "client-secrets:create"  # hand out ephemeral keys of the upstream, which cost money
    MANAGE_KEYS = "keys:manage"  # hand out and take away access
    READ_AUDIT = "audit:read"  # who did what


class Role(StrEnum):
    """What a key is for. Each role may do all that the one before it may."""

    VIEWER = "viewer"  # looks on
    ANALYST = "analyst"  # evaluates calls
    EDITOR = "editor"  # edits the rulebook
    ADMIN = "admin"  # hands out keys


LEAST_ROLE: Final = {
    Permission.READ_CALLS: Role.VIEWER,
    Permission.CONTROL_CALLS: Role.EDITOR,
    Permission.REVEAL_CALLERS: Role.ANALYST,
    Permission.READ_RULEBOOK: Role.VIEWER,
    Permission.TRY_CALLS: Role.VIEWER,
    Permission.PUBLISH: Role.EDITOR,
    Permission.READ_ENDPOINTS: Role.EDITOR,
    Permission.MINT_SECRETS: Role.EDITOR,
    Permission.MANAGE_KEYS: Role.ADMIN,
    Permission.READ_AUDIT: Role.ADMIN,
}

_RANK: Final = {role: rank for rank, role in enumerate(Role)}


def may(role: Role, permission: Permission) -> bool:
    """Whether a key of this role has the permission."""
    return _RANK[role] >= _RANK[LEAST_ROLE[permission]]
