"""The description of the API, docs/openapi.yaml, as data."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema_rs
from openapi_spec_validator.readers import read_from_filename

from tests.server import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


def read() -> dict[str, Any]:
    """The description; nothing in it is shared, so that a test may change its own."""
    found, _ = read_from_filename(str(ROOT / "docs/openapi.yaml"))
    description: dict[str, Any] = json.loads(json.dumps(found))
    return description


DESCRIPTION = read()


def resolved(node: Any) -> Any:
    """What a reference leads to; anything else as it is."""
    while isinstance(node, dict) and isinstance(node.get("$ref"), str) and len(node) == 1:
        found: Any = DESCRIPTION
        for name in node["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        node = found
    return node


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The method, path and operation of each."""
    for path, item in DESCRIPTION["paths"].items():
        for method in METHODS:
            if method in item:
                yield method.upper(), path, item[method]


def parameters(path: str, operation: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """All parameters of an operation, by name."""
    found = [*DESCRIPTION["paths"][path].get("parameters", []), *operation.get("parameters", [])]
    return {resolved(one)["name"]: resolved(one) for one in found}


def validator(schema: Any) -> jsonschema_rs.Draft202012Validator:
    """Holds values against a schema of the description."""
    return jsonschema_rs.Draft202012Validator(
        {"allOf": [schema], "components": DESCRIPTION["components"]}, validate_formats=True
    )


def named(name: str) -> jsonschema_rs.Draft202012Validator:
    """Holds values against a schema that has a name."""
    return validator({"$ref": f"#/components/schemas/{name}"})


def examples(holder: dict[str, Any]) -> dict[str, Any]:
    """The examples of a parameter, a header, or the content of a body, by name."""
    found = {name: one["value"] for name, one in holder.get("examples", {}).items()}
    return {**found, "": holder["example"]} if "example" in holder else found


def media(body: dict[str, Any]) -> dict[str, Any]:
    """The one content that a request or an answer may have; empty where it has none."""
    ((_, found),) = resolved(body).get("content", {"": {}}).items()
    content: dict[str, Any] = found
    return content
