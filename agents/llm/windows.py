"""How many tokens a model reads and writes at most in one call, where that is known.

What this installation says (`MODEL_WINDOWS`) counts first, then the data of the kept library genai-prices. Nothing is
known of most models of one's own: they are given what the agent's limit allows, and less once they refuse it.
"""

from functools import lru_cache

from django.conf import settings
from genai_prices import data_snapshot


def window(model: str) -> int | None:
    """Return the model's window in tokens; None where nobody knows it."""
    given: int | None = settings.MODEL_WINDOWS.get(model)
    return given or _listed(model)


@lru_cache(maxsize=1024)
def _listed(model: str) -> int | None:
    prefix, _, rest = model.partition("/")
    for provider, name in [(None, model), (prefix, rest), (None, rest)] if rest else [(None, model)]:
        try:
            found = data_snapshot.get_snapshot().find_provider_model(name, None, provider, None)
        except LookupError:
            continue
        return found[1].context_window
    return None
