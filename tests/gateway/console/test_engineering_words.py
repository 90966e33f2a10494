import re
from pathlib import Path

from gateway.console.engineering_words import REFUSALS, VERDICTS, refusal_word, verdict_word
from gateway.webhooks import routes, signature
from gateway.webhooks.inbox import Verdict

# Counted on the first delivery, so no row has them as its verdict.
COUNTED = {Verdict.DUPLICATE, Verdict.CONFLICT}


def test_every_verdict_has_a_word() -> None:
    assert set(VERDICTS) == set(Verdict) - COUNTED
    assert verdict_word("brand_new").text == "brand_new"


def test_every_reason_to_refuse_has_a_word() -> None:
    texts = [Path(module.__file__ or "").read_text("utf-8") for module in (routes, signature)]
    said = re.findall(r'(?:_RefusedError\(\d+, |SignatureError\(|verdict, status = )"(\w+)"', "".join(texts))
    assert set(said) == set(REFUSALS)
    assert refusal_word("some_thing").text == "some thing"
