# SPDX-License-Identifier: Apache-2.0
"""The schemas in schema/, and what they accept."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import jsonschema

TOP = Path(__file__).resolve().parents[2]
SCHEMAS = TOP / "schema"


def load(path: Path) -> dict:
    return json.loads(path.read_text())


def pattern(_: object, regex: str, value: object, __: object
            ) -> Iterator[jsonschema.ValidationError]:
    """As ECMA 262 has it: there "$" is the very end, in Python it may also
    stand before a last line feed."""
    ecma = re.sub(r"\$(?=$|[|)])", r"\\Z", regex)
    if isinstance(value, str) and not re.search(ecma, value):
        yield jsonschema.ValidationError(f"{value!r} is not like {regex}")


Validator = jsonschema.validators.extend(jsonschema.Draft202012Validator,
                                         {"pattern": pattern})


def schema_accepts(reference: str, value: object) -> bool:
    """'reference': a file in schema/, with a JSON Pointer after '#'."""
    if reference not in _validators:
        _validators[reference] = Validator(
            {"$ref": reference}, resolver=_resolver(),
            format_checker=jsonschema.FormatChecker())
    return _validators[reference].is_valid(value)


def _resolver() -> jsonschema.RefResolver:
    """Finds the schemas, without "$schema", for which jsonschema would take
    its own validator again."""
    store = {}
    for path in SCHEMAS.glob("*.schema.json"):
        store[path.as_uri()] = schema = load(path)
        del schema["$schema"]
    return jsonschema.RefResolver(SCHEMAS.as_uri() + "/", {}, store)


_validators: dict[str, jsonschema.protocols.Validator] = {}
