#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# rt-tests-read-500ms-as-500-minutes.sh - -D 500ms of cyclictest and oslat is 500 minutes; stress-ng reads the same text as 500 seconds.
#
# Packages: rt-tests 2.10-1 (sid) and stress-ng 0.19.02-1 (trixie).
# Expected: half a second, or an error, as sleep and timeout give for a unit that they do not know.
# Seen: rt-tests take the first letter behind the number (m, minutes), stress-ng the last (s). oslat says "30000 seconds",
#   stress-ng "500 secs"; a cyclictest of 10ms still runs after 3 s. Shown with programs that are stopped at once.

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

# run PROGRAM ARGUMENT...: a program of $work/root with the C library that it was built for, ended by the command in $limit.
run() {
	prog=$(find "$work/root" -path "*bin/$1" | head -n 1); shift
	ld=$(find "$work/root" -path '*x86_64-linux-gnu/ld-linux-x86-64.so.2' | head -n 1)
	libs=$(find "$work/root" -name '*.so.*' -path '*lib/x86_64-linux-gnu*' -printf '%h\n' | sort -u | paste -sd:)
	${limit:-} "$ld" --library-path "$libs" "$prog" "$@"
}

fetch sid rt-tests=2.10-1
limit='timeout 3'
run oslat -c 0 -D 500ms 2>&1 | grep 'Total runtime' >"$work/seen"
run cyclictest -q -D 10ms -i 10000 >"$work/out" 2>&1; echo "cyclictest of 10ms: exit $?" >>"$work/seen"
limit=
run cyclictest -q -D 1 -i 10000 >"$work/out" 2>&1; echo "cyclictest of 1 s: exit $?" >>"$work/seen"
rm -rf "$work/root"
fetch trixie stress-ng=0.19.02-1
(cd "$work" && run stress-ng --dry-run --cpu 1 --timeout 500ms) >>"$work/seen" 2>&1
cat "$work/seen"
claim "oslat: 500 minutes" 'Total runtime:[^0-9]*30000 seconds'
claim "cyclictest: more than 3 s" '^cyclictest of 10ms: exit 124$'
claim "cyclictest: 1 s ends" '^cyclictest of 1 s: exit 0$'
claim "stress-ng: 500 s" 'setting to a (500 sec|8 min)'

exit "$bad"
