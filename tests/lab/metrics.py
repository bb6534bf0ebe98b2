# SPDX-License-Identifier: Apache-2.0
"""Metrics in Prometheus' text format, read back."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator

_SAMPLE = re.compile(r'(?P<name>[a-z_]+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)')
_LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"(?:,|$)')
_ESCAPES = {"\\n": "\n", '\\"': '"', "\\\\": "\\"}


class Metrics:
    """What one scrape brought."""

    def __init__(self, text: str):
        self.text = text
        self.types: dict[str, str] = {}
        self.samples: list[tuple[str, dict[str, str], float]] = []
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split()
                self.types[name] = kind
            elif not line.startswith("#"):
                self.samples.append(_parse(line))

    def select(self, name: str, **labels: str) -> Iterator[float]:
        """The values of all samples of that name with (at least) these
        labels."""
        for sample, their, value in self.samples:
            if sample == name and labels.items() <= their.items():
                yield value

    def get(self, name: str, **labels: str) -> float:
        """The value of the only such sample."""
        value, = self.select(name, **labels)
        return value

    def sum(self, name: str, **labels: str) -> float:
        return sum(self.select(name, **labels))

    def check(self) -> str:
        """What promtool has to say about it."""
        done = subprocess.run(["promtool", "check", "metrics"], text=True,
                              input=self.text, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
        return done.stdout + (f"exit status {done.returncode}"
                              if done.returncode else "")


def _parse(line: str) -> tuple[str, dict[str, str], float]:
    match = _SAMPLE.fullmatch(line)
    assert match, line
    text = match["labels"] or ""
    labels = {key: re.sub(r"\\.", lambda m: _ESCAPES[m[0]], value)
              for key, value in _LABEL.findall(text)}
    assert _LABEL.sub("", text) == "", line
    return match["name"], labels, float(match["value"])
