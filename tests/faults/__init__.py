# SPDX-License-Identifier: Apache-2.0
"""Faults, and what they do to packets: 'make check-faults'.  See README.md.

  __main__.py     the command: which faults, the table, the exit status
  probe.c         sends and receives a thousand probes a second and stream
  probes.py       starts it and asks it
  stage.py        the lab with two hypervisors and a thousand endpoints
  fault.py        what a fault is, and the verdict
  agent_faults.py, switch_faults.py, cloud_faults.py, drift_faults.py
                  the faults
  cutting.py      cuts an OpenFlow connection in the middle of a bundle
"""
