/* The pieces of an object as memory has them, for whoever looks at its mappings. */
#ifndef SOLOAD_BENCH_PIECES_H
#define SOLOAD_BENCH_PIECES_H

#include "loaders/loader.h"
#include "probes/probe.h"
#include "probes/smaps.h"

#define PIECES_MAX 64

/* Ascending, parts of `enum smaps_part`; 0 for what is no ELF file this program loads. */
size_t pieces_of(const struct so *so, struct probe_piece *ret_pieces);

#endif
