/* Can BPF programs be loaded and attached to functions here, before anything is watched? */
#ifndef SOLOAD_PROBES_LDPHASE_TRY_H
#define SOLOAD_PROBES_LDPHASE_TRY_H

#include "probes/attach.h"

/* 0, or a negative errno with the reason and what to do. */
int ldphase_try(enum attach_way way, struct err *err);

#endif
