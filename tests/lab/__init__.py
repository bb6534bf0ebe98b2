# SPDX-License-Identifier: Apache-2.0
"""The lab: hypervisors, VMs and a cloud API in network namespaces.

The demo and the system tests are built from the same parts:

  lab.py         a whole lab: names, fabric, management network, clean-up
  hypervisor.py  one hypervisor: ovsdb-server, ovs-vswitchd, underlay addresses
  agent.py       its vtepd
  vm.py          one virtual machine: plug, unplug, move, ping, raw frames
  cloud_api.py   the cloud API as a server that can also be used alone,
                 with cloud_store.py (the objects) and cloud_stream.py (watches)
  cloud.py       the client with which tests and demo edit it
  webhook.py     the client with which they post webhooks to a vtepd
  capture.py     tcpdump on the fabric; what it saw, by encapsulation and key
  frames.py      Ethernet frames, to bytes and back
  netns.py       network namespaces
  processes.py   child processes, and waiting for conditions
"""
