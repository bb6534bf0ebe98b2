# SPDX-License-Identifier: Apache-2.0
"""What vtepd costs, beside the floor: 'make bench'.  See README.md.

  __main__.py    the command: which measures, how often, the table
  figures.py     figures and the table
  host.py        one hypervisor without network: ovsdb-server, ovs-vswitchd with
                 a dummy datapath, vtepd
  daemons.py     what a process has cost so far; talking to a daemon
  openflow.py    how many flows the switch has
  ovsdb.py       when tunnel ports have their OpenFlow port numbers
  inventory.py   made-up inventories
  static_api.py  a server of lists that costs next to nothing itself
  install.py, events.py, listing.py, restart.py, tunnels.py, idle.py,
  memory.py      the measures
"""
