"""Loading the configuration: precedence, endpoints, all mistakes at once, and what is shown of it."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from gateway.endpoint import OPENAI_BASE_URL
from gateway.errors import ConfigurationError
from gateway.settings import (
    CALLED_HEADERS,
    Endpoint,
    SecretStr,
    Settings,
    load_settings,
    missing,
    secrets_of,
)

KEY = "sk-proj-canary0123456789"
SECRET = "whsec_Y2FuYXJ5Y2FuYXJ5"
ADMIN = "canary-canary-canary"

AZURE = """
[[endpoints]]
name = "azure"
base_url = "https://example.openai.azure.com/openai/v1/"
api_key_env = "AZURE_KEY"
webhook_secret_env = "AZURE_SECRET"
auth = "api-key"
default_region = "de"
attestation_header = "X-Verstat"
"""


@pytest.fixture
def load(tmp_path):
    """Settings from an environment and, where given, the text of gateway.toml."""

    def load(environ=None, *, toml=None, flags=None) -> Settings:
        if toml is not None:
            (tmp_path / "gateway.toml").write_text(toml, encoding="utf-8")
        return load_settings(flags or {}, environ or {}, tmp_path)

    return load


def mistakes_of(load, environ=None, **sources) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(environ, **sources)
    return str(caught.value)


def test_a_fresh_directory_has_the_defaults_of_the_contract(load):
    assert load() == Settings(
        endpoints={
            "openai": Endpoint(name="openai", api_key_env="OPENAI_API_KEY", webhook_secret_env="OPENAI_WEBHOOK_SECRET")
        },
        database_url="sqlite:///var/gateway.db",
        host="127.0.0.1",
        port=8080,
        max_event_age=20,
        upstream_timeout=3,
        decision_deadline=8,
        refer_allow=None,
        called_headers=("To", "Diversion", "History-Info", "P-Called-Party-ID"),
        caller_headers=("From",),
        sideband=True,
        log_format=None,
    )


def test_flags_win_over_the_environment_over_files_over_gateway_toml(load, tmp_path):
    (tmp_path / "port").write_text("4\n")
    toml, file = "port = 5", {"GATEWAY_PORT_FILE": str(tmp_path / "port")}
    assert load(toml=toml).port == 5
    assert load(file, toml=toml).port == 4
    assert load({"GATEWAY_PORT": "3", **file}, toml=toml).port == 3
    assert load({"GATEWAY_PORT": "3", **file}, toml=toml, flags={"GATEWAY_PORT": 2}).port == 2
    assert load({"GATEWAY_PORT": "3"}, flags={"GATEWAY_PORT": None}).port == 3


def test_every_variable_is_read(load):
    found = load(
        {
            "GATEWAY_DATABASE_URL": "postgresql://gateway@db/calls",
            "GATEWAY_HOST": "::",
            "GATEWAY_PORT": "0",
            "GATEWAY_ADMIN_KEY": ADMIN,
            "GATEWAY_MAX_EVENT_AGE": "30",
            "GATEWAY_UPSTREAM_TIMEOUT": "2.5",
            "GATEWAY_DECISION_DEADLINE": "6",
            "GATEWAY_REFER_ALLOW": "+4930*, country:DE,*@pbx.example.com",
            "GATEWAY_CALLED_HEADERS": "Diversion, To",
            "GATEWAY_CALLER_HEADERS": "P-Asserted-Identity",
            "GATEWAY_DEFAULT_REGION": "us",
            "GATEWAY_SIDEBAND": "off",
            "GATEWAY_LOG_FORMAT": "json",
            "OPENAI_API_KEY": KEY,
            "OPENAI_WEBHOOK_SECRET": f"{SECRET}, whsec_b2xk",
            "OPENAI_BASE_URL": "https://eu.api.openai.com/v1/",
        }
    )
    openai = found.endpoints["openai"]
    assert found.database_url == "postgresql://gateway@db/calls"
    assert (found.host, found.port) == ("::", 0)
    assert found.admin_key == SecretStr(ADMIN)
    assert (found.max_event_age, found.upstream_timeout, found.decision_deadline) == (30, 2.5, 6)
    assert found.refer_allow == ("+4930*", "country:DE", "*@pbx.example.com")
    assert found.called_headers == ("Diversion", "To")
    assert found.caller_headers == ("P-Asserted-Identity",)
    assert found.default_region == "US"
    assert found.sideband is False
    assert found.log_format == "json"
    assert openai.api_key == SecretStr(KEY)
    assert openai.webhook_secrets == (SecretStr(SECRET), SecretStr("whsec_b2xk"))
    assert openai.base_url == "https://eu.api.openai.com/v1"


def test_the_file_may_use_the_types_of_toml(load):
    found = load(toml='port = 9000\nsideband = false\nmax_event_age = 12.5\ncalled_headers = ["Diversion", "To"]')
    assert (found.port, found.sideband, found.max_event_age) == (9000, False, 12.5)
    assert found.called_headers == ("Diversion", "To")


def test_an_empty_variable_is_as_good_as_none(load):
    found = load({"GATEWAY_PORT": "", "GATEWAY_ADMIN_KEY": "", "OPENAI_API_KEY": "", "GATEWAY_CALLED_HEADERS": ""})
    assert (found.port, found.admin_key, found.called_headers) == (8080, None, CALLED_HEADERS)


@pytest.mark.parametrize(
    ("environ", "toml"),
    [({"GATEWAY_REFER_ALLOW": ""}, ""), ({}, "refer_allow = []"), ({"GATEWAY_REFER_ALLOW": " , "}, "")],
)
def test_an_empty_list_of_transfer_targets_allows_none_and_says_so(load, environ, toml):
    found = load(environ, toml=toml)
    assert found.refer_allow == ()
    assert "GATEWAY_REFER_ALLOW is empty" in found.warnings[0]


def test_a_list_of_transfer_targets_in_the_file_holds_although_the_variable_is_empty(load):
    assert load({"GATEWAY_REFER_ALLOW": ""}, toml='refer_allow = ["+4930*"]').refer_allow == ("+4930*",)


# Endpoints


def test_further_endpoints_come_from_the_file_and_their_secrets_from_variables(load):
    found = load({"AZURE_KEY": KEY, "AZURE_SECRET": SECRET, "OPENAI_API_KEY": "sk-other"}, toml=AZURE)
    assert list(found.endpoints) == ["openai", "azure"]
    assert found.endpoints["azure"] == Endpoint(
        name="azure",
        base_url="https://example.openai.azure.com/openai/v1",
        api_key=SecretStr(KEY),
        webhook_secrets=(SecretStr(SECRET),),
        auth="api-key",
        default_region="DE",
        attestation_header="X-Verstat",
        api_key_env="AZURE_KEY",
        webhook_secret_env="AZURE_SECRET",
    )


def test_the_secrets_of_an_endpoint_may_lie_in_files_too(load, tmp_path):
    (tmp_path / "azure_key").write_text(KEY + "\n")
    (tmp_path / "secret").write_text(SECRET)
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path), "AZURE_SECRET_FILE": str(tmp_path / "secret")}
    azure = load(environ, toml=AZURE).endpoints["azure"]
    assert (azure.api_key, azure.webhook_secrets) == (SecretStr(KEY), (SecretStr(SECRET),))


def test_openai_is_left_out_where_only_other_endpoints_are_used(load):
    assert list(load(toml=AZURE).endpoints) == ["azure"]


def test_the_file_completes_the_endpoint_openai_and_the_environment_overrides_it(load):
    toml = '[[endpoints]]\nname = "openai"\nbase_url = "https://eu.api.openai.com/v1"\nattestation_header = "X-Verstat"'
    openai = load({"OPENAI_API_KEY": KEY}, toml=toml).endpoints["openai"]
    assert (openai.base_url, openai.attestation_header) == ("https://eu.api.openai.com/v1", "X-Verstat")
    assert openai.api_key == SecretStr(KEY)
    assert load({"OPENAI_BASE_URL": OPENAI_BASE_URL}, toml=toml).endpoints["openai"].base_url == OPENAI_BASE_URL


def test_an_endpoint_has_limits_and_a_surface_of_its_own(load):
    toml = AZURE + 'surface = "live"\nupstream_timeout = 4.5\nmax_in_flight = 50'
    azure = load(toml=toml).endpoints["azure"]
    assert (azure.surface, azure.upstream_timeout, azure.max_in_flight) == ("live", 4.5, 50)
    shown = {row.name: row.value for row in load(toml=toml).describe()}
    assert shown["endpoints.azure.surface"] == "live"
    assert shown["endpoints.azure.max_in_flight"] == "50"


@pytest.mark.parametrize(
    "line", ['surface = "sip"', "max_in_flight = 0", "max_in_flight = 1.5", "upstream_timeout = -1"]
)
def test_a_limit_or_surface_that_cannot_be_is_a_mistake(load, line):
    assert f"endpoints[0].{line.split()[0]}" in mistakes_of(load, toml=AZURE + line)


def test_a_live_endpoint_is_told_to_subscribe_to_the_live_event(load):
    assert "live.transport.incoming" in missing(load(toml=AZURE + 'surface = "live"'))[0]


def test_two_endpoints_for_both_surfaces_of_one_project_are_doubted(load):
    other = AZURE.replace('"azure"', '"twin"') + 'surface = "live"'
    assert any("both surfaces" in warning for warning in load({"AZURE_KEY": KEY}, toml=AZURE + other).warnings)
    assert not any("both surfaces" in warning for warning in load({"AZURE_KEY": KEY}, toml=AZURE).warnings)


@pytest.mark.parametrize("name", ["AZURE_KEY", "azure_key"])
def test_secrets_may_lie_in_a_mounted_directory(load, tmp_path, name):
    (tmp_path / name).write_text(KEY)
    found = load({"GATEWAY_SECRETS_DIRECTORY": str(tmp_path)}, toml=AZURE)
    assert found.endpoints["azure"].api_key == SecretStr(KEY)
    assert not any("GATEWAY_SECRETS_DIRECTORY" in warning for warning in found.warnings)


# Mistakes


def test_all_mistakes_are_listed_with_their_variables(load):
    text = mistakes_of(
        load,
        {"GATEWAY_PORT": "80800", "GATEWAY_MAX_EVENT_AGE": "soon", "OPENAI_API_KEY_FILE": "/no/such/file"},
        toml="""
            prot = 1
            sideband = "perhaps"
            [[endpoints]]
            name = "eu"
            base_url = "eu.api.openai.com"
            region = "DE"
        """,
    )
    assert text.splitlines() == [
        "7 mistakes in the configuration:",
        "  GATEWAY_PORT: '80800' is not a port; write a number from 0 to 65535",
        "  GATEWAY_MAX_EVENT_AGE: 'soon' is not a time; write a number of seconds above 0, such as 3 or 2.5",
        "  gateway.toml: sideband: 'perhaps' is neither true nor false",
        "  gateway.toml: endpoints[0].region: is not known; did you mean default_region?",
        "  gateway.toml: endpoints[0].base_url: 'eu.api.openai.com' is not a web address; "
        "write one like https://api.openai.com/v1",
        "  OPENAI_API_KEY_FILE: the file /no/such/file cannot be read (No such file or directory)",
        "  gateway.toml: prot: is not known; did you mean port?",
    ]


def test_the_base_url_of_openai_can_stand_in_the_file(load):
    settings = load({}, toml='openai_base_url = "https://eu.api.openai.com/v1/"')
    assert settings.endpoints["openai"].base_url == "https://eu.api.openai.com/v1"
    assert settings.sources["OPENAI_BASE_URL"] == "gateway.toml"


MISTAKES = {
    "a flag": ({}, "", {"GATEWAY_PORT": "x"}, "--port: 'x' is not a port"),
    "a flag of two words": ({}, "", {"GATEWAY_DATABASE_URL": "x"}, "--database-url: "),
    "a variable in place of a key": ({}, "GATEWAY_PORT = 1", {}, "GATEWAY_PORT: is not known; did you mean port?"),
    "an admin key in the file": ({}, f'admin_key = "{ADMIN}"', {}, "admin_key: secrets do not belong into this file; "),
    "an upstream's key in the file": ({}, f'openai_api_key = "{KEY}"', {}, "set OPENAI_API_KEY or OPENAI_API_KEY_FILE"),
    "endpoints that are no tables": ({}, 'endpoints = ["x"]', {}, "endpoints: must be written as [[endpoints]] tables"),
    "an endpoint without a name": ({}, '[[endpoints]]\nbase_url = "https://x"', {}, "endpoints[0].name: is missing"),
    "an endpoint without an address": ({}, '[[endpoints]]\nname = "x"', {}, "endpoints[0].base_url: is missing"),
    "two endpoints of one name": ({}, AZURE + AZURE, {}, "endpoints[1].name: 'azure' is listed twice"),
    "a secret in place of its variable": (
        {},
        f'[[endpoints]]\nname = "x"\nbase_url = "https://x"\napi_key_env = "{KEY}"',
        {},
        "api_key_env: must be the name of an environment variable",
    ),
    "a table in place of text": ({}, "[host]\nx = 1", {}, "host: must be text, a number, true or false"),
    "a file that is not TOML": ({}, "port = ", {}, "is not TOML"),
    "a file that is not there": ({"GATEWAY_CONFIG": "other.toml"}, "", {}, "GATEWAY_CONFIG: "),
}


@pytest.mark.parametrize(("environ", "toml", "flags", "expected"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_names_its_place_and_the_remedy(load, environ, toml, flags, expected):
    text = mistakes_of(load, environ, toml=toml, flags=flags)
    assert expected in text
    assert len(text.splitlines()) == 1


def test_no_message_repeats_a_secret(load):
    text = mistakes_of(
        load,
        {
            "GATEWAY_ADMIN_KEY": "canary",
            "OPENAI_API_KEY": "sk-canary sk-canary",
            "OPENAI_WEBHOOK_SECRET": "whsec_canary!",
            "GATEWAY_DATABASE_URL": "mysql://user:canary@host/db",
            "OPENAI_BASE_URL": "ftp://user:canary@host",
        },
    )
    assert len(text.splitlines()) == 6
    assert "canary" not in text


VALUES = st.one_of(
    st.text(max_size=30).filter(lambda text: "\0" not in text),
    st.sampled_from(
        ["1", "0", "-1", "http://", "https://[", "sqlite:///x", "whsec_", "+", "*@x", "country:DE", "1e400"]
    ),
)


@given(
    st.dictionaries(
        st.sampled_from([row.name for row in Settings(endpoints={"openai": Endpoint(name="openai")}).describe()]),
        VALUES,
    )
)
@hypothesis_settings(max_examples=150)
def test_any_environment_either_loads_or_is_refused_in_words(environ):
    refusal = ""
    try:
        load_settings({}, environ, Path("/nonexistent"))
    except ConfigurationError as error:
        refusal = str(error)
    assert refusal == "" or ": " in refusal


# What is odd, missing and shown


def test_what_is_odd_but_works_is_a_warning(load):
    found = load(
        {
            "GATEWAY_PROT": "1",
            "GATEWAY_UPSTREAM_TIMEOUT": "9",
            "OPENAI_BASE_URL": "http://emulator:8090/v1",
            "GATEWAY_SERVICE_HOST": "10.0.0.1",  # Kubernetes
            "GATEWAY_PORT_8080_TCP": "tcp://10.0.0.1:8080",
            "GATEWAY_CONFIG": "",
        }
    )
    assert found.warnings == (
        "GATEWAY_UPSTREAM_TIMEOUT (9) is longer than GATEWAY_DECISION_DEADLINE (8), "
        "so a slow first attempt leaves no time for a second",
        "OPENAI_BASE_URL is http, so the API key travels unencrypted",
        "GATEWAY_PROT is set, but there is no such setting; did you mean GATEWAY_PORT?",
    )


def test_a_local_upstream_may_be_reached_by_http(load):
    assert load({"OPENAI_BASE_URL": "http://127.0.0.1:8090/v1"}).warnings == ()


def test_a_gateway_without_keys_loads_and_says_what_is_missing(load):
    secret, key = missing(load())
    assert secret.startswith("OPENAI_WEBHOOK_SECRET: without it every delivery to /webhooks/openai is refused.")
    assert "https://YOUR-HOST/webhooks/openai" in secret
    assert key.startswith("OPENAI_API_KEY: without it https://api.openai.com/v1 refuses every decision.")


def test_an_endpoint_without_variables_is_told_which_key_to_write(load):
    secret, key = missing(load(toml='[[endpoints]]\nname = "eu"\nbase_url = "https://eu.api.openai.com/v1"'))
    assert "name a variable in webhook_secret_env of [[endpoints]] eu" in secret
    assert "Name a variable in api_key_env of [[endpoints]] eu" in key


def test_nothing_is_missing_where_key_and_secret_are_set(load):
    assert missing(load({"OPENAI_API_KEY": KEY, "OPENAI_WEBHOOK_SECRET": SECRET})) == ()


def test_the_description_shows_value_and_source_and_no_secret(load):
    environ = {
        "OPENAI_API_KEY": KEY,
        "OPENAI_WEBHOOK_SECRET": f"{SECRET} whsec_b2xk",
        "GATEWAY_ADMIN_KEY": ADMIN,
        "GATEWAY_DATABASE_URL": "postgresql://user:canary@host/db",
    }
    rows = {row.name: (row.value, row.source) for row in load(environ, toml="port = 9000" + AZURE).describe()}
    assert rows["GATEWAY_PORT"] == ("9000", "gateway.toml")
    assert rows["GATEWAY_HOST"] == ("127.0.0.1", "default")
    assert rows["GATEWAY_REFER_ALLOW"] == ("guarded", "default")
    assert rows["GATEWAY_DEFAULT_REGION"] == ("", "not set")
    assert rows["GATEWAY_DATABASE_URL"] == ("postgresql://user:•••@host/db", "environment")
    assert rows["GATEWAY_ADMIN_KEY"] == ("set", "environment")
    assert rows["OPENAI_WEBHOOK_SECRET"] == ("2 secrets", "environment")
    assert rows["AZURE_KEY"] == ("", "not set")
    assert rows["endpoints.azure.auth"] == ("api-key", "gateway.toml")
    assert "canary" not in str(rows)
    assert KEY not in str(rows)


def test_secrets_do_not_print_themselves(load):
    found = load({"OPENAI_API_KEY": KEY, "GATEWAY_ADMIN_KEY": ADMIN, "OPENAI_WEBHOOK_SECRET": SECRET})
    for text in (repr(found), str(found), f"{found.admin_key}", f"{found.admin_key!r}"):
        assert not any(secret in text for secret in (KEY, ADMIN, SECRET))


def test_every_secret_is_known_to_those_who_must_hide_it(load):
    environ = {
        "OPENAI_API_KEY": KEY,
        "OPENAI_WEBHOOK_SECRET": SECRET,
        "GATEWAY_ADMIN_KEY": ADMIN,
        "GATEWAY_DATABASE_URL": "postgresql://user:p%40ss@host/db",
    }
    assert set(secrets_of(load(environ))) == {KEY, SECRET, ADMIN, "p%40ss", "p@ss"}


def test_importing_the_settings_takes_no_library():
    heavy = "pydantic", "structlog", "starlette", "uvicorn", "httpx", "sqlalchemy", "re2", "phonenumbers"
    program = f"import sys, gateway.settings; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# Subscribers

CRM = '[[subscribers]]\nname = "crm"\nurl = "https://crm.example.com/calls"\nsecret_env = "CRM_SECRET"\n'


def test_subscribers_come_from_the_file_and_their_secrets_from_variables(load):
    found = load({"CRM_SECRET": SECRET}, toml=CRM + 'events = ["call.ended"]\ncallers = "clear"')
    crm = found.subscribers["crm"]
    assert (crm.url, crm.events, crm.callers) == ("https://crm.example.com/calls", ("call.ended",), "clear")
    assert crm.secret == SecretStr(SECRET)
    assert SECRET in secrets_of(found)
    assert SECRET not in repr(found.describe())
    assert any("CRM_SECRET" in sentence for sentence in missing(load(toml=CRM)))


def test_what_subscribers_are_told_is_shown_with_where_it_comes_from(load):
    rows = {row.name: row[1:] for row in load({"CRM_SECRET": SECRET}, toml=CRM + 'callers = "clear"').describe()}
    assert rows["subscribers.crm.url"] == ("https://crm.example.com/calls", "gateway.toml")
    assert rows["subscribers.crm.callers"] == ("clear", "gateway.toml")
    assert rows["subscribers.crm.events"] == (
        "call.decided, call.answered, call.transferred, call.ended",
        "default",
    )
    assert rows["CRM_SECRET"] == ("set", "environment")


@pytest.mark.parametrize(
    ("toml", "place"),
    [
        (CRM.replace("https://", "http://"), "subscribers[0].url"),
        (CRM.replace("https://", "https://user:secret@"), "subscribers[0].url"),
        (CRM.replace("crm.example", "crm example"), "subscribers[0].url"),
        (CRM + 'events = ["call.rung"]', "subscribers[0].events"),
        (CRM + "secret = 1", "subscribers[0].secret"),
        (CRM + CRM, "subscribers[1].name"),
        ('[[subscribers]]\nname = "crm"', "subscribers[0].url"),
        ("subscribers = 1", "subscribers"),
    ],
)
def test_a_subscriber_that_cannot_be_is_a_mistake(load, toml, place):
    assert place in mistakes_of(load, toml=toml)
