"""Who may do what: one table, from roles to permissions."""

from enum import StrEnum
from typing import Final


class Permission(StrEnum):
    """What an operation of the API demands."""

    READ_CALLS = "calls:read"  # call history
    READ_RULEBOOK = "rulebook:read"  # rules, revisions, problems
    TRY_CALLS = "decide"  # ask what would happen to a call
    PUBLISH = "rulebook:write"  # change what happens to calls
    READ_ENDPOINTS = "endpoints:read"  # where webhooks come from and commands go, and which secrets are in use
    MINT_SECRETS = "client-secrets:create"  # hand out ephemeral keys of the upstream, which cost money
    MANAGE_KEYS = "keys:manage"  # hand out and take away access


class Role(StrEnum):
    """What a key is for. Each role may do all that the one before it may."""

    VIEWER = "viewer"  # looks on
    ANALYST = "analyst"  # evaluates calls
    EDITOR = "editor"  # edits the rulebook
    ADMIN = "admin"  # hands out keys


_LOOKING: Final = frozenset({Permission.READ_CALLS, Permission.READ_RULEBOOK, Permission.TRY_CALLS})

PERMISSIONS: Final = {
    Role.VIEWER: _LOOKING,
    Role.ANALYST: _LOOKING,  # exports and unmasked numbers will set it apart
    Role.EDITOR: _LOOKING | {Permission.PUBLISH, Permission.READ_ENDPOINTS, Permission.MINT_SECRETS},
    Role.ADMIN: frozenset(Permission),
}


def may(role: Role, permission: Permission) -> bool:
    """Whether a key of this role has the permission."""
    return permission in PERMISSIONS[role]
