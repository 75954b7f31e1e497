#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The tests themselves: what they must not do.
# shellcheck disable=SC2154,SC2016 # run sets stderr; what is quoted is for the files

load helper

@test "no test has an assertion that asserts nothing" {
	"$TREE/tests/helper/negations" "$TREE"/tests/*.bats "$TREE"/tests/*.bash
	# And it finds them.
	printf '%s\n' 'helper() {' '	! grep -q x file' '	for i in 1 2; do ! grep -q $i file; done' '	[ -e file ] && ! [ -e other ]' '}' >bad.bash
	run -1 "$TREE/tests/helper/negations" bad.bash
	[ "${#lines[@]}" = 3 ]
	[[ ${lines[0]} == "bad.bash:2: asserts nothing: "* ]]
	printf '%s\n' 'if ! grep -q x file; then :; fi' '! grep -q x file || exit 1' '! grep -q x file && echo none' \
		'run ! grep -q x file # ! grep' "jq 'a | ! b'" 'until ! kill -0 1; do :; done' >good.bash
	"$TREE/tests/helper/negations" good.bash
}
