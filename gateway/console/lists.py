"""Lists of numbers, prefixes and addresses."""

from collections.abc import Mapping
from typing import Any, Final

from gateway.console.drafting import Drafted
from gateway.console.items import ItemPages, Sent, Told, first, told_together
from gateway.console.visit import Visit

# Entries that the page shows in its field; a longer list is changed by what is put in and taken out.
SHOWN: Final = 5_000


class ListPages(ItemPages):
    """`/lists`."""

    section = "lists"
    noun = "List"
    about = "Numbers, prefixes and addresses, for conditions such as “caller is on the list blocked”."
    template = "list.html"

    def fields_of(self, item: Any) -> Sent:
        """The entries, if they are few enough."""
        entries = item or ()
        return {"value": ["\n".join(entries) if len(entries) <= SHOWN else ""]}

    def value_of(self, fields: Sent, item: Any) -> Any:
        """The entries; of a long list those that there are, with what is put in and without what is taken out."""
        entries = lines_of(first(fields, "value"))
        if item is None or len(item) <= SHOWN:
            return entries
        gone = set(lines_of(first(fields, "without")))
        there = set(item)
        return [*(one for one in item if one not in gone), *(one for one in entries if one not in there)]

    async def context(self, visit: Visit, drafted: Drafted, name: str, fields: Sent, told: Told) -> Mapping[str, Any]:
        """How long it is."""
        count = len(self.items(drafted).get(name) or ())
        return {"banner": told_together(told.problems), "count": count, "shown": SHOWN}


def lines_of(text: str) -> list[str]:
    """Lines that say something, each once."""
    return list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))
