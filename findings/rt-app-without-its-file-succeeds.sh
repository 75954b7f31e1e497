#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# rt-app-without-its-file-succeeds.sh - rt-app exits 0 when its task file is not there: it prints its usage and runs nothing.
#
#
# Package: rt-app 1.0-1.2 (trixie).
# Expected: an exit status other than 0, as for a file that is not JSON or names an unknown policy (both 2).
# Seen: "usage:" and exit 0. A file whose tasks have "instance": 0 runs nothing and exits 0 as well.

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

fetch trixie rt-app=1.0-1.2
{
	run rt-app "$work/nosuch.json" >"$work/out" 2>&1; echo "no file: exit $?, $(grep -c '^usage' "$work/out") usage"
	echo '{"tasks":{"t":{"run":1000,"loop":1,"policy":"SCHED_FOO"}},"global":{"calibration":100}}' >"$work/p.json"
	(cd "$work" && run rt-app p.json) >"$work/out" 2>&1; echo "policy: exit $?, $(grep -c 'Invalid policy' "$work/out") error"
	echo '{"tasks":{"t":{"instance":0,"run":1000,"loop":1}},"global":{"calibration":100}}' >"$work/i.json"
	(cd "$work" && run rt-app i.json) >"$work/out" 2>&1; echo "instance 0: exit $?, $(grep -c 'starting thread' "$work/out") threads"
} >"$work/seen"
cat "$work/seen"
claim "no file is success" '^no file: exit 0, 1 usage$'
claim "no task is success" '^instance 0: exit 0, 0 threads$'
claim "a wrong policy is an error" '^policy: exit 2, 1 error$'

exit "$bad"
