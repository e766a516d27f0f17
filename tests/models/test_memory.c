/* Memory of training: every allocation fails once, and nothing is lost; long runs do not grow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cornu.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int64_t live, count, fail_at;

static void *take(size_t bytes, void *user)
{
    (void)user;
    if (++count == fail_at) {
        return NULL;
    }
    void *p = malloc(bytes ? bytes : 1);
    live += p != NULL;
    return p;
}

static void *change(void *pointer, size_t bytes, void *user)
{
    if (!pointer) {
        return take(bytes, user);
    }
    return ++count == fail_at ? NULL : realloc(pointer, bytes ? bytes : 1);
}

static void drop(void *pointer, void *user)
{
    (void)user;
    live -= pointer != NULL;
    free(pointer);
}

/* Every allocation fails once
 * -------------------------------------------------------------------------------- */

enum { ROWS = 10 };

/* A life: data, a model, training with everything, evaluation, prediction, weights to a file and
 * back. Returns the loss. */
static double life(bool save)
{
    double loss = NAN;
    cn_set_random_seed(3);
    cn_scope scope = cn_scope_begin();
    cn_tensor *x = cn_random_normal(.shape = {ROWS, 3}, .seed = 4);
    cn_tensor *labels = cn_argmax(x, 1);
    cn_model *model = cn_sequential(
        cn_dense(4, .activation = "relu", .kernel_regularizer = "l2", .input_shape = {3}),
        cn_batch_normalization(), cn_dropout(0.1), cn_dense(3, .activation = "softmax"));
    cn_model_compile(model, .optimizer = cn_optimizer_adam(.clipnorm = 1, .learning_rate = 0.01),
                     .loss = "sparse_categorical_crossentropy", .metrics = {"accuracy"});
    cn_model_fit(model, x, labels, .verbose = 0, .epochs = 2, .batch_size = 4,
                 .validation_split = 0.3,
                 .callbacks = {{cn_callback_reduce_lr_on_plateau(.patience = 1),
                                cn_callback_early_stopping(.restore_best_weights = true)}});
    cn_scores scores = cn_model_evaluate(model, x, labels, .verbose = 0);
    cn_tensor *y = cn_model_predict(model, x, .verbose = 0, .batch_size = 7);
    float row[3];
    cn_model_predict_into(model, cn_tensor_data(x), 1, row, sizeof row);
    if (save) {
        cn_model_save_weights(model, "memory_test.npz");
        cn_model_load_weights(model, "memory_test.npz");
    }
    if (!cn_error() && scores.n == 2 && cn_tensor_size(y) == 3 * ROWS) {
        loss = scores.values[0];
    }
    cn_scope_end(scope);
    return loss;
}

static void every_allocation_fails_once(void **state)
{
    (void)state;
    /* All of them where there is time; else a sample of them, always another one of each
     * neighbourhood, that takes seconds. */
    bool all = getenv("CORNU_TEST_ALL") != NULL;
    bool save = access("/dev/null", W_OK) == 0;
#if !CN__HAVE_LIBZIP
    save = false;
#endif
    cn_set_num_threads(1);
    double want = life(save);
    if (!isfinite(want)) {
        fail_msg("without failures: %s", cn_error());
    }
    life(save);
    count = 0;
    life(save);
    int64_t total = count, known = live, failures = 0;
    assert_true(total > 1000);
    int64_t stride = all ? 1 : total / 700 + 1;
    for (int64_t n = 1; n <= total; n += stride) {
        count = 0;
        fail_at = n;
        double loss = life(save);
        fail_at = 0;
        if (count < n) {
            break;
        }
        /* What is kept between runs may fail to grow without harm: then everything else has worked.
         */
        if (cn_error()) {
            failures++;
            if (cn_error_code() != CN_ENOMEM) {
                fail_msg("allocation %lld of %lld: %s", (long long)n, (long long)total, cn_error());
            }
            cn_error_clear();
        } else if (!(loss == want)) {
            fail_msg("allocation %lld of %lld is missing, but there is no error and the loss is %g",
                     (long long)n, (long long)total, loss);
        }
        if (live != known) {
            fail_msg("allocation %lld of %lld: %lld blocks are lost", (long long)n,
                     (long long)total, (long long)(live - known));
        }
        if (failures % 37 == 1) {
            double again = life(save);
            if (!(again == want)) {
                fail_msg("after allocation %lld the program does not work: %s", (long long)n,
                         cn_error() ? cn_error() : "another loss");
            }
        }
    }
    assert_true(failures > total / stride * 9 / 10);
    cn_set_num_threads(0);
    remove("memory_test.npz");
}

/* A model that has lost a step to a lack of memory takes it again: what was done is not done twice,
 * nor half. */
static void a_model_goes_on(void **state)
{
    (void)state;
    cn_scope scope = cn_scope_begin();
    cn_set_num_threads(1);
    cn_tensor *x = cn_random_normal(.shape = {ROWS, 3}, .seed = 4), *y = cn_argmax(x, 1);
    double want[3] = {0};
    int64_t total = 0;
    for (int64_t n = 0; n == 0 || n <= total; n += n < 50 ? 1 : 29) {
        cn_scope own = cn_scope_begin();
        cn_set_random_seed(3);
        cn_model *model = cn_sequential(cn_dense(4, .activation = "relu", .input_shape = {3}),
                                        cn_dense(3, .activation = "softmax"));
        cn_model_compile(model, .optimizer = "adam", .loss = "sparse_categorical_crossentropy",
                         .metrics = {"accuracy"});
        count = 0;
        fail_at = n;
        int steps = 0;
        for (int step = 0; step < 3 && steps < 10; steps++) {
            cn_scores scores = cn_model_train_on_batch(model, x, y);
            if (cn_error()) {
                assert_int_equal(cn_error_code(), CN_ENOMEM);
                cn_error_clear();
                continue;
            }
            assert_int_equal(scores.n, 2);
            if (n == 0) {
                want[step] = scores.values[0];
            } else if (!(scores.values[0] == want[step]) && steps == step) {
                fail_msg("allocation %lld: loss %g instead of %g in step %d", (long long)n,
                         scores.values[0], want[step], step);
            }
            step++;
        }
        fail_at = 0;
        assert_true(steps <= 4);
        total = n == 0 ? count : total;
        cn_scope_end(own);
    }
    cn_set_num_threads(0);
    cn_scope_end(scope);
}

/* Long runs
 * ----------------------------------------------------------------------------------------------------
 */

/* Pages of this process in memory; 0 where the system does not say. */
static long resident(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long size, pages = 0;
    if (file && fscanf(file, "%ld %ld", &size, &pages) != 2) {
        pages = 0;
    }
    if (file) {
        fclose(file);
    }
    return pages;
}

static cn_model *small(void)
{
    cn_model *model = cn_sequential(cn_dense(64, .activation = "relu", .input_shape = {16}),
                                    cn_dropout(0.5), cn_dense(10, .activation = "softmax"));
    cn_model_compile(model, .optimizer = "adam", .loss = "mse", .metrics = {"accuracy"});
    return model;
}

enum {
    PREDICTS = 10000,
    FITS = 1000,
    SLACK = 64 /* pages: what the heap of the C library and the stacks of threads wander */
};

/* A sanitizer keeps what is freed for a while: under one only blocks are counted. */
static void grown(const char *what, int n, long before)
{
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    before = 0;
#endif
#endif
    long after = resident();
    if (before && after > before + SLACK) {
        fail_msg("%d %s took %ld pages", n, what, after - before);
    }
}

static void predicts_do_not_grow(void **state)
{
    (void)state;
    cn_scope scope = cn_scope_begin();
    cn_model *model = small();
    cn_tensor *x = cn_random_normal(.shape = {40, 16}, .seed = 1);
    float out[10];
    long before = 0;
    int64_t blocks = 0;
    for (int i = 0; i < PREDICTS; i++) {
        if (i == 200) {
            before = resident();
            blocks = live;
        }
        cn_scope own = cn_scope_begin();
        if (i % 2) {
            assert_int_equal(cn_model_predict_into(model, cn_tensor_data(x), 1, out, sizeof out),
                             0);
        } else {
            /* Two sizes of batches, one of them with a short rest. */
            assert_non_null(
                cn_model_predict(model, x, .verbose = 0, .batch_size = i % 4 ? 40 : 32));
        }
        cn_scope_end(own);
    }
    assert_int_equal(live, blocks);
    grown("predicts", PREDICTS, before);
    cn_scope_end(scope);
}

static void fits_in_scopes_do_not_grow(void **state)
{
    (void)state;
    cn_scope scope = cn_scope_begin();
    cn_model *model = small();
    cn_tensor *x = cn_random_normal(.shape = {40, 16}, .seed = 1);
    cn_tensor *y = cn_random_uniform(.shape = {40, 10}, .seed = 2);
    long before = 0;
    int64_t blocks = 0;
    for (int i = 0; i < FITS; i++) {
        if (i == 100) {
            before = resident();
            blocks = live;
        }
        cn_scope own = cn_scope_begin();
        assert_non_null(cn_model_fit(model, x, y, .verbose = 0));
        cn_scope_end(own);
    }
    assert_int_equal(live, blocks);
    grown("fits", FITS, before);
    cn_scope_end(scope);
}

/* Whole models, made and trained in scopes. */
static void models_in_scopes_do_not_grow(void **state)
{
    (void)state;
    cn_scope scope = cn_scope_begin();
    cn_tensor *x = cn_random_normal(.shape = {40, 16}, .seed = 1);
    cn_tensor *y = cn_random_uniform(.shape = {40, 10}, .seed = 2);
    int64_t blocks = 0;
    for (int i = 0; i < 60; i++) {
        if (i == 10) {
            blocks = live;
        }
        cn_scope own = cn_scope_begin();
        assert_non_null(cn_model_fit(small(), x, y, .verbose = 0));
        cn_scope_end(own);
    }
    assert_int_equal(live, blocks);
    cn_scope_end(scope);
}

int main(void)
{
    cn_allocator mine = {sizeof mine, take, change, drop, NULL};
    cn_set_allocator(&mine);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_fails_once),
        cmocka_unit_test(a_model_goes_on),
        cmocka_unit_test(predicts_do_not_grow),
        cmocka_unit_test(fits_in_scopes_do_not_grow),
        cmocka_unit_test(models_in_scopes_do_not_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
