#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# cyclictest-break-is-success.sh - cyclictest -b exits 0 when the limit was broken, and its JSON does not tell; two keys of it end in ":".
#
# Packages: rt-tests 2.6-1.1 (trixie) and 2.10-1 (sid), and jq 1.7.1-6+deb13u4 (trixie).
# Expected: an exit status that tells a broken limit from a run that kept it.
# Seen: exit 0 both times; only "# Break value" on standard output tells. The JSON has no word of the break, and jq's .cmdline and
#   .rt_test_version are null: the keys are "cmdline:" and "rt_test_version:".

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
	(cd "$work" && run cyclictest -q -l 100000 -i 1000 -b 1 --json=j.json) >"$work/out" 2>&1
	echo "${v%%:*}: exit $?, $(grep -c 'Break value' "$work/out") break, $(grep -ic break "$work/j.json") in JSON"
	mv "$work/j.json" "$work/${v%%:*}.json"
	rm -rf "$work/root"
done >"$work/seen"
fetch trixie jq=1.7.1-6+deb13u4
for s in trixie sid; do
	echo "$s keys: $(run jq -c '[.return_code, .rt_test_version, .cmdline, has("rt_test_version:"), has("cmdline:")]' "$work/$s.json")"
done >>"$work/seen"
cat "$work/seen"
for s in trixie sid; do
	claim "$s: a break is success" "^$s: exit 0, 1 break, 0 in JSON$"
	claim "$s: the keys have a colon" "^$s keys: \\[0,null,null,true,true\\]$"
done

exit "$bad"
