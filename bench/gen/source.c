/*
 * Writes the C source of a generated object, one part per kind of content. The parts that nobody
 * calls are marked used: what counts is that the linker must relocate them.
 */
#include "bench/gen/plan.h"

#include "base/random.h"

#include <inttypes.h>
#include <string.h>

#define IMPORTS_OF_ENTRY 1 /* strlen, the first of imports.def */
#define WORD_VALUE 29	   /* what the table's slot points to */
#define TLS_VALUE 3
#define IFUNC_VALUE 5
#define CTOR_VALUE 7
#define TEXT "a word for strlen"

static const char *const imports[] = {
#define IMPORT(name) #name,
#include "bench/gen/imports.def"
#undef IMPORT
};

const unsigned int gen_imports_max = sizeof(imports) / sizeof(imports[0]);

long gen_value(uint64_t seed)
{
	uint64_t state = seed;

	return (long)(random_next(&state) >> 18) + 1000000;
}

static void imports_write(const struct gen_emit *emit, FILE *out)
{
	uint64_t called = emit->count[GEN_IMPORTS];
	uint64_t named = called + emit->count[GEN_GLOBS];

	if (called)
		fprintf(out, "extern unsigned long import_0(const char *) __asm__(\"%s\");\n",
			imports[0]);
	for (uint64_t i = called ? IMPORTS_OF_ENTRY : 0; i < named; i++)
		fprintf(out, "extern long import_%" PRIu64 "(void) __asm__(\"%s\");\n", i,
			imports[i]);
	if (called > IMPORTS_OF_ENTRY) {
		fputs("USED static long calls(long which)\n{\n\tswitch (which) {\n", out);
		for (uint64_t i = IMPORTS_OF_ENTRY; i < called; i++)
			fprintf(out, "\tcase %" PRIu64 ": return import_%" PRIu64 "() + 1;\n", i,
				i);
		fputs("\t}\n\treturn 0;\n}\n", out);
	}
	if (named > called) {
		fputs("USED static void *addresses(long which)\n{\n\tswitch (which) {\n", out);
		for (uint64_t i = called; i < named; i++)
			fprintf(out, "\tcase %" PRIu64 ": return (void *)import_%" PRIu64 ";\n", i,
				i);
		fputs("\t}\n\treturn 0;\n}\n", out);
	}
}

/* Names as long and as different as those of real objects. */
static void symbol_name(uint64_t index, uint64_t seed, char *buffer, size_t size)
{
	static const char *const words[] = { "tensor", "queue",	 "get",	 "submit", "attention",
					     "block",  "resize", "view", "copy",   "softmax" };
	uint64_t state = seed ^ (index << 32);
	uint64_t r = random_next(&state);

	snprintf(buffer, size, "%s_%s_%s%" PRIu64, words[r % 10], words[r / 10 % 10],
		 r & 4096 ? words[r / 100 % 10] : "n", index);
}

static void exports_write(const struct gen_plan *plan, const struct gen_emit *emit, FILE *out)
{
	uint64_t state = ~plan->seed;
	char name[64];

	for (uint64_t i = 1; i < emit->count[GEN_SYMBOLS]; i++) {
		uint64_t r = random_next(&state);

		symbol_name(i, plan->seed, name, sizeof(name));
		if (i == 1 && plan->unique)
			fprintf(out,
				"EXPORT long %s = %" PRIu64 ";\n"
				"__asm__(\".type %s, %%gnu_unique_object\");\n",
				name, r >> 20, name);
		else if (i % 8 == 7)
			fprintf(out, "EXPORT long %s = %" PRIu64 ";\n", name, r >> 20);
		else
			fprintf(out,
				"EXPORT long %s(long x)\n{\n\treturn (x ^ %" PRIu64 ") * %" PRIu64
				";\n}\n",
				name, r >> 40, (r & 0xffff) | 1);
	}
}

/* Three of four slots in .data.rel.ro, as vtables are, the rest in .data. */
static void table_write(const struct gen_plan *plan, const struct gen_emit *emit, FILE *out)
{
	uint64_t count = emit->count[GEN_RELATIVE];
	uint64_t constant = count - count / 4;
	uint64_t state = plan->seed + 1;

	if (!count)
		return;
	fprintf(out, "static unsigned char words[256] = { %d };\n", WORD_VALUE);
	fprintf(out, "USED static unsigned char *const table[%" PRIu64 "] = {\n", constant);
	for (uint64_t i = 0; i < count; i++) {
		if (i == constant)
			fprintf(out,
				"};\nUSED static unsigned char *table_writable[%" PRIu64 "] = {\n",
				count - constant);
		fprintf(out, "words + %" PRIu64 ",%s", i ? random_next(&state) % 256 : 0,
			i % 8 == 7 ? "\n" : " ");
	}
	fputs("};\n", out);
}

static void absolute_write(const struct gen_plan *plan, const struct gen_emit *emit, FILE *out)
{
	uint64_t exports = emit->count[GEN_SYMBOLS], called = emit->count[GEN_IMPORTS];
	char name[64];

	if (!emit->count[GEN_ABSOLUTE])
		return;
	fprintf(out, "USED static void *absolute[%" PRIu64 "] = {\n", emit->count[GEN_ABSOLUTE]);
	for (uint64_t i = 0; i < emit->count[GEN_ABSOLUTE]; i++) {
		uint64_t index = 1 + i % (exports > 1 ? exports - 1 : 1);

		symbol_name(index, plan->seed, name, sizeof(name));
		if (i % 2 && called > IMPORTS_OF_ENTRY)
			fprintf(out, "(void *)import_%" PRIu64 ",\n", 1 + i % (called - 1));
		else if (exports > 1)
			fprintf(out, "(void *)%s%s,\n", index % 8 == 7 || index == 1 ? "&" : "",
				name);
		else
			fputs("(void *)" GEN_ENTRY ",\n", out);
	}
	fputs("};\n", out);
}

static void tls_write(const struct gen_plan *plan, const struct gen_emit *emit, FILE *out)
{
	const char *model = plan->tls_model == GEN_TLS_IE ? "initial-exec" : "global-dynamic";

	for (uint64_t i = 0; i < emit->count[GEN_TLS]; i++)
		fprintf(out,
			"static __thread volatile long local_%" PRIu64
			" __attribute__((tls_model(\"%s\"))) = %d;\n",
			i, model, TLS_VALUE);
	fputs("static long locals(void)\n{\n\tlong sum = 0;\n", out);
	for (uint64_t i = 0; i < emit->count[GEN_TLS]; i++)
		fprintf(out, "\tsum += local_%" PRIu64 ";\n", i);
	fputs("\treturn sum;\n}\n", out);
}

static void ifuncs_write(const struct gen_emit *emit, FILE *out)
{
	fprintf(out,
		"#define IFUNC(n) \\\n"
		"static long chosen_##n(void) { return %d; } \\\n"
		"USED static long (*resolve_##n(void))(void) { return chosen_##n; } \\\n"
		"static long ifunc_##n(void) __attribute__((ifunc(\"resolve_\" #n)));\n",
		IFUNC_VALUE);
	for (uint64_t i = 0; i < emit->count[GEN_IRELATIVE]; i++)
		fprintf(out, "IFUNC(%" PRIu64 ")\n", i);
	fputs("static long ifuncs(void)\n{\n\tlong sum = 0;\n", out);
	for (uint64_t i = 0; i < emit->count[GEN_IRELATIVE]; i++)
		fprintf(out, "\tsum += ifunc_%" PRIu64 "();\n", i);
	fputs("\treturn sum;\n}\n", out);
}

static void ctors_write(const struct gen_plan *plan, FILE *out)
{
	fputs("static volatile long started;\n", out);
	for (uint64_t i = 0; i < plan->ctors; i++)
		fprintf(out,
			"__attribute__((constructor)) static void ctor_%" PRIu64
			"(void)\n{\n\tstarted += %d;\n}\n",
			i, CTOR_VALUE);
}

static void fill_write(const struct gen_emit *emit, FILE *out)
{
	static const char *const sections[GEN_FILLS] = { ".text", ".rodata", ".data" };
	uint64_t offset = 0;

	for (int i = 0; i < GEN_FILLS; i++) {
		fprintf(out,
			"__asm__(\".pushsection %s\\n"
			".incbin \\\"fill.bin\\\",%" PRIu64 ",%" PRIu64 "\\n"
			".balign 16\\n.popsection\\n\");\n",
			sections[i], offset, emit->fill[i]);
		offset += emit->fill[i];
	}
}

/* data_word makes up what the other parts do not bring, so that the sum depends on the seed alone.
 */
static void entry_write(const struct gen_plan *plan, const struct gen_emit *emit, FILE *out)
{
	bool table = emit->count[GEN_RELATIVE] > 0, import = emit->count[GEN_IMPORTS] > 0;
	long rest = gen_value(plan->seed);

	rest -= (long)plan->ctors * CTOR_VALUE + (long)emit->count[GEN_TLS] * TLS_VALUE;
	rest -= (long)emit->count[GEN_IRELATIVE] * IFUNC_VALUE;
	rest -= table ? WORD_VALUE : 0;
	rest -= import ? (long)strlen(TEXT) : 0;
	fprintf(out,
		"static volatile long data_word = %ldL;\n"
		"static volatile long bss_word;\n"
		"EXPORT long " GEN_ENTRY "(void)\n{\n"
		"\tlong value = data_word + bss_word++;\n\n"
		"\tdata_word = data_word;\n"
		"\tvalue += locals() + ifuncs() + started;\n"
		"%s%s\treturn value;\n}\n",
		rest,
		table ? "\tvalue += *(unsigned char *)*(unsigned char *const volatile *)table;\n"
		      : "",
		import ? "\tvalue += (long)import_0(\"" TEXT "\");\n" : "");
}

void gen_source_write(const struct gen_plan *plan, const struct gen_emit *emit, FILE *out)
{
	fprintf(out,
		"/* Generated by soload gen, seed %" PRIu64 ". */\n"
		"#define USED __attribute__((used))\n"
		"#define EXPORT __attribute__((visibility(\"default\")))\n"
		"EXPORT long " GEN_ENTRY "(void);\n",
		plan->seed);
	imports_write(emit, out);
	exports_write(plan, emit, out);
	table_write(plan, emit, out);
	absolute_write(plan, emit, out);
	tls_write(plan, emit, out);
	ifuncs_write(emit, out);
	ctors_write(plan, out);
	fill_write(emit, out);
	if (plan->unloaded)
		fprintf(out,
			"__asm__(\".pushsection .soload.unloaded,\\\"\\\",%%progbits\\n"
			".incbin \\\"fill.bin\\\",0,%" PRIu64 "\\n.popsection\\n\");\n",
			plan->unloaded);
	entry_write(plan, emit, out);
}
