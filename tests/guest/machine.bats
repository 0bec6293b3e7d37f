#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# lab: --topology virtio-mem --cpus 1 --append memmap=512M!1G
# What is read of a real machine: its devices, its events, what the doctor finds. The memory that the kernel was told
# to take for persistent memory becomes dax0.0, driven by kmem: blocks 9 and 10. Blocks 32-35 are virtio-mem.
load common
load dax

setup_file() {
	make_dax
}

setup() {
	all_online_movable 9 10
}

teardown() {
	kill_children
}

devices() {
	"$memoffline" list --raw --noheadings --summary=never -o BLOCK,STATE,NODE,DEVICE,KIND
}

# Its state is all that is asked for; it listens when it has its signalfd.
start_monitor() {
	events=$BATS_TEST_TMPDIR/events
	"$memoffline" monitor "$@" > "$events" 3>&- &
	pid=$!
	until [[ "$(readlink /proc/$pid/fd/* 2>/dev/null)" == *signalfd* ]]; do
		kill -0 "$pid"
	done
}

finding() {	# KEY
	"$memoffline" doctor --json | jq -r --arg key "$1" '.findings[] | select(.key == $key) | "\(.health): \(.text)"'
}

# ---- devices ----

@test "boot memory, a dax device and virtio-mem are told apart" {
	virtio=$(sed -n 's/.* : \(virtio[0-9]*\)$/\1/p' /proc/iomem)
	run devices
	[ "${lines[0]}" = "0-7 online 0 boot boot" ]
	[ "${lines[1]}" = "9-10 online 0 dax0.0 dax" ]
	[ "${lines[2]}" = "32-35 online 1 $virtio virtio-mem" ]
	[ "${#lines[@]}" = 3 ]
}

@test "a whole dax device goes and comes back" {
	"$memoffline" offline dax0.0
	[ "$(states 9 10)" = offline=2 ]
	[[ "$(devices)" == *"9-10 offline 0 dax0.0 dax"* ]]
	"$memoffline" online --zone Movable dax0.0
	[ "$(states 9 10)" = online=2 ]
}

@test "list and show answer while an offline hangs, where a reader of \"online\" does not" {
	start_work pinned pin --node 1 --block 34
	pin_pid=$pid
	"$memoffline" offline --timeout 60 34 > "$BATS_TEST_TMPDIR/offline" 2>&1 3>&- &
	offline_pid=$!
	until [ "$(state 34)" = going-offline ]; do
		kill -0 "$offline_pid"
	done
	cat "$memory/memory34/online" > "$BATS_TEST_TMPDIR/online" 3>&- &
	reader_pid=$!
	run timeout 20 "$memoffline" list --raw --noheadings --summary=never -o BLOCK,STATE
	[ "$status" = 0 ]
	[[ $output == *"34 going-offline"* ]]
	run timeout 20 "$memoffline" show 34
	[ "$status" = 0 ]
	[[ $output == *going-offline* ]]
	# No signal ends its wait, either.
	kill -0 "$reader_pid"
	[ ! -s "$BATS_TEST_TMPDIR/online" ]
	kill -INT "$offline_pid"
	wait "$offline_pid" || true
	wait "$reader_pid"
	[ -s "$BATS_TEST_TMPDIR/online" ]
	[ "$(state 34) $(zone 34)" = "online Movable" ]
	end_work "$pin_pid"
}

# ---- events ----

@test "events of blocks that go and come, in order" {
	start_monitor --count 3 --json
	"$memoffline" offline 10
	"$memoffline" online --zone Movable 10
	echo "change 11111111-2222-3333-4444-555555555556 MEMOFFLINE=remove" > "$memory/memory9/uevent"
	wait "$pid"
	[ "$(jq -r '"\(.action) \(.subsystem) \(.name) \(.reason)"' "$events")" = "\
offline memory memory10 
online memory memory10 
change memory memory9 remove" ]
	[ "$(jq -r .path "$events" | head -n 1)" = /devices/system/memory/memory10 ]
}

@test "events of memory that is unplugged" {
	start_monitor --timeout 120
	host resize vm0 256M
	host wait-size vm0 256M
	await "$events" "$pid" "remove memory3[2-5]"
	grep -q "offline memory3[2-5]" "$events"
	host resize vm0 512M
	host wait-size vm0 512M
	await "$events" "$pid" "add memory3[2-5]"
}

# ---- through the core ----

# What others did with a block, as the module saw it.
asker_of() { "$memoffline" report --json "$1" | jq -r '.engine + ": " + .notes[0]'; }
moved_of() { "$memoffline" report --json "$1" | jq .moved_pages; }

@test "daxctl takes its device offline through the core" {
	load_core
	start_work ready --node 0 --anon 100m --threads 1	# zone Movable of node 0 is the device
	daxctl offline-memory dax0.0
	[ "$(states 9 10)" = offline=2 ]
	asker_of 9
	[[ "$(asker_of 9)" == "core: process "*" (daxctl) asked"* ]]
	[ $(($(moved_of 9) + $(moved_of 10))) -ge 25000 ]
	end_work "$pid"
	daxctl online-memory dax0.0
	unload_core
}

@test "virtio-mem shrinks with the module loaded, and a pin costs it no more than time" {
	load_core
	start_work pinned pin --node 1 --block 34
	pin_pid=$pid
	exec 7>&8	# its input stays open, too
	start_work ready --node 1 --anon 100m --threads 1
	host resize vm0 256M
	host wait-size vm0 256M
	end_work "$pid"
	end_work "$pin_pid"
	exec 7>&-
	host resize vm0 512M
	host wait-size vm0 512M
	! dmesg | grep -i 'virtio_mem.*\(broken\|error\)'
	unload_core
}

# ---- the doctor ----

@test "the doctor finds a machine that is fit, and writes nothing" {
	run "$memoffline" doctor
	[ "$status" = 0 ]
	[[ $output != *problem* ]]
	[ ! -e "$run_dir" ] || [ -z "$(ls -A "$run_dir"/journal 2>/dev/null)" ]
	[ "$(cat /sys/kernel/tracing/tracing_on)" = 1 ]
	for key in hotremove permission run-dir page-flags iomem dynamic-debug tracefs cpuset; do
		[[ "$(finding $key)" == ok:* ]]
	done
}

@test "the doctor finds what is set wrong" {
	echo online > "$memory/auto_online_blocks"
	[[ "$(finding auto-online)" == "warning:"*"(online)"* ]]
	echo online_movable > "$memory/auto_online_blocks"

	mkdir -p /run/udev/rules.d
	echo 'SUBSYSTEM=="memory", ATTR{state}=="offline", ATTR{state}="online"' > /run/udev/rules.d/40-x.rules
	[[ "$(finding udev-rule)" == "problem: the udev rule in /run/udev/rules.d/40-x.rules"* ]]
	run "$memoffline" doctor
	[ "$status" = 1 ]
	rm /run/udev/rules.d/40-x.rules

	umount /sys/kernel/tracing
	mount -t tmpfs none /sys/kernel/debug
	[[ "$(finding tracefs)" == "note: tracefs can't be used (not mounted"* ]]
	umount /sys/kernel/debug
	mount -t tracefs tracefs /sys/kernel/tracing
}

@test "the doctor tells what is missing without root" {
	run setpriv --reuid=65534 --clear-groups --bounding-set=-all "$memoffline" doctor
	[ "$status" = 1 ]
	[[ $output == *"permission: the state of memory blocks can't be written: Permission denied"*"-> run it as root"* ]]
	[[ $output == *"page-flags: the content"*"Permission denied"* ]]
	[[ $output == *"iomem: "*"shows no addresses"* ]]
	[[ $output == *"run-dir: "*"can't be written"* ]]
}

# ---- removal ----

@test "a dax device is removed: unbound from kmem, and comes back when it is bound" {
	"$memoffline" remove dax0.0 | tee "$BATS_TEST_TMPDIR/said"
	grep -qx "dax0.0 is safe to remove." "$BATS_TEST_TMPDIR/said"
	[ ! -e $memory/memory9 ]
	[ ! -e /sys/bus/dax/devices/dax0.0/driver ]
	[ "$(devices | grep -c dax)" = 0 ]
	echo dax0.0 > /sys/bus/dax/drivers/kmem/bind
	until [ -e $memory/memory10 ] && [ "$(state 10)" != offline ]; do pause 0.02; done
}

@test "a dax device in use stays bound: what can't go offline is never unbound" {
	start_work pinned pin --node 0 --block 10
	run "$memoffline" remove --timeout 20 dax0.0
	[ "$status" = 1 ]
	[[ $output == *"memory10"*"every block is as it was"* ]]
	[ "$(states 9 10)" = online=2 ]
	[ -e /sys/bus/dax/devices/dax0.0/driver ]
	end_work "$pid"
}

@test "virtio-mem goes when the hypervisor takes it, and else comes back" {
	virtio=$(sed -n 's/.* : \(virtio[0-9]*\)$/\1/p' /proc/iomem)
	printf '[remove]\ngone-timeout = 2\n' > /etc/memoffline.conf
	run "$memoffline" remove "$virtio"
	[ "$status" = 1 ]
	[[ $output == *"the hypervisor has not asked for its memory back"*"every block is as it was"* ]]
	[ "$(states 32 33 34 35)" = online=4 ]
	printf '[remove]\ngone-timeout = 60\n' > /etc/memoffline.conf
	"$memoffline" remove "$virtio" > "$BATS_TEST_TMPDIR/said" 2>&1 3>&- &
	command=$!
	until [ "$(states 32 33 34 35)" = offline=4 ]; do kill -0 $command; pause 0.02; done
	host resize vm0 0
	wait $command
	rm /etc/memoffline.conf
	grep -qx "$virtio is safe to remove." "$BATS_TEST_TMPDIR/said"
	[ ! -e $memory/memory32 ]
	host resize vm0 512M
	host wait-size vm0 512M
}
