# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034,SC2154
# A machine worth a picture, on top of cli.bash: two nodes, a module that is half offline, memory of CXL.

# What kpageflags says of the pages of each letter of the map.
declare -gA flags=(
	[R]=$((1 << 32)) [K]=$((1 << 35)) [P]=$((1 << 26)) [S]=$flag_slab [h]=$((1 << 17))
	[m]=$((anon & ~flag_anon | 1 << 14))
	[t]=$((anon | 1 << 22)) [a]=$anon [c]=$((anon & ~flag_anon)) [!]=$((1 << 19)) [.]=$flag_buddy
)

# entries KIND COUNT: as kpageflags has them, of COUNT pages, at most 4096
entries() {
	local file=$BATS_FILE_TMPDIR/entries-${flags[$1]}

	[ -e "$file" ] || words "${flags[$1]}" 4096 >"$file"
	head -c $(($2 * 8)) "$file"
}

# fill BLOCK LETTERS: what a block of 4096 pages holds, each letter an eighth; or with numbers (S:1,a:511) by pages,
# the rest free
fill() {
	local part nr left=4096 i

	if [[ $2 == *:* ]]; then
		for part in ${2//,/ }; do
			nr=${part#*:}
			entries "${part%:*}" "$nr"
			left=$((left - nr))
		done
		entries . $left
	else
		for ((i = 0; i < 8; i++)); do
			entries "${2:i:1}" 512
		done
	fi | dd of="$tree/proc/kpageflags" bs=64K oflag=seek_bytes seek=$(($1 * 32768)) conv=notrunc status=none
}

# charge BLOCK COUNT CGROUP: the first COUNT pages of a block are charged to the cgroup of that number
charge() {
	words "$3" "$2" | dd of="$tree/proc/kpagecgroup" bs=64K oflag=seek_bytes seek=$(($1 * 32768)) conv=notrunc status=none
}

# It is made once for the tests of a file.
map_machine() {
	local block made=$BATS_FILE_TMPDIR/map

	if [ -e "$made" ]; then
		tree=$BATS_TEST_TMPDIR/map
		cp -a "$made" "$tree"
		return
	fi
	tree map block-size=1000000 blocks=0,online,none,0 blocks=1-7,online,DMA32,0 blocks=16-31,online,Normal,0 \
		blocks=32-35,online,Movable,1 blocks=36-37,offline,Normal+Movable,1 blocks=38,going-offline,Movable,1 \
		blocks=39,online,Movable,1 blocks=48-55,online,Movable,2 \
		dimm=PNP0C80:00,32-39 dax=dax0.0,30000000,8000000 \
		"iomem=00000000-37ffffff : System RAM" \
		node=0,0-1,393216,65536,65536,10+20+40 node=1,2-3,131072,60000,0,20+10+40 \
		node=2,-,131072,60000,0,40+40+10
	for block in 0:RRRRKS.. 1:RRKKSSc. 2:KPSaaacc 3:Sttttaac 4:SSaacc.. 5:Pttaac.. 6:Scccc... 7:Sc...... \
		16:KPSSaaac 17:Sttttttt 18:Saaaaacc 19:Smmmaacc 20:hhhhhhhh 21:hhhhhhhh 22:Saaacc.. 23:taaac... \
		24:Kttac... 25:Saacc... 26:Pmmaa... 27:Saac.... 28:Sac..... 29:aac..... 30:S:1,a:700 31:........ \
		32:ttttttaa 33:tttaaac. 34:mmmaac.. 35:aac..... 38:ttaac... 39:aac!.... 48:aaaaacc. 49:ccccc... \
		50:aaa..... 51:cc...... 52:a....... 53:........ 54:........ 55:........; do
		fill "${block%%:*}" "${block#*:}"
	done
	cp -a "$tree" "$made"
}
