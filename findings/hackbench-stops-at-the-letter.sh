#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# hackbench-stops-at-the-letter.sh - hackbench -l 1e6 sends one message, -g 1.5 is one group, and words beside the options are ignored.
#
# Packages: rt-tests 2.6-1.1 (trixie) and 2.10-1 (sid).
# Expected: an error for text that is not a whole number, as for -l 0; and for words, or their old meaning (groups, process, loops).
# Seen: the digits before the first other character count, exit 0. "hackbench 1 process 2" runs the default, 10 groups with 100
#   messages, exit 0.

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

for v in trixie:2.6-1.1 sid:2.10-1; do
	fetch "${v%%:*}" "rt-tests=${v#*:}"
	try() {
		run hackbench "$@" >"$work/out" 2>&1
		echo "${v%%:*} $*: exit $?, $(grep -Eo '[0-9]+ groups|pass [0-9]+ messages' "$work/out" | paste -sd ' ')"
	}
	try -g 1 -l 1e6
	try -g 1.5 -l 2
	try 1 process 2
	try -g 1 -l 0
	rm -rf "$work/root"
done >"$work/seen"
cat "$work/seen"
for s in trixie sid; do
	claim "$s: 1e6 is 1" "^$s -g 1 -l 1e6: exit 0, 1 groups pass 1 messages$"
	claim "$s: 1.5 is 1" "^$s -g 1.5 -l 2: exit 0, 1 groups pass 2 messages$"
	claim "$s: words are ignored" "^$s 1 process 2: exit 0, 10 groups pass 100 messages$"
	claim "$s: 0 is refused" "^$s -g 1 -l 0: exit 1"
done

exit "$bad"
