"""Tools that reach the web: fetch a page, search. What comes back is content of strangers; what is asked leaves the house."""

from typing import Any

import httpx2
from django.conf import settings
from pydantic import BaseModel, ConfigDict, Field

from agents.tools.context import ToolContext
from agents.tools.errors import ApiError, NotServed, Unavailable
from agents.tools.fetch import fetch
from agents.tools.registry import tool
from agents.tools.results import beginning

PAGE = 9_000


class Fetch(BaseModel):
    """Which page, and from where."""

    model_config = ConfigDict(extra="forbid")
    url: str = Field(min_length=8, max_length=2_000, description="A public http or https address.")
    offset: int = Field(default=0, ge=0, le=2_000_000, description="Character to start at, for the rest of a long page.")


class WebSearch(BaseModel):
    """What to look for on the web."""

    model_config = ConfigDict(extra="forbid")
    query: str = Field(min_length=1, max_length=300)
    limit: int = Field(default=5, ge=1, le=15)


@tool(
    tier="read_only",
    scopes=["web:fetch"],
    egress=True,
    untrusted=True,
    timeout_s=30,
    concurrency=8,
    rate_per_minute=120,
    own_service=False,
    summary="Fetch {url} from the web",
)
async def fetch_url(args: Fetch, context: ToolContext) -> dict[str, Any]:
    """Fetch a public page and return its text, a long one part by part."""
    page = await fetch(args.url)
    text = page.text[args.offset : args.offset + PAGE]
    context.mark_untrusted(source="web", title=page.title, ref=page.url, quote=text)
    told = {"url": page.url, "title": page.title, "content_type": page.content_type, "text": text}
    end = args.offset + len(text)
    return {**told, "next_offset": end, "length": len(page.text)} if end < len(page.text) else told


@tool(
    tier="read_only",
    scopes=["web:search"],
    egress=True,
    untrusted=True,
    timeout_s=20,
    concurrency=4,
    rate_per_minute=60,
    summary="Search the web for “{query}”",
)
async def web_search(args: WebSearch, context: ToolContext) -> dict[str, Any]:
    """Search the web and return titles, addresses and short extracts."""
    if not settings.SEARCH_URL:
        raise NotServed("No web search is configured here.", hint="Use the document library, or say that you could not search.")
    found = await _ask(args.query)
    results = [
        {
            "title": str(hit.get("title", "")),
            "url": str(hit.get("url", "")),
            "snippet": beginning(str(hit.get("content", "")), 600),
        }
        for hit in found[: args.limit]
        if isinstance(hit, dict)
    ]
    for result in results:
        context.mark_untrusted(source="web", title=result["title"], ref=result["url"], quote=result["snippet"])
    return {"results": results, "found": len(found)}


async def _ask(query: str) -> list[Any]:
    """Ask the SearXNG-compatible provider; its address is the operator's own, so it may lie inside the house."""
    address = settings.SEARCH_URL.rstrip("/")
    try:
        async with httpx2.AsyncClient(timeout=15, trust_env=False) as client:
            answer = await client.get(f"{address}/search", params={"q": query, "format": "json"})
            answer.raise_for_status()
            results = answer.json().get("results")
    except httpx2.HTTPStatusError as error:
        # Its own failure counts for the breaker; a question that it does not take says nothing of the next one.
        told = Unavailable if error.response.status_code >= 500 else ApiError
        raise told(f"The search provider answered {error.response.status_code}.") from error
    except httpx2.HTTPError as error:
        raise Unavailable("The search provider cannot be reached.", hint="Use the document library instead.") from error
    except (ValueError, AttributeError) as error:
        raise ApiError("The search provider's answer is not JSON.") from error
    return results if isinstance(results, list) else []
