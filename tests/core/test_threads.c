/* The pool of threads: every worker called once, barriers, nesting, several callers, forks,
 * settings. ctest-labels: threads */
#include "core/threads.h"

#include <cornu/base.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { MOST = 16 };

typedef struct count {
    atomic_int calls[MOST];
    atomic_int workers;
    int plain[MOST]; /* written without atomics: the end of the region must publish it */
} count;

static void count_call(void *user, int worker, int workers)
{
    count *c = user;
    atomic_fetch_add(&c->calls[worker], 1);
    atomic_store(&c->workers, workers);
    c->plain[worker]++;
}

static void test_every_worker_once(void **state)
{
    (void)state;
    for (int asked = 0; asked <= 8; asked++) {
        for (int repeat = 0; repeat < 50; repeat++) {
            count c = {0};
            cn__parallel(asked, count_call, &c);
            int workers = atomic_load(&c.workers);
            assert_in_range(workers, 1, asked < 1 ? 1 : asked);
            for (int w = 0; w < MOST; w++) {
                assert_int_equal(atomic_load(&c.calls[w]), w < workers);
                assert_int_equal(c.plain[w], w < workers);
            }
        }
    }
}

/* The pool sleeps between these regions, so the wake is tested and not only the spin. */
static void test_wakes_after_sleep(void **state)
{
    (void)state;
    for (int repeat = 0; repeat < 20; repeat++) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        count c = {0};
        cn__parallel(4, count_call, &c);
        assert_int_equal(atomic_load(&c.workers), 4);
    }
}

enum { ROUNDS = 500 };

typedef struct relay {
    cn__barrier barrier;
    int value[MOST];
    atomic_int wrong;
} relay;

/* Each round every worker writes its number, meets the others, and reads its neighbour's. */
static void run_relay(void *user, int worker, int workers)
{
    relay *r = user;
    for (int round = 0; round < ROUNDS; round++) {
        r->value[worker] = round * MOST + worker;
        cn__barrier_wait_for(&r->barrier, workers);
        int next = (worker + 1) % workers;
        if (r->value[next] != round * MOST + next) {
            atomic_fetch_add(&r->wrong, 1);
        }
        cn__barrier_wait_for(&r->barrier, workers);
    }
}

static void test_barrier(void **state)
{
    (void)state;
    for (int workers = 1; workers <= 5; workers++) {
        relay r = {0};
        cn__barrier_init(&r.barrier, workers);
        cn__parallel(workers, run_relay, &r);
        assert_int_equal(atomic_load(&r.wrong), 0);
    }
}

static void meet_late(void *user, int worker, int workers)
{
    relay *r = user;
    (void)workers;
    if (worker == 0) {
        nanosleep(&(struct timespec){.tv_nsec = 3000000}, NULL);
    }
    cn__barrier_wait(&r->barrier);
    atomic_fetch_add(&r->wrong, 1);
}

static void test_barrier_sleeps(void **state)
{
    (void)state;
    relay r = {0};
    cn__barrier_init(&r.barrier, 3);
    cn__parallel(3, meet_late, &r);
    assert_int_equal(atomic_load(&r.wrong), 3);
}

static void nested(void *user, int worker, int workers)
{
    (void)worker;
    (void)workers;
    count inner = {0};
    cn__parallel(4, count_call, &inner);
    atomic_fetch_add((atomic_int *)user, atomic_load(&inner.workers) == 1);
}

static void test_nested_runs_alone(void **state)
{
    (void)state;
    atomic_int alone = 0;
    cn__parallel(3, nested, &alone);
    assert_int_equal(atomic_load(&alone), 3);
    count c = {0};
    cn__parallel(3, count_call, &c);
    assert_int_equal(atomic_load(&c.workers), 3);
}

static void add_range(void *user, int64_t begin, int64_t end)
{
    uint8_t *marks = user;
    for (int64_t i = begin; i < end; i++) {
        marks[i]++;
    }
}

static void *caller(void *user)
{
    uint8_t *marks = user;
    for (int repeat = 0; repeat < 200; repeat++) {
        cn__parallel_for(1000, 10, add_range, marks);
    }
    return NULL;
}

static void test_concurrent_callers(void **state)
{
    (void)state;
    static uint8_t marks[3][1000];
    assert_int_equal(cn_set_num_threads(4), 0);
    pthread_t threads[3];
    for (int t = 0; t < 3; t++) {
        assert_int_equal(pthread_create(&threads[t], NULL, caller, marks[t]), 0);
    }
    for (int t = 0; t < 3; t++) {
        pthread_join(threads[t], NULL);
        for (int i = 0; i < 1000; i++) {
            assert_int_equal(marks[t][i], 200);
        }
    }
    assert_int_equal(cn_set_num_threads(0), 0);
}

static void test_parallel_for(void **state)
{
    (void)state;
    assert_int_equal(cn_set_num_threads(3), 0);
    static const int64_t sizes[] = {0, 1, 2, 99, 100, 101, 999, 5000};
    static const int64_t grains[] = {0, 1, 7, 100, 10000};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        for (size_t g = 0; g < sizeof grains / sizeof *grains; g++) {
            uint8_t marks[5001] = {0};
            cn__parallel_for(sizes[s], grains[g], add_range, marks);
            for (int64_t i = 0; i <= 5000; i++) {
                assert_int_equal(marks[i], i < sizes[s]);
            }
        }
    }
    assert_int_equal(cn_set_num_threads(0), 0);
}

static void test_settings(void **state)
{
    (void)state;
    assert_int_equal(cn_set_num_threads(5), 0);
    assert_int_equal(cn_num_threads(), 5);
    assert_int_equal(cn_set_num_threads(-1), CN_EVALUE);
    assert_int_equal(cn_error_code(), CN_EVALUE);
    assert_true(cn_set_num_threads(2) < 0);
    cn_error_clear();
    assert_int_equal(cn_num_threads(), 5);
    setenv("CORNU_NUM_THREADS", "3", 1);
    assert_int_equal(cn_set_num_threads(0), 0);
    assert_int_equal(cn_num_threads(), 3);
    setenv("CORNU_NUM_THREADS", "many", 1);
    cn_set_num_threads(0);
    assert_in_range(cn_num_threads(), 1, 256);
    unsetenv("CORNU_NUM_THREADS");
    cn_set_num_threads(0);
    assert_in_range(cn_num_threads(), 1, 256);
}

/* The sanitizer for threads refuses threads in the child of a process that had some, so it leaves
 * this one out. */
static void test_fork(void **state)
{
    (void)state;
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
    skip();
#endif
#endif
    count c = {0};
    cn__parallel(3, count_call, &c);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alarm(20);
        count d = {0};
        cn__parallel(3, count_call, &d);
        _exit(atomic_load(&d.workers) == 3 && d.plain[2] == 1 ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    cn__parallel(3, count_call, &c);
    assert_int_equal(c.plain[2], 2);
}

/* The time this process spent on a core, in seconds. */
static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void test_idle_costs_nothing(void **state)
{
    (void)state;
    count c = {0};
    cn__parallel(4, count_call, &c);
    double before = cpu_seconds();
    nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
    /* Four threads that spun all the time would have taken 0.2 s or more, and 40 us is what they
     * may take. */
    assert_true(cpu_seconds() - before <= 0.05);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_worker_once),
        cmocka_unit_test(test_wakes_after_sleep),
        cmocka_unit_test(test_barrier),
        cmocka_unit_test(test_barrier_sleeps),
        cmocka_unit_test(test_nested_runs_alone),
        cmocka_unit_test(test_concurrent_callers),
        cmocka_unit_test(test_parallel_for),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_fork),
        cmocka_unit_test(test_idle_costs_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
