"""Does a running gateway keep what its /openapi.json promises? Asked of schemathesis, a process of its own.

All of its checks run: no 5xx, no status, media type, header or body that is not described, nothing taken that the
description forbids, nothing refused that it allows, no operation without its key. One of them is told what a schema
cannot say: a request of the right form may still be about something that was changed meanwhile (412, 428) or be a
mistake in what it says (422): a cursor is sealed, a rulebook's rules name its profiles.
"""

import asyncio
import sys
from pathlib import Path

from gateway.access.roles import Role
from gateway.emulator.invite import Invite, Trunk
from gateway.emulator.scenarios import CATALOGUE
from tests.flows.harness import Running

RULEBOOK = {
    "rules": [
        {"id": "blocked", "when": {"caller": "list:blocked"}, "then": {"reject": 603}},
        {"id": "sales", "when": {"called": "+15551230000", "during": "office"}, "then": {"accept": "sales"}},
        {"id": "closed", "when": {"called": "+15551230000"}, "then": {"refer": "tel:+14155550100"}},
    ],
    "profiles": {"sales": {"model": "gpt-realtime-2.1", "instructions": "You answer for Example Ltd."}},
    "calendars": {"office": {"zone": "Europe/Berlin", "open": ["Mon-Fri 09:00-17:30"], "holidays": "DE-BE"}},
    "lists": {"blocked": ["+15550009999", "+4420*"]},
    "default": {"reject": 486},
}

# What is there to be found, so that not every guess at a name ends in 404.
_CONFIGURATION = """\
hooks = "formats.py"

[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", 401, 403, 404, 406, 409, 412, 422, 428, "5xx"]

[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 412, 415, 422, 428, "5xx"]

[dictionaries]
endpoints = {{ values = ["openai"] }}
calls = {{ values = ["rtc_conformance_1", "rtc_conformance_2"] }}
keys = {{ values = ["{key}"] }}
names = {{ values = ["sales", "closed", "office", "blocked"] }}
revisions = {{ values = ["1", "2"] }}
tags = {{ values = ["*", '"2"'] }}

[parameters]
"path.endpoint" = {{ dictionary = "endpoints", probability = 0.7 }}
"path.call_id" = {{ dictionary = "calls", probability = 0.7 }}
"path.key_id" = {{ dictionary = "keys", probability = 0.3 }}
"path.id" = {{ dictionary = "names", probability = 0.7 }}
"path.name" = {{ dictionary = "names", probability = 0.7 }}
"path.number" = {{ dictionary = "revisions", probability = 0.7 }}
"header.If-Match" = {{ dictionary = "tags", probability = 0.7 }}
"""

# Of itself it writes nothing but letters and digits into a header.
_FORMATS = """\
import schemathesis
from hypothesis import strategies

schemathesis.openapi.format("entity-tags", strategies.sampled_from(['"1"', '"2"', '"1", "3"', 'W/"2"', "*"]))
"""


async def seed(running: Running) -> None:
    """Give a new gateway two revisions and two calls."""
    await running.publish({})
    await running.publish(RULEBOOK)
    invite = Invite(trunk=Trunk.TWILIO, called="+15551230000", caller="+33199001234")
    for number in (1, 2):
        await running.dialer.ring(f"rtc_conformance_{number}", invite, CATALOGUE["plain"])
        await running.settled(f"rtc_conformance_{number}")


async def breaches(running: Running, directory: Path, role: Role, *, examples: int, phases: str) -> str:
    """What schemathesis has found, in its words; empty if the gateway keeps its promises.

    Always the same cases for the same description, so that a failure can be had again.
    """
    made = await running.client.post("/keys", json={"name": f"conformance of {role}", "role": role})
    token, key = made.json()["token"], made.json()["id"]
    configuration = directory / f"schemathesis-{role}.toml"
    configuration.write_text(_CONFIGURATION.format(key=key), "utf-8")
    (directory / "formats.py").write_text(_FORMATS, "utf-8")
    arguments = [
        *("--config-file", str(configuration), "run", f"{running.url}/openapi.json", "--no-color"),
        *("--header", f"Authorization: Bearer {token}", "--phases", phases, "--max-examples", str(examples)),
        *("--seed", "1", "--generation-database", "none", "--continue-on-failure"),
        *("--request-timeout", "60"),  # an export gives way to all else that runs on the machine
        *("--suppress-health-check", "all"),
        *("--exclude-path", "/api/v1/calls/stream"),  # which has no end; tests/flows/test_live_feed.py
    ]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()", *arguments),
        cwd=directory,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        told, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return told.decode(errors="replace") if process.returncode else ""
