#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# schedtool-range-is-one-cpu.sh - schedtool -a 0-1 pins to CPU 0 alone, and says nothing of the rest.
#
#
# Package: schedtool 1.3.0-5 (trixie).
# Expected: CPUs 0 and 1, as from taskset -c, or an error.
# Seen: the number before the "-" counts; "0,1" gives both and "0x3", a mask, too.

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

[ -e /sys/devices/system/cpu/cpu1 ] || gone "a second CPU"
fetch trixie schedtool=1.3.0-5
for l in 0-1 0,1 0x3; do
	echo "$l: $(run schedtool -a "$l" -e grep Cpus_allowed_list /proc/self/status 2>&1 | tr '\t' ' ')"
done >"$work/seen"
cat "$work/seen"
claim "the range is its first CPU" '^0-1: Cpus_allowed_list: 0$'
claim "a list is a list" '^0,1: Cpus_allowed_list: 0-1$'
claim "hexadecimal is a mask" '^0x3: Cpus_allowed_list: 0-1$'

exit "$bad"
