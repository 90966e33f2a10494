"""Everything that the API's description promises is so; see tests/gateway/conformance.py."""

from pathlib import Path

import pytest

from gateway.access.roles import Role
from tests.flows.harness import running_gateway
from tests.gateway.conformance import breaches, seed

EVERYTHING = "coverage,fuzzing,stateful"


async def broken_promises(database_url: str, directory: Path, role: Role, *, examples: int, phases: str) -> str:
    async with running_gateway(database_url, directory) as running:
        await seed(running)
        return await breaches(running, directory, role, examples=examples, phases=phases)


@pytest.mark.timeout(600)
async def test_the_api_keeps_what_its_description_promises(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/gateway.db"
    found = await broken_promises(url, tmp_path, Role.ADMIN, examples=10, phases=EVERYTHING)
    assert not found, found


@pytest.mark.timeout(300)
async def test_the_api_keeps_its_promises_on_either_database(database_url: str, tmp_path: Path) -> None:
    found = await broken_promises(database_url, tmp_path, Role.EDITOR, examples=5, phases="fuzzing,stateful")
    assert not found, found


@pytest.mark.timeout(300)
async def test_a_viewer_is_refused_as_the_description_says(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/gateway.db"
    found = await broken_promises(url, tmp_path, Role.VIEWER, examples=5, phases="fuzzing")
    assert not found, found
