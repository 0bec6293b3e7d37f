# SPDX-License-Identifier: GPL-2.0-only
# A dax device, without ndctl.
# shellcheck shell=bash

# What the kernel was told to take for persistent memory (memmap=SIZE!START) becomes dax0.0, driven by kmem.
make_dax() {
	(
		modprobe -qa nd_e820 nd_pmem dax_pmem device_dax kmem 2>/dev/null
		cd /sys/bus/nd || return
		[ ! -e drivers/nd_pmem/namespace0.0 ] || echo namespace0.0 > drivers/nd_pmem/unbind
		echo 11111111-2222-3333-4444-555555555555 > devices/dax0.0/uuid
		echo 2097152 > devices/dax0.0/align
		echo ram > devices/dax0.0/mode
		echo namespace0.0 > devices/dax0.0/namespace
		echo dax0.0 > drivers/dax_pmem/bind
		echo dax0.0 > /sys/bus/dax/drivers/device_dax/unbind
		echo dax0.0 > /sys/bus/dax/drivers/kmem/new_id
	)
}
