"""Filters in a page's address, said back in words: what matched nothing, and what could not be read. Pure."""

from collections.abc import Collection, Mapping


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
