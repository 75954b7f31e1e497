#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# A worker of type Exec in shell: counts, and reports every thousand on descriptor 3. Told to stop, it says what is left.
i=0
trap 'echo "units $((i % 1000))" >&3; exit 0' TERM
while :; do
	i=$((i + 1))
	[ $((i % 1000)) != 0 ] || echo "units 1000" >&3
done
