#!/bin/sh
# The library compiles against the headers of glibc 2.28 and Linux 4.19: against today's, with what came later taken out of them. Functions are
# judged by symbols.sh. A name used here and missing below is to be added when it is younger, and given an #ifndef of its own in the source.
set -eu
build=${SOLOAD_BUILD:-build}
case $build in
*/asan | */tsan) echo "skipped: the same sources as without sanitizers" && exit 77 ;;
esac
CC=${CC:-gcc}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
status=0

# HEADER: what it has since
younger='
elf.h: DT_RELR DT_RELRSZ DT_RELRENT SHT_RELR PT_GNU_PROPERTY DT_AARCH64_BTI_PLT DT_AARCH64_PAC_PLT DT_AARCH64_VARIANT_PCS ELFCOMPRESS_ZSTD
elf.h: GNU_PROPERTY_AARCH64_FEATURE_1_AND GNU_PROPERTY_AARCH64_FEATURE_1_BTI GNU_PROPERTY_AARCH64_FEATURE_1_PAC GNU_PROPERTY_1_NEEDED
elf.h: Elf32_Relr Elf64_Relr EM_LOONGARCH NT_ARM_TAGGED_ADDR_CTRL NT_ARM_PAC_ENABLED_KEYS
sys/mman.h: PROT_BTI PROT_MTE MFD_NOEXEC_SEAL MFD_EXEC MADV_COLD MADV_PAGEOUT MADV_POPULATE_READ MADV_POPULATE_WRITE MADV_COLLAPSE
sys/mman.h: MADV_DONTNEED_LOCKED MREMAP_DONTUNMAP
linux/memfd.h: MFD_NOEXEC_SEAL MFD_EXEC
dlfcn.h: RTLD_DI_PHDR DLFO_STRUCT_HAS_EH_DBASE DLFO_STRUCT_HAS_EH_COUNT DLFO_EH_SEGMENT_TYPE
sys/prctl.h: PR_SET_VMA PR_SET_VMA_ANON_NAME PR_SET_MDWE PR_GET_MDWE PR_MDWE_REFUSE_EXEC_GAIN PR_SET_TAGGED_ADDR_CTRL PR_PAC_RESET_KEYS PR_SCHED_CORE
fcntl.h: F_SEAL_FUTURE_WRITE F_SEAL_EXEC AT_RECURSIVE
linux/membarrier.h: MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ MEMBARRIER_CMD_GET_REGISTRATIONS
sys/auxv.h: AT_MINSIGSTKSZ AT_RSEQ_FEATURE_SIZE AT_RSEQ_ALIGN HWCAP2_BTI HWCAP2_MTE HWCAP2_MOPS
sys/syscall.h: SYS_clone3 SYS_close_range SYS_openat2 SYS_faccessat2 SYS_pidfd_open SYS_pidfd_getfd SYS_memfd_secret SYS_process_madvise
linux/magic.h: DMA_BUF_MAGIC DEVMEM_MAGIC SECRETMEM_MAGIC PID_FS_MAGIC
'
echo "$younger" | grep . >"$scratch/younger"
while read -r header names; do
	header=$scratch/old/${header%:}
	mkdir -p "$(dirname "$header")"
	# Once: what a source put in the place of a name stays when the header comes again.
	[ -e "$header" ] || printf '#pragma once\n#include_next <%s>\n' "${header#"$scratch/old/"}" >"$header"
	for name in $names; do
		printf '#undef %s\n' "$name" >>"$header"
	done
done <"$scratch/younger"
# Types are no macros: an unknown one must be one.
sed -i 's/^#undef \(Elf.._Relr\)$/#define \1 younger_than_glibc_2_28/' "$scratch/old/elf.h"

# Taking them out must show, or nothing is judged.
printf '#include <elf.h>\n#include <sys/mman.h>\nint x[DT_RELR], y[MADV_COLD];\n' >"$scratch/canary.c"
"$CC" -D_GNU_SOURCE -fsyntax-only "$scratch/canary.c" 2>/dev/null && "$CC" -isystem "$scratch/old" -D_GNU_SOURCE -fsyntax-only "$scratch/canary.c" 2>/dev/null &&
	echo "headers: what is taken out is still there" >&2 && exit 1

count=0
for source in base/*.c loaders/*.c loaders/elf/*.c loaders/elf/arch/*.c; do
	count=$((count + 1))
	"$CC" -isystem "$scratch/old" -I. -D_GNU_SOURCE -DSOLOAD_VERSION='""' -std=gnu17 -Wall -Wextra -Werror -fsyntax-only "$source" >"$scratch/said" 2>&1 && continue
	echo "headers: $source wants more than glibc 2.28 has:" >&2
	cat "$scratch/said" >&2
	status=1
done
[ $status != 0 ] || echo "headers: $count files compile without what came after glibc 2.28"
exit $status
