#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# pahole-encodes-nothing-and-succeeds.sh - pahole -J without debug information: exit 1 up to 1.30, exit 0 in 1.32, no BTF either way.
#
# Packages: dwarves 1.24-4.1 (bookworm), 1.30-1 (trixie) and 1.32-1 (sid).
# Expected: an error, since there is nothing that BTF could be made of.
# Seen: 1.24 and 1.30 exit 1. 1.32 exits 0 and the file still has no section .BTF: look for the section, not at the status.

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

echo 'int main(void) { return 0; }' >"$work/t.c"
cc -o "$work/t" "$work/t.c" || gone "a C compiler"
for v in bookworm:1.24-4.1 trixie:1.30-1 sid:1.32-1; do
	fetch "${v%%:*}" "dwarves=${v#*:}"
	cp "$work/t" "$work/u"
	run pahole -J "$work/u" >/dev/null 2>&1; echo "${v#*:}: exit $?, $(readelf -SW "$work/u" | grep -c '\.BTF') sections"
	rm -rf "$work/root"
done >"$work/seen"
cat "$work/seen"
claim "1.24 fails" '^1.24-4.1: exit 1, 0 sections$'
claim "1.30 fails" '^1.30-1: exit 1, 0 sections$'
claim "1.32 succeeds without a section" '^1.32-1: exit 0, 0 sections$'

exit "$bad"
