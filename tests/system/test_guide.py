# SPDX-License-Identifier: Apache-2.0
"""The guide "connect your cloud" works as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab import agent
from lab.lab import Lab

GUIDE = (Path(__file__).resolve().parents[2] / "schema"
         / "connect-your-cloud.md")
TIMEOUT = 60
DONE = "--- that was block"


@dataclass
class Block:
    line: int           # In the guide.
    commands: str
    prints: str | None  # None: the guide does not say.


def blocks(text: str) -> Iterator[Block]:
    """The sh blocks, each with the text block that follows it at once."""
    fenced = re.compile(r"^```sh\n(?P<commands>.*?)^```\n"
                        r"(?:\n```text\n(?P<prints>.*?)^```\n)?",
                        re.MULTILINE | re.DOTALL)
    for found in fenced.finditer(text):
        yield Block(text.count("\n", 0, found.start()) + 2,
                    found["commands"], found["prints"])


def matches(printed: str, wanted: str) -> bool:
    """'…' stands for anything within a line."""
    pattern = re.escape(wanted).replace("…", ".*")
    return re.fullmatch(pattern, printed) is not None


class Shell:
    """One shell on the hypervisor, in an empty directory."""

    def __init__(self, lab: Lab, folder: Path):
        self.folder = folder
        self.hypervisor = lab.hypervisors["hv1"]
        self.complaints = folder.parent / "guide.err"
        environment = {
            **os.environ, **self.hypervisor.env,
            "PATH": f"{Path(agent.program()).parent}:{os.environ['PATH']}"}
        with self.complaints.open("wb") as sink:
            self.process = subprocess.Popen(
                self.hypervisor.namespace.argv(["bash", "-e"]),
                cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=sink, text=True, env=environment)

    def run(self, block: Block) -> str:
        """Runs the commands; returns what they print.  The shell ends with
        the first that fails."""
        script = self.folder.parent / f"line-{block.line}.sh"
        script.write_text(block.commands)
        self.process.stdin.write(f". {script}\necho '{DONE}' {block.line}\n")
        self.process.stdin.flush()
        printed = ""
        watchdog = threading.Timer(TIMEOUT, self.process.kill)
        watchdog.start()
        try:
            for line in self.process.stdout:
                if line == f"{DONE} {block.line}\n":
                    return printed
                printed += line
        finally:
            watchdog.cancel()
        raise AssertionError(f"line {block.line} failed, or took longer than"
                             f" {TIMEOUT} s:\n{block.commands}\n"
                             f"{printed}{self.complaints.read_text()}")


def test_guide(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    found = list(blocks(GUIDE.read_text()))
    assert len(found) >= 15
    folder = tmp_path / "empty"
    folder.mkdir()
    with Lab(1, agents=False) as lab:
        request.node.lab = lab
        lab.hypervisors["hv1"].set_external_ids(
            "Open_vSwitch", ".", vtepd_datapath_type="netdev")
        shell = Shell(lab, folder)
        wrong = []
        for block in found:
            printed = shell.run(block)
            if block.prints is not None and not matches(printed,
                                                        block.prints):
                wrong.append(f"line {block.line}:\n{block.commands}\n"
                             f"printed\n{printed}\n"
                             f"and not\n{block.prints}")
        shell.process.stdin.close()
        assert shell.process.wait(TIMEOUT) == 0
        assert not wrong, "\n".join(wrong)
