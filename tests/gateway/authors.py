"""Authors of changes."""

from gateway.access.audit import Author


def an_author(name: str = "") -> Author:
    """Somebody with a key."""
    return Author(id=f"key_{name}", name=name, address="192.0.2.7")
