#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# kunit-py-loses-a-name-with-a-hash.sh - kunit.py does not take a KTAP line for a result when there is a '#' in the test's name.
#
# Package: linux-source-6.1 6.1.176-1 (bookworm): tools/testing/kunit.
# Input: one suite of three passed tests; the second is called "cpu #1".
# Expected: three tests passed; or, as in TAP, a backslash before the '#' makes it part of the name.
# Seen: the line is no result to the parser. Nothing says so: it takes the third line for the second test, looks for one more, and ends
#   with a ValueError. With the backslash, too. "cpu # 1" passes, as "cpu".

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

nodeps=1
fetch bookworm linux-source-6.1=6.1.176-1
tar -C "$work" -xJf "$work"/root/usr/src/linux-source-6.1.tar.xz --strip-components=1 --wildcards '*/tools/testing/kunit' || gone "kunit.py"
parse() { # NAME
	printf '%s\n' 'KTAP version 1' '1..1' '  KTAP version 1' '  1..3' '  ok 1 first' "  ok 2 $1" '  ok 3 third' 'ok 1 suite' >"$work/t"
	python3 "$work/tools/testing/kunit/kunit.py" parse "$work/t" >"$work/out" 2>&1
	echo "$1: exit $?, $(grep -oE 'Ran .*|^ValueError|PASSED. cpu$' "$work/out" | paste -sd ' ')"
}
{ parse 'cpu 1'; parse 'cpu #1'; parse 'cpu \#1'; parse 'cpu # 1'; } >"$work/seen"
cat "$work/seen"
claim "without a hash three tests pass" '^cpu 1: exit 0, Ran 3 tests: passed: 3$'
claim "a name with a hash is an error of kunit.py's" '^cpu #1: exit 1, ValueError$'
claim "with a backslash before the hash, too" '^cpu .#1: exit 1, ValueError$'
claim "with a blank behind the hash the name ends there" '^cpu # 1: exit 0, PASSED. cpu Ran 3 tests: passed: 3$'

exit "$bad"
