# SPDX-License-Identifier: GPL-2.0-only
CC ?= gcc
CFLAGS ?= -O2 -g
CPPFLAGS += -Ilibexec/lib -Ilibexec -Iguest
KT_CFLAGS = -std=gnu11 -Wall -Wextra -Wvla -Wformat=2 -Wno-missing-field-initializers -MMD -MP $(CFLAGS)
LIBS = $(shell pkg-config --libs jansson libelf libmd libxxhash) -lm
# What runs in the guest is static: there is no libc there, nor anything else.
GUEST_LIBS = $(shell pkg-config --static --libs jansson)
PREFIX ?= /usr/local
DESTDIR ?=
V ?= 0
Q := $(if $(filter 1,$(V)),,@)
msg = $(if $(filter 1,$(V)),,@printf '  %-5s %s\n' $(1) $(2))

LIB = kt json rows strv lines printable cpio cpulist cpuset histogram spec report
LIB += topology topology-cpus topology-presets topology-qemu topology-shape topology-sysfs
LIB += cache vmlinux bzimage kernel kernel-cache kernel-facts
LIB += vm vm-args vm-qmp checkpoint checkpoint-entry checkpoint-cache guestlink
WORK = work worker spin_wait yield_heavy mixed bursty sequence pipe_io futex_ping_pong
SCENARIO = cgroup crew record scenario
BOOT = load accel run
CHECK = check verdict text completed not_starved spread gap isolation throughput_cv min_work_rate

LIB_OBJS = $(LIB:%=libexec/lib/%.o) $(WORK:%=guest/work/%.o)
PROGRAMS = bin/ktstr-topo bin/ktstr-boot bin/ktstr-eval libexec/ktstr-kernel libexec/ktstr-cache
TEST_HELPERS = tests/helper/measure tests/helper/topo-diff tests/helper/histogram-check tests/helper/eval-fuzz
STATIC = bin/ktstr-work guest/init
STATIC_TEST_HELPERS = tests/helper/bad-init
IMAGE = guest/ktstr.img

all: $(PROGRAMS) $(STATIC) $(IMAGE)

bin/ktstr-topo: bin/ktstr-topo.o
bin/ktstr-boot: bin/ktstr-boot.o $(BOOT:%=libexec/boot/%.o)
bin/ktstr-eval: bin/ktstr-eval.o $(CHECK:%=libexec/check/%.o)
bin/ktstr-work: bin/ktstr-work.o $(SCENARIO:%=guest/scenario/%.o) guest/hw.o
guest/init: guest/init.o guest/hw.o
libexec/ktstr-kernel: libexec/ktstr-kernel.o
libexec/ktstr-cache: libexec/ktstr-cache.o
tests/helper/eval-fuzz: $(CHECK:%=libexec/check/%.o)
$(TEST_HELPERS): %: %.o
tests/helper/bad-init: tests/helper/bad-init.o guest/hw.o

$(PROGRAMS) $(TEST_HELPERS): libexec/libktstr.a
	$(call msg,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) libexec/libktstr.a $(LIBS)

$(STATIC) $(STATIC_TEST_HELPERS): libexec/libktstr.a
	$(call msg,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -static -o $@ $(filter %.o,$^) libexec/libktstr.a $(GUEST_LIBS)

libexec/libktstr.a: $(LIB_OBJS)
	$(call msg,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(IMAGE): guest/pack $(STATIC)
	$(call msg,PACK,$@)
	$(Q)guest/pack $@ init=guest/init bin/ktstr-work=bin/ktstr-work

%.o: %.c Makefile
	$(call msg,CC,$@)
	$(Q)$(CC) $(CPPFLAGS) $(KT_CFLAGS) -c -o $@ $<

# A bare machine has make and sh: packages first, then make again, which now finds pkg-config and what it knows.
deps:
	$(Q)libexec/ktstr-deps build run test
kernel: all
	$(Q)libexec/ktstr-kernel fetch --if-missing
demo: deps
	$(Q)$(MAKE) --no-print-directory kernel
	$(Q)bin/ktstr run share/specs/mixed_workloads.json
check: deps
	$(Q)$(MAKE) --no-print-directory kernel $(TEST_HELPERS) $(STATIC_TEST_HELPERS)
	$(Q)tests/run

clean:
	rm -rf $(PROGRAMS) $(STATIC) $(IMAGE) $(TEST_HELPERS) $(STATIC_TEST_HELPERS)
	find bin libexec guest tests -name '*.[oda]' -delete

.PHONY: all deps kernel demo check clean
.DELETE_ON_ERROR:
-include $(shell find bin libexec guest tests -name '*.d' 2>/dev/null)
