"""What the doctor finds, asked of real sockets, certificates and databases."""

import asyncio
import os
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.cli.diagnosis import Finding, examine, profile_findings
from gateway.clock import SystemClock
from gateway.database import Database
from gateway.emulator.server import EmulatorServer
from gateway.rulebook.store import starter
from gateway.settings import load_settings
from gateway.tables import SCHEMA
from tests.conftest import SettableClock

SECRET = "whsec_dGhlIHNlY3JldCBvZiB0aGUgZG9jdG9y"


async def findings(
    base_url: str, directory: Path, *, clock: SystemClock | SettableClock | None = None, **others: str
) -> Mapping[str, Finding]:
    """What the doctor says, by check; of several the worst."""
    environment = {
        "OPENAI_BASE_URL": base_url,
        "OPENAI_API_KEY": "sk-doctor",
        "OPENAI_WEBHOOK_SECRET": SECRET,
        "GATEWAY_DATABASE_URL": f"sqlite:///{directory}/doctor.db",
        **others,
    }
    settings = load_settings({}, {name: value for name, value in environment.items() if value}, directory)
    found = await asyncio.to_thread(lambda: list(examine(settings, clock or SystemClock())))
    order = ["ok", "warn", "fail"]
    return {one.check: one for one in sorted(found, key=lambda one: order.index(one.result))}


async def test_all_is_well(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/doctor.db")
    database.upgrade()
    database.close()
    async with EmulatorServer() as emulator:
        found = await findings(emulator.base_url, tmp_path)
    assert {check: str(one.result) for check, one in found.items() if check != "disk"} == dict.fromkeys(
        ("database", "webhook secret", "dns", "clock", "api key", "profiles"), "ok"
    )
    assert found["database"].detail == f"tables at {SCHEMA}, revision 0 in force"
    assert "agrees" in found["clock"].detail
    assert all(one.remedy is None for check, one in found.items() if check != "disk")
    assert not [one for one in found.values() if "sk-doctor" in str(one) or SECRET in str(one)]


async def test_a_look_makes_no_database(tmp_path: Path) -> None:
    async with EmulatorServer() as emulator:
        found = await findings(emulator.base_url, tmp_path)
    assert (found["database"].result, found["database"].detail) == ("warn", "is not there yet")
    assert os.listdir(tmp_path) == []


async def test_tables_of_an_earlier_release_are_told(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/doctor.db")
    with database.transaction() as connection:
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num TEXT)")
        connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('0000')")
    database.close()
    async with EmulatorServer() as emulator:
        found = await findings(emulator.base_url, tmp_path)
    assert found["database"].result == "warn"
    assert f"is at 0000, this release wants {SCHEMA}" in found["database"].detail


async def test_a_database_that_does_not_answer_is_told(tmp_path: Path, closed_port: int) -> None:
    async with EmulatorServer() as emulator:
        url = f"postgresql://gateway@127.0.0.1:{closed_port}/gateway?password=hunter2"
        found = await findings(emulator.base_url, tmp_path, GATEWAY_DATABASE_URL=url)
    assert found["database"].result == "fail"
    assert found["database"].subject == f"127.0.0.1:{closed_port}/gateway?password=•••"
    assert not {"disk", "profiles"} & found.keys()  # of which nobody can tell


async def test_a_wrong_key_is_told_by_the_upstreams_own_words(tmp_path: Path) -> None:
    async with EmulatorServer(api_key="sk-another") as emulator:
        found = await findings(emulator.base_url, tmp_path)
    assert found["api key"].result == "fail"
    assert "refused with 401" in found["api key"].detail
    assert "OPENAI_API_KEY" in (found["api key"].remedy or "")


async def test_a_missing_key_and_a_missing_secret_are_told(tmp_path: Path) -> None:
    async with EmulatorServer() as emulator:
        found = await findings(emulator.base_url, tmp_path, OPENAI_API_KEY="", OPENAI_WEBHOOK_SECRET="")
    assert (found["api key"].result, found["webhook secret"].result) == ("fail", "fail")
    assert "OPENAI_WEBHOOK_SECRET" in (found["webhook secret"].remedy or "")


async def test_a_secret_that_looks_like_something_else_is_doubtful(tmp_path: Path) -> None:
    async with EmulatorServer() as emulator:
        found = await findings(emulator.base_url, tmp_path, OPENAI_WEBHOOK_SECRET="sk-proj-this-is-a-key")
    assert found["webhook secret"].result == "warn"
    assert "not the API key" in (found["webhook secret"].remedy or "")


@pytest.mark.parametrize(("ahead", "result"), [(60, "warn"), (-60, "warn"), (3600, "fail")])
async def test_a_clock_that_goes_wrong_is_told(tmp_path: Path, ahead: int, result: str) -> None:
    clock = SettableClock(SystemClock().now() + ahead * 1_000_000)
    async with EmulatorServer() as emulator:
        found = await findings(emulator.base_url, tmp_path, clock=clock)
    assert found["clock"].result == result
    assert ("ahead of" if ahead > 0 else "behind") in found["clock"].detail


async def test_a_name_that_is_nobodys_and_a_port_that_is_closed(tmp_path: Path, closed_port: int) -> None:
    found = await findings("https://upstream.invalid/v1", tmp_path)
    assert found["dns"].result == "fail"
    assert "upstream.invalid" in found["dns"].detail
    assert (await findings(f"https://127.0.0.1:{closed_port}/v1", tmp_path))["tls"].result == "fail"
    found = await findings(f"http://127.0.0.1:{closed_port}/v1", tmp_path)
    assert "no answer" in found["api key"].detail


def test_a_model_that_ends_is_told_by_our_table_and_by_the_upstreams_list() -> None:
    profiles = {"old": {"model": "gpt-realtime"}, "odd": {"model": "gpt-x"}, "new": {"model": "gpt-realtime-2.1"}}
    ends = datetime(2027, 3, 1, tzinfo=UTC).date()
    known = {"gpt-realtime": None, "gpt-realtime-2.1": ends}
    for today, result in ((ends - timedelta(days=200), "warn"), (ends, "fail")):
        found = {one.subject: one for one in profile_findings(profiles, known, today)}
        assert {name: str(one.result) for name, one in found.items()} == {"old": result, "odd": "warn", "new": result}
    assert "the upstream says" in found["new"].detail
    (well,) = profile_findings(starter().document["profiles"], {}, ends)
    assert well.result == "ok"


# ---- certificates


def certificate(directory: Path, days: int) -> Path:
    """A self-signed certificate for 127.0.0.1 with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "doctor")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days, hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = directory / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return file


@contextmanager
def speaking_tls(file: Path) -> Iterator[int]:
    """A server that shakes hands and hangs up; its port."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                try:
                    context.wrap_socket(connection, server_side=True).close()
                except OSError:
                    connection.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(5)


async def test_a_certificate_that_nobody_vouches_for_is_told(tmp_path: Path) -> None:
    with speaking_tls(certificate(tmp_path, 90)) as port:
        found = await findings(f"https://127.0.0.1:{port}/v1", tmp_path)
    assert found["tls"].result == "fail"
    assert "not trusted" in found["tls"].detail
    assert "api key" not in found


@pytest.mark.parametrize(("days", "result"), [(90, "ok"), (5, "warn")])
async def test_a_certificate_is_told_by_the_days_it_has_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, result: str
) -> None:
    file = certificate(tmp_path, days)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with speaking_tls(file) as port:
        found = await findings(f"https://127.0.0.1:{port}/v1", tmp_path)
    assert (found["tls"].result, f"good for {days} days" in found["tls"].detail) == (result, True)
    assert "no answer" in found["api key"].detail


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port
