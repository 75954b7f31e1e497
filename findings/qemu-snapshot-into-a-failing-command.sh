#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# qemu-snapshot-into-a-failing-command.sh - "migrate exec:" is "completed" when the command that takes the state failed.
#
#
# Package: qemu-system-x86 1:7.2+dfsg-7+deb12u18+b3 (bookworm).
# Expected: "failed" when the shell command that takes the state exits with 3, as when a compressor or a disk gives up at the end.
# Seen: "completed", as long as the command read all that was written. Only a pipe that broke before that is "failed".

set -u
work=$(mktemp -d) || exit 77
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
bad=0

gone() { echo "not to be had: $*"; exit 77; }

# claim TEXT REGEX: prints if a line of $work/seen shows the claim.
claim() {
	if grep -Eq -- "$2" "$work/seen"; then echo "as stated: $1"; else echo "CHANGED: $1"; bad=1; fi
}

# fetch SUITE PACKAGE=VERSION...: unpacks packages and what they depend on into $work/root, from the Debian mirror that the
# machine's apt uses, through an apt state of our own. With nodeps=1 the packages alone.
fetch() {
	suite=$1 a=$work/apt-$1; shift
	# shellcheck disable=SC2016 # apt expands them
	mirror=$(apt-get indextargets --format '$(ORIGIN)|$(COMPONENT)|$(RELEASE)|$(SITE)' 'Created-By: Packages' |
		awk -F'|' '$2 == "main" && $3 !~ /security|\// && ($1 ~ /^Debian/ || $1 ~ /^($|\$)/) { print $4; exit }')
	[ -n "$mirror" ] || gone "a Debian mirror in apt's sources"
	mkdir -p "$a/lists/partial" "$a/archives/partial" "$work/root"
	: >"$a/status"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$a/list"
	printf '%s;\n' "Dir::Etc::sourcelist \"$a/list\"" 'Dir::Etc::sourceparts "-"' "Dir::State::lists \"$a/lists\"" \
		"Dir::State::status \"$a/status\"" "Dir::Cache \"$a\"" 'Acquire::Languages "none"' 'APT::Sandbox::User "root"' >"$a/conf"
	export APT_CONFIG="$a/conf"
	[ -e "$a/updated" ] || apt-get -q update >"$work/log" 2>&1 || gone "the suite $suite"
	: >"$a/updated"
	if [ "${nodeps:-}" ]; then
		(cd "$a/archives" && apt-get -q download "$@") >"$work/log" 2>&1 || gone "$*"
	else
		apt-get -q -y -d --no-install-recommends install "$@" >"$work/log" 2>&1 || gone "$*"
	fi
	unset APT_CONFIG
	for deb in "$a"/archives/*.deb; do dpkg-deb -x "$deb" "$work/root" || gone "room to unpack"; done
	rm -f "$a"/archives/*.deb
}

# emulate ARGUMENT...: QEMU of $work/root without KVM, window or devices.
emulate() {
	libs=$work/root/lib/x86_64-linux-gnu:$work/root/usr/lib/x86_64-linux-gnu
	QEMU_MODULE_DIR=$work/root/usr/lib/x86_64-linux-gnu/qemu timeout 200 \
		"$work/root/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2" --library-path "$libs" "$work/root/usr/bin/qemu-system-x86_64" \
		-L "$work/root/usr/share/qemu" -L "$work/root/usr/share/seabios" -nodefaults -display none -no-reboot "$@"
}

fetch bookworm 'qemu-system-x86=1:7.2+dfsg-7+deb12u18+b3'
mkfifo "$work/in" "$work/answers"

# save NAME COMMAND: saves a machine that has run nothing yet into a shell command, and prints how that ended.
save() {
	emulate -accel tcg -S -m 8 -qmp stdio <"$work/in" 2>/dev/null >"$work/answers" &
	exec 3>"$work/in" 4<"$work/answers"
	printf '{"execute":"qmp_capabilities"}{"execute":"migrate","arguments":{"uri":"exec:%s"}}' "$2" >&3
	state=
	while [ -z "$state" ]; do
		echo '{"execute":"query-migrate"}' >&3
		while read -r line <&4; do
			case $line in
			*'"status": "'[cf]*) state=$(echo "$line" | grep -Eo '"status": "(completed|failed)"'); break ;;
			*'"status"'*) break ;;
			esac
		done
	done
	echo "$1: $state"
	echo '{"execute":"quit"}' >&3
	exec 3>&- 4<&-
	wait
}
{
	save good "cat >$work/good"
	save bad "cat >$work/bad; exit 3"
	save lost "gzip >$work/none/lost; cat >$work/null; exit 1"
	save broken 'false'
} >"$work/seen"
cat "$work/seen"
claim "a good one is completed" '^good: "status": "completed"$'
claim "so is one that ended with 3" '^bad: "status": "completed"$'
claim "so is one that stored nothing" '^lost: "status": "completed"$'
claim "a broken pipe is failed" '^broken: "status": "failed"$'

exit "$bad"
