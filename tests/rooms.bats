#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# What each folder's README says of its side and its includers, against the sources and the programs that were built.

load helper

rooms=$BATS_TEST_DIRNAME/helper/rooms

# A copy of the sources, to break.
copy() {
	mkdir copy
	(cd "$TREE" && find bin guest libexec tests/helper \( -name '*.[ch]' -o -name '*.list' -o -name README \) -print0 | tar -c --null -T -) | tar -x -C copy
}

# The folders whose sources are in the programs of the Makefile's VARIABLE..., by the programs' debug information.
folders_in() {
	local variable program units
	for variable; do
		for program in $(make -s -C "$TREE" --no-print-directory --eval="list: ; @echo \$($variable)" list); do
			units=$(objdump --dwarf=info --dwarf-depth=1 "$TREE/$program" |
				sed -n 's/.*DW_AT_name .*: \([a-z0-9/_-]*\)\/[^/]*\.c$/\1/p')
			[ -n "$units" ] || { echo "$program: no debug information; build it with -g" >&2; return 1; }
			echo "$units"
		done
	done | sort -u
}

@test "every folder says its purpose, its side and its includers, and no include goes another way" {
	run -0 "$rooms" "$TREE"
	[ -z "$output" ]
}

@test "each kind of wrong folder and wrong include is a fault of its own" {
	local at expected
	copy
	run -0 "$rooms" copy
	while IFS='|' read -r at expected; do
		rm -rf broken && cp -r copy broken
		(cd broken && eval "$at")
		echo "$at"
		run -1 "$rooms" broken
		# Which line an include is on is no part of the test.
		[ "$(sed -E 's/(\.[ch]):[0-9]+:/\1:/' <<<"$output")" = "$expected" ]
	done <<-'END'
		rm libexec/README|libexec/README: not there
		mkdir libexec/new|libexec/new/README: not there
		echo more >>libexec/vm/README|libexec/vm/README: 4 lines, not three
		sed -i '1s/.*/purpose:/' guest/README|guest/README:1: not "purpose: ..."
		sed -i '2s/.*/side: here/' libexec/kernel/README|libexec/kernel/README:2: not "side: guest", "side: host" or "side: both"
		sed -i '3s/, libexec\/state//' libexec/look/README|libexec/state/changes.h: libexec/look is not for libexec/state to include
		sed -i '3s/$/, libexec\/boot/' libexec/sweep/README|libexec/sweep/README: libexec/boot includes nothing from there
		echo '#include "btf.h"' >libexec/look/x.c|libexec/look/x.c: "btf.h" is no path from the root of the tree
		echo '#include "libexec/look/none.h"' >libexec/look/x.c|libexec/look/x.c: "libexec/look/none.h" is no path from the root of the tree
		echo '#include "none.h"' >tests/helper/x.c|tests/helper/x.c: "none.h" is no path from the root of the tree
		echo '#include "libexec/vm/vm.h"' >guest/x.c; sed -i '3s/$/, guest/' libexec/vm/README|guest/x.c: libexec/vm is of the host, guest is not
	END
}

@test "a folder's side is where its sources are linked: in the guest image, in programs of the host, or in both" {
	local folder side in_image in_host
	in_image=$(folders_in IN_IMAGE)
	in_host=$(folders_in PROGRAMS TURNS)
	for folder in $(cd "$TREE" && find guest libexec -type d ! -path guest/bpf); do
		side=
		! grep -qx "$folder" <<<"$in_image" || side=guest
		! grep -qx "$folder" <<<"$in_host" || side=${side:+both} side=${side:-host}
		echo "$folder: linked for the ${side:-nothing}"
		grep -qx "side: $side" "$TREE/$folder/README"
	done
}

@test "ktstr(7) names every folder that is in the guest image" {
	local folder
	for folder in $(folders_in IN_IMAGE); do
		echo "$folder"
		grep -qE "^\.(It )?Pa (.* )?$folder/( |$)" "$TREE/man/ktstr.7"
	done
}

@test "a header's first line names the header, and 'see NAME.h' in a comment names a file that is there" {
	local header file
	cd "$TREE"
	find bin guest libexec -type f >"$BATS_TEST_TMPDIR/files"
	while read -r header; do
		echo "$header"
		head -n 3 "$header" | grep -qF " ${header##*/} - "
	done < <(grep '\.h$' "$BATS_TEST_TMPDIR/files" | grep -v 'list\.h$')
	while IFS=: read -r file header; do
		echo "$file: $header"
		grep -qE "(^|/)${header#see }$" "$BATS_TEST_TMPDIR/files"
	done < <(grep -rHoE --include='*.[ch]' 'see [a-z0-9/_-]+\.[ch]\b' bin guest libexec)
}
