# SPDX-License-Identifier: GPL-2.0-only
# What every test file loads: this tree's programs first in PATH, a directory of the test's own, and folders for checkpoints
# and runs that are not the user's.
bats_require_minimum_version 1.5.0
TREE=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
export TREE PATH="$TREE/bin:$TREE/libexec:$PATH"

# Once for each file: what a file exports, its tests inherit. The cache is the tree's, for all files and from one make check to
# the next; in it are links to the user's kernels, which are read and never written.
own_folders() {
	local user=${USER_CACHE:-${KTSTR_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/ktstr}} kernel
	export OWN_FOLDERS=1 KTSTR_CACHE_DIR=$TREE/.check KTSTR_RUNS=$BATS_FILE_TMPDIR/runs
	(umask 077 && mkdir -p "$KTSTR_CACHE_DIR/kernels")
	for kernel in "$user"/kernels/* "$KTSTR_CACHE_DIR"/kernels/*; do
		[ -e "$kernel" ] || rm -f "$KTSTR_CACHE_DIR/kernels/${kernel##*/}"
		[ ! -e "$kernel" ] || [ -e "$KTSTR_CACHE_DIR/kernels/${kernel##*/}" ] || ln -sfn "$kernel" "$KTSTR_CACHE_DIR/kernels/"
	done
}
[ -n "${OWN_FOLDERS-}" ] || own_folders
cd "$BATS_TEST_TMPDIR" || exit

# spec NAME [CGROUPS-JSON [MORE-MEMBERS]]: a small spec in NAME.json
spec() {
	printf '{"name":"%s","memory_mb":256,"duration_s":1,"cgroups":%s%s}\n' "$1" \
		"${2:-[{\"name\":\"a\",\"workers\":1\}]}" "${3:+,$3}" >"$1.json"
}

# own_cache DIR: the kernels of the cache and what is known of this machine's KVM and QEMU, with checkpoints of its own
own_cache() {
	local cache
	cache=$(ktstr-kernel path 2>/dev/null)
	cache=${cache%/kernels/*}
	mkdir "$1"
	ln -s "$cache/kernels" "$1/kernels"
	[ ! -e "$cache/kvm.json" ] || cp "$cache/kvm.json" "$1/"
	[ ! -e "$cache/clock" ] || cp -R "$cache/clock" "$1/"
	export KTSTR_CACHE_DIR=$1
}

# fake_qemu: from here on tests/helper/fake-qemu, a kernel that does not boot, and an empty cache, all in this directory. No guest can
# show that this QEMU repeats.
fake_qemu() {
	export KTSTR_TRUST_QEMU=yes
	export KTSTR_QEMU=$TREE/tests/helper/fake-qemu KTSTR_KERNEL=$PWD/kernel KTSTR_CACHE_DIR=$PWD/cache FAKE_STARTS=$PWD/starts
	"$TREE/tests/helper/mkkernel" 7.3.0 kernel
	: >starts
}

needs_own_dev() {
	unshare -rm true || skip "no user namespaces for a /dev of our own"
}

# with_dev "DEVICE..." COMMAND...: with a /dev that has these and nothing else; kvm is one that opens and is no KVM
with_dev() {
	# shellcheck disable=SC2016
	unshare -rm bash -euc '
		mkdir -p dev
		mount -t tmpfs none dev
		for device in $1; do
			: >dev/$device
			mount --bind "/dev/$(sed s/kvm/null/ <<<$device)" dev/$device
		done
		mount --rbind dev /dev
		shift
		exec "$@"' - "$@"
}

# fails CODE COMMAND...: it exits with this code; "! command" would assert nothing (tests/helper/negations)
fails() {
	local want=$1 code=0
	shift
	"$@" || code=$?
	[ "$code" = "$want" ]
}

# end_started: end what is still there of the children in $pids
end_started() {
	local pid
	for pid in "${pids[@]}"; do
		! kill -TERM "$pid" 2>/dev/null || wait "$pid" || true
	done
}

# gone PID: wait for the end of a process that is not our child
gone() {
	tail --pid="$1" -f /dev/null
}

# qemus: how many QEMU processes this test has started that are still there
qemus() {
	local file n=0
	while read -r file; do
		[[ ! $(tr '\0' ' ' <"${file%environ}cmdline") =~ ^[^\ ]*qemu ]] || n=$((n + 1))
	done < <(grep -lsazxF "BATS_TEST_TMPDIR=$BATS_TEST_TMPDIR" /proc/[0-9]*/environ)
	echo $n
}

# boot_tree DIR: a copy of ktstr-boot and of what it needs beside it, but for the guest image
boot_tree() {
	mkdir -p "$1/bin" "$1/guest" "$1/libexec"
	cp "$TREE/bin/ktstr-boot" "$1/bin/"
	cp "$TREE/libexec/ktstr-turns.so" "$1/libexec/"
}
