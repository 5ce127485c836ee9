"""Reports of browsers that a page broke its own content security policy. Counted and logged, never stored."""

import json
from collections import Counter
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from console.rights import Right
from console.views.guard import guard

LARGEST = 16 * 1024
SHOWN = 200
KNOWN = frozenset(
    {
        "base-uri", "connect-src", "default-src", "font-src", "form-action", "frame-ancestors", "img-src", "manifest-src",
        "object-src", "script-src", "script-src-elem", "script-src-attr", "style-src", "style-src-elem", "style-src-attr",
    }
)  # fmt: skip
counted: Counter[str] = Counter()
"""Reports of this process by directive; the names are bounded, because strangers send them."""
log = structlog.get_logger()


@csrf_exempt  # browsers send these without cookies or tokens; nothing is changed by one
@require_POST
@guard(Right.PUBLIC)
def csp_report(request: HttpRequest) -> HttpResponse:
    """Count and log one report; whatever cannot be read is dropped without an answer that says so."""
    report = _report(request.body[: LARGEST + 1])
    if report:
        named = str(report.get("effective-directive") or report.get("violated-directive", "")).split(" ")[0]
        directive = named if named in KNOWN else "other"
        counted[directive] += 1
        log.warning("csp.violation", directive=directive, blocked=str(report.get("blocked-uri", ""))[:SHOWN],
                    page=str(report.get("document-uri", ""))[:SHOWN])  # fmt: skip
    return HttpResponse(status=204)


def _report(body: bytes) -> dict[str, Any]:
    if len(body) > LARGEST:
        return {}
    try:
        sent = json.loads(body)
    except ValueError:
        return {}
    report = sent.get("csp-report") if isinstance(sent, dict) else None
    return report if isinstance(report, dict) else {}
