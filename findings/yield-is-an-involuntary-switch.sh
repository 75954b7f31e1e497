#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# yield-is-an-involuntary-switch.sh - sched_yield counts as an involuntary switch, in getrusage and in /proc/PID/status.
#
# Package: linux-binary-7.3.4+deb13-cloud-amd64 7.3.4-1~bpo13+1 (trixie-backports), booted in QEMU with one CPU.
# Expected: a task that gives the CPU away adds to ru_nvcsw, "voluntary" by its name and by getrusage(2).
# Seen: 0 voluntary and hundreds of involuntary switches for 1000 yields beside a second yielder; a sleep is a voluntary one. So
#   nonvoluntary_ctxt_switches is no count of preemptions where a program yields.

set -u
work=$(mktemp -d) || exit 77
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
bad=0

gone() { echo "not to be had: $*"; exit 77; }

# claim TEXT REGEX: prints if a line of $work/seen shows the claim.
claim() {
	if grep -Eq -- "$2" "$work/seen"; then echo "as stated: $1"; else echo "CHANGED: $1"; bad=1; fi
}

# fetch SUITE PACKAGE=VERSION...: unpacks packages and what they depend on into $work/root, from the Debian mirror that the
# machine's apt uses, through an apt state of our own. With nodeps=1 the packages alone.
fetch() {
	suite=$1 a=$work/apt-$1; shift
	# shellcheck disable=SC2016 # apt expands them
	mirror=$(apt-get indextargets --format '$(ORIGIN)|$(COMPONENT)|$(RELEASE)|$(SITE)' 'Created-By: Packages' |
		awk -F'|' '$2 == "main" && $3 !~ /security|\// && ($1 ~ /^Debian/ || $1 ~ /^($|\$)/) { print $4; exit }')
	[ -n "$mirror" ] || gone "a Debian mirror in apt's sources"
	mkdir -p "$a/lists/partial" "$a/archives/partial" "$work/root"
	: >"$a/status"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$a/list"
	printf '%s;\n' "Dir::Etc::sourcelist \"$a/list\"" 'Dir::Etc::sourceparts "-"' "Dir::State::lists \"$a/lists\"" \
		"Dir::State::status \"$a/status\"" "Dir::Cache \"$a\"" 'Acquire::Languages "none"' 'APT::Sandbox::User "root"' >"$a/conf"
	export APT_CONFIG="$a/conf"
	[ -e "$a/updated" ] || apt-get -q update >"$work/log" 2>&1 || gone "the suite $suite"
	: >"$a/updated"
	if [ "${nodeps:-}" ]; then
		(cd "$a/archives" && apt-get -q download "$@") >"$work/log" 2>&1 || gone "$*"
	else
		apt-get -q -y -d --no-install-recommends install "$@" >"$work/log" 2>&1 || gone "$*"
	fi
	unset APT_CONFIG
	for deb in "$a"/archives/*.deb; do dpkg-deb -x "$deb" "$work/root" || gone "room to unpack"; done
	rm -f "$a"/archives/*.deb
}

# guest SUITE KERNEL-PACKAGE=VERSION [QEMU OPTION...]: boots the kernel in an emulated machine (no KVM), runs $work/run.sh
# in it with busybox and, as /prog, the C program $work/prog.c if there is one; what they print goes to $work/seen.
guest() {
	(nodeps=1 && fetch bookworm busybox-static=1:1.35.0-4+deb12u1+b1 && fetch "$1" "$2") || exit
	kernel=$(find "$work/root" -name 'vmlinuz*' -path "*$(echo "${2%%=*}" | cut -d- -f3-)*" | head -n 1)
	shift 2
	qemu='qemu-system-x86_64'
	if ! command -v "$qemu" >/dev/null; then
		fetch bookworm 'qemu-system-x86=1:7.2+dfsg-7+deb12u18+b3'
		set -- -L "$work/root/usr/share/qemu" -L "$work/root/usr/share/seabios" "$@"
		libs=$work/root/lib/x86_64-linux-gnu:$work/root/usr/lib/x86_64-linux-gnu
		set -- --library-path "$libs" "$work/root/usr/bin/$qemu" "$@"
		export QEMU_MODULE_DIR="$work/root/usr/lib/x86_64-linux-gnu/qemu"
		qemu=$work/root/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2
	fi
	rm -rf "$work/ram"; mkdir -p "$work/ram/bin" "$work/ram/proc" "$work/ram/sys" "$work/ram/dev" "$work/ram/tmp" "$work/ram/cg"
	cp "$work/root/bin/busybox" "$work/ram/bin/"
	cp "$work/run.sh" "$work/ram/"
	if [ -e "$work/prog.c" ]; then
		cc -O2 -static -o "$work/ram/prog" "$work/prog.c" || gone "a C compiler and a static C library"
	fi
	cat >"$work/ram/init" <<-'END'
		#!/bin/busybox sh
		/bin/busybox --install -s /bin
		export PATH=/bin
		mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
		mount -t debugfs debug /sys/kernel/debug; mount -t cgroup2 cg /cg
		echo 1 >/proc/sys/kernel/printk
		cd /cg; uname -r; sh /run.sh 2>&1; echo "the guest is done"; poweroff -f
	END
	chmod +x "$work/ram/init"
	(cd "$work/ram" && find . | ./bin/busybox cpio -o -H newc 2>/dev/null) >"$work/initrd"
	timeout 900 "$qemu" "$@" -accel tcg,thread=single -cpu Nehalem,-monitor -m 256 -nodefaults -no-reboot -display none \
		-serial stdio -kernel "$kernel" -initrd "$work/initrd" -append "console=ttyS0 quiet panic=-1 cryptomgr.notests${append:+ $append}" \
		</dev/null 2>"$work/qemu.log" | tr -d '\r' >"$work/seen"
	sed 's/^/  /' "$work/seen"
	grep -q '^the guest is done' "$work/seen" || { cat "$work/qemu.log"; echo "CHANGED: the guest did not finish"; exit 1; }
}

cat >"$work/prog.c" <<'END'
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static void print_switches(const char *what, const struct rusage *from)
{
	struct rusage now;

	getrusage(RUSAGE_SELF, &now);
	printf("%s: %ld voluntary, %ld involuntary\n", what, now.ru_nvcsw - from->ru_nvcsw, now.ru_nivcsw - from->ru_nivcsw);
}

int main(void)
{
	struct timespec ms = { .tv_nsec = 1000000 };
	struct rusage from;
	pid_t other = fork();

	if (!other)
		for (;;)
			sched_yield();
	nanosleep(&ms, NULL);
	getrusage(RUSAGE_SELF, &from);
	for (int i = 0; i < 1000; i++)
		sched_yield();
	print_switches("yields", &from);
	kill(other, SIGKILL);
	getrusage(RUSAGE_SELF, &from);
	for (int i = 0; i < 50; i++)
		nanosleep(&ms, NULL);
	print_switches("sleeps", &from);
	return 0;
}
END
echo /prog >"$work/run.sh"
guest trixie-backports linux-binary-7.3.4+deb13-cloud-amd64=7.3.4-1~bpo13+1 -icount shift=3,sleep=off -smp 1
claim "yields are involuntary" '^yields: 0 voluntary, [0-9]{2,} involuntary$'
claim "sleeps are voluntary" '^sleeps: 50 voluntary'

exit "$bad"
