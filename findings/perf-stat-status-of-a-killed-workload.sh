#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# perf-stat-status-of-a-killed-workload.sh - perf stat exits 0 when a signal or --timeout ends the workload; 7.2 exits 137 and 143.
#
#
# Packages: linux-perf 6.12.117-1 (trixie) and 7.2.13-1 (sid).
# Expected: 128 and the signal's number for a workload that died, as in perf record; 0 for one that --timeout ended, since that is
#   what was asked for.
# Seen: in 6.12 both are 0, so a benchmark that crashed looks like one that ran; -r 2 runs it again. In 7.2 both fail, so a script
#   that uses --timeout fails. The workload's own exit status is handed on by both.

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

for v in trixie:6.12.117-1 sid:7.2.13-1; do
	fetch "${v%%:*}" "linux-perf=${v#*:}"
	# shellcheck disable=SC2016 # for the inner shell
	run perf stat -e duration_time sh -c 'kill -9 $$' >"$work/out" 2>&1; echo "${v%%:*} killed: exit $?"
	grep -q duration_time "$work/out" || { cat "$work/out"; gone "a perf that can run here"; }
	run perf stat -e duration_time --timeout 300 sleep 20 >/dev/null 2>&1; echo "${v%%:*} timeout: exit $?"
	run perf stat -e duration_time sh -c 'exit 7' >/dev/null 2>&1; echo "${v%%:*} own: exit $?"
	rm -rf "$work/root"
done >"$work/seen"
cat "$work/seen"
claim "6.12: killed is success" '^trixie killed: exit 0$'
claim "6.12: --timeout is success" '^trixie timeout: exit 0$'
claim "7.2: killed is failure" '^sid killed: exit 137$'
claim "7.2: --timeout is failure" '^sid timeout: exit 143$'
claim "6.12: the status is handed on" '^trixie own: exit 7$'
claim "7.2: the status is handed on" '^sid own: exit 7$'

exit "$bad"
