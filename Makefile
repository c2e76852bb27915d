# Belfry.  `make help` lists the targets; V=1 shows the commands; nothing is written outside $(BUILD).

VERSION := 0.1.0
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
             -DBF_VERSION='"$(VERSION)"' -DBF_PLUGIN_DIR='"$(PREFIX)/lib/belfry/plugins"' \
             $(WARN) $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer)
CFLAGS  ?= -O2 -g
PKGS    := libmicrohttpd libcurl sqlite3 libcjson libsodium lua5.4
LIBS    := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -ldl -lm -pthread
BF_CFLAGS += $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
LINK     = $(CC) $(BF_CFLAGS) $(CFLAGS) $(LDFLAGS)

CORE    := $(wildcard core/*.c core/*/*.c)
obj      = $(patsubst %.c,$(B)/%.o,$(1))

all: $(B)/libbelfry.a

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(BF_CFLAGS) $(CFLAGS) $(CPPFLAGS) -c $< -o $@

$(B)/libbelfry.a: $(call obj,$(CORE))
	$(Q)rm -f $@ && $(AR) rcs $@ $^

clean:
	rm -rf $(BUILD)

help:
	@echo 'make            build the library into $(BUILD)'
	@echo 'make unit       the unit tests; T=word runs those whose name holds it'
	@echo 'make clean      removes $(BUILD)'
	@echo 'Variables: BUILD, CFLAGS, SANITIZE=address,undefined, V=1'

# An .incbin is nothing the compiler tells about.
$(B)/core/event/schema.o: core/event/envelope.schema.json

include tests/tests.mk

-include $(shell find $(B) -name '*.d' 2>/dev/null)

.PHONY: all clean help
