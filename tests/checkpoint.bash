# SPDX-License-Identifier: GPL-2.0-only
# What tests of checkpoints share: runs on tests/helper/fake-qemu, with a cache of the test's own.
# shellcheck disable=SC2154 # run sets stderr

setup() {
	pids=()
	fake_qemu
	export FAKE_SAYS=$PWD/says
	spec any
	ktstr-topo 1n1l1c1t >plan.json
	jq -c '{kind: "guest", cpus: (.cpus | map(del(.apic_id))), nodes}, {kind: "end", outcome: "done", reason: ""}' plan.json >says
}

teardown() {
	end_started
}

# boot STATE [OPTION...]: a whole run, whose state was "built" or "found"; its key is in $key
boot() {
	local want=$1
	shift
	run -0 --separate-stderr "${boot:-ktstr-boot}" --accel tcg --plan plan.json "$@" any.json
	jq -se 'last | .kind == "end" and .outcome == "done"' <<<"$output"
	[ "$(jq -r 'select(.kind == "host").checkpoint' <<<"$output")" = "$want" ]
	key=$(jq -r 'select(.kind == "host").checkpoint_key' <<<"$output")
	saved=$KTSTR_CACHE_DIR/checkpoints/$key/saved
}

# Nothing is there but what is whole: no process, no stage.
nothing_left() {
	[ "$(qemus)" = 0 ]
	[ ! -e "$KTSTR_CACHE_DIR/checkpoints" ] || [ -z "$(find "$KTSTR_CACHE_DIR/checkpoints" -name '.tmp*')" ]
	run -0 --separate-stderr ktstr cache verify
	[ -z "$stderr" ]
}

keys() {
	ktstr-cache list --json | jq -r .key | paste -sd' '
}

# harm COMMAND: done in the directory of the state
harm() {
	(cd "$saved" && eval "$1")
}

# start NAME COMMAND...: in the background, its output in NAME.out, NAME.err; pid in $pid
start() {
	local name=$1
	shift
	"$@" >"$name.out" 2>"$name.err" 3>&- &
	pid=$!
	pids+=("$pid")
}

# ends PID STATUS: a child of ours
ends() {
	local code=0
	wait "$1" || code=$?
	[ $code = "$2" ]
}

# Until a line of the file matches, while a process lives.
until_said() { # FILE PATTERN PID
	until grep -q -- "$2" "$1"; do
		kill -0 "$3"
	done
}

state_in() {
	jq -r 'select(.kind == "host").checkpoint' "$1.out"
}
