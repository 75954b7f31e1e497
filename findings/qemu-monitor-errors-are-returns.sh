#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# qemu-monitor-errors-are-returns.sh - a monitor command that fails inside QMP is a "return"; a second -accel is a fallback.
#
# Package: qemu-system-x86 1:7.2+dfsg-7+deb12u18+b3 (bookworm).
# Expected: an error object, as for every other QMP command; and a second -accel that overrides the first.
# Seen: {"return": "unknown command..."} and {"return": "Error: ..."}: a check for "error" finds nothing. With "-accel tcg
#   -accel tcg,thread=single" the second is only a fallback: four vCPUs have four threads, alone it gives one.

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

# talk COMMAND ARGUMENT...: QEMU stopped before the first instruction, with QMP on the terminal.
talk() {
	say=$1; shift
	printf '%s\n' '{"execute":"qmp_capabilities"}' "$say" '{"execute":"quit"}' | emulate -S -qmp stdio -m 64 -smp 4 "$@"
}
hmp() { printf '{"execute":"human-monitor-command","arguments":{"command-line":"%s"}}' "$1"; }
fetch bookworm 'qemu-system-x86=1:7.2+dfsg-7+deb12u18+b3'
{
	talk "$(hmp nosuch)" -accel tcg | sed -n 's/^{"return": "/unknown: return /p'
	talk "$(hmp 'savevm x')" -accel tcg | sed -n 's/^{"return": "/failed: return /p'
	threads() { talk '{"execute":"query-cpus-fast"}' "$@" | grep -o '"thread-id": [0-9]*[0-9][0-9]' | sort -u | wc -l; }
	echo "both: $(threads -accel tcg -accel tcg,thread=single)"
	echo "alone: $(threads -accel tcg,thread=single)"
} >"$work/seen" 2>&1
cat "$work/seen"
claim "an unknown command returns" '^unknown: return unknown command'
claim "a failed command returns" '^failed: return Error: '
claim "the second -accel changes nothing" '^both: 4$'
claim "alone it does" '^alone: 1$'

exit "$bad"
