# fuzz.mk - the fuzz targets: under libFuzzer by `make fuzz`, their corpora by `make test`.
# Included by tests.mk.

FUZZ_TARGETS := $(patsubst tests/fuzz/%.c,%,$(filter-out %/replay.c,$(wildcard tests/fuzz/*.c)))
FUZZ_REPLAYS := $(FUZZ_TARGETS:%=$(B)/tests/fuzz/replay_%)
FUZZ_SECONDS ?= 60

$(B)/tests/fuzz/replay_%: $(B)/tests/fuzz/%.o $(B)/tests/fuzz/replay.o $(B)/libbelfry.a
	$(Q)$(TEST_LINK) $^ $(LIBS) -o $@

# Built by clang in a directory of its own, with the edges counted in all of core.
$(B)/tests/fuzz/fuzz_%: $(B)/tests/fuzz/%.o $(B)/libbelfry.a
	$(Q)$(LINK) -fsanitize=fuzzer $^ $(LIBS) -o $@

# Plugins, linked in.
$(B)/tests/fuzz/replay_sinks $(B)/tests/fuzz/fuzz_sinks: $(B)/tests/plugin/libstatic.a

fuzz-programs: $(FUZZ_TARGETS:%=$(B)/tests/fuzz/fuzz_%)

# What a run finds goes into $(BUILD)/fuzz/found; what it learns into $(BUILD)/fuzz/TARGET.
fuzz:
	$(Q)scripts/deps.sh fuzz
	+$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/fuzz CC=clang CXX=clang++ \
	    SANITIZE=address,undefined CFLAGS='-O1 -g -fsanitize=fuzzer-no-link' fuzz-programs
	$(Q)mkdir -p $(BUILD)/fuzz/found
	$(Q)for t in $(FUZZ_TARGETS); do \
	    mkdir -p $(BUILD)/fuzz/$$t; \
	    $(BUILD)/fuzz/address-undefined/tests/fuzz/fuzz_$$t -max_total_time=$(FUZZ_SECONDS) \
	        -timeout=5 -rss_limit_mb=1024 -max_len=16384 -print_final_stats=1 -verbosity=0 \
	        -artifact_prefix=$(BUILD)/fuzz/found/$$t- \
	        $(BUILD)/fuzz/$$t tests/fuzz/corpus/$$t || exit 1; \
	done

.PHONY: fuzz fuzz-programs
