/* Ops outside layers in functional models: written as tf_keras and Keras 3 write them, read from
 * what those wrote, listed, shown and copied. The cases and their numbers are those of
 * op_layers.py. */
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

#include "utils/config.h"

#if CN__HAVE_JANSSON
static json_t *golden;

static cn_tensor *const_row(void)
{
    return cn_cast(cn_array(0.5, 0.1, 2.0), CN_FLOAT32);
}

static cn_tensor *indices(void)
{
    return cn_cast(cn_array(0, 2), CN_INT32);
}

/* clang-format off */
#define UNARY_MAP(XX) \
    XX(negative) XX(abs) XX(square) XX(sqrt) XX(rsqrt) XX(reciprocal) XX(sign) XX(exp) XX(expm1) \
    XX(log) XX(log1p) XX(sin) XX(cos) XX(tan) XX(sinh) XX(cosh) XX(tanh) XX(erf) XX(floor) XX(ceil) \
    XX(relu) XX(relu6) XX(sigmoid) XX(softplus) XX(softsign) XX(silu) XX(selu) XX(log_sigmoid) \
    XX(isnan) XX(isfinite) XX(hard_sigmoid) XX(round) XX(stop_gradient)
#define BINARY_MAP(XX) \
    XX(add) XX(subtract) XX(multiply) XX(divide) XX(maximum) XX(minimum) XX(arctan2) XX(greater) \
    XX(equal) XX(less_equal) XX(floor_divide) XX(mod)
#define OTHER_MAP(XX) \
    XX(add_number, cn_add(x, 2)) \
    XX(multiply_tenth, cn_multiply(x, 0.1)) \
    XX(number_first, cn_subtract(2.0, x)) \
    XX(power, cn_power(x, 2)) \
    XX(add_constant, cn_add(x, const_row())) \
    XX(chain, cn_multiply(cn_multiply(x, 2.0), 3.0)) \
    XX(twice, cn_add(x, x)) \
    XX(matmul, cn_matmul(x, cn_reshape(cn_cast(cn_array(1, 2, 3), CN_FLOAT32), 3, 1))) \
    XX(sum, cn_sum(x, .axis = {1})) \
    XX(sum_all, cn_sum(x)) \
    XX(mean, cn_mean(x, .axis = {1}, .keepdims = true)) \
    XX(max, cn_max(x, .axis = {1})) \
    XX(min, cn_min(x, .axis = {1})) \
    XX(prod, cn_prod(x, .axis = {1})) \
    XX(logsumexp, cn_logsumexp(x, .axis = {1})) \
    XX(argmax, cn_argmax(x, 1)) \
    XX(cumsum, cn_cumsum(x, 1)) \
    XX(sort, cn_sort(x, 1)) \
    XX(argsort, cn_argsort(x, 1)) \
    XX(reshape, cn_reshape(x, -1, 3, 1)) \
    XX(transpose, cn_transpose(x, 1, 0)) \
    XX(expand_dims, cn_expand_dims(x, 1)) \
    XX(squeeze, cn_squeeze(cn_expand_dims(x, 1), 1)) \
    XX(concatenate, cn_concatenate(1, x, y)) \
    XX(stack, cn_stack(1, x, y)) \
    XX(slice, cn_slice(x, 1, 1, 3, 1)) \
    XX(slice_step, cn_slice(x, 1, CN_NONE, CN_NONE, 2)) \
    XX(tile, cn_tile(x, 2, (const int64_t[]){1, 2})) \
    XX(repeat, cn_repeat(x, 2, 1)) \
    XX(flip, cn_flip(x, 1)) \
    XX(roll, cn_roll(x, 2, 1)) \
    XX(pad, cn_pad(x, (const int64_t[]){0, 1}, (const int64_t[]){0, 2}, 0)) \
    XX(gather, cn_gather(x, indices(), 1)) \
    XX(cast, cn_cast(x, CN_INT32)) \
    XX(clip, cn_clip(x, -1, 1)) \
    XX(where, cn_where(cn_greater(x, 0), x, y)) \
    XX(leaky_relu, cn_leaky_relu(x, 0.1)) \
    XX(elu, cn_elu(x, 1)) \
    XX(gelu, cn_gelu(x, false)) \
    XX(softmax, cn_softmax(x, -1)) \
    XX(log_softmax, cn_log_softmax(x, -1))
/* clang-format on */

#define UNARY(name)                                                                                \
    static cn_tensor *apply_##name(cn_tensor *x, cn_tensor *y)                                     \
    {                                                                                              \
        (void)y;                                                                                   \
        return cn_##name(x);                                                                       \
    }
#define BINARY(name)                                                                               \
    static cn_tensor *apply_##name(cn_tensor *x, cn_tensor *y)                                     \
    {                                                                                              \
        return cn_##name(x, y);                                                                    \
    }
#define OTHER(name, expression)                                                                    \
    static cn_tensor *apply_##name(cn_tensor *x, cn_tensor *y)                                     \
    {                                                                                              \
        (void)y;                                                                                   \
        return expression;                                                                         \
    }
UNARY_MAP(UNARY)
BINARY_MAP(BINARY)
OTHER_MAP(OTHER)

static const struct {
    const char *name;
    cn_tensor *(*apply)(cn_tensor *x, cn_tensor *y);
} cases[] = {
#define ROW(name) {#name, apply_##name},
#define OTHER_ROW(name, expression) {#name, apply_##name},
    UNARY_MAP(ROW) BINARY_MAP(ROW) OTHER_MAP(OTHER_ROW)};

static cn_tensor *rows(const char *key)
{
    float v[6];
    const json_t *list = json_object_get(golden, key);
    for (size_t i = 0; i < 6; i++) {
        v[i] = (float)json_number_value(json_array_get(json_array_get(list, i / 3), i % 3));
    }
    return cn_tensor_new(CN_FLOAT32, 2, (const int64_t[]){2, 3}, v);
}

/* Keras's kernels differ from ours by rounding. */
static void outputs_are(const json_t *want, cn_model *model, const char *name)
{
    cn_tensor *out = cn_call(model, rows("x"), rows("y"));
    if (!out) {
        fail_msg("%s: %s", name, cn_error());
    }
    assert_int_equal(cn_tensor_size(out), json_array_size(want));
    for (int64_t i = 0; i < cn_tensor_size(out); i++) {
        const json_t *value = json_array_get(want, (size_t)i);
        double got = cn_tensor_item(out, i), number = json_number_value(value);
        bool same =
            json_is_null(value) ? !isfinite(got) : fabs(got - number) <= 2e-6 + 2e-6 * fabs(number);
        if (!same) {
            fail_msg("%s: output %d is %.9g, Keras has %.9g", name, (int)i, got, number);
        }
    }
}

static json_t *own_layers(const char *text)
{
    json_t *object = cn__json_loads(text, strlen(text), "model"), *list = json_array(), *layer;
    size_t i;
    json_array_foreach(json_object_get(json_object_get(object, "config"), "layers"), i, layer)
    {
        const char *name = json_string_value(json_object_get(layer, "class_name"));
        if (strcmp(name, "InputLayer") != 0) {
            json_array_append(list, layer);
        }
    }
    json_decref(object);
    return list;
}

static void same_layers(const json_t *want, const char *text, const char *name)
{
    json_t *got = own_layers(text);
    if (!json_equal((json_t *)(uintptr_t)want, got)) {
        char *a = cn__json_dumps(want), *b = cn__json_dumps(got);
        print_error("%s:\nKeras %s\nCornu %s\n", name, a, b);
        free(a);
        free(b);
        json_decref(got);
        fail_msg("%s is written otherwise", name);
    }
    json_decref(got);
}

static cn_model *make(cn_tensor *(*apply)(cn_tensor *x, cn_tensor *y), const char *name)
{
    cn_clear_session();
    cn_tensor *x = cn_input(.shape = {3}), *y = cn_input(.shape = {3});
    cn_model *model = cn_functional(.inputs = {x, y}, .outputs = {apply(x, y)});
    if (!model) {
        fail_msg("%s: %s", name, cn_error());
    }
    return model;
}

static void check_written(size_t i, const char *version, const json_t *want)
{
    const char *name = cases[i].name;
    if (!want) {
        return;
    }
    cn_scope scope = cn_scope_begin();
    cn_set_keras(version);
    cn_model *model = make(cases[i].apply, name);
    const char *text = cn_model_to_json(model);
    if (!text) {
        fail_msg("%s: %s", name, cn_error());
    }
    same_layers(json_object_get(want, "layers"), text, name);
    outputs_are(json_object_get(want, "output"), model, name);
    /* Read, and written again. */
    cn_model *again = cn_model_from_json(text);
    if (!again) {
        fail_msg("%s: %s", name, cn_error());
    }
    outputs_are(json_object_get(want, "output"), again, name);
    assert_string_equal(cn_model_to_json(again), text);
    cn_model *copy = cn_model_clone(again), *other = cn_model_clone(model);
    assert_string_equal(cn_model_to_json(copy), text);
    assert_string_equal(cn_model_to_json(other), text);
    outputs_are(json_object_get(want, "output"), copy, name);
    assert_null(cn_error());
    cn_scope_end(scope);
}

static void test_written(void **state)
{
    (void)state;
    const json_t *written = json_object_get(golden, "written");
    size_t n = sizeof cases / sizeof *cases;
    assert_int_equal(json_object_size(written), n);
    for (size_t i = 0; i < n; i++) {
        const json_t *want = json_object_get(written, cases[i].name);
        assert_non_null(want);
        check_written(i, "2.21", json_object_get(want, "2"));
        check_written(i, "3.15", json_object_get(want, "3"));
    }
}

/* Files of Keras itself come back as they were, and compute what Keras did. */
static void test_read(void **state)
{
    (void)state;
    const char *name, *key;
    json_t *both, *one;
    json_object_foreach(json_object_get(golden, "read"), name, both)
    {
        json_object_foreach(both, key, one)
        {
            cn_scope scope = cn_scope_begin();
            const char *text = json_string_value(json_object_get(one, "json"));
            cn_model *model = cn_model_from_json(text);
            if (!model) {
                fail_msg("%s in Keras %s: %s", name, key, cn_error());
            }
            outputs_are(json_object_get(one, "output"), model, name);
            assert_string_equal(cn_model_to_json(model), text);
            cn_model *copy = cn_model_clone(model);
            assert_string_equal(cn_model_to_json(copy), text);
            cn_scope_end(scope);
        }
    }
}

static cn_tensor *no_counterpart(cn_tensor *x, cn_tensor *y)
{
    (void)y;
    return cn_hard_silu(x);
}

static void test_refused(void **state)
{
    (void)state;
    cn_set_keras("2.21");
    cn_model *model = make(no_counterpart, "hard_silu");
    assert_null(cn_model_to_json(model));
    assert_non_null(strstr(cn_error(), "hard_silu"));
    cn_error_clear();
    cn_set_keras("2.3");
    model = make(apply_add, "add");
    assert_null(cn_model_to_json(model));
    assert_non_null(strstr(cn_error(), "before 2.4"));
    cn_error_clear();
    static const char unknown[] = "{\"class_name\": \"TFOpLambda\", \"config\": {\"name\": \"t\", "
                                  "\"function\": \"math.zeta\"}, "
                                  "\"name\": \"t\", \"inbound_nodes\": [[\"in\", 0, 0, {}]]}";
    char text[1024];
    snprintf(text, sizeof text,
             "{\"class_name\": \"Functional\", \"config\": {\"name\": \"m\", \"layers\": ["
             "{\"class_name\": \"InputLayer\", \"config\": {\"batch_input_shape\": [null, 3], "
             "\"dtype\": \"float32\", \"name\": \"in\"}, \"name\": \"in\", \"inbound_nodes\": []}, "
             "%s], \"input_layers\": [[\"in\", 0, 0]], \"output_layers\": [[\"t\", 0, 0]]}, "
             "\"keras_version\": \"2.21.0\"}",
             unknown);
    assert_null(cn_model_from_json(text));
    assert_non_null(strstr(cn_error(), "math.zeta"));
    cn_error_clear();
}

static int begin(void **state)
{
    char path[1024];
    json_error_t error;
    (void)state;
    snprintf(path, sizeof path, "%s/tests/models/op_layers.json", CN_TEST_SOURCE_DIR);
    golden = json_load_file(path, 0, &error);
    return golden ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    json_decref(golden);
    return cn_set_keras("2.21");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written),
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
#else
int main(void)
{
    puts("skipped: 3");
    return 0;
}
#endif
