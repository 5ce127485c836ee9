"""Every page of the console renders from its documented context, with nothing in it that a page must not have."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.template.loader import get_template, render_to_string
from django.test import RequestFactory

from tests.console import samples

ROOT = Path(__file__).resolve().parents[2]
ATTACK = '<img src=x onerror="alert(1)">\u202e{{ 7|add:7 }}{% now "Y" %}'
FRAGMENTS = {
    "approvals/page.html": ("queue", "detail", "counts"),
    "sessions/list.html": ("list",),
    "sessions/page.html": ("session",),
    "audit/list.html": ("entries",),
    "audit/sessions.html": ("list",),
    "glass/page.html": ("banner",),
    "stop/page.html": ("banner", "past"),
}
WHOLE = [name for name in samples.PAGES if name not in {"403", "404", "405", "500", "sign-in"}]
# What the product writes itself: names of looks, addresses and ids that views make from stored keys.
OURS = frozenset(
    [
        "url",
        "undo_url",
        "href",
        "stream_url",
        "agent_url",
        "status",
        "tone",
        "icon",
        "bar",
        "kind",
        "tier",
        "tiers",
        "verdict",
        "ref",
        "id",
        "x",
        "width",
        "view",
        "tab",
        "mode",
        "state",
        "nav",
        "theme",
        "lede",
        "older",
        "newer",
        "key",
        "more_url",
        "previous_url",
        "next_url",
        "events_older",
        "name",
        "digest",
        "days",
        "expires_at",
    ]
)


def request_of(path: str = "/approvals/") -> HttpRequest:
    """Make a request as the middleware leaves it."""
    request = RequestFactory().get(path)
    request.csp_nonce = "bm9uY2U"  # type: ignore[attr-defined]  # set by the policy's middleware
    request.user = AnonymousUser()
    return request


def html_of(name: str) -> str:
    """Render a sample page."""
    template, context = samples.PAGES[name]
    return render_to_string(template, context, request_of())


class Reader(HTMLParser):
    """Collects tags, attributes and POST forms of a page, and complains about ids that stand twice."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.forms: list[list[str]] = []
        self._names: list[str] | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag, and the names inside a form that posts."""
        given = dict(attrs)
        self.tags.append((tag, given))
        if tag == "form" and given.get("method") == "post":
            self._names = []
            self.forms.append(self._names)
        elif self._names is not None and given.get("name"):
            self._names.append(str(given["name"]))

    def handle_endtag(self, tag: str) -> None:
        """Leave a form."""
        if tag == "form":
            self._names = None

    def count(self, tag: str) -> int:
        """Count the tags of a name."""
        return sum(found == tag for found, _ in self.tags)

    def values(self, attribute: str) -> list[str]:
        """Give all values of an attribute."""
        return [str(attrs[attribute]) for _, attrs in self.tags if attribute in attrs]


@pytest.mark.parametrize("name", samples.PAGES)
def test_page_has_one_heading_and_nothing_inline(name: str) -> None:
    """One h1, no inline style, script or handler, no id twice (THREATS 31)."""
    page = Reader(html_of(name))
    assert page.count("h1") == 1
    assert page.count("style") == 0
    assert not page.values("style")
    assert not [attribute for _, attrs in page.tags for attribute in attrs if attribute.startswith("on")]
    assert all(attrs.get("src") for tag, attrs in page.tags if tag == "script")
    ids = page.values("id")
    assert sorted(set(ids)) == sorted(ids)


@pytest.mark.parametrize("name", WHOLE)
def test_every_form_that_posts_carries_the_token(name: str) -> None:
    """No button of the console works from another site (THREATS 43)."""
    forms = Reader(html_of(name)).forms
    assert forms
    assert all("csrfmiddlewaretoken" in names for names in forms)


def test_every_decision_carries_what_was_shown() -> None:
    """Each verdict sends the digest, revision and idempotency key of the request on display (THREATS 2, 16)."""
    for name in ("approval", "approval-question", "approval-unknown", "edit"):
        deciding = [names for names in Reader(html_of(name)).forms if "digest" in names]
        assert deciding
        assert all({"digest", "revision", "idempotency_key"} <= set(names) for names in deciding)


def test_nothing_decides_by_a_link() -> None:
    """A link never decides: only forms that post do (THREATS 53)."""
    hrefs = Reader(html_of("approval")).values("href")
    assert not [href for href in hrefs if re.search(r"/(approve|reject|answer|extend|happened|run_again|give_up|undo)/", href)]


@pytest.mark.parametrize(("template", "fragment"), [(t, f) for t, names in FRAGMENTS.items() for f in names])
def test_fragment_renders_alone_and_needs_no_nonce(template: str, fragment: str) -> None:
    """A fragment carries its revision and no hx- attribute that acts, so it can be shared between viewers."""
    context = next(context for path, context in samples.PAGES.values() if path == template)
    html = render_to_string(f"{template}#{fragment}", context, request_of())
    page = Reader(html)
    assert "<html" not in html
    if fragment != "counts":
        assert page.values("data-rev")[0] == "48213"
    acting = {"hx-get", "hx-post", "hx-put", "hx-delete", "hx-trigger", "hx-on", "hx-vals"}
    assert not [attribute for _, attrs in page.tags for attribute in attrs if attribute in acting]
    assert "nonce" not in html


def attacked(value: Any, key: str = "") -> Any:
    """Put an attack into every text that agents, customers, tools or people could have written."""
    if isinstance(value, dict):
        return {name: attacked(inner, name) for name, inner in value.items() if name != "csrf_token"} | {"csrf_token": "t" * 32}
    if isinstance(value, (list, tuple)) and key not in OURS:
        return [attacked(inner, key) for inner in value]
    return ATTACK if isinstance(value, str) and value and key not in OURS and not value.startswith("{") else value


@pytest.mark.parametrize("name", [name for name in samples.PAGES if name not in {"prompt-diff", "edit", "styleguide"}])
def test_no_text_becomes_markup(name: str) -> None:
    """Whatever stands in a name, argument, result, instruction or title is shown as text (THREATS 31, 52)."""
    template, context = samples.PAGES[name]
    html = render_to_string(template, attacked(context), request_of())
    assert "<img" not in html
    assert "14" not in re.findall(r"\u202e(\d+)", html)
    assert "{{ 7|add:7 }}" in html or name in {"403", "404", "405", "500", "sign-in", "approvals-empty"} or "&lt;img" in html


@pytest.mark.parametrize(
    "name", ["approval", "approval-json", "approval-question", "session", "session-done", "mail-message", "entry"]
)
def test_hidden_characters_of_untrusted_text_are_marked(name: str) -> None:
    """Bidirectional controls in what an agent or a customer wrote are visible marks (THREATS 33, 34)."""
    template, context = samples.PAGES[name]
    assert "⟦U+202E⟧" in render_to_string(template, attacked(context), request_of())


def test_arguments_are_shown_whole() -> None:
    """A long value is folded, never cut: its last words are on the page (THREATS 36, 37)."""
    long = "x" * 9000 + "THE-END"
    item = samples.request(arguments=[{"name": "body", "value": long, "origin": {"label": "Model"}, "checks": []}])
    html = render_to_string("approvals/page.html", samples.approvals(item=item), request_of())
    assert "THE-END" in html


def test_who_may_not_decide_has_no_buttons() -> None:
    """Where the server gives no verdict there is a sentence instead of a bar of buttons."""
    html = html_of("approval-refused")
    assert "You started this session. Rosa can decide." in html
    assert not [names for names in Reader(html).forms if "digest" in names]


def test_approve_is_never_filled_when_something_is_wrong() -> None:
    """Approve is the filled button only when nothing is wrong, and names the problem otherwise."""
    assert 'class="btn primary" data-key="a"' not in html_of("approval")
    assert 'Approve<span class="opt"> despite untrusted content' in html_of("approval")
    clean = samples.approvals(bar={**samples.BAR, "clean": True, "note": ""})
    assert 'class="btn primary" data-key="a"' in render_to_string("approvals/page.html", clean, request_of())


@pytest.mark.parametrize("path", sorted((ROOT / "templates").rglob("*.html")), ids=lambda path: path.name)
def test_every_template_compiles(path: Path) -> None:
    """No template has a tag or filter that does not exist."""
    get_template(str(path.relative_to(ROOT / "templates")))


def test_every_icon_is_in_the_sprite() -> None:
    """An icon that is used is one that was vendored."""
    sprite = (ROOT / "static" / "vendor" / "lucide-1.62.0" / "sprite.svg").read_text()
    have = set(re.findall(r'id="i-([a-z0-9-]+)"', sprite))
    used = {
        icon
        for path in (ROOT / "templates").rglob("*.html")
        for icon in re.findall(r'{% icon "([a-z0-9-]+)"', path.read_text())
    }
    looks = set(re.findall(r'Look\("[^"]+", "([a-z0-9-]+)"', (ROOT / "console" / "templatetags" / "ui.py").read_text()))
    assert used | looks <= have


def test_what_was_not_given_before_does_not_read_as_null() -> None:
    """APPR-2: a default that was filled in, and a value that was taken out, are told as such."""
    changes = [
        {"path": "cc", "before": None, "after": [], "added": True},
        {"path": "bcc", "before": "a\u200bb", "after": None, "removed": True},
        {"path": "amount", "before": None, "after": 7},
    ]
    html = render_to_string("approvals/_changes.html", {"changes": changes})
    assert '<span class="dim">not given</span> <ins>[]</ins>' in html
    assert "⟦U+200B⟧" in html
    assert "taken out" in html
    assert html.count("null") == 1
