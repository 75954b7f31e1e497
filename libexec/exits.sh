# shellcheck shell=sh disable=SC2034 # whoever sources this uses them
# SPDX-License-Identifier: GPL-2.0-only
# exits.sh - to be sourced, with its directory in $here: the exit codes of exits.list as $KT_OK, $KT_NO, $KT_TROUBLE ...
exits='' list=$here/lib/exits.list
[ -e "$list" ] || list=$here/exits.list # installed
while IFS='(, )' read -r macro name code word _; do
	[ "$macro" = EXIT ] || continue
	eval "KT_$name=$code"
	exits="$exits $code:$word"
done <"$list"
[ -n "$exits" ] || exit 128 # without the list there is no name for this

# exit_rank CODE: how bad it is; 0 is the best.
exit_rank() {
	rank=0
	for entry in $exits; do
		[ "${entry%:*}" != "$1" ] || break
		rank=$((rank + 1))
	done
	echo $rank
}

# exit_worse CODE CODE: the worse of them.
exit_worse() {
	if [ "$(exit_rank "$1")" -gt "$(exit_rank "$2")" ]; then echo "$1"; else echo "$2"; fi
}

# exit_word CODE: PASS, FAIL ...
exit_word() {
	for entry in $exits; do
		[ "${entry%:*}" != "$1" ] || { echo "${entry#*:}" && return; }
	done
	echo BAD
}
