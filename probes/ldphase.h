/* What the BPF programs of ldphase and the program that loads them agree on. */
#ifndef SOLOAD_PROBES_LDPHASE_H
#define SOLOAD_PROBES_LDPHASE_H

#include "probes/event.h"

#define LDPHASE_NAMES 2u
#define LDPHASE_CHILDREN 4u /* what targets fork are targets */

#define LDPHASE_NESTED \
	16 /* dlopen inside a constructor inside a dlopen …; deeper ones are dropped */
#define LDPHASE_UNNAMED 2 /* in `extra` of an OPEN: its name could not be read */

#define LDPHASE_PATH_BYTES 4096 /* PATH_MAX */

/* A probe site's cookie: the step, and whether its return is watched, too. */
#define LDPHASE_STEP(cookie) ((unsigned int)((cookie)&0xff))

/* prctl(WORKER_MARK, enum worker_mark): bench/worker.h, repeated here for the other side. */
#define LDPHASE_MARK 0x736f6c64
enum ldphase_mark {
	LDPHASE_MARK_LOAD = 1,
	LDPHASE_MARK_PAUSE,
	LDPHASE_MARK_RESUME,
	LDPHASE_MARK_DONE
};

/* What is known of one thread. The gate is open while it is inside dlopen or dlclose, or between
 * the worker's marks. */
struct ldphase_thread {
	unsigned long long stack[LDPHASE_NESTED]; /* where the frames of OPEN and CLOSE lie */
	unsigned short step[LDPHASE_NESTED];
	unsigned long long call_ns; /* the system call under way */
	unsigned long long off_ns;  /* when it left the CPU, 0 = it is on it */
	int call;		    /* its number, -1 = none that is wanted */
	unsigned int depth, seq;
	unsigned int beyond; /* frames deeper than there is room for */
	unsigned int marked;
};

#endif
