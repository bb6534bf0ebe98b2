# SPDX-License-Identifier: Apache-2.0
"""The OpenAPI page hangs together and has what the contract has.

There is no validator of OpenAPI 3.1 in Debian 12; what matters of one is
here."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import yaml

from schemas import SCHEMAS, Validator, load, schema_accepts

PAGE = SCHEMAS / "openapi.yaml"

# Contract 3.2, 3.3 and 4.
ANSWERS = {
    ("/v1/inventory", "get"): {200, 304, 401, 403, 404, 410, 429, 501, 503},
    ("/v1/events", "post"): {202, 204, 400, 401, 413, 415, 422, 429, 503},
    ("/v1/events", "options"): {200, 400},
    ("/healthz", "get"): {200},
    ("/readyz", "get"): {200, 503},
    ("/metrics", "get"): {200},
}

# What each object of the page has to have and may have besides.
SHAPES = {
    "operation": ({"responses", "tags", "operationId", "summary"},
                  {"description", "parameters", "requestBody", "security"}),
    "parameter": ({"name", "in", "schema"},
                  {"description", "required", "example"}),
    "header": ({"schema"}, {"description"}),
    "response": ({"description"}, {"headers", "content"}),
    "media": ({"schema"}, {"example", "examples"}),
}


@pytest.fixture(scope="module", name="page")
def _page() -> dict:
    return yaml.safe_load(PAGE.read_text())


def resolve(page: dict, reference: str) -> object:
    """What a $ref leads to."""
    file, _, pointer = reference.partition("#")
    at = load(SCHEMAS / file) if file else page
    for name in pointer.split("/")[1:]:
        at = at[name]
    return at


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for inner in node.values():
            yield from references(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from references(inner)


def followed(page: dict, node: dict) -> dict:
    return resolve(page, node["$ref"]) if "$ref" in node else node


def operations(page: dict) -> Iterator[tuple[str, str, dict]]:
    for path, methods in page["paths"].items():
        for method, operation in methods.items():
            if method != "servers":
                yield path, method, operation


def responses(page: dict) -> Iterator[dict]:
    for _, _, operation in operations(page):
        for response in operation["responses"].values():
            yield followed(page, response)


def media(page: dict) -> Iterator[dict]:
    for _, _, operation in operations(page):
        yield from operation.get("requestBody", {}).get("content",
                                                        {}).values()
    for response in responses(page):
        yield from response.get("content", {}).values()


def headers(page: dict) -> Iterator[dict]:
    for response in responses(page):
        for header in response.get("headers", {}).values():
            yield followed(page, header)


def parameters(page: dict) -> Iterator[dict]:
    for _, _, operation in operations(page):
        yield from operation.get("parameters", [])


def has_shape(node: dict, shape: str) -> bool:
    required, optional = SHAPES[shape]
    return required <= node.keys() <= required | optional


def test_references(page: dict) -> None:
    found = [*references(page)]
    assert len(found) > 30
    for path in SCHEMAS.glob("*.schema.json"):
        schema = load(path)
        for reference in references(schema):
            resolve(schema, reference)
    for reference in found:
        resolve(page, reference)


def test_paths_and_answers(page: dict) -> None:
    assert {(path, method): {int(status) for status in operation["responses"]}
            for path, method, operation in operations(page)} == ANSWERS


def test_shapes(page: dict) -> None:
    assert page["openapi"].startswith("3.1.")
    assert {"title", "version"} <= page["info"].keys()
    tags = {tag["name"] for tag in page["tags"]}
    names = []
    for _, _, operation in operations(page):
        assert has_shape(operation, "operation"), operation["summary"]
        assert set(operation["tags"]) <= tags
        names.append(operation["operationId"])
    assert len(names) == len(set(names))
    for shape, nodes in (("parameter", parameters), ("header", headers),
                         ("response", responses), ("media", media)):
        for node in nodes(page):
            assert has_shape(node, shape), node
    for parameter in parameters(page):
        assert parameter["in"] in ("query", "header")


def test_problems(page: dict) -> None:
    """All that vtepd refuses it explains."""
    for path, _, operation in operations(page):
        for status, response in operation["responses"].items():
            if path != "/v1/inventory" and int(status) >= 400:
                assert [*followed(page, response)["content"]] == [
                    "application/problem+json"]


def accepted(page: dict, schema: dict, example: object) -> bool:
    if "$ref" in schema and not schema["$ref"].startswith("#"):
        return schema_accepts(schema["$ref"], example)
    if "$ref" in schema:
        return accepted(page, resolve(page, schema["$ref"]), example)
    if "anyOf" in schema:
        return any(accepted(page, one, example) for one in schema["anyOf"])
    return Validator(schema).is_valid(example)


def test_examples(page: dict) -> None:
    n = 0
    for node in [*media(page), *parameters(page)]:
        examples = [one["value"] for one in node.get("examples",
                                                     {}).values()]
        if "example" in node:
            examples.append(node["example"])
        for example in examples:
            assert accepted(page, node["schema"], example), json.dumps(example)
            n += 1
    assert n >= 15


def test_schemas_within(page: dict) -> None:
    for node in [*media(page), *parameters(page), *headers(page)]:
        Validator.check_schema(node["schema"])
    for schema in page["components"]["schemas"].values():
        Validator.check_schema(schema)
