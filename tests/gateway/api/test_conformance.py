"""A quick look whether the API keeps what its description promises; tests/flows/test_conformance.py looks longer."""

from pathlib import Path

from gateway.access.roles import Role
from tests.flows.harness import running_gateway
from tests.gateway.conformance import breaches, seed


async def test_the_api_keeps_what_its_description_promises_at_first_glance(tmp_path: Path) -> None:
    async with running_gateway(f"sqlite:///{tmp_path}/gateway.db", tmp_path) as running:
        await seed(running)
        found = await breaches(running, tmp_path, Role.ADMIN, examples=8, phases="coverage,fuzzing")
    assert not found, found
