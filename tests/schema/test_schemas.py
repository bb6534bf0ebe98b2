# SPDX-License-Identifier: Apache-2.0
"""What the schemas accept and what vtepd's decoders accept is the same."""

from __future__ import annotations

import copy
import json
import os
import subprocess
from collections.abc import Iterator

import pytest

from schemas import SCHEMAS, TOP, Validator, load, schema_accepts

KINDS = ("host", "segment", "router", "endpoint")


def cases(name: str) -> list[dict]:
    return load(TOP / "tests" / "data" / name)["cases"]


class Decoders:
    """tests/schema/verdict.c, running."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [os.environ.get("VERDICT",
                            str(TOP / "build/tests/schema/verdict"))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def judge(self, form: str, value: object, kind_of_event: str = "-"
              ) -> tuple[bool, str, str]:
        """Is it accepted, else where and why not?"""
        text = json.dumps(value).encode()
        self._process.stdin.write(b"%s %s %d\n%s" % (
            form.encode(), kind_of_event.encode(), len(text), text))
        self._process.stdin.flush()
        line = self._process.stdout.readline().decode().rstrip("\n")
        verdict, _, rest = line.partition("\t")
        assert verdict in ("accept", "refuse"), line
        where, _, why = rest.partition("\t")
        return verdict == "accept", where, why

    def end(self) -> None:
        self._process.stdin.close()
        assert self._process.wait(10) == 0


@pytest.fixture(scope="module")
def decoders() -> Iterator[Decoders]:
    made = Decoders()
    yield made
    made.end()


def disagreement(reference: str, value: object, accepted: bool,
                 beyond: str | None = None) -> str:
    """What is wrong if the schema does not say what the decoder says.  What
    is beyond the schema it has to accept, or it is not beyond it."""
    by_schema = schema_accepts(reference, value)
    wanted = accepted or beyond is not None
    if by_schema == wanted:
        return ""
    return (f"{json.dumps(value)[:300]}: {reference} "
            f"{'accepts' if by_schema else 'refuses'} it, the decoder does"
            " not")


# Objects, in all the forms in which they come.

def is_known(value: object) -> bool:
    return isinstance(value, dict) and value.get("kind") in KINDS


def judge_object(decoders: Decoders, value: object) -> list[str]:
    """Returns what the forms disagree on: [] or the verdicts."""
    verdicts = {
        "list": decoders.judge("list", {"version": "1", "items": [value]}),
        "watch": decoders.judge("watch", {"type": "put", "object": value})}
    if is_known(value):
        type_ = f"a.{value['kind']}.put"
        verdicts["data"] = decoders.judge("data", value, type_)
        verdicts["standard"] = decoders.judge(
            "standard", {"type": type_, "data": value})
        verdicts["cloudevent"] = decoders.judge("cloudevent", {
            "specversion": "1.0", "id": "1", "source": "/", "type": type_,
            "data": value})
    return ([] if len({accepted for accepted, _, _ in verdicts.values()}) == 1
            else [f"{form}: {verdict}" for form, verdict in verdicts.items()])


def test_objects(decoders: Decoders) -> None:
    wrong = []
    for case in cases("objects.json"):
        value, at, beyond = case["object"], case.get("at"), case.get("beyond")
        accepted, _, why = decoders.judge(
            "list", {"version": "1", "items": [value]})
        if accepted != (at is None):
            wrong.append(f"{json.dumps(value)[:300]}: {accepted} {why}")
        if is_known(value):
            _, where, _ = decoders.judge("data", value,
                                         f"a.{value['kind']}.put")
            if at is not None and where != at:
                wrong.append(f"{json.dumps(value)[:300]}: {where}, not {at}")
        wrong += judge_object(decoders, value)
        wrong.append(disagreement("object.schema.json", value, accepted,
                                  beyond))
    assert not list(filter(None, wrong)), "\n".join(filter(None, wrong))


def test_pages(decoders: Decoders) -> None:
    check(decoders, "list", "list.schema.json", "pages.json", "page")


def test_watch_lines(decoders: Decoders) -> None:
    check(decoders, "watch", "watch.schema.json", "watch-lines.json", "line")


def check(decoders: Decoders, form: str, schema: str, file: str, member: str
          ) -> None:
    wrong = []
    for case in cases(file):
        value = case[member]
        accepted, _, why = decoders.judge(form, value)
        if accepted == case.get("refused", False):
            wrong.append(f"{json.dumps(value)[:300]}: {accepted} {why}")
        wrong.append(disagreement(schema, value, accepted,
                                  case.get("beyond")))
    assert not list(filter(None, wrong)), "\n".join(filter(None, wrong))


EVENT_SCHEMAS = {"cloudevent": "cloudEvent", "batch": "cloudEventBatch",
                 "standard": "standardWebhook"}


def event_schema(form: str, type_: str) -> str:
    name = EVENT_SCHEMAS.get(form) or ".".join(type_.split(".")[-2:])
    return f"event.schema.json#/$defs/{name}"


def test_events(decoders: Decoders) -> None:
    wrong = []
    for case in cases("events.json"):
        form, value, at = case["form"], case["body"], case.get("at")
        type_ = case.get("type", "-")
        accepted, where, why = decoders.judge(form, value, type_)
        if (accepted, where) != (at is None, at or ""):
            wrong.append(f"{form} {json.dumps(value)[:300]}: {accepted}"
                         f" {where}, not {at}: {why}")
        wrong.append(disagreement(event_schema(form, type_), value, accepted,
                                  case.get("beyond")))
    assert not list(filter(None, wrong)), "\n".join(filter(None, wrong))


# Every member of everything good, changed in every simple way.

CHANGES = (None, True, False, 0, -1, 7, 1.5, 2 ** 63, "", "x", "::", [], {},
           [None], ["x"], "delete")


def places(value: object, path: tuple = ()) -> Iterator[tuple]:
    """The ways to all members and items of 'value'."""
    pairs = (value.items() if isinstance(value, dict)
             else enumerate(value) if isinstance(value, list) else ())
    for key, inner in pairs:
        yield (*path, key)
        yield from places(inner, (*path, key))


def changed(value: object, path: tuple, change: object) -> object:
    """'value' with another value at 'path', or with nothing there."""
    value = copy.deepcopy(value)
    at = value
    for key in path[:-1]:
        at = at[key]
    if change == "delete":
        del at[path[-1]]
    else:
        at[path[-1]] = change
    return value


def is_small(value: object) -> bool:
    return len(json.dumps(value)) < 500


def good(name: str, member: str) -> list[dict]:
    return [case for case in cases(name)
            if not {"at", "refused"} & case.keys() and is_small(case[member])]


def mutants() -> Iterator[tuple[str, str, str, object]]:
    """Form, type, schema and value."""
    for name, member, form, schema in (
            ("pages.json", "page", "list", "list.schema.json"),
            ("watch-lines.json", "line", "watch", "watch.schema.json"),
            ("events.json", "body", "", "")):
        for case in good(name, member):
            its_form, type_ = case.get("form", form), case.get("type", "-")
            for path in places(case[member]):
                for change in CHANGES:
                    yield (its_form, type_,
                           schema or event_schema(its_form, type_),
                           changed(case[member], path, change))


def test_mutants(decoders: Decoders) -> None:
    seen = set()
    wrong = []
    n_accepted = 0
    for form, type_, schema, value in mutants():
        key = (form, type_, json.dumps(value, sort_keys=True))
        if key not in seen:
            seen.add(key)
            accepted, _, why = decoders.judge(form, value, type_)
            n_accepted += accepted
            if trouble := disagreement(schema, value, accepted):
                wrong.append(f"{trouble} {why}")
    assert not wrong, "\n".join(wrong[:50])
    assert 100 < n_accepted < len(seen) - 1000


def test_schemas_are_schemas() -> None:
    for path in SCHEMAS.glob("*.schema.json"):
        Validator.check_schema(load(path))


def with_examples(node: object, pointer: str = "") -> Iterator[tuple]:
    """JSON Pointers of subschemas that give examples, and those."""
    if isinstance(node, dict):
        for example in node.get("examples", []):
            yield pointer, example
        for name, inner in node.items():
            yield from with_examples(inner, f"{pointer}/{name}")


def test_examples() -> None:
    n = 0
    for path in SCHEMAS.glob("*.schema.json"):
        for pointer, example in with_examples(load(path)):
            assert schema_accepts(f"{path.name}#{pointer}", example), pointer
            n += 1
    assert n >= 10


def test_beyond_is_rare() -> None:
    """Nearly all that the decoders check stands in the schemas."""
    all_cases = [case for name in ("objects.json", "pages.json",
                                   "watch-lines.json", "events.json")
                 for case in cases(name)]
    assert sum("beyond" in case for case in all_cases) < 20
