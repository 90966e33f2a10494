from itertools import pairwise

from gateway.access.roles import PERMISSIONS, Permission, Role, may


def test_every_role_may_do_what_the_one_before_it_may() -> None:
    roles = list(Role)
    for lesser, greater in pairwise(roles):
        assert PERMISSIONS[lesser] <= PERMISSIONS[greater]


def test_an_admin_may_do_everything() -> None:
    assert all(may(Role.ADMIN, permission) for permission in Permission)


def test_only_an_editor_publishes_and_only_an_admin_hands_out_keys() -> None:
    assert [role for role in Role if may(role, Permission.PUBLISH)] == [Role.EDITOR, Role.ADMIN]
    assert [role for role in Role if may(role, Permission.MANAGE_KEYS)] == [Role.ADMIN]
