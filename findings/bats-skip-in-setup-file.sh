#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# bats-skip-in-setup-file.sh - skip in setup_file fails the file in bats 1.8 and skips its tests in 1.11; no test at all is green.
#
# Packages: bats 1.8.2-1 (bookworm) and 1.11.1-1 (trixie).
# Expected: skip means skip in every hook; -f with a misspelt name, or a folder without tests, is an error.
# Seen: "not ok 1 setup_file failed" and exit 1 in 1.8, "ok 1 ... # skip" and exit 0 in 1.11. A filter that fits nothing
#   prints 1..0 and exits 0 in both, and so does an empty folder: a job that runs nothing passes.

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

mkdir "$work/t" "$work/none"
printf '%s\n' 'setup_file() { skip "no such CPU"; }' '@test "one" { false; }' >"$work/t/skip.bats"
printf '%s\n' '@test "one" { false; }' >"$work/t/red.bats"
for v in bookworm:1.8.2-1 trixie:1.11.1-1; do
	nodeps=1 fetch "${v%%:*}" "bats=${v#*:}"
	bats=$work/root/usr/bin/bats
	"$bats" "$work/t/skip.bats" >"$work/out"; echo "${v#*:} skip: exit $?, $(sed -n 2p "$work/out")"
	"$bats" -f other "$work/t/red.bats" >"$work/out"; echo "${v#*:} filter: exit $?, $(paste -sd ' ' "$work/out")"
	"$bats" "$work/none" >"$work/out"; echo "${v#*:} folder: exit $?, $(paste -sd ' ' "$work/out")"
	rm -rf "$work/root"
done >"$work/seen" 2>&1
cat "$work/seen"
claim "1.8 fails" '^1.8.2-1 skip: exit 1, not ok 1 setup_file failed'
claim "1.11 skips" '^1.11.1-1 skip: exit 0, ok 1 one # skip'
for v in 1.8 1.11; do
	claim "$v: a filter of nothing passes" "^$v.* filter: exit 0, 1\.\.0$"
	claim "$v: a folder of nothing passes" "^$v.* folder: exit 0, 1\.\.0$"
done

exit "$bad"
