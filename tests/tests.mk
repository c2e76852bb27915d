# tests.mk - how the tests are built and run.  Included by the Makefile.
#
# `make test` is everything that fits into a quarter of an hour: the unit and plugin tests plain
# and under the sanitizers, the public headers, the layers, end to end, and the short fault runs.

UNIT  := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
TOOLS := load receive sql
E2E   := $(filter-out tests/e2e/lib.sh,$(wildcard tests/e2e/*.sh))
FAULT := $(wildcard tests/fault/*.sh)
# One thread is at work in these, so there is nothing for the thread sanitizer to find.
SINGLE := $(addprefix test_,api_json automation bare box box_hostile box_library box_order cli cloudevents \
              code condition config crypto differ digest exact filter hooks hooks_shipped \
              intake json limits lines options pace plan points prom rules schedule scripts_kept \
              series sieve sign skipped table team_secret template tls tz values vars when wire)
# These compare times, so nothing may run beside them.
TIMED := tests/fault/backlog.sh tests/fault/outage.sh tests/fault/script_bombs.sh tests/fault/many.sh
# These are about what is built and installed, and about programs that end at once, of which a
# sanitizer has little to say.
UNSANITIZED := $(addprefix tests/e2e/,command.sh dropin.sh webhook_script.sh)
SANITIZED_FAULT := tests/fault/mutations.sh tests/fault/receivers.sh

# What the tests ask of npm; for node's require() and tests/tools/npm.mjs.
export NODE_PATH := $(abspath $(BUILD))/npm/node_modules

include tests/plugin/plugin-tests.mk

# Some 300 programs are linked; gold, where it is, takes half the time.
TEST_LINK = $(LINK) $(if $(GOLD),-fuse-ld=gold)
GOLD     := $(shell command -v ld.gold)

# What only checks need not be quick, and is compiled in a third of the time.
$(B)/tests/unit/%.o $(B)/tests/plugin/%.o: override CFLAGS += -O0

# One program per file in tests/unit, against the static library: tests see core's own headers.
# Plugins are linked in as an embedding program would.
$(B)/tests/unit/%: $(B)/tests/unit/%.o $(B)/tests/test.o $(B)/tests/plugin/libstatic.a \
                   $(B)/libcli.a $(B)/libbelfry.a
	$(Q)$(TEST_LINK) $(filter %.o,$^) $(filter %.a,$^) $(LIBS) -o $@

# These start script processes.
$(B)/tests/unit/test_pool $(B)/tests/unit/test_reload: | $(B)/belfry-script

$(B)/tests/tools/%: $(B)/tests/tools/%.o $(B)/tests/tools/tool.o
	$(Q)$(LINK) $^ -lsqlite3 -lsodium -lm -o $@

# What the hub makes of outside texts, for comparison with other parsers.
$(B)/tests/json/%: $(B)/tests/json/%.o $(B)/libbelfry.a
	$(Q)$(LINK) $^ $(LIBS) -o $@

$(B)/tests/cron/%: $(B)/tests/cron/%.o $(B)/libbelfry.a
	$(Q)$(LINK) $^ $(LIBS) -o $@

# A bus without a hub, which is overheard by whoever compares it with the reference evaluator.
$(B)/tests/reference/drive: $(B)/tests/reference/drive.o $(B)/libbelfry.a
	$(Q)$(LINK) -Wl,--wrap=bf_rules_judge,--wrap=bf_db_commit $^ $(LIBS) -o $@

# Automations as code, and back.
$(B)/tests/reference/rewrite: $(B)/tests/reference/rewrite.o $(B)/libbelfry.a
	$(Q)$(LINK) $^ $(LIBS) -o $@

UNIT_PROGRAMS   := $(UNIT:%=$(B)/tests/unit/%)
THREADED_PROGRAMS := $(patsubst %,$(B)/tests/unit/%,$(filter-out $(SINGLE),$(UNIT)))
PLUGIN_PROGRAMS := $(PLUGIN_TESTS:%=$(B)/tests/plugin/%)
TOOL_PROGRAMS   := $(TOOLS:%=$(B)/tests/tools/%) $(B)/tests/json/gate $(B)/tests/cron/next \
                   $(B)/tests/reference/drive $(B)/tests/reference/rewrite

include tests/bench/bench.mk
include tests/fuzz/fuzz.mk

unit: $(UNIT_PROGRAMS)
	$(Q)scripts/run-tests.sh $(UNIT_PROGRAMS)

e2e: all $(TOOL_PROGRAMS) $(SKELETONS)
	$(Q)B=$(B) scripts/run-tests.sh $(E2E)

threaded-programs: all $(THREADED_PROGRAMS) $(TOOL_PROGRAMS)
test-programs: all $(UNIT_PROGRAMS) $(PLUGIN_PROGRAMS) $(TOOL_PROGRAMS) $(SKELETONS) $(if $(SANITIZE),$(FUZZ_REPLAYS))

# The long forms.
fault: test-programs
	$(Q)B=$(B) KILL_ROUNDS=100 PENDING=100000 SCRIPT_RELOADS=1000 ROUNDS=100 \
	    SECONDS_ALONE=60 TEST_TIMEOUT=3000 TEST_JOBS=1 scripts/run-tests.sh $(FAULT)

# The longest forms, to be left alone for a while.
soak: test-programs
	$(Q)B=$(B) TEXTS=1000000 DOCUMENTS=100000 MUTATIONS=10000 SCHEDULES=20000 EVENTS=1000000 \
	    TEST_TIMEOUT=6000 TEST_JOBS=1 scripts/run-tests.sh tests/e2e/json.sh tests/e2e/cron.sh \
	    tests/fault/mutations.sh tests/e2e/reference.sh

# Everything, once its packages are there; in another make, for ours may have begun without them.
test:
	$(Q)scripts/deps.sh test
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) test-here

# Mostly waiting for the network, so it goes on beside the builds.
npm-packages:
	$(Q)scripts/npm.sh $(BUILD)/npm

ASAN := $(BUILD)/address-undefined
TSAN := $(BUILD)/thread
in    = $(patsubst $(B)/%,$(1)/%,$(2))

sanitized-programs: test-programs
	+$(Q)$(MAKE) --no-print-directory SANITIZE=address,undefined CFLAGS='-O1 -g1' test-programs
	+$(Q)$(MAKE) --no-print-directory SANITIZE=thread CFLAGS='-O1 -g1' threaded-programs

test-here: sanitized-programs npm-packages
	$(Q)scripts/run-tests.sh scripts/layers.sh tests/abi/headers.sh \
	    $(UNIT_PROGRAMS) $(PLUGIN_PROGRAMS) \
	    $(foreach t,$(E2E) $(FAULT),'$(if $(filter $(t),$(TIMED)),ALONE=1 )B=$(B) $(t)') \
	    $(call in,$(ASAN),$(UNIT_PROGRAMS) $(PLUGIN_PROGRAMS)) \
	    $(foreach t,$(FUZZ_TARGETS),'$(ASAN)/tests/fuzz/replay_$(t) tests/fuzz/corpus/$(t)/*') \
	    $(foreach t,$(filter-out $(UNSANITIZED),$(E2E)) $(SANITIZED_FAULT),\
	        'SANITIZED=1 B=$(ASAN) $(t)') \
	    $(call in,$(TSAN),$(THREADED_PROGRAMS)) \
	    $(foreach t,tests/e2e/way.sh tests/fault/receivers.sh,'SANITIZED=1 B=$(TSAN) $(t)')

.SECONDARY:
.PHONY: all unit e2e fault soak test test-here test-programs threaded-programs \
        sanitized-programs npm-packages
