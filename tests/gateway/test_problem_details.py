import json
from collections import Counter
from http import HTTPStatus

import pytest
from starlette.exceptions import HTTPException

from gateway.errors import DatabaseUnavailable, JournalFull, RequestError
from gateway.problem_details import MEDIA_TYPE, TYPES, Kind, describe

ID = "7f1c5b8e-0f5e-4c67-a7a5-000000000001"


def test_a_refusal_has_all_members_of_a_problem() -> None:
    error = Kind.STALE.error(
        "read it again",
        errors=[{"pointer": "/a", "detail": "is wrong"}],
        headers={"etag": '"8"'},
        revision=8,
    )
    response = describe(error, ID)
    assert response.status_code == 412
    assert response.headers["content-type"] == MEDIA_TYPE
    assert response.headers["etag"] == '"8"'
    assert response.headers["x-request-id"] == ID
    assert json.loads(response.body) == {
        "type": f"{TYPES}stale",
        "title": "changed meanwhile",
        "status": 412,
        "detail": "read it again",
        "instance": f"urn:uuid:{ID}",
        "errors": [{"pointer": "/a", "detail": "is wrong"}],
        "revision": 8,
    }


def test_a_refusal_of_no_known_kind_has_no_type() -> None:
    problem = json.loads(describe(RequestError(409, "two at once", "try again"), ID).body)
    assert (problem["type"], problem["title"], problem["status"]) == ("about:blank", "two at once", 409)


@pytest.mark.parametrize("error", [DatabaseUnavailable("disk full at /var/x"), JournalFull("10000 entries")])
def test_a_failing_database_is_a_503_that_asks_to_try_again(error: Exception) -> None:
    response = describe(error, ID)
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) > 0
    assert str(error) not in bytes(response.body).decode()


def test_an_unexpected_error_tells_nothing_but_the_id() -> None:
    response = describe(ZeroDivisionError("the secret of /etc/passwd"), ID)
    assert response.status_code == 500
    text = bytes(response.body).decode()
    assert ID in text
    assert "secret" not in text
    assert "Traceback" not in text


@pytest.mark.parametrize(("status", "slug"), [(404, "not-found"), (405, "method")])
def test_what_the_router_refuses_is_a_problem_too(status: int, slug: str) -> None:
    response = describe(HTTPException(status, headers={"allow": "GET"}), ID)
    assert (response.status_code, response.headers["allow"]) == (status, "GET")
    assert json.loads(response.body)["type"] == TYPES + slug


def test_other_refusals_of_the_framework_keep_their_status() -> None:
    problem = json.loads(describe(HTTPException(431, "too many headers"), ID).body)
    assert (problem["type"], problem["status"], problem["detail"]) == ("about:blank", 431, "too many headers")


def test_every_kind_has_a_title_of_its_own_and_a_real_status() -> None:
    assert max(Counter(kind.title for kind in Kind).values()) == 1
    for kind in Kind:
        assert 400 <= HTTPStatus(kind.status) < 600
