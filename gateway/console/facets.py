"""Facets of a search as a page offers them: each value a link that narrows the search to it, or gives it up again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.calls.contract import CallFacets, FacetCount
from gateway.console.rendering import url
from gateway.console.wording import decision_word, state_word


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """One value of a facet."""

    text: str
    calls: int  # how many have it, of those counted
    link: str | None  # the search with it, or without it where it is chosen; None: one cannot search for it
    chosen: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Facet:
    """One way to divide the calls of a search."""

    label: str
    choices: tuple[Choice, ...]  # the largest first


def facets_to_choose(counted: CallFacets, filters: Mapping[str, str]) -> list[Facet]:
    """The facets of the search with these filters."""
    sections = (
        ("state", "State", counted.state, lambda value: state_word(value).text),
        ("decision", "Decision", counted.decision, lambda value: decision_word(value).text),
        ("rule", "Rule", counted.rule, str),
        ("country", "Caller's country", counted.country, str),
    )
    return [
        Facet(label=label, choices=tuple(_choice(name, one, word, filters) for one in counts))
        for name, label, counts, word in sections
    ]


_NOTHING = {"rule": "the default", "country": "unknown"}


def _choice(name: str, one: FacetCount, word: Callable[[str], str], filters: Mapping[str, str]) -> Choice:
    if one.value is None:
        return Choice(text=_NOTHING.get(name, "none"), calls=one.calls, link=None, chosen=False)
    chosen = filters.get(name) == one.value
    others = {key: value for key, value in filters.items() if key != name}
    link = url("/calls", **others) if chosen else url("/calls", **others, **{name: one.value})
    return Choice(text=word(one.value), calls=one.calls, link=link, chosen=chosen)
