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

@test "what a test leaves in the user's folders fails make check, and kernels are only read" {
	local folder
	printf '%s\n' '@test "a" {' '	mkdir -p "$HOME/.local/state/ktstr/runs/x"' '}' >bad.bats
	printf '%s\n' '@test "a" {' '	[ ! -e "$HOME/.cache/ktstr" ]' '}' >good.bats
	# Without what this bats tells its own children.
	alone() { env -i PATH=/usr/local/bin:/usr/bin:/bin HOME="$HOME" "$TREE/tests/run" "$PWD/$1"; }
	run -1 alone bad.bats
	[[ $output == *"tests wrote to the folders of the user"*"/.local/state/ktstr/runs/x"*"1 passed, 0 failed"* ]]
	run -0 alone good.bats
	for folder in "$KTSTR_CACHE_DIR" "$KTSTR_RUNS"; do
		[[ $folder == "$TREE"/* || $folder == "$BATS_FILE_TMPDIR"/* ]]
	done
	# Kernels are links there: what removes one leaves the user's.
	mkdir -p user/7.3.0 cache/kernels
	: >user/7.3.0/vmlinux
	ln -s "$PWD/user/7.3.0" cache/kernels/
	KTSTR_CACHE_DIR=$PWD/cache ktstr-kernel clean
	[ -z "$(ls cache/kernels)" ]
	[ -e user/7.3.0/vmlinux ]
}

@test "exit codes have one list: no program repeats its numbers, and sh reads what C includes" {
	local here=$PWD
	cd "$TREE"
	mapfile -t scripts < <(grep -rlIE '^#!/bin/(ba)?sh|shellcheck shell=sh' bin libexec guest | grep -v libexec/exits.sh)
	[ "${#scripts[@]}" -ge 8 ]
	run -1 grep -nE '(exit|die|return|code=|case.*) ?"?12[5-9]' "${scripts[@]}"
	run -1 grep -rnE '(exit|return|die)[ (]+12[5-9]\b' --include=*.c bin libexec guest/init.c guest/scenario
	printf '#include "libexec/lib/kt.h"\n' | gcc -I. -E -P - | sed -n '/^enum kt_exit {$/,/^};/p' | grep -o 'KT_[A-Z_]* = [0-9]*' | tr -d ' ' >"$here/in-c"
	# shellcheck disable=SC2016
	sh -c 'here=libexec; . libexec/exits.sh; set' | sed -n "s/^\(KT_[A-Z_]*\)='*\([0-9]*\)'*$/\1=\2/p" >"$here/in-sh"
	[ "$(wc -l <"$here/in-c")" = 7 ]
	diff <(sort "$here/in-c") <(sort "$here/in-sh")
	# shellcheck disable=SC2016
	run -0 sh -c 'here=libexec; . libexec/exits.sh; exit_worse 0 125; exit_worse 1 125; exit_worse 1 128; exit_worse 139 129; exit_word 125; exit_word 134'
	[ "$(paste -sd' ' <<<"$output")" = "125 1 128 139 SKIP BAD" ]
}
