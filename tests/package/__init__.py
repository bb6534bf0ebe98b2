# SPDX-License-Identifier: Apache-2.0
"""The Debian package, as others will meet it: 'make check-package'.

  __main__.py     the command: builds, checks, installs, prints a table
  roots.py        bare Debian systems in folders, from debootstrap
  building.py     the package from its Build-Depends alone; lintian, hardening
  machine.py      such a system booted, with systemd, in a namespace of the lab
  hypervisor.py   hypervisor hv1 of the lab is such a machine
  steps.py        what is done to the package there while probes run

Everything is in build/package, the logs too.  The bare system is made once and
kept there (base.tar).  Where no systemd runs on this machine, the booted system
has control groups of its own, which are removed with it.
"""
