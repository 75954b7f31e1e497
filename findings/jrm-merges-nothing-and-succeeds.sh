#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# jrm-merges-nothing-and-succeeds.sh - junit-report-merger exits 0 when no file fits; its sums leave out a suite without counts.
#
#
# Package: junit-report-merger 9.0.4 (npm).
# Expected: an error when the pattern fits nothing; the merged tests= is the number of tests in the file.
# Seen: <testsuites></testsuites> and exit 0: a job whose runs left no report passes. A suite of two tests, one failed, that has no
#   tests= and failures= is merged with its tests, while the sums say tests="1" and failures="0", those of the other file.

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

bring junit-report-merger@9.0.4
jrm() { (cd "$work" && ./node_modules/.bin/jrm "$@") >>"$work/seen" 2>&1; echo "$1: exit $?" >>"$work/seen"; }
echo '<testsuites><testsuite name="a" tests="1" failures="0"><testcase name="x"/></testsuite></testsuites>' >"$work/a.xml"
echo '<testsuites><testsuite name="b"><testcase name="y"><failure/></testcase><testcase name="z"/></testsuite></testsuites>' >"$work/b.xml"
jrm none 'kernels/*.xml'
jrm sums a.xml b.xml
{ paste -sd ' ' "$work/none"; paste -sd ' ' "$work/sums"; } >>"$work/seen"
cat "$work/seen"
claim "nothing is success" '^none: exit 0$'
claim "and an empty report" '<testsuites></testsuites>'
claim "the sums leave tests out" '<testsuites tests="1" failures="0">'
claim "which are there" 'name="y".*<failure>'

exit "$bad"
