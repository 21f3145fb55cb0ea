/* The process behind a client: started, asked what it is doing, buried. Used by client.c alone. */
#ifndef SOLOAD_BENCH_CLIENT_PROCESS_H
#define SOLOAD_BENCH_CLIENT_PROCESS_H

#include "bench/client.h"

#include <stdbool.h>

/* Starts the worker with the channel and the shared memory in place. On failure client_close()
 * cleans up. */
int client_process_start(struct client *client, struct err *err);

const char *client_phase(const struct client *client); /* what it was last doing */

/* Waits up to `ms` for the worker to end: true once it is reaped. */
bool client_process_reap(struct client *client, int ms, int *ret_status);

/* Its channel is closed: what became of it. -EIO, always in words. */
int client_process_lost(struct client *client, struct err *err);

/* Politely, then not. */
void client_process_kill(struct client *client);

/* Removes what it has left staged. */
void client_process_clean(struct client *client);

#endif
