"""Everything that the API's description promises is so, on both databases; see tests/gateway/conformance.py."""

from pathlib import Path

import pytest

from gateway.access.roles import Role
from tests.flows.harness import running_gateway
from tests.gateway.conformance import breaches, seed

# A viewer is refused before a request is read, so a few examples of each operation show it.
EXAMPLES = {Role.ADMIN: 60, Role.VIEWER: 10}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("role", EXAMPLES)
async def test_the_api_keeps_what_its_description_promises(role: Role, database_url: str, tmp_path: Path) -> None:
    async with running_gateway(database_url, tmp_path) as running:
        await seed(running)
        found = await breaches(running, tmp_path, role, examples=EXAMPLES[role], phases="coverage,fuzzing,stateful")
    assert not found, found
