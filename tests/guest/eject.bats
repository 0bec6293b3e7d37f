#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# lab: --topology one-node-dimm
# kernels: 6.12 6.1
# soak-kernels: debug
# The host, or the firmware, takes a DIMM away: it goes as a whole, or nothing of it changes and the host is told in
# time. Blocks 32-39 are DIMM d1 on the only node.
load common
load core
load session

blocks="32 33 34 35 36 37 38 39"
parameters=/sys/module/memoffline/parameters
inject=/sys/kernel/debug/notifier-error-inject/memory/actions/MEM_GOING_OFFLINE/error
rounds=${MEMOFFLINE_ROUNDS:+100}
[ "${LAB_KERNEL-}" != debug ] || rounds=4

setup() {
	load_core
	[ -e $memory/memory32 ] || plug d1 1G	# a test failed
	# Words, not lines.
	# shellcheck disable=SC2086
	make_movable $blocks
	device=$(basename "$(readlink -f $memory/memory32/firmware_node)")
	said=$BATS_TEST_TMPDIR/said
	events=$BATS_TEST_TMPDIR/events
	oom_kills=$(vmstat_of oom_kill)
	start_trace
}

teardown() {
	[ "${BATS_TEST_COMPLETED-}" ] || { tail -n 40 $trace/trace; cat "$out"; }
	kill_children
	[ ! -e $inject ] || modprobe -r memory-notifier-error-inject
	rmdir $trace
	[ ! -d /sys/module/memoffline ] || unload_core
	nothing_isolated
	nothing_quarantined
}

watch_events() {
	udevadm monitor --kernel --property > "$events" 3>&- &
	watcher=$!
	await "$events" $watcher "KERNEL - the kernel uevent"
}

# They arrive in order: after one that is known to be the last, all have.
end_events() {
	echo change > $memory/memory0/uevent
	await "$events" $watcher "change.*memory0 "
	until [ -z "$(tail -n 1 "$events")" ]; do pause 0.02; done
	kill $watcher
}

nr_events() { grep -cE "^KERNEL.* $1@?.*$2" "$events" || :; }	# ACTION PATH
event_of() { awk -v RS= -v block="BLOCK=$1" '$0 ~ "\n" block "\n"' "$events" | head -n "${2:-20}"; }
field() { "$memoffline" report --json "$1" | jq -r "$2"; }

plug() {	# DIMM SIZE; all there is from block 32 on goes online again
	local nr=8

	[ "$1" = d1 ] || nr=12
	host object_del "mem-$1" 2>/dev/null || :	# it is there where a test failed
	host dimm-add "$1" "$2" 0
	until [ "$(cat $memory/memory3[2-9]/valid_zones $memory/memory4?/valid_zones 2>/dev/null | grep -c '^Movable$')" = $nr ]; do
		pause 0.1
	done
}

# The host gets it: there is no other answer then.
is_deleted() {	# DIMM
	host wait-event DEVICE_DELETED "device=$1" --timeout 300 > /dev/null
	host object_del "mem-$1"
}

goes() {	# DIMM
	host clear-events
	host device_del "$1"
	is_deleted "$1"
}

nothing_went() {
	# shellcheck disable=SC2086
	[ "$(states $blocks)" = online=8 ]
	# shellcheck disable=SC2086
	[ "$(for block in $blocks; do zone "$block"; done | sort -u)" = Movable ]
}

# Refused within so many ms, of which the host is told by _OST; sets eject_ms.
is_refused() {	# MS
	eject d1
	echo "eject: $eject_ms ms, status $answer"
	[ "$answer" = 130 ]	# busy
	[ "$eject_ms" -le $(($1 * scale)) ]
	nothing_went
}

pin_page() {	# BLOCK
	start_work pinned pin --block "$1"
	pinned=$pid
	pfn=$(($(sed -n 's/.* pfn=\(0x[0-9a-f]*\).*/\1/p' "$out")))
}

moved_pages() { vmstat_of pgmigrate_success; }

@test "half full and in use: it goes, each page moves once, and nothing is lost" {
	local before

	echo 200000 > $parameters/deadline_ms	# a busy host, a kernel that checks itself
	watch_events
	start_work ready --anon $((400 / scale / scale))m --thp $((64 / scale))m --shm 40m --threads 2
	pages=$(sed -n 's/^ready .*pages=\([0-9]*\).*/\1/p' "$out")
	before=$(moved_pages)
	goes d1
	moved=$(($(moved_pages) - before))
	echo "$moved of $pages pages moved"
	[ ! -e $memory/memory32 ] && [ ! -e $memory/memory39 ]
	[ $moved -ge $((pages * 9 / 10)) ]
	[ $moved -le $((pages * 112 / 100 + 6000)) ]	# other programs have some, too
	verify_work
	end_events
	[ "$(nr_events offline memory3)" = 8 ]
	event_of 32 | tee "$said"
	grep -qx "RESULT=0" "$said"
	grep -qx "DEVICE=$device" "$said"
	[ "$(field 32 .moved_pages)" -ge $((pages * 9 / 10)) ]
	grep "memoffline_eject: start_pfn=0x100[02]00 device=$device turn=first" $trace/trace
	[ "$(grep -c "memoffline_eject: .* turn=next" $trace/trace)" = 7 ]
	end_work "$pid"
	no_oom_kill
	plug d1 1G
}

@test "a pinned page in its last block: refused in time, nothing went offline, and each report names the page" {
	watch_events
	pin_page 39
	is_refused 3000
	end_events
	[ "$(nr_events offline memory3)" = 0 ]
	[ "$(nr_events online memory3)" = 0 ]
	event_of 32 | grep -qx "FIRST_PFN=$pfn"
	event_of 33 | tee "$said"
	grep -qx "RESULT=-16" "$said"
	grep -qx "REASON=extra-refs" "$said"
	grep -qx "KEPT=1" "$said"
	grep -qx "FIRST_PFN=$pfn" "$said"
	grep -qx "DEVICE=$device" "$said"
	grep -qx "CAUSE_BLOCK=32" "$said"
	for block in $blocks; do
		[ "$(field "$block" '.records[0].start_pfn')" = $pfn ]
		[ "$(field "$block" '.records[0].owners[0].pid')" = "$pinned" ]
		[ "$(field "$block" .nr_pages_kept)" = 1 ]
	done
	end_work "$pinned"
	goes d1	# at once: it is a new eject, which takes the time that it needs
	plug d1 1G
}

@test "refused again and again: each time within the deadline and a second" {
	local i longest=0

	echo 3000 > $parameters/deadline_ms
	echo 0 > $parameters/stall_ms
	start_work ready --anon $((300 / scale / scale))m --threads 1
	worker=$pid
	pin_page 36
	for ((i = 0; i < ${rounds:-5}; i++)); do
		is_refused 4000 > "$said"
		[ "$eject_ms" -ge 2900 ]
		((eject_ms <= longest)) || longest=$eject_ms
	done
	echo "# $i refusals, the longest took $longest ms with a deadline of 3000 ms" >&3
	end_work "$pinned"
	end_work "$worker"
}

@test "a page that is let go between the two passes: it goes in the second" {
	echo 3000 > $parameters/stall_ms	# a tenth of it in the second pass
	pin_page 35
	# The first block is refused, the others at once: then is the time.
	(until grep -q "turn=refused" $trace/trace; do pause 0.01; done; kill -TERM "$pinned") 3>&- &
	goes d1
	grep -q "turn=again" $trace/trace
	plug d1 1G
}

@test "other notifiers veto: before ours, and after ours has emptied all" {
	local priority

	watch_events
	start_work ready --anon 100m --threads 1
	for priority in 0 -2000; do
		modprobe memory-notifier-error-inject priority=$priority
		echo -12 > $inject
		is_refused 4000
		echo 0 > $inject
		modprobe -r memory-notifier-error-inject
		[ "$(field 32 .reason)" = notifier ]
		[ "$(field 37 .reason)" = notifier ]
	done
	end_events
	[ "$(nr_events offline memory3)" = 0 ]
	verify_work
	goes d1
	end_work "$pid"
	plug d1 1G
}

@test "a session has a part of it: refused, and the session has what it had" {
	open_session a
	[[ "$(ask a "quarantine 35 2")" == ok* ]]
	is_refused 3000
	[ "$(field 32 .reason)" = isolation ]
	[[ "$(ask a "release 35 2")" == ok ]]
}

@test "no room for all of it elsewhere: refused at once, nobody is killed, and nothing has moved" {
	start_work ready --anon $(($(awk '/^MemAvailable/ { print $2 }' /proc/meminfo) - 400000))k --threads 0
	is_refused 3000
	[ "$(field 32 .reason)" = no-target ]
	[ "$(field 32 .moved_pages)" = 0 ]
	no_oom_kill
	end_work "$pid"
}

@test "two DIMMs at once: the one with a pinned page stays, the other one goes" {
	local status=132 event

	pin_page 34
	plug d2 512M
	start_work ready --anon $((500 / scale / scale))m --threads 1
	worker=$pid
	host clear-events
	host device_del d1
	host device_del d2
	is_deleted d2
	while [ "$status" = 132 ]; do
		event=$(host wait-event ACPI_DEVICE_OST info.device=d1 info.source=3)
		status=$(jq .data.info.status <<< "$event")
	done
	[ "$status" = 130 ]
	nothing_went
	[ ! -e $memory/memory40 ]
	verify_work
	end_work "$pinned"
	end_work "$worker"
}

@test "rmmod meanwhile: it waits until the host is answered" {
	echo 0 > $parameters/stall_ms
	echo 2000 > $parameters/deadline_ms
	pin_page 33
	host clear-events
	host device_del d1
	until grep -q "memoffline_pass: .* pass=3" $trace/trace; do pause 0.02; done
	unload_core
	host wait-event ACPI_DEVICE_OST info.device=d1 info.status=130 --timeout 20 > /dev/null
	nothing_went
	end_work "$pinned"
}

@test "whoever takes one block offline meanwhile takes this block alone" {
	start_work ready --anon $((400 / scale / scale))m --threads 0
	(echo offline > $memory/memory36/state)
	# shellcheck disable=SC2086
	[ "$(states $blocks)" = "offline=1 online=7" ]
	! grep memoffline_eject $trace/trace
	goes d1
	end_work "$pid"
	plug d1 1G
}

# The last one: what the kernel has in it stays there.
@test "a block with memory of the kernel: refused before anything moves" {
	local before

	plug d2 512M
	(echo offline > $memory/memory42/state)
	echo online_kernel > $memory/memory42/state
	start_work ready --kernel 100m --threads 0	# it is all there is of zone Normal
	before=$(moved_pages)
	eject d2
	echo "eject: $eject_ms ms, status $answer, $(($(moved_pages) - before)) pages moved"
	[ "$answer" = 130 ]
	[ "$eject_ms" -le $((2000 * scale)) ]
	[ "$(states 40 41 42 43)" = online=4 ]
	[ "$(zone 40) $(zone 41) $(zone 42) $(zone 43)" = "Movable Movable Normal Movable" ]
	[[ $(field 40 .reason) =~ ^(kernel|slab|pgtable|reserved)$ ]]
	[ "$(($(field 40 '.records[0].start_pfn') / 32768))" = 42 ]
	[ "$(field 40 .moved_pages)" = 0 ]
	end_work "$pid"
}
