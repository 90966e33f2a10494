"""What each setting may look like, as tables of texts."""

import pytest

from gateway import settings_syntax as syntax

VALID = [
    (syntax.read_port, "0", 0),
    (syntax.read_port, "65535", 65535),
    (syntax.read_host, "0.0.0.0", "0.0.0.0"),
    (syntax.read_host, "::1", "::1"),
    (syntax.read_host, "gateway.internal", "gateway.internal"),
    (syntax.read_seconds, "2.5", 2.5),
    (syntax.read_seconds, "1e1", 10.0),
    (syntax.read_switch, "Yes", True),
    (syntax.read_switch, "0", False),
    (syntax.read_choice("a", "b"), "b", "b"),
    (syntax.read_base_url, "https://eu.api.openai.com/v1/", "https://eu.api.openai.com/v1"),
    (syntax.read_base_url, "http://[::1]:8090/v1", "http://[::1]:8090/v1"),
    (syntax.read_database_url, "sqlite:///var/gateway.db", "sqlite:///var/gateway.db"),
    (syntax.read_database_url, "sqlite:////var/lib/gateway.db", "sqlite:////var/lib/gateway.db"),
    (syntax.read_database_url, "postgresql:///gateway?host=/run", "postgresql:///gateway?host=/run"),
    (syntax.read_database_url, "postgresql+psycopg://u@h:5432/d", "postgresql+psycopg://u@h:5432/d"),
    (syntax.read_region, "gb", "GB"),
    (syntax.read_headers, " To ,X-Dialled,", ("To", "X-Dialled")),
    (syntax.read_header, "P-Asserted-Identity", "P-Asserted-Identity"),
    *(
        (syntax.read_refer_pattern, text, text)
        for text in (
            "+4930901820",
            "+4930*",
            "+*",
            "country:DE",
            "*@pbx.example.com",
            "sales@pbx.example.com",
            "+1415@10.example",
        )
    ),
    (syntax.read_admin_key, "0123456789abcdef", "0123456789abcdef"),
    (syntax.read_webhook_secrets, "whsec_YQ whsec_YQ==,raw-secret", ("whsec_YQ", "whsec_YQ==", "raw-secret")),
    (syntax.read_name, "eu-2", "eu-2"),
    (syntax.read_variable_name, "AZURE_KEY", "AZURE_KEY"),
]

INVALID = [
    (syntax.read_port, "65536", "write a number from 0 to 65535"),
    (syntax.read_port, "-1", "write a number from 0 to 65535"),
    (syntax.read_port, "٣", "write a number from 0 to 65535"),
    (syntax.read_port, "tcp://10.0.0.1:8080", "Kubernetes"),
    (syntax.read_host, "http://x", "is not an address"),
    (syntax.read_host, "127.0.0.1:80", "the port as GATEWAY_PORT"),
    (syntax.read_host, "[::1]", "is not an address"),
    (syntax.read_seconds, "0", "above 0"),
    (syntax.read_seconds, "inf", "above 0"),
    (syntax.read_seconds, "nan", "above 0"),
    (syntax.read_seconds, "3s", "above 0"),
    (syntax.read_switch, "maybe", "neither true nor false"),
    (syntax.read_choice("a", "b"), "c", "write a or b"),
    (syntax.read_base_url, "api.openai.com", "is not a web address"),
    (syntax.read_base_url, "https://", "is not a web address"),
    (syntax.read_base_url, "https://x:port", "is not a web address"),
    (syntax.read_base_url, "https://[x", "is not a web address"),
    (syntax.read_base_url, "https://x/v1?api-version=1", "leave out what follows"),
    (syntax.read_base_url, "https://x/v1#a", "leave out what follows"),
    (syntax.read_base_url, "https://user:pass@x", "must not hold a user or password"),
    (syntax.read_database_url, "sqlite://gateway.db", "names no file"),
    (syntax.read_database_url, "sqlite:///:memory:", "names no file"),
    (syntax.read_database_url, "mysql://h/d", "mysql is not supported"),
    (syntax.read_database_url, "gateway.db", "is no database's URL"),
    (syntax.read_database_url, "postgresql://u:p[x@h/d", "in a password %40 for @"),
    (syntax.read_database_url, "postgresql://u:p@x@h/d", "write %40 for it"),
    (syntax.read_region, "UK", "the United Kingdom is GB"),
    (syntax.read_region, "DEU", "two letters"),
    (syntax.read_headers, " , ", "names no header"),
    (syntax.read_headers, "To, X Y", "'X Y' is not the name of a header"),
    (syntax.read_header, "To:", "is not the name of a header"),
    *(
        (syntax.read_refer_pattern, text, "is not a target")
        for text in (
            "4930",
            "+49-30",
            "+49*30",
            "tel:+4930",
            "*@",
            "@host",
            "a b@host",
            "*@ho st",
            "*",
            "",
        )
    ),
    *(
        (syntax.read_refer_pattern, text, "names no country; write two capital")
        for text in ("country:UK", "country:de")
    ),
    (syntax.read_admin_key, "0123456789abcde", "fewer than 16"),
    (syntax.read_secret, "sk-äöü", "copy it again"),
    (syntax.read_secret, "sk-a b", "copy it again"),
    (syntax.read_webhook_secrets, "whsec_YQ,whsec_Y", "secret 2 of 2 is damaged"),
    (syntax.read_webhook_secrets, "whsec_", "damaged"),
    (syntax.read_webhook_secrets, " , ", "holds no secret"),
    (syntax.read_name, "Open AI", "small letters"),
    (syntax.read_name, "", "small letters"),
    (syntax.read_variable_name, "sk-proj-1", "and not the secret itself"),
    (syntax.read_variable_name, "whsec_YQ", "and not the secret itself"),
]


def named(case):
    return f"{case[0].__name__}({case[1]})"


@pytest.mark.parametrize(("read", "text", "value"), VALID, ids=map(named, VALID))
def test_what_is_valid_is_read(read, text, value):
    assert read(text) == value


@pytest.mark.parametrize(("read", "text", "remedy"), INVALID, ids=map(named, INVALID))
def test_what_is_not_valid_is_refused_with_the_remedy(read, text, remedy):
    with pytest.raises(ValueError) as caught:  # noqa: PT011  the text is compared below, where it need not be a pattern
        read(text)
    assert remedy in str(caught.value)


def test_a_password_in_an_address_is_not_shown():
    for secret in ("secret", "s@cret", "sec/r@t"):
        assert syntax.without_password(f"postgresql://user:{secret}@host/db") == "postgresql://user:•••@host/db"
    assert syntax.without_password("postgresql://host/db?password=secret&sslmode=require") == (
        "postgresql://host/db?password=•••&sslmode=require"
    )
    assert syntax.without_password("sqlite:///var/gateway.db") == "sqlite:///var/gateway.db"
