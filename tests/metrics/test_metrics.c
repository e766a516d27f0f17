/* Metrics against the real Keras: results after each update, with and without weights, states,
 * configs; resolution; wrong use. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "golden.h"

#include "metrics/metric.h"
#include "utils/config.h"
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
/* float32 sums in another order. */
#define RELATIVE 1e-5
#define ABSOLUTE 1e-6
/* Negatives are counted as a difference of sums, which may leave a rounding error of Keras's
 * instead of 0. */
#define CANCELLED 5e-6

static int runs;

static cn_tensor *numbered(const golden_case *c, const char *word, int i)
{
    char name[32];
    snprintf(name, sizeof name, "%s%d", word, i);
    return golden_has(c, name) ? golden_array(c, name) : NULL;
}

static cn_metric *make(const golden_case *c)
{
    const cn_class *class = cn__class_find(CN__METRIC, golden_string(c, "class_name"));
    cn_metric *metric = cn__from_config(CN__METRIC, class, json_object_get(c->json, "arguments"));
    need(metric != NULL, c->name);
    return metric;
}

static void check_state(const golden_case *c, const cn_metric *metric, const json_t *run)
{
    const json_t *entry;
    size_t i;
    json_array_foreach(json_object_get(run, "state_at_end"), i, entry)
    {
        const char *name = json_string_value(json_object_get(entry, "name"));
        cn_tensor *got = cn_metric_variable(metric, (int)i);
        golden_close(c, name, got,
                     golden_array(c, json_string_value(json_object_get(entry, "array"))), CANCELLED,
                     RELATIVE);
        const char *slash = strrchr(name, '/');
        assert_non_null(strstr(cn_tensor_name(got), slash ? slash : name));
    }
}

static void check_run(const golden_case *c, const json_t *run)
{
    bool weighted = json_is_true(json_object_get(run, "weighted"));
    const char *line = json_string_value(json_object_get(run, "line"));
    const json_t *results = json_object_get(run, "results"), *result;
    cn_set_keras(strcmp(line, "keras") == 0 ? "3.15" : "2.21");
    cn_metric *metric = make(c);
    for (int round = 0; round < 2; round++) {
        size_t i;
        json_array_foreach(results, i, result)
        {
            cn_tensor *y_pred = numbered(c, "y_pred", (int)i);
            cn_tensor *y_true = numbered(c, "y_true", (int)i);
            cn_tensor *sw = weighted ? numbered(c, "sw", (int)i) : NULL;
            int code = y_true ? cn_metric_update(metric, y_true, y_pred, sw)
                              : cn_metric_update(metric, y_pred, NULL, sw);
            need(code == 0, c->name);
            const char *name = json_string_value(result);
            golden_close(c, name, cn_metric_result(metric), golden_array(c, name), ABSOLUTE,
                         RELATIVE);
        }
        check_state(c, metric, run);
        need(cn_metric_reset(metric) == 0, c->name);
    }
    runs++;
}

static bool same_members(const json_t *a, const json_t *b)
{
    const char *key;
    json_t *value;
    bool same = json_object_size(a) == json_object_size(b);
    json_object_foreach((json_t *)(uintptr_t)a, key, value)
    {
        same =
            same && (strcmp(key, "name") == 0 || golden_same_json(value, json_object_get(b, key)));
    }
    return same;
}

static void check_config(const golden_case *c, bool three)
{
    const json_t *want = json_object_get(c->json, three ? "config" : "keras2_config");
    const json_t *lost = json_object_get(c->json, "config_loses_arguments");
    /* Keras 3 forgets the axis of CosineSimilarity; ours keeps it. */
    if (!json_is_object(want) || json_array_size(lost) ||
        (three && strcmp(golden_string(c, "class_name"), "CosineSimilarity") == 0)) {
        return;
    }
    cn_set_keras(three ? "3.15" : "2.21");
    json_t *got = cn__get_config(make(c), three ? CN__DIALECT_KERAS3 : CN__DIALECT_KERAS2);
    if (!same_members(got, want)) {
        fail_msg("%s: config %s\nKeras has %s", c->name, json_dumps(got, 0), json_dumps(want, 0));
    }
    json_decref(got);
    const cn_class *class = cn__class_find(CN__METRIC, golden_string(c, "class_name"));
    cn_metric *again = cn__from_config(CN__METRIC, class, want);
    need(again != NULL, c->name);
    assert_string_equal(cn_metric_name(again), json_string_value(json_object_get(want, "name")));
}

static bool check_case(const golden_case *c, void *user)
{
    const json_t *run;
    size_t i;
    (void)user;
    if (!cn__class_find(CN__METRIC, golden_string(c, "class_name"))) {
        return false;
    }
    json_array_foreach(json_object_get(c->json, "runs"), i, run)
    {
        check_run(c, run);
    }
    check_config(c, true);
    check_config(c, false);
    cn_set_keras("2.21");
    return true;
}

static void golden(void **state)
{
    (void)state;
    int n = golden_each("metrics", NULL, check_case, NULL);
    printf("%d cases, %d runs\n", n, runs);
    assert_true(golden_some(n) && runs >= n);
}
#endif

static void resolution(void **state)
{
    (void)state;
    static const cn_shape one = {2, {-1, 1}}, ten = {2, {-1, 10}}, labels = {1, {-1}};
    cn_loss *bce = cn_loss_binary_crossentropy(),
            *sparse = cn_loss_sparse_categorical_crossentropy();
    const struct {
        const char *identifier;
        const cn_shape *y_true, *y_pred;
        const cn_loss *loss;
        int keras;
        const char *class, *name;
    } cases[] = {
        {"accuracy", &one, &one, NULL, 221, "BinaryAccuracy", "accuracy"},
        {"acc", &labels, &ten, NULL, 221, "SparseCategoricalAccuracy", "acc"},
        {"accuracy", &one, &ten, NULL, 315, "SparseCategoricalAccuracy", "accuracy"},
        {"accuracy", &ten, &ten, bce, 221, "CategoricalAccuracy", "accuracy"},
        {"accuracy", &ten, &ten, bce, 203, "BinaryAccuracy", "accuracy"},
        {"accuracy", &one, &ten, sparse, 203, "SparseCategoricalAccuracy", "accuracy"},
        {"accuracy", &ten, &ten, NULL, 192, "CategoricalAccuracy", "acc"},
        {"ce", &ten, &ten, NULL, 221, "CategoricalCrossentropy", "ce"},
        {"crossentropy", &one, &one, NULL, 315, "BinaryCrossentropy", "crossentropy"},
        {"mse", &ten, &ten, NULL, 221, "MeanSquaredError", "mse"},
        {"MeanSquaredError", &ten, &ten, NULL, 221, "MeanSquaredError", "mean_squared_error"},
        {"MeanSquaredError", &ten, &ten, NULL, 315, "MeanSquaredError", "MeanSquaredError"},
        {"huber", &ten, &ten, NULL, 221, "MeanMetricWrapper", "huber"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cn_metric *metric = cn__metric_resolve(cases[i].identifier, cases[i].y_true,
                                               cases[i].y_pred, cases[i].loss, cases[i].keras);
        need(metric != NULL, cases[i].identifier);
        assert_string_equal(metric->base.class->name, cases[i].class);
        assert_string_equal(cn_metric_name(metric), cases[i].name);
        cn__unref(metric);
    }
    cn_metric *of_object = cn__metric_resolve(bce, &one, &one, NULL, 221);
    assert_string_equal(cn_metric_name(of_object), "binary_crossentropy");
    assert_int_equal(cn__metric_direction(of_object), -1);
    cn__unref(of_object);
}

static cn_tensor *largest(cn_tensor *y_true, cn_tensor *y_pred, void *user)
{
    (void)y_true;
    (void)user;
    return cn_max(y_pred, .axis = {-1});
}

static void functions_and_means(void **state)
{
    (void)state;
    cn_tensor *y = cn_tensor_new(CN_FLOAT32, 2, (int64_t[]){2, 2}, (float[]){1, 5, 2, 3});
    cn_metric *metric = cn_metric_from(largest, NULL, "largest");
    need(cn_metric_update(metric, y, y, NULL) == 0, "update");
    assert_true(cn_tensor_value(cn_metric_result(metric)) == 4);
    cn_metric *mean = cn_metric_mean(.name = "m");
    assert_string_equal(cn_metric_name(mean), "m");
    assert_true(cn_tensor_value(cn_metric_result(mean)) == 0);
    need(cn_metric_update(mean, cn_array(1, 3), NULL, cn_array(1, 0)) == 0, "mean");
    assert_true(cn_tensor_value(cn_metric_result(mean)) == 1);
    assert_null(cn_metric_variable(mean, 2));
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
    const cn_shape one = {2, {-1, 1}};
    assert_null(cn__metric_resolve("acuracy", &one, &one, NULL, 221));
    expect_error("Unknown metric function: 'acuracy'");
    assert_null(cn_metric_from(NULL, NULL, NULL));
    cn_error_clear();
    cn_metric *metric = cn_metric_categorical_accuracy();
    assert_true(cn_metric_update(metric, cn_zeros(2, 3), NULL, NULL) < 0);
    cn_error_clear();
    assert_true(cn_metric_update(metric, NULL, cn_zeros(2, 3), NULL) < 0);
    cn_error_clear();
    need(cn_metric_update(metric, cn_zeros(2, 3), cn_zeros(2, 3), NULL) == 0, "afterwards");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#if CN_TEST_HAVE_JANSSON && CN__HAVE_JANSSON
        cmocka_unit_test(golden),
#endif
        cmocka_unit_test(resolution),
        cmocka_unit_test(functions_and_means),
        cmocka_unit_test(wrong_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
