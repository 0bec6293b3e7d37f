#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# lab: --topology one-node-dimm --memory 1G --cpus 1
# Memory that is added comes online by policy. The DIMM d1 has 8 blocks, from 32 on.
load common

blocks=$(seq -s " " 32 39)

setup() {
	rm -rf "$run_dir" /var/lib/memoffline /etc/memoffline.conf /etc/udev/rules.d/41-test.rules
	echo offline > $memory/auto_online_blocks
	[ ! -e $memory/memory32 ] || unplug
	udevadm control --reload 2>/dev/null || :
}

unplug() {
	local i

	for i in $blocks; do
		[ "$(state "$i")" = offline ] || echo offline > "$memory/memory$i/state"
	done
	host clear-events
	host device_del d1
	host wait-event DEVICE_DELETED device=d1 --timeout 20 > /dev/null
}

plug() {
	host device_add pc-dimm,id=d1,memdev=mem-d1,node=0
	until [ -e $memory/memory39 ]; do pause 0.02; done
}

policy() {	# LINE...
	printf '%s\n' "[online]" "udev = yes" "$@" > /etc/memoffline.conf
}

# As units do it, one for each event: all at once, and as soon as the first block is there.
all_at_once() {
	local i pids=() failed=0

	for i in $blocks; do
		"$memoffline" online --by-udev "memory$i" > "$BATS_TEST_TMPDIR/said.$i" 2>&1 3>&- &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i" || failed=$?; done
	grep . "$BATS_TEST_TMPDIR"/said.* || :
	return $failed
}

zones() { for i in $blocks; do zone "$i"; done | sort | uniq -c | awk '{ print $2 "=" $1 }' | paste -sd ' '; }

@test "8 events at once: all in zone Movable; once more is no failure" {
	policy
	plug
	# shellcheck disable=SC2086
	[ "$(states $blocks)" = offline=8 ]
	all_at_once
	# shellcheck disable=SC2086
	[ "$(states $blocks)" = online=8 ]
	[ "$(zones)" = Movable=8 ]
	! grep -q warning "$BATS_TEST_TMPDIR"/said.*
	all_at_once
	grep -q "already online" "$BATS_TEST_TMPDIR/said.39"
	! grep -q warning "$BATS_TEST_TMPDIR"/said.*
}

@test "not configured: it stays as it is" {
	plug
	all_at_once
	# shellcheck disable=SC2086
	[ "$(states $blocks)" = offline=8 ]
}

@test "boot memory is left to the kernel" {
	policy
	last=$(all_blocks | awk '$1 < 32' | tail -n 1)
	[ "$(state "$last")" = online ]
	"$memoffline" online --by-udev "$last" | tee "$BATS_TEST_TMPDIR/said"
	[ ! -s "$BATS_TEST_TMPDIR/said" ]
}

@test "who got in first is named: the kernel itself, a udev rule" {
	policy "zone = kernel"
	echo online_movable > $memory/auto_online_blocks
	plug
	until [ "$(state 39)" = online ]; do pause 0.02; done
	"$memoffline" online --by-udev 32 > "$BATS_TEST_TMPDIR/said" 2>&1
	cat "$BATS_TEST_TMPDIR/said"
	grep -q "warning: memory32 was online in zone Movable before memoffline could .* a kernel zone.*auto_online_blocks is online_movable" \
		"$BATS_TEST_TMPDIR/said"
	echo offline > $memory/auto_online_blocks
	mkdir -p /etc/udev/rules.d
	echo 'SUBSYSTEM=="memory", ACTION=="add", ATTR{state}="online"' > /etc/udev/rules.d/41-test.rules
	"$memoffline" online --by-udev 33 > "$BATS_TEST_TMPDIR/said" 2>&1
	cat "$BATS_TEST_TMPDIR/said"
	grep -q 'memory33 .*the udev rule in /etc/udev/rules.d/41-test.rules writes "online"' "$BATS_TEST_TMPDIR/said"
}

# The last one: what the kernel then has in its zone may not go again.
@test "the ratio holds, also for 8 at once: what is beyond goes to a kernel zone, with a warning" {
	policy "ratio = 1"
	plug
	all_at_once
	[ "$(zones)" = "Movable=7 Normal=1" ]
	[ "$(cat "$BATS_TEST_TMPDIR"/said.* | grep -c "warning: memory.* comes online in a kernel zone, from where it may never go again.*1 times")" = 1 ]
}
