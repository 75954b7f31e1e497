#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# perf-bench-and-test-of-nothing-succeed.sh - perf test of no such name exits 0, and perf bench does when it refuses an option.
#
# Packages: linux-perf 6.12.117-1 (trixie) and 7.2.13-1 (sid).
# Expected: an error and an exit status other than 0, as "perf bench sched nosuch" gives.
# Seen: "perf test nosuch" runs no test and exits 0. "perf bench -f text" and "-r 0" print that the value is refused, run nothing
#   and exit 0. "perf bench sched pipe -l 0" exits 0 with "inf usecs/op".

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

for v in trixie:6.12.117-1 sid:7.2.13-1; do
	fetch "${v%%:*}" "linux-perf=${v#*:}"
	try() {
		run perf "$@" >"$work/out" 2>&1
		echo "${v%%:*} $*: exit $?, $(grep -Eo 'Unknown format.*|Invalid repeat.*|inf usecs/op' "$work/out")"
	}
	try test nosuch
	try bench -f text sched pipe -l 10
	try bench -r 0 sched pipe -l 10
	try bench sched pipe -l 0
	try bench sched nosuch
	rm -rf "$work/root"
done >"$work/seen"
cat "$work/seen"
for s in trixie sid; do
	claim "$s: no such test is success" "^$s test nosuch: exit 0"
	claim "$s: no such format is success" "^$s bench -f text sched pipe -l 10: exit 0, Unknown format"
	claim "$s: no repeat is success" "^$s bench -r 0 sched pipe -l 10: exit 0, Invalid repeat"
	claim "$s: no loop is success" "^$s bench sched pipe -l 0: exit 0, inf usecs/op"
	claim "$s: no such benchmark is an error" "^$s bench sched nosuch: exit 1"
done

exit "$bad"
