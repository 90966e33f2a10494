"""Named lists of numbers and addresses, turned round: from a caller to the names of all lists that hold it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from routing_rules.prefixes import levels


class ListIndex:
    """All lists of a rulebook, looked up together: one search per call, however many lists there are."""

    __slots__ = ("_exact", "_levels")

    def __init__(self, lists: Mapping[str, Sequence[str]]) -> None:
        self._exact: dict[str, tuple[str, ...]] = {}  # by the entry as it is written
        prefixes: dict[str, tuple[str, ...]] = {}
        for name, entries in lists.items():
            alone = (name,)  # shared by the entries, of which nearly all stand on this list only
            for entry in entries:
                # "sales@*" also ends in a star, but is looked up whole.
                if entry[-1] == "*" and "@" not in entry:
                    prefixes[entry[:-1]] = prefixes.get(entry[:-1], ()) + alone
                else:
                    self._exact[entry] = self._exact.get(entry, ()) + alone
        self._levels = levels(prefixes, ())

    def holding(self, number: str, address: str) -> Sequence[str]:
        """The names of the lists that hold the number (or user part) or the address, some perhaps twice."""
        exact = self._exact
        found = exact.get(number, ())
        for length, level in self._levels:
            names = level.get(number[:length])
            if names is None:
                break
            found += names
        if address:
            user, _, host = address.rpartition("@")
            found += exact.get(address, ())
            found += exact.get(f"{user}@*", ())
            found += exact.get(f"*@{host}", ())
        return found
