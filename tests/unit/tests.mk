# SPDX-License-Identifier: Apache-2.0
#
# The unit tests.  unit_NAME names the objects that tests/unit/test-NAME.c is
# linked with, besides libopenvswitch and cmocka, and the libraries that those
# need.  What is not named is not there: the line proves what a module can do
# without.

core_objects := $(patsubst %.c,%.o,$(wildcard agent/core/*.c))
# All that says which flows there are.
flow_objects := $(filter agent/core/flow-%,$(core_objects)) \
    agent/core/pipeline.o agent/core/punt.o

unit_symbols := tests/unit/symbols-ovs.o -ljansson
unit_tunnel-spec := agent/core/tunnel-spec.o agent/core/objects.o
unit_objects := agent/core/objects.o
unit_waits := agent/waits.o
unit_settling := agent/settling.o agent/waits.o $(flow_objects)
unit_vswitchd-control := agent/vswitchd-control.o
unit_notify := agent/notify.o
unit_bfd-watch := agent/bfd-watch.o agent/facts.o agent/listing.o \
    agent/local-address.o ovsdb-client/repair-limit.o \
    $(addprefix agent/core/,bfd.o tunnel-spec.o objects.o)
unit_memory-trim := agent/memory-trim.o
unit_listing := agent/listing.o
unit_pass-watch := agent/pass-watch.o
unit_exposition := agent/exposition.o agent/histogram.o
unit_running-total := agent/running-total.o
unit_latency := agent/latency.o agent/histogram.o
unit_config := agent/config.o agent/core/objects.o \
    $(addprefix agent/cloud/,inventory-url.o listen-address.o safe-text.o) \
    -lcurl
unit_dhcp4 := tests/unit/dhcp4-frames.o $(addprefix agent/services/, \
    dhcp4.o dhcp4-message.o udp-packet.o)
unit_dhcp6 := tests/unit/dhcp4-frames.o $(addprefix agent/services/, \
    dhcp6.o dhcp6-message.o domain-name.o udp-packet.o)
unit_router-advert := tests/unit/dhcp4-frames.o $(addprefix agent/services/, \
    router-advert.o domain-name.o udp-packet.o)
unit_leases := agent/leases.o
unit_list-schedule := agent/cloud/list-schedule.o
unit_watch-schedule := agent/cloud/watch-schedule.o
unit_inventory-url := agent/cloud/inventory-url.o -lcurl
unit_http-answer := agent/cloud/http-answer.o -lcurl
unit_value-arena := agent/cloud/value-arena.o
unit_media-type := agent/cloud/media-type.o
unit_page-chain := $(addprefix agent/cloud/,page-chain.o http-answer.o \
    media-type.o safe-text.o) -lcurl
unit_inventory-json := $(addprefix agent/cloud/,inventory-json.o \
    inventory-page.o object-json.o address-text.o safe-text.o \
    value-arena.o) agent/core/objects.o -ljansson
unit_event-decode := $(unit_inventory-json) $(addprefix agent/cloud/, \
    inventory-event.o event-object.o event-body.o)
unit_inventory-cache := $(unit_inventory-json) $(addprefix agent/cloud/, \
    inventory-cache.o state-file.o state-reader.o state-writer.o \
    object-encode.o) $(addprefix agent/core/,inventory.o inventory-list.o \
    inventory-change.o inventory-event.o inventory-known.o \
    inventory-standing.o inventory-objects.o inventory-routers.o)
unit_learned-file := $(unit_inventory-json) agent/learned-file.o \
    $(addprefix agent/cloud/,state-file.o object-encode.o)
unit_watch-stream := tests/unit/raw-server.o $(unit_inventory-json) \
    $(addprefix agent/cloud/,watch-stream.o inventory-event.o event-object.o \
    http-transfer.o http-client.o curl-poll.o http-answer.o inventory-url.o \
    api-token.o watched-file.o media-type.o) -lcurl
unit_inventory-source := $(unit_watch-stream) $(addprefix agent/cloud/, \
    inventory-source.o http-inventory.o file-inventory.o page-chain.o \
    list-schedule.o http-watch.o source-watch.o watch-schedule.o)
unit_http-watch := $(unit_inventory-source)
unit_webhook-signature := agent/cloud/webhook-signature.o
unit_webhook-replay := agent/cloud/webhook-replay.o
unit_webhook-answer := agent/cloud/webhook-answer.o -lmicrohttpd
unit_webhook-metrics := agent/cloud/webhook-metrics.o -lmicrohttpd
unit_webhook-headers := agent/cloud/webhook-headers.o
unit_webhook-clients := agent/cloud/webhook-clients.o
unit_webhook-secrets := $(addprefix agent/cloud/,webhook-secrets.o \
    watched-file.o)
unit_webhook-server := $(unit_inventory-json) $(patsubst %.c,%.o,$(wildcard \
    agent/cloud/webhook-*.c)) $(addprefix agent/cloud/,watched-file.o \
    listen-address.o inventory-event.o event-body.o event-object.o \
    media-type.o) -lmicrohttpd -lgnutls
unit_repair-limit := ovsdb-client/repair-limit.o
unit_listen-probe := ovsdb-client/listen-probe.o
unit_bridge-lock := ovsdb-client/bridge-lock.o ovsdb-client/switch-rows.o \
    tests/unit/ovsdb-sandbox.o
unit_ovsdb-client := $(patsubst %.c,%.o,$(wildcard ovsdb-client/*.c)) \
    tests/unit/ovsdb-sandbox.o $(addprefix agent/core/, \
    objects.o tunnel-spec.o bfd.o)
unit_ovsdb-drift := $(unit_ovsdb-client)
unit_random-history := tests/unit/model-switch.o \
    tests/unit/random-objects.o $(core_objects)
unit_event-history := $(unit_random-history)
unit_attachments := agent/core/attachments.o
unit_conflicts := agent/core/conflicts.o
unit_inventory := tests/unit/inventory-text.o $(addprefix agent/core/, \
    inventory.o inventory-list.o inventory-change.o inventory-event.o \
    inventory-known.o inventory-standing.o inventory-routers.o objects.o)
unit_inventory-event := $(unit_inventory)
unit_flow-spec := $(flow_objects) $(unit_inventory)
unit_flow-route := $(unit_flow-spec)
unit_endpoint-services := agent/core/endpoint-services.o $(unit_inventory)
unit_explain-trace := agent/explain-trace.o agent/local-address.o \
    $(flow_objects)
unit_explain-names := agent/explain-names.o agent/core/holders.o \
    $(unit_inventory)
unit_batch := $(addprefix agent/openflow/,batch.o bundle-queue.o) \
    $(flow_objects)
unit_bundle-queue := $(addprefix agent/openflow/,batch.o bundle-queue.o)
unit_repair-history := agent/openflow/repair-history.o
unit_flow-drift := $(addprefix agent/openflow/,flow-drift.o flow-repair.o \
    installed-flows.o repair-history.o) agent/core/flow-diff.o
unit_switch-session := $(patsubst %.c,%.o,$(wildcard agent/openflow/*.c)) \
    $(flow_objects) tests/unit/ovsdb-sandbox.o tests/unit/openflow-relay.o
unit_memberships := agent/core/memberships.o
unit_igmp := $(addprefix agent/services/,igmp.o group-message.o) \
    tests/unit/group-text.o
unit_mld := $(addprefix agent/services/,mld.o group-message.o) \
    tests/unit/group-text.o
unit_switch-punts := $(unit_switch-session)
unit_punt-meters := agent/openflow/punt-meters.o agent/core/punt.o \
    agent/core/flow-builder.o
unit_icmp-error := agent/services/icmp-error.o
unit_subnets := agent/core/subnets.o
unit_punts := agent/punts.o agent/core/punt.o
unit_announcement := agent/services/announcement.o $(unit_inventory)
unit_announce-service := agent/announce-service.o agent/announce-pace.o \
    agent/services/announcement.o tests/unit/model-host.o \
    tests/unit/inventory-text.o $(core_objects)
unit_holders := tests/unit/model-host.o tests/unit/inventory-text.o \
    $(core_objects)
unit_overlay := tests/unit/model-host.o tests/unit/inventory-text.o \
    $(core_objects)
unit_overlay-routers := $(unit_overlay)
unit_multicast := $(addprefix agent/,multicast-service.o multicast-teller.o \
    multicast-file.o) tests/unit/group-text.o $(unit_overlay) \
    $(addprefix agent/services/,igmp.o mld.o group-message.o)

# How they are built; every test-NAME.c needs its line above.

UNIT ?= $(patsubst tests/unit/test-%.c,%,$(wildcard tests/unit/test-*.c))
UNIT_TESTS := $(UNIT:%=$(BUILD)/tests/unit/test-%)

.PHONY: unit-tests
unit-tests: $(UNIT_TESTS)

objects_of = $(addprefix $(BUILD)/,$(filter %.o,$(unit_$(1))))

.SECONDARY:
.SECONDEXPANSION:
$(BUILD)/tests/unit/test-%: $(BUILD)/tests/unit/test-%.o \
        $$(call objects_of,$$*) $(OVS_LIB)
	$(if $(filter undefined,$(origin unit_$*)),$(error \
	    tests/unit/tests.mk has no line unit_$*))
	$(call say,LINK)$(CC) $(ldflags) -o $@ $^ $(filter -l%,$(unit_$*)) \
	    -lcmocka $(OVS_LIBS)

$(UNIT_TESTS:%=%.o): | packages-check
