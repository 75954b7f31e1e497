# Loaded by every test: the programs of this tree, and a directory of its own.
bats_require_minimum_version 1.5.0
export PATH="$BATS_TEST_DIRNAME/../bin:$BATS_TEST_DIRNAME/../libexec:$PATH"
cd "$BATS_TEST_TMPDIR" || exit
