"""What is wrong or doubtful in the profiles of a rulebook: asked before it is published, and never when it is loaded.

The upstream may answer 200 to a bad session and let the caller hear silence (FACTS P1), so an accept must not be the
first to find a mistake. Each profile is looked at with what it extends; what its parent was told already is not told
again. Pointers lead into the rulebook: `/profiles/sales/audio/output/speed`.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Final, NamedTuple

from gateway.profiles.coherence import find_incoherences
from gateway.profiles.mistakes import find_form_mistakes
from gateway.profiles.profile import find_profile, lineage, transfers_of
from gateway.profiles.shutdowns import find_shutdown_warnings
from gateway.profiles.variables import find_mistakes, lists_in
from routing_rules import Accept, Decision, Ignore, Problem, Refer, Rulebook
from routing_rules.places import near
from routing_rules.problem import error, pointer_to, warning

Lists = Mapping[str, Any]
ReferGuard = Callable[[str], str | None]


class Reach(NamedTuple):
    """What of a rulebook to look at."""

    profiles: Collection[str] | None  # by name; None: all
    rules: Collection[int] | None  # by index; None: all


EVERYTHING: Final = Reach(None, None)


def find_profile_problems(
    rulebook: Rulebook,
    today: date | None = None,
    reach: Reach = EVERYTHING,
    refer_guard: ReferGuard | None = None,
) -> Iterator[Problem]:
    """Every error and warning of the profiles and of what the rules say over them.

    Without `today` nothing is said of announced shutdowns. The guard says why a transfer target is refused.
    """
    for name in rulebook.profiles:
        if reach.profiles is None or name in reach.profiles:
            own = find_problems_of(rulebook.profiles, name, rulebook.lists, today)
            for problem in (*own, *_closed_targets(rulebook.profiles[name], refer_guard)):
                yield replace(problem, pointer=pointer_to("profiles", name) + problem.pointer)
    yield from _Rules(rulebook).problems(range(len(rulebook.rules)) if reach.rules is None else reach.rules)


def find_problems_of(
    profiles: Mapping[str, Mapping[str, Any]], name: str, lists: Lists, today: date | None
) -> Iterator[Problem]:
    """Every error and warning of one profile; pointers begin at the profile."""
    chain = lineage(profiles, name)
    yield from _inheritance(profiles, name, chain)
    own = _problems(find_profile(profiles, name), lists, today)
    if len(chain) == 1:
        yield from own
        return
    parent = chain[0]["extends"]
    told = {(problem.pointer, problem.detail) for problem in _problems(find_profile(profiles, parent), lists, today)}
    for problem in own:
        if (problem.pointer, problem.detail) not in told:
            yield replace(problem, pointer=_within(chain[0], problem.pointer))


def _closed_targets(profile: Mapping[str, Any], refer_guard: ReferGuard | None) -> Iterator[Problem]:
    """Targets of the profile's own that nobody may be transferred to."""
    if refer_guard is None:
        return
    for name, targets in transfers_of(profile).items():
        for target in targets:
            if why := refer_guard(target):
                yield error("refused_target", pointer_to("transfers", name), f"{target!r}: {why}")


def _problems(profile: Mapping[str, Any], lists: Lists, today: date | None) -> list[Problem]:
    found = [*find_form_mistakes(profile), *find_incoherences(profile)]
    for pointer, text in _texts(profile):
        found += _variables(text, pointer, lists)
    if today is not None:
        found += find_shutdown_warnings(profile, today)
    return found


def _texts(profile: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """What of a profile may hold variables, by its pointer."""
    yield "/instructions", profile.get("instructions")
    yield "/greeting", profile.get("greeting")
    if isinstance(live := profile.get("live"), Mapping):
        yield "/live/instructions", live.get("instructions")
    if isinstance(silence := profile.get("silence"), Mapping):
        yield "/silence/say", silence.get("say")


def lists_of(profile: Mapping[str, Any]) -> set[str]:
    """The lists that the words of a profile look something up in."""
    return {name for _, text in _texts(profile) if isinstance(text, str) for name in lists_in(text)}


def _variables(text: object, pointer: str, lists: Lists) -> Iterator[Problem]:
    if isinstance(text, str):
        for mistake in find_mistakes(text, lists):
            yield (error if mistake.fatal else warning)(mistake.code, pointer, mistake.detail)


def _inheritance(
    profiles: Mapping[str, Mapping[str, Any]], name: str, chain: Sequence[Mapping[str, Any]]
) -> Iterator[Problem]:
    parent = chain[0].get("extends")
    if isinstance(parent, str) and parent and parent not in profiles:
        yield error("missing_profile", "/extends", f"there is no profile {parent!r} to extend{near(parent, profiles)}")
    names = [name, *(profile["extends"] for profile in chain[:-1])]
    if chain[-1].get("extends") == name:
        way = " extends ".join(repr(each) for each in (*names, name))
        yield error("circular_profile", "/extends", f"goes round in a circle: {way}")


def _within(profile: Mapping[str, Any], pointer: str) -> str:
    """The part of a pointer that stands in this profile itself: what it points to may be inherited."""
    value: Any = profile
    steps: list[str] = []
    for step in pointer.split("/")[1:]:
        if not isinstance(value, Mapping) or step not in value:
            break
        value = value[step]
        steps.append(step)
    return pointer if isinstance(value, list) else "".join(f"/{step}" for step in steps)


class _Rules:
    """What the rules say over the profiles."""

    def __init__(self, rulebook: Rulebook) -> None:
        self._rulebook = rulebook
        profiles = rulebook.profiles
        self._transcriptions = {
            name for name in profiles if find_profile(profiles, name).get("type") == "transcription"
        }

    def problems(self, indices: Iterable[int]) -> Iterator[Problem]:
        for index in indices:
            yield from self._decision(self._rulebook.rules[index].then, f"/rules/{index}/then")
        yield from self._decision(self._rulebook.default, "/default")

    def _decision(self, decision: Decision, here: str) -> Iterator[Problem]:
        if isinstance(decision, Ignore):
            return
        if isinstance(decision, Accept | Refer) and decision.profile in self._transcriptions:
            detail = (
                f"{decision.profile!r} is a transcription session, which cannot answer a phone call; "
                "use a realtime one whose turn detection says create_response = false"
            )
            yield error("transcription_profile", f"{here}/{decision.kind}", detail)
        if isinstance(decision, Accept):
            for field in ("instructions", "greeting"):
                yield from _variables(getattr(decision, field), f"{here}/accept/{field}", self._rulebook.lists)
        if decision.fallback is not None:
            yield from self._decision(decision.fallback, f"{here}/fallback")


def used_by_profiles(rulebook: Rulebook) -> Iterator[str]:
    """Pointers to profiles and lists that no rule names and that are used all the same.

    Profiles that others extend or that are there for ephemeral keys, and lists that a text looks something up in.
    """
    texts: list[object] = []
    for name, profile in rulebook.profiles.items():
        if isinstance(parent := profile.get("extends"), str):
            yield pointer_to("profiles", parent)
        if profile.get("type") == "transcription":
            yield pointer_to("profiles", name)
        texts += [text for _, text in _texts(profile)]
    for rule in rulebook.rules:
        if isinstance(rule.then, Accept):
            texts += [rule.then.instructions, rule.then.greeting]
    for text in texts:
        if isinstance(text, str):
            yield from (pointer_to("lists", name) for name in lists_in(text))
