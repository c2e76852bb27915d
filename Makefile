# Belfry.  `make help` lists the targets; V=1 shows the commands; nothing is written outside $(BUILD).

VERSION := 0.1.0
RELEASED := 2026-11-25
PREFIX  ?= /usr/local
BUILD   ?= build
SANITIZE ?=
comma   := ,
Q       := $(if $(V),,@)

# A sanitizer build lives beside the plain one: build/address-undefined, build/thread.
B := $(BUILD)$(if $(SANITIZE),/$(subst $(comma),-,$(SANITIZE)))

WARN := -Wall -Wextra -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes \
        -Wwrite-strings -Wvla -Wno-missing-field-initializers
BF_CFLAGS := -std=c11 -D_GNU_SOURCE -Iinclude -I. -fPIC -fvisibility=hidden -MMD -MP -pthread \
             -DBF_VERSION='"$(VERSION)"' -DBF_RELEASED='"$(RELEASED)"' \
             -DBF_PLUGIN_DIR='"$(PREFIX)/lib/belfry/plugins"' \
             -DBF_SCRIPTS_DIR='"$(PREFIX)/share/belfry/scripts"' \
             -DBF_SCRIPT_HELPER='"$(PREFIX)/libexec/belfry/belfry-script"' \
             $(WARN) $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer)
CFLAGS  ?= -O2 -g
PKGS    := libmicrohttpd libcurl sqlite3 libcjson libsodium lua5.4 re2 glib-2.0
LIBS    := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lstdc++ -ldl -lm -pthread
BF_CFLAGS += $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
LINK     = $(CC) $(BF_CFLAGS) $(CFLAGS) $(LDFLAGS)

# One file is C++, the door to RE2; it takes CFLAGS as they are.  Whatever holds it is linked by CC
# with -lstdc++, so that programs that embed a hub stay programs in C.
C_ONLY      := -std=c11 -Wstrict-prototypes -Wmissing-prototypes
BF_CXXFLAGS := -std=c++17 -fno-exceptions -fno-rtti $(filter-out $(C_ONLY),$(BF_CFLAGS))

CORE    := $(filter-out core/main.c $(wildcard core/cli/*.c),$(wildcard core/*.c core/*/*.c)) \
           $(wildcard core/*/*.cc)
CLI     := $(wildcard core/cli/*.c)
PLUGINS := $(patsubst plugins/%/,%,$(wildcard plugins/*/))
obj      = $(patsubst %.c,$(B)/%.o,$(patsubst %.cc,$(B)/%.o,$(1)))

# A script process has the box, what it says to its hub, and nothing else of a hub.
CHILD   := $(wildcard core/script/child/*.c)
BOX     := $(wildcard core/script/box*.c) core/script/wire.c core/rules/hooks.c \
           $(wildcard core/base/*.c core/base/*.cc)

all: $(B)/belfry $(B)/belfry-script $(B)/libbelfry.a $(B)/libbelfry.so $(B)/belfry.pc $(B)/belfry-plugin.pc \
     $(PLUGINS:%=$(B)/plugins/%.so) $(B)/man/belfry.1

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(BF_CFLAGS) $(CFLAGS) $(CPPFLAGS) -c $< -o $@

$(B)/%.o: %.cc
	@mkdir -p $(@D)
	$(Q)$(CXX) $(BF_CXXFLAGS) $(CFLAGS) $(CPPFLAGS) -c $< -o $@

$(B)/libbelfry.a: $(call obj,$(CORE))
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(B)/libbelfry.so: $(call obj,$(CORE))
	$(Q)$(LINK) -shared -Wl,-soname,libbelfry.so.0 $^ $(LIBS) -o $@

# The verbs, for the command and its tests.
$(B)/libcli.a: $(call obj,$(CLI))
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(B)/belfry: $(B)/core/main.o $(B)/libcli.a $(B)/libbelfry.a
	$(Q)$(LINK) $^ $(LIBS) -o $@

$(B)/libbox.a: $(call obj,$(BOX))
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# Linked statically where that is possible: it is started again whenever a script has hung, and finding
# its libraries would be two thirds of a start.  (What the linker says of glib's use of getpwnam() is
# true and of no concern: nothing of that is called.)
BOX_LIBS = $(shell pkg-config --static --libs libsodium lua5.4 re2 glib-2.0 2>/dev/null) -lstdc++ -lm -pthread
$(B)/belfry-script: $(call obj,$(CHILD)) $(B)/libbox.a
	$(Q)$(if $(SANITIZE),false,$(LINK) -static-pie -Wl,--no-warnings $^ $(BOX_LIBS) -o $@ 2>/dev/null) || \
	    $(LINK) -Wl,--as-needed $^ $(LIBS) -o $@

# Manual pages and completions are made by the command itself, from its table of verbs.
$(B)/man/belfry.1: $(B)/belfry
	@rm -rf $(B)/man $(B)/completion && mkdir -p $(B)/man $(B)/completion
	$(Q)$(B)/belfry completion bash >$(B)/completion/belfry
	$(Q)$(B)/belfry completion zsh >$(B)/completion/_belfry
	$(Q)$(B)/belfry completion fish >$(B)/completion/belfry.fish
	$(Q)$(B)/belfry man --to $(B)/man

# A new plugin is a new directory; plugin.mk sets LDLIBS-NAME if it needs a library.
-include $(wildcard plugins/*/plugin.mk)
define plugin_rule
$(B)/plugins/$(1).so: $(call obj,$(wildcard plugins/$(1)/*.c))
	$$(Q)$$(LINK) -shared $(if $(SANITIZE),,-Wl$(comma)-z$(comma)defs) $$^ $$(LDLIBS-$(1)) -o $$@
endef
$(foreach p,$(PLUGINS),$(eval $(call plugin_rule,$(p))))

# Hooks that we ship stand where the command looks for them: beside itself.
HOOKS := $(wildcard scripts/hooks/*.lua)
EXAMPLES := $(wildcard scripts/examples/*.lua scripts/examples/*.c)
all: $(HOOKS:scripts/hooks/%=$(B)/scripts/%)
$(B)/scripts/%.lua: scripts/hooks/%.lua
	@mkdir -p $(@D)
	$(Q)cp $< $@

# pkg-config files: belfry for programs that embed a hub, belfry-plugin for plugins, which link to
# nothing of ours.
define belfry_pc
prefix=$(PREFIX)
Name: belfry
Description: embed a Belfry automation hub
Version: $(VERSION)
Cflags: -I$${prefix}/include
Libs: -L$${prefix}/lib -lbelfry
Libs.private: -lstdc++ -ldl -lm -pthread
Requires.private: $(PKGS)
endef
define belfry_plugin_pc
prefix=$(PREFIX)
plugin_dir=$${prefix}/lib/belfry/plugins
Name: belfry-plugin
Description: write a plugin for a Belfry automation hub
Version: $(VERSION)
Cflags: -I$${prefix}/include
endef
$(B)/belfry.pc: Makefile
	@mkdir -p $(@D)
	$(file >$@,$(belfry_pc))
$(B)/belfry-plugin.pc: Makefile
	@mkdir -p $(@D)
	$(file >$@,$(belfry_plugin_pc))

# Build what is needed, then run a hub with an example automation.
run:
	$(Q)scripts/deps.sh run
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) all
	$(Q)scripts/run.sh $(B)

DEST = $(DESTDIR)$(PREFIX)
COMPLETIONS := bash-completion/completions zsh/site-functions fish/vendor_completions.d

install: all
	$(Q)[ ! $(DEST)/include/belfry -ef include/belfry ] || \
	    { echo "PREFIX=$(PREFIX) is this source tree; choose another directory" >&2; exit 1; }
	install -d $(DEST)/bin $(DEST)/include/belfry $(DEST)/lib/pkgconfig $(DEST)/lib/belfry/plugins
	install -m 755 $(B)/belfry $(DEST)/bin/
	install -d $(DEST)/libexec/belfry
	install -m 755 $(B)/belfry-script $(DEST)/libexec/belfry/
	install -m 644 include/belfry/belfry.h include/belfry/plugin.h $(DEST)/include/belfry/
	install -m 644 $(B)/libbelfry.a $(DEST)/lib/
	install -m 755 $(B)/libbelfry.so $(DEST)/lib/libbelfry.so.0
	ln -sf libbelfry.so.0 $(DEST)/lib/libbelfry.so
	install -m 644 $(B)/belfry.pc $(B)/belfry-plugin.pc $(DEST)/lib/pkgconfig/
	sed -i 's|^prefix=.*|prefix=$(PREFIX)|' $(DEST)/lib/pkgconfig/belfry.pc $(DEST)/lib/pkgconfig/belfry-plugin.pc
	install -m 755 $(PLUGINS:%=$(B)/plugins/%.so) $(DEST)/lib/belfry/plugins/
	install -d $(DEST)/share/belfry/scripts $(DEST)/share/belfry/examples
	install -m 644 $(HOOKS) $(DEST)/share/belfry/scripts/
	install -m 755 scripts/webhook-test.sh $(DEST)/share/belfry/
	install -m 644 $(EXAMPLES) $(DEST)/share/belfry/examples/
	install -d $(DEST)/share/man/man1 $(DEST)/share/man/man5 $(COMPLETIONS:%=$(DEST)/share/%)
	install -m 644 $(B)/man/*.1 $(DEST)/share/man/man1/
	install -m 644 $(B)/man/*.5 $(DEST)/share/man/man5/
	install -m 644 $(B)/completion/belfry $(DEST)/share/bash-completion/completions/
	install -m 644 $(B)/completion/_belfry $(DEST)/share/zsh/site-functions/
	install -m 644 $(B)/completion/belfry.fish $(DEST)/share/fish/vendor_completions.d/

uninstall:
	rm -f $(DEST)/bin/belfry $(DEST)/include/belfry/belfry.h $(DEST)/include/belfry/plugin.h
	rm -f $(DEST)/libexec/belfry/belfry-script
	rm -f $(DEST)/lib/libbelfry.a $(DEST)/lib/libbelfry.so $(DEST)/lib/libbelfry.so.0
	rm -f $(DEST)/lib/pkgconfig/belfry.pc $(DEST)/lib/pkgconfig/belfry-plugin.pc
	rm -f $(PLUGINS:%=$(DEST)/lib/belfry/plugins/%.so)
	rm -f $(HOOKS:scripts/hooks/%=$(DEST)/share/belfry/scripts/%)
	rm -f $(EXAMPLES:scripts/%=$(DEST)/share/belfry/%) $(DEST)/share/belfry/webhook-test.sh
	rm -f $(DEST)/share/man/man1/belfry.1 $(DEST)/share/man/man1/belfry-*.1
	rm -f $(DEST)/share/man/man5/belfry-config.5 $(DEST)/share/man/man5/belfry-code.5
	rm -f $(DEST)/share/man/man5/belfry-lua.5
	rm -f $(DEST)/share/bash-completion/completions/belfry $(DEST)/share/zsh/site-functions/_belfry
	rm -f $(DEST)/share/fish/vendor_completions.d/belfry.fish

dist:
	@mkdir -p $(BUILD)
	git archive --prefix=belfry-$(VERSION)/ -o $(BUILD)/belfry-$(VERSION).tar.gz HEAD

clean:
	rm -rf $(BUILD)

help:
	@echo 'make            build everything into $(BUILD)'
	@echo 'make run        build, and run a hub with an example automation; BELFRY_LISTEN=127.0.0.1:8330'
	@echo '                and BELFRY_RECEIVER=127.0.0.1:8331 choose other addresses'
	@echo 'make test       all tests that fit into a quarter of an hour, sanitizers included'
	@echo 'make unit       the unit tests alone; T=word runs those whose name holds it'
	@echo 'make e2e        the end-to-end tests alone'
	@echo 'make fault      the long fault runs: 100 kills, 100,000 waiting deliveries, 1,000 changes of'
	@echo '                a script'
	@echo 'make soak       the longest forms: 1,000,000 JSON texts against another parser, 10,000'
	@echo '                mutated requests per route, 1,000,000 events against another evaluator'
	@echo 'make fuzz       every fuzz target under libFuzzer, FUZZ_SECONDS=60 each'
	@echo 'make bench      measure against bare programs of the same libraries; prints ratios'
	@echo 'make install    into $$DESTDIR$$PREFIX ($(PREFIX)); make uninstall takes it away'
	@echo 'make dist       a source archive;  make clean removes $(BUILD)'
	@echo 'Variables: BUILD, PREFIX, DESTDIR, CFLAGS, SANITIZE=address,undefined, V=1'

# An .incbin is nothing the compiler tells about.
$(B)/core/event/schema.o: core/event/envelope.schema.json
$(B)/core/api/openapi.o: core/api/openapi.json

include tests/tests.mk

-include $(shell find $(B) -name '*.d' 2>/dev/null)

.PHONY: all run install uninstall dist clean help
