# SPDX-License-Identifier: GPL-2.0-only
# What every test file loads: this tree's programs first in PATH, and a directory of the test's own.
bats_require_minimum_version 1.5.0
TREE=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
export TREE PATH="$TREE/bin:$TREE/libexec:$PATH"
cd "$BATS_TEST_TMPDIR" || exit

# spec NAME [CGROUPS-JSON [MORE-MEMBERS]]: a small spec in NAME.json
spec() {
	printf '{"name":"%s","memory_mb":256,"duration_s":1,"cgroups":%s%s}\n' "$1" \
		"${2:-[{\"name\":\"a\",\"workers\":1\}]}" "${3:+,$3}" >"$1.json"
}

# gone PID: wait for the end of a process that is not our child
gone() {
	tail --pid="$1" -f /dev/null
}

# qemus: how many QEMU processes of this test's guests there are
qemus() {
	pgrep -c -f "^qemu-system-x86_64 .*$BATS_TEST_TMPDIR|^[^ ]*fake-qemu" || true
}
