"""Every answer carries the headers that keep a browser on our side."""

import pytest
from django.test import Client


@pytest.mark.django_db
def test_every_answer_has_the_security_headers(client: Client) -> None:
    """THREATS 43 to 47: no foreign script, frame, type or referrer; no cache keeps a page."""
    headers = client.get("/readyz").headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "base-uri 'none'" in policy
    assert "report-uri /csp-report/" in policy
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.django_db
def test_a_foreign_host_name_is_refused(client: Client) -> None:
    """A page is not served under a name that somebody else controls (DNS rebinding)."""
    assert client.get("/readyz", headers={"host": "evil.example"}).status_code == 400
