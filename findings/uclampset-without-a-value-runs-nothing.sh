#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# uclampset-without-a-value-runs-nothing.sh - uclampset COMMAND without -m and -M prints its help, does not run the command and exits 0.
#
#
# Packages: util-linux 2.41.5-0+deb13u1 (trixie) and 2.42.4-1 (sid).
# Expected: the command runs with the values that it has, or "bad usage" and exit 1, as from taskset and chrt.
# Seen: the help on standard output and exit 0. A script with "uclampset $CLAMP ./bench" and an empty CLAMP measures nothing and
#   passes.

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

for v in trixie:2.41.5-0+deb13u1 sid:2.42.4-1; do
	fetch "${v%%:*}" "util-linux=${v#*:}"
	run uclampset sh -c 'echo it ran; exit 3' >"$work/out" 2>"$work/err"
	echo "${v%%:*}: exit $?, $(grep -c 'it ran' "$work/out") runs, $(grep -c 'Usage' "$work/out") help, $(wc -l <"$work/err") errors"
	run taskset >/dev/null 2>&1; echo "${v%%:*} taskset: exit $?"
	rm -rf "$work/root"
done >"$work/seen"
cat "$work/seen"
for s in trixie sid; do
	claim "$s: no run and no error" "^$s: exit 0, 0 runs, 1 help, 0 errors$"
	claim "$s: taskset fails" "^$s taskset: exit 1$"
done

exit "$bad"
