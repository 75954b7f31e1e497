#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# What make does besides building: install, and what it says and does not do.
# shellcheck disable=SC2154,SC2030,SC2031 # run sets stderr; a PATH is one test's own

load helper

# A make of its own: nothing of the one that runs the tests.
build() {
	env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make --no-print-directory -C "$TREE" "$@"
}

@test "what is installed works without the tree" {
	mkdir runs
	build DESTDIR="$PWD/dest" PREFIX=/usr install
	cp -r dest/usr moved # nothing knows where it was
	rm -r dest
	PATH=$PWD/moved/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
	run -0 --separate-stderr ktstr run --runs runs moved/share/ktstr/specs/first.json
	[[ $output == "    PASS ["*"] specs::first ktstr/first" ]]
	run -0 --separate-stderr ktstr kernel list
	[[ $(command -v ktstr-boot) == "$PWD/moved/"* ]]
	# Every verb of the tree, and nothing that is not for people or programs.
	[ "$(ktstr --help)" = "$("$TREE/bin/ktstr" --help)" ]
	run -0 find moved -name '*.[cohd]' ! -name '*.bpf.o' ! -path '*/share/ktstr/examples/*'
	[ -z "$output" ]
	local page
	for page in "$TREE"/man/*.[157]; do
		cmp "$page" "moved/share/man/man${page##*.}/${page##*/}"
	done
}

@test "the guest image and the schedulers have the same bytes, wherever and whenever they are built" {
	mkdir -p some/where
	tar -C "$TREE" --exclude='*.[oad]' -c Makefile bin libexec guest tests | tar -C some/where -x
	find some -exec touch {} +
	[ ! -e "$TREE/.deps" ] || ln -s "$TREE/.deps" some/where/.deps # libbpf, as make deps unpacked it
	umask 077
	TREE=$PWD/some/where build clean
	TREE=$PWD/some/where build guest/ktstr.img guest/bpf/fifo.bpf.o guest/bpf/llc.bpf.o
	local file
	for file in ktstr.img bpf/fifo.bpf.o bpf/llc.bpf.o; do
		cmp "$TREE/guest/$file" "some/where/guest/$file"
	done
}

@test "uninstall leaves what install did not bring" {
	mkdir -p dest/usr/bin
	touch dest/usr/bin/other
	build DESTDIR="$PWD/dest" PREFIX=/usr install
	build DESTDIR="$PWD/dest" PREFIX=/usr uninstall
	run -0 find dest -type f
	[ "$output" = dest/usr/bin/other ]
}

@test "without the packages make says what to type, and nothing else" {
	run -2 --separate-stderr build PKG_CONFIG=false
	[ -z "$output" ]
	[[ ${stderr_lines[0]} == *"'make deps'"* ]]
	[[ ${stderr_lines[1]} == "make: *** "* ]]
	[ "${#stderr_lines[@]}" = 2 ]
}

@test "a second make deps kernel downloads and installs nothing" {
	mkdir fake
	for tool in apt-get apt-cache dpkg-deb sudo curl wget; do
		printf '#!/bin/sh\necho "%s $*" >>"%s"\nexit 1\n' "$tool" "$PWD/called" >fake/$tool
	done
	chmod +x fake/*
	PATH=$PWD/fake:$PATH run -0 --separate-stderr build deps kernel
	[ -z "$stderr" ]
	[ ! -e called ]
}
