#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# nproc-answers-an-environment-variable.sh - nproc prints OMP_NUM_THREADS, also when the machine has fewer; nproc --all does not.
#
# Package: coreutils 9.1-1 (bookworm).
# Expected: the number of CPUs that the process may run on.
# Seen: 100 with OMP_NUM_THREADS=100, whatever the affinity; 1 with OMP_THREAD_LIMIT=1 as well. A test that starts
#   "one spinner per CPU" by nproc starts another number where somebody's profile sets the variable for OpenMP.

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

fetch bookworm coreutils=9.1-1
{
	unset OMP_NUM_THREADS OMP_THREAD_LIMIT
	[ "$(run nproc)" -lt 100 ] && echo "plain: fewer than 100"
	echo "variable: $(OMP_NUM_THREADS=100 run nproc)"
	echo "limit: $(OMP_NUM_THREADS=100 OMP_THREAD_LIMIT=1 run nproc)"
	[ "$(OMP_NUM_THREADS=100 run nproc --all)" -lt 100 ] && echo "all: fewer than 100"
} >"$work/seen"
cat "$work/seen"
claim "this machine has fewer CPUs" '^plain: fewer than 100$'
claim "the variable is the answer" '^variable: 100$'
claim "the other variable is a limit" '^limit: 1$'
claim "--all looks at the machine" '^all: fewer than 100$'

exit "$bad"
