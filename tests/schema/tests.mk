# SPDX-License-Identifier: Apache-2.0
#
# The program that says what the decoders accept, and nothing but them.

VERDICT := $(BUILD)/tests/schema/verdict

verdict_objects := $(addprefix $(BUILD)/, \
    $(filter %.o,$(unit_event-decode)))

$(VERDICT): $(VERDICT).o $(verdict_objects) $(OVS_LIB)
	$(call say,LINK)$(CC) $(ldflags) -o $@ $^ \
	    $(filter -l%,$(unit_event-decode)) $(OVS_LIBS)

$(VERDICT).o: | packages-check

-include $(VERDICT).d
