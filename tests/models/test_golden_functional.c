/* Functional models with several inputs and outputs trained as Keras trained them, and the models
 * of shared/golden/files asked for what Keras predicted. */
#include <cornu.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "support/golden.h"

#if CN_TEST_HAVE_JANSSON

/* x0, x1 … of a case: how many. */
static int numbered(const golden_case *c, const char *prefix, cn_tensor **out, int max)
{
    char name[32];
    int n = 0;
    for (; n < max; n++) {
        snprintf(name, sizeof name, "%s%d", prefix, n);
        if (!golden_has(c, name)) {
            break;
        }
        out[n] = golden_array(c, name);
    }
    return n;
}

/* The case's model with its first weights; NULL, without an error, if it has a layer that does not
 * exist here. */
static cn_model *read_model(const char *text, const golden_case *c)
{
    cn_tensor *weights[256];
    cn_model *model = cn_model_from_json(text);
    if (!model && cn_error_code() == CN_EKEY) {
        printf("%s: passed over: %.100s\n", c->name, cn_error());
        cn_error_clear();
        return NULL;
    }
    int n = numbered(c, "w", weights, 256);
    cn_model_set_weights(model, n, weights);
    if (cn_error()) {
        fail_msg("%s: %s", c->name, cn_error());
    }
    return model;
}

static double at(const cn_history *history, const char *name, size_t epoch)
{
    int64_t n = 0;
    const double *values = cn_history_get(history, name, &n);
    return values && (int64_t)epoch < n ? values[epoch] : NAN;
}

/* Every value of Keras's history. float32 sums in another order move losses and metrics by a few
 * units of the last place; an accuracy may differ by one sample at most, which is none here. */
static void check_history(const golden_case *c, const cn_history *history)
{
    const char *name;
    json_t *list, *value;
    size_t epoch;
    json_object_foreach(json_object_get(c->json, "history"), name, list)
    {
        json_array_foreach(list, epoch, value)
        {
            double want = json_number_value(value), got = at(history, name, epoch);
            if (!(fabs(got - want) <= 2e-5 * (1 + fabs(want)))) {
                fail_msg("%s: %s of epoch %zu is %.9g, Keras's %.9g", c->name, name, epoch, got,
                         want);
            }
        }
    }
}

static void check_scores(const golden_case *c, const cn_scores *scores)
{
    json_t *want = json_object_get(c->json, "evaluate_dict"), *value;
    const char *name;
    assert_int_equal(scores->n, json_object_size(want));
    json_object_foreach(want, name, value)
    {
        bool found = false;
        for (int i = 0; i < scores->n; i++) {
            if (strcmp(scores->names[i], name) == 0) {
                found = fabs(scores->values[i] - json_number_value(value)) <=
                        2e-5 * (1 + fabs(json_number_value(value)));
            }
        }
        if (!found) {
            fail_msg("%s: evaluate's %s is not Keras's %.9g", c->name, name,
                     json_number_value(value));
        }
    }
}

/* Cases of other arguments are for the tool's test, cli/golden, which has an option for each. */
static bool is_plain(const golden_case *c)
{
    const json_t *fit = json_object_get(c->json, "fit");
    return json_object_size(fit) == 2 && json_object_get(fit, "batch_size") &&
           json_object_get(fit, "epochs") && !golden_has(c, "sample_weight") &&
           json_array_size(json_object_get(c->json, "callbacks")) == 0;
}

static bool check_training(const golden_case *c, void *user)
{
    cn_tensors x = {{0}}, y = {{0}}, xv = {{0}}, yv = {{0}};
    cn_tensor *want[64], *got[64], *more[8] = {0};
    (void)user;
    if (!is_plain(c)) {
        return false;
    }
    char *compile = json_dumps(json_object_get(c->json, "compile"), 0);
    cn_model *model = read_model(golden_string(c, "model_json"), c);
    if (!model) {
        free(compile);
        return false;
    }
    cn_model_compile_json(model, compile);
    free(compile);
    numbered(c, "x", x.v, 8);
    numbered(c, "y", y.v, 8);
    bool validated = numbered(c, "xv", xv.v, 8) > 0;
    numbered(c, "yv", yv.v, 8);
    const json_t *fit = json_object_get(c->json, "fit");
    cn_history *history = cn_model_fit(
        model, x, y, .batch_size = json_integer_value(json_object_get(fit, "batch_size")),
        .epochs = json_integer_value(json_object_get(fit, "epochs")), .shuffle = false,
        .verbose = 0, .validation_x = xv, .validation_y = yv);
    if (!history) {
        fail_msg("%s: %s", c->name, cn_error());
    }
    check_history(c, history);
    int n = numbered(c, "wf", want, 64);
    assert_int_equal(cn_model_weights(model, got, 64), n);
    for (int i = 0; i < n; i++) {
        golden_close(c, "a weight after training", got[i], want[i], 2e-5, 2e-5);
    }
    cn_scores scores = cn_model_evaluate(model, validated ? xv : x, validated ? yv : y,
                                         .verbose = 0, .batch_size = 32);
    check_scores(c, &scores);
    n = numbered(c, "p", want, 8);
    got[0] = cn_model_predict(model, validated ? xv : x, .verbose = 0, .outputs = more);
    for (int i = 0; i < n; i++) {
        golden_close(c, "a prediction", i ? more[i - 1] : got[0], want[i], 2e-5, 2e-5);
    }
    return true;
}

static void test_training(void **state)
{
#if !CN__HAVE_JANSSON
    skip(); /* a minimal library reads and writes no such files */
#endif
    (void)state;
    assert_true(golden_some(golden_each("training", "multi_io", check_training, NULL)));
}

/* Predictions of the model in the file, with the weights of the case. */
static bool check_file(const golden_case *c, void *user)
{
    cn_tensors x = {{0}};
    cn_tensor *want[8], *more[8] = {0};
    char below[256];
    (void)user;
    snprintf(below, sizeof below, "golden/files/%s.model.json", c->name);
    char *text = golden_text(below);
    if (!text) {
        return false;
    }
    cn_model *model = read_model(text, c);
    free(text);
    if (!model) {
        return false;
    }
    numbered(c, "x", x.v, 8);
    int n = numbered(c, "p", want, 8);
    cn_tensor *p = cn_model_predict(model, x, .verbose = 0, .outputs = more);
    if (!p) {
        fail_msg("%s: %s", c->name, cn_error());
    }
    for (int i = 0; i < n; i++) {
        /* Up to twenty layers in float32; where large terms cancel, their rounding stays. */
        double size = cn_tensor_value(cn_sqrt(cn_mean(cn_square(want[i]))));
        golden_close(c, "a prediction", i ? more[i - 1] : p, want[i], 2e-6 * (1 + size), 2e-5);
    }
    int64_t parameters = json_integer_value(json_object_get(c->json, "count_params"));
    assert_int_equal(cn_model_count_params(model), parameters);
    return n > 0;
}

static void test_files(void **state)
{
#if !CN__HAVE_JANSSON
    skip(); /* a minimal library reads and writes no such files */
#endif
    (void)state;
    assert_true(golden_some(golden_each("files", NULL, check_file, NULL)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_training),
                                       cmocka_unit_test(test_files)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
int main(void)
{
    return 0;
}
#endif
