#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# lab: --topology two-dimms --cpus 1 --disk 256m
# Attempts that others make, by a plain write or an eject: parameters, reports, uevents, tracepoints. Blocks 32-35 are DIMM d1.
load common

parameters=/sys/module/memoffline/parameters
trace=/sys/kernel/tracing/instances/hotplug
inject=/sys/kernel/debug/notifier-error-inject/memory/actions/MEM_GOING_OFFLINE/error

setup() {
	load_core
	all_online_movable 32 33 34 35 36
	rm -rf "$run_dir"
	said=$BATS_TEST_TMPDIR/said
	events=$BATS_TEST_TMPDIR/events
	mkdir $trace
	echo 1 > $trace/events/memoffline/enable
}

teardown() {
	kill_children
	[ ! -e $inject ] || modprobe -r memory-notifier-error-inject
	rmdir $trace
	unload_core
}

watch_events() {
	udevadm monitor --kernel --property --subsystem-match=misc > "$events" 3>&- &
	watcher=$!
	await "$events" $watcher "KERNEL - the kernel uevent"
}

# event_of BLOCK [NTH]: its variables, once it is there
event_of() {
	local nth=${2:-1}

	until [ "$(grep -c "^BLOCK=$1$" "$events")" -ge "$nth" ]; do
		kill -0 $watcher
		pause 0.02
	done
	sleep_until_blank
	awk -v RS= -v block="BLOCK=$1" -v nth="$nth" '$0 ~ "\n" block "\n" && ++n == nth' "$events"
}

# An event ends with a blank line.
sleep_until_blank() {
	until [ -z "$(tail -n 1 "$events")" ]; do pause 0.02; done
}

field() { "$memoffline" report --json "$1" | jq -r "$2"; }

try() {	# BLOCK
	status=0
	(echo offline > "$memory/memory$1/state") 2> "$said" 3>&- || status=$?
	cat "$said"
}

pin_page() {	# BLOCK
	start_work pinned pin --node 1 --block "$1"
	pfn=$(sed -n 's/.* pfn=\(0x[0-9a-f]*\).*/\1/p' "$out")
}

@test "parameters: defaults, and what makes no sense is refused" {
	local name value

	[ "$(cat $parameters/deadline_ms)" = 10000 ]
	[ "$(cat $parameters/stall_ms)" = 300 ]
	[ "$(cat $parameters/workers)" = 0 ]
	[ "$(cat $parameters/swap)" = fallback ]
	[ "$(cat $parameters/records)" = 1024 ]
	for name in deadline_ms stall_ms workers records; do
		for value in -1 x 4294967296 100000000; do
			! (echo $value > $parameters/$name) 2>/dev/null
		done
		echo 77 > $parameters/$name
		[ "$(cat $parameters/$name)" = 77 ]
	done
	! (echo sometimes > $parameters/swap) 2>/dev/null
	for value in never only fallback; do
		echo $value > $parameters/swap
		[ "$(cat $parameters/swap)" = $value ]
	done
	unload_core
	! load_core stall_ms=-1
	load_core stall_ms=300 swap=never
	[ "$(cat $parameters/stall_ms) $(cat $parameters/swap)" = "300 never" ]
}

@test "a plain write: an event, tracepoints and a report tell what was moved" {
	watch_events
	start_work ready --node 1 --anon 40m --threads 0
	try 32
	[ "$status" = 0 ]
	event_of 32 | tee "$said"
	grep -qx "MEMOFFLINE_EVENT=end" "$said"
	grep -qx "DEVNAME=/dev/memoffline" "$said"
	grep -qx "RESULT=0" "$said"
	grep -qx "REASON=none" "$said"
	grep -qx "START_PFN=$((32 * 32768))" "$said"
	grep -qx "NR_PAGES=32768" "$said"
	grep -qx "KEPT=0" "$said"
	! grep -q "^FIRST_PFN" "$said"
	moved=$(sed -n 's/^MOVED=//p' "$said")
	[ "$moved" = "$(field 32 .moved_pages)" ]
	[ "$(field 32 .engine)" = core ]
	[ "$(field 32 .status)" = done ]
	grep -v '^#' $trace/trace
	grep -q "memoffline_begin: start_pfn=0x100000 nr_pages=32768 deadline_ms=10000 stall_ms=300" $trace/trace
	grep -q "memoffline_pass: start_pfn=0x100000 pass=1 left=0 moved=$moved" $trace/trace
	grep -q "memoffline_end: start_pfn=0x100000 nr_pages=32768 error=0 reason=none moved=$moved " $trace/trace
	end_work "$pid"
}

@test "a page that stays is named by an event, a tracepoint and the report" {
	watch_events
	pin_page 33
	try 33
	[ "$status" = 1 ]
	grep -q "Device or resource busy" "$said"
	event_of 33 | tee "$said"
	grep -qx "RESULT=-16" "$said"
	grep -qx "REASON=extra-refs" "$said"
	grep -qx "KEPT=1" "$said"
	grep -qx "FIRST_PFN=$((pfn))" "$said"
	grep -q "memoffline_kept: pfn=$pfn order=0 kind=anon reason=extra-refs refs=" $trace/trace
	[ "$(field 33 '.records[0].start_pfn')" = $((pfn)) ]
	[ "$(field 33 .reason)" = extra-refs ]
	end_work "$pid"
	try 33
	[ "$status" = 0 ]
	[ "$(field 33 .status)" = done ]	# the last one counts
	event_of 33 2 | grep -qx "RESULT=0"
}

@test "isolation that fails before any notifier is asked is told with its pages" {
	local block

	watch_events
	start_work ready --node 0 --kernel 64m --threads 0
	for block in 1 2 3 4 5 6 7 8 9 10; do	# some of them hold that
		try $block
		[ "$status" = 0 ] || break
		echo online > "$memory/memory$block/state"
	done
	grep -q "Device or resource busy" "$said"
	event_of "$block" | tee "$said"
	grep -qx "RESULT=-16" "$said"
	grep -qE "^REASON=(reserved|kernel|slab|pgtable)$" "$said"
	grep -q "^FIRST_PFN=" "$said"
	[ "$(sed -n 's/^KEPT=//p' "$said")" -gt 0 ]
	[ "$(field "$block" .nr_pages_kept)" = "$(sed -n 's/^KEPT=//p' "$said")" ]
	! grep -q "memoffline_begin: start_pfn=0x$(printf %x $((block * 32768))) " $trace/trace
}

@test "a block with holes" {
	local block=11

	[ "$(zone $block)" != none ]
	try $block
	[ "$status" = 1 ]
	grep -q "Invalid argument" "$said"
	[ "$(field $block .reason)" = holes ]
	[ "$(field $block .error)" = EINVAL ]
}

# Somebody else's veto, asked before or after us, reaches the report with its own error.
veto() {	# PRIORITY
	modprobe memory-notifier-error-inject priority="$1"
	watch_events
	echo -12 > $inject
	try 34
	echo 0 > $inject
	grep -q "Cannot allocate memory" "$said"
	event_of 34 | tee "$said"
	grep -qx "RESULT=-12" "$said"
	grep -qx "REASON=notifier" "$said"
	[ "$(field 34 .reason)" = notifier ]
	[ "$(field 34 .error)" = ENOMEM ]
}

@test "the veto of a notifier that is asked before ours" {
	veto 0
	! grep -q memoffline_begin $trace/trace
}

@test "the veto of a notifier that is asked after ours" {
	veto -2000
	grep -q memoffline_begin $trace/trace
}

@test "a signal: the writer gets EBUSY, and the report says interrupted" {
	pin_page 35
	echo 20000 > $parameters/stall_ms
	echo offline > "$memory/memory35/state" 2> "$said" 3>&- &
	writer=$!
	until grep -q "memoffline_pass: .* pass=3" $trace/trace; do kill -0 $writer; pause 0.02; done
	kill -TERM $writer
	wait $writer || :
	[ "$(state 35)" = online ]
	[ "$(field 35 .reason)" = interrupted ]
	[ "$(field 35 .error)" = EBUSY ]
	end_work "$pid"
}

@test "an eject with a pinned page: each block has its event, with the page, and its asker" {
	watch_events
	pin_page 33
	eject d1
	[ "$answer" = 130 ]	# busy
	[ "$(states 32 33 34 35)" = "online=4" ]
	event_of 32 | tee "$said"	# whose turn it was
	grep -qx "DEVICE=PNP0C80:00" "$said"
	! grep -q "^CAUSE_BLOCK" "$said"
	for block in 33 34 35; do event_of $block | grep -qx "CAUSE_BLOCK=32"; done
	for block in 32 33 34 35; do
		event_of $block > "$said"
		grep -qx "RESULT=-16" "$said"
		grep -qx "FIRST_PFN=$((pfn))" "$said"
	done
	asker=$(sed -nE '/memoffline_begin/ { s/.*-([0-9]+) +\[.*/\1/p; q }' $trace/trace)
	[[ $(cat "/proc/$asker/comm") == kworker* ]]
	end_work "$pid"
	host dimm-del d1
	[ ! -e $memory/memory33 ]
	[ "$(field 33 .status)" = done ]	# also of a block that is gone
	host dimm-add d1 512M 1
}

@test "switched off: the kernel is on its own, and no report is kept" {
	echo N > $parameters/enabled
	watch_events
	try 36
	[ "$status" = 0 ]
	! grep -q memoffline_begin $trace/trace
	echo Y > $parameters/enabled
	echo online_movable > "$memory/memory36/state"
	try 36
	[ "$status" = 0 ]
	event_of 36 > /dev/null
	[ "$(grep -c ^MEMOFFLINE_EVENT "$events")" = 1 ]
}
