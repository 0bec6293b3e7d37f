#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# lab: --topology two-dimms --cpus 1 --disk 256m
# Whole devices, from the command till they are gone, or as they were. Blocks 32-35 are DIMM d1, 36-39 are d2.
load common

dimm=PNP0C80:00
blocks="32 33 34 35"
journal=/var/lib/memoffline/removal

setup() {
	[ -e $memory/memory32 ] || plug
	# shellcheck disable=SC2086
	all_online_movable $blocks 36
	rm -rf "$run_dir" /var/lib/memoffline /etc/memoffline /etc/memoffline.conf
	json=$BATS_TEST_TMPDIR/report.json
}

teardown() {
	kill_children
	[ ! -d /sys/module/memoffline ] || unload_core
}

# The next file in the same guest finds the machine as it was.
teardown_file() {
	rm -rf /etc/memoffline /etc/memoffline.conf /var/lib/memoffline
	[ -e $memory/memory32 ] || plug
}

# It comes back as it was, as QEMU's name d1.
plug() {
	host device_add pc-dimm,id=d1,memdev=mem-d1,node=1
	until [ -e $memory/memory35 ] && [ "$(state 35)" != offline ]; do pause 0.02; done
}

# Work whose memory lies in d1: when it begins, d2 is not there to take it.
fill() {	# SIZE [OPTION...]
	local i size=$1

	shift
	for i in 36 37 38 39; do echo offline > $memory/memory$i/state; done
	start_work ready --node 1 --anon "$size" "$@"
	for i in 36 37 38 39; do echo online_movable > $memory/memory$i/state; done
}

# The host has it back, and the guest knows nothing of it any more.
has_gone() {
	host wait-event DEVICE_DELETED device=d1 --timeout 20 > /dev/null
	[ ! -e $memory/memory32 ]
	[ ! -e $journal ]
}

is_as_it_was() {
	[ "$(states $blocks)" = online=4 ]	# shellcheck disable=SC2086
	[ "$(for i in $blocks; do zone "$i"; done | uniq)" = Movable ]
	[ ! -e $journal ]
	[ ! -e "$run_dir/journal" ]
}

@test "a DIMM in use goes: the host has it back, what was in it is elsewhere" {
	load_core
	host clear-events
	fill 200m
	"$memoffline" remove $dimm | tee "$BATS_TEST_TMPDIR/said"
	has_gone
	grep -q "512M in 4 blocks offline in .*, [0-9,]* pages moved" "$BATS_TEST_TMPDIR/said"
	grep -qx "$dimm is safe to remove." "$BATS_TEST_TMPDIR/said"
	"$memoffline" report --json > "$json"
	[ "$(jq -c '[.action, .engine, .status, .removed]' "$json")" = \
		'["remove","core","done",[{"device":"'$dimm'","slots":"","gone":true}]]' ]
	end_work "$pid"
	[ "$("$memoffline" report --history --json | jq '[.blocks[] | select(.nr_done == 1)] | length')" = 4 ]
}

@test "without the module, too" {
	host clear-events
	fill 100m
	"$memoffline" remove --engine stock --json $dimm > "$json"
	has_gone
	[ "$(jq -c '[.engine, .status, .removed[].gone]' "$json")" = '["stock","done",true]' ]
	end_work "$pid"
}

@test "a pinned page: refused in time, all is as it was, and the device was never asked" {
	load_core
	start_work pinned pin --node 1 --block 34
	host clear-events
	start_ms=$(now_ms)
	run "$memoffline" remove $dimm --timeout 20
	[ "$status" = 1 ]
	[ $(($(now_ms) - start_ms)) -lt 21000 ]
	[[ $output == *"memory34"*"every block is as it was"* ]]
	[[ $output == *"$dimm is still there."* ]]
	is_as_it_was
	[ -z "$(host events | grep ACPI_DEVICE_OST)" ]
	end_work "$pid"
}

# hook NAME: a program, from standard input
hook() {
	mkdir -p /etc/memoffline/hooks.d
	{ echo '#!/bin/bash'; cat; } > "/etc/memoffline/hooks.d/$1"
	chmod 755 "/etc/memoffline/hooks.d/$1"
}

@test "hooks are asked, told that it begins, and that it is gone" {
	load_core
	host clear-events
	hook 10-tell <<-'EOF'
		echo "$1 $MEMOFFLINE_TARGET $MEMOFFLINE_BLOCKS $MEMOFFLINE_ORIGIN" >> /run/told
		cat > "/run/told.$1"
	EOF
	rm -f /run/told
	"$memoffline" remove $dimm
	has_gone
	[ "$(cat /run/told)" = "$(printf '%s PNP0C80:00 32-35 command\n' check pre post)" ]
	[ "$(jq -c '[.phase, .devices, .blocks]' /run/told.pre)" = '["pre",["PNP0C80:00"],[32,33,34,35]]' ]
	[ "$(jq -r .status /run/told.post)" = done ]
}

@test "a hook that vetoes, hangs, crashes or prints anything: nothing changes" {
	local how

	printf '[hooks]\ntimeout = 1\n' > /etc/memoffline.conf
	for how in 'echo "the database is busy"; exit 3' 'exec sleep 1000' 'kill -SEGV $$' 'head -c 100000 /dev/urandom; exit 1'; do
		hook 50-check <<< "[ \$1 = check ] || exit 0; $how"
		run "$memoffline" remove $dimm
		[ "$status" = 1 ]
		[[ $output == *50-check* ]]
		[[ $output != *$'\x1b'* ]]
		is_as_it_was
	done
	hook 50-check <<< '[ $1 = check ] || exit 0; echo "the database is busy"; exit 3'
	run "$memoffline" remove $dimm
	[[ $output == *"the database is busy"*"every block is as it was"* ]]
	# Only what was told that it begins hears that it stays.
	[ ! -e /run/undone ]
}

@test "a removal that fails is told to those who let go for it" {
	load_core
	hook 10-let-go <<< 'echo "$1" >> /run/told'
	rm -f /run/told
	start_work pinned pin --node 1 --block 35
	run "$memoffline" remove $dimm --timeout 20
	[ "$status" = 1 ]
	is_as_it_was
	[ "$(paste -sd ' ' /run/told)" = "check pre undo" ]
	end_work "$pid"
}

@test "killed when the device is gone: recover tells the hooks that were to hear of it" {
	load_core
	host clear-events
	hook 10-slow <<-'EOF'
		echo "$1" >> /run/told
		[ "$1" != post ] || [ -e /run/second ] || exec sleep 1000
	EOF
	rm -f /run/told /run/second
	"$memoffline" remove $dimm > "$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	command=$!
	until grep -q post /run/told 2>/dev/null; do kill -0 $command; pause 0.02; done
	kill -KILL $command
	wait $command || :
	[ -e $journal ]
	: > /run/second
	run "$memoffline" recover
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *"$dimm is safe to remove"* ]]
	has_gone
	[ "$(paste -sd ' ' /run/told)" = "check pre post post" ]
}

@test "what is no whole device that can be removed is refused before anything changes" {
	run "$memoffline" remove 32-33
	[ "$status" = 2 ]
	[[ $output == *"$dimm has 4 blocks, of which 2 are named"* ]]
	run "$memoffline" remove 0
	[ "$status" = 2 ]
	[[ $output == *"to no device that could be removed"* ]]
	run "$memoffline" remove --dry-run 0
	[ "$status" = 2 ]
	run "$memoffline" remove $dimm,0
	[ "$status" = 2 ]
	run "$memoffline" remove PNP0C80:77
	[ "$status" = 1 ]
	echo 0 > /sys/firmware/acpi/hotplug/memory/enabled
	run "$memoffline" remove $dimm
	echo 1 > /sys/firmware/acpi/hotplug/memory/enabled
	[ "$status" = 1 ]
	[[ $output == *"the eject of memory is switched off"* ]]
	"$memoffline" remove --dry-run $dimm
	run "$memoffline" remove --by-udev $dimm
	[ "$status" = 1 ]
	[[ $output == *"does not allow"*"udev = yes"* ]]
	is_as_it_was
}

@test "Ctrl-C in mid-evacuation: all is as it was" {
	load_core
	fill 200m --threads 0
	"$memoffline" remove --max-rate 20m $dimm > "$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	command=$!
	until [ -e $journal ]; do kill -0 $command; pause 0.02; done
	kill -INT $command
	wait $command || status=$?
	cat "$BATS_TEST_TMPDIR/out"
	[ "$status" = 1 ]
	grep -q "every block is as it was" "$BATS_TEST_TMPDIR/out"
	is_as_it_was
	end_work "$pid"
}

@test "killed in mid-evacuation: nothing else begins before recover, which brings it all back" {
	fill 60m --threads 0
	start_work pinned pin --node 1 --block 33
	"$memoffline" remove --engine stock --stall 0 $dimm > "$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	command=$!
	until [ "$(state 33)" = going-offline ]; do kill -0 $command; pause 0.02; done
	kill -KILL $command
	wait $command || :
	[ -e $journal ]
	run "$memoffline" offline 36
	[ "$status" = 1 ]
	[[ $output == *"a process was killed while it removed $dimm"*"'memoffline recover'"* ]]
	run "$memoffline" offline --undo
	[ "$status" = 1 ]
	[[ $output == *"'memoffline recover'"* ]]
	"$memoffline" recover | tee "$BATS_TEST_TMPDIR/said"
	is_as_it_was
	[ "$("$memoffline" recover)" = "No removal was cut short: nothing to recover." ]
}

@test "two at once: the second waits, and finds it gone" {
	load_core
	host clear-events
	fill 100m --threads 0
	"$memoffline" remove --max-rate 50m $dimm > "$BATS_TEST_TMPDIR/first" 2>&1 3>&- &
	first=$!
	until [ -e $journal ]; do kill -0 $first; pause 0.02; done
	run "$memoffline" remove $dimm
	[ "$status" = 1 ]
	echo "$output"
	[[ $output == *"remove $dimm"* ]]	# who has it
	run "$memoffline" remove --wait $dimm
	wait $first
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *"$dimm is safe to remove"* ]]
	has_gone
	end_work "$pid"
}
