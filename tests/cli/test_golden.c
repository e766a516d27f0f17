/* The tool against Keras: model, compile settings, weights and data of the golden training cases
 * through `cornu fit`, `evaluate` and `predict`; and the calls on single batches through the
 * library. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "core/instance.h"
#include "golden.h"
#include "tool.h"
#include <cornu/arrays.h>
#include <cornu/models.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#if CN_TEST_HAVE_JANSSON && CN__HAVE_JANSSON && CN__HAVE_LIBZIP
/* Losses agree to the rounding of float32 sums in the first epoch; later the weights' own rounding
 * grows through the steps. */
static const double first_epoch = 2e-5, later_epochs = 1e-3, weights_relative = 1e-3;
/* Metrics are counts over rows: far apart or equal but for the division. */
static const double smallest = 1e-7;

/* The cases that must not be passed over, whatever classes are there. */
static const char *const required[] = {"mlp_",
                                       "sparse_",
                                       "regression_rmsprop",
                                       "class_weight_",
                                       "sample_weight_",
                                       "validation_split_",
                                       "initial_epoch_",
                                       "steps_per_epoch_",
                                       "clip",
                                       "global_clipnorm",
                                       "schedule_",
                                       "ema_",
                                       "bn_dense_",
                                       "regularized_",
                                       "on_batch_",
                                       "validation_freq_",
                                       "gradient_accumulation_",
                                       "plateau_",
                                       "early_stopping_",
                                       "terminate_on_nan_"};

static bool is_required(const char *name)
{
    for (size_t i = 0; i < sizeof required / sizeof *required; i++) {
        if (strncmp(name, required[i], strlen(required[i])) == 0) {
            return true;
        }
    }
    return false;
}

static bool has_class(const char *name)
{
    static const cn__kind kinds[] = {CN__LAYER,       CN__LOSS,       CN__METRIC,
                                     CN__OPTIMIZER,   CN__SCHEDULE,   CN__INITIALIZER,
                                     CN__REGULARIZER, CN__CONSTRAINT, CN__ACTIVATION};
    static const char *const others[] = {"Sequential",  "Functional",       "Model",
                                         "DTypePolicy", "__keras_tensor__", "__tuple__"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (!strcmp(others[i], name)) {
            return true;
        }
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (cn__class_find(kinds[i], name)) {
            return true;
        }
    }
    return false;
}

/* The first class below the value that this build does not have, or NULL. */
static const char *missing_class(const json_t *value)
{
    const char *missing = NULL, *key;
    json_t *item;
    size_t i;
    if (json_is_array(value)) {
        json_array_foreach(value, i, item)
        {
            missing = missing ? missing : missing_class(item);
        }
    }
    json_object_foreach((json_t *)(uintptr_t)value, key, item)
    {
        if (!strcmp(key, "class_name") && json_is_string(item) &&
            !has_class(json_string_value(item))) {
            return json_string_value(item);
        }
        missing = missing ? missing : missing_class(item);
    }
    return missing;
}

/* What of the case this build does not have, or NULL. */
static const char *missing_part(const json_t *c, json_t *model)
{
    const char *missing = missing_class(model);
    missing = missing ? missing : missing_class(json_object_get(c, "compile"));
    json_t *callback;
    size_t i;
    json_array_foreach(json_object_get(c, "callbacks"), i, callback)
    {
        const char *name = json_string_value(json_array_get(callback, 0));
        if (!cn__class_find(CN__CALLBACK, name)) {
            missing = missing ? missing : name;
        }
    }
    return missing;
}

typedef struct one_case {
    golden_case golden;
    const char *name;
    char folder[TOOL_PATH], model[TOOL_PATH], weights[TOOL_PATH], saved[TOOL_PATH];
    char history[TOOL_PATH];
    char *compile; /* compile_config */
} one_case;

static json_t *member(const one_case *c, const char *key)
{
    return json_object_get(c->golden.json, key);
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* The optimizer of the case. Its config was taken after the training, where callbacks may have
 * changed the rate, which begins with what it was after the first epoch: no callback of the cases
 * changes it earlier. */
static json_t *optimizer_of(const one_case *c)
{
    const json_t *given = member(c, "compile");
    json_t *optimizer = json_object_get(given, "optimizer");
    optimizer =
        json_deep_copy(optimizer ? optimizer : json_object_get(given, "optimizer_resolved"));
    json_t *config = json_object_get(optimizer, "config");
    json_t *rates = member(c, "learning_rate_after_epoch");
    if (json_array_size(member(c, "callbacks")) > 0 &&
        json_is_number(json_object_get(config, "learning_rate"))) {
        json_object_set(config, "learning_rate", json_array_get(rates, 0));
    }
    return optimizer;
}

/* Keras 3's get_config() of some losses forgets arguments (keras-facts 9.6), which are those of the
 * case's twin by Keras 2. */
static void remember_arguments(const one_case *c, json_t *settings)
{
    json_t *loss = json_object_get(settings, "loss");
    const char *class = json_string_value(json_object_get(loss, "class_name"));
    size_t n = strlen(c->name);
    if (!class || strcmp(c->name + n - 3, "_k3") != 0 ||
        (strcmp(class, "Huber") != 0 && strcmp(class, "CosineSimilarity") != 0)) {
        return;
    }
    char below[256], path[1024];
    snprintf(below, sizeof below, "golden/training/%.*s_k2.json", (int)n - 3, c->name);
    json_t *twin = golden_path(below, path) ? json_load_file(path, 0, NULL) : NULL;
    const json_t *given = json_object_get(json_object_get(twin, "compile"), "loss");
    json_object_update_missing(json_object_get(loss, "config"), json_object_get(given, "config"));
    json_decref(twin);
}

/* The settings that compile() of the case was given. */
static char *compile_text(const one_case *c)
{
    static const char *const keys[] = {"loss", "metrics", "weighted_metrics", "loss_weights"};
    const json_t *given = member(c, "compile");
    json_t *settings = json_object();
    json_object_set_new(settings, "optimizer", optimizer_of(c));
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        json_t *value = json_object_get(given, keys[i]);
        if (value) {
            json_object_set_new(settings, keys[i], json_deep_copy(value));
        }
    }
    remember_arguments(c, settings);
    char *text = json_dumps(settings, JSON_REAL_PRECISION(17));
    json_decref(settings);
    assert_non_null(text);
    return text;
}

/* The arrays PREFIX0, PREFIX1 … of the case; returns how many. */
static int arrays(const one_case *c, const char *prefix, cn_tensor **out, int max)
{
    int n = 0;
    for (char name[32]; n < max; n++) {
        snprintf(name, sizeof name, "%s%d", prefix, n);
        if (!golden_has(&c->golden, name)) {
            break;
        }
        out[n] = golden_array(&c->golden, name);
    }
    return n;
}

/* Writes the case's model and initial weights where the tool finds them. */
static void case_files(one_case *c)
{
    cn_tensor *weights[64];
    char names[64][8];
    const char *order[64];
    int n = arrays(c, "w", weights, 64);
    for (int i = 0; i < n; i++) {
        snprintf(names[i], sizeof names[i], "w%d", i);
        order[i] = names[i];
    }
    tool_folder_begin(c->folder);
    tool_path(c->model, c->folder, "model.json");
    tool_path(c->weights, c->folder, "weights.npz");
    tool_path(c->saved, c->folder, "saved.npz");
    tool_path(c->history, c->folder, "history.json");
    write_text(c->model, golden_string(&c->golden, "model_json"));
    assert_int_equal(cn_save_npz(c->weights, n, order, (const cn_tensor *const *)weights), 0);
    c->compile = compile_text(c);
}

/* Opens a case by name; false, and the running test is skipped, if it cannot be run yet. */
static bool open_case(one_case *c, const char *name)
{
    char below[256], path[1024];
    memset(c, 0, sizeof *c);
    snprintf(below, sizeof below, "golden/training/%s.json", name);
    assert_non_null(golden_path(below, path));
    c->name = name;
    c->golden.kind = "training";
    c->golden.json = json_load_file(path, 0, NULL);
    assert_non_null(c->golden.json);
    c->golden.name = name;
    snprintf(below, sizeof below, "golden/training/%s.npz", name);
    assert_non_null(golden_path(below, c->golden.npz));
    json_t *model = json_loads(golden_string(&c->golden, "model_json"), 0, NULL);
    const char *missing = missing_part(c->golden.json, model);
    if (missing && is_required(name)) {
        fail_msg("%s is a case of this version, which has no %s", name, missing);
    }
    if (missing) {
        print_message("%s: no %s in this version\n", name, missing);
    }
    json_decref(model);
    return !missing;
}

static void close_case(one_case *c)
{
    if (c->compile) {
        tool_folder_end(c->folder);
    }
    free(c->compile);
    json_decref(c->golden.json);
}

/* Adds "--option file.npz:name" for PREFIX0, PREFIX1 …, or for the array of just this name. */
static void add_arrays(const one_case *c, tool_run *run, const char *option, const char *prefix)
{
    char name[64], spec[TOOL_PATH + 100];
    if (golden_has(&c->golden, prefix)) {
        snprintf(spec, sizeof spec, "%s:%s", c->golden.npz, prefix);
        tool_add(run, option, spec, NULL);
        return;
    }
    for (int i = 0; i < 32; i++) {
        snprintf(name, sizeof name, "%s%d", prefix, i);
        if (!golden_has(&c->golden, name)) {
            return;
        }
        snprintf(spec, sizeof spec, "%s:%s", c->golden.npz, name);
        tool_add(run, option, spec, NULL);
    }
}

/* A LearningRateScheduler whose schedule gives what the Python function of the case gave. */
static json_t *rates_by_epoch(const one_case *c)
{
    json_t *rates = member(c, "learning_rate_after_epoch"), *ends = json_array();
    for (size_t i = 0; i + 1 < json_array_size(rates); i++) {
        json_array_append_new(ends, json_integer((json_int_t)i));
    }
    return json_pack("{s:{s:s,s:{s:o,s:O}}}", "schedule", "class_name", "PiecewiseConstantDecay",
                     "config", "boundaries", ends, "values", rates);
}

/* The arguments of fit() as options: "batch_size" is --batch-size. */
static void add_fit_options(const one_case *c, tool_run *run)
{
    const char *key;
    json_t *value;
    json_object_foreach(member(c, "fit"), key, value)
    {
        char option[64];
        snprintf(option, sizeof option, "--%s", key);
        for (char *at = option; *at; at++) {
            *at = *at == '_' ? '-' : *at;
        }
        char *text = json_dumps(value, JSON_ENCODE_ANY);
        tool_add(run, option, text, NULL);
        free(text);
    }
    json_t *callback;
    size_t i;
    json_array_foreach(member(c, "callbacks"), i, callback)
    {
        const char *class = json_string_value(json_array_get(callback, 0));
        json_t *config = !strcmp(class, "LearningRateScheduler")
                             ? rates_by_epoch(c)
                             : json_incref(json_array_get(callback, 1));
        json_t *object = json_pack("{s:s,s:o}", "class_name", class, "config", config);
        char *text = json_dumps(object, 0);
        tool_add(run, "--callback", text, NULL);
        free(text);
        json_decref(object);
    }
}

/* Numbers of the golden files: what is not finite is a text there. */
static double number(const json_t *value)
{
    const char *text = json_string_value(value);
    if (!text) {
        return json_number_value(value);
    }
    return !strcmp(text, "NaN")         ? (double)NAN
           : !strcmp(text, "-Infinity") ? (double)-INFINITY
                                        : (double)INFINITY;
}

static void check_number(const char *name, const char *what, int64_t epoch, double got, double want,
                         double relative)
{
    if (isnan(want) && isnan(got)) {
        return;
    }
    if (isinf(want) && got == want) {
        return;
    }
    if (!(fabs(got - want) <= relative * fabs(want) + smallest)) {
        fail_msg("%s: %s of epoch %lld is %.9g, Keras has %.9g: off by %.2g", name, what,
                 (long long)epoch, got, want, fabs(got - want) / fabs(want));
    }
}

/* Python's NaN and Infinity are no JSON: quotes make them what the golden files have. */
static json_t *read_history(const char *path)
{
    static const char *const words[] = {"-Infinity", "Infinity", "NaN"};
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    static char text[1 << 16], quoted[1 << 17];
    size_t n = fread(text, 1, sizeof text - 1, file), at = 0;
    fclose(file);
    text[n] = 0;
    for (const char *s = text; *s;) {
        size_t word = 0, k = 0;
        for (; k < 3 && !word; k++) {
            word = strncmp(s, words[k], strlen(words[k])) ? 0 : strlen(words[k]);
        }
        at += (size_t)sprintf(quoted + at, word ? "\"%.*s\"" : "%.*s", word ? (int)word : 1, s);
        s += word ? word : 1;
    }
    json_error_t error;
    json_t *history = json_loads(quoted, 0, &error);
    if (!history) {
        fail_msg("%s: %s: %s", path, error.text, text);
    }
    return history;
}

/* The same logs in the same order, as many epochs of each, and numbers within the tolerance of
 * their epoch. */
static void check_history(const one_case *c)
{
    json_t *got = read_history(c->history);
    const char *key;
    json_t *want;
    void *at = json_object_iter(got);
    json_object_foreach(member(c, "history"), key, want)
    {
        if (!at || strcmp(json_object_iter_key(at), key) != 0) {
            fail_msg("%s: the history has \"%s\" where Keras has \"%s\"", c->name,
                     at ? json_object_iter_key(at) : "nothing", key);
        }
        const json_t *values = json_object_iter_value(at);
        if (json_array_size(values) != json_array_size(want)) {
            fail_msg("%s: %zu epochs of %s, Keras has %zu", c->name, json_array_size(values), key,
                     json_array_size(want));
        }
        for (size_t i = 0; i < json_array_size(want); i++) {
            check_number(c->name, key, (int64_t)i, number(json_array_get(values, i)),
                         number(json_array_get(want, i)), i == 0 ? first_epoch : later_epochs);
        }
        at = json_object_iter_next(got, at);
    }
    if (at) {
        fail_msg("%s: the history has \"%s\", which Keras has not", c->name,
                 json_object_iter_key(at));
    }
    json_decref(got);
}

/* A weight near zero is held to the size of its neighbours. */
static double spread(const cn_tensor *t)
{
    double sum = 0;
    int64_t n = cn_tensor_size(t);
    for (int64_t i = 0; i < n; i++) {
        double value = cn_tensor_item(t, i);
        sum += isfinite(value) ? value * value : 0;
    }
    return n > 0 ? sqrt(sum / (double)n) : 0;
}

/* The gradient of a bias ahead of a batch normalization is nothing but rounding, which Adam takes
 * for a direction: Keras's two lines do not agree on it either. */
static bool is_noise(const one_case *c, int weight)
{
    return !strncmp(c->name, "separable_", 10) && weight == 2;
}

static void check_weights(const one_case *c)
{
    cn_tensor *want[64];
    int n = arrays(c, "wf", want, 64);
    cn_named_tensors got = cn_load_npz(c->saved);
    assert_int_equal(got.n, n);
    for (int i = 0; i < n; i++) {
        char name[8];
        snprintf(name, sizeof name, "w%d", i);
        assert_string_equal(got.names[i], name);
        if (is_noise(c, i)) {
            continue;
        }
        golden_close(&c->golden, name, got.tensors[i], want[i],
                     weights_relative * spread(want[i]) + smallest, weights_relative);
    }
}

static void run_fit(one_case *c)
{
    tool_run run;
    tool_begin(&run, "fit", c->model, "--compile", c->compile, "--weights", c->weights,
               "--no-shuffle", "--verbose", "0", "--history", c->history, "--save", c->saved, NULL);
    add_arrays(c, &run, "--x", "x");
    add_arrays(c, &run, "--y", "y");
    add_arrays(c, &run, "--sample-weight", "sample_weight");
    add_arrays(c, &run, "--validation-x", "xv");
    add_arrays(c, &run, "--validation-y", "yv");
    add_arrays(c, &run, "--validation-sample-weight", "val_sample_weight");
    add_fit_options(c, &run);
    tool_must(&run);
    tool_end(&run);
}

/* The scores of the trained weights, and the predictions. */
static void run_evaluate(one_case *c)
{
    bool validation = !strcmp(golden_string(&c->golden, "evaluate_on"), "validation");
    char predictions[TOOL_PATH];
    tool_run run;
    tool_begin(&run, "evaluate", c->model, "--compile", c->compile, "--weights", c->saved, "--json",
               NULL);
    add_arrays(c, &run, "--x", validation ? "xv" : "x");
    add_arrays(c, &run, "--y", validation ? "yv" : "y");
    tool_must(&run);
    write_text(c->history, run.out);
    tool_end(&run);
    json_t *got = read_history(c->history);
    const char *key;
    json_t *want;
    assert_int_equal(json_object_size(got), json_object_size(member(c, "evaluate_dict")));
    json_object_foreach(member(c, "evaluate_dict"), key, want)
    {
        if (!json_object_get(got, key)) {
            fail_msg("%s: evaluate gives no %s", c->name, key);
        }
        check_number(c->name, key, -1, number(json_object_get(got, key)), number(want),
                     later_epochs);
    }
    json_decref(got);

    tool_path(predictions, c->folder, "predictions.npz");
    tool_begin(&run, "predict", c->model, "--weights", c->saved, "-o", predictions, NULL);
    add_arrays(c, &run, "--x", validation ? "xv" : "x");
    tool_must(&run);
    tool_end(&run);
    cn_tensor *outputs[32];
    int n = arrays(c, "p", outputs, 32);
    cn_named_tensors list = cn_load_npz(predictions);
    assert_int_equal(list.n, n);
    for (int i = 0; i < n; i++) {
        golden_close(&c->golden, list.names[i], list.tensors[i], outputs[i],
                     later_epochs * spread(outputs[i]), later_epochs);
    }
}

static void test_case(void **state)
{
    one_case c;
    if (!open_case(&c, *state)) {
        close_case(&c);
        skip();
        return;
    }
    cn_scope scope = cn_scope_begin();
    case_files(&c);
    run_fit(&c);
    check_history(&c);
    check_weights(&c);
    run_evaluate(&c);
    cn_scope_end(scope);
    close_case(&c);
}

static cn_tensors rows(cn_tensor *t, const json_t *call)
{
    cn_tensors list = {{cn_rows(t, json_integer_value(json_object_get(call, "from")),
                                json_integer_value(json_object_get(call, "to")))}};
    return list;
}

/* train_on_batch, test_on_batch and predict_on_batch, one after the other on one model. */
static void test_on_batch(void **state)
{
    one_case c;
    assert_true(open_case(&c, *state));
    cn_scope scope = cn_scope_begin();
    case_files(&c);
    cn_model *model = cn_model_from_json_file(c.model);
    if (!model || cn_model_load_weights(model, c.weights) < 0 ||
        cn_model_compile_json(model, c.compile) < 0) {
        fail_msg("%s: %s", c.name, cn_error());
    }
    cn_tensor *x = golden_array(&c.golden, "x0"), *y = golden_array(&c.golden, "y0");
    const cn_batch_args args = {.size = sizeof args, CN_BATCH_DEFAULTS};
    json_t *call;
    size_t i;
    json_array_foreach(member(&c, "calls"), i, call)
    {
        const char *name = json_string_value(json_object_get(call, "call"));
        cn_scores scores =
            strcmp(name, "train_on_batch")
                ? cn_model_test_on_batch_with(model, rows(x, call), rows(y, call), &args)
                : cn_model_train_on_batch_with(model, rows(x, call), rows(y, call), &args);
        const json_t *want = json_object_get(call, "result");
        if (scores.n != (int)json_array_size(want)) {
            fail_msg("%s: %s gives %d scores: %s", c.name, name, scores.n, cn_error());
        }
        for (int k = 0; k < scores.n; k++) {
            check_number(c.name, name, (int64_t)i, scores.values[k],
                         number(json_array_get(want, (size_t)k)), first_epoch);
        }
    }
    golden_close(&c.golden, "predict_on_batch", cn_model_predict_on_batch(model, x),
                 golden_array(&c.golden, "p0"), 1e-6, 1e-4);
    assert_int_equal(cn_model_save_weights(model, c.saved), 0);
    check_weights(&c);
    cn_scope_end(scope);
    close_case(&c);
}

enum { MAX_CASES = 256 };

int main(void)
{
    static struct CMUnitTest tests[MAX_CASES];
    size_t n = 0, i, found = 0;
    char path[1024];
    json_t *index =
        golden_path("golden/training/index.json", path) ? json_load_file(path, 0, NULL) : NULL;
    if (!index) {
        printf("golden/training is not there (CORNU_SHARED)\nskipped: 79\n");
        return 0;
    }
    json_t *entry;
    json_array_foreach(json_object_get(index, "cases"), i, entry)
    {
        const char *name = json_string_value(json_object_get(entry, "name"));
        const char *only = getenv("CORNU_TEST_CASE");
        if (n == MAX_CASES || (only && strncmp(name, only, strlen(only)) != 0)) {
            continue;
        }
        found += is_required(name);
        tests[n++] = (struct CMUnitTest){.name = name,
                                         .test_func = strncmp(name, "on_batch", 8) ? test_case
                                                                                   : test_on_batch,
                                         .initial_state = (void *)(uintptr_t)name};
    }
    if (!found && !getenv("CORNU_TEST_CASE")) {
        printf("no case of this version in %s\n", path);
        return 1;
    }
    int failed = _cmocka_run_group_tests("cli/golden", tests, n, NULL, NULL);
    json_decref(index);
    return failed;
}
#else
int main(void)
{
    printf("this build reads no JSON\nskipped: 79\n");
    return 0;
}
#endif
