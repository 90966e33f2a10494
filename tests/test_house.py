"""The house rules that a machine can check: who may import whom, lint, types, sizes, coverage of the critical parts."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# From right to left: a noun may import the nouns to its left.
NOUNS = [
    "access",
    "calls",
    "profiles",
    "rulebook",
    "upstream",
    "actions",
    "monitor",
    "webhooks",
    "subscribers",
    "console",
]
# Doors may import everything; these top-level modules are the ground that every noun stands on.
DOORS = {"app", "api", "cli", "emulator", "__main__"}

# What no pure module may touch: the network, the database, the framework, the clock, the log.
IMPURE = {"sqlalchemy", "starlette", "httpx", "aiohttp", "asyncio", "logging", "structlog", "time", "uvicorn"}
PURE = [
    "gateway/endpoint.py",
    "gateway/subscriber.py",
    "gateway/subscribers/notice.py",
    "gateway/errors.py",
    "gateway/cipher.py",
    "gateway/encryption_keys.py",
    "gateway/calls/call.py",
    "gateway/calls/lifecycle.py",
    "gateway/calls/masking.py",
    "gateway/calls/remark.py",
    "gateway/calls/numbers.py",
    "gateway/calls/addresses.py",
    "gateway/calls/facts.py",
    "gateway/calls/number_doctor.py",
    "gateway/calls/pseudonyms.py",
    *(
        f"gateway/profiles/{name}.py"
        for name in (
            *("profile", "variables", "part", "audio", "turns", "tools", "session"),
            *("mistakes", "coherence", "vocabulary", "shutdowns", "problems", "legacy", "live"),
        )
    ),
    "gateway/calls/tally.py",
    "gateway/calls/grams.py",
    "gateway/calls/wanted.py",
    "gateway/profiles/gateway_tools.py",
    "gateway/rulebook/account.py",
    "gateway/rulebook/refer_guard.py",
    "gateway/rulebook/holidays.py",
    "gateway/rulebook/file_form.py",
    "gateway/rulebook/file_rewrite.py",
    "gateway/rulebook/file_tables.py",
    "gateway/rulebook/toml_blocks.py",
    "gateway/rulebook/toml_edit.py",
    "gateway/rulebook/toml_lines.py",
    "gateway/rulebook/places.py",
    "gateway/rulebook/items.py",
    "gateway/rulebook/difference.py",
    "gateway/rulebook/edit.py",
    "gateway/rulebook/examination.py",
    "gateway/rulebook/list_csv.py",
    "gateway/rulebook/refusals.py",
    "gateway/upstream/outcome.py",
    "gateway/upstream/wire.py",
    "gateway/upstream/sideband_wire.py",
    "gateway/upstream/live_sideband_wire.py",
    "gateway/actions/account.py",
    "gateway/actions/action.py",
    "gateway/actions/conclusion.py",
    "gateway/actions/jobs.py",
    "gateway/actions/plan.py",
    "gateway/actions/retry.py",
    "gateway/monitor/activity.py",
    "gateway/monitor/fragments.py",
    "gateway/monitor/sighting.py",
    "gateway/monitor/watch.py",
    "gateway/webhooks/keyring.py",
    "gateway/webhooks/refusals.py",
    "gateway/webhooks/signature.py",
    *(
        f"gateway/console/{name}.py"
        for name in (
            *("schema_fields", "schema_reader", "schema_controls", "profile_form"),
            *("calendar_form", "rule_form", "rule_cells", "opening_week", "upload"),
        )
    ),
    "gateway/access/roles.py",
    "gateway/access/keys.py",
]

# Modules whose every branch is shown by the tests beside them.
FULLY_COVERED = {
    "routing_rules": "tests/routing_rules",
    "gateway.webhooks.signature": "tests/gateway/webhooks/test_signature.py",
    "gateway.actions.retry": "tests/gateway/actions/test_retry.py",
    "gateway.calls.lifecycle": "tests/gateway/calls/test_lifecycle.py",
}


def modules() -> Iterator[Path]:
    for package in ("gateway", "routing_rules"):
        yield from sorted((ROOT / package).rglob("*.py"))


def imports(path: Path) -> set[str]:
    """The dotted names that a module imports, also those imported late or for types only."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module or ""}
    return found


def test_the_rules_import_nothing_but_the_standard_library_and_re2() -> None:
    allowed = set(sys.stdlib_module_names) - IMPURE | {"re2", "routing_rules"}
    for path in sorted((ROOT / "routing_rules").rglob("*.py")):
        foreign = {name for name in imports(path) if name.split(".")[0] not in allowed}
        assert not foreign, f"{path.relative_to(ROOT)} imports {sorted(foreign)}"


@pytest.mark.parametrize("module", PURE)
def test_a_pure_module_does_no_input_or_output(module: str) -> None:
    impure = {name for name in imports(ROOT / module) if name.split(".")[0] in IMPURE}
    assert not impure, f"{module} imports {sorted(impure)}"


def test_nouns_import_only_to_the_left_and_nothing_imports_a_door() -> None:
    wrong = []
    for path in modules():
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[0] != "gateway" or parts[1] in DOORS:
            continue
        for name in imports(path):
            target = name.split(".")
            if target[0] != "gateway" or len(target) < 2:
                continue
            if target[1] in DOORS:
                wrong.append(f"{path.relative_to(ROOT)} imports the door {name}")
            elif target[1] in NOUNS and (parts[1] not in NOUNS or NOUNS.index(target[1]) > NOUNS.index(parts[1])):
                wrong.append(f"{path.relative_to(ROOT)} imports {name}, which is not to its left")
    assert not wrong, "\n".join(wrong)


def test_only_the_wire_speaks_openai() -> None:
    spoken = ("/realtime/calls", '"status_code', "target_uri", "call_id_not_found")
    for path in modules():
        relative = path.relative_to(ROOT).as_posix()
        if relative == "gateway/upstream/wire.py" or relative.startswith("gateway/emulator/"):
            continue
        text = path.read_text("utf-8")
        assert not [word for word in spoken if word in text], relative


def test_only_one_module_imports_httpx_beside_the_doors() -> None:
    users = {
        path.relative_to(ROOT).as_posix()
        for path in modules()
        if any(n.split(".")[0] == "httpx" for n in imports(path))
    }
    assert {user for user in users if not user.startswith(("gateway/emulator/", "gateway/cli/"))} == {
        "gateway/subscribers/courier.py",
        "gateway/upstream/client.py",
        "gateway/upstream/transport.py",
    }


def test_no_module_outgrows_its_idea() -> None:
    long = {
        path.relative_to(ROOT).as_posix(): lines
        for path in modules()
        if (lines := len(path.read_text("utf-8").splitlines())) > 400
    }
    assert not long


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]], ids=["lint", "format"])
def test_ruff_is_content(command: list[str]) -> None:
    run = subprocess.run([sys.executable, "-m", "ruff", *command, "."], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


def test_mypy_is_content() -> None:
    run = subprocess.run([sys.executable, "-m", "mypy"], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


def test_every_branch_of_what_must_not_fail_is_covered_by_the_tests_beside_it(tmp_path: Path) -> None:
    environment = {**os.environ, "COVERAGE_FILE": str(tmp_path / "coverage")}
    python = [sys.executable, "-m", "coverage"]
    sources, tests = f"--source={','.join(FULLY_COVERED)}", FULLY_COVERED.values()
    measure = [*python, "run", "--branch", sources, "-m", "pytest", "-q", "-x", *tests]
    run = subprocess.run(measure, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    report = subprocess.run(
        [*python, "report", "--fail-under=100"], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert report.returncode == 0, report.stdout
