/*
 * Read before every file by `make lint` only. The analyzer looks at one file at a time and cannot
 * see that the functions of base/err.h always return a negative number; here it can.
 */
#include "base/err.h"

void err_use(struct err *err, ...); /* declared only: arguments count as used */

#define err_set(err, code, ...) (err_use((err), __VA_ARGS__), -(code))
#define err_sys(err, ...) (err_use((err), __VA_ARGS__), -1)
#define err_prefix(err, code, ...) (err_use((err), __VA_ARGS__), (code))
