#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# junit-cli-report-viewer-passes-errors.sh - it ticks a test with <error> like one that passed, and exits 0 with failures.
#
#
# Package: junit-cli-report-viewer 3.0.0 (npm).
# Expected: <error>, which says that a test could not be judged (no guest, a lost run), is marked like <failure> or <skipped>; some
#   exit status tells that tests failed.
# Seen: a tick for <error>, s for <skipped>, a cross for <failure> alone; the total has one failed test of two; exit 0.

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

bring junit-cli-report-viewer@3.0.0
cat >"$work/r.xml" <<'END'
<testsuites tests="3" failures="1" errors="1" skipped="1"><testsuite name="s" tests="3" failures="1" errors="1" skipped="1">
<testcase name="lost" time="1"><error message="no guest"/></testcase>
<testcase name="late" time="1"><failure message="p99"/></testcase>
<testcase name="left" time="1"><skipped message="one CPU"/></testcase>
</testsuite></testsuites>
END
"$work/node_modules/.bin/junit-cli-report-viewer" "$work/r.xml" >"$work/seen" 2>&1
echo "exit $?" >>"$work/seen"
cat "$work/seen"
claim "<error> gets a tick" '✔ lost'
claim "<skipped> does not" 's left'
claim "<failure> gets a cross" '✖ late'
claim "one failed test" 'failed tests: 1$'
claim "exit 0" '^exit 0$'

exit "$bad"
