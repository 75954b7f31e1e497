# SPDX-License-Identifier: GPL-2.0-only
CC ?= gcc
CFLAGS ?= -O2 -g
CPPFLAGS += -Ilibexec/lib -Ilibexec -Iguest
KT_CFLAGS = -std=gnu11 -Wall -Wextra -Wvla -Wformat=2 -Wno-missing-field-initializers -MMD -MP $(CFLAGS)
JANSSON_CFLAGS := $(shell pkg-config --cflags jansson 2>/dev/null)
JANSSON_LIBS := $(shell pkg-config --libs jansson 2>/dev/null || echo -ljansson)
MD_LIBS := $(shell pkg-config --libs libmd 2>/dev/null || echo -lmd)
ELF_LIBS := $(shell pkg-config --libs libelf 2>/dev/null || echo -lelf)
KERNEL_LIBS = $(ELF_LIBS) $(MD_LIBS) # of every program that calls kernel.h
PREFIX ?= /usr/local
DESTDIR ?=
V ?= 0
Q := $(if $(filter 1,$(V)),,@)
msg = $(if $(filter 1,$(V)),,@printf '  %-5s %s\n' $(1) $(2))

LIB = kt json cache vmlinux bzimage kernel kernel-cache kernel-facts
LIB_OBJS = $(LIB:%=libexec/lib/%.o)
PROGRAMS = libexec/ktstr-kernel

all: $(PROGRAMS)

libexec/libktstr.a: $(LIB_OBJS)
	$(call msg,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

libexec/ktstr-kernel: libexec/ktstr-kernel.o libexec/libktstr.a
	$(call msg,LD,$@)
	$(Q)$(CC) $(KT_CFLAGS) $(LDFLAGS) -o $@ $^ $(KERNEL_LIBS) $(JANSSON_LIBS)

%.o: %.c Makefile
	$(call msg,CC,$@)
	$(Q)$(CC) $(CPPFLAGS) $(KT_CFLAGS) $(JANSSON_CFLAGS) -c -o $@ $<

# A bare machine has make and sh: packages first, then make again, which now finds pkg-config and what it knows.
deps:
	$(Q)libexec/ktstr-deps build run test
kernel: all
	$(Q)libexec/ktstr-kernel fetch --if-missing
check: deps
	$(Q)$(MAKE) --no-print-directory kernel
	$(Q)bats tests

clean:
	rm -rf .build $(PROGRAMS)
	find bin libexec guest tests -name '*.[oda]' -delete

.PHONY: all clean deps kernel check
.DELETE_ON_ERROR:
-include $(shell find bin libexec guest tests -name '*.d' 2>/dev/null)
