"""Who is let in where: what a role may not do is not offered, and refused."""

import pytest

from gateway.access.roles import Role
from tests.gateway.console_fixtures import Console

MACHINERY = ("/deliveries", "/deliveries/refused", "/endpoints", "/outbox", "/nodes", "/subscribers")
ACCESS = ("/keys", "/audit")

ALLOWED = {
    Role.VIEWER: (),
    Role.ANALYST: (),
    Role.EDITOR: MACHINERY,
    Role.ADMIN: (*MACHINERY, *ACCESS),
}


@pytest.mark.parametrize("role", Role)
async def test_a_role_sees_what_it_may_and_is_offered_nothing_else(console: Console, role: Role) -> None:
    await console.sign_in_as(role)
    home = (await console.client.get("/")).text
    for path in (*MACHINERY, *ACCESS):
        allowed = path in ALLOWED[role]
        assert (await console.client.get(path)).status_code == (200 if allowed else 403), path
        assert (f'href="{path}"' in home) == (allowed and path != "/deliveries/refused"), path
    answer = await console.send("/keys", {"name": "x", "role": "admin"})
    assert answer.status_code == (200 if role is Role.ADMIN else 403)
