#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# prove-junit-formatter-drops-skips.sh - TAP::Formatter::JUnit writes a skipped test as one that passed, and a TODO failure too.
#
# Package: libtap-formatter-junit-perl 0.17-1 (trixie).
# Expected: <skipped/> for "ok 2 - wide # SKIP one CPU", as every JUnit viewer shows it.
# Seen: a testcase without a child and no count of skips; the reason is in the system-out alone. A matrix of kernels that were
#   all skipped looks green.

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

fetch trixie libtap-formatter-junit-perl=0.17-1
printf '%s\n' 'TAP version 13' '1..3' 'ok 1 - boot' 'ok 2 - wide # SKIP one CPU' 'not ok 3 - yield # TODO later' >"$work/t"
inc=$(find "$work/root/usr/share/perl5" "$work/root"/usr/share/perl/5.* "$work/root"/usr/lib/x86_64-linux-gnu/perl*/5.* \
	"$work/root"/usr/lib/x86_64-linux-gnu/perl-base -maxdepth 0 -type d -printf '-I%p ')
# shellcheck disable=SC2086 # one -I each
run perl $inc "$work/root/usr/bin/prove" --formatter TAP::Formatter::JUnit --exec cat "$work/t" >"$work/xml" 2>"$work/err"
echo "exit $?" >"$work/seen"
sed '/<system-out>/,/<.system-out>/d' "$work/xml" >>"$work/seen"
cat "$work/seen" "$work/err"
claim "it succeeds" '^exit 0$'
claim "the skipped test is a testcase" '<testcase name="2 - wide'
claim "and the failed one too" '<testcase name="3 - yield'
if grep -Eq 'skip|<failure' "$work/seen"; then echo "CHANGED: something is marked"; bad=1; else echo "as stated: nothing is marked"; fi

exit "$bad"
