# The cache of kernels and --kernel, on kernels of a few KB that look real enough: tests/helper/mkkernel.

setup() {
	load helper
	export KTSTR_CACHE_DIR="$PWD/cache" HOME="$PWD"
	unset KTSTR_KERNEL XDG_CACHE_HOME
	cache="$KTSTR_CACHE_DIR/kernels"
}

mkkernel() { "$BATS_TEST_DIRNAME/helper/mkkernel" "$@"; }

# poke FILE OFFSET ESCAPES: overwrite bytes.
# shellcheck disable=SC2059
poke() { printf "$3" | dd of="$1" bs=1 seek="$(($2))" conv=notrunc status=none; }

# fails_with CODE TEXT COMMAND...: exact status, nothing on stdout, TEXT in the one message.
fails_with() {
	local code=$1 text=$2
	shift 2
	run "-$code" --separate-stderr "$@"
	[ -z "$output" ]
	[[ "$stderr" == *"$text"* ]] || { echo "no '$text' in: $stderr"; false; }
}

# names: the cached kernels, on one line.
names() { ktstr-kernel list --json | jq -r .name | paste -sd ' '; }

# stages: what adds under way, or dead ones, have in the cache.
stages() { compgen -G "$cache/.tmp.*" || true; }

no_boot_kernels() {
	! compgen -G '/boot/vmlinuz*' >/dev/null || skip "this machine has kernels in /boot, which count"
}

@test "the ELF comes out of a bzImage of every compression" {
	for pack in zstd gzip xz lz4 bzip2 lzma; do
		mkkernel 7.3.0-$pack want
		mkkernel --pack $pack 7.3.0-$pack image
		run -0 --separate-stderr ktstr-kernel add image
		[ "$output" = 7.3.0-$pack ]
		cmp want "$cache/7.3.0-$pack/vmlinux"
		cmp image "$cache/7.3.0-$pack/bzImage"
	done
}

@test "a missing decompressor is named" {
	mkkernel --pack zstd 7.3.0 image
	fails_with 128 'zstd is not installed' env PATH=/nowhere "$(command -v ktstr-kernel)" add image
}

@test "a bzImage cut short, with a wrong offset, or lying about its size is refused" {
	mkkernel --pack zstd 7.3.0 image
	head -c 520 image >short
	fails_with 128 "short' is not a kernel: a bzImage cut short in its header" ktstr-kernel path ./short
	head -c 3000 image >short
	fails_with 128 'cut short?' ktstr-kernel path ./short
	cp image bad && poke bad 0x248 '\377\377\377\177'
	fails_with 128 'is not within its' ktstr-kernel path ./bad
	cp image bad && poke bad 0x24c '\377\377\377\377'
	fails_with 128 'is not within its' ktstr-kernel path ./bad
	cp image bad && poke bad 0x24c '\003\000\000\000'
	fails_with 128 'is not within its' ktstr-kernel path ./bad
	cp image bad && poke bad 0x1fe '\000'
	fails_with 128 'neither a bzImage nor an ELF file' ktstr-kernel path ./bad
	cp image bad && poke bad 0x202 'X'
	fails_with 128 'neither a bzImage nor an ELF file' ktstr-kernel path ./bad
	cp image bad && poke bad 0x206 '\007'
	fails_with 128 'boot protocol 2.07; 2.08 is needed' ktstr-kernel path ./bad
	cp image bad && poke bad 2624 'LOL!'
	fails_with 128 'payload starts with 4c 4f 4c 21' ktstr-kernel path ./bad
	tail_at=$((2624 + $(od -An -tu4 -j 588 -N 4 image) - 4))
	cp image bad && poke bad $tail_at '\001\000\000\000'
	fails_with 128 'did not yield the 1 bytes' ktstr-kernel path ./bad
	# It is stopped there, and does not fill the disk first.
	mkdir evil
	printf '#!/bin/sh\nhead -c 1000000 /dev/zero && : >all\n' >evil/zstd
	chmod +x evil/zstd
	PATH="$PWD/evil:$PATH" fails_with 128 'did not yield the 1 bytes' ktstr-kernel path ./bad
	[ ! -e all ]
	cp image bad && poke bad $tail_at '\377\377\377\000'
	fails_with 128 'did not yield the 16777215 bytes' ktstr-kernel path ./bad
	cp image bad && poke bad $tail_at '\377\377\377\377'
	fails_with 128 'claims to unpack to 4294967295 bytes' ktstr-kernel path ./bad
	[ -z "$(names)" ]
}

@test "any byte of a bzImage header may be anything: no crash, no half entry" {
	mkkernel --pack gzip 7.3.0 image
	for at in $(seq 0x1f1 0x20 0x250) 526 527 584 585 586 587 588 589 590 591; do
		for byte in '\000' '\177' '\377'; do
			cp image bad
			poke bad "$at" "$byte"
			ktstr-kernel add bad && status=0 || status=$?
			[ $status -eq 0 ] || [ $status -eq 128 ]
		done
	done
	names=$(names)
	[ "$names" = 7.3.0 ] || [ -z "$names" ]
}

@test "what is not a kernel is refused, saying why" {
	echo hello >text
	fails_with 128 "text' is not a kernel: neither a bzImage nor an ELF file" ktstr-kernel path ./text
	: >empty
	fails_with 128 "empty' is not a kernel: neither a bzImage nor an ELF file" ktstr-kernel path ./empty
	gcc -xc -c -o object.o - <<<'int x;'
	fails_with 128 'not an x86-64 executable' ktstr-kernel path ./object.o
	mkkernel 7.3.0 vmlinux
	head -c 20 vmlinux >short
	fails_with 128 "short' is not a kernel: not a whole ELF file" ktstr-kernel path ./short
	head -c 100 vmlinux >short
	fails_with 128 "short' is not a kernel: cut short" ktstr-kernel path ./short
	head -c -1 vmlinux >short
	fails_with 128 "short' is not a kernel: cut short" ktstr-kernel path ./short
	cp vmlinux arm64 && poke arm64 18 '\267'
	fails_with 128 'not an x86-64 executable' ktstr-kernel path ./arm64
	cp vmlinux x32 && poke x32 4 '\001'
	fails_with 128 'not an x86-64 executable' ktstr-kernel path ./x32
	cp vmlinux unloadable
	for ((i = 0; i < $(od -An -tu2 -j 56 -N 2 vmlinux); i++)); do
		poke unloadable $((64 + 56 * i)) '\000\000\000\000'
	done
	fails_with 128 'it has nothing to load' ktstr-kernel path ./unloadable
	sed 's/Linux version 7/Linux Version 7/' vmlinux >bannerless
	fails_with 128 "it has no 'Linux version ' line" ktstr-kernel path ./bannerless
	sed 's/Linux version 7.3.0/Linux version 7.\/.0/' vmlinux >slash
	fails_with 128 "it has no 'Linux version ' line" ktstr-kernel path ./slash
	fails_with 128 "cannot open './gone': No such file" ktstr-kernel path ./gone
	fails_with 128 'neither a file nor a directory' ktstr-kernel path /dev/null
}

@test "a kernel without a PVH entry, BTF or cgroup2 is 125, as a path and for add" {
	mkkernel --no-pvh 7.3.0 k
	fails_with 125 'has no PVH entry' ktstr-kernel path ./k
	mkkernel --no-pvh --pack zstd 7.3.0 k
	fails_with 125 'has no PVH entry' ktstr-kernel path ./k
	mkkernel --no-btf 7.3.0 k
	fails_with 125 'has no BTF: one built with CONFIG_DEBUG_INFO_BTF=y is needed' ktstr-kernel path ./k
	# From memory too.
	fails_with 125 'has no BTF' ktstr-kernel path ./k
	fails_with 125 'has no BTF' ktstr-kernel add ./k
	mkkernel 7.3.0 k
	echo '# CONFIG_CGROUPS is not set' >config-7.3.0
	fails_with 125 'has no cgroup2: one built with CONFIG_CGROUPS=y is needed' ktstr-kernel path ./k
	fails_with 125 'has no cgroup2' ktstr-kernel add ./k
	[ -z "$(names)" ]
}

@test "the facts are those of the kernel" {
	mkkernel --sched-ext --pack zstd 7.3.0 image
	echo CONFIG_CGROUPS=y >my.config
	ktstr-kernel add --config my.config image
	mkkernel 7.2.0 vmlinux
	ktstr-kernel add vmlinux
	run -0 --separate-stderr ktstr-kernel list --json
	[ -z "$stderr" ]
	sum=$(sha256sum <"$cache/7.3.0/vmlinux")
	jq -es --arg sum "${sum%% *}" --arg pwd "$(pwd -P)" '
		length == 2 and .[0].name == "7.3.0" and .[0].release == "7.3.0" and .[0].sched_ext == true and .[0].btf == true and
		.[0].cgroup2 == true and .[0].sha256 == $sum and .[0].origin == "file:\($pwd)/image" and
		.[1].sched_ext == false and .[1].cgroup2 == null and (.[1].added | fromdate) > 1.7e9' <<<"$output"
	cmp my.config "$cache/7.3.0/config"
	run -0 --separate-stderr ktstr-kernel list
	[[ "${lines[1]}" == 7.3.0*yes*file:* ]]
}

@test "newest goes by version, a release candidate before its release" {
	for r in 7.9.1 7.10.0 7.10.0-rc3 6.12.5+deb13-cloud-amd64; do
		mkkernel "$r" k
		ktstr-kernel add k
	done
	[ "$(names)" = '7.10.0 7.10.0-rc3 7.9.1 6.12.5+deb13-cloud-amd64' ]
	run -0 --separate-stderr ktstr-kernel path
	[ "$output" = "$cache/7.10.0/vmlinux" ]
	[ "$stderr" = 'ktstr-kernel: kernel 7.10.0: newest in the cache' ]
}

@test "a prefix means the newest it is the start of, by whole numbers" {
	for r in 7.1.9 7.1.10 7.10.0 7.1.10-x; do
		mkkernel $r k
		ktstr-kernel add k
	done
	run -0 --separate-stderr ktstr-kernel path 7.1
	[ "$output" = "$cache/7.1.10-x/vmlinux" ]
	[ "$stderr" = 'ktstr-kernel: kernel 7.1.10-x: newest 7.1 in the cache, by --kernel' ]
	run -0 --separate-stderr ktstr-kernel path 7.1.10
	[ "$output" = "$cache/7.1.10/vmlinux" ]
	run -0 --separate-stderr ktstr-kernel path 7
	[ "$output" = "$cache/7.10.0/vmlinux" ]
	fails_with 128 "no kernel '7.2' (--kernel)" ktstr-kernel path 7.2
	[[ "$stderr" == *'the cache holds 7.10.0, 7.1.10-x, 7.1.10, 7.1.9;'*'ktstr kernel fetch --version 7.2' ]]
}

@test "KTSTR_KERNEL counts when nothing is given, and an argument before it" {
	mkkernel 7.1.0 k1
	mkkernel 7.2.0 k2
	ktstr-kernel add k1
	ktstr-kernel add k2
	KTSTR_KERNEL=7.1 run -0 --separate-stderr ktstr-kernel path
	[ "$output" = "$cache/7.1.0/vmlinux" ]
	[ "$stderr" = 'ktstr-kernel: kernel 7.1.0: newest 7.1 in the cache, by KTSTR_KERNEL' ]
	KTSTR_KERNEL=./k1 run -0 --separate-stderr ktstr-kernel path
	[ "$output" = "$PWD/k1" ]
	KTSTR_KERNEL=7.1 run -0 --separate-stderr ktstr-kernel path 7.2
	[ "$output" = "$cache/7.2.0/vmlinux" ]
	KTSTR_KERNEL='' run -0 --separate-stderr ktstr-kernel path
	[ "$output" = "$cache/7.2.0/vmlinux" ]
	KTSTR_KERNEL=/nowhere fails_with 128 "KTSTR_KERNEL: cannot open '/nowhere'" ktstr-kernel path
}

@test "a vmlinux is used in place, and a build tree through its vmlinux or bzImage" {
	mkdir -p linux/arch/x86/boot empty .config
	mkkernel --pack zstd 7.3.0 linux/arch/x86/boot/bzImage
	echo CONFIG_CGROUPS=y >linux/.config
	run -0 --separate-stderr ktstr-kernel path linux
	[ "$output" = "$cache/7.3.0/vmlinux" ]
	[ "$(ktstr-kernel list --json | jq -r .origin)" = "tree:$(pwd -P)/linux" ]
	cmp linux/.config "$cache/7.3.0/config"
	mkkernel 7.3.1 linux/vmlinux
	run -0 --separate-stderr ktstr-kernel path linux
	[ "$output" = "$(pwd -P)/linux/vmlinux" ]
	[ "$stderr" = "ktstr-kernel: kernel 7.3.1: 'linux', by --kernel" ]
	[ "$(names)" = 7.3.0 ]
	# A directory .config, as every home has, is no configuration.
	run -0 --separate-stderr ktstr-kernel add linux/vmlinux
	cp linux/vmlinux .
	run -0 --separate-stderr ktstr-kernel add vmlinux
	fails_with 128 'it has neither vmlinux nor arch/x86/boot/bzImage' ktstr-kernel path empty
}

@test "a known file is neither unpacked nor hashed again, a changed one is" {
	mkkernel --pack zstd 7.3.0 image
	mkkernel 7.2.0 vmlinux
	ktstr-kernel path ./image
	ktstr-kernel path ./vmlinux
	# No decompressor to be had.
	run -0 --separate-stderr env PATH=/nowhere "$(command -v ktstr-kernel)" path ./image
	[ "$output" = "$cache/7.3.0/vmlinux" ]
	# A release that reading the file would not give.
	sed -i 's/"release":"7.2.0/"release":"7.2.9/' "$cache"/.seen/*
	run -0 --separate-stderr ktstr-kernel path ./vmlinux
	[[ "$stderr" == *'kernel 7.2.9: '* ]]
	mkkernel 7.2.1 vmlinux
	run -0 --separate-stderr ktstr-kernel path ./vmlinux
	[[ "$stderr" == *'kernel 7.2.1: '* ]]
	# An entry that was removed meanwhile is made again.
	ktstr-kernel clean
	run -0 --separate-stderr ktstr-kernel path ./image
	[ -e "$cache/7.3.0/vmlinux" ]
}

@test "without any kernel the message says what was looked at and what to type" {
	no_boot_kernels
	mkdir here && cd here
	fails_with 128 'no kernel to boot; looked at KTSTR_KERNEL (not set)' ktstr-kernel path
	for text in "the cache '$cache' (empty)" './linux (not there)' '../linux (not there)' '/boot/vmlinuz* (none)' \
		'to get one, type: ktstr kernel fetch'; do
		[[ "$stderr" == *"$text"* ]]
	done
	[ ! -e "$KTSTR_CACHE_DIR" ]
	# One that cannot be worked with is another matter than none.
	mkdir linux
	mkkernel --no-btf 7.3.0 linux/vmlinux
	fails_with 125 'has no BTF' ktstr-kernel path
	[[ "$stderr" == *'no kernel to boot; looked at '*'type: ktstr kernel fetch' ]]
}

@test "./linux and ../linux are found when nothing is cached" {
	mkdir -p linux sub
	mkkernel 7.3.0 linux/vmlinux
	run -0 --separate-stderr ktstr-kernel path
	[ "$output" = "$(pwd -P)/linux/vmlinux" ]
	[ "$stderr" = "ktstr-kernel: kernel 7.3.0: './linux', as nothing is in the cache" ]
	cd sub
	run -0 --separate-stderr ktstr-kernel path
	[ "$output" = "$(cd .. && pwd -P)/linux/vmlinux" ]
}

@test "no place for a cache: a vmlinux still works, the rest says so" {
	mkkernel 7.3.0 vmlinux
	run -0 --separate-stderr env -u KTSTR_CACHE_DIR -u HOME ktstr-kernel path ./vmlinux
	[ "$output" = "$(pwd -P)/vmlinux" ]
	fails_with 128 'no place for a cache: set KTSTR_CACHE_DIR or HOME' env -u KTSTR_CACHE_DIR -u HOME ktstr-kernel list
	run -0 env -u KTSTR_CACHE_DIR ktstr-kernel add vmlinux
	[ -e .cache/ktstr/kernels/7.3.0/vmlinux ]
	[ "$(stat -c %a .cache/ktstr)" = 700 ]
	run -0 env -u KTSTR_CACHE_DIR XDG_CACHE_HOME="$PWD/xdg" ktstr-kernel add vmlinux
	[ -e xdg/ktstr/kernels/7.3.0/vmlinux ]
}

@test "a damaged entry is passed over, reported by list, removed by clean" {
	for r in 7.1.0 7.2.0 7.3.0; do
		mkkernel $r k
		ktstr-kernel add k
	done
	echo '{' >"$cache/7.3.0/kernel.json"
	rm "$cache/7.2.0/vmlinux"
	run -0 --separate-stderr ktstr-kernel path
	[ "$output" = "$cache/7.1.0/vmlinux" ]
	[ "$stderr" = 'ktstr-kernel: kernel 7.1.0: newest usable in the cache' ]
	fails_with 128 "cached kernel '7.3.0' is damaged" ktstr-kernel path 7.3.0
	echo '{}' >"$cache/7.3.0/kernel.json"
	fails_with 128 'does not hold the facts of a kernel' ktstr-kernel path 7.3.0
	run -128 --separate-stderr ktstr-kernel list
	[[ "$stderr" == *"cached kernel '7.3.0' is damaged"*"cached kernel '7.2.0' is damaged"* ]]
	[[ "$output" == *7.1.0* ]]
	ktstr-kernel clean --keep 1
	[ "$(names)" = 7.1.0 ]
}

@test "an entry is used only with the vmlinux that was added, and only while nobody else may write to it" {
	mkkernel 7.3.0 k
	mkkernel 7.1.0 old
	ktstr-kernel add k
	ktstr-kernel add old
	ktstr-kernel path 7.3.0
	local vmlinux=$cache/7.3.0/vmlinux path
	# The same size and mtime, another byte.
	cp -p "$vmlinux" kept
	printf x | dd of="$vmlinux" bs=1 seek=5000 conv=notrunc status=none
	touch -r kept "$vmlinux"
	fails_with 128 "cached kernel '7.3.0' is damaged: '$vmlinux' has changed since it was added" ktstr-kernel path 7.3.0
	run -128 --separate-stderr ktstr-kernel list
	[[ "$stderr" == *"'$vmlinux' has changed since it was added"* ]]
	run -0 --separate-stderr ktstr-kernel path
	[ "$output" = "$cache/7.1.0/vmlinux" ]
	# What was added is added again beside it.
	run -0 ktstr-kernel add k
	[ "$output" = 7.3.0-2 ]
	cp -p kept "$vmlinux"
	ktstr-kernel path 7.3.0
	for path in "$cache" "$cache/7.3.0" "$cache/7.3.0/kernel.json" "$vmlinux"; do
		chmod g+w "$path"
		fails_with 128 "cached kernel '7.3.0' is damaged: '$path': others may write to it" ktstr-kernel path 7.3.0
		chmod g-w "$path"
	done
	ktstr-kernel path 7.3.0
	[ "$(id -u)" = 0 ] || skip "it takes root to give a file away: the rest passed"
	chown 1234 "$vmlinux"
	fails_with 128 "cached kernel '7.3.0' is damaged: '$vmlinux': belongs to user 1234" ktstr-kernel path 7.3.0
}

@test "a vmlinux of the cache is read once, and again when it was touched" {
	mkkernel 7.3.0 k
	ktstr-kernel add k
	local vmlinux=$cache/7.3.0/vmlinux
	# A file that changed just now is not remembered.
	until [ "$(($(date +%s) - $(stat -c %Z "$vmlinux")))" -gt 2 ]; do sleep 0.1; done
	ktstr-kernel path 7.3.0
	# What is remembered decides, until the file shows that it was touched.
	local note
	note=$(grep -lF "$vmlinux" "${cache%/kernels}"/digests/*)
	sed -i '2s/.*/0000000000000000000000000000000000000000000000000000000000000000/' "$note"
	fails_with 128 "has changed since it was added" ktstr-kernel path 7.3.0
	touch "$vmlinux"
	ktstr-kernel path 7.3.0
	# A note of somebody else is none.
	until [ "$(($(date +%s) - $(stat -c %Z "$vmlinux")))" -gt 2 ]; do sleep 0.1; done
	ktstr-kernel path 7.3.0
	sed -i '2s/.*/0000000000000000000000000000000000000000000000000000000000000000/' "$note"
	chmod o+w "$note"
	ktstr-kernel path 7.3.0
	# What is remembered of a file ends with the file.
	ktstr-kernel clean
	[ ! -e "$note" ]
}

@test "the same kernel is added once, another of the same release gets a number" {
	mkkernel --salt 1 7.3.0 k1
	mkkernel --salt 2 7.3.0 k2
	mkkernel --salt 1 --pack xz 7.3.0 k3
	run -0 ktstr-kernel add k1
	[ "$output" = 7.3.0 ]
	run -0 ktstr-kernel add k2
	[ "$output" = 7.3.0-2 ]
	run -0 ktstr-kernel add k3
	[ "$output" = 7.3.0 ]
	[ "$(names)" = '7.3.0-2 7.3.0' ]
	# The name itself before what it is the start of.
	[ "$(ktstr-kernel path 7.3.0)" = "$cache/7.3.0/vmlinux" ]
}

@test "eight adds at once: each gets its entry, and the same file only one" {
	pids=()
	for i in 1 2 3 4; do
		mkkernel --salt $i --pack zstd 7.3.0 k$i
	done
	for i in 1 2 3 4 1 2 3 4; do
		ktstr-kernel add k$i &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid"
	done
	[ "$(names)" = '7.3.0-4 7.3.0-3 7.3.0-2 7.3.0' ]
	[ "$(ktstr-kernel list --json | jq -r .sha256 | sort -u | wc -l)" = 4 ]
	[ -z "$(stages)" ]
}

@test "an add that is killed leaves nothing to be seen, and the next one clears up" {
	mkkernel --pack zstd 7.3.0 image
	mkdir evil
	# shellcheck disable=SC2016
	printf '#!/bin/sh\nkill -9 $PPID\n' >evil/zstd
	chmod +x evil/zstd
	PATH="$PWD/evil:$PATH" run -137 ktstr-kernel add image
	[ -z "$(names)" ]
	[ -n "$(stages)" ]
	ktstr-kernel add image
	[ "$(names)" = 7.3.0 ]
	[ -z "$(stages)" ]
}

@test "an add that fails leaves nothing behind" {
	mkkernel --no-btf --pack zstd 7.3.0 image
	run -125 ktstr-kernel add image
	[ -z "$(names)" ]
	[ -z "$(stages)" ]
	mkkernel --pack zstd 7.3.0 image
	fails_with 128 "cannot open 'no.config'" ktstr-kernel add --config no.config image
	[ -z "$(names)" ]
	[ -z "$(stages)" ]
}

@test "clean keeps the newest, and forgets files that are gone" {
	for r in 7.1.0 7.2.0 7.10.0; do
		mkkernel $r k
		ktstr-kernel add k
	done
	mkkernel --pack zstd 7.11.0 image
	ktstr-kernel path ./image
	ktstr-kernel path ./k
	ktstr-kernel clean --keep 2
	[ "$(names)" = '7.11.0 7.10.0' ]
	[ "$(find "$cache/.seen" -type f | wc -l)" = 2 ]
	rm k
	ktstr-kernel clean
	[ -z "$(names)" ]
	[ -z "$(find "$cache/.seen" -type f)" ]
}

@test "list of an empty cache is empty" {
	run -0 --separate-stderr ktstr-kernel list
	[ -z "$output$stderr" ]
	run -0 --separate-stderr ktstr-kernel list --json
	[ -z "$output$stderr" ]
}

@test "bad usage is 129, and help goes to stdout" {
	fails_with 129 'a verb is needed' ktstr-kernel
	fails_with 129 "'frob' is not a verb" ktstr-kernel frob
	fails_with 129 "'add' takes one argument" ktstr-kernel add
	fails_with 129 "'list' takes no argument" ktstr-kernel list x
	fails_with 129 "bad option for 'list'" ktstr-kernel list --frob
	fails_with 129 "--keep: '-1x' is not a whole number" ktstr-kernel clean --keep -1x
	fails_with 129 '--suite needs a value' ktstr-kernel fetch --suite
	fails_with 129 "is no name of a suite or release" ktstr-kernel fetch --suite 'sid main'
	for verb in '' add list path clean fetch; do
		run -0 --separate-stderr ktstr-kernel $verb --help
		[[ "$output" == usage:* ]]
		[ -z "$stderr" ]
	done
}

@test "fetch --if-missing does not run apt when a kernel with sched_ext is cached" {
	mkkernel --sched-ext 7.3.0 k
	ktstr-kernel add k
	mkdir evil
	printf '#!/bin/sh\necho apt was run >&2; exit 1\n' | tee evil/apt-get >evil/apt-cache
	chmod +x evil/*
	PATH="$PWD/evil:$PATH" run -0 --separate-stderr ktstr-kernel fetch --if-missing
	[ -z "$output$stderr" ]
	ktstr-kernel clean
	PATH="$PWD/evil:$PATH" run -128 --separate-stderr ktstr-kernel fetch --if-missing
	[[ "$stderr" == *'apt has no Debian archive among its sources'* ]]
}

@test "deps is silent when nothing is missing, and says what to type without root" {
	run -0 --separate-stderr ktstr-deps build run test
	[ -z "$output$stderr" ]
	mkdir fake
	printf '#!/bin/sh\necho gcc installed\n' >fake/dpkg-query
	printf '#!/bin/sh\necho 1000\n' >fake/id
	printf '#!/bin/sh\nexit 1\n' >fake/sudo
	printf '#!/bin/sh\necho apt was run >&2; exit 1\n' >fake/apt-get
	chmod +x fake/*
	PATH="$PWD/fake:$PATH" fails_with 128 'sudo apt-get update && sudo apt-get install -y' ktstr-deps build
	[[ "$stderr" != *' gcc'* && "$stderr" == *libjansson-dev* && "$stderr" != *'apt was run'* ]]
	PATH="$PWD/fake:$PATH" run -0 --separate-stderr ktstr-deps -n test
	[ "$output" = 'bats btrfs-progs hwloc-nox libclang-rt-dev mandoc python3-jsonschema stress-ng rt-tests' ]
	fails_with 129 "bad argument 'frob'" ktstr-deps frob
	fails_with 129 'a group is needed' ktstr-deps
}
