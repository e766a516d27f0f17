/* Callbacks driven by hand over given logs: texts, logs, rates and stops against the real Keras;
 * histories, CSV files, wrong use. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "golden.h"

#include "core/callback.h"
#include "utils/config.h"
#include "utils/logs.h"
#include <cornu/optimizers.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void need(bool ok, const char *what)
{
    if (!ok || cn_error()) {
        fail_msg("%s: %s", what, cn_error() ? cn_error() : "wrong");
    }
}

/* What stands for a model here: a rate, one weight, a flag. */
static struct {
    cn_optimizer *optimizer;
    cn_tensor *weight;
    bool stopped;
} fake;

static double fake_rate(cn_model *model)
{
    (void)model;
    return cn_optimizer_learning_rate(fake.optimizer);
}

static int fake_set_rate(cn_model *model, double rate)
{
    (void)model;
    return cn_optimizer_set_learning_rate(fake.optimizer, rate);
}

static int fake_weights(cn_model *model, cn_tensor **out, int max)
{
    (void)model;
    if (max > 0) {
        out[0] = fake.weight;
    }
    return 1;
}

static void fake_stop(cn_model *model)
{
    (void)model;
    fake.stopped = true;
}

static int fake_direction(cn_model *model, const char *metric)
{
    (void)model;
    return strcmp(metric, "accuracy") == 0 ? 1 : strcmp(metric, "loss") == 0 ? -1 : 0;
}

static const cn__training_view view = {fake_rate, fake_set_rate, fake_weights, fake_stop,
                                       fake_direction};

static void attach(cn_callback *callback, double rate)
{
    fake.optimizer = cn_optimizer_sgd(.learning_rate = rate);
    fake.weight = cn_variable(0.0, .name = "kernel");
    fake.stopped = false;
    callback->view = &view;
    callback->model = (cn_model *)fake.optimizer; /* never looked into */
}

static char printed[8192];

static void catch_text(const char *text, void *user)
{
    (void)user;
    strncat(printed, text, sizeof printed - strlen(printed) - 1);
}

static const cn_callback_class *class_of(const cn_callback *callback)
{
    return (const cn_callback_class *)callback->base.class;
}

#if CN_TEST_HAVE_JANSSON && CN__HAVE_JANSSON
static int epoch_begin(cn_callback *c, int64_t epoch, cn_logs *logs)
{
    return class_of(c)->on_epoch_begin ? class_of(c)->on_epoch_begin(c, epoch, logs) : 0;
}
#endif

static int epoch_end(cn_callback *c, int64_t epoch, cn_logs *logs)
{
    return class_of(c)->on_epoch_end ? class_of(c)->on_epoch_end(c, epoch, logs) : 0;
}

static int train_begin(cn_callback *c, cn_logs *logs)
{
    return class_of(c)->on_train_begin ? class_of(c)->on_train_begin(c, logs) : 0;
}

#if CN_TEST_HAVE_JANSSON && CN__HAVE_JANSSON
static int train_end(cn_callback *c, cn_logs *logs)
{
    return class_of(c)->on_train_end ? class_of(c)->on_train_end(c, logs) : 0;
}
#endif

#if CN_TEST_HAVE_JANSSON && CN__HAVE_JANSSON
static double number(const json_t *value)
{
    const char *text = json_string_value(value);
    return !text                            ? json_number_value(value)
           : strcmp(text, "NaN") == 0       ? (double)NAN
           : strcmp(text, "-Infinity") == 0 ? -INFINITY
                                            : INFINITY;
}

static double by_list(int64_t epoch, double rate, void *user)
{
    const json_t *values = user;
    (void)rate;
    return json_number_value(json_array_get(values, (size_t)epoch));
}

static bool same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static json_t *rates; /* what by_list reads */

static cn_callback *make(const golden_case *c)
{
    const char *class = golden_string(c, "class_name");
    const json_t *kwargs = json_object_get(c->json, "kwargs");
    if (strcmp(class, "LearningRateScheduler") != 0) {
        return cn__from_config(CN__CALLBACK, cn__class_find(CN__CALLBACK, class), kwargs);
    }
    /* The schedule is a function of Python's; the rates that it gave are those of the trace. */
    json_decref(rates);
    rates = json_array();
    const json_t *entry;
    size_t i;
    json_array_foreach(json_object_get(c->json, "trace"), i, entry)
    {
        json_array_append(rates, json_object_get(entry, "learning_rate"));
    }
    return cn_callback_learning_rate_scheduler(.schedule = by_list, .user = rates,
                                               .verbose = (int)json_integer_value(
                                                   json_object_get(kwargs, "verbose")));
}

static void fill_logs(cn_logs *logs, const json_t *from)
{
    const char *name;
    json_t *value;
    cn__logs_reset(logs, NULL, NULL);
    json_object_foreach((json_t *)(uintptr_t)from, name, value)
    {
        cn_logs_set(logs, name, number(value));
    }
}

static void check_logs(const golden_case *c, const cn_logs *logs, const json_t *want)
{
    const char *name;
    json_t *value;
    int n = 0;
    json_object_foreach((json_t *)(uintptr_t)want, name, value)
    {
        const char *mine = cn_logs_name_at(logs, n);
        if (!mine || strcmp(mine, name) != 0 || !same(cn_logs_value_at(logs, n), number(value))) {
            fail_msg("%s: log %d is %s = %.17g, Keras has %s = %.17g", c->name, n,
                     mine ? mine : "none", cn_logs_value_at(logs, n), name, number(value));
        }
        n++;
    }
    assert_int_equal(cn_logs_count(logs), n);
}

static void check_epoch(const golden_case *c, cn_callback *callback, const json_t *entry,
                        const json_t *given)
{
    cn_logs logs = {0};
    int64_t epoch = json_integer_value(json_object_get(entry, "epoch"));
    need(epoch_begin(callback, epoch, &logs) == 0, c->name);
    fill_logs(&logs, given);
    cn_assign(fake.weight, (double)epoch);
    need(epoch_end(callback, epoch, &logs) == 0, c->name);
    check_logs(c, &logs, json_object_get(entry, "logs_after"));
    double rate = number(json_object_get(entry, "learning_rate"));
    if (cn_optimizer_learning_rate(fake.optimizer) != rate) {
        fail_msg("%s: rate %.17g after epoch %d, Keras has %.17g", c->name,
                 cn_optimizer_learning_rate(fake.optimizer), (int)epoch, rate);
    }
    assert_int_equal(fake.stopped, json_is_true(json_object_get(entry, "stop_training")));
    cn__logs_free(&logs);
}

static bool check_text(const golden_case *c, void *user)
{
    const char *class = golden_string(c, "class_name");
    const json_t *trace = json_object_get(c->json, "trace"), *entry;
    size_t i;
    (void)user;
    if (!class || !cn__class_find(CN__CALLBACK, class) || !json_is_array(trace) ||
        strcmp(class, "TerminateOnNaN") == 0) {
        return false;
    }
    const json_t *error = json_object_get(c->json, "error");
    if (!json_is_null(error) && strcmp(class, "LearningRateScheduler") == 0) {
        return false; /* Keras 3 refuses a schedule object here; ours takes it (keras-facts 9.8) */
    }
    cn_set_keras(strcmp(golden_string(c, "framework"), "keras") == 0 ? "3.15" : "2.21");
    cn_callback *callback = make(c);
    need(callback != NULL, c->name);
    attach(callback, json_number_value(json_object_get(c->json, "initial_learning_rate")));
    printed[0] = 0;
    cn_set_output(catch_text, NULL);
    cn_logs logs = {0};
    need(train_begin(callback, &logs) == 0, c->name);
    json_array_foreach(trace, i, entry)
    {
        check_epoch(c, callback, entry, json_array_get(json_object_get(c->json, "logs"), i));
    }
    if (!json_is_null(error)) {
        cn_logs more = {0};
        fill_logs(&more, json_array_get(json_object_get(c->json, "logs"), json_array_size(trace)));
        assert_true(epoch_end(callback, (int64_t)json_array_size(trace), &more) < 0);
        assert_non_null(strstr(cn_error(), "isn't able to automatically determine"));
        cn_error_clear();
        cn__logs_free(&more);
    } else {
        need(train_end(callback, &logs) == 0, c->name);
        const json_t *weight = json_object_get(c->json, "weight_at_end");
        if (json_is_number(weight)) {
            assert_true(cn_tensor_value(fake.weight) == json_number_value(weight));
        }
    }
    cn_set_output(NULL, NULL);
    if (strcmp(printed, golden_string(c, "printed")) != 0) {
        fail_msg("%s printed\n%s\nKeras prints\n%s", c->name, printed, golden_string(c, "printed"));
    }
    callback->view = NULL;
    cn__logs_free(&logs);
    cn_set_keras("2.21");
    return true;
}

static void golden_texts(void **state)
{
    (void)state;
    golden_each("text", "callback_", check_text, NULL);
    json_decref(rates);
    rates = NULL;
}

static bool check_csv(const golden_case *c, void *user)
{
    char path[] = "/tmp/cornu-csv-XXXXXX", text[4096] = "";
    const json_t *histories = json_object_get(c->json, "history"), *history;
    size_t run;
    (void)user;
    int made = mkstemp(path);
    assert_true(made >= 0);
    close(made);
    bool three = strcmp(golden_string(c, "framework"), "keras") == 0;
    cn_set_keras(three ? "3.15" : "2.21");
    const json_t *kwargs = json_object_get(c->json, "kwargs");
    const char *separator = json_string_value(json_object_get(kwargs, "separator"));
    json_array_foreach(histories, run, history)
    {
        cn_callback *callback =
            cn_callback_csv_logger(path, .append = json_is_true(json_object_get(kwargs, "append")),
                                   .separator = separator ? separator : ",");
        cn_logs logs = {0};
        need(train_begin(callback, &logs) == 0, c->name);
        size_t epochs = json_array_size(json_object_get(history, "loss"));
        size_t validated = json_array_size(json_object_get(history, "val_loss"));
        size_t every = validated ? epochs / validated : 1;
        for (size_t epoch = 0; epoch < epochs; epoch++) {
            const char *name;
            json_t *list;
            cn__logs_reset(&logs, NULL, NULL);
            json_object_foreach((json_t *)(uintptr_t)history, name, list)
            {
                bool late = strncmp(name, "val_", 4) == 0;
                if (late && (epoch + 1) % every != 0) {
                    continue;
                }
                double v = number(json_array_get(list, late ? (epoch + 1) / every - 1 : epoch));
                if (strcmp(name, "lr") == 0) {
                    cn__logs_set_single(&logs, name, (float)v);
                } else {
                    cn_logs_set(&logs, name, v);
                }
            }
            need(epoch_end(callback, (int64_t)epoch, &logs) == 0, c->name);
        }
        need(train_end(callback, &logs) == 0, c->name);
        cn__logs_free(&logs);
    }
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    unlink(path);
    assert_string_equal(text, golden_string(c, "text"));
    cn_set_keras("2.21");
    return true;
}

static void golden_csv(void **state)
{
    (void)state;
    golden_each("logs", "csv_", check_csv, NULL);
}
#endif

/* The worksheet's line: five zeros, and the product of doubles. */
static void plateau_of_the_worksheet(void **state)
{
    (void)state;
    cn_set_keras("2.1");
    cn_callback *callback = cn_callback_reduce_lr_on_plateau(.monitor = "val_loss", .factor = 0.5,
                                                             .patience = 2, .verbose = 1);
    attach(callback, 0.001);
    printed[0] = 0;
    cn_set_output(catch_text, NULL);
    cn_logs logs = {0};
    need(train_begin(callback, &logs) == 0, "begin");
    static const double losses[] = {0.5, 0.4, 0.3, 0.31, 0.32};
    for (int64_t epoch = 0; epoch < 5; epoch++) {
        cn_logs_set(&logs, "val_loss", losses[epoch]);
        need(epoch_end(callback, epoch, &logs) == 0, "epoch");
    }
    cn_set_output(NULL, NULL);
    assert_string_equal(
        printed,
        "\nEpoch 00005: ReduceLROnPlateau reducing learning rate to 0.0005000000237487257.\n");
    assert_true(cn_logs_get(&logs, "lr", 0) == (double)0.001f);
    cn__logs_free(&logs);
    callback->view = NULL;
    cn_set_keras("2.21");
}

static void nan_stops(void **state)
{
    (void)state;
    cn_callback *callback = cn_callback_terminate_on_nan();
    attach(callback, 0.1);
    printed[0] = 0;
    cn_set_output(catch_text, NULL);
    cn_logs logs = {0};
    cn_logs_set(&logs, "loss", 1.5);
    need(class_of(callback)->on_train_batch_end(callback, 0, &logs) == 0, "fine");
    assert_false(fake.stopped);
    cn_logs_set(&logs, "loss", NAN);
    need(class_of(callback)->on_train_batch_end(callback, 7, &logs) == 0, "nan");
    cn_set_output(NULL, NULL);
    assert_true(fake.stopped);
    assert_string_equal(printed, "Batch 7: Invalid loss, terminating training\n");
    cn_callback *loud = cn_callback_terminate_on_nan(.raise_error = true);
    attach(loud, 0.1);
    assert_true(class_of(loud)->on_train_batch_end(loud, 7, &logs) < 0);
    assert_non_null(strstr(cn_error(), "NaN or Inf loss encountered at batch 7"));
    cn_error_clear();
    cn__logs_free(&logs);
}

typedef struct seen {
    int begins;
    int64_t epoch;
    double loss;
} seen;

static void on_begin(cn_logs *logs, void *user)
{
    (void)logs;
    ((seen *)user)->begins++;
}

static void on_end(int64_t epoch, cn_logs *logs, void *user)
{
    seen *s = user;
    s->epoch = epoch;
    s->loss = cn_logs_get(logs, "loss", NAN);
    cn_logs_set(logs, "own", 2 * s->loss);
}

static int fills;

static int fill(cn_logs *logs, void *user)
{
    fills++;
    return cn_logs_set(logs, "loss", *(const double *)user);
}

static void functions_and_lazy_logs(void **state)
{
    (void)state;
    seen s = {0};
    double loss = 0.25;
    cn_callback *callback =
        cn_callback_lambda(.on_train_begin = on_begin, .on_epoch_end = on_end, .user = &s);
    cn_logs logs = {0};
    cn__logs_reset(&logs, fill, &loss);
    need(train_begin(callback, &logs) == 0, "begin");
    assert_int_equal(fills, 0); /* nobody has read them */
    need(epoch_end(callback, 3, &logs) == 0, "end");
    assert_int_equal(fills, 1);
    assert_int_equal(s.begins, 1);
    assert_int_equal(s.epoch, 3);
    assert_true(s.loss == 0.25);
    assert_true(cn_logs_get(&logs, "own", 0) == 0.5);
    assert_true(isnan(cn_logs_get(&logs, "other", NAN)));
    assert_null(cn_logs_name_at(&logs, 2));
    cn__logs_free(&logs);
}

static void histories(void **state)
{
    (void)state;
    cn_callback *callback = cn_callback_history();
    cn_logs logs = {0};
    need(train_begin(callback, &logs) == 0, "begin");
    for (int64_t epoch = 0; epoch < 2; epoch++) {
        cn__logs_reset(&logs, NULL, NULL);
        cn_logs_set(&logs, "loss", epoch ? 0.1 : 1e-7);
        if (epoch) {
            cn_logs_set(&logs, "val_loss", NAN);
        }
        need(epoch_end(callback, epoch, &logs) == 0, "epoch");
    }
    cn_history *history = cn_callback_history_of(callback);
    int64_t n;
    const double *loss = cn_history_get(history, "loss", &n);
    assert_int_equal(n, 2);
    assert_true(loss[1] == 0.1);
    assert_null(cn_history_get(history, "none", &n));
    assert_int_equal(n, 0);
    assert_int_equal(cn_history_epochs(history, &n)[1], 1);
    assert_int_equal(cn_history_count(history), 2);
    assert_string_equal(cn_history_name_at(history, 1), "val_loss");
    assert_string_equal(cn_history_json(history), "{\"loss\": [1e-07, 0.1], \"val_loss\": [NaN]}");
    cn__logs_free(&logs);
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
    cn_logs logs = {0};
    assert_null(cn_callback_reduce_lr_on_plateau(.factor = 1));
    expect_error("ReduceLROnPlateau does not support a factor >= 1.0. Got 1.0");
    assert_null(cn_callback_learning_rate_scheduler());
    expect_error("schedule");
    assert_null(cn_callback_csv_logger(NULL));
    expect_error("filename");
    cn_callback *folder = cn_callback_csv_logger("/tmp");
    assert_true(train_begin(folder, &logs) < 0);
    expect_error("CSVLogger: /tmp: ");
    cn_callback *stray = cn_callback_early_stopping();
    cn_logs_set(&logs, "val_loss", 1);
    assert_true(epoch_end(stray, 0, &logs) < 0);
    expect_error("belongs to no model");
    assert_null(cn_callback_get("NoSuchCallback"));
    cn_error_clear();
    assert_null(cn_callback_history_of(stray));
    cn_error_clear();
    cn__logs_free(&logs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#if CN_TEST_HAVE_JANSSON && CN__HAVE_JANSSON
        cmocka_unit_test(golden_texts),
        cmocka_unit_test(golden_csv),
#endif
        cmocka_unit_test(plateau_of_the_worksheet),
        cmocka_unit_test(nan_stops),
        cmocka_unit_test(functions_and_lazy_logs),
        cmocka_unit_test(histories),
        cmocka_unit_test(wrong_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
