#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# memoffline monitor: how it ends. Its events are tested in guests.
load cli

setup() {
	run timeout 20 "$memoffline" monitor --timeout 0.001
	[ "$status" -ne 1 ] || skip "this machine gives no events: $output"
}

teardown() {
	[ -z "${pid-}" ] || kill -KILL "$pid" 2>/dev/null || true
}

# Starts it and waits until it listens: from then on it has a signalfd.
start() {
	"$memoffline" monitor "$@" &
	pid=$!
	until [[ "$(readlink /proc/$pid/fd/* 2>/dev/null)" == *signalfd* ]]; do
		kill -0 "$pid"
	done
}

@test "after the timeout: success, and no output" {
	run timeout 20 "$memoffline" monitor --timeout 0.2
	[ "$status" -eq 0 ]
	[ -z "$output" ]
}

@test "SIGINT and SIGTERM end it clean" {
	for signal in INT TERM HUP; do
		start
		kill -s "$signal" "$pid"
		timeout 20 tail --pid="$pid" -f /dev/null
		wait "$pid"
	done
}

@test "it ends when its reader goes" {
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	"$memoffline" monitor >"$BATS_TEST_TMPDIR/fifo" &
	pid=$!
	exec 7<"$BATS_TEST_TMPDIR/fifo"
	exec 7<&-
	timeout 20 tail --pid="$pid" -f /dev/null
	wait "$pid"
}
