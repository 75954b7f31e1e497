#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# What `make fuzz` has found worth keeping, and every spec of the tree, through the spec parser under sanitizers.
load helper

@test "spec parser: the fuzzer's corpus and all specs of the tree, no crash and no leak" {
	# Two directories have files of the same name: objects are called after the whole path.
	find "$TREE"/libexec/{lib,spec,topo,report,check} "$TREE/guest/work" "$TREE/tests/helper/spec-fuzz.c" -name '*.c' -print0 |
		xargs -0 -P 2 -I {} sh -c 'exec gcc -std=gnu11 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all \
			-I"$TREE" $(pkg-config --cflags jansson) -c \
			-o "$(echo "${1#"$TREE"/}" | tr / _).o" "$1"' - {}
	# shellcheck disable=SC2046
	gcc -fsanitize=address,undefined -o spec-fuzz ./*.o $(pkg-config --libs jansson libelf libmd libxxhash) -lm
	[ "$(find "$TREE/tests/data/spec-fuzz" -type f | wc -l)" -ge 20 ]
	ASAN_OPTIONS=detect_leaks=1 run -0 ./spec-fuzz "$TREE"/tests/data/spec-fuzz/* "$TREE"/tests/data/spec/*.json \
		"$TREE"/share/specs/*.json "$TREE"/share/scenarios/*.json
	[ -z "$output" ]
}
