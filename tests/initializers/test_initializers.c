/* Initializers against the real Keras: exact values, distributions, seeds, fans, configs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "golden.h"

#if CN_TEST_HAVE_JANSSON
/* A minimal library has no JSON of its own: tests/support compiles it once more for the tests. */
#undef CN__HAVE_JANSSON
#define CN__HAVE_JANSSON 1
#include "core/error.h"
#include "initializers/initializer.h"
#include "utils/config.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static cn_initializer *make(const golden_case *c)
{
    json_t *config = json_pack("{s:s, s:O}", "class_name", golden_string(c, "class_name"), "config",
                               json_object_get(c->json, "arguments"));
    cn_initializer *initializer = cn__deserialize(CN__INITIALIZER, config);
    json_decref(config);
    return initializer;
}

static cn_shape shape_of(const golden_case *c)
{
    json_t *list = json_object_get(c->json, "shape");
    cn_shape shape = {.rank = (int)json_array_size(list)};
    for (int i = 0; i < shape.rank; i++) {
        shape.dim[i] = json_integer_value(json_array_get(list, (size_t)i));
    }
    return shape;
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Draws until there are 60,000 numbers, as the golden data did. The mean of n numbers wanders by
 * std / sqrt(n), their deviation by about as much, a quantile by more where numbers are rare: five
 * such steps are allowed on both sides. */
static void check_distribution(const golden_case *c, const cn_initializer *initializer,
                               const json_t *facts)
{
    enum { N = 60000 };
    static float draws[N];
    cn_shape shape = shape_of(c);
    for (int n = 0; n < N;) {
        cn_tensor *t = cn_initializer_call(initializer, &shape, CN_FLOAT32);
        const float *v = t ? cn_tensor_floats(t) : NULL;
        assert_non_null(v);
        for (int64_t i = 0; i < cn_tensor_size(t) && n < N; i++) {
            draws[n++] = v[i];
        }
        cn_free(t);
    }
    double sum = 0, squares = 0, mean, std = json_number_value(json_object_get(facts, "std"));
    for (int i = 0; i < N; i++) {
        sum += (double)draws[i];
    }
    mean = sum / N;
    for (int i = 0; i < N; i++) {
        squares += ((double)draws[i] - mean) * ((double)draws[i] - mean);
    }
    /* Of small shapes Keras drew fewer (400 of a shape with one number). */
    double theirs = json_number_value(json_object_get(facts, "n"));
    double step = 5 * std / sqrt(N) + 5 * std / sqrt(theirs > 0 && theirs < N ? theirs : N);
    qsort(draws, N, sizeof *draws, by_value);
    if (!(fabs(mean - json_number_value(json_object_get(facts, "mean"))) <= step) ||
        !(fabs(sqrt(squares / N) - std) <= step)) {
        fail_msg("%s: mean %g, deviation %g", c->name, mean, sqrt(squares / N));
    }
    json_t *levels = json_object_get(facts, "quantile_levels"),
           *values = json_object_get(facts, "quantiles");
    for (size_t i = 0; i < json_array_size(levels); i++) {
        double level = json_number_value(json_array_get(levels, i));
        double want = json_number_value(json_array_get(values, i));
        double got = (double)draws[(int)(level * (N - 1))];
        double rare = level < 0.05 || level > 0.95 ? 8 : 2;
        if (!(fabs(got - want) <= rare * step)) {
            fail_msg("%s: quantile %g is %g, Keras has %g", c->name, level, got, want);
        }
    }
}

static void check_config(const golden_case *c, const cn_initializer *initializer, bool two)
{
    json_t *want = json_object_get(c->json, two ? "keras2_config" : "config");
    json_t *lines = json_object_get(json_object_get(c->json, "lines"), two ? "tf_keras" : "keras");
    if (!json_is_object(want) || json_is_true(json_object_get(lines, "config_loses_arguments"))) {
        return;
    }
    json_t *mine = cn__get_config(initializer, two ? CN__DIALECT_KERAS2 : CN__DIALECT_KERAS3);
    if (!golden_same_json(mine, want)) {
        fail_msg("%s: %s, Keras has %s", c->name, json_dumps(mine, 0), json_dumps(want, 0));
    }
    json_decref(mine);
}

static bool check_case(const golden_case *c, void *user)
{
    (void)user;
    if (!cn__class_find(CN__INITIALIZER, golden_string(c, "class_name"))) {
        return false;
    }
    cn_set_keras("3.15");
    cn_initializer *initializer = make(c);
    if (!initializer) {
        fail_msg("%s: %s", c->name, cn_error());
    }
    check_config(c, initializer, false);
    json_t *line = json_object_get(json_object_get(c->json, "lines"), "keras");
    const char *value = json_string_value(json_object_get(line, "value"));
    cn_shape shape = shape_of(c);
    if (value) {
        cn_tensor *t = cn_initializer_call(initializer, &shape, CN_FLOAT32);
        golden_close(c, value, t, golden_array(c, value), 1e-7, 1e-7);
    }
    if (json_is_object(line) && json_object_get(line, "quantiles")) {
        check_distribution(c, initializer, line);
    }
    cn_set_keras("2.21");
    initializer = json_is_object(json_object_get(c->json, "keras2_config")) ? make(c) : NULL;
    if (initializer) {
        check_config(c, initializer, true);
    }
    return true;
}

static void golden_initializers(void **state)
{
    (void)state;
    assert_true(golden_each("initializers", NULL, check_case, NULL) > 0);
}

static bool equal(const cn_tensor *a, const cn_tensor *b)
{
    return a && b && memcmp(cn_tensor_floats(a), cn_tensor_floats(b), cn__bytes(a)) == 0;
}

static void seeds(void **state)
{
    (void)state;
    cn_scope scope = cn_scope_begin();
    cn_shape shape = cn_shape_of(5, 7);
    cn_initializer *seeded = cn_initializer_he_normal(.seed = 3);
    cn_initializer *other = cn_initializer_he_normal(.seed = 4),
                   *fresh = cn_initializer_he_normal();
    cn_tensor *a = cn_initializer_call(seeded, &shape, CN_FLOAT32);
    assert_true(equal(a, cn_initializer_call(seeded, &shape, CN_FLOAT32)));
    assert_false(equal(a, cn_initializer_call(other, &shape, CN_FLOAT32)));
    cn_set_random_seed(1);
    cn_tensor *first = cn_initializer_call(fresh, &shape, CN_FLOAT32);
    assert_false(equal(first, cn_initializer_call(fresh, &shape, CN_FLOAT32)));
    cn_set_random_seed(1);
    assert_true(equal(first, cn_initializer_call(fresh, &shape, CN_FLOAT32)));
    cn_scope_end(scope);
}

/* Rows (or columns) of unit length at right angles. */
static void orthogonality(void **state)
{
    (void)state;
    cn_scope scope = cn_scope_begin();
    cn_shape wide = cn_shape_of(3, 2, 20);
    cn_tensor *t = cn_initializer_call(cn_initializer_orthogonal(.gain = 2), &wide, CN_FLOAT32);
    const float *v = cn_tensor_floats(t);
    for (int i = 0; i < 6; i++) {
        for (int j = 0; j <= i; j++) {
            double dot = 0;
            for (int k = 0; k < 20; k++) {
                dot += (double)v[i * 20 + k] * (double)v[j * 20 + k];
            }
            assert_true(fabs(dot - (i == j ? 4 : 0)) < 1e-5);
        }
    }
    cn_scope_end(scope);
}

static cn_tensor *wrong_shape(const cn_shape *shape, cn_dtype dtype, void *user)
{
    (void)shape;
    (void)user;
    return cn_full(0, NULL, 1, dtype);
}

static void errors(void **state)
{
    (void)state;
    cn_scope scope = cn_scope_begin();
    cn_shape vector = cn_shape_of(3), unknown = cn_shape_of(-1, 3);
    const char *const words[] = {"only be used for 2D matrices. Received: shape=(3,) of rank 1.",
                                 "at least two-dimensional", "known shape",
                                 "should return a float32 tensor"};
    cn_tensor *got[4];
    const cn_initializer *of[] = {cn_initializer_identity(), cn_initializer_orthogonal(),
                                  cn_initializer_zeros(),
                                  cn_initializer_from(wrong_shape, NULL, "w")};
    for (int i = 0; i < 4; i++) {
        got[i] = cn_initializer_call(of[i], i == 2 ? &unknown : &vector, CN_FLOAT32);
        assert_null(got[i]);
        assert_non_null(strstr(cn_error(), words[i]));
        cn_error_clear();
    }
    assert_null(cn_initializer_variance_scaling(.scale = -1));
    assert_non_null(strstr(cn_error(), "`scale` must be positive"));
    cn_error_clear();
    assert_null(cn_initializer_variance_scaling(.mode = "fan"));
    assert_non_null(strstr(cn_error(), "Invalid `mode` argument: fan"));
    cn_error_clear();
    assert_null(cn_initializer_get("glorot"));
    assert_non_null(
        strstr(cn_error(), "Unknown initializer: 'glorot'. Please ensure you are using"));
    cn_error_clear();
    cn_scope_end(scope);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(golden_initializers),
                                       cmocka_unit_test(seeds), cmocka_unit_test(orthogonality),
                                       cmocka_unit_test(errors)};
    return cmocka_run_group_tests_name("initializers", tests, NULL, NULL);
}
#else
int main(void)
{
    return 0;
}
#endif
