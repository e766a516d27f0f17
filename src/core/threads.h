/* The pool of threads: parallel regions, barriers that spin for microseconds and then sleep. */
#ifndef CN_CORE_THREADS_H
#define CN_CORE_THREADS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* How many threads work started now may use: cn_set_num_threads, else CORNU_NUM_THREADS, else the
 * cores this process may run on. */
int cn__thread_count(void);

/* Calls fn(user, worker, workers) once for each worker 0 … workers - 1, worker 0 on the calling
 * thread, and returns when all have. `workers` may be fewer than asked (the pool is busy with
 * another caller's region, the region is nested, or a thread could not be made), down to one:
 * results must not depend on it. Never fails. */
void cn__parallel(int workers, void (*fn)(void *user, int worker, int workers), void *user);

/* Meets `workers` threads of one region; the last one in frees the others. Waiting spins some tens
 * of microseconds, then sleeps. */
typedef struct cn__barrier {
    atomic_int arrived;
    atomic_uint phase;
    atomic_int sleepers;
    atomic_int workers; /* the first worker may lower it before it arrives */
} cn__barrier;
void cn__barrier_init(cn__barrier *barrier, int workers);
void cn__barrier_wait(cn__barrier *barrier);
/* The same for a count that is known only inside the region, where it may be smaller than what was
 * asked for: every worker passes the `workers` it was called with. */
void cn__barrier_wait_for(cn__barrier *barrier, int workers);

/* Units [0, n) in pieces of at least `grain`, taken by whoever is free; runs in the caller alone if
 * n <= grain. */
void cn__parallel_for(int64_t n, int64_t grain, void (*fn)(void *user, int64_t begin, int64_t end),
                      void *user);

#endif
