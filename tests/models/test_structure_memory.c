/* Every allocation of making, describing, copying and calling models fails once: an error, and
 * nothing is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cornu/models.h>
#include <stdlib.h>

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

static int ignore(const char *line, void *user)
{
    (void)line;
    (void)user;
    return 0;
}

static void sequential(void)
{
    cn_model *model = cn_sequential(cn_dense(3, .input_shape = {4}), cn_relu_layer(), .name = "s");
    cn_model_add(model, cn_dense(2));
    cn_model_pop(model);
    cn_model_add(model, cn_flatten());
    cn_model *late = cn_sequential(cn_dense(3), .name = "late");
    cn_call(late, cn_ones(2, 4));
    cn_model_from_json(cn_model_to_json(late));
    cn_model_summary(model, .print_fn = ignore);
}

static void functional(void)
{
    cn_tensor *a = cn_input(.shape = {4}), *b = cn_input(.shape = {4}, .name = "b");
    cn_layer *shared = cn_dense(4, .name = "shared");
    cn_model *inner = cn_sequential(cn_dense(4, .input_shape = {4}), .name = "inner");
    cn_tensor *h = cn_call(inner, cn_call(shared, cn_call(shared, a))), *out = cn_call(inner, b);
    cn_model *model = cn_functional(.inputs = {a, b}, .outputs = {h, out}, .name = "f");
    cn_call(model, cn_ones(2, 4), cn_ones(2, 4));
    cn_model_from_json(cn_model_to_json(model));
    cn_model_clone(model);
    cn_model_summary(model, .print_fn = ignore, .expand_nested = true, .show_trainable = true);
    cn_model *ops =
        cn_functional(.inputs = {h}, .outputs = {cn_add(cn_multiply(h, 2), h)}, .name = "o");
    cn_call(ops, cn_ones(2, 4));
}

static void without_memory(void (*work)(void))
{
    int64_t failures = 0;
    cn_scope scope = cn_scope_begin();
    fail_at = 0;
    work();
    if (cn_error()) {
        fail_msg("%s", cn_error());
    }
    cn_scope_end(scope);
    int64_t before = live;
    for (int64_t n = 1;; n++) {
        scope = cn_scope_begin();
        count = 0;
        fail_at = n;
        work();
        bool reached = count >= n;
        fail_at = 0;
        /* Freeing a long chain does without the list that it could not get: that is no error. */
        if (cn_error() && cn_error_code() != CN_ENOMEM) {
            fail_msg("allocation %lld: %s", (long long)n, cn_error());
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

static void test_keras2(void **state)
{
#if !CN__HAVE_JANSSON
    skip(); /* a minimal library reads and writes no such files */
#endif
    (void)state;
    assert_int_equal(cn_set_keras("2.21"), 0);
    without_memory(sequential);
    without_memory(functional);
}

static void test_keras3(void **state)
{
#if !CN__HAVE_JANSSON
    skip(); /* a minimal library reads and writes no such files */
#endif
    (void)state;
    assert_int_equal(cn_set_keras("3.15"), 0);
    without_memory(sequential);
    without_memory(functional);
}

int main(void)
{
    static const cn_allocator allocator = {sizeof allocator, take, change, drop, NULL};
    if (cn_set_allocator(&allocator) < 0) {
        return 1;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_keras2),
                                       cmocka_unit_test(test_keras3)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
