# plugin-tests.mk - the tests of plugins: plugins and skeletons linked in (BF_STATIC) with the fake
# host, and nothing of core.  Included by tests.mk.
#
# The skeletons are objects as well, for a hub of tests/e2e to load.

PLUGIN_TESTS := $(patsubst tests/plugin/%.c,%,$(wildcard tests/plugin/test_*.c))
FAKE_HOST    := $(patsubst %.c,$(B)/%.o,$(wildcard tests/plugin/fake_*.c) tests/test.c)
STATIC_SRC   := $(wildcard plugins/*/*.c tests/abi/skeleton/*.c)
STATIC_OBJ   := $(STATIC_SRC:%.c=$(B)/static/%.o)

$(B)/static/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(BF_CFLAGS) $(CFLAGS) $(CPPFLAGS) -DBF_STATIC -c $< -o $@

$(B)/tests/plugin/libstatic.a: $(STATIC_OBJ)
	@mkdir -p $(@D)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(B)/tests/plugin/test_%: $(B)/tests/plugin/test_%.o $(FAKE_HOST) $(B)/tests/plugin/libstatic.a
	$(Q)$(TEST_LINK) $^ -lsqlite3 -lsodium $(foreach p,$(PLUGINS),$(LDLIBS-$(p))) -o $@

SKELETONS := $(patsubst tests/abi/skeleton/%.c,$(B)/tests/skeletons/%.so,\
               $(wildcard tests/abi/skeleton/*.c))

$(B)/tests/skeletons/%.so: $(B)/tests/abi/skeleton/%.o
	@mkdir -p $(@D)
	$(Q)$(LINK) -shared $(if $(SANITIZE),,-Wl$(comma)-z$(comma)defs) $^ -o $@

e2e test-programs: $(SKELETONS)

plugin-tests: $(PLUGIN_TESTS:%=$(B)/tests/plugin/%)
	$(Q)scripts/run-tests.sh $(PLUGIN_TESTS:%=$(B)/tests/plugin/%)

.PHONY: plugin-tests
