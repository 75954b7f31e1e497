#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# prove-passes-what-failed.sh - prove passes a failed KTAP subtest, a failed test with "#todo" in its name, and a run of no tests.
#
# Package: perl 5.36.0-7+deb12u3 (bookworm), with TAP::Harness 3.44.
# Expected: "not ok" anywhere is a failure; a plan of 1..0 without a reason is one too; "TAP version 14" is read.
# Seen: indented lines are not looked at, "not ok 1 - cpu #todo list" is a planned failure and 1..0 is NOTESTS: exit 0 for all
#   three. "TAP version 14" fails the run (perl 5.40 takes it).

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

fetch bookworm perl=5.36.0-7+deb12u3
modules=$(find "$work/root" -type d -regex '.*/perl/5[.][0-9.]*' -printf '-I%p ')
prove() {
	# shellcheck disable=SC2086 # one -I each
	run perl $modules "$work/root/usr/bin/prove" --exec cat "$work/t" >"$work/out" 2>&1
	echo "$1: exit $?, $(grep Result: "$work/out")"
}
{
	printf '%s\n' 'KTAP version 1' '1..1' '    KTAP version 1' '    1..1' '    not ok 1 yield' 'ok 1 suite' >"$work/t"; prove subtest
	printf '%s\n' '1..1' 'not ok 1 - cpu #todo list' >"$work/t"; prove name
	printf '%s\n' '1..0' >"$work/t"; prove none
	printf '%s\n' 'TAP version 14' '1..1' 'ok 1' >"$work/t"; prove version
	printf '%s\n' '1..1' 'not ok 1' >"$work/t"; prove plain
} >"$work/seen"
cat "$work/seen"
claim "a failed subtest passes" '^subtest: exit 0, Result: PASS$'
claim "a failed test with #todo in its name passes" '^name: exit 0, Result: PASS$'
claim "no tests pass" '^none: exit 0, Result: NOTESTS$'
claim "version 14 fails" '^version: exit 1, Result: FAIL$'
claim "a plain failure fails" '^plain: exit 1, Result: FAIL$'

exit "$bad"
