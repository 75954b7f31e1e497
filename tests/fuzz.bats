#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# What `make fuzz` has found worth keeping, and every spec of the tree, through the spec parser under sanitizers.
load helper

@test "spec parser: the fuzzer's corpus and all specs of the tree, no crash and no leak" {
	mapfile -t sources < <(find "$TREE/libexec/lib" "$TREE/guest/work" -name '*.c')
	# shellcheck disable=SC2046
	printf '%s\n' "${sources[@]}" "$TREE/tests/helper/spec-fuzz.c" |
		xargs -n 8 -P 2 gcc -std=gnu11 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all \
			-I"$TREE/libexec/lib" -I"$TREE/libexec" -I"$TREE/guest" $(pkg-config --cflags jansson) -c
	# shellcheck disable=SC2046
	gcc -fsanitize=address,undefined -o spec-fuzz ./*.o $(pkg-config --libs jansson libelf libmd libxxhash) -lm
	[ "$(find "$TREE/tests/data/spec-fuzz" -type f | wc -l)" -ge 20 ]
	ASAN_OPTIONS=detect_leaks=1 run -0 ./spec-fuzz "$TREE"/tests/data/spec-fuzz/* "$TREE"/tests/data/spec/*.json \
		"$TREE"/share/specs/*.json "$TREE"/share/scenarios/*.json
	[ -z "$output" ]
}
