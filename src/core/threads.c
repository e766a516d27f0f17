/* The pool of threads: it wakes for a region, spins for microseconds between regions, then sleeps.
 */
#define _GNU_SOURCE /* sched_getaffinity and syscall */
#include "core/threads.h"

#include "core/error.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/futex.h>
#include <sys/syscall.h>
#endif

/* More threads than this are never made; CORNU_NUM_THREADS and cn_set_num_threads are cut to it. */
#define MAX_THREADS 256
/* A worker without work spins this long before it sleeps: longer than the gap between two regions
 * of a training step. */
#define IDLE_SPIN_NS 40000
#define BARRIER_SPIN_NS 30000

/* Sleeping on a word -------------------------------------------------------------------------- */

#ifdef __linux__
_Static_assert(sizeof(atomic_uint) == 4, "a futex is a word of 32 bits");

/* Sleeps while *word == value; may also return for no reason. */
static void sleep_on(atomic_uint *word, unsigned value)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void wake_all(atomic_uint *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}
#else
/* One lock for all sleepers: who sleeps has already given up on being fast. */
static pthread_mutex_t sleep_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t sleep_signal = PTHREAD_COND_INITIALIZER;

static void sleep_on(atomic_uint *word, unsigned value)
{
    pthread_mutex_lock(&sleep_lock);
    while (atomic_load(word) == value) {
        pthread_cond_wait(&sleep_signal, &sleep_lock);
    }
    pthread_mutex_unlock(&sleep_lock);
}

static void wake_all(atomic_uint *word)
{
    (void)word;
    pthread_mutex_lock(&sleep_lock);
    pthread_cond_broadcast(&sleep_signal);
    pthread_mutex_unlock(&sleep_lock);
}
#endif

static inline void pause_cpu(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Waits until *word differs from `value`: spins for `spin_ns`, then sleeps. The spin is bounded by
 * the clock, since the length of a pause differs tenfold between processors. `sleepers` tells who
 * changes the word that a wake is needed. */
static void wait_for_change(atomic_uint *word, unsigned value, int64_t spin_ns,
                            atomic_int *sleepers)
{
    int64_t end = spin_ns > 0 ? now_ns() + spin_ns : 0;
    while (end != 0) {
        for (int i = 0; i < 16; i++) {
            if (atomic_load_explicit(word, memory_order_acquire) != value) {
                return;
            }
            pause_cpu();
        }
        if (now_ns() >= end) {
            break;
        }
    }
    /* Sequentially consistent on both sides: either the changer sees this sleeper, or the sleeper
     * sees the change. */
    atomic_fetch_add(sleepers, 1);
    while (atomic_load(word) == value) {
        sleep_on(word, value);
    }
    atomic_fetch_sub(sleepers, 1);
}

static void change(atomic_uint *word, atomic_int *sleepers)
{
    atomic_fetch_add(word, 1);
    if (atomic_load(sleepers) > 0) {
        wake_all(word);
    }
}

/* How many threads ---------------------------------------------------------------------------- */

static atomic_int chosen_threads;  /* cn_set_num_threads; 0: not chosen */
static atomic_int default_threads; /* CORNU_NUM_THREADS or the cores; 0: not asked yet */
static atomic_int core_count;      /* cores that this process may run on; 0: not asked yet */

static int cores(void)
{
    int n = atomic_load_explicit(&core_count, memory_order_relaxed);
    if (n > 0) {
        return n;
    }
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        n = CPU_COUNT(&set);
    }
#endif
    if (n <= 0) {
        n = (int)sysconf(_SC_NPROCESSORS_ONLN);
    }
    n = n < 1 ? 1 : n > MAX_THREADS ? MAX_THREADS : n;
    atomic_store_explicit(&core_count, n, memory_order_relaxed);
    return n;
}

/* CORNU_NUM_THREADS, or 0 where it is absent or no positive number. */
static int threads_of_environment(void)
{
    const char *text = getenv("CORNU_NUM_THREADS");
    if (text == NULL || *text == '\0') {
        return 0;
    }
    char *end;
    errno = 0;
    long n = strtol(text, &end, 10);
    if (*end != '\0' || n <= 0) {
        return 0;
    }
    return n > MAX_THREADS ? MAX_THREADS : (int)n;
}

int cn__thread_count(void)
{
    int n = atomic_load_explicit(&chosen_threads, memory_order_relaxed);
    if (n > 0) {
        return n;
    }
    n = atomic_load_explicit(&default_threads, memory_order_relaxed);
    if (n <= 0) {
        n = threads_of_environment();
        if (n <= 0) {
            n = cores();
        }
        atomic_store_explicit(&default_threads, n, memory_order_relaxed);
    }
    return n;
}

int cn_set_num_threads(int threads)
{
    if (cn__pending()) {
        return CN_EPENDING;
    }
    if (threads < 0) {
        return cn__fail(CN_EVALUE, "The number of threads must not be negative. Received: %d.",
                        threads);
    }
    if (threads == 0) {
        atomic_store_explicit(&default_threads, 0, memory_order_relaxed);
    }
    atomic_store_explicit(&chosen_threads, threads > MAX_THREADS ? MAX_THREADS : threads,
                          memory_order_relaxed);
    return 0;
}

int cn_num_threads(void)
{
    return cn__thread_count();
}

/* The pool ------------------------------------------------------------------------------------ */

/* One sleeping place a thread, on cache lines of its own, so that a region wakes only those that it
 * needs. */
typedef struct worker {
    _Alignas(128) atomic_uint turn; /* counts the regions this thread was called to */
    atomic_int sleepers;
    pthread_t thread;
} worker;

/* Everything but `busy` is touched by the holder of `busy` only; the threads read the job after
 * their turn has come. */
static struct {
    atomic_bool busy; /* a region runs, or the pool is being changed */
    int threads;      /* made so far; thread t is worker t + 1 */
    bool closed;      /* the program is ending */
    bool hooked;      /* the fork and exit hooks are set */
    /* the job */
    void (*fn)(void *user, int worker, int workers);
    void *user;
    int workers;
    bool stop;
    unsigned forks; /* counts forks, so that a region in which a child was born is not waited for in
                       the child */
    _Alignas(128) atomic_int pending; /* threads of the region that have not ended */
    atomic_uint ended;                /* changes when the last one has */
    atomic_int sleepers;
} pool;
static worker pool_worker[MAX_THREADS];

/* Whether this thread is inside a region: what it starts there runs in it alone. */
static _Thread_local bool in_region;

static void *worker_main(void *argument)
{
    worker *self = argument;
    int index = (int)(self - pool_worker) + 1;
    unsigned turn = 0;
    in_region = true;
    for (;;) {
        wait_for_change(&self->turn, turn, index < cores() ? IDLE_SPIN_NS : 0, &self->sleepers);
        turn++;
        if (pool.stop) {
            return NULL;
        }
        pool.fn(pool.user, index, pool.workers);
        if (atomic_fetch_sub(&pool.pending, 1) == 1) {
            change(&pool.ended, &pool.sleepers);
        }
    }
}

/* In the child of a fork only the calling thread lives on: it starts with an empty pool. */
static void after_fork_in_child(void)
{
    for (int t = 0; t < pool.threads; t++) {
        atomic_store(&pool_worker[t].turn, 0);
        atomic_store(&pool_worker[t].sleepers, 0);
    }
    pool.threads = 0;
    pool.forks++;
    atomic_store(&pool.pending, 0);
    atomic_store(&pool.sleepers, 0);
    in_region = false;
    atomic_store(&pool.busy, false);
}

/* Ends the threads when the program or the library does. A region that still runs keeps them: they
 * end with the process. */
static void at_end(void)
{
    if (in_region || atomic_exchange(&pool.busy, true)) {
        return;
    }
    pool.closed = true;
    pool.stop = true;
    for (int t = 0; t < pool.threads; t++) {
        change(&pool_worker[t].turn, &pool_worker[t].sleepers);
    }
    for (int t = 0; t < pool.threads; t++) {
        pthread_join(pool_worker[t].thread, NULL);
    }
    pool.threads = 0;
    atomic_store(&pool.busy, false);
}

/* Makes threads until there are `wanted`; fewer if the system refuses. */
static void grow_pool(int wanted)
{
    if (wanted > MAX_THREADS - 1) {
        wanted = MAX_THREADS - 1;
    }
    if (!pool.hooked) {
        if (pthread_atfork(NULL, NULL, after_fork_in_child) != 0 || atexit(at_end) != 0) {
            return;
        }
        pool.hooked = true;
    }
    while (pool.threads < wanted) {
        worker *w = &pool_worker[pool.threads];
        atomic_store(&w->turn, 0);
        if (pthread_create(&w->thread, NULL, worker_main, w) != 0) {
            return;
        }
        pool.threads++;
    }
}

/* Waits for the threads of the region; the phase is read before the check, so that no change is
 * missed. */
static void wait_for_end(int64_t spin_ns)
{
    for (;;) {
        unsigned ended = atomic_load(&pool.ended);
        if (atomic_load_explicit(&pool.pending, memory_order_acquire) == 0) {
            return;
        }
        wait_for_change(&pool.ended, ended, spin_ns, &pool.sleepers);
    }
}

void cn__parallel(int workers, void (*fn)(void *user, int worker, int workers), void *user)
{
    if (workers <= 1 || in_region ||
        atomic_exchange_explicit(&pool.busy, true, memory_order_acquire)) {
        bool before = in_region;
        in_region = true;
        fn(user, 0, 1);
        in_region = before;
        return;
    }
    if (pool.threads < workers - 1 && !pool.closed) {
        grow_pool(workers - 1);
    }
    if (workers > pool.threads + 1) {
        workers = pool.threads + 1;
    }
    unsigned forks = pool.forks;
    pool.fn = fn;
    pool.user = user;
    pool.workers = workers;
    atomic_store(&pool.pending, workers - 1);
    for (int t = 0; t < workers - 1; t++) {
        change(&pool_worker[t].turn, &pool_worker[t].sleepers);
    }
    in_region = true;
    fn(user, 0, workers);
    in_region = false;
    if (pool.forks != forks) {
        return;
    }
    if (workers > 1) {
        wait_for_end(workers <= cores() ? BARRIER_SPIN_NS : 0);
    }
    atomic_store_explicit(&pool.busy, false, memory_order_release);
}

/* Barriers ------------------------------------------------------------------------------------ */

void cn__barrier_init(cn__barrier *barrier, int workers)
{
    atomic_init(&barrier->arrived, 0);
    atomic_init(&barrier->phase, 0);
    atomic_init(&barrier->sleepers, 0);
    barrier->workers = workers;
}

void cn__barrier_wait_for(cn__barrier *barrier, int workers)
{
    if (workers <= 1) {
        return;
    }
    unsigned phase = atomic_load(&barrier->phase);
    if (atomic_fetch_add(&barrier->arrived, 1) + 1 == workers) {
        /* The next phase counts from zero: nobody can arrive for it before the phase has changed.
         */
        atomic_store(&barrier->arrived, 0);
        change(&barrier->phase, &barrier->sleepers);
        return;
    }
    wait_for_change(&barrier->phase, phase, workers <= cores() ? BARRIER_SPIN_NS : 0,
                    &barrier->sleepers);
}

void cn__barrier_wait(cn__barrier *barrier)
{
    cn__barrier_wait_for(barrier, barrier->workers);
}

/* Loops --------------------------------------------------------------------------------------- */

typedef struct loop {
    int64_t n, piece;
    _Atomic int64_t next;
    void (*fn)(void *user, int64_t begin, int64_t end);
    void *user;
} loop;

static void run_loop(void *user, int worker_index, int workers)
{
    loop *l = user;
    (void)worker_index;
    (void)workers;
    for (;;) {
        int64_t begin = atomic_fetch_add_explicit(&l->next, l->piece, memory_order_relaxed);
        if (begin >= l->n) {
            return;
        }
        l->fn(l->user, begin, l->n - begin < l->piece ? l->n : begin + l->piece);
    }
}

void cn__parallel_for(int64_t n, int64_t grain, void (*fn)(void *user, int64_t begin, int64_t end),
                      void *user)
{
    if (n <= 0) {
        return;
    }
    grain = grain < 1 ? 1 : grain;
    int workers = cn__thread_count();
    if (n <= grain || workers <= 1) {
        fn(user, 0, n);
        return;
    }
    /* A few pieces a worker even out what a busy neighbour takes; the first n cannot overflow n +
     * workers * piece. */
    int64_t piece = n / ((int64_t)workers * 4);
    loop l = {.n = n, .piece = piece < grain ? grain : piece, .fn = fn, .user = user};
    atomic_init(&l.next, 0);
    int64_t pieces = (n - 1) / l.piece + 1;
    cn__parallel(pieces < workers ? (int)pieces : workers, run_loop, &l);
}
