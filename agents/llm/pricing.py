"""What an answer cost, in integer micro-dollars.

Prices are the data of the kept library genai-prices (never updated over the network); the
scripted models have small prices of their own, so that costs are visible in the demo; a model
nobody knows costs what the installation configured as a cautious guess, never nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache

import genai_prices
from django.conf import settings
from genai_prices import Usage as PricedUsage

from agents.llm import tokens
from agents.llm.provider import Question, Usage

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """Micro-dollars per million tokens."""

    input_microusd: int
    output_microusd: int
    cached_microusd: int


@dataclass(frozen=True, slots=True)
class Cost:
    """A cost and whether it comes from a price list (`known`) or from the cautious guess."""

    microusd: int
    known: bool


OWN_PRICES: Mapping[str, Price] = {
    "scripted-1": Price(1_000_000, 4_000_000, 100_000),
    "scripted-gullible": Price(1_000_000, 4_000_000, 100_000),
    "scripted-mini": Price(100_000, 400_000, 10_000),
}


def unknown_price() -> Price:
    """Return the cautious price of a model that no list knows, as this installation configured it."""
    given = settings.UNKNOWN_MODEL_INPUT_MICROUSD_PER_MTOK
    return Price(given, settings.UNKNOWN_MODEL_OUTPUT_MICROUSD_PER_MTOK, given)


def cost(model: str, usage: Usage) -> Cost:
    """Return what this usage of this model costs, rounded up to a whole micro-dollar.

    Args:
        model: as configured; a routing prefix such as `openai/` is understood.
        usage: as counted or estimated.
    """
    own = OWN_PRICES.get(model)
    if own is not None:
        return Cost(_by(own, usage), known=True)
    listed = _listed(model, usage.input_tokens, usage.output_tokens, usage.cached_tokens)
    if listed is not None:
        return Cost(listed, known=True)
    return Cost(_by(unknown_price(), usage), known=False)


def cost_microusd(model: str, usage: Usage) -> int:
    """Return the cost alone; see `cost`."""
    return cost(model, usage).microusd


def worst_case_microusd(question: Question) -> int:
    """Return what a question costs at most: its bytes as input, all of the output that it allows, nothing cached.

    A question without a bound on its output counts with the bound that this installation gives it.
    """
    made = question.max_output_tokens
    return most_microusd(question.model, tokens.most_request(question.messages, question.tools), made)


def most_microusd(model: str, given: int, made: int | None) -> int:
    """Return what so many tokens in and out cost at most; see `worst_case_microusd`."""
    return cost_microusd(model, Usage(given, settings.MODEL_OUTPUT_TOKENS if made is None else made))


def _by(price: Price, usage: Usage) -> int:
    fresh = usage.input_tokens - usage.cached_tokens
    total = (
        fresh * price.input_microusd + usage.cached_tokens * price.cached_microusd + usage.output_tokens * price.output_microusd
    )
    return -(-total // _MILLION)


@lru_cache(maxsize=4096)
def _listed(model: str, given: int, made: int, cached: int) -> int | None:
    """Return the listed price, or None where the library does not know the model."""
    usage = PricedUsage(input_tokens=given, output_tokens=made, cache_read_tokens=cached)
    for provider, name in _references(model):
        try:
            price = genai_prices.calc_price(usage, model_ref=name, provider_id=provider)
        except LookupError:
            continue
        except ValueError:  # usage the list has no rule for, such as cached tokens
            return None
        return int((price.total_price * Decimal(_MILLION)).to_integral_value(ROUND_CEILING))
    return None


def _references(model: str) -> list[tuple[str | None, str]]:
    """Return the ways a model may be listed: as it is, or behind its routing prefix."""
    prefix, _, rest = model.partition("/")
    return [(None, model), (prefix, rest), (None, rest)] if rest else [(None, model)]
