# SPDX-License-Identifier: GPL-2.0-only
# What tests of migrate hooks share: the drivers that have them, and a process that uses their memory.
# shellcheck shell=bash disable=SC2034,SC2154
hooked=$build/tests/guest/hooked
drivers=$build/modules/$(uname -r)/tests
VMA_REFUSED=7	# of enum memoffline_reason
nr_pages=512	# of the process

driver_value() { cat "/sys/module/$1/parameters/$2"; }	# DRIVER NAME
set_driver() { echo "$3" > "/sys/module/$1/parameters/$2"; }	# DRIVER NAME VALUE

# Also waits for a call of the hook that nobody waited for.
unload_driver() {	# DRIVER
	local i

	[ -d "/sys/module/$1" ] || return 0
	for i in {1..100}; do
		! rmmod "$1" 2>/dev/null || return 0
		pause 0.1
	done
	rmmod "$1"
}

# A process whose memory is the driver's and lies on node 1, in what blocks are online there; sets hooked_pid.
start_hooked() {	# DRIVER private|shared [fork]
	mkfifo "$BATS_TEST_TMPDIR/hooked.in"
	"$hooked" "/dev/$1" $nr_pages 1 "${@:2}" \
		< "$BATS_TEST_TMPDIR/hooked.in" > "$BATS_TEST_TMPDIR/hooked.out" 2>&1 3>&- &
	hooked_pid=$!
	exec {hooked_fd}> "$BATS_TEST_TMPDIR/hooked.in"
	await "$BATS_TEST_TMPDIR/hooked.out" $hooked_pid ^ready
}

# Prints its answer.
ask_hooked() {	# LINE
	local before

	before=$(wc -l < "$BATS_TEST_TMPDIR/hooked.out")
	echo "$1" >&"$hooked_fd"
	until [ "$(wc -l < "$BATS_TEST_TMPDIR/hooked.out")" -gt "$before" ]; do
		kill -0 "$hooked_pid" || { cat "$BATS_TEST_TMPDIR/hooked.out" >&2; return 1; }
		pause 0.02
	done
	tail -n "+$((before + 1))" "$BATS_TEST_TMPDIR/hooked.out" > "$BATS_TEST_TMPDIR/hooked.answer"
	echo "$1: $(cat "$BATS_TEST_TMPDIR/hooked.answer")" >&2
	cat "$BATS_TEST_TMPDIR/hooked.answer"
}

hooked_addr() { sed -n 's/^ready .*addr=//p' "$BATS_TEST_TMPDIR/hooked.out"; }
pages_in_block() { ask_hooked "where $block" | sed 's/in-block=\([0-9]*\) .*/\1/'; }
pages_on_node() { ask_hooked "where 0" | sed "s/.*node$1=\([0-9]*\).*/\1/"; }

# All of its memory is what it was, and it ends well.
end_hooked() {
	[ "$(ask_hooked verify)" = right ]
	exec {hooked_fd}>&-
	wait "$hooked_pid"
}
