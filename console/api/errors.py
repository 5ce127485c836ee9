"""The one table from error codes to HTTP statuses, and how an error becomes `application/problem+json` (RFC 9457)."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import structlog
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from approvals.wording import real, said
from audit.errors import CountersignError
from console import errors
from console.api.places import WITHIN, field
from console.api.reading import LIMIT

log = structlog.get_logger()

STATUS: Mapping[str, int] = {
    # who is asking
    "unauthenticated": 401,
    "sign_in_refused": 401,
    "reauthentication_required": 401,
    "forbidden": 403,
    "csrf_failed": 403,
    "not_yours": 403,
    "not_allowed": 403,
    "not_your_session": 403,
    "token_wider_than_caller": 403,
    # what there is not
    "not_found": 404,
    "approval_not_found": 404,
    "tool_not_found": 404,
    "unknown_account": 404,
    "unknown_agent": 404,
    "unknown_agent_revision": 404,
    "unknown_breaker": 404,
    "unknown_provider": 404,
    "unknown_budget": 404,
    "unknown_call": 404,
    "unknown_callback": 404,
    "unknown_case": 404,
    "unknown_content": 404,
    "unknown_cover": 404,
    "unknown_definition": 404,
    "unknown_entry": 404,
    "unknown_export": 404,
    "unknown_glass_use": 404,
    "unknown_grading_item": 404,
    "nothing_to_grade": 404,
    "unknown_hold": 404,
    "unknown_inlet": 404,
    "unknown_link": 404,
    "unknown_memory": 404,
    "unknown_person": 404,
    "unknown_plan": 404,
    "unknown_prompt": 404,
    "unknown_push": 404,
    "unknown_prompt_version": 404,
    "unknown_rerun": 404,
    "unknown_revision": 404,
    "unknown_rubric": 404,
    "unknown_run": 404,
    "unknown_schedule": 404,
    "unknown_session": 404,
    "unknown_stream": 404,
    "not_in_log": 404,
    "not_sealed": 404,
    "unknown_suite": 404,
    "unknown_tampering": 404,
    "unknown_token": 404,
    "unknown_turn": 404,
    "unknown_verification": 404,
    "unknown_view": 404,
    "method_not_allowed": 405,
    # somebody was faster, or it is not the time for it
    "already_acknowledged": 409,
    "already_claimed": 409,
    "already_decided": 409,
    "already_verifying": 409,
    "being_checked": 409,
    "below_gate": 409,
    "breaker_not_held": 409,
    "budget_exists": 409,
    "cannot_extend": 409,
    "case_exists": 409,
    "content_gone": 409,
    "content_held": 409,
    "decide_alone": 409,
    "export_ended": 409,
    "export_not_ready": 409,
    "grading_claimed": 409,
    "illegal_move": 409,
    "inlet_paused": 409,
    "no_finding": 409,
    "not_consumable": 409,
    "not_dead": 409,
    "not_gradable": 409,
    "not_stuck": 409,
    "not_pending": 409,
    "not_revealed": 409,
    "not_released": 409,
    "nothing_asked": 409,
    "nothing_before": 409,
    "nothing_refused": 409,
    "nothing_withheld": 409,
    "nothing_to_drill": 409,
    "nothing_to_reveal": 409,
    "nothing_stands": 409,
    "nothing_to_undo": 409,
    "prompt_exists": 409,
    "rehearsal_interrupted": 409,
    "request_in_progress": 409,
    "rerun_ended": 409,
    "run_ended": 409,
    "session_ended": 409,
    "sessions_open": 409,
    "stale_budget": 409,
    "stale_case": 409,
    "stale_inlet": 409,
    "stale_schedule": 409,
    "stale_digest": 409,
    "too_soon": 409,
    "stale_agent": 409,
    "stale_grading_rule": 409,
    "stale_policy": 409,
    "stale_preview": 409,
    "stale_release": 409,
    "stale_retention": 409,
    "stale_rubric": 409,
    "stale_setting": 409,
    "stale_state": 409,
    "stale_suite": 409,
    "stopped": 409,
    "stream_closed": 409,
    "suite_exists": 409,
    "too_many_budgets": 409,
    "too_many_claims": 409,
    "too_many_holds": 409,
    "too_many_views": 409,
    "wrong_stage": 409,
    "wrong_state": 409,
    "expired": 410,
    "export_gone": 410,
    "link_expired": 410,
    # what was sent
    "too_large": 413,
    "unsupported_media_type": 415,
    "range_not_satisfiable": 416,
    "cannot_cover": 422,
    "chat_refused": 422,
    "edit_refused": 422,
    "idempotency_conflict": 422,
    "idempotency_key_reused": 422,
    "invalid_agent": 422,
    "invalid_arguments": 422,
    "invalid_case": 422,
    "invalid_checkpoint": 422,
    "invalid_cosignature": 422,
    "invalid_cursor": 422,
    "invalid_entry": 422,
    "invalid_idempotency_key": 422,
    "invalid_input": 422,
    "invalid_json": 422,
    "invalid_limit": 422,
    "invalid_policy": 422,
    "invalid_export": 422,
    "invalid_grade": 422,
    "invalid_guards": 422,
    "invalid_prompt": 422,
    "invalid_push": 422,
    "invalid_request": 422,
    "invalid_retention": 422,
    "invalid_rubric": 422,
    "invalid_verdict": 422,
    "invalid_view": 422,
    "service_never_decides": 422,
    "unknown_scope": 422,
    "unknown_task_type": 422,
    "budget_spent": 429,
    "inlet_full": 429,
    "queue_full": 429,
    "too_many_exports": 429,
    "too_many_requests": 429,
    # ours
    "internal": 500,
    "unavailable": 503,
}


def status_of(error: CountersignError) -> int:
    """Return the HTTP status; 500 for an error that is not meant to reach anybody."""
    return STATUS.get(error.code, 500)


def problem(error: CountersignError) -> HttpResponse:
    """Return the answer that tells the error."""
    status = status_of(error)
    if status == HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(error, errors.Internal):
        log.error("api.unmapped_error", code=error.code)
        error = errors.Internal()
    answer = HttpResponse(json.dumps(told(error), ensure_ascii=False), status=status, content_type="application/problem+json")
    for name, value in _headers(error, status).items():
        answer.headers[name] = value
    return answer


def told(error: CountersignError) -> dict[str, Any]:
    """Return the members of the problem that tells the error."""
    status = status_of(error)
    return {
        "type": f"/api/v1/docs#{error.code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": error.detail,
        "code": error.code,
        **_members(error),
    }


def _members(error: CountersignError) -> dict[str, Any]:
    found, within = error.facts.get("errors"), WITHIN.get(error.code, ())
    if found is None and "field" in error.facts:
        within, found = within or ("body",), [{"loc": [str(error.facts["field"])], "msg": error.detail}]
    members: dict[str, Any] = {"errors": [field(one, within) for one in found]} if isinstance(found, list) else {}
    if error.code == "already_decided":
        at = error.facts.get("decided_at")
        members["decision"] = {
            "verdict": error.facts.get("verdict", ""),
            "by": error.facts.get("decided_name", ""),
            "at": at.astimezone(UTC).isoformat().replace("+00:00", "Z") if isinstance(at, datetime) else None,
        }
    return members


def _headers(error: CountersignError, status: int) -> dict[str, str]:
    if status == HTTPStatus.UNAUTHORIZED:
        return {"WWW-Authenticate": 'Bearer realm="Countersign"'}
    if isinstance(error, errors.MethodNotAllowed):
        return {"Allow": error.allowed}
    if status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
        return {"Retry-After": str(error.facts.get("retry_after_s", 5))}
    return {"Content-Range": f"bytes */{error.size}"} if isinstance(error, errors.RangeNotSatisfiable) else {}


def translate(error: Exception) -> CountersignError:
    """Return the project's own error for whatever was raised on the way."""
    if isinstance(error, CountersignError):
        return error
    if isinstance(error, HttpError) and isinstance(error.__cause__, Exception):
        return translate(error.__cause__)  # the framework wraps what the body's parser raised
    return _known(error) or _unknown(error)


def _known(error: Exception) -> CountersignError | None:
    match error:
        case ValidationError():
            return _invalid(error.errors)
        case AuthenticationError():
            return errors.Unauthenticated()
        case Http404():
            return errors.NotFound()
        case RequestDataTooBig():
            return errors.TooLarge(limit=LIMIT)
        case _:
            return None


def _invalid(found: Sequence[Mapping[str, Any]]) -> CountersignError:
    """Return the error for what the framework found wrong; of a body it names our parameter, which no program knows."""
    wrong = real(found)
    told = "1 wrong or missing value" if len(wrong) == 1 else f"{len(wrong)} wrong or missing values"
    return errors.InvalidInput(told=told, errors=[{"loc": _outside(one["loc"]), "msg": said(one)} for one in wrong[:100]])


def _outside(place: Sequence[str | int]) -> Sequence[str | int]:
    return (place[0], *place[2:]) if place[0] == "body" else place


def _unknown(error: Exception) -> CountersignError:
    if isinstance(error, OperationalError | InterfaceError):
        log.error("api.database", error=type(error).__name__)
        return errors.Unavailable()
    log.error("api.failed", exc_info=error)
    return errors.Internal()


def install(api: NinjaAPI) -> None:
    """Make the API answer every exception by this table."""

    def handle(request: HttpRequest, error: Exception | type[Exception]) -> HttpResponse:
        return problem(translate(error if isinstance(error, Exception) else error()))

    for kind in (Exception, CountersignError, HttpError, AuthenticationError, ValidationError, Http404):
        api.add_exception_handler(kind, handle)
