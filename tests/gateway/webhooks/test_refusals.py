from gateway.webhooks.refusals import KEPT, LONGEST, Refusal, Refusals, refusal_of


def refused(at: int, why: str = "signature_mismatch") -> Refusal:
    return refusal_of(at=at, endpoint="openai", status=401, why=why, headers=[], address=None)


def test_the_latest_of_each_reason_are_remembered_and_all_are_counted() -> None:
    refusals = Refusals()
    refusals.note(refused(0))
    for at in range(1, KEPT + 3):
        refusals.note(refused(at, "unknown_endpoint"))
    assert [one.at for one in refusals.latest("unknown_endpoint")] == list(range(KEPT + 2, 2, -1))
    assert [one.at for one in refusals.latest("signature_mismatch")] == [0]
    assert len(refusals.latest()) == KEPT + 1
    assert list(refusals.counts().items()) == [("unknown_endpoint", KEPT + 2), ("signature_mismatch", 1)]


def test_nothing_is_known_of_a_reason_that_never_was() -> None:
    assert Refusals().latest("method") == []


def test_a_stranger_fills_no_memory() -> None:
    refusal = refusal_of(
        at=1,
        endpoint="e" * 100_000,
        status=404,
        why="unknown_endpoint",
        headers=[(b"host", b"x"), (b"Webhook-Id", b"\xff" * 100_000)],
        address="192.0.2.1",
    )
    assert (len(refusal.endpoint), refusal.webhook_id) == (LONGEST, "ÿ" * LONGEST)
