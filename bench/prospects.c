/* Foreseeing what loaders will meet. Every rule here was seen to happen; see docs and tests. */
#include "bench/prospects.h"

#include "base/err.h"
#include "bench/reloc_names.h"
#include "loaders/elf/arch.h"
#include "loaders/loader.h"

#include <gnu/libc-version.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* glibc keeps this much static TLS for objects loaded later, unless tuned (glibc 2.36,
 * rtld.optional_static_tls plus its own reserve). */
#define STATIC_TLS_SURPLUS 1664

struct outlook {
	const struct anatomy *anatomy;
	const char *loader; /* as given */
	unsigned int caps;  /* of it with its options */
	prospect_visit visit;
	void *context;
	bool told;
};

__attribute__((format(printf, 3, 4))) static void tell(struct outlook *outlook,
						       enum prospect prospect, const char *format,
						       ...)
{
	char text[ERR_TEXT_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	outlook->visit(outlook->context, outlook->loader, prospect, text);
	outlook->told = true;
}

const char *prospect_name(enum prospect prospect)
{
	static const char *const names[] = { "fine", "beware", "stale", "refused" };

	return names[prospect];
}

/* Whoever times map and relocate apart does not leave them to the dynamic linker. */
static bool links_itself(const struct outlook *outlook)
{
	return outlook->caps & LOADER_SPLIT_PHASES;
}

/* One name for all loads: then the linker's memory of names is the trap. */
static bool reuses_name(const struct outlook *outlook)
{
	return !(outlook->caps & (LOADER_FRESH_EVERY_LOAD | LOADER_MANY_IMAGES));
}

static bool availability_tell(struct outlook *outlook)
{
	struct loader *loader = NULL;
	struct err err = { "" };
	int r = loader_open(&loader, outlook->loader, &err);

	if (r == 0)
		outlook->caps = loader->caps;
	loader_close(loader);
	if (r < 0)
		tell(outlook, PROSPECT_REFUSED, "not here: %s", err.text);
	return r == 0;
}

/* True when nothing can load it, so that there is no more to say. */
static bool refusal_tell(struct outlook *outlook)
{
	const struct anatomy *a = outlook->anatomy;
	const struct elf_arch *native = elf_arch_native();
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	char name[32];

	if (!native || native->machine != a->elf.machine)
		tell(outlook, PROSPECT_REFUSED, "it is for %s, this machine is not",
		     elf_machine_name(a->elf.machine, name, sizeof(name)));
	else if (a->program)
		tell(outlook, PROSPECT_REFUSED, "it is a program, not a shared object");
	else if (a->noopen && !links_itself(outlook))
		tell(outlook, PROSPECT_REFUSED, "DF_1_NOOPEN: it forbids dlopen");
	else if (a->libc_version[0] && strverscmp(a->libc_version, gnu_get_libc_version()) > 0)
		tell(outlook, PROSPECT_REFUSED, "it needs GLIBC_%s, this is %s", a->libc_version,
		     gnu_get_libc_version());
	else if (a->elf.align < page && a->elf.load_count > 1)
		tell(outlook, PROSPECT_REFUSED,
		     "its segments are aligned to %llu bytes, pages here have %llu: link it with "
		     "-z max-page-size=65536",
		     (unsigned long long)a->elf.align, (unsigned long long)page);
	else
		return false;
	return true;
}

static void unload_tell(struct outlook *outlook)
{
	const struct anatomy *a = outlook->anatomy;
	char why[320], name[200];

	if (a->unique)
		snprintf(why, sizeof(why), "%llu GNU-unique symbols (%s%s)",
			 (unsigned long long)a->unique,
			 anatomy_printable(a->unique_names[0], name, sizeof(name)),
			 a->unique > 1 ? ", ..." : "");
	else
		snprintf(why, sizeof(why), "DF_1_NODELETE");
	if (links_itself(outlook))
		return;
	if (!(a->unique || a->nodelete)) {
		if (a->thread_exit)
			tell(outlook, PROSPECT_BEWARE,
			     "it registers thread-exit destructors: dlclose does not unload it "
			     "before the threads that called it have ended");
		return;
	}
	if (!reuses_name(outlook))
		tell(outlook, PROSPECT_BEWARE,
		     "%s: dlclose does not unload it, so every load leaves an image behind, and "
		     "the unique variables of the first serve all; build it with -fno-gnu-unique",
		     why);
	else
		tell(outlook, PROSPECT_STALE,
		     "%s: dlclose does not unload it, and the next load under the same name is "
		     "answered with this image, whatever bytes were sent; build it with "
		     "-fno-gnu-unique",
		     why);
}

static void tls_tell(struct outlook *outlook)
{
	const struct anatomy *a = outlook->anatomy;
	unsigned long long bytes = a->elf.tls.memory_bytes;

	if (!bytes)
		return;
	if (!(outlook->caps & LOADER_THREAD_LOCAL))
		tell(outlook, PROSPECT_REFUSED, "it has %llu bytes of thread-local storage", bytes);
	else if (!(a->tls_models & ANATOMY_TLS_INITIAL) && !(a->elf.dynamic.flags & DF_STATIC_TLS))
		return;
	else if (bytes > STATIC_TLS_SURPLUS)
		tell(outlook, PROSPECT_REFUSED,
		     "initial-exec TLS of %llu bytes does not fit the static TLS left for late "
		     "objects (about %d): build it with -ftls-model=global-dynamic",
		     bytes, STATIC_TLS_SURPLUS);
	else
		tell(outlook, PROSPECT_BEWARE,
		     "initial-exec TLS: every load takes %llu bytes of the static TLS left for "
		     "late "
		     "objects (about %d)",
		     bytes, STATIC_TLS_SURPLUS);
}

static void code_tell(struct outlook *outlook)
{
	const struct anatomy *a = outlook->anatomy;
	char name[32];

	if (a->refused)
		tell(outlook, links_itself(outlook) ? PROSPECT_REFUSED : PROSPECT_BEWARE,
		     "%llu relocations a shared object should not have (%s): build it with -fPIC",
		     (unsigned long long)a->refused,
		     reloc_name(a->elf.machine, a->refused_type, name, sizeof(name)));
	if (a->elf.dynamic.text_relocations)
		tell(outlook, links_itself(outlook) ? PROSPECT_REFUSED : PROSPECT_BEWARE,
		     "text relocations: code must be made writable, which hardened systems forbid; "
		     "build it with -fPIC");
	if (a->elf.stack_executable)
		tell(outlook, links_itself(outlook) ? PROSPECT_REFUSED : PROSPECT_BEWARE,
		     "it asks for an executable stack, and glibc gives it to the whole process");
	if (a->elf.align > (uint64_t)sysconf(_SC_PAGESIZE))
		tell(outlook, PROSPECT_BEWARE,
		     "aligned to %llu bytes: more address space than it fills",
		     (unsigned long long)a->elf.align);
}

/* It promises only what the last of its steps can, and nearly always takes the first. */
static bool steps_tell(struct outlook *outlook)
{
	if (strcmp(outlook->loader, "auto") != 0)
		return false;
	tell(outlook, PROSPECT_FINE,
	     "what its first step that loads it meets: elf, then memfd, tmpfs, disk:mended");
	return true;
}

static void write_tell(struct outlook *outlook)
{
	const struct anatomy *a = outlook->anatomy;
	uint64_t rest = a->elf.size - a->load_bytes;

	if (links_itself(outlook) || a->elf.size < a->load_bytes || rest <= a->load_bytes)
		return;
	tell(outlook, PROSPECT_FINE,
	     "%.0f %% of what it stages is never mapped (debug information, symbol tables)",
	     100.0 * (double)rest / (double)a->elf.size);
}

void prospects_visit(const struct anatomy *anatomy, const char *const *specs, prospect_visit visit,
		     void *context)
{
	for (; *specs; specs++) {
		struct outlook outlook = {
			.anatomy = anatomy,
			.loader = *specs,
			.visit = visit,
			.context = context,
		};

		if (!availability_tell(&outlook))
			continue;
		if (!(outlook.caps & LOADER_EXECUTES)) {
			tell(&outlook, PROSPECT_FINE, "runs none of it");
			continue;
		}
		if (refusal_tell(&outlook) || steps_tell(&outlook))
			continue;
		unload_tell(&outlook);
		tls_tell(&outlook);
		code_tell(&outlook);
		write_tell(&outlook);
		if (!outlook.told)
			tell(&outlook, PROSPECT_FINE, "nothing out of the ordinary");
	}
}
