#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Every fuzz target (tests/fuzz/*.c) over its corpus, what `make fuzz` has found worth keeping, under sanitizers. Each input once, none
# made up: the same in every run.
load helper

setup() { export ASAN_OPTIONS=detect_leaks=1; }

# replay TARGET LEAST FILE...: the target over its corpus, of LEAST inputs or more, and these files.
replay() {
	local target=$1 least=$2 corpus=$TREE/tests/data/fuzz/$1
	shift 2
	[ "$(find "$corpus" -type f | wc -l)" -ge "$least" ]
	run -0 "$TREE/.fuzz/$target" "$corpus"/* "$@"
	[ "$(grep -c '^Executed ' <<<"$output")" = $(($(find "$corpus" -type f | wc -l) + $#)) ]
}

@test "spec: the fuzzer's corpus and all specs of the tree" {
	replay spec 20 "$TREE"/tests/data/spec/*.json "$TREE"/share/specs/*.json "$TREE"/share/scenarios/*.json
}
@test "plan: the fuzzer's corpus" { replay plan 3; }
@test "report: the fuzzer's corpus and all reports of the tests" { replay report 5 "$TREE"/tests/data/eval/*/in.jsonl; }
@test "QMP: the fuzzer's corpus" { replay qmp 5; }
@test "guest link: the fuzzer's corpus" { replay guestlink 3; }
@test "cpio: the fuzzer's corpus" { replay cpio 8; }
@test "bzImage and vmlinux: the fuzzer's corpus" { replay bzimage 5; }
@test "trace: the fuzzer's corpus" { replay trace 3; }

@test "every target is built, has a corpus and is replayed here" {
	for file in "$TREE"/tests/fuzz/*.c; do
		name=$(basename "$file" .c)
		[ -x "$TREE/.fuzz/$name" ]
		grep -qw "replay $name" "$BATS_TEST_FILENAME"
	done
	[ "$(ls "$TREE/tests/data/fuzz")" = "$(basename -s .c "$TREE"/tests/fuzz/*.c)" ]
}
