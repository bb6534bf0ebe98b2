# SPDX-License-Identifier: Apache-2.0
"""make check-package: builds the Debian package in a bare system, looks at it,
installs it in another, and upgrades, removes and purges it there while probes
run between VMs.

Exit status 1 if anything is not as it should be."""

from __future__ import annotations

import argparse
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from faults.__main__ import HEADINGS, cells, run, show
from faults.stage import Stage
from lab.processes import CommandError

from . import building, roots, steps
from .building import TOP, Packages
from .hypervisor import Installed, InstalledLab
from .roots import Root

FOLDER = TOP / "build/package"
PROBE = Path(os.environ.get("PROBE", TOP / "build/tests/faults/probe"))
n_bad = 0


def check(name: str, act: Callable[[], object]) -> None:
    """Does a step and says how it went."""
    global n_bad
    begun = time.monotonic()
    print(f"{name:24}", end="", flush=True)
    try:
        said = act() or "good"
    except (roots.Failed, CommandError, TimeoutError) as error:
        said = f"BAD: {error}"
        n_bad += 1
    except Exception:
        n_bad += 1
        print("BAD", flush=True)
        traceback.print_exc()
        return
    print(f"{said} [{time.monotonic() - begun:.0f} s]", flush=True)


def need(name: str, act: Callable[[], object]) -> None:
    """The same for a step without which there is no next one."""
    before = n_bad
    check(name, act)
    if n_bad > before:
        sys.exit(1)


def build_and_look() -> Packages:
    packages = Packages(FOLDER / "deb")
    made: dict[str, Root] = {}
    said: dict[str, str] = {}

    def prepare() -> None:
        made["root"] = roots.unpack(FOLDER / "base.tar", FOLDER / "builder",
                                    FOLDER / "build.log")
        building.prepare(made["root"])

    need("Build-Depends", prepare)
    root = made["root"]

    def build() -> None:
        said["log"] = building.build(root)
        roots.remove(packages.folder)
        building.collect(root, packages.folder)

    need("make deb, offline", build)
    need("looking tools", lambda: building.install_tools(root))
    check("lintian", lambda: building.check_lintian(root))
    check("blhc, hardening-check",
          lambda: building.check_hardening(root, said["log"]))
    check("debug symbols", lambda: building.check_debug_symbols(packages))
    check("mandoc -Tlint", lambda: building.check_manual(root))
    check("exposure of the unit", lambda: building.check_unit(root))

    def build_later() -> None:
        building.build_later(root)
        building.collect(root, packages.folder)

    need("a later version", build_later)
    return packages


def prepare_system(packages: Packages) -> tuple[Root, tuple[str, str]]:
    """A bare system in which all that the package needs is downloaded, and
    nothing installed."""
    root = roots.unpack(FOLDER / "base.tar", FOLDER / "system",
                        FOLDER / "install.log")
    paths = [roots.copy_into(root, packages.find("vtepd", version), "/root")
             for version in (own_version(), building.LATER)]
    root.apt_get("install", "--download-only", paths[0], "bash-completion",
                 "man-db")
    return root, (paths[0], paths[1])


def own_version() -> str:
    line = next(line for line in (TOP / "Makefile").read_text().splitlines()
                if line.startswith("VERSION = "))
    return line.split()[-1]


def install_and_use(packages: Packages, options: argparse.Namespace) -> None:
    made: dict = {}
    need("a bare system",
         lambda: made.update(zip(("root", "paths"),
                                 prepare_system(packages))))

    def look(hv1: Installed) -> None:
        check("apt install", lambda: steps.check_newcomer(hv1))

    with InstalledLab(made["root"], made["paths"], {"linger": "5"},
                      look) as lab:
        hv1 = lab.hypervisors["hv1"]
        assert isinstance(hv1, Installed)
        stage = Stage(lab, PROBE)
        with stage.set_up():
            check("webhook", lambda: steps.check_webhook(stage))
            check("sandbox", lambda: steps.check_closed(hv1))
            check("manual", lambda: steps.check_manual(hv1))
            check("systemd-analyze verify",
                  lambda: steps.check_verified(hv1))
            check("completion", lambda: steps.check_completion(hv1))
            check("explain", lambda: steps.check_explanation(stage))
            probe(stage, options.probes)
            check("without root", lambda: steps.check_without_root(stage))
        check("purge", lambda: steps.check_purge(stage))


def probe(stage: Stage, n_probes: int) -> None:
    global n_bad
    state = stage.state()
    show(HEADINGS)
    for step in steps.STEPS:
        verdict = run(stage, step, state, n_probes)
        show(cells(verdict))
        for trouble in verdict.troubles:
            print(f"    {trouble}", flush=True)
        n_bad += not verdict.is_good
        stage.make_even()


def main() -> int:
    parser = argparse.ArgumentParser(prog="check-package", description=__doc__)
    parser.add_argument("--built", action="store_true",
                        help="use the packages of the last run")
    parser.add_argument("--probes", type=int, default=30_000, metavar="N",
                        help="how many are sent at least during each step")
    options = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    for log in ("build.log", "install.log"):
        if not (options.built and log == "build.log"):
            (FOLDER / log).unlink(missing_ok=True)
    if not (FOLDER / "base.tar").exists():
        need("debootstrap", lambda: roots.make_base(FOLDER / "base.tar",
                                                    FOLDER / "base.log"))
    packages = (Packages(FOLDER / "deb") if options.built
                else build_and_look())
    install_and_use(packages, options)
    print("package: ok" if not n_bad else f"package: {n_bad} steps failed")
    return 1 if n_bad else 0


if __name__ == "__main__":
    sys.exit(main())
