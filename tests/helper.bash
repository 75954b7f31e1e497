# Loaded by every test: the programs of this build, and a directory of its own for each test.
PATH="$BATS_TEST_DIRNAME/../bin:$BATS_TEST_DIRNAME/../libexec:$PATH"
cd "$BATS_TEST_TMPDIR" || exit
