#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# lab: --systemd --installed --topology container --cpus 1
# Requests by events, on a machine with udev and systemd as installed: from the event to the device that is gone, or to the
# machine as it was. Blocks 32-35 are DIMM d1, 36-39 are d2, both on node 1.
load common

dimm=PNP0C80:00
unit=memoffline-remove@$dimm.service
journal=/var/lib/memoffline/removal
rounds=${MEMOFFLINE_ROUNDS:+50}

setup() {
	plug d1 32 35
	plug d2 36 39
	all_online_movable 32 33 34 35 36 37 38 39
	policy "udev = yes" "timeout = 60"
	systemctl reset-failed
	host clear-events
	since=$(date +%s.%6N)
	load_core
}

teardown() {
	kill_children
	[ ! -d /sys/module/memoffline ] || unload_core
}

policy() {	# LINE...
	{
		echo "[remove]"
		echo "requests = 0"
		printf '%s\n' "$@"
	} > /etc/memoffline.conf
}

plug() {	# DIMM FIRST-BLOCK LAST-BLOCK
	[ ! -e "$memory/memory$2" ] || return 0
	host device_add "pc-dimm,id=$1,memdev=mem-$1,node=1"
	await_that is_in_use "$3"
}

is_in_use() {	# BLOCK
	[ -e "$memory/memory$1" ] && [ "$(state "$1")" != offline ]
}

request() {	# DEVICE
	echo "change $(</proc/sys/kernel/random/uuid) MEMOFFLINE=remove" > "/sys/bus/acpi/devices/$1/uevent"
}

no_jobs() { ! systemctl list-jobs --no-legend | grep -q memoffline-; }

# Until all that udev has started is over.
await_units() {
	udevadm settle
	await_that no_jobs
}

# Until the removal is under way.
await_begin() {
	await_that test -e $journal || { journalctl --no-pager -o short-monotonic --since "@$since"; systemctl status "$unit"; return 1; }
}

said() {
	journalctl --no-pager -q -o cat --since "@$since" -u "${1:-memoffline-*}" | tee "$BATS_TEST_TMPDIR/said"
}

result() {
	systemctl show -P Result "${1:-$unit}"
}

has_gone() {	# DIMM FIRST-BLOCK
	host wait-event DEVICE_DELETED "device=$1" --timeout 20 > /dev/null
	[ ! -e "$memory/memory$2" ]
	[ ! -e $journal ]
}

is_as_it_was() {
	local i

	[ "$(states 32 33 34 35)" = online=4 ]
	for i in 32 33 34 35; do
		[ "$(zone $i)" = Movable ]
	done
	[ ! -e $journal ]
}

# Work whose memory lies in d1: when it begins, d2 is not there to take it.
fill() {	# SIZE [OPTION...]
	local i size=$1

	shift
	for i in 36 37 38 39; do
		echo offline > "$memory/memory$i/state"
	done
	start_work ready --node 1 --anon "$size" "$@"
	all_online_movable 36 37 38 39
}

# A removal that takes its time: 200 MiB at 20 MiB in a second.
begin_slowly() {
	policy "udev = yes" "timeout = 60" "max-rate = 20m"
	fill 200m --threads 0
	request $dimm
	await_begin
}

@test "without a policy that allows it a request is refused, and the log says how it would be" {
	rm /etc/memoffline.conf
	request $dimm
	await_units
	said
	grep -q "udev = yes" "$BATS_TEST_TMPDIR/said"
	[ "$(result)" = exit-code ]
	is_as_it_was
	[ ! "$(host events | grep ACPI_DEVICE_OST)" ]
}

@test "mistakes in the policy are named with file and line, and what it was before holds" {
	request $dimm
	await_units
	has_gone d1 32
	plug d1 32 35
	host clear-events
	printf '[remove]\nudev = perhaps\ncolour = red\n' > /etc/memoffline.conf
	printf '[remove]\nudev = no\n' > /run/other.conf
	mkdir -p /etc/memoffline.conf.d
	install -m 666 /run/other.conf /etc/memoffline.conf.d/10-other.conf
	request $dimm
	await_units
	said
	grep -q "/etc/memoffline.conf:2: udev can't be 'perhaps'" "$BATS_TEST_TMPDIR/said"
	grep -q "/etc/memoffline.conf:3: there is no key 'colour'" "$BATS_TEST_TMPDIR/said"
	grep -q "/etc/memoffline.conf.d/10-other.conf: others than root may write it" "$BATS_TEST_TMPDIR/said"
	grep -qx "$dimm is safe to remove." "$BATS_TEST_TMPDIR/said"
	has_gone d1 32
	rm -r /etc/memoffline.conf.d
}

@test "a request by an event: a DIMM in use goes, and the host has it back" {
	start_work ready --node 1 --anon 150m
	request $dimm
	await_units
	said
	[ "$(result)" = success ]
	grep -qx "$dimm is safe to remove." "$BATS_TEST_TMPDIR/said"
	has_gone d1 32
	end_work "$pid"
}

@test "under load, again and again: each time it goes, and all that was in it is what it was" {
	local i

	for ((i = 0; i < ${rounds:-3}; i++)); do
		fill 150m --threads 1 --touchers 1
		host clear-events
		request $dimm
		await_units
		[ "$(result)" = success ]
		has_gone d1 32
		end_work "$pid"
		plug d1 32 35
	done
	echo "# $i removals" >&3
}

@test "a pinned page: refused within the deadline, with the reason, and all is as it was" {
	policy "udev = yes" "timeout = 10"
	start_work pinned pin --node 1 --block 34
	begin_ms=$(now_ms)
	request $dimm
	await_units
	[ $(($(now_ms) - begin_ms)) -lt 20000 ]
	said
	[ "$(result)" = exit-code ]
	grep -q memory34 "$BATS_TEST_TMPDIR/said"
	grep -qx "$dimm is still there." "$BATS_TEST_TMPDIR/said"
	is_as_it_was
	end_work "$pid"
}

# Debian's rules for kdump, with a program that counts instead of theirs.
kdump_rules() {	# FOLDER
	mkdir -p "$1"
	printf 'SUBSYSTEM=="%s", ACTION=="%s", PROGRAM="/run/reload"\n' memory online memory offline cpu add > "$1/50-kdump-tools.rules"
	printf '#!/bin/sh\necho "$ACTION $DEVPATH" >> /run/reloads\n' > /run/reload
	chmod 755 /run/reload
	: > /run/reloads
	udevadm control --reload
}

@test "the crash kernel is loaded anew once, and not for each block" {
	kdump_rules /usr/local/lib/udev/rules.d
	request $dimm
	await_units
	udevadm settle
	cat /run/reloads
	[ "$(wc -l < /run/reloads)" = 1 ]
	grep -q "^online /devices/system/memory/memory" /run/reloads
	[ "$(result)" = success ]
	has_gone d1 32
	[ ! -e /run/udev/rules.d/50-kdump-tools.rules ]
	# Afterwards nothing is held.
	: > /run/reloads
	plug d1 32 35
	udevadm settle
	[ "$(wc -l < /run/reloads)" = 4 ]
	# Where it can't be held, that is told.
	kdump_rules /etc/udev/rules.d
	start_work pinned pin --node 1 --block 34
	policy "udev = yes" "timeout = 5"
	request $dimm
	await_units
	"$memoffline" report | grep "/etc/udev/rules.d/50-kdump-tools.rules can't be held back"
	end_work "$pid"
	rm /etc/udev/rules.d/50-kdump-tools.rules
	# Events of others are not held; and what was killed is released by recover.
	begin_slowly
	await_that test -e /run/udev/rules.d/50-kdump-tools.rules
	echo add > /sys/devices/system/cpu/cpu0/uevent
	udevadm settle
	[ "$(tail -n 1 /run/reloads)" = "add /devices/system/cpu/cpu0" ]
	systemctl kill --signal=KILL "$unit"
	await_that no_jobs
	udevadm settle
	[ ! -e /run/udev/rules.d/50-kdump-tools.rules ]
	tail -n 1 /run/reloads | grep "^online /devices/system/memory/memory"
	is_as_it_was
	end_work "$pid"
	rm /usr/local/lib/udev/rules.d/50-kdump-tools.rules
	udevadm control --reload
}

@test "shutdown is held off meanwhile, and who is logged in is told" {
	local terminal

	# A user's terminal, as login makes it: root of the unit may write there by its group alone.
	mkfifo /run/typed
	script -qfc 'tty; exec cat' /run/terminal < /run/typed > /dev/null 2>&1 3>&- &
	exec 9> /run/typed
	await_that grep -q /dev/pts /run/terminal
	terminal=$(grep -o 'pts/[0-9]*' /run/terminal)
	chown nobody:tty "/dev/$terminal"
	chmod 620 "/dev/$terminal"
	printf '[7] [00001] [ts/0] [nobody  ] [%-12s] [lab                 ] [0.0.0.0        ] [2026-11-22T00:00:00,000000+00:00]\n' "$terminal" |
		utmpdump -r > /run/utmp
	begin_slowly
	systemd-inhibit --list --no-pager | grep "memoffline.*shutdown:sleep.*$dimm is being removed"
	grep "The memory of $dimm" /run/terminal && return 1
	systemctl stop "$unit"
	[ ! "$(systemd-inhibit --list --no-pager | grep memoffline)" ]
	policy "udev = yes" "wall = yes" "inhibit = no"
	request $dimm
	await_units
	cat /run/terminal
	grep "The memory of $dimm (512 MiB) is taken out of this machine now" /run/terminal
	has_gone d1 32
	exec 9>&-
	end_work "$pid"
}

@test "requests for two devices at once: one after the other, both go" {
	start_work ready --node 1 --anon 100m
	request $dimm
	request PNP0C80:01
	await_units
	said
	has_gone d1 32
	has_gone d2 36
	end_work "$pid"
}

has_started() {	# DEVICE
	udevadm settle
	systemctl list-units --all --no-legend | grep -q "memoffline-remove@$1"
}

@test "the firmware asks for the container: all DIMMs in it go" {
	local container
	container=$(dirname "$(readlink -f /sys/bus/acpi/devices/$dimm)")

	start_work ready --node 1 --anon 100m
	echo 1 > "$container/eject"
	await_that has_started "${container##*/}"
	await_units
	said
	grep -q "PNP0C80:01 .*safe to remove\|safe to remove.*PNP0C80:01" "$BATS_TEST_TMPDIR/said"
	grep -q "all memory in the container ${container##*/} is gone; the container itself stays" "$BATS_TEST_TMPDIR/said"
	has_gone d1 32
	has_gone d2 36
	end_work "$pid"
}

@test "a request for a device that goes already changes nothing" {
	begin_slowly
	request $dimm
	request $dimm
	await_units
	said
	[ "$(result)" = success ]
	[ "$(grep -cx "$dimm is safe to remove." "$BATS_TEST_TMPDIR/said")" = 1 ]
	has_gone d1 32
	end_work "$pid"
}

@test "the operator stops the unit: all is as it was" {
	begin_slowly
	systemctl stop "$unit"
	said
	is_as_it_was
	grep -q "every block is as it was" "$BATS_TEST_TMPDIR/said"
	end_work "$pid"
}

@test "udev and systemd restart in the middle: it goes on" {
	begin_slowly
	systemctl restart systemd-udevd
	systemctl daemon-reexec
	[ -e $journal ]
	await_units
	said
	[ "$(result)" = success ]
	has_gone d1 32
	end_work "$pid"
}

@test "a DIMM that comes meanwhile stays, and is in use" {
	local new

	begin_slowly
	host dimm-add d3 256M 1
	[ -e $journal ]
	await_units
	said
	[ "$(result)" = success ]
	has_gone d1 32
	new=$(find /sys/bus/acpi/devices/PNP0C80:02/ -name 'physical_node*' -printf '%l\n' | grep -o 'memory[0-9]*$' | tr -dc '0-9\n')
	# shellcheck disable=SC2086
	[ "$(states $new)" = online=2 ]
	end_work "$pid"
	host dimm-del d3
}

@test "the unit is killed: recover brings all back" {
	begin_slowly
	systemctl kill --signal=KILL "$unit"
	await_that no_jobs
	said
	[ "$(result)" = signal ]
	[ "$(result memoffline-recover.service)" = success ]
	is_as_it_was
	end_work "$pid"
}
