/* Every allocation of making, building, calling and describing layers fails once: an error each
 * time, and nothing is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "layers/layer.h"
#include <cornu/activations.h>
#include <stdlib.h>
#include <string.h>

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
    (void)user;
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

static void work(void)
{
    cn_layer *norm = cn_batch_normalization(.name = "norm", .momentum = 0.5);
    cn_layer *dense =
        cn_dense(3, .name = "dense", .activation = "relu", .kernel_regularizer = "l2",
                 .kernel_constraint = "max_norm", .kernel_initializer = "orthogonal",
                 .activity_regularizer = "{\"class_name\": \"L1\", \"config\": {\"l1\": 0.5}}");
    cn_layer *copy = dense ? cn__copy_instance(dense) : NULL;
    cn_layer *drop_out = cn_dropout(0.5, .name = "dropout");
    cn_tensor *x = cn_call(norm, cn_ones(4, 5), .training = true);
    cn_tensor *y = cn_call(drop_out, cn_call(dense, x), .training = true);
    cn_shape shape = cn_shape_of(-1, 5), output;
    cn_layer_build(copy, &shape, 1);
    cn_layer_compute_output_shape(copy, &shape, 1, &output);
    cn_tensor *losses[4];
    cn__layer_collect_losses(dense, true, losses, 4);
    cn_layer_get_config(dense);
    cn_layer_set_weights(copy, 2, dense ? dense->weights : NULL);
    (void)y;
}

static void every_allocation(void **state)
{
#if !CN__HAVE_JANSSON
    skip(); /* a minimal library reads and writes no such files */
#endif
    (void)state;
    static const cn_allocator allocator = {sizeof allocator, take, change, drop, NULL};
    assert_int_equal(cn_set_allocator(&allocator), 0);
    /* The first time makes what stays: the thread pool, the tables of the kernels. */
    cn_scope scope = cn_scope_begin();
    work();
    if (cn_error()) {
        fail_msg("%s", cn_error());
    }
    cn_scope_end(scope);
    int64_t before = live;
    int64_t failures = 0;
    for (int64_t n = 1;; n++) {
        scope = cn_scope_begin();
        fail_at = 0;
        count = 0;
        fail_at = n;
        work();
        bool reached = count >= n;
        fail_at = 0;
        if (reached && cn_error_code() != CN_ENOMEM) {
            fail_msg("allocation %lld: %s", (long long)n, cn_error() ? cn_error() : "no error");
        }
        failures += cn_error() != NULL;
        cn_error_clear();
        cn_scope_end(scope);
        if (live != before) {
            fail_msg("allocation %lld: %lld are left", (long long)n, (long long)(live - before));
        }
        if (!reached) {
            break;
        }
    }
    assert_true(failures > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation)};
    return cmocka_run_group_tests_name("layers without memory", tests, NULL, NULL);
}
