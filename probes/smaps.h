/* The parts that the probe smaps tells apart. */
#ifndef SOLOAD_PROBES_SMAPS_H
#define SOLOAD_PROBES_SMAPS_H

enum smaps_part {
	SMAPS_HEAD, /* what is only read and lies before the code: headers, symbols, relocations */
	SMAPS_TEXT,
	SMAPS_RODATA,
	SMAPS_RELRO, /* written once, then only read */
	SMAPS_DATA,
	SMAPS_BSS,
	SMAPS_PARTS
};

#endif
