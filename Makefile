# SPDX-License-Identifier: GPL-2.0-only
# make, make demo, make check, make bench, make soak, make fuzz, make lint, make install; V=1 shows the commands, SAN=1 builds with sanitizers.
# make fuzz is 600 s for each fuzz target; make check runs each over its corpus alone, which is the same every time.
CC ?= gcc
PKG_CONFIG ?= pkg-config
CFLAGS ?= -O2 -g
CPPFLAGS += -I.
# The same bytes wherever the tree lies: the guest's programs are part of what a checkpoint is the state of.
KT_CFLAGS = -ffile-prefix-map=$(CURDIR)=. -std=gnu11 -Wall -Wextra -Wvla -Wformat=2 -Wno-missing-field-initializers $(CFLAGS) $(SAN_FLAGS)
PACKAGES = jansson libelf libmd libxxhash
LIBS = $(shell $(PKG_CONFIG) --libs $(PACKAGES)) -lm
# What runs in the guest is static: there is no libc there, nor anything else. A build ID is a hash that covers debug
# information, which guest/pack strips: with one, a comment that moves a line would change the image, and so every schedule.
STATIC_FLAGS = -static -Wl,--build-id=none
GUEST_LIBS = $(shell $(PKG_CONFIG) --static --libs jansson) -lm
# libbpf as the machine has it, or as libexec/ktstr-libbpf unpacked it; what is linked with it is static.
UNPACKED = $(wildcard .deps/usr)
LIBBPF = $(if $(UNPACKED),$(wildcard .deps/usr/lib/*/libbpf.a),$(shell $(PKG_CONFIG) --static --libs libbpf)) -lelf -lz
CPPFLAGS += $(UNPACKED:%=-isystem %/include)
CLANG ?= clang
# An object's bytes are part of what a run depends on: its debug information does not name the folder that it was built in.
BPF_FLAGS = -O2 -g -Wall -fdebug-compilation-dir=. -ffile-prefix-map=$(CURDIR)/= -target bpf -mcpu=v3 -D__TARGET_ARCH_x86 $(UNPACKED:%=-isystem %/include) \
	-idirafter /usr/include/$(shell $(CC) -print-multiarch)
PREFIX ?= /usr/local
DESTDIR ?=
V ?= 0
Q := $(if $(filter 1,$(V)),,@)
msg = $(if $(filter 1,$(V)),,@printf '  %-5s %s\n' $(1) $(2))

# Nothing static can have ASan, so with SAN=1 the guest's programs are dynamic and no guest boots: check then runs the
# tests that need none. Leaks do not count: programs do not free what lives as long as they do.
ifdef SAN
SAN_FLAGS = -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
STATIC_FLAGS =
TESTS = $(NO_GUEST_TESTS:%=tests/%.bats)
export ASAN_OPTIONS = detect_leaks=0
endif
NO_GUEST_TESTS = eval flags formats kernel spec topo work worktypes-cpu-io-wake

LIB = lib/kt lib/place lib/outcome lib/json lib/rows lib/strv lib/path lib/spawn lib/tail lib/lines lib/printable lib/cpio lib/cpulist spec/cpuset spec/affinity lib/histogram report/report report/worker report/scheduler report/payload report/sample
LIB += spec/scheduler spec/flags spec/spec spec/work spec/cgroups spec/steps spec/scene spec/scene-check spec/resolve
LIB += spec/op spec/ops-cgroup spec/ops-task spec/ops-machine spec/ops-kernel spec/ops-look spec/ops-payload spec/ops-sched
LIB += topo/plan topo/cpus topo/presets topo/qemu topo/shape topo/sysfs
LIB += closure/closure closure/libs closure/dynamic closure/nss spec/program spec/payload
LIB += lib/cache lib/digest kernel/vmlinux kernel/bzimage kernel/kernel kernel/cache kernel/facts
LIB += vm/vm vm/program vm/args vm/qmp vm/splat state/checkpoint state/entry state/changes state/cache state/saved-clock vm/guestlink
LIB += look/guestmem look/btf look/kallsyms look/types look/target look/value look/snapshot look/snap-cpus look/snap-tasks look/snap-dsqs
LIB += look/snap-maps look/watch look/sample snap/find trace/taps trace/read trace/tasks trace/conserve trace/view trace/chrome
WORK = work worker compute affinity alu fan_out io matrix numa ring schbench_threads walk
WORK += spin_wait yield_heavy mixed alu_hot smt_sibling_spin ipc_variance io_sync_write io_rand_read io_convoy bursty
WORK += idle_churn timer_latency cache_pressure cache_yield cache_pipe pipe_io futex_ping_pong futex_fan_out
WORK += fan_out_compute asymmetric_waker wake_chain epoll_storm thundering_herd sequence
WORK += mutex_contention priority_inversion producer_consumer_imbalance signal_storm preempt_storm rt_starvation
WORK += fork_exit nice_sweep affinity_churn cross_affinity_churn policy_churn
WORK += numa_migration_churn page_fault_churn numa_working_set_sweep
WORK += cgroup_churn cgroup_attach_storm
WORK += schbench exec child tree
SCENARIO = machine cgroup crew crew-start place minder payloads engine ops-cgroup ops-task ops-machine ops-kernel ops-look ops-payload
SCENARIO += ops-sched record record-program record-payload scenario host
SCHED = sched supervisor kernel exit output cause
BPF = fifo vtime llc central
BPF += starve unweighted deaf_llc wrong_dsq erring stall leaky busy pile maps
BOOT = accel canary dry-run events guest keep load memory monitor own-path payload profile records run sched signals snapshots trace watchdog watches
CHECK = check assert verdict text scheduler splat completed payload not_starved spread gap isolation throughput_cv min_work_rate
CHECK += weights quota monitor conservation scx_events temporal format tap junit markdown
SWEEP = prepare pool record text
SNAP = table diff

LIB_OBJS = $(LIB:%=libexec/%.o) $(CHECK:%=libexec/check/%.o) $(WORK:%=guest/work/%.o)
PROGRAMS = bin/ktstr-topo bin/ktstr-boot bin/ktstr-eval bin/ktstr-snap libexec/ktstr-kernel libexec/ktstr-cache libexec/ktstr-sweep libexec/ktstr-trace
TEST_HELPERS = tests/helper/measure tests/helper/topo-diff tests/helper/histogram-check tests/helper/eval-fuzz tests/helper/closure
TEST_HELPERS += tests/helper/work-cost tests/helper/fake-qemu tests/helper/watchdog tests/helper/order tests/helper/guestmem
TEST_HELPERS += tests/helper/look
IN_IMAGE = guest/ktstr-work guest/init guest/sched/ktstr-load
STATIC = bin/ktstr-work $(IN_IMAGE)
STATIC_TEST_HELPERS = tests/helper/bad-init tests/helper/meddle tests/helper/witness tests/helper/compute-probe
IMAGE = guest/ktstr.img
TURNS = libexec/ktstr-turns.so
VERBS = ktstr-cache ktstr-kernel ktstr-kernel-fetch ktstr-run ktstr-scenarios ktstr-sweep ktstr-trace ktstr-verify

all: $(PROGRAMS) $(STATIC) $(IMAGE) $(TURNS) $(BPF:%=guest/bpf/%.bpf.o)

bin/ktstr-topo: bin/ktstr-topo.o
bin/ktstr-boot: LIBS += $(LIBBPF)
bin/ktstr-boot: bin/ktstr-boot.o $(BOOT:%=libexec/boot/%.o) guest/sched/object.o guest/sched/options.o
bin/ktstr-eval: bin/ktstr-eval.o
# The same program with and without the checks, which have no part in a guest: see guest/scenario/no-checks.c.
guest/ktstr-work: guest/scenario/no-checks.o
bin/ktstr-work guest/ktstr-work: bin/ktstr-work.o guest/files.o $(SCENARIO:%=guest/scenario/%.o) $(SCHED:%=guest/sched/%.o) guest/hw.o guest/symbols.o guest/request.o
guest/init: guest/init.o guest/hw.o guest/symbols.o
guest/sched/ktstr-load: guest/sched/load.o guest/sched/object.o guest/sched/options.o guest/sched/enums.o
guest/sched/ktstr-load: GUEST_LIBS += $(LIBBPF)
bin/ktstr-snap: bin/ktstr-snap.o $(SNAP:%=libexec/snap/%.o)
libexec/ktstr-kernel: libexec/ktstr-kernel.o
libexec/ktstr-sweep: libexec/ktstr-sweep.o $(SWEEP:%=libexec/sweep/%.o)
libexec/ktstr-trace: libexec/ktstr-trace.o
libexec/ktstr-cache: libexec/ktstr-cache.o
tests/helper/order: libexec/vm/order.o
tests/helper/watchdog: LIBS += $(LIBBPF)
tests/helper/watchdog: libexec/boot/watchdog.o
tests/helper/look: LIBS += $(LIBBPF)
$(TEST_HELPERS): %: %.o
tests/helper/work-cost: LDFLAGS += -Wl,--wrap=worker_tick,--wrap=worker_spin,--wrap=worker_woken,--wrap=worker_sleep,--wrap=worker_sleep_until
$(STATIC_TEST_HELPERS): %: %.o guest/hw.o

$(PROGRAMS) $(TEST_HELPERS): libexec/libktstr.a
	$(call msg,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(SAN_FLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) libexec/libktstr.a $(LIBS)

$(STATIC) $(STATIC_TEST_HELPERS): libexec/libktstr.a
	$(call msg,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(SAN_FLAGS) $(LDFLAGS) $(STATIC_FLAGS) -o $@ $(filter %.o,$^) libexec/libktstr.a $(GUEST_LIBS)

libexec/libktstr.a: $(LIB_OBJS)
	$(call msg,AR,$@)
	$(Q)rm -f $@ && $(AR) qcs $@ $^

$(IMAGE): guest/pack $(STATIC)
	$(call msg,PACK,$@)
	$(Q)guest/pack $@ init=guest/init bin/ktstr-work=guest/ktstr-work bin/ktstr-load=guest/sched/ktstr-load

# libFuzzer targets, one a file in tests/fuzz: clang compiles the library once more, with coverage and sanitizers, into .fuzz.
FUZZ = spec plan report qmp guestlink cpio bzimage trace
FUZZ_FLAGS = -std=gnu11 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
.fuzz/%.o: %.c Makefile | packages
	$(call msg,FUZZ,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(CPPFLAGS) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<
.fuzz/libktstr.a: $(LIB_OBJS:%=.fuzz/%)
	$(Q)rm -f $@ && $(AR) qcs $@ $^
$(FUZZ:%=.fuzz/%): .fuzz/%: .fuzz/tests/fuzz/%.o .fuzz/libktstr.a
	$(call msg,LD,$@)
	$(Q)$(CLANG) $(FUZZ_FLAGS) -fsanitize=fuzzer $(FUZZ_WRAP:%=-Wl,--wrap=%) -o $@ $(filter %.o %.a,$^) $(LIBS)
# What a target has instead of the real thing: QEMU, the file system, a process.
.fuzz/qmp: FUZZ_WRAP = vm_wait
.fuzz/cpio: FUZZ_WRAP = openat unlinkat symlinkat mkdirat
.fuzz/bzimage: FUZZ_WRAP = fork

SHIM = shim shim-qemu shim-turns shim-hold shim-ask shim-compute shim-fingerprint shim-stop shim-trace shim-watch order
$(TURNS): $(SHIM:%=libexec/vm/%.c) $(wildcard libexec/vm/shim*.h) libexec/vm/order.h libexec/trace/taps.h libexec/trace/format.h guest/compute.h libexec/lib/exits.list Makefile
	$(call msg,LD,$@)
	$(Q)$(CC) -std=gnu11 -Wall -Wextra $(CFLAGS) -I. -shared -fPIC -o $@ $(SHIM:%=libexec/vm/%.c)

%.o: %.c Makefile .flags | packages
	$(call msg,CC,$@)
	$(Q)$(CC) $(CPPFLAGS) $(KT_CFLAGS) -MMD -MP -c -o $@ $<

%.bpf.o: %.bpf.c Makefile .flags | packages
	$(call msg,BPF,$@)
	$(Q)$(CLANG) $(BPF_FLAGS) -MMD -MP -c -o $@ $<

# A loader as other people write them: bpftool's skeleton, and shared libraries. The line is for libbpf 1.5 and later.
tests/helper/usual.skel.h: guest/bpf/fifo.bpf.o
	$(Q).deps/usr/sbin/bpftool gen skeleton $< name usual >$@ && sed -i '/map->link = /d' $@
tests/helper/usual.o: tests/helper/usual.skel.h
tests/helper/usual: tests/helper/usual.o
	$(call msg,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $(LIBBPF)

# Other flags, as SAN=1 gives, other objects.
.flags: FORCE
	@echo '$(CC) $(CPPFLAGS) $(KT_CFLAGS)' | cmp -s - $@ || echo '$(CC) $(CPPFLAGS) $(KT_CFLAGS)' >$@
packages:
	@{ $(PKG_CONFIG) --exists $(PACKAGES) && { [ -d .deps/usr ] || $(PKG_CONFIG) --atleast-version=1.4 libbpf; }; } 2>/dev/null || \
		{ echo "ktstr: packages to build with are missing; 'make deps' installs them" >&2; exit 1; }

# A bare machine has make and sh: packages first, then make again, which now finds pkg-config and what it knows.
deps:
	$(Q)libexec/ktstr-deps build run test
	$(Q)libexec/ktstr-libbpf .deps
kernel: all
	$(Q)libexec/ktstr-kernel fetch --if-missing
demo: deps
	$(Q)$(MAKE) --no-print-directory kernel
	$(Q)bin/ktstr run share/specs/mixed_workloads.json
check: deps
	$(Q)libexec/ktstr-libbpf .deps bpftool
	$(Q)$(MAKE) -j$(shell nproc) --no-print-directory kernel $(TEST_HELPERS) $(STATIC_TEST_HELPERS) tests/helper/usual $(FUZZ:%=.fuzz/%)
	$(Q)tests/run $(TESTS)

bench: deps
	$(Q)$(MAKE) --no-print-directory kernel $(addprefix tests/helper/,measure histogram-check work-cost)
	$(Q)tests/bench

# make soak RUNS=n: so many runs of six specs, half of them beside load, and whether all of a spec are equal.
RUNS ?= 200
soak: deps
	$(Q)$(MAKE) --no-print-directory kernel
	$(Q)tests/soak $(RUNS)

# Each reader of what others write, for 600 s; make fuzz FUZZ=plan for one of them.
fuzz: deps
	$(Q)$(MAKE) --no-print-directory $(FUZZ:%=.fuzz/%)
	$(Q)for target in $(FUZZ); do tests/fuzz/run $$target || exit; done

# Everything is compiled once more, to nowhere, with warnings as errors. cppcheck does not know the cleanup attribute
# (nothing leaks) nor _Noreturn.
LINT_C = $(sort $(shell find bin libexec guest tests -name '*.c' ! -name '*.bpf.c' ! -name usual.c))
SCRIPTS = $(shell grep -rlIE '^\#!/bin/(ba)?sh' .ci bin guest libexec man tests) $(wildcard tests/*.bats) $(wildcard tests/*.bash)
lint:
	$(Q)libexec/ktstr-deps build lint
	$(Q)libexec/ktstr-libbpf .deps
	$(Q)$(MAKE) --no-print-directory $(LINT_C:%=lint-%)
	$(call msg,LINT,C)
	$(Q)cppcheck -q --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
		--suppress=resourceLeak '-D_Noreturn=__attribute__((noreturn))' $(filter -I%,$(CPPFLAGS)) $(LINT_C)
	$(call msg,LINT,scripts)
	$(Q)shellcheck -x $(SCRIPTS)
	$(Q)tests/helper/negations tests/*.bats tests/*.bash
	$(call msg,LINT,manual)
	$(Q)mandoc -Tlint -Wwarning man/*.[157]
$(LINT_C:%=lint-%): lint-%: % FORCE
	$(Q)$(CC) $(CPPFLAGS) $(KT_CFLAGS) -Werror -c -o /dev/null $<

D = $(DESTDIR)$(PREFIX)
install: all
	install -d $(D)/bin $(D)/libexec/ktstr $(addprefix $(D)/share/ktstr/,specs scenarios schema examples)
	install bin/ktstr $(filter bin/%,$(PROGRAMS) $(STATIC)) $(D)/bin
	install $(VERBS:%=libexec/%) $(D)/libexec/ktstr
	install -m 644 $(IMAGE) $(TURNS) libexec/apt-private.sh libexec/exits.sh libexec/lib/exits.list libexec/table.awk $(D)/libexec/ktstr
	install -D -m 644 -t $(D)/libexec/ktstr/bpf $(BPF:%=guest/bpf/%.bpf.o)
	for dir in specs scenarios schema; do install -m 644 share/$$dir/*.json $(D)/share/ktstr/$$dir || exit; done
	install -m 644 share/examples/*.json share/examples/*.c $(D)/share/ktstr/examples
	install share/examples/*.sh $(D)/share/ktstr/examples
	for page in man/*.[157]; do install -D -m 644 -t $(D)/share/man/man$${page##*.} $$page || exit; done
uninstall:
	rm -f $(D)/bin/ktstr $(addprefix $(D)/,$(filter bin/%,$(PROGRAMS) $(STATIC)))
	rm -rf $(D)/libexec/ktstr $(D)/share/ktstr
	for page in man/*.[157]; do rm -f $(D)/share/man/man$${page##*.}/$${page##*/}; done

clean:
	rm -rf $(PROGRAMS) $(STATIC) $(IMAGE) $(TURNS) $(TEST_HELPERS) $(STATIC_TEST_HELPERS)
	find bin libexec guest tests -name '*.[oda]' -delete
	rm -rf .check .fuzz
	rm -f .flags tests/helper/usual tests/helper/usual.skel.h

.PHONY: all packages deps kernel demo check bench soak fuzz lint install uninstall clean FORCE
.DELETE_ON_ERROR:
-include $(shell find bin libexec guest tests .fuzz -name '*.d' 2>/dev/null)
