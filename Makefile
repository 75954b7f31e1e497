# SPDX-License-Identifier: GPL-2.0-only
CC ?= gcc
CFLAGS ?= -O2 -g
CPPFLAGS += -Ilibexec/lib -Ilibexec -Iguest
KT_CFLAGS = -std=gnu11 -Wall -Wextra -Wvla -Wformat=2 -Wno-missing-field-initializers -MMD -MP $(CFLAGS)
JANSSON_CFLAGS := $(shell pkg-config --cflags jansson 2>/dev/null)
JANSSON_LIBS := $(shell pkg-config --libs jansson 2>/dev/null || echo -ljansson)
PREFIX ?= /usr/local
DESTDIR ?=
V ?= 0
Q := $(if $(filter 1,$(V)),,@)
msg = $(if $(filter 1,$(V)),,@printf '  %-5s %s\n' $(1) $(2))

LIB = kt json cpulist topology topology-cpus lines printable histogram report
LIB_OBJS = $(LIB:%=libexec/lib/%.o)
CHECKS = completed not_starved spread gap isolation throughput_cv min_work_rate
CHECK_OBJS = $(CHECKS:%=libexec/check/%.o) $(addprefix libexec/check/,check.o verdict.o text.o)
PROGRAMS = bin/ktstr-eval

all: $(PROGRAMS)

libexec/libktstr.a: $(LIB_OBJS)
	$(call msg,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

bin/ktstr-eval: bin/ktstr-eval.o $(CHECK_OBJS) libexec/libktstr.a
	$(call msg,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(JANSSON_LIBS) -lm

%.o: %.c Makefile
	$(call msg,CC,$@)
	$(Q)$(CC) $(CPPFLAGS) $(KT_CFLAGS) $(JANSSON_CFLAGS) -c -o $@ $<

clean:
	rm -rf .build $(PROGRAMS)
	find bin libexec guest tests -name '*.[oda]' -delete

.PHONY: all clean
.DELETE_ON_ERROR:
-include $(shell find bin libexec guest tests -name '*.d' 2>/dev/null)
