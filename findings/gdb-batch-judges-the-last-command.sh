#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# gdb-batch-judges-the-last-command.sh - gdb -batch exits with the status of its last command: a failed "target remote" is forgotten.
#
# Package: gdb 16.3-1 (trixie).
# Expected: a script for QEMU's debug port that cannot connect fails at once, or at the end.
# Seen: the commands behind it run on, without a target, and the last of them makes the exit status. An error inside -x FILE ends
#   that file, and is forgotten in the same way.

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

fetch trixie gdb=16.3-1
gdb() { run gdb -nx -batch "$@" >"$work/out" 2>&1; echo "exit $?, $(grep -c 'still here' "$work/out") goes on"; }
printf '%s\n' "target remote $work/nosuch" 'echo still here\n' >"$work/file"
{
	echo "fails last: $(gdb -ex "target remote $work/nosuch")"
	echo "fails first: $(gdb -ex "target remote $work/nosuch" -ex 'echo still here\n')"
	echo "file: $(gdb -x "$work/file")"
	echo "file first: $(gdb -x "$work/file" -ex 'echo still here\n')"
} >"$work/seen"
cat "$work/seen"
claim "as the last command it fails" '^fails last: exit 1, 0'
claim "as the first it does not" '^fails first: exit 0, 1 goes on$'
claim "a file ends at the error" '^file: exit 1, 0'
claim "and is forgotten" '^file first: exit 0, 1 goes on$'

exit "$bad"
