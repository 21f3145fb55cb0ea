#!/bin/sh
# tools/layout accepts this tree, and names every kind of violation when one is planted in a small tree of its own.
set -u
layout=$PWD/tools/layout
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT INT TERM
failed=0

# expect TEXT: the check of the scratch tree fails and says TEXT; the tree is emptied for the next plant.
expect() {
	if said=$("$layout" "$scratch" 2>&1); then
		echo "layout accepts a tree with: $1" >&2
		failed=1
	elif ! printf '%s\n' "$said" | grep -qF -- "$1"; then
		printf 'layout does not say "%s" but:\n%s\n' "$1" "$said" >&2
		failed=1
	fi
	rm -rf "$scratch"
	mkdir -p "$scratch/base" "$scratch/loaders" "$scratch/probes" "$scratch/device"
	echo '/* A header. */' | tee "$scratch/loaders/loader.h" "$scratch/probes/probe.h" >"$scratch/base/err.h"
}

plant() {
	{ echo '/* Planted. */' && cat; } >"$scratch/$1"
}

# repeat N TEXT
repeat() {
	i=0
	while [ $((i += 1)) -le "$1" ]; do echo "$2"; done
}

"$layout" . || { echo "layout finds fault with this tree" >&2 && failed=1; }

rm -rf "$scratch" && mkdir -p "$scratch/base" "$scratch/loaders"
echo '/* A header. */' >"$scratch/loaders/loader.h"
plant base/x.c <<-'END'
	#include "loaders/loader.h"
END
expect 'base/x.c:2: base/ may not include loaders/loader.h'

plant loaders/x.c <<-'END'
	#include "probes/probe.h"
END
expect 'loaders/ may not include probes/probe.h'

plant probes/x.c <<-'END'
	#include "loaders/loader.h"
END
expect 'probes/ may not include loaders/loader.h'

plant base/x.c <<-'END'
	#include "err.h"
END
expect 'may not include err.h'

plant base/x.c <<-'END'
	#include "base/gone.h"
END
expect "include paths start at the project's root: base/gone.h"

plant base/x_util.c </dev/null
expect "'x_util.c' says nothing"

plant base/x.c <<-'END'
	static int do_it(void)
	{
		return 0;
	}
END
expect "'do_it' says nothing"

plant base/x.h <<-'END'
	struct node_info {
		int x;
	};
END
expect "'node_info' says nothing"

{ printf 'int long_one(void)\n{\n' && repeat 58 '	x();' && echo '}'; } | plant base/x.c
expect 'long_one: 61 lines, 60 are the limit'

repeat 500 'int x;' | plant base/x.c
expect '501 lines, 500 are the limit'

plant base/x.c <<-'END'
	int wide(int a, int b, int c,
		 int (*d)(int, int), int e, int f)
	{
		return 0;
	}
END
expect 'wide: 6 parameters, 5 are the limit'

echo 'int x;' >"$scratch/base/x.c"
expect 'base/x.c:1: opens without a comment'

echo 'LOADER(gone)' | plant loaders/loaders.def
expect 'LOADER(gone) has no loaders/gone.c'

echo 'const struct loader_type loader_stray = { 0 };' | plant loaders/stray.c
plant loaders/loaders.def </dev/null
expect "'stray' is not in loaders/loaders.def"

printf '/* see /%s/me */\n' home | plant base/x.c
expect 'names a path of one machine'

# What keeps the rules passes, a reasoned exception and a long call with five parameters among it.
{
	printf '#include "base/err.h"\n\nint wide(int a, int (*b)(int, int), int c, int d, int e)\n{\n\treturn 0;\n}\n\n'
	printf '/* layout: the signature is upstream'"'"'s */\nint wider(int a, int b, int c, int d, int e, int f)\n{\n\treturn 0;\n}\n'
	printf '\n/* a, b, c, d, e, f( { */\nint cut(const char *format, int b, int c, int d, int e, ...)\n{\n\treturn 0;\n}\n'
} | plant base/x.c
"$layout" "$scratch" || { echo "layout refuses a tree that keeps the rules" >&2 && failed=1; }
[ "$failed" = 0 ] && echo "layout: every kind of violation is found"
exit "$failed"
