# SPDX-License-Identifier: Apache-2.0
#
# make help says what can be made.

VERSION = 0.1.0
PREFIX ?= /usr/local
PYTHON ?= /usr/bin/python3
OVS_TARBALL ?= /usr/src/openvswitch/openvswitch.tar.gz
UNITDIR ?= $(PREFIX)/lib/systemd/system

# Each kind of build has its own folder; libopenvswitch is shared by all.
BUILD := build$(if $(SANITIZE),/$(SANITIZE))
OVS := build/ovs
OVS_LIB := $(OVS)/libopenvswitch.a
OVS_LIBS = $(shell cat $(OVS)/libs)

# ## Flags

# CFLAGS, CPPFLAGS and LDFLAGS are the caller's and are never overwritten.
CFLAGS ?= -O2 -g
HARDEN = -fstack-protector-strong -fstack-clash-protection \
    $(if $(filter x86_64-% i686-%,$(shell $(CC) -dumpmachine)),-fcf-protection)
FORTIFY := $(if $(findstring FORTIFY,$(CPPFLAGS)$(CFLAGS)),, \
             $(if $(SANITIZE),,-D_FORTIFY_SOURCE=2))

# What libopenvswitch, which all kinds of build share, is compiled with.
ovs_cflags = -fPIE $(HARDEN) $(CFLAGS)
ovs_cppflags = $(if $(findstring FORTIFY,$(CPPFLAGS)$(CFLAGS)),, \
                 -D_FORTIFY_SOURCE=2) $(CPPFLAGS)

# Ours by -iquote, so that <config.h> can only be Open vSwitch's.
cppflags = -iquote agent -iquote . -isystem $(OVS)/include \
    -isystem $(OVS)/openvswitch/include -isystem $(OVS)/openvswitch/lib \
    -isystem $(OVS)/openvswitch -DVTEPD_VERSION='"$(VERSION)"' $(FORTIFY) \
    $(CPPFLAGS)
cflags = -std=gnu11 -Wall -Wextra -Wshadow -Wstrict-prototypes \
    -Wmissing-prototypes -Wformat -Werror=format-security \
    $(if $(WERROR),-Werror) -fPIE -pthread $(HARDEN) $(sanitize) $(CFLAGS)
ldflags = -pie -pthread -Wl,-z,relro,-z,now $(sanitize) $(LDFLAGS)
sanitize = $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer \
             -fno-sanitize-recover=all)

# ## vtepd

SOURCES := $(wildcard agent/*.c agent/*/*.c ovsdb-client/*.c)
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o)

.PHONY: all
all: $(BUILD)/vtepd

$(BUILD)/vtepd: $(OBJECTS) $(OVS_LIB)
	@tests/check-layers --objects $(OBJECTS)
	$(call say,LINK)$(CC) $(ldflags) -o $@ $^ -lcurl -ljansson \
	    -lmicrohttpd -lgnutls $(OVS_LIBS)

$(BUILD)/%.o: %.c $(OVS_LIB) Makefile
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(cppflags) $(cflags) -MMD -MP -c -o $@ $<

# One line a file, or whole commands with V=1.
say = $(if $(V),,@printf '  %-5s %s\n' $(1) $@; )

-include $(OBJECTS:.o=.d) $(wildcard $(BUILD)/tests/unit/*.d)

$(OVS_LIB): packaging/build-libopenvswitch $(wildcard $(OVS_TARBALL)) \
            | packages-build
	+@CFLAGS='$(ovs_cflags)' CPPFLAGS='$(ovs_cppflags)' \
	    PYTHON=$(PYTHON) packaging/build-libopenvswitch $(OVS_TARBALL) $(OVS)

# Install what is missing; with SKIP_PACKAGES=1 it is taken on trust.
.PHONY: packages-build packages-check packages-bench packages-lab packages-npm \
    packages-fuzz packages-deb packages-rpm packages-package
packages-build:
	@$(install-packages) build
packages-check: | packages-build
	@$(install-packages) check
packages-bench:
	@$(install-packages) build lab
packages-fuzz:
	@$(install-packages) build fuzz
packages-deb:
	@$(install-packages) build check deb
packages-rpm:
	@$(install-packages) build check rpm
packages-package: | packages-lab
	@$(install-packages) package
packages-lab:
	@test "$$(id -u)" -eq 0 || { echo "The system tests and the demo make" \
	    "network namespaces: run make as root." >&2; exit 1; }
	@$(install-packages) build check lab
packages-npm: | packages-lab
	@command -v npm >/dev/null || $(install-packages) npm
install-packages = $(if $(SKIP_PACKAGES),:,packaging/install-packages)

# ## Tests

# Tests that run at a time.  They wait more than they compute.
TEST_JOBS ?= $(shell nproc)

include tests/unit/tests.mk
include tests/schema/tests.mk
include tests/fuzz/fuzz.mk

.PHONY: check check-layers check-field-cases check-documents check-build \
    check-package check-unit check-schema check-system check-faults \
    check-chaos check-failovers demo bench
check: packages-lab
	@$(MAKE) --no-print-directory $(jobs) all unit-tests $(VERDICT)
	@$(MAKE) --no-print-directory check-layers check-field-cases \
	    check-documents
	@$(MAKE) --no-print-directory check-unit
	@$(MAKE) --no-print-directory check-schema
	@$(MAKE) --no-print-directory check-system

check-layers:
	@tests/check-layers

check-field-cases:
	@$(PYTHON) -B tests/check-field-cases

check-documents: all
	@$(PYTHON) -B tests/check-documents $(BUILD)/vtepd

# What can be checked where there is neither root nor a network.
check-build: all
	@$(MAKE) --no-print-directory check-layers check-field-cases \
	    check-documents
	@$(MAKE) --no-print-directory check-unit
	@$(MAKE) --no-print-directory check-schema

check-unit: unit-tests
	@TEST_JOBS=$(TEST_JOBS) tests/unit/run $(UNIT_TESTS)

check-schema: packages-check $(VERDICT)
	@VERDICT=$(abspath $(VERDICT)) $(PYTHON) -m pytest tests/schema

check-system: packages-lab packages-npm
	@$(MAKE) --no-print-directory $(jobs) all $(SDK)/installed
	@VTEPD=$(abspath $(BUILD)/vtepd) PYTHON=$(PYTHON) TEST_JOBS=$(TEST_JOBS) \
	    tests/system/run $(PYTEST_ARGS)

check-failovers: packages-lab
	@$(MAKE) --no-print-directory $(jobs) all
	@VTEPD=$(abspath $(BUILD)/vtepd) $(PYTHON) -B tests/faults/failovers.py \
	    $(FAILOVERS_ARGS)

check-chaos: packages-lab
	@$(MAKE) --no-print-directory $(jobs) all
	@VTEPD=$(abspath $(BUILD)/vtepd) $(PYTHON) -B tests/faults/chaos.py \
	    $(CHAOS_ARGS)

# The SDKs that the system tests send webhooks with, in the versions of the
# lock file.  They are used in the tests only, and never become part of vtepd.
SDK := build/sdk
SDK_FILES := $(addprefix tests/system/sdk/,package.json package-lock.json)

$(SDK)/installed: $(SDK_FILES)
	@command -v npm >/dev/null || { echo "The system tests send webhooks with" \
	    "two SDKs from npm: install Node.js and npm." >&2; exit 1; }
	@mkdir -p $(SDK)
	@cp $(SDK_FILES) $(SDK)
	$(call say,NPM)npm ci --prefix $(SDK) --loglevel=error --no-audit \
	    --no-fund --no-update-notifier --ignore-scripts >$(SDK)/log 2>&1 || \
	    { cat $(SDK)/log >&2; echo "npm could not install the SDKs for the" \
	    "system tests: see above.  Is the network reachable?" >&2; exit 1; }
	@touch $@

# Probes run between VMs while things fail.
PROBE := $(BUILD)/tests/faults/probe

check-faults: packages-lab
	@$(MAKE) --no-print-directory $(jobs) all $(PROBE)
	@VTEPD=$(abspath $(BUILD)/vtepd) PROBE=$(abspath $(PROBE)) \
	    PYTHONPATH=tests $(PYTHON) -B -m faults $(FAULTS_ARGS)

$(PROBE): tests/faults/probe.c Makefile
	@mkdir -p $(@D)
	$(call say,LINK)$(CC) $(FORTIFY) $(CPPFLAGS) $(cflags) $(ldflags) -o $@ $<

check-package: packages-package
	@$(MAKE) --no-print-directory $(jobs) all $(PROBE)
	@VTEPD=$(abspath $(BUILD)/vtepd) PROBE=$(abspath $(PROBE)) \
	    PYTHONPATH=tests $(PYTHON) -B -m package $(PACKAGE_ARGS)

demo: packages-lab
	@$(MAKE) --no-print-directory $(jobs) all
	@VTEPD=$(abspath $(BUILD)/vtepd) $(PYTHON) tests/lab/demo.py

# Dummy datapaths: needs no network namespaces, so no root either.
bench: packages-bench
	@$(MAKE) --no-print-directory $(jobs) all
	@VTEPD=$(abspath $(BUILD)/vtepd) PYTHONPATH=tests $(PYTHON) -B -m bench \
	    $(if $(filter full,$(BENCH)),--full) $(BENCH_ARGS)

export KEEP

# These build with every processor unless -j says otherwise.
jobs = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))

# ## Installing, packages and cleaning

SHARE = $(DESTDIR)$(PREFIX)/share
EXAMPLES = $(SHARE)/doc/vtepd/examples

.PHONY: install deb rpm clean distclean help
install: all
	install -D -m 755 $(BUILD)/vtepd $(DESTDIR)$(PREFIX)/sbin/vtepd
	install -d $(SHARE)/man/man5 $(SHARE)/man/man7 $(SHARE)/man/man8 \
	    $(SHARE)/bash-completion/completions $(DESTDIR)$(UNITDIR) \
	    $(EXAMPLES)/schema $(EXAMPLES)/prometheus $(EXAMPLES)/grafana
	install -m 644 packaging/man/*.5 $(SHARE)/man/man5
	install -m 644 packaging/man/*.7 $(SHARE)/man/man7
	install -m 644 packaging/man/*.8 $(SHARE)/man/man8
	install -m 644 packaging/completion/vtepd \
	    $(SHARE)/bash-completion/completions
	ln -sf vtepd $(SHARE)/bash-completion/completions/ovs-appctl
	sed 's,/usr/sbin/,$(PREFIX)/sbin/,' packaging/systemd/vtepd.service \
	    >$(DESTDIR)$(UNITDIR)/vtepd.service
	chmod 644 $(DESTDIR)$(UNITDIR)/vtepd.service
	install -m 644 packaging/systemd/openvswitch-user.conf \
	    packaging/examples/inventory.json $(EXAMPLES)
	install -m 644 schema/* $(EXAMPLES)/schema
	install -m 644 packaging/prometheus/* $(EXAMPLES)/prometheus
	install -m 644 packaging/grafana/* $(EXAMPLES)/grafana

# Both from a tarball of this folder, so nothing that was built here is used.
deb: packages-deb
	packaging/build-package deb $(VERSION)
rpm: packages-rpm
	packaging/build-package rpm $(VERSION) $(OVS_TARBALL)

clean:
	@test ! -d build || find build -mindepth 1 -maxdepth 1 ! -name ovs \
	    -exec rm -rf --one-file-system {} +

distclean:
	rm -rf build

help:
	@echo "make                    builds build/vtepd"
	@echo "make check              all of the next six (root)"
	@echo "make check-layers       which file may include what"
	@echo "make check-field-cases  each case of tests/field-cases.md has a test"
	@echo "make check-documents    man pages and code agree"
	@echo "make check-unit         unit tests; UNIT='inventory ...': only these"
	@echo "make check-schema       schemas and decoders agree"
	@echo "make check-system       system tests (root); PYTEST_ARGS='-k name'"
	@echo "make check-fuzz         fuzz targets (clang); FUZZ_TARGET='page state'"
	@echo "                        FUZZ_TIME=600: seconds for each"
	@echo "make check-faults       probes while things fail (root);"
	@echo "                        FAULTS_ARGS='-k name', '--list'"
	@echo "make check-failovers    keepalived moves addresses (root);"
	@echo "                        FAILOVERS_ARGS='--count N --realtime'"
	@echo "make check-chaos        random faults and changes (root);"
	@echo "                        CHAOS_ARGS='--seed N --seconds S'"
	@echo "make check-package      builds and tries the Debian package (root)"
	@echo "make demo               shows vtepd at work (root); KEEP=1: stays up"
	@echo "make bench              what vtepd costs, beside the floor; BENCH=full:"
	@echo "                        the large sizes; BENCH_ARGS='--runs 9 list'"
	@echo "make install            to PREFIX (/usr/local), under DESTDIR"
	@echo "make deb, make rpm      packages, into build/deb and build/rpm"
	@echo "make clean, distclean   keeps the built libopenvswitch, or does not"
	@echo
	@echo "TEST_JOBS=N                  tests at a time; else as many as processors"
	@echo "SANITIZE=address,undefined   builds and checks in a folder of its own"
	@echo "WERROR=1                     warnings are errors"
	@echo "V=1                          shows whole commands"
	@echo "SKIP_PACKAGES=1              never installs Debian packages"
	@echo "OVS_TARBALL=FILE             Open vSwitch 3.1's source"
