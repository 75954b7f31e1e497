# SPDX-License-Identifier: GPL-2.0-only
# What every test file loads: this tree's programs first in PATH, and a directory of the test's own.
bats_require_minimum_version 1.5.0
TREE=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
export TREE PATH="$TREE/bin:$TREE/libexec:$PATH"
cd "$BATS_TEST_TMPDIR" || exit
