# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154,SC2054
# The machines that a guest can have. Each is a function topology_NAME, which
# appends to qemu_memory, may append to kernel_args and guest_setup, and sets
# memory when the user left it open. Sizes are in MiB.

# NAME  default boot memory of node 0  what it is
topologies='
one-node       1536  one node
two-nodes      1536  two nodes, both with boot memory; node 1 has 1 GiB
dimm           1536  two nodes; node 1 is a DIMM of 4 blocks (512 MiB, id d1) without processors
one-node-dimm  2048  one node: boot memory and a DIMM of 8 blocks (1 GiB, id d1)
two-dimms      1536  two nodes; node 1 is two DIMMs of 4 blocks (512 MiB, ids d1 and d2) each
four-nodes     1536  four nodes with boot memory, 512 MiB on each of nodes 1 to 3, and distances
container      1536  as two-dimms, and firmware that can ask for the container of all DIMMs
virtio-mem     1536  two nodes; node 1 is virtio-mem device vm0, 512 MiB of at most 1 GiB plugged
'

topology_names() {
	awk 'NF { print $1 }' <<<"$topologies"
}

topology_list() {
	awk 'NF {
		printf "%-14s  ", $1
		for (i = 3; i <= NF; i++)
			printf "%s%s", $i, i < NF ? " " : "\n"
	}' <<<"$topologies"
}

topology_default_memory() {
	awk -v name="$1" '$1 == name { print $2 }' <<<"$topologies"
}

# boot_node NODE MIB [CPUS]
boot_node() {
	qemu_memory+=(-object "memory-backend-ram,id=boot$1,size=$2M"
		-numa "node,nodeid=$1,memdev=boot$1${3:+,cpus=$3}")
	boot_memory=$((boot_memory + $2))
}

# empty_node NODE: has neither memory nor processors until something is plugged in.
# It must be the last node: QEMU tells the kernel of no other empty one.
empty_node() {
	qemu_memory+=(-numa "node,nodeid=$1")
}

# dimm ID NODE MIB
dimm() {
	qemu_memory+=(-object "memory-backend-ram,id=mem-$1,size=${dimm_mib:-$3}M"
		-device "pc-dimm,id=$1,memdev=mem-$1,node=$2")
}

all_cpus() {
	echo "0-$((cpus - 1))"
}

# cpu_share NODE NODES: the processors of one node when they are dealt out evenly.
# The kernel numbers nodes in the order in which the processors name them, then
# the memory: processor 0 has to stand on node 0.
cpu_share() {
	seq -s , "$1" "$2" "$((cpus - 1))" | sed "s/,/,cpus=/g"
}

topology_one-node() {
	boot_node 0 "$memory" "$(all_cpus)"
}

topology_two-nodes() {
	boot_node 0 "$memory" "$(cpu_share 0 2)"
	boot_node 1 1024 "$(cpu_share 1 2)"
}

topology_dimm() {
	boot_node 0 "$memory" "$(all_cpus)"
	empty_node 1
	dimm d1 1 512
}

topology_one-node-dimm() {
	boot_node 0 "$memory" "$(all_cpus)"
	dimm d1 0 1024
}

topology_two-dimms() {
	boot_node 0 "$memory" "$(all_cpus)"
	empty_node 1
	dimm d1 1 512
	dimm d2 1 512
}

topology_four-nodes() {
	local i j

	boot_node 0 "$memory" "$(cpu_share 0 4)"
	for i in 1 2 3; do
		boot_node "$i" 512 "$(cpu_share "$i" 4)"
	done
	for i in 0 1 2 3; do
		for ((j = 0; j < i; j++)); do
			qemu_memory+=(-numa "dist,src=$i,dst=$j,val=$((10 + 10 * (i - j)))")
		done
	done
}

# The container of the DIMMs gets a method by which it can be ejected: Scope (\_SB.MHPC) { Method (_EJ0, 1) { } }
topology_container() {
	local table=$cache/lab/container.aml

	topology_two-dimms
	printf '\x10\x12\\\x2e_SB_MHPC\x14\x06_EJ0\x01' >"$table.$$"
	mv "$table.$$" "$table"
	qemu_memory+=(-acpitable "sig=SSDT,rev=2,oem_id=LAB,oem_table_id=LAB,data=${table//,/,,}")
}

topology_virtio-mem() {
	boot_node 0 "$memory" "$(all_cpus)"
	empty_node 1
	qemu_memory+=(-object memory-backend-ram,id=mem-vm0,size=1G
		-device virtio-mem-pci,id=vm0,memdev=mem-vm0,node=1,requested-size=512M)
	guest_setup+='modprobe virtio_mem; host wait-size vm0 512M;'
}
