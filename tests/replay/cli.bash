# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034,SC2154
# What the tests of the command share: machines that are not there, terminals of any width.

build=${MEMOFFLINE_BUILD:-$(cd "$BATS_TEST_DIRNAME/../.." && pwd)}
memoffline=${MEMOFFLINE:-$build/tools/memoffline}
make_tree=${MAKE_TREE:-$build/tests/replay/make-tree}
export LC_ALL=C.UTF-8 TERM=xterm
unset NO_COLOR COLUMNS

# tree NAME ITEM...: makes $BATS_TEST_TMPDIR/NAME and leaves its name in $tree
tree() {
	tree=$BATS_TEST_TMPDIR/$1
	"$make_tree" "$tree" "${@:2}"
}

# Boot memory, a module online, a module half offline, a block of two nodes. Blocks of 16 MiB, 4096 pages each.
machine() {
	tree machine block-size=1000000 blocks=0,online,none,0 blocks=1-15,online,Normal,0 \
		blocks=32-35,online,Movable,1 blocks=36-37,offline,Normal+Movable,1 blocks=38,online,Movable,0+1 \
		blocks=39,offline,Normal+Movable,1 dimm=PNP0C80:00,32-35 dimm=PNP0C80:01,36-39 \
		node=0,0-1,2097152,524288,65536,10+20 node=1,-,131072,60000,0,20+10 \
		"iomem=00000000-2fffffff : System RAM"
}

# words NUMBER COUNT: as 64-bit words, which is how the kernel tells of pages
words() {
	local word text="" i

	word=$(printf "%016x" "$1")
	for ((i = 14; i >= 0; i -= 2)); do
		text+="\\x${word:i:2}"
	done
	for ((i = 0; i < 12; i++)); do
		text+=$text
	done
	printf "%b" "$text" >"$BATS_TEST_TMPDIR/words"
	for ((i = 0; i < $2; i += 4096)); do
		cat "$BATS_TEST_TMPDIR/words"
	done | head -c $(($2 * 8))
}

# pages FIRST COUNT FLAGS [MAPPED]: what kpageflags and kpagecount of $tree say of COUNT pages
pages() {
	words "$3" "$2" | dd of="$tree/proc/kpageflags" bs=64K oflag=seek_bytes seek=$(($1 * 8)) conv=notrunc status=none
	words "${4:-0}" "$2" | dd of="$tree/proc/kpagecount" bs=64K oflag=seek_bytes seek=$(($1 * 8)) conv=notrunc status=none
}

# put PATH TEXT: a file of $tree; TEXT has escapes as printf
put() {
	mkdir -p "$(dirname "$tree/$1")"
	printf "%b" "$2" >"$tree/$1"
}

# process PID COMM MAPPING PFN: maps the page at 0x10000
process() {
	put "proc/$1/comm" "$2\n"
	put "proc/$1/maps" "10000-20000 rw-p 00000000 00:00 0      $3\n"
	words $(((1 << 63) | $4)) 1 | dd of="$tree/proc/$1/pagemap" bs=128 seek=1 status=none
}

flag_uptodate=$((1 << 3)) flag_lru=$((1 << 5)) flag_slab=$((1 << 7)) flag_buddy=$((1 << 10))
flag_mmap=$((1 << 11)) flag_anon=$((1 << 12))
anon=$((flag_uptodate | flag_lru | flag_mmap | flag_anon))

# on_terminal WIDTH COMMAND: its output, as it would reach a terminal of that width
on_terminal() {
	script -qec "stty cols $1; ${*:2}" /dev/null </dev/null
}

# The longest line that a terminal would show, colours and redrawn lines taken apart.
longest_line() {
	sed 's/\x1b\[[0-9;]*[mK]//g' | tr '\r' '\n' | wc -L
}

usage_error() {
	run "$memoffline" "$@"
	echo "$output"
	[ "$status" -eq 2 ]
	[ "${#lines[@]}" -eq 1 ]
	[[ ${lines[0]} == "memoffline: "* ]]
	[[ ${lines[0]} == *"; try 'memoffline"*" --help'" || ${lines[0]} == *"; try 'memoffline --help'" ]]
}
