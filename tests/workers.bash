# SPDX-License-Identifier: GPL-2.0-only
# For tests that run workers on this machine; beside helper.bash.
# shellcheck disable=SC2034 # cpu and work are for the tests

setup() {
	ktstr-topo --host --no-qemu >plan
	cpu=$(taskset -cp $$ | sed 's/.*: //; s/[-,].*//')
}

# spec SECONDS CGROUP...: a spec of these cgroups.
spec() {
	local seconds=$1 IFS=,
	shift
	printf '{"name": "x", "duration_s": %s, "cgroups": [%s]}' "$seconds" "$*" >spec.json
}

work() {
	ktstr-work --plan plan --no-cgroups spec.json
}

# start ARGS...: run spec.json in the background up to its go. Leaves its pid in $work and those of its workers in
# $pids; wait_done waits until it and all of its workers are gone (they hold the fifo open).
start() {
	local line
	rm -f said
	mkfifo said
	ktstr-work --plan plan "$@" --verbose spec.json >out 2>said &
	work=$! pids=()
	exec 7<said
	while read -r line <&7 && [[ $line != *": go" ]]; do
		[[ $line == *" is pid "* ]] && pids+=("${line##* }")
	done
	[[ $line == *": go" ]]
}

wait_done() {
	timeout 20 cat <&7 >rest
	exec 7<&-
	pids=()
}

# Between hold and release the workers go on, and the run does not end, however long the test takes.
hold() {
	kill -STOP "$work"
}

release() {
	kill -CONT "$work"
	wait_done
	wait "$work"
}

# End a run that lasts long enough to be looked at on any machine.
end_early() {
	local status=0
	kill -INT "$work"
	wait_done
	wait "$work" || status=$?
	[ "$status" = 128 ]
}

# figure CGROUP FILTER: of the first worker of that cgroup in the file out.
figure() {
	jq -ers --arg c "$1" 'map(select(.kind == "worker" and .cgroup == $c and .index == 0))[0] | '"$2" out
}

# A cgroup2 directory of the test's own, or skip.
own_cgroup() {
	local mount
	mount=$(findmnt -nt cgroup2 -o TARGET | head -n 1)
	[ -n "$mount" ] || skip "no cgroup2 file system is mounted"
	root="$mount/ktstr-test-$$"
	mkdir "$root" || skip "cannot make a cgroup in $mount"
}

teardown() {
	[ -z "${pids[*]:-}" ] || kill -KILL "${pids[@]}" # only after a failure: wait_done forgets them
	[ -z "${root:-}" ] || rmdir "$root"
}
