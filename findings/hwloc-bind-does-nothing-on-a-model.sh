#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# hwloc-bind-does-nothing-on-a-model.sh - with HWLOC_SYNTHETIC set hwloc-bind succeeds and binds nothing.
#
# Package: hwloc-nox 2.9.0-1 (bookworm).
# Expected: an error, since a topology that is not this machine's cannot be bound to; or the real machine is used.
# Seen: the command runs with the CPUs that it had, exit 0 and no word. "hwloc-bind --get" answers the model's CPUs.
#   HWLOC_THISSYSTEM=1 makes hwloc bind in earnest.

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

fetch bookworm hwloc-nox=2.9.0-1
export HWLOC_SYNTHETIC="core:4096 pu:1"
{
	before=$(grep Cpus_allowed_list /proc/self/status)
	after=$(run hwloc-bind core:3000 -- grep Cpus_allowed_list /proc/self/status 2>"$work/err"); echo "bind: exit $?"
	[ "$before" = "$after" ] && echo "the CPUs did not change"
	[ -s "$work/err" ] || echo "no message"
	case $(run hwloc-bind --get) in *0xffffffff,0xffffffff,0xffffffff,0xffffffff*) echo "get: more than a hundred CPUs" ;; esac
} >"$work/seen"
cat "$work/seen"
claim "success" '^bind: exit 0$'
claim "nothing was bound" '^the CPUs did not change$'
claim "nothing was said" '^no message$'
claim "--get answers the model" '^get: more than a hundred CPUs$'

exit "$bad"
