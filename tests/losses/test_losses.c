/* Losses against the real Keras: values, gradients, reductions, weights, configs; going back to the
 * logits; wrong use. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "golden.h"

#include "losses/loss.h"
#include "utils/config.h"
#include <cornu/tape.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static void need(bool ok, const char *what)
{
    if (!ok || cn_error()) {
        fail_msg("%s: %s", what, cn_error() ? cn_error() : "wrong");
    }
}

#if CN_TEST_HAVE_JANSSON && CN__HAVE_JANSSON
/* float32 in another order of summing: a few units in the last place, and absolute where sums
 * cancel. */
#define RELATIVE 2e-5
#define ABSOLUTE 2e-6

static int runs;

static cn_loss *make(const golden_case *c, const char *reduction)
{
    const cn_class *class = cn__class_find(CN__LOSS, golden_string(c, "class_name"));
    json_t *config = json_deep_copy(json_object_get(c->json, "arguments"));
    if (reduction) {
        json_object_set_new(config, "reduction", json_string(reduction));
    }
    cn_loss *loss = cn__from_config(CN__LOSS, class, config);
    json_decref(config);
    need(loss != NULL, c->name);
    return loss;
}

static cn_tensor *weight(const golden_case *c, const char *name)
{
    return strcmp(name, "none") == 0     ? NULL
           : strcmp(name, "scalar") == 0 ? cn_scalar(0.5, CN_FLOAT32)
                                         : golden_array(c, name);
}

static void check_run(const golden_case *c, const json_t *run)
{
    const char *value = json_string_value(json_object_get(run, "value"));
    const char *gradient = json_string_value(json_object_get(run, "gradient"));
    const char *line = json_string_value(json_object_get(run, "line"));
    if (!value) {
        return; /* Keras itself refuses this one */
    }
    cn_scope scope = cn_scope_begin();
    cn_set_keras(strcmp(line, "keras") == 0 ? "3.15" : "2.21");
    cn_loss *loss = make(c, json_string_value(json_object_get(run, "reduction")));
    cn_tensor *y_true = golden_array(c, "y_true"), *y_pred = golden_array(c, "y_pred");
    cn_tensor *sw = weight(c, json_string_value(json_object_get(run, "weight")));
    cn_tape *tape = cn_tape_begin();
    cn_tape_watch(tape, y_pred);
    cn_tensor *got = cn_loss_call(loss, y_true, y_pred, sw);
    golden_close(c, value, got, golden_array(c, value), ABSOLUTE, RELATIVE);
    cn_tensor *slope = cn_tape_gradient(tape, got, y_pred);
    if (gradient && golden_has(c, gradient)) {
        golden_close(c, gradient, slope, golden_array(c, gradient), ABSOLUTE, 5 * RELATIVE);
    }
    runs++;
    cn_scope_end(scope);
}

static void check_function(const golden_case *c)
{
    cn_set_keras("3.15");
    cn_tensor *got =
        cn_loss_values(make(c, NULL), golden_array(c, "y_true"), golden_array(c, "y_pred"));
    golden_close(c, "function", got, golden_array(c, "f_keras"), ABSOLUTE, RELATIVE);
}

static void check_logits(const golden_case *c)
{
    const json_t *through = json_object_get(c->json, "through_activation"), *run;
    const char *activation = json_string_value(json_object_get(through, "activation"));
    size_t i;
    json_array_foreach(json_object_get(through, "runs"), i, run)
    {
        const char *line = json_string_value(json_object_get(run, "line"));
        cn_set_keras(strcmp(line, "keras") == 0 ? "3.15" : "2.21");
        cn_tensor *z = golden_array(c, "z");
        cn_tape *tape = cn_tape_begin();
        cn_tape_watch(tape, z);
        cn_tensor *p = strcmp(activation, "softmax") == 0 ? cn_softmax(z, -1) : cn_sigmoid(z);
        cn_tensor *got = cn_loss_call(make(c, NULL), golden_array(c, "y_true"), p, NULL);
        cn_tensor *slope = cn_tape_gradient(tape, got, z);
        const char *value = json_string_value(json_object_get(run, "value"));
        const char *gradient = json_string_value(json_object_get(run, "gradient"));
        golden_close(c, value, got, golden_array(c, value), ABSOLUTE, RELATIVE);
        golden_close(c, gradient, slope, golden_array(c, gradient), ABSOLUTE, RELATIVE);
    }
}

/* The same keys with the same values; tf.keras's order of the keys differs from loss to loss, and
 * nobody sees it. */
static bool same_members(const json_t *a, const json_t *b)
{
    const char *key;
    json_t *value;
    bool same = json_object_size(a) == json_object_size(b);
    json_object_foreach((json_t *)(uintptr_t)a, key, value)
    {
        same = same && golden_same_json(value, json_object_get(b, key));
    }
    return same;
}

static void check_config(const golden_case *c, const char *version, const char *key,
                         cn__dialect dialect)
{
    const json_t *want = json_object_get(c->json, key);
    if (!json_is_object(want) || json_is_true(json_object_get(c->json, "config_loses_arguments"))) {
        return;
    }
    cn_set_keras(version);
    json_t *got = cn__get_config(make(c, NULL), dialect);
    /* Keras 3 forgets these, and reads its own files wrong; ours keep them. */
    const char *kept = dialect == CN__DIALECT_KERAS3 ? "delta" : "";
    if (!json_object_get(want, kept)) {
        json_object_del(got, kept);
    }
    if (dialect == CN__DIALECT_KERAS3 && strstr(c->name, "CosineSimilarity")) {
        json_object_del(got, "axis");
    }
    if (!same_members(got, want)) {
        fail_msg("%s: config %s", c->name, json_dumps(got, 0));
    }
    cn_loss *again =
        cn__from_config(CN__LOSS, cn__class_find(CN__LOSS, golden_string(c, "class_name")), want);
    need(again != NULL, c->name);
    json_decref(got);
}

static bool check_case(const golden_case *c, void *user)
{
    const json_t *run;
    size_t i;
    (void)user;
    if (!cn__class_find(CN__LOSS, golden_string(c, "class_name"))) {
        return false;
    }
    json_array_foreach(json_object_get(c->json, "runs"), i, run)
    {
        check_run(c, run);
    }
    check_function(c);
    if (json_is_object(json_object_get(c->json, "through_activation"))) {
        check_logits(c);
    }
    check_config(c, "3.15", "config", CN__DIALECT_KERAS3);
    check_config(c, "2.21", "keras2_config", CN__DIALECT_KERAS2);
    cn_set_keras("2.21");
    return true;
}

static void golden(void **state)
{
    (void)state;
    int n = golden_each("losses", NULL, check_case, NULL);
    printf("%d cases, %d runs\n", n, runs);
    assert_true(golden_some(n) && runs >= n);
}
#endif

static void saturated_softmax_keeps_its_gradient(void **state)
{
    (void)state;
    /* exp(-40) is far below what clipping leaves: on probabilities the loss would be 16.1 and its
     * gradient 0. */
    cn_tensor *z = cn_tensor_new(CN_FLOAT32, 2, (int64_t[]){1, 2}, (float[]){40, 0});
    cn_tensor *y = cn_tensor_new(CN_FLOAT32, 2, (int64_t[]){1, 2}, (float[]){0, 1});
    cn_loss *loss = cn_loss_categorical_crossentropy();
    assert_true(fabs(cn_tensor_value(cn_loss_call(loss, y, cn_softmax(z, -1), NULL)) - 40) < 1e-4);
    cn_tensor *p = cn_softmax(z, -1);
    cn_tensor *bare = cn_tensor_new(CN_FLOAT32, 2, (int64_t[]){1, 2}, cn_tensor_data(p));
    assert_true(fabs(cn_tensor_value(cn_loss_call(loss, y, bare, NULL)) - 16.118095) < 1e-4);
    assert_null(cn_error());
}

static cn_tensor *cubic(cn_tensor *y_true, cn_tensor *y_pred, void *user)
{
    cn_tensor *d = cn_subtract(y_pred, y_true);
    return cn_mean(cn_multiply(cn_multiply(d, d), cn_multiply(cn_abs(d), *(double *)user)),
                   .axis = {-1});
}

static void functions_of_ones_own(void **state)
{
    (void)state;
    double factor = 2;
    cn_loss *loss = cn_loss_from(cubic, &factor, "cubic");
    cn_tensor *y = cn_array(0, 0), *p = cn_array(1, -2);
    assert_string_equal(cn_loss_name(loss), "cubic");
    assert_true(fabs(cn_tensor_value(cn_loss_call(loss, y, p, NULL)) - 9) < 1e-6);
}

static void names_and_aliases(void **state)
{
    (void)state;
    static const struct {
        const char *identifier, *class, *name;
    } cases[] = {
        {"mse", "MeanSquaredError", "mean_squared_error"},
        {"MAE", "MeanAbsoluteError", "mean_absolute_error"},
        {"kld", "KLDivergence", "kl_divergence"},
        {"huber_loss", "Huber", "huber_loss"},
        {"huber", "Huber", "huber_loss"},
        {"CategoricalCrossentropy", "CategoricalCrossentropy", "categorical_crossentropy"},
        {"logcosh", "LogCosh", "log_cosh"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cn_loss *loss = cn_loss_get(cases[i].identifier);
        need(loss != NULL, cases[i].identifier);
        assert_string_equal(loss->base.class->name, cases[i].class);
        assert_string_equal(cn_loss_name(loss), cases[i].name);
        assert_ptr_equal(cn_loss_get(loss), loss);
    }
    const cn_shape one = {2, {-1, 1}}, ten = {2, {-1, 10}}, labels = {1, {-1}};
    cn_loss *binary = cn__loss_resolve("ce", &one, &one);
    cn_loss *sparse = cn__loss_resolve("crossentropy", &labels, &ten);
    assert_string_equal(binary->base.class->name, "BinaryCrossentropy");
    assert_string_equal(sparse->base.class->name, "SparseCategoricalCrossentropy");
    cn__unref(binary);
    cn__unref(sparse);
}

static void expect_error(const char *part)
{
    assert_non_null(cn_error());
    if (!strstr(cn_error(), part)) {
        fail_msg("expected \"%s\" in: %s", part, cn_error());
    }
    cn_error_clear();
}

static void wrong_use(void **state)
{
    (void)state;
    cn_tensor *ten = cn_zeros(2, 10), *one = cn_zeros(2, 1), *labels = cn_array(3, 11);
    assert_null(cn_loss_get("no_such_loss"));
    expect_error("Unknown loss function: 'no_such_loss'");
    assert_null(cn_loss_mean_squared_error(.reduction = "average"));
    expect_error("Invalid value for argument `reduction`");
    assert_null(cn_loss_call(cn_loss_categorical_crossentropy(), one, ten, NULL));
    expect_error("Shapes (2, 1) and (2, 10) are incompatible");
    assert_null(cn_loss_call(cn_loss_sparse_categorical_crossentropy(.from_logits = true), labels,
                             ten, NULL));
    expect_error("Received a label value of 11 which is outside the valid range of [0, 10)");
    assert_null(cn_loss_call(cn_loss_mean_squared_error(), NULL, ten, NULL));
    expect_error("y_true");
    assert_null(cn_loss_call((cn_loss *)ten, ten, ten, NULL));
    cn_error_clear();
    assert_null(cn_loss_from(NULL, NULL, NULL));
    cn_error_clear();
    need(cn_loss_call(cn_loss_mean_squared_error(), ten, ten, NULL) != NULL, "afterwards");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#if CN_TEST_HAVE_JANSSON && CN__HAVE_JANSSON
        cmocka_unit_test(golden),
#endif
        cmocka_unit_test(saturated_softmax_keeps_its_gradient),
        cmocka_unit_test(functions_of_ones_own),
        cmocka_unit_test(names_and_aliases),
        cmocka_unit_test(wrong_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
