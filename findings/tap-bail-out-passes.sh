#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# tap-bail-out-passes.sh - tap-spec, tap-min, tap-dot and tap-xunit pass a run that ended with "Bail out!" in the middle of its plan.
#
#
# Packages: tap-spec 5.0.0, tap-min 3.0.0, tap-dot 2.0.0, tap-xunit 2.4.1 and tap-parser 18.3.4 (npm).
# Expected: a failure: the run says that it gave up, and one planned test of two is missing.
# Seen: exit 0, and tap-xunit writes a report with one test and no failure. tap-parser exits 1. For a plan of three with two
#   results and no "Bail out!", as a guest leaves that died, tap-spec, tap-dot and tap-xunit exit 0 and tap-min exits 1.

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

# bring PACKAGE...: installs npm packages in $work, without their install scripts.
bring() {
	command -v npm >/dev/null || gone "npm"
	npm install --prefix "$work" --ignore-scripts --no-fund --no-audit "$@" >"$work/log" 2>&1 || gone "$*"
}

bring tap-spec@5.0.0 tap-min@3.0.0 tap-dot@2.0.0 tap-xunit@2.4.1 tap-parser@18.3.4
printf '%s\n' 'TAP version 13' '1..2' 'ok 1 boot' 'Bail out! the guest died' >"$work/bail"
printf '%s\n' 'TAP version 13' '1..3' 'ok 1 boot' 'ok 2 yield' >"$work/short"
printf '%s\n' 'TAP version 13' '1..2' 'ok 1 boot' 'not ok 2 yield' >"$work/failed"
for p in tap-spec tap-min tap-dot tap-xunit tap-parser; do
	for t in bail short failed; do
		"$work/node_modules/.bin/$p" <"$work/$t" >"$work/$t.$p" 2>&1
		echo "$p $t: exit $?"
	done
done >"$work/seen"
grep '<testsuite ' "$work/bail.tap-xunit" >>"$work/seen"
cat "$work/seen"
for p in tap-spec tap-min tap-dot tap-xunit; do claim "$p passes a bail-out" "^$p bail: exit 0$"; done
claim "tap-parser does not" '^tap-parser bail: exit 1$'
for p in tap-spec tap-dot tap-xunit; do claim "$p passes a short run" "^$p short: exit 0$"; done
claim "tap-min does not" '^tap-min short: exit 1$'
for p in tap-spec tap-min tap-dot tap-xunit tap-parser; do claim "$p fails a failure" "^$p failed: exit 1$"; done
claim "the report has no failure" '<testsuite tests="1" failures="0" errors="0"'

exit "$bad"
