# SPDX-License-Identifier: Apache-2.0
"""Figures, and the table of them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Figure:
    """One row: what was measured, run by run, and the floor of the same
    runs."""

    name: str
    size: str                   # "10,000"
    unit: str                   # "s", "ms", "MB", "/s", ""
    values: list[float] = field(default_factory=list)
    floor: list[float] = field(default_factory=list)
    floor_name: str = ""
    aim: str = ""               # What issue or design want of it.

    def add(self, value: float, floor: float | None = None) -> None:
        self.values.append(value)
        if floor is not None:
            self.floor.append(floor)

    def ratio(self) -> float | None:
        """The median of the runs' own ratios: a machine that becomes slow
        becomes slow for both."""
        pairs = [value / floor for value, floor in zip(self.values, self.floor)
                 if floor]
        return statistics.median(pairs) if pairs else None

    def row(self) -> list[str]:
        ratio = self.ratio()
        return [self.name, self.size, spread(self.values, self.unit),
                spread(self.floor, self.unit), self.floor_name,
                "" if ratio is None else f"{ratio:.2f}", self.aim]


def number(value: float) -> str:
    """Three digits that count."""
    if value == 0 or abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) >= 100:
        return f"{value:.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"


def spread(values: Sequence[float], unit: str) -> str:
    """Median (lowest–highest)."""
    if not values:
        return ""
    text = f"{number(statistics.median(values))}{' ' if unit else ''}{unit}"
    if min(values) == max(values):
        return text
    return f"{text} ({number(min(values))}–{number(max(values))})"


HEADINGS = ["measure", "N", "vtepd", "floor", "which floor", "ratio", "aim"]


class Table:
    """Rows are printed as they come; the whole, in columns, at the end."""

    def __init__(self) -> None:
        self.figures: list[Figure] = []

    def add(self, figures: Sequence[Figure]) -> None:
        for figure in figures:
            self.figures.append(figure)
            cells = [cell for cell in figure.row() if cell]
            print("   " + "  |  ".join(cells), flush=True)

    def markdown(self) -> str:
        rows = [HEADINGS, *(figure.row() for figure in self.figures)]
        widths = [max(len(row[i]) for row in rows)
                  for i in range(len(HEADINGS))]
        lines = ["| " + " | ".join(cell.ljust(width) for cell, width
                                   in zip(row, widths)) + " |"
                 for row in rows]
        lines.insert(1, "|" + "|".join("-" * (width + 2)
                                       for width in widths) + "|")
        return "\n".join(lines)
