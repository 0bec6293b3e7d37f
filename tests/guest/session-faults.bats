#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# lab: --topology one-node-dimm --swap 768M --disk 256M --append movable_node
# kernels: 6.12 6.1 debug
# soak: takes minutes on each kernel
# Sessions under bad conditions and with bad input: nothing is lost, and nothing stays isolated, whatever happens when.
# Blocks 32-39 are a DIMM on the only node; the rest of its memory is boot memory.
load common
load core
load session

bats_require_minimum_version 1.5.0
blocks="32 33 34 35 36 37 38 39"
parameters=/sys/module/memoffline/parameters
group=/sys/fs/cgroup/full
cpu=/sys/devices/system/cpu/cpu1/online
EXTRA_REFS=1 NO_TARGET=5 INTERRUPTED=21	# of enum memoffline_reason

setup_file() {
	take_swap
	load_core
	insmod "${module%/*}/tests/linger.ko"
}

teardown_file() {
	unload_core
	rmmod linger
}

setup() {
	# Words, not lines.
	# shellcheck disable=SC2086
	make_movable $blocks
	rm -rf "$run_dir"
	oom_kills=$(vmstat_of oom_kill)
	disturber=
}

teardown() {
	kill_children
	linger offline -1
	linger online -1
	echo 1 > $cpu
	echo 300 > $parameters/stall_ms
	echo 10000 > $parameters/deadline_ms
	echo 0 > /proc/sys/vm/nr_hugepages
	swapoff -a
	[ ! -d $group ] || rmdir $group
	! mountpoint -q /mnt || umount /mnt
	nothing_isolated
	nothing_quarantined
	free_is_counted_right
	no_oom_kill
}

# MIB, less of it for a kernel that checks itself.
mib() { echo "$(($1 / scale))m"; }

# Awaits that pages move, of which there have been so many.
moved() { vmstat_of pgmigrate_success; }
await_moving() {	# BEFORE
	local i

	for i in {1..1000}; do
		[ "$(moved)" -le "$1" ] || return 0
		pause 0.02
	done
	echo "nothing moves"
	return 1
}

# As start_work: all of it lies in those blocks, as long as they have room.
start_work_in() {	# FIRST COUNT WORD-TO-AWAIT ARG...
	local first=$1 end=$(($1 + $2))

	shift 2
	open_session z
	[ "$first" = 32 ] || ask z "quarantine 32 $((first - 32))"
	[ $end = 40 ] || ask z "quarantine $end $((40 - end))"
	start_work "$@"
	end_session z
}

start_disturbing() {	# WORD-TO-AWAIT ARG...
	local word=$1

	shift
	disturbed=$BATS_TEST_TMPDIR/disturbed
	"$build/tests/guest/disturb" "$@" > "$disturbed" 2>&1 3>&- &
	disturber=$!
	await "$disturbed" $disturber "$word"
}

last_of() { sed -n "s/.*\b$1=\([0-9]*\).*/\1/p" "$disturbed" | tail -n 1; }	# round, inside, forks

await_rounds() {	# COUNT, more than there were
	local until=$(($(last_of round) + $1))

	while [ "$(last_of round)" -lt $until ]; do
		kill -0 $disturber
		pause 0.05
	done
}

end_disturbing() {
	kill -TERM $disturber
	wait $disturber || { tail -n 3 "$disturbed"; return 1; }
}

all_online() {
	local block

	# shellcheck disable=SC2086
	[ "$(states $blocks)" = online=8 ]
	for block in $blocks; do [ "$(zone "$block")" = Movable ]; done
}

# ---- those who take memory ----

@test "who keeps taking memory gets no page of a range that was emptied" {
	start_disturbing round=1 alloc 300 32 6
	[ "$(last_of inside)" -gt 1000 ]
	open_session a
	ask a "quarantine 32 6"
	[[ "$(ask a "evacuate deadline=60000 stall=5000")" == "ok reason=0 "* ]]
	[ "$(value moved)" -gt 1000 ]
	emptied=$(wc -l < "$disturbed")
	await_rounds 3
	tail -n "+$((emptied + 1))" "$disturbed"
	[ "$(tail -n "+$((emptied + 1))" "$disturbed" | grep -cv inside=0)" = 0 ]
	ask a "release 32 6"
	emptied=$(wc -l < "$disturbed")
	await_rounds 3
	[ "$(tail -n "+$((emptied + 1))" "$disturbed" | grep -cv inside=0)" -gt 0 ]
	end_disturbing
}

@test "who keeps taking memory while a range comes and goes: what is free is counted right" {
	start_disturbing round=1 alloc 300 32 8
	open_session a
	[[ "$(ask a "churn 32 8 $((100 / scale))")" == ok ]]
	end_disturbing
	nothing_quarantined
	free_is_counted_right
}

@test "processes are forked all the time: all is moved, and each sees its own memory" {
	start_disturbing forks=10 forks 12
	start_work ready --forked "$(mib 24)" --family 8 --threads 1
	open_session a
	forks=$(last_of forks)
	for _ in 1 2; do
		ask a "quarantine 32 8"
		[[ "$(ask a "evacuate deadline=60000 stall=5000")" == "ok reason=0 "* ]]
		verify_work
		ask a "release 32 8"
		until [ "$(last_of forks)" -gt "$forks" ]; do pause 0.05; done
		forks=$(last_of forks)
	done
	end_disturbing
	end_work "$pid"
}

# ---- memory is short ----

start_in_full_group() {	# ARG...
	echo +memory > /sys/fs/cgroup/cgroup.subtree_control
	mkdir $group
	echo $BASHPID > $group/cgroup.procs
	start_work "$@"
	echo $BASHPID > /sys/fs/cgroup/cgroup.procs
	# Some room: without any, the text of the program itself would be read again and again.
	echo $(($(cat $group/memory.current) + (4 << 20))) > $group/memory.max
}

kills_in_group() { awk '$1 == "oom_kill" { print $2 }' $group/memory.events; }

@test "a memory cgroup at its limit, without swap: all is moved, and nobody is killed" {
	start_in_full_group ready --anon "$(mib 80)" --thp "$(mib 32)" --shm "$(mib 32)" --threads 2
	open_session a
	ask a "quarantine 32 8"
	[[ "$(ask a "evacuate flags=1 deadline=60000 stall=5000")" == "ok reason=0 "*" kept=0 "* ]]
	[ "$(value moved)" -ge $((100 * 256 / scale)) ]
	[ "$(kills_in_group)" = 0 ]
	[ "$(cat $group/memory.current)" -le "$(cat $group/memory.max)" ]
	verify_work
	end_work "$pid"
}

@test "a memory cgroup at its limit, with swap: all is evicted, and nobody is killed" {
	swapon "$swap_disk"
	start_in_full_group ready --anon "$(mib 80)" --shm "$(mib 32)" --threads 2
	open_session a
	ask a "quarantine 32 8"
	# Two threads read it back meanwhile, to elsewhere.
	[[ "$(ask a "evacuate flags=2 deadline=60000 stall=5000")" == "ok reason=0 "*" kept=0 "* ]] || { ask a read; false; }
	[ "$(value evicted)" -ge $((90 * 256 / scale)) ]
	[ "$(value moved)" = 0 ]
	[ "$(kills_in_group)" = 0 ]
	verify_work
	end_work "$pid"
}

# Huge pages of the pool take all that others may, but so many MiB.
fill_boot_memory() {	# MIB
	local free_mib
	free_mib=$(($(free_pages) / 256))
	echo $(((free_mib - $1) / 2)) > /proc/sys/vm/nr_hugepages
	echo "$free_mib MiB were free, then $(($(free_pages) / 256))"
	[ $(($(free_pages) / 256)) -lt $(($1 + 40)) ]
}

@test "targets become full half-way: what stays is told, all of it is there, and a second try moves the rest" {
	start_work ready --anon 240m --threads 0
	open_session a
	ask a "quarantine 32 8"
	used=$(value used)
	[ "$used" -ge 61000 ]
	fill_boot_memory 140
	[[ "$(ask a "evacuate deadline=60000 stall=1000 records=60000")" == "ok reason=$NO_TARGET "* ]]
	kept=$(value kept)
	[ "$kept" -gt 1000 ]
	[ "$(value moved)" -gt 1000 ]
	near $((kept + $(value moved))) "$used" 1500
	[ "$(value records)" = "$kept" ]
	verify_work
	echo 0 > /proc/sys/vm/nr_hugepages
	[[ "$(ask a "evacuate deadline=60000 stall=1000")" == "ok reason=0 "*" kept=0 "* ]]
	near "$(value moved)" "$kept" 1500
	verify_work
	end_work "$pid"
}

@test "targets become full half-way: the rest goes to swap, and comes back as it was" {
	swapon "$swap_disk"
	start_work ready --anon 240m --threads 0
	open_session a
	ask a "quarantine 32 8"
	used=$(value used)
	fill_boot_memory 140
	[[ "$(ask a "evacuate flags=1 deadline=120000 stall=10000")" == "ok reason=0 "*" kept=0 "* ]]
	[ "$(value moved)" -gt 1000 ]
	echo 0 > /proc/sys/vm/nr_hugepages
	[ "$(awk '/^VmSwap/ { print $2 }' "/proc/$pid/status")" -gt 4000 ]
	ask a "release 32 8"
	verify_work
	end_work "$pid"
}

# ---- pins ----

@test "a page that is pinned after the quarantine: it is told, the rest moves, and once it is let go a second try ends it" {
	start_work found pin --block 34 --later
	pin_pid=$pid pin_out=$out
	exec 7>&8	# its input stays open
	start_work ready --anon "$(mib 200)" --threads 1
	open_session a
	open_session b
	ask a "quarantine 32 4"
	ask b "quarantine 36 4"
	kill -USR1 "$pin_pid"
	await "$pin_out" "$pin_pid" pinned
	pfn=$(sed -n 's/^pinned.* pfn=\(0x[0-9a-f]*\).*/\1/p' "$pin_out")
	[ $((pfn / 32768)) = 34 ]
	[[ "$(ask a evacuate)" == "ok reason=$EXTRA_REFS "*" kept=1 "*" records=1 "* ]]
	[[ "$(ask a read)" == *"pfn=$pfn reason=$EXTRA_REFS pid=$pin_pid"* ]]
	[[ "$(ask b evacuate)" == "ok reason=0 "*" kept=0 "* ]]
	for block in 32 33 35; do
		[[ "$(ask a "release $block")" == ok ]]
		(echo offline > "$memory/memory$block/state")
	done
	[[ "$(ask a evacuate)" == "ok reason=$EXTRA_REFS moved=0 "*" kept=1 "* ]]
	end_work "$pin_pid"
	exec 7>&-
	[[ "$(ask a evacuate)" == "ok reason=0 "*" kept=0 "* ]]
	[[ "$(ask a "release 34")" == ok ]]
	(echo offline > "$memory/memory34/state")
	verify_work
	end_work "$pid"
}

# ---- others who change memory blocks, devices and processors ----

@test "a block that is quarantined goes neither offline nor online by others; one that is not, does" {
	start_work_in 34 3 ready --anon "$(mib 200)" --threads 1
	open_session a
	ask a "quarantine 34 3"
	tell a "evacuate rate=$((20 / scale)) deadline=60000 stall=60000"
	await_moving "$(moved)"
	for block in 34 35 36; do
		run ! bash -c "echo offline > $memory/memory$block/state"
		[[ $output == *"Device or resource busy"* ]]
		run ! bash -c "echo online_movable > $memory/memory$block/state"
		[[ $output == *"Invalid argument"* ]]
	done
	(echo offline > "$memory/memory33/state")
	(echo offline > "$memory/memory37/state")
	[ "$(isolated_pageblocks)" = $((3 * 64)) ]
	[ "$(states 34 35 36)" = online=3 ]
	(echo online_movable > "$memory/memory33/state")
	[ "$(isolated_pageblocks)" = $((3 * 64)) ]
	verify_work
	[[ "$(hear a)" == "ok reason=0 "* ]]
	[[ "$(ask a "release 34 3")" == ok ]]
	(echo offline > "$memory/memory35/state")
	end_work "$pid"
}

@test "an eject of the DIMM in mid-evacuation ends with an error; without the session it is done" {
	start_work_in 34 3 ready --anon "$(mib 200)" --threads 1
	open_session a
	ask a "quarantine 34 3"
	tell a "evacuate rate=$((20 / scale)) deadline=60000 stall=60000"
	await_moving "$(moved)"
	eject d1
	[ "$answer" = 130 ]	# busy
	# shellcheck disable=SC2086
	[ "$(states $blocks)" = online=8 ]
	[ "$(isolated_pageblocks)" = $((3 * 64)) ]
	verify_work
	[[ "$(hear a)" == "ok reason=0 "* ]]
	end_session a
	nothing_quarantined
	host dimm-del d1
	[ ! -e "$memory/memory34" ]
	verify_work
	host dimm-add d1 1G 0
	until [ "$(states 32 33 34 35 36 37 38 39 2>/dev/null)" = online=8 ]; do pause 0.05; done
	end_work "$pid"
}

@test "a DIMM that is plugged in and out in mid-evacuation" {
	start_work ready --anon "$(mib 200)" --threads 1
	open_session a
	ask a "quarantine 32 8"
	tell a "evacuate rate=$((20 / scale)) deadline=90000 stall=60000"
	await_moving "$(moved)"
	host dimm-add late 256M 0
	until [ "$(states 40 41 2>/dev/null)" = online=2 ]; do pause 0.05; done
	run ! has_answered a
	host dimm-del late
	[ ! -e "$memory/memory40" ]
	verify_work
	[[ "$(hear a)" == "ok reason=0 "*" kept=0 "* ]]
	[ "$(isolated_pageblocks)" = $((8 * 64)) ]
	verify_work
	end_work "$pid"
}

@test "processors that come and go in mid-evacuation" {
	start_work ready --anon "$(mib 160)" --shm "$(mib 40)" --threads 2
	open_session a
	ask a "quarantine 32 8"
	tell a "evacuate rate=$((scale > 1 ? 5 : 40)) deadline=90000 stall=60000"
	await_moving "$(moved)"
	rounds=0
	until has_answered a; do
		echo 0 > $cpu
		echo 1 > $cpu
		rounds=$((rounds + 1))
	done
	echo "$rounds rounds"
	[ $rounds -ge 3 ]
	[[ "$(hear a)" == "ok reason=0 "*" kept=0 "* ]]
	echo 0 > $cpu
	[[ "$(ask a "release 32 8")" == ok ]]
	ask a "quarantine 32 8"
	[[ "$(ask a evacuate)" == "ok reason=0 "* ]]
	echo 1 > $cpu
	verify_work
	end_work "$pid"
}

# ---- several sessions ----

@test "two sessions: what overlaps is refused with the owner's pid, what is side by side is evacuated at once" {
	start_work_in 32 4 ready --anon "$(mib 200)" --threads 0
	first_pid=$pid first_out=$out
	exec 7>&8	# its input stays open
	start_work_in 36 4 ready --anon "$(mib 200)" --threads 0
	open_session a
	open_session b
	ask a "quarantine 32 4"
	[[ "$(ask b "quarantine 35 2")" == "EBUSY pid=$a_pid pfn=$((35 * 32768)) "* ]]
	[[ "$(ask b "quarantine 32 8")" == "EBUSY pid=$a_pid pfn=$((32 * 32768)) "* ]]
	[ "$(isolated_pageblocks)" = $((4 * 64)) ]
	ask b "quarantine 36 4"
	ask a watch
	ask b watch
	tell a "evacuate rate=$((scale > 1 ? 10 : 60)) deadline=90000 stall=60000"
	tell b "evacuate rate=$((scale > 1 ? 10 : 60)) deadline=90000 stall=60000"
	for name in a b; do
		until grep -q "^progress done=[1-9]" "$BATS_TEST_TMPDIR/$name.out"; do
			run ! has_answered $name
			pause 0.02
		done
	done
	run ! has_answered a
	run ! has_answered b
	[[ "$(hear a)" == "ok reason=0 "*" kept=0 "* ]]
	[[ "$(hear b)" == "ok reason=0 "*" kept=0 "* ]]
	end_work "$pid"
	end_work "$first_pid" || { cat "$first_out"; false; }
	exec 7>&-
}

@test "a session that is killed after the quarantine, and in mid-evacuation: all is usual memory again" {
	start_work ready --anon "$(mib 160)" --shm "$(mib 40)" --threads 1
	before=$(free_pages)
	open_session a
	ask a "quarantine 32 8"
	end_session a
	nothing_quarantined
	near "$(free_pages)" "$before" 4000
	open_session b
	ask b "quarantine 32 8"
	tell b "evacuate rate=$((20 / scale)) deadline=60000 stall=60000"
	await_moving "$(moved)"
	run ! has_answered b
	end_session b
	nothing_quarantined
	nothing_isolated
	near "$(free_pages)" "$before" 4000
	verify_work
	for block in $blocks; do (echo offline > "$memory/memory$block/state"); done
	end_work "$pid"
}

@test "a session that is stopped keeps its range, and the command's own limits hold" {
	start_work_in 32 4 ready --anon "$(mib 200)" --threads 1
	open_session a
	ask a "quarantine 32 4"
	tell a "evacuate rate=$((20 / scale)) deadline=60000 stall=60000"
	await_moving "$(moved)"
	kill -STOP "$a_pid"
	until [[ "$(awk '{ print $3 }' "/proc/$a_pid/stat")" == T ]]; do pause 0.02; done
	open_session b
	[[ "$(ask b "quarantine 35 2")" == "EBUSY pid=$a_pid "* ]]
	end_session b
	run ! bash -c "echo offline > $memory/memory33/state"
	start_ms=$(now_ms)
	run -1 "$memoffline" offline --timeout 10 32-39
	echo "$(($(now_ms) - start_ms)) ms: $output"
	[ $(($(now_ms) - start_ms)) -lt 20000 ]
	all_online
	[ "$(isolated_pageblocks)" = $((4 * 64)) ]
	kill -CONT "$a_pid"
	[[ "$(hear a)" == "ok reason=$INTERRUPTED "* ]]
	[[ "$(ask a evacuate)" == "ok reason=0 "*" kept=0 "* ]]
	verify_work
	end_work "$pid"
}

@test "memory of a process that is stopped moves as any other" {
	start_work ready --anon "$(mib 100)" --thp "$(mib 20)" --shm "$(mib 40)" --threads 2
	kill -STOP "$pid"
	until [[ "$(awk '{ print $3 }' "/proc/$pid/stat")" == T ]]; do pause 0.02; done
	open_session a
	ask a "quarantine 32 8"
	[[ "$(ask a evacuate)" == "ok reason=0 "*" kept=0 "* ]]
	[ "$(value moved)" -ge $((140 * 256 / scale)) ]
	kill -CONT "$pid"
	verify_work
	end_work "$pid"
}

@test "the module stays as long as a session is open, and goes afterwards" {
	start_work ready --anon "$(mib 100)" --threads 0
	open_session a
	run ! rmmod memoffline
	[[ $output == *"in use"* ]]
	ask a "quarantine 32 8"
	run ! rmmod memoffline
	tell a "evacuate rate=$((40 / scale)) deadline=60000 stall=60000"
	await_moving "$(moved)"
	run ! rmmod memoffline
	[[ "$(hear a)" == "ok reason=0 "* ]]
	end_session a
	unload_core
	load_core
	end_work "$pid"
}

# ---- a command that is killed ----

start_command() {	# ARG...
	"$memoffline" offline "$@" > "$BATS_TEST_TMPDIR/command" 2>&1 3>&- &
	command=$!
}

kill_command() {
	kill -KILL $command
	wait $command || :
	[ -e "$run_dir/journal" ]
}

# What its worker held is let go when that is gone, too.
await_release() {
	until [ "$(isolated_pageblocks)" = 0 ]; do pause 0.05; done
}

# Who takes that block offline or brings it online waits for as long, with the lock of memory hotplug held.
linger() { echo "$2" > "/sys/module/linger/parameters/$1"; }	# offline|online BLOCK, -1: no more

@test "a command that is killed in its quarantine: --undo leaves all as before" {
	linger offline 39
	echo offline > "$memory/memory39/state" 3>&- &	# holds the lock that a quarantine needs
	holder=$!
	until [ "$(state 39)" = going-offline ]; do pause 0.02; done
	start_command 32-35
	until [ "$(awk '{ print $3 }' /proc/"$(pgrep -P $command | head -n 1)"/stat)" = D ]; do
		kill -0 $command
		pause 0.02
	done
	kill_command
	linger offline -1
	wait $holder
	echo online_movable > "$memory/memory39/state"
	await_release
	"$memoffline" offline --undo
	[ ! -e "$run_dir/journal" ]
	all_online
}

@test "a command that is killed in mid-evacuation: --undo leaves all as before, --resume ends it" {
	start_work ready --anon "$(mib 200)" --threads 1
	for end in --undo --resume; do
		before=$(moved)
		start_command --max-rate $((20 / scale))m 32-39
		await_moving "$before"
		until [ "$(isolated_pageblocks)" = $((8 * 64)) ]; do kill -0 $command; pause 0.02; done
		kill_command
		await_release
		all_online
		verify_work
		"$memoffline" offline $end
		[ ! -e "$run_dir/journal" ]
		[ $end = --resume ] || all_online
	done
	# shellcheck disable=SC2086
	[ "$(states $blocks)" = offline=8 ]
	verify_work
	end_work "$pid"
}

# With blocks 39 to 36 offline: the highest goes first.
start_and_await_35() {
	linger offline 35
	start_command 32-39
	until [ "$(state 35)" = going-offline ]; do kill -0 $command; pause 0.02; done
	# shellcheck disable=SC2086
	[ "$(states $blocks)" = "going-offline=1 offline=4 online=3" ]
}

@test "a command that is killed when some blocks are offline: --undo leaves all as before, --resume ends it" {
	start_work ready --anon "$(mib 100)" --threads 1
	for end in --undo --resume; do
		start_and_await_35
		kill_command
		await_release
		linger offline -1
		"$memoffline" offline $end
		[ ! -e "$run_dir/journal" ]
		[ $end = --resume ] || all_online
	done
	# shellcheck disable=SC2086
	[ "$(states $blocks)" = offline=8 ]
	verify_work
	end_work "$pid"
}

@test "a command that is killed while it rolls back: --undo leaves all as before" {
	start_work ready --anon "$(mib 100)" --threads 1
	start_and_await_35
	linger online 37
	kill -INT $command
	until [ "$(state 36)" = online ]; do kill -0 $command; pause 0.02; done
	kill_command
	await_release
	linger offline -1
	linger online -1
	# shellcheck disable=SC2086
	[ "$(states $blocks)" = "offline=3 online=5" ]
	"$memoffline" offline --undo
	[ ! -e "$run_dir/journal" ]
	all_online
	verify_work
	end_work "$pid"
}

@test "a worker of the command that is stopped: the command ends in time, and all is as before" {
	start_work ready --anon "$(mib 200)" --threads 1
	before=$(moved)
	start_command --max-rate 10m --timeout 5 32-39
	start_ms=$(now_ms)
	await_moving "$before"
	worker=$(pgrep -P $command | head -n 1)
	kill -STOP "$worker"
	status=0
	wait $command || status=$?
	cat "$BATS_TEST_TMPDIR/command"
	[ "$status" = 1 ]
	[ $(($(now_ms) - start_ms)) -lt 12000 ]
	nothing_quarantined
	all_online
	[ ! -e "$run_dir/journal" ]
	verify_work
	end_work "$pid"
}

# ---- bad input ----

@test "requests that are wrong in each way: one errno for each, and nothing changes" {
	before=$(free_pages)
	"$build/tests/guest/ioctl" session 33
	nothing_quarantined
	near "$(free_pages)" "$before" 2000
	open_session a
	[[ "$(ask a evacuate)" == ENOENT ]]
	(echo offline > "$memory/memory36/state")
	[[ "$(ask a "quarantine 36")" == ENODEV* ]]
	[[ "$(ask a "quarantine 34 4")" == ENODEV* ]]
	[[ "$(ask a "quarantine 39 2")" == ENODEV* ]]
	[[ "$(ask a "quarantine 0")" == "EBUSY pid=0 pfn=0 "* ]]
	nothing_quarantined
	all_online_movable 36
	near "$(free_pages)" "$before" 2000
}

@test "a range of which a part alone can be isolated is let go again" {
	open_session a
	could=
	for block in {0..15}; do
		case $(ask a "quarantine $block") in
		ok*)
			could=$block
			ask a "release $block"
			;;
		EBUSY\ pid=0*)
			[ ! "$could" ] || break
			;;
		esac
		nothing_quarantined
	done
	[ "$could" ] && [ "$could" -lt 15 ] || skip "no boot memory that can move lies before some that can't"
	free=$(free_pages)
	[[ "$(ask a "quarantine $could $((block - could + 1))")" == "EBUSY pid=0 pfn=$(((could + 1) * 32768)) "* ]]
	nothing_quarantined
	near "$(free_pages)" "$free" 4000
}

# ---- at random ----

# MEMOFFLINE_SEED=N: the same choices again.
@test "operations at random by several processes: each time all is as it must be" {
	mkfs.ext4 -q -F "$LAB_DISK"
	mount "$LAB_DISK" /mnt
	swapon "$swap_disk"
	operations=1000
	[ $scale = 1 ] || [ "${MEMOFFLINE_SOAK-}" ] || operations=200
	start_ms=$(now_ms)
	"$build/tests/guest/random" $operations "${MEMOFFLINE_SEED:-$RANDOM}" 32 "$work" --anon "$(mib 40)" \
		--thp "$(mib 16)" --shm "$(mib 24)" --mapped "$(mib 16):/mnt/mapped" --cache "$(mib 8):/mnt/cache" --threads 1
	echo "$(($(now_ms) - start_ms)) ms"
}

# ---- with a DIMM of their own, since what the kernel puts into it stays there ----

# Sets first to its first block. All are offline.
plug() {	# DIMM
	local i

	first=$(($(all_blocks | tail -n 1) + 1))
	host dimm-add "$1" 1G 0
	for ((i = first; i < first + 8; i++)); do
		until [ -e "$memory/memory$i/state" ]; do pause 0.05; done
		[ "$(state $i)" = offline ] || (echo offline > "$memory/memory$i/state")
	done
}

zone_pages() {	# ZONE: of processes
	echo 1 > /proc/sys/vm/stat_refresh
	awk -v zone="$1" '/^Node/ { in_it = $4 == zone } in_it && /nr_zone_(in)?active_anon/ { n += $2 } END { print n + 0 }' \
		/proc/zoneinfo
}

# The kernel's own memory comes into one of the two blocks that are Normal, and then the other one can go.
@test "a neighbour that changes its zone meanwhile, and a range over both zones" {
	plug zones
	echo online_movable > "$memory/memory$((first + 1))/state"
	open_session a
	ask a "quarantine $((first + 1))"
	echo online_kernel > "$memory/memory$first/state"
	[ "$(zone $first)" = Normal ]
	run ! bash -c "echo online_kernel > $memory/memory$((first + 1))/state"
	[ "$(zone $((first + 1)))" = Movable ]
	[[ "$(ask a evacuate)" == "ok reason=0 "* ]]
	ask a "release $((first + 1))"
	echo online_kernel > "$memory/memory$((first + 2))/state"
	echo online_movable > "$memory/memory$((first + 3))/state"
	# With no room in zone Movable, memory is taken from Normal, which has two blocks.
	open_session b
	ask b "quarantine 32 8"
	start_work ready --anon 200m --threads 1
	start_disturbing round=1 alloc 160 $first 4
	until kill -STOP $disturber && [ "$(zone_pages Normal)" -gt 15000 ]; do	# not while it gives back
		kill -CONT $disturber
		pause 0.02
	done
	ask b "release 32 8"
	before=$(zone_pages Movable)
	[[ "$(ask a "quarantine $first 2")" == ok* || "$(ask a "quarantine $((first + 2)) 2")" == ok* ]]
	[[ "$(ask a "evacuate stall=3000")" == "ok reason=0 "*" kept=0 "* ]]
	[ "$(value moved)" -gt 20000 ]
	near "$(zone_pages Movable)" "$before" 2000	# each zone's own went to its own kind
	kill -CONT $disturber
	end_disturbing
	verify_work
	end_session a
	(echo offline > "$memory/memory$((first + 1))/state")
	(echo offline > "$memory/memory$((first + 3))/state")
	end_work "$pid"
}

@test "what an allocation of a gigantic page let go is isolated again, and nobody else takes it offline" {
	local pool=/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages block i

	[ -e $pool ] || skip "this processor has no gigantic pages"
	plug gigantic
	for ((i = first; i < first + 8; i++)); do echo online_kernel > "$memory/memory$i/state"; done
	open_session a
	for ((block = first + 7; block >= first; block--)); do [[ "$(ask a "quarantine $block")" != ok* ]] || break; done
	[ "$(isolated_pageblocks)" = 64 ]
	echo 1 > $pool	# looks for 1 GiB, of which a part is isolated, and lets go of all of it
	[ "$(cat $pool)" = 0 ]
	[ "$(isolated_pageblocks)" = 0 ]
	run bash -c "echo offline > $memory/memory$block/state"
	[ "$status" = 1 ]
	[ "$(state "$block")" = online ]
	"$memoffline" report "$block" | grep -i isolat
	[[ "$(ask a evacuate)" == "ok reason=0 "* ]]
	[ "$(isolated_pageblocks)" = 64 ]
	end_session a
	nothing_quarantined
}
