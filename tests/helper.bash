# SPDX-License-Identifier: GPL-2.0-only
# What every test file loads: the tree's own programs first in PATH, and a directory of the test's own.
bats_require_minimum_version 1.5.0
PATH="$BATS_TEST_DIRNAME/../bin:$BATS_TEST_DIRNAME/../libexec:$PATH"
cd "$BATS_TEST_TMPDIR" || exit
