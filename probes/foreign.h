/* Probes of others: any uprobe on the machine slows every mapping of every process, so numbers
 * taken meanwhile are no unprobed numbers. */
#ifndef SOLOAD_PROBES_FOREIGN_H
#define SOLOAD_PROBES_FOREIGN_H

/* How many uprobes this process can see: BPF links (as root) and tracefs. 0 also when it may not
 * look. */
unsigned int foreign_probes(void);

#endif
