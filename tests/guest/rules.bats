#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# lab: --systemd --installed --topology container --cpus 1 --append memmap=256M!1G
# Each rule of udev-rules/60-memoffline.rules, and that nothing else starts a unit. What the units run is replaced: they
# tell their names.
load common
load dax

setup_file() {
	local kind

	for kind in remove online; do
		mkdir -p "/run/systemd/system/memoffline-$kind@.service.d"
		cat > "/run/systemd/system/memoffline-$kind@.service.d/stand-in.conf" <<-END
			[Service]
			ExecStart=
			ExecStart=/bin/sh -c 'echo $kind %I >>/run/asked/list'
			ReadWritePaths=/run/asked
		END
	done
	mkdir -p /run/asked
	systemctl daemon-reload
	systemctl mask --runtime memoffline-recover.service
}

teardown_file() {
	rm -rf /run/systemd/system/memoffline-*.d /run/asked
	systemctl unmask --runtime memoffline-recover.service
	systemctl daemon-reload
}

setup() {
	: > /run/asked/list
}

# What was asked for since the start of the test: udev has run its rules, and systemd what they started.
asked() {
	udevadm settle
	while systemctl list-jobs --no-legend | grep -q memoffline-; do
		pause 0.05
	done
	sort /run/asked/list | paste -sd ,
}

request() {	# DEVICE [WORD]
	echo "change $(</proc/sys/kernel/random/uuid) MEMOFFLINE=${2:-remove}" > "$1/uevent"
}

@test "udev and systemd find nothing wrong with rules and units" {
	run journalctl --no-pager -q -u systemd-udevd --grep memoffline.rules
	echo "$output"
	[ ! "$output" ]
	cd /usr/local/lib/systemd/system
	run systemd-analyze verify ./memoffline-*.service
	echo "$output"
	[ "$status" = 0 ]
	[ ! "$output" ]
}

@test "a request for an ACPI memory device" {
	request /sys/bus/acpi/devices/PNP0C80:00
	[ "$(asked)" = "remove PNP0C80:00" ]
}

@test "the same request a second time is heard as well" {
	request /sys/bus/acpi/devices/PNP0C80:00
	[ "$(asked)" = "remove PNP0C80:00" ]
	request /sys/bus/acpi/devices/PNP0C80:00
	[ "$(asked)" = "remove PNP0C80:00,remove PNP0C80:00" ]
}

@test "a request for a node, and one for a block" {
	request /sys/devices/system/node/node1
	[ "$(asked)" = "remove node1" ]
	request /sys/devices/system/memory/memory33
	[ "$(asked)" = "remove memory33,remove node1" ]
}

@test "a request for a dax device" {
	make_dax
	until [ -e /sys/bus/dax/devices/dax0.0/driver ]; do
		pause 0.05
	done
	request /sys/bus/dax/devices/dax0.0
	[ "$(asked)" = "remove dax0.0" ]
}

@test "a request for a virtio-mem device, and for no other of virtio" {
	local device

	modprobe virtio_mem
	host object_add memory-backend-ram,id=mem-vm0,size=256M
	host device_add virtio-mem-pci,id=vm0,memdev=mem-vm0,node=1
	until device=$(ls -d /sys/bus/virtio/drivers/virtio_mem/virtio*) 2>/dev/null; do
		pause 0.05
	done
	for i in /sys/bus/virtio/devices/virtio*; do
		request "$i"
	done
	[ "$(asked)" = "remove ${device##*/}" ]
}

@test "another word is no request, and neither is another device" {
	request /sys/bus/acpi/devices/PNP0C80:00 removal
	request /sys/bus/acpi/devices/PNP0A06:00
	request /sys/devices/system/cpu/cpu0
	echo change > /sys/bus/acpi/devices/PNP0C80:00/uevent
	echo add > /sys/bus/acpi/devices/PNP0C80:00/uevent
	[ ! "$(asked)" ]
}

@test "the firmware asks for the container: the kernel refuses, and we hear of it" {
	local container
	container=$(dirname "$(readlink -f /sys/bus/acpi/devices/PNP0C80:00)")

	echo 1 > "$container/eject"
	until [ -s /run/asked/list ]; do
		pause 0.05
	done
	[ "$(asked)" = "remove ${container##*/}" ]
	[ "$(states 32 33 34 35)" = online=4 ]
}

@test "memory that is added and stays offline, and none that is online" {
	echo offline > $memory/memory33/state
	echo add > $memory/memory33/uevent
	echo add > $memory/memory34/uevent
	[ "$(asked)" = "online memory33" ]
	echo online_movable > $memory/memory33/state
	[ "$(asked)" = "online memory33" ]
}

@test "what the module tells of an attempt is a line of the log" {
	load_core
	! echo offline > $memory/memory0/state
	echo offline > $memory/memory33/state
	udevadm settle
	run journalctl --no-pager -q -t memoffline -o cat
	echo "$output"
	[[ $output == *"memory block 33 was to go offline: result 0, reason none, "*" pages moved, 0 stayed"* ]]
	echo online_movable > $memory/memory33/state
	unload_core
	[ ! "$(asked)" ]
}
