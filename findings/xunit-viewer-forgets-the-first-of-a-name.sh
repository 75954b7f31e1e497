#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# xunit-viewer-forgets-the-first-of-a-name.sh - xunit-viewer keeps the last of tests with one name: a failure before it is lost.
#
#
# Package: xunit-viewer 10.6.1 (npm).
# Expected: two tests, one of them failed, or that a failure wins.
# Seen: "f" failed and passed in one suite is "1 passed"; passed and failed is "1 failure". Runs of one test on two kernels, or
#   with two seeds, need the kernel or the seed in the name.

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

bring xunit-viewer@10.6.1
view() {
	mkdir -p "$work/in"
	printf '<testsuites><testsuite name="s">%s%s</testsuite></testsuites>\n' "$2" "$3" >"$work/in/r.xml"
	"$work/node_modules/.bin/xunit-viewer" -r "$work/in" -c -o false >"$work/out" 2>&1
	echo "$1: $(grep -E '(passed|failure|error|skipped)(,|$)' "$work/out" | tail -n 1)"
}
failed='<testcase classname="c" name="f"><failure message="6.12"/></testcase>' passed='<testcase classname="c" name="f"/>'
other='<testcase classname="c" name="g"/>'
{
	view "failed, passed" "$failed" "$passed"
	view "passed, failed" "$passed" "$failed"
	view "failed, another name" "$failed" "$other"
} >"$work/seen"
cat "$work/seen"
claim "the failure is gone" '^failed, passed: 1 passed$'
claim "the pass is gone" '^passed, failed: 1 failure$'
claim "two names are two tests" '^failed, another name: 1 failure, 1 passed$'

exit "$bad"
