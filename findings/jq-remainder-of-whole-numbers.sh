#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# jq-remainder-of-whole-numbers.sh - jq cuts both sides of % to whole numbers, and 1.6 answers -1 for large ones.
#
# Packages: jq 1.6-2.1+deb12u2 (bookworm) and 1.7.1-6+deb13u4 (trixie).
# Expected: 5 % 3.9 is 1.1, as fmod has it, and 1e19 % 7 is something from 0 to 6.
# Seen: 2, which is 5 % 3, in both. 1e19 % 7 is -1 in 1.6 and 0 in 1.7 (it is 3), without a word.

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

check() {
	fetch "$1" "$2"
	run jq -nc '[5 % 3.9, 1e19 % 7]'
	rm -rf "$work/root"
}
{ echo "1.6: $(check bookworm jq=1.6-2.1+deb12u2)"; echo "1.7: $(check trixie jq=1.7.1-6+deb13u4)"; } >"$work/seen"
cat "$work/seen"
claim "1.6 cuts, and has a negative remainder" '^1.6: \[2,-1\]$'
claim "1.7 cuts, and has none" '^1.7: \[2,0\]$'

exit "$bad"
