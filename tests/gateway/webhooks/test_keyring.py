"""Which secrets are in use, and how one replaces another."""

from gateway.endpoint import Endpoint, SecretStr
from gateway.webhooks.keyring import Keyring, Use
from gateway.webhooks.signature import fingerprint

OLD, NEW, OTHER = "the old secret", "the new secret", "another endpoint's"


def endpoints(*secrets: str) -> dict[str, Endpoint]:
    return {
        "openai": Endpoint(name="openai", webhook_secrets=tuple(map(SecretStr, secrets))),
        "azure": Endpoint(name="azure", webhook_secrets=(SecretStr(OTHER),)),
        "bare": Endpoint(name="bare"),
    }


def use(keyring: Keyring, secret: int, now: int) -> None:
    ring = keyring.find("openai")
    assert ring is not None
    ring.used[secret] = now


def test_every_endpoint_has_its_ring_and_one_without_secrets_proves_nothing() -> None:
    keyring = Keyring(endpoints(OLD))
    assert keyring.find("nowhere") is None
    ring, bare = keyring.find("openai"), keyring.find("bare")
    assert ring is not None
    assert ring.verifier is not None
    assert bare is not None
    assert bare.verifier is None


def test_the_latest_use_of_each_secret_is_known_by_its_fingerprint() -> None:
    keyring = Keyring(endpoints(OLD, NEW))
    use(keyring, 1, 70)
    assert keyring.uses() == [
        Use("openai", fingerprint(OLD), 0),
        Use("openai", fingerprint(NEW), 70),
        Use("azure", fingerprint(OTHER), 0),
    ]


def test_news_are_told_once() -> None:
    keyring = Keyring(endpoints(OLD, NEW))
    use(keyring, 0, 50)
    assert keyring.news() == [Use("openai", fingerprint(OLD), 50)]
    assert keyring.news() == []
    use(keyring, 0, 60)
    assert keyring.news() == [Use("openai", fingerprint(OLD), 60)]


def test_a_secret_that_stays_keeps_its_use_wherever_it_stands() -> None:
    keyring = Keyring(endpoints(OLD))
    use(keyring, 0, 50)
    keyring.replace(endpoints(NEW, OLD))
    assert keyring.uses()[:2] == [Use("openai", fingerprint(NEW), 0), Use("openai", fingerprint(OLD), 50)]
    keyring.replace(endpoints(NEW))
    assert keyring.uses()[:1] == [Use("openai", fingerprint(NEW), 0)]


def test_a_delivery_on_its_way_is_judged_by_the_ring_that_it_met() -> None:
    keyring = Keyring(endpoints(OLD, NEW))
    met = keyring.find("openai")
    keyring.replace(endpoints(NEW))
    assert met is not None
    met.used[1] = 99
    assert keyring.uses()[0] == Use("openai", fingerprint(NEW), 0)
