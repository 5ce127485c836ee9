"""What an answer costs (GUARD-4)."""

from decimal import Decimal

import genai_prices
import pytest
from pytest_django import Settings

from agents.llm.pricing import cost, cost_microusd
from agents.llm.provider import Usage


def test_a_listed_model_costs_what_the_list_says() -> None:
    usage = Usage(1000, 100, cached_tokens=200)
    listed = genai_prices.calc_price(
        genai_prices.Usage(input_tokens=1000, output_tokens=100, cache_read_tokens=200), model_ref="gpt-4o"
    )
    assert Decimal(cost("gpt-4o", usage).microusd) == listed.total_price * 1_000_000
    assert cost("gpt-4o", usage).known


def test_a_routing_prefix_does_not_hide_a_model() -> None:
    usage = Usage(1000, 100)
    assert cost("openai/gpt-4o", usage) == cost("gpt-4o", usage)


def test_an_unknown_model_costs_the_configured_price_and_is_marked(settings: Settings) -> None:
    """GUARD-4: never nothing."""
    settings.UNKNOWN_MODEL_INPUT_MICROUSD_PER_MTOK = 10_000_000
    settings.UNKNOWN_MODEL_OUTPUT_MICROUSD_PER_MTOK = 30_000_000
    result = cost("nobody-knows-this", Usage(1000, 100, cached_tokens=500))
    assert (result.microusd, result.known) == (10_000 + 3_000, False)


@pytest.mark.parametrize("model", ["scripted-1", "scripted-mini", "scripted-gullible"])
def test_the_scripted_models_have_small_visible_prices(model: str) -> None:
    assert 0 < cost_microusd(model, Usage(1000, 100)) < 10_000


def test_a_cost_is_rounded_up_to_a_whole_microdollar() -> None:
    assert cost_microusd("scripted-mini", Usage(1, 0)) == 1
    assert cost_microusd("scripted-mini", Usage(0, 0)) == 0
    assert cost_microusd("gpt-4o-mini", Usage(1, 0)) == 1


def test_cached_tokens_are_cheaper() -> None:
    assert cost_microusd("scripted-1", Usage(10_000, 0, cached_tokens=9_000)) < cost_microusd("scripted-1", Usage(10_000, 0))
