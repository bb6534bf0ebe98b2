# SPDX-License-Identifier: Apache-2.0
#
# The fuzz targets.  fuzz_NAME names the objects that tests/fuzz/fuzz-NAME.c is
# linked with, besides libopenvswitch, fuzz.c and what that needs, and the
# libraries.  They are built by clang, whose libFuzzer drives them.

fuzz_base := tests/fuzz/fuzz.o agent/cloud/object-encode.o \
    agent/core/objects.o
fuzz_object := $(unit_event-decode)
fuzz_announcement := agent/services/announcement.o
fuzz_page := $(unit_inventory-json)
fuzz_event := $(unit_event-decode) tests/fuzz/describe-event.o
fuzz_http := $(unit_webhook-server) tests/fuzz/describe-event.o
fuzz_state := $(unit_inventory-cache)
fuzz_icmp-error := agent/services/icmp-error.o
fuzz_igmp := agent/services/igmp.o agent/services/group-message.o
fuzz_mld := agent/services/mld.o agent/services/group-message.o
fuzz_dhcp4 := $(addprefix agent/services/,dhcp4.o dhcp4-message.o \
    udp-packet.o)
fuzz_dhcp6 := $(addprefix agent/services/,dhcp6.o dhcp6-message.o \
    domain-name.o udp-packet.o)
fuzz_router-solicit := $(addprefix agent/services/,router-advert.o \
    domain-name.o)
fuzz_settings := agent/config.o $(addprefix agent/cloud/,inventory-url.o \
    listen-address.o safe-text.o) -lcurl
fuzz_watch := $(fuzz_event) $(addprefix agent/cloud/,watch-stream.o \
    http-answer.o media-type.o) -lcurl
fuzz_webhook := $(unit_event-decode) $(addprefix agent/cloud/, \
    webhook-answer.o webhook-headers.o webhook-intake.o webhook-replay.o \
    webhook-routes.o webhook-secrets.o webhook-signature.o media-type.o \
    watched-file.o) -lmicrohttpd

# How they are built; every fuzz-NAME.c needs its line above.  They and what
# they are linked with have a folder of their own.  What clang has to say
# about signs comes from Open vSwitch's macros.

FUZZ_TARGETS := $(patsubst tests/fuzz/fuzz-%.c,%,$(wildcard \
    tests/fuzz/fuzz-*.c))
FUZZ_TARGET ?= $(FUZZ_TARGETS)
FUZZ_TIME ?= 60
FUZZ_BUILD := build/fuzz
fuzz_make = $(MAKE) --no-print-directory CC=clang BUILD=$(FUZZ_BUILD) \
    SANITIZE=fuzzer-no-link,address,undefined \
    CFLAGS='$(CFLAGS) -Wno-sign-compare'

.PHONY: fuzz check-fuzz fuzz-targets
fuzz: packages-fuzz
	@+$(fuzz_make) $(jobs) fuzz-targets

check-fuzz: fuzz
	@$(PYTHON) -B tests/fuzz/run --time $(FUZZ_TIME) $(FUZZ_ARGS) $(FUZZ_TARGET)

fuzz-targets: $(FUZZ_TARGETS:%=$(BUILD)/tests/fuzz/fuzz-%)

fuzz_objects_of = $(sort $(addprefix $(BUILD)/,$(filter %.o,$(fuzz_base) \
    $(fuzz_$(1)))))

$(BUILD)/tests/fuzz/fuzz-%: $(BUILD)/tests/fuzz/fuzz-%.o \
        $$(call fuzz_objects_of,$$*) $(OVS_LIB)
	$(if $(filter undefined,$(origin fuzz_$*)),$(error \
	    tests/fuzz/fuzz.mk has no line fuzz_$*))
	$(call say,LINK)$(CC) $(subst fuzzer-no-link,fuzzer,$(ldflags)) -o $@ \
	    $^ $(filter -l%,$(fuzz_$*)) $(OVS_LIBS)

-include $(wildcard $(BUILD)/tests/fuzz/*.d)
