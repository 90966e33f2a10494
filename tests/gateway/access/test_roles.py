import re
from itertools import pairwise
from pathlib import Path

from gateway.access.roles import LEAST_ROLE, Permission, Role, may

PAGE = Path(__file__).parents[3] / "docs" / "api.md"


def test_the_page_on_the_api_shows_this_table() -> None:
    rows = re.findall(r"^\| `([a-z:-]+)` \| (\w+) \| [A-Z]", PAGE.read_text("utf-8"), re.MULTILINE)
    assert rows == [(permission.value, role.value) for permission, role in LEAST_ROLE.items()]


def test_every_permission_has_one_line_in_the_table() -> None:
    assert set(LEAST_ROLE) == set(Permission)


def test_every_role_may_do_what_the_one_before_it_may() -> None:
    for lesser, greater in pairwise(Role):
        assert {p for p in Permission if may(lesser, p)} <= {p for p in Permission if may(greater, p)}


def test_an_admin_may_do_everything() -> None:
    assert all(may(Role.ADMIN, permission) for permission in Permission)


def test_only_an_editor_publishes_and_only_an_admin_hands_out_keys_and_reads_the_audit_log() -> None:
    assert [role for role in Role if may(role, Permission.PUBLISH)] == [Role.EDITOR, Role.ADMIN]
    assert [role for role in Role if may(role, Permission.MANAGE_KEYS)] == [Role.ADMIN]
    assert [role for role in Role if may(role, Permission.READ_AUDIT)] == [Role.ADMIN]
