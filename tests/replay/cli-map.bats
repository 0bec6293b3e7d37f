#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# memoffline map in letters: what fills a tile, on terminals of any width and depth; and as JSON.
bats_require_minimum_version 1.5.0
load cli
load map

setup() {
	unset COLORTERM
}

map() {
	run "$memoffline" map -s "$tree" "$@"
	echo "$output"
	[ "$status" -eq 0 ]
}

# plain: a terminal's output without its colours
plain() {
	sed 's/\x1b\[[0-9;]*m//g' | tr -d '\r'
}

@test "each block is a tile, filled by what it holds; nodes and devices have a title" {
	map_machine
	map
	[ "${lines[0]}" = "640M in 40 blocks of 16M: 37 online, 2 offline, going offline: 1" ]
	[[ $output == *"node 0, boot memory: 384M in 24 blocks"* ]]
	[[ $output == *"node 1, PNP0C80:00: 128M in 8 blocks, 2 offline"* ]]
	[[ $output == *"node 2, dax0.0: 128M in 8 blocks, zone Movable"* ]]
	[[ $output == *$'\n 0 RRRRKS.. RRKKSSc. KPSaaacc Sttttaac SSaacc.. Pttaac.. Scccc... Sc......\n'* ]]
	[[ $output == *' //////// ////////[ttaac...]aac!....'* ]]
	[[ $output == *" S  slab: "* && $output == *" .  free: "* && $output == *" !  poisoned: 2M, <1%"* ]]
	[[ $output == *"[...] is going offline."* && $output == *"Lower case can move, UPPER CASE stays."* ]]
}

@test "one page that stays is not rounded away, but what can move is" {
	map_machine
	map
	[[ $output == *' Sac..... aac..... Sa...... ........'* ]]
	map --by movability
	[[ $output == *" Sm...... ........"* && $output == *$'\n 0 NNNNNNNN '* ]]
}

@test "--by zone, node, movability: the same tiles, filled by something else" {
	map_machine
	map --by zone
	[[ $output == *$'\n 0 XXXXXX.. BBBBBBB. '* && $output == *$'\n32 MMMMMMMM MMMMMMM. '* ]]
	[[ $output == *" M  Movable: "* && $output != *"UPPER CASE"* ]]
	map --by node
	[[ $output == *$'\n48 2222222. '* && $output == *" 2  node 2: "* ]]
	map --by movability
	[[ $output == *$'\n32 mmmmmmmm mmmmmmm. '* && $output == *" m  can move: "* ]]
	# Nothing keeps a page in zone Movable without flags: it is free, on the list of a processor.
	words 0 4096 | dd of="$tree/proc/kpageflags" bs=32K seek=53 conv=notrunc status=none
	map
	[[ $output == *' a....... ........ ........ ........'* && $output != *' KKKK'* ]]
}

@test "--by owner: the cgroup that holds most of a block" {
	map_machine
	charge 32 4096 4711
	charge 33 2048 4711
	charge 33 512 12
	charge 34 1024 12
	map --by owner
	[[ $output == *$'\n32 AAAAAAAA AAA++++. BB++++.. +++..... '* ]]
	[[ $output == *" A  cgroup 4711: 22M, "* && $output == *" B  cgroup 12: 4M, "* && $output == *" +  others, and the kernel: "* ]]
	rm "$tree/proc/kpagecgroup"
	map --by owner
	[[ $output == *"note: can't read /proc/kpagecgroup"* && $output != *"cgroup 4711"* ]]
}

@test "without page flags it shows where the blocks are, and says why no more" {
	map_machine
	rm "$tree/proc/kpageflags"
	map
	[[ $output == *$'\n32 MMMMMMMM '* && $output == *' //////// ////////[MMMMMMMM]MMMMMMMM'* ]]
	[[ $output == *"note: there is no /proc/kpageflags below "*"drawn is where the blocks are, not what they hold"* ]]
	map --by node
	[[ $output == *$'\n32 11111111 '* ]]
	map -q
	[[ $output != *"note:"* ]]
	[ "$("$memoffline" map -J -s "$tree" | jq -c '[.by, (.problem | length > 0), .blocks[0].content]')" = '["zone",true,null]' ]
}

@test "JSON has each block with what it holds, and who" {
	map_machine
	charge 32 4096 4711
	json=$("$memoffline" map -J -s "$tree" --by owner)
	[ "$(jq '.blocks | length' <<<"$json")" -eq 40 ]
	[ "$(jq -c '[.by, .block_bytes, .page_bytes, .problem]' <<<"$json")" = '["owner",16777216,4096,""]' ]
	[ "$(jq -c '.blocks[] | select(.block == 32) | [.state, .zone, .node, .device, .content.thp, .content.anon, .cgroup_inode, .cgroup, .cgroup_pages]' <<<"$json")" = \
		'["online","Movable",1,"PNP0C80:00",3072,1024,4711,"cgroup 4711",4096]' ]
	[ "$(jq -c '.blocks[] | select(.block == 38) | .state' <<<"$json")" = '"going-offline"' ]
	[ "$(jq '[.blocks[].content | add] | unique | length' <<<"$json")" -eq 1 ]
	[ "$("$memoffline" map -J -s "$tree" | jq '[.blocks[].content | add] | add')" = "$("$memoffline" map -J -s "$tree" | jq '[.classes[].nr_pages] | add')" ]
}

@test "it fits every terminal from 20 columns up, and shows all blocks on each" {
	map_machine
	for width in 20 24 33 40 64 80 132 300; do
		text=$(on_terminal $width "$memoffline" map -s "$tree" | plain)
		[ "$(wc -L <<<"$text")" -le $width ]
		[[ $text == *"PNP0C80:00"* && $text == *" R "*"reserved"* ]]
		# Tiles of 20 and 21: all huge pages; of 36 and 37: offline.
		[[ $text =~ hh?h*\ hh?h* && $text =~ //?/*\ //?/* && $text == *"["*"]"* ]]
	done
}

@test "where a tile is one letter, a star goes offline" {
	tree many block-size=1000000 blocks=0-4095,online,Movable,0 blocks=77,going-offline,Movable,0 node=0,0,67108864,0,0,10
	text=$(on_terminal 80 "$memoffline" map -s "$tree" --by zone | plain)
	[ "$(wc -L <<<"$text")" -le 80 ]
	[ "$(sed -n '/boot memory/,/^$/p' <<<"$text" | tail -n +2 | sed 's/^ *[0-9]* //' | tr -cd 'M*' | wc -c)" -eq 4096 ]
	[[ $text == *"* is going offline."* ]]
}

@test "as many colours as the terminal has, and none that nobody asked for" {
	map_machine
	[[ $(COLORTERM=truecolor on_terminal 80 "$memoffline" map -s "$tree") == *$'\x1b[48;2;76;141;214m'* ]]
	[[ $(TERM=xterm-256color on_terminal 80 "$memoffline" map -s "$tree") == *$'\x1b[48;5;'* ]]
	text=$(TERM=xterm on_terminal 80 "$memoffline" map -s "$tree")
	[[ $text == *$'\x1b[104m'* && $text != *'[48;'* ]]
	[[ $(NO_COLOR=1 on_terminal 80 "$memoffline" map -s "$tree") != *$'\x1b['* ]]
	[[ $(TERM=dumb on_terminal 80 "$memoffline" map -s "$tree") != *$'\x1b['* ]]
	[[ $("$memoffline" map -s "$tree") != *$'\x1b['* ]]
	[[ $("$memoffline" map -s "$tree" --color 24bit) == *$'\x1b[48;2;'* ]]
	[[ $("$memoffline" map -s "$tree" --color 256) == *$'\x1b[48;5;'* ]]
	[[ $(on_terminal 80 "$memoffline" map -s "$tree" --color never) != *$'\x1b['* ]]
	# Colours apart, it is the same picture.
	[ "$("$memoffline" map -s "$tree" --color 16 | plain)" = "$("$memoffline" map -s "$tree")" ]
}

@test "wrong options are told" {
	map_machine
	usage_error map -s "$tree" --by size
	usage_error map -s "$tree" --color maybe
	usage_error map -s "$tree" 32
}

@test "names are escaped" {
	tree evil block-size=1000000 blocks=32,online,Movable,0 dimm=$'PNP0C80:\x1b[2J\n\xff\xe2\x80\xae',32-32
	map --by zone
	[[ $output == *'PNP0C80:\x1b[2J\x0a\xff\xe2\x80\xae'* ]]
	"$memoffline" map -J -s "$tree" | iconv -f UTF-8 -t UTF-8 >/dev/null
}

@test "a full disk is an error, and no memory at all is told" {
	map_machine
	for option in "" --json; do
		run --separate-stderr bash -c '"$@" >/dev/full' - "$memoffline" map -s "$tree" $option
		[ "$status" -eq 1 ]
		[[ $stderr == *"can't write to standard output"* ]]
	done
	mkdir "$BATS_TEST_TMPDIR/empty"
	run "$memoffline" map -s "$BATS_TEST_TMPDIR/empty"
	[ "$status" -eq 1 ]
	[[ $output == *"there is no /sys/devices/system"* ]]
}

@test "1 TiB in 8,192 blocks takes less than 100 MiB" {
	tree large blocks=0-31,online,Normal,0 blocks=32-8223,online,Movable,1 node=0,0-1,4194304,0,0,10+20 \
		node=1,-,1073741824,0,0,20+10 "iomem=00000000-1010fffffff : System RAM"
	truncate -s $((8224 * 32768 * 8)) "$tree/proc/kpageflags"
	for option in "" "--by owner" --json; do
		# shellcheck disable=SC2086
		/usr/bin/time -o "$BATS_TEST_TMPDIR/kib" -f %M "$memoffline" map -s "$tree" $option >/dev/null
		echo "$option: $(<"$BATS_TEST_TMPDIR/kib") KiB"
		[ "$(<"$BATS_TEST_TMPDIR/kib")" -lt 102400 ]
	done
}
