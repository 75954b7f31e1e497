#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# libnuma-reads-its-own-cpu-lists.sh - numactl -C reads "1-0" as CPU 1 and "0x1" as CPU 1; numactl -N leaves the mask that -C is held to.
#
#
# Package: numactl 2.0.19-1 (trixie).
# Expected: an error for a range that runs backwards, as from taskset -c; 0x1 is a mask (CPU 0), as for taskset and hwloc-bind, or
#   an error, as from taskset -c. Both options stay within the mask that the process has, or both leave it.
# Seen: CPU 1 for both, so 0x3 is CPU 3. Pinned to CPU 1, "-C 0" is refused as out of range and "-N 0" runs on all CPUs of node 0.

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

# run PROGRAM ARGUMENT...: a program of $work/root with the C library that it was built for.
run() {
	prog=$(find "$work/root" -path "*bin/$1" | head -n 1); shift
	ld=$(find "$work/root" -path '*x86_64-linux-gnu/ld-linux-x86-64.so.2' | head -n 1)
	libs=$(find "$work/root" -name '*.so.*' -path '*lib/x86_64-linux-gnu*' -printf '%h\n' | sort -u | paste -sd:)
	"$ld" --library-path "$libs" "$prog" "$@"
}

[ -e /sys/devices/system/node/node0/cpu1 ] || gone "a second CPU in node 0"
fetch trixie numactl=2.0.19-1
try() {
	run numactl "$@" grep Cpus_allowed_list /proc/self/status >"$work/out" 2>&1
	echo "$*: $(grep -E 'Cpus_allowed_list|out of range' "$work/out" | tr -s '\t' ' ')"
}
{
	try -C 1-0
	try -C 0x1
	echo "taskset -c 1-0: $(taskset -c 1-0 true 2>&1)"
	echo "taskset 0x1: $(taskset 0x1 grep Cpus_allowed_list /proc/self/status)"
	if taskset -p -c 1 $$ >"$work/log"; then try -C 0; try -N 0; fi
} >"$work/seen"
cat "$work/seen"
claim "backwards is the first CPU" '^-C 1-0: Cpus_allowed_list: 1$'
claim "hexadecimal is a number" '^-C 0x1: Cpus_allowed_list: 1$'
claim "taskset refuses the first" '^taskset -c 1-0: .*failed to parse'
claim "taskset takes the second as a mask" '^taskset 0x1: .*[^0-9]0$'
claim "-C stays in the mask" '^-C 0: .*cpu argument 0 is out of range'
claim "-N leaves it" '^-N 0: Cpus_allowed_list: 0-'

exit "$bad"
