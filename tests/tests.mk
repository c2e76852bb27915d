# tests.mk - how the tests are built and run.  Included by the Makefile.

include tests/plugin/plugin-tests.mk

UNIT := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
UNIT_PROGRAMS := $(UNIT:%=$(B)/tests/unit/%)

# One program per file in tests/unit, against the static library: tests see core's own headers.
$(B)/tests/unit/%: $(B)/tests/unit/%.o $(B)/tests/test.o $(B)/libbelfry.a
	$(Q)$(LINK) $^ $(LIBS) -o $@

unit: $(UNIT_PROGRAMS)
	$(Q)scripts/run-tests.sh $(UNIT_PROGRAMS)

.SECONDARY:
.PHONY: unit
