"""The API's own description: the OpenAPI document, and a page that shows it without any script."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from console.api.errors import STATUS
from console.api.root import api
from console.auth import allow
from console.rights import SCOPES, Right

PREFIX = "api/v1/"


@lru_cache(maxsize=1)
def document() -> dict[str, Any]:
    """Return the OpenAPI document; refusals are declared as application/problem+json."""
    schema: dict[str, Any] = dict(api.get_openapi_schema(path_prefix=PREFIX))
    for operation in _operations(schema):
        for status, answer in operation["responses"].items():
            content = answer.get("content", {})
            if int(status) >= 400 and "application/json" in content:
                answer["content"] = {"application/problem+json": content["application/json"]}
        operation["responses"] = {str(status): answer for status, answer in operation["responses"].items()}
    return schema


def _operations(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for methods in schema["paths"].values():
        yield from methods.values()


@require_safe
def openapi(request: HttpRequest) -> HttpResponse:
    """Answer with the OpenAPI document."""
    return JsonResponse(document())


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """Show the document as a page."""
    schema = document()
    operations = [
        {"method": method.upper(), "path": path, **_row(operation)}
        for path, methods in sorted(schema["paths"].items())
        for method, operation in methods.items()
    ]
    shapes = [_shape(name, shape) for name, shape in sorted(schema["components"]["schemas"].items())]
    problems = sorted(STATUS.items(), key=lambda item: (item[1], item[0]))
    context = {"operations": operations, "shapes": shapes, "problems": problems, "scopes": SCOPES, "info": schema["info"]}
    return render(request, "api/docs.html", context)


def _row(operation: dict[str, Any]) -> dict[str, Any]:
    content = operation.get("requestBody", {}).get("content", {})
    body = content["application/json"]["schema"] if content else None
    return {
        "id": operation["operationId"],
        "description": operation.get("description", operation["summary"]),
        "right": operation["x-right"],
        "scope": operation["x-scope"],
        "parameters": operation["parameters"],
        "body": _name(body) if body else "",
        "answers": [(status, answer["description"]) for status, answer in sorted(operation["responses"].items())],
    }


def _shape(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    members = [(member, part.get("type", "")) for member, part in schema.get("properties", {}).items()]
    return {"name": name, "description": schema.get("description", ""), "members": members}


def _name(schema: dict[str, Any]) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2] or "an object"


openapi = allow(openapi, Right.PUBLIC)
docs = allow(docs, Right.PUBLIC)
