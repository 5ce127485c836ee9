"""Filters in a page's address, said back in words: what matched nothing, and what could not be read. Pure.

A filter that cannot be read filters nothing and is named; a place in a list that cannot be read is refused.
"""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from console.errors import InvalidCursor
from console.whole import whole


def in_words(noun: str, filters: Mapping[str, str]) -> str:
    """Return the sentence for a filter that nothing matches; empty where nothing is filtered."""
    said = [f"{name} “{value}”" for name, value in filters.items() if value and name != "q"]
    said += [f"the words “{filters['q']}”"] if filters.get("q") else []
    return f"No {noun} with {' and '.join(said)}." if said else ""


def left_out(asked: Mapping[str, str], wrong: Collection[str]) -> str:
    """Return the sentence that names the filters which cannot be read and so filter nothing; empty where all can."""
    said = [f"{name} “{asked.get(name, '')[:40]}”" for name in wrong]
    if not said:
        return ""
    return f"Shown without the filter {' and '.join(said)}: there is no such value. Choose one from the filter's own fields."


def unknown(asked: Mapping[str, str], allowed: Mapping[str, Collection[str]]) -> list[str]:
    """Return the names whose value is none of those allowed; a value that is not given is no filter."""
    return [name for name, values in allowed.items() if asked.get(name) and asked[name] not in values]


def choice(asked: Mapping[str, str], name: str, allowed: Sequence[str], usual: str) -> tuple[str, str]:
    """Read a value that is one of a few.

    Args:
        asked: the address's query.
        name: of the value in it.
        allowed: what it may be.
        usual: what holds where it is not given, or is none of these.

    Returns:
        The value that holds, and the sentence for one that is none of these; empty where there is nothing to say.
    """
    given = asked.get(name, "")
    if not given or given in allowed:
        return given or usual, ""
    others = f"{', '.join(allowed[:-1])} or {allowed[-1]}" if len(allowed) > 1 else allowed[0]
    return usual, f"There is no {name} “{given[:40]}”; it can be {others}. Shown with {usual}."


def place(asked: Mapping[str, str], name: str) -> UUID | None:
    """Return the place in a list that an address goes on from; None at its start. Raises InvalidCursor for what is no place."""
    given = asked.get(name, "")
    try:
        return UUID(given) if given else None
    except ValueError:
        raise InvalidCursor from None


def numbered(asked: Mapping[str, str], name: str, *, digits: int = 18) -> int | None:
    """Return the number that an address goes on from in a list; None at its start. Raises InvalidCursor for what is none.

    Args:
        asked: the address's query.
        name: of the value in it.
        digits: see `console.whole.whole`.
    """
    given = asked.get(name, "")
    found = whole(given, digits=digits)
    if given and found is None:
        raise InvalidCursor
    return found


def no_other(asked: Mapping[str, str], noun: str, found: str) -> str:
    """Return the sentence for what `against` names and there is not, or is what is looked at itself; else an empty one.

    Args:
        asked: the address's query.
        noun: what is compared.
        found: what it is compared with instead; empty for nothing.
    """
    given = asked.get("against", "")
    if not given or given == found:
        return ""
    instead = f"Compared with {found}." if found else "Compared with nothing."
    return f"There is no other {noun} “{given[:40]}” to compare with. {instead}"
