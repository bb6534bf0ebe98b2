# SPDX-License-Identifier: Apache-2.0
"""make check-faults: probes run between VMs while faults happen.

Exit status 1 if a bound is broken."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from pathlib import Path

from lab.lab import Lab

# Their order is that of the table.
from . import agent_faults, switch_faults, cloud_faults, drift_faults  # noqa
from .fault import FAULTS, Fault, Verdict
from .stage import Stage

PROBE = Path(os.environ.get("PROBE", Path(__file__).resolve().parents[2]
                            / "build/tests/faults/probe"))
HEADINGS = ["fault", "proves", "sent", "lost", "longest gap", "control's",
            "not forwarded", "bound", "verdict"]
WIDTHS = [24, 10, 8, 6, 11, 9, 13, 32, 7]


def main() -> int:
    parser = argparse.ArgumentParser(prog="check-faults", description=__doc__)
    parser.add_argument("-k", dest="words", default="", metavar="WORDS",
                        help="only faults whose name has one of these words")
    parser.add_argument("-l", "--list", action="store_true",
                        help="say which there are")
    parser.add_argument("--probes", type=int, default=30_000, metavar="N",
                        help="how many are sent at least during each")
    parser.add_argument("--previous", type=Path, metavar="PROGRAM",
                        help="another vtepd, to upgrade from")
    parser.add_argument("--table", type=Path, metavar="FILE",
                        help="write the table there too, in Markdown")
    options = parser.parse_args()
    words = options.words.split()
    chosen = [fault for fault in FAULTS
              if (not words or any(word in fault.name for word in words))
              and (options.previous or fault.name != "agent-upgraded-from")]
    if options.list:
        for fault in chosen:
            print(f"{fault.name:24}{fault.title} [{fault.bound}]")
        return 0
    if not chosen:
        parser.error(f"no fault's name has {options.words!r}; see --list")
    verdicts = run_all(chosen, options)
    if options.table:
        options.table.write_text(markdown(verdicts))
    bad = [verdict for verdict in verdicts if not verdict.is_good]
    print(f"{len(verdicts)} faults, {len(bad)} broke a bound")
    return 1 if bad else 0


def run_all(chosen: list[Fault], options: argparse.Namespace
            ) -> list[Verdict]:
    verdicts = []
    with Lab(2, settings={"linger": "5"}) as lab:
        stage = Stage(lab, PROBE, options.previous)
        with stage.set_up():
            show(HEADINGS)
            state = stage.state()
            for fault in chosen:
                verdict = run(stage, fault, state, options.probes)
                verdicts.append(verdict)
                show(cells(verdict))
                for trouble in verdict.troubles:
                    print(f"    {trouble}", flush=True)
                stage.make_even()
                if not fault.same or not verdict.is_good:
                    state = stage.state()
    return verdicts


def run(stage: Stage, fault: Fault, state: dict[str, str], n_probes: int
        ) -> Verdict:
    verdict = Verdict(fault)
    since = None
    stage.probes.begin()
    try:
        since = fault.act(stage)
        stage.probes.wait_flow()
        stage.probes.wait_sent(n_probes)
    except Exception as error:
        verdict.troubles.append(f"{type(error).__name__}: {error}")
        if not isinstance(error, TimeoutError):
            traceback.print_exc()
    verdict.result = stage.probes.end()
    verdict.judge(since)
    if fault.same and verdict.is_good:
        try:
            stage.wait_state(state)
        except TimeoutError as error:
            verdict.troubles.append(str(error))
    return verdict


def cells(verdict: Verdict) -> list[str]:
    fault, result = verdict.fault, verdict.result
    assert result
    return [fault.name, fault.proves, f"{result.total('sent'):,}",
            f"{result.total('lost'):,}", f"{result.longest('gap'):.0f} ms",
            f"{result.control.gap:.0f} ms"
            + (f", {result.skipped} not sent" if result.skipped else ""),
            f"{verdict.milliseconds:.0f} ms" if verdict.milliseconds else "",
            str(fault.bound), "good" if verdict.is_good else "BROKEN"]


def show(row: list[str]) -> None:
    print("  ".join(cell.ljust(width) for cell, width in zip(row, WIDTHS)),
          flush=True)


def markdown(verdicts: list[Verdict]) -> str:
    lines = [HEADINGS, ["---"] * len(HEADINGS), *map(cells, verdicts)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
