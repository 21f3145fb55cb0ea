/* The host's private view of device memory, the copies through it and the models beside them. */
#include "device/dma.h"

#include "base/clock.h"
#include "base/text.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct dma {
	uint8_t *mapping;
	uint64_t bytes;
	const struct memory *memory;
	struct dma_model model;
	struct dma_totals *totals;
};

#define SOURCE_A3 \
	"fitted to simpler's docs/dfx/hbg-bind-phases.md, A3 with an aarch64 host: 632 B in " \
	"35-39 us, 233799 B in 67-68 us, 5620195 B in 0.54-0.98 ms, synchronous copies"
#define SOURCE_A3_ASYNC \
	"simpler's investigations/2026-08-hbg-graph-definition-single-upload.md, A3: an " \
	"allocation " \
	"and a small copy as a pair take 17 us; 5620195 B at best in 0.54 ms"

const struct dma_model dma_models[] = {
	{ "a3", 37, 7.5, SOURCE_A3 },
	{ "a3-pair", 17, 10, SOURCE_A3_ASYNC },
	{ NULL, 0, 0, NULL },
};

static int model_unknown(const char *text, struct err *err)
{
	const char *names[sizeof(dma_models) / sizeof(dma_models[0])];
	char hint[80];
	size_t count = 0;

	for (const struct dma_model *model = dma_models; model->name; model++)
		names[count++] = model->name;
	names[count] = NULL;
	return err_set(err, EINVAL,
		       "DMA model '%s': neither a preset%s nor L+B, microseconds per copy and "
		       "gigabytes per second (17+10)",
		       text, text_suggest(text, strlen(text), names, hint, sizeof(hint)));
}

/* A whole number or a fraction, positive and finite, up to `stop`. */
static const char *figure_parse(const char *text, char stop, double *ret_figure)
{
	char *end;
	double figure = strtod(text, &end);

	if (end == text || *end != stop || !isfinite(figure) || figure < 0 || figure > 1e9)
		return NULL;
	*ret_figure = figure;
	return end + 1;
}

int dma_model_parse(const char *text, struct dma_model *ret_model, struct err *err)
{
	struct dma_model own = { .name = "custom", .source = "given on the command line" };
	const char *rest;

	for (const struct dma_model *model = dma_models; model->name; model++) {
		if (strcmp(model->name, text) != 0)
			continue;
		*ret_model = *model;
		return 0;
	}
	rest = figure_parse(text, '+', &own.latency_us);
	if (!rest || !figure_parse(rest, '\0', &own.gigabytes_per_s) || own.gigabytes_per_s <= 0)
		return model_unknown(text, err);
	*ret_model = own;
	return 0;
}

uint64_t dma_model_ns(const struct dma_model *model, uint64_t bytes)
{
	return (uint64_t)(model->latency_us * 1e3 + (double)bytes / model->gigabytes_per_s);
}

int dma_open(struct dma **ret_dma, const struct memory *memory, const struct dma_model *model,
	     struct err *err)
{
	struct dma *dma = calloc(1, sizeof(*dma));
	void *mapping;

	if (!dma)
		return err_set(err, ENOMEM, "out of memory");
	dma->bytes = memory_bytes(memory);
	mapping = mmap(NULL, dma->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
		       memory_fd(memory), 0);
	if (mapping == MAP_FAILED) {
		int r = err_sys(err, "DMA: map %llu bytes of device memory",
				(unsigned long long)dma->bytes);

		free(dma);
		return r;
	}
	dma->mapping = mapping;
	dma->memory = memory;
	dma->model = *model;
	*ret_dma = dma;
	return 0;
}

void dma_close(struct dma *dma)
{
	if (!dma)
		return;
	munmap(dma->mapping, dma->bytes);
	free(dma);
}

void dma_account(struct dma *dma, struct dma_totals *totals)
{
	dma->totals = totals;
}

static int range_check(const struct dma *dma, uint64_t address, uint64_t size, struct err *err)
{
	uint64_t base = memory_base(dma->memory);

	if (base && address >= base && address - base <= dma->bytes &&
	    size <= dma->bytes - (address - base))
		return 0;
	return err_set(err, EFAULT, "DMA of %llu bytes at 0x%llx: not device memory",
		       (unsigned long long)size, (unsigned long long)address);
}

static void copy(struct dma *dma, void *to, const void *from, uint64_t size)
{
	struct dma_totals *totals = dma->totals;
	uint64_t begin = clock_ticks();

	memcpy(to, from, size);
	if (!totals)
		return;
	totals->ticks += clock_ticks() - begin;
	totals->copies++;
	totals->bytes += size;
	totals->model_ns += dma_model_ns(&dma->model, size);
}

int dma_write(struct dma *dma, uint64_t address, const void *bytes, uint64_t size, struct err *err)
{
	int r = range_check(dma, address, size, err);

	if (r == 0)
		copy(dma, dma->mapping + (address - memory_base(dma->memory)), bytes, size);
	return r;
}

int dma_read(struct dma *dma, uint64_t address, void *bytes, uint64_t size, struct err *err)
{
	int r = range_check(dma, address, size, err);

	if (r == 0)
		copy(dma, bytes, dma->mapping + (address - memory_base(dma->memory)), size);
	return r;
}
