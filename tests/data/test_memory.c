/* Every allocation of the readers, writers and printers may fail: an error then, no crash, no leak,
 * and the next try works. */
#include "core/memory.h"
#include "data/arrays.h"
#include "datasets/datasets.h"

#include <cornu/arrays.h>
#include <cornu/datasets.h>
#include <cornu/plot.h>
#include <cornu/utils.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define CORPUS CN_TEST_SOURCE_DIR "/tests/fuzz/corpus/"

static char folder[] = "/tmp/cornu-memory-XXXXXX";
static int64_t left, live; /* allocations until one fails; blocks in use */

static void *fail_alloc(size_t bytes, void *user)
{
    (void)user;
    if (left-- == 0) {
        return NULL;
    }
    live++;
    return malloc(bytes);
}

static void *fail_resize(void *pointer, size_t bytes, void *user)
{
    (void)user;
    if (left-- == 0) {
        return NULL;
    }
    live += pointer == NULL;
    return realloc(pointer, bytes);
}

static void fail_release(void *pointer, void *user)
{
    (void)user;
    live -= pointer != NULL;
    free(pointer);
}

static const char *in_folder(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* Each job is done with a small tensor made by itself; what it gives belongs to the scope. */
static void load_npy(void)
{
    cn_load_npy(CORPUS "npy/fortran.npy");
}

static void load_npz(void)
{
    cn_load_npz(CORPUS "npz/stored.npz");
}

static void load_npz_key(void)
{
    cn_load_array(CORPUS "npz/deflated.npz:y");
}

static void load_idx(void)
{
    cn_load_idx(CORPUS "idx/u1.gz");
}

static void load_csv(void)
{
    cn_load_csv(CORPUS "csv/plain.csv");
}

static void load_front(void)
{
    cn_load_arrays(CORPUS "npy/f4.npy", "x");
}

static void load_bad(void)
{
    cn_load_npz_array(CORPUS "npz/stored.npz", "none");
}

static void save_npy(void)
{
    cn_save_npy(in_folder("a.npy"), cn_array(1, 2));
}

static void save_npz(void)
{
    const cn_tensor *t = cn_array(1, 2);
    cn_save_npz(in_folder("a.npz"), 2, (const char *const[]){"a", "b"},
                (const cn_tensor *const[]){t, t});
}

static void save_csv(void)
{
    cn_save_csv(in_folder("a.csv"), cn_array(1, 2));
}

static void print(void)
{
    cn_tensor_string(cn_array(1, 2.5));
}

static void one_hot(void)
{
    cn_normalize(cn_to_categorical(cn_array(1, 2)));
}

static void data_set(void)
{
    cn_dataset_mnist();
}

static void pictures(void)
{
    cn_plot_images(in_folder("a.png"), cn_tensor_new(CN_UINT8, 2, (const int64_t[]){2, 2}, NULL));
}

static void test_every_allocation(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        void (*run)(void);
        bool fails; /* even with all the memory */
    } jobs[] = {
        {"load_npy", load_npy, false},
        {"load_csv", load_csv, false},
        {"load_front", load_front, false},
        {"save_npy", save_npy, false},
        {"save_csv", save_csv, false},
        {"print", print, false},
        {"one_hot", one_hot, false},
#if CN__HAVE_ZLIB
        {"load_idx", load_idx, false},
#endif
#if CN__HAVE_LIBZIP
        {"load_npz", load_npz, false},
        {"load_npz_key", load_npz_key, false},
        {"load_bad", load_bad, true},
        {"save_npz", save_npz, false},
#endif
#if CN__HAVE_PNG
        {"pictures", pictures, false},
#endif
        {"data_set", data_set, true},
    };
    (void)load_idx;
    (void)load_npz;
    (void)load_npz_key;
    (void)load_bad;
    (void)save_npz;
    (void)pictures;
    const cn_allocator allocator = {sizeof allocator, fail_alloc, fail_resize, fail_release, NULL};
    left = -1;
    assert_int_equal(cn_set_allocator(&allocator), 0);
    /* An empty data set folder and no server: the search fails at its end, and uses memory before.
     */
    setenv("CORNU_DATASETS", folder, 1);
    setenv("CORNU_HOME", folder, 1);
    setenv("HOME", folder, 1);
    setenv("CORNU_DATASETS_URL", "http://127.0.0.1:1/", 1);
    for (size_t j = 0; j < sizeof jobs / sizeof *jobs; j++) {
        int n = 0;
        for (;; n++) {
            int64_t before = live;
            left = n;
            cn_scope scope = cn_scope_begin();
            jobs[j].run();
            bool failed = cn_error_code() != 0, reached = left < 0;
            left = -1;
            if (failed && reached && !jobs[j].fails && cn_error_code() != CN_ENOMEM) {
                fail_msg("%s: allocation %d failed as \"%s\"", jobs[j].name, n, cn_error());
            }
            if (reached != failed && !jobs[j].fails) {
                fail_msg("%s: allocation %d failed without an error", jobs[j].name, n);
            }
            cn_error_clear();
            cn_scope_end(scope);
            if (live != before) {
                fail_msg("%s: %lld blocks leak after allocation %d failed", jobs[j].name,
                         (long long)(live - before), n);
            }
            if (!reached) {
                break;
            }
            assert_true(n < 1000);
        }
        assert_true(n > 1);
    }
    char command[600];
    snprintf(command, sizeof command, "test -z \"$(ls %s | grep tmp)\" && rm -r %s", folder,
             folder);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    if (mkdtemp(folder) == NULL) {
        return 1;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_allocation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
