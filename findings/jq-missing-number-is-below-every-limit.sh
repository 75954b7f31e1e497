#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# jq-missing-number-is-below-every-limit.sh - in jq a missing number is below every limit, and --arg makes one above all numbers.
#
# Packages: jq 1.6-2.1+deb12u2 (bookworm), 1.7.1-6+deb13u4 (trixie) and 1.8.2-1 (sid).
# Expected: comparing a report's number with a limit fails when the number is missing, and reads --arg's 5 as 5.
# Seen: null < 1000 and 1000000 < "5" are both true, exit 0: both checks of a latency can only pass. null > 0 is false.

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

# shellcheck disable=SC2016 # $max is jq's
check() {
	fetch "$1" "$2"
	echo '{"p50": 1000000}' >"$work/report"
	run jq -e '.p99 < 1000' "$work/report" >/dev/null; echo "$2 missing: exit $?"
	run jq -e --arg max 5 '.p50 < $max' "$work/report" >/dev/null; echo "$2 arg: exit $?"
	run jq -e --argjson max 5 '.p50 < $max' "$work/report" >/dev/null; echo "$2 argjson: exit $?"
	rm -rf "$work/root"
}
check bookworm jq=1.6-2.1+deb12u2 >>"$work/seen"
check trixie jq=1.7.1-6+deb13u4 >>"$work/seen"
check sid jq=1.8.2-1 >>"$work/seen"
cat "$work/seen"
for v in 1.6 1.7 1.8; do
	claim "$v: a missing number passes" "^jq=$v.* missing: exit 0$"
	claim "$v: --arg makes a limit that all numbers are below" "^jq=$v.* arg: exit 0$"
	claim "$v: --argjson compares numbers" "^jq=$v.* argjson: exit 1$"
done

exit "$bad"
