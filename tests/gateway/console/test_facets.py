from gateway.calls.contract import CallFacets, FacetCount
from gateway.console.facets import Choice, facets_to_choose


def counts(**calls: int) -> list[FacetCount]:
    return [FacetCount(value=None if value == "none" else value, calls=count) for value, count in calls.items()]


def test_a_facet_narrows_the_search_or_gives_its_value_up_again() -> None:
    counted = CallFacets(
        calls=5,
        more=False,
        state=counts(ended=3, failed=2),
        decision=counts(refer=5),
        rule=counts(sales=4, none=1),
        country=counts(none=5),
    )
    state, decision, rule, country = facets_to_choose(counted, {"state": "ended", "q": "555"})
    assert state.choices == (
        Choice(text="Ended", calls=3, link="/calls?q=555", chosen=True),
        Choice(text="Failed", calls=2, link="/calls?q=555&state=failed", chosen=False),
    )
    assert decision.choices[0].text == "Transfer"
    assert [(one.text, one.link) for one in rule.choices] == [
        ("sales", "/calls?state=ended&q=555&rule=sales"),
        ("the default", None),
    ]
    assert country.choices == (Choice(text="unknown", calls=5, link=None, chosen=False),)
