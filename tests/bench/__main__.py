# SPDX-License-Identifier: Apache-2.0
"""make bench: measures vtepd and the floor beside it, and prints a table.

No figure makes it fail: a timing is not a test."""

from __future__ import annotations

import argparse
import datetime
import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from lab.agent import program

from . import (drift, events, idle, install, listing, many, memory, restart,
               tunnels)
from .figures import Figure, Table
from .inventory import Shape

Measure = tuple[str, bool, Callable[[int], list[Figure]]]

# Name, whether it takes BENCH=full, and how it is done with so many runs.
MEASURES: list[Measure] = [
    ("install", False, lambda n: install.measure(Shape(200, 1000), n)),
    ("install", False, lambda n: install.measure(Shape(200, 10_000), n)),
    ("install", True, lambda n: install.measure(Shape(200, 100_000), n)),
    ("routed", False, lambda n: install.measure(
        Shape(200, 10_000, routed=100), n)),
    ("events", False, lambda n: events.measure(100, n)),
    ("events", False, lambda n: events.measure(10_000, n)),
    ("events", True, lambda n: events.measure(100_000, n)),
    ("scale", False, lambda n: events.measure_scale(10_000, n)),
    ("scale", True, lambda n: events.measure_scale(100_000, n)),
    ("new-peer", False, lambda n: events.measure_new_peer(0, n)),
    ("new-peer", False, lambda n: events.measure_new_peer(500, n)),
    ("burst", False, lambda n: events.measure_burst(10_000, n)),
    ("burst", True, lambda n: events.measure_burst(100_000, n)),
    ("growth", True, lambda n: events.measure_growth(10_000)),
    ("memory", False, lambda n: memory.measure(Shape(200, 100_000))),
    ("memory", True, lambda n: memory.measure(
        Shape(200, 10_000, 1_000_000))),
    ("list", False, lambda n: listing.measure(
        Shape(200, 1000, 100_000), n)),
    ("list", True, lambda n: listing.measure(
        Shape(200, 10_000, 1_000_000), n)),
    ("restart", False, lambda n: restart.measure(Shape(200, 10_000), n)),
    ("restart", True, lambda n: restart.measure(Shape(200, 50_000), n)),
    ("tunnels", False, lambda n: tunnels.measure(100, n)),
    ("tunnels", False, lambda n: tunnels.measure(500, n)),
    ("tunnels", True, lambda n: tunnels.measure(1000, n)),
    ("drift", False, lambda n: drift.measure(Shape(200, 10_000), n)),
    ("drift", True, lambda n: drift.measure(Shape(200, 50_000), n)),
    ("idle", False, lambda n: idle.measure(Shape(200, 10_000), n)),
    ("idle", True, lambda n: idle.measure(Shape(200, 100_000), n)),
    ("many-hosts", False, lambda n: many.measure(50, n)),
    ("many-hosts", True, lambda n: many.measure(100, n)),
    ("many-hosts", True, lambda n: many.measure(200, n)),
]


def first_line(*argv: str) -> str:
    return subprocess.run(argv, check=True, capture_output=True,
                          text=True).stdout.splitlines()[0]


def machine() -> str:
    """What was measured, and where."""
    cpu = re.search(r"^model name\s*: (.*)", Path("/proc/cpuinfo").read_text(),
                    re.MULTILINE)
    total = re.search(r"^MemTotal:\s*(\d+)",
                      Path("/proc/meminfo").read_text())
    assert total
    return "\n".join((
        f"{datetime.date.today().isoformat()}; "
        f"{len(os.sched_getaffinity(0))} processors"
        f"{f' ({cpu[1]})' if cpu else ''}, "
        f"{int(total[1]) / 1e6:.0f} GB; load {os.getloadavg()[0]:.1f}",
        f"{first_line(program(), '--version')}; "
        f"{first_line('ovs-vswitchd', '--version')}; "
        f"Linux {os.uname().release}"))


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--full", action="store_true",
                        help="the large sizes too")
    parser.add_argument("--runs", type=int, default=5, metavar="N")
    parser.add_argument("--out", type=Path, metavar="FILE",
                        help="write the table there too")
    parser.add_argument("only", nargs="*", metavar="MEASURE",
                        help=", ".join(dict.fromkeys(m[0] for m in MEASURES)))
    options = parser.parse_args()
    unknown = set(options.only) - {name for name, _, _ in MEASURES}
    if unknown:
        parser.error(f"there is no measure {', '.join(sorted(unknown))}")

    about = machine()
    print(about, flush=True)
    table = Table()
    for name, large, measure in MEASURES:
        if (large and not options.full
                or options.only and name not in options.only):
            continue
        start = time.monotonic()
        table.add(measure(options.runs))
        print(f"   [{name}: {time.monotonic() - start:.1f} s]", flush=True)
    text = (f"{about}\nmedian (lowest–highest) of {options.runs} runs\n\n"
            f"{table.markdown()}\n")
    print(f"\n{text}", end="")
    if options.out:
        options.out.write_text(text)


if __name__ == "__main__":
    main()
