/* Wrong use of models: every mistake has one answer in Keras's words, changes nothing, and training
 * goes on after it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "golden.h"
#include "models/training.h"
#include <cornu.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROWS = 10, COLUMNS = 4, CLASSES = 3 };

static cn_scope scope;
static cn_tensor *x, *y, *labels; /* (10, 4), one-hot (10, 3), int64 (10,) */

static int setup(void **state)
{
    (void)state;
    cn_set_keras("2.21");
    cn_set_random_seed(7);
    cn_clear_session();
    scope = cn_scope_begin();
    x = cn_zeros(ROWS, COLUMNS);
    float *data = cn_tensor_data_mutable(x);
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        data[i] = (float)((i * 37) % 19) / 19 - 0.4f;
    }
    labels = cn_tensor_new(CN_INT64, 1, (const int64_t[]){ROWS}, NULL);
    for (int64_t i = 0; i < ROWS; i++) {
        ((int64_t *)cn_tensor_data_mutable(labels))[i] = i * i % CLASSES;
    }
    y = cn_to_categorical(labels, .num_classes = CLASSES);
    return y ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    cn_error_clear();
    cn_scope_end(scope);
    cn_set_keras("2.21");
    return 0;
}

static cn_model *plain(void)
{
    return cn_sequential(cn_dense(6, .activation = "relu", .input_shape = {COLUMNS}),
                         cn_dense(CLASSES, .activation = "softmax"));
}

static cn_model *compiled(void)
{
    cn_model *model = plain();
    cn_model_compile(model, .optimizer = "adam", .loss = "categorical_crossentropy",
                     .metrics = {"accuracy"});
    return model;
}

static cn_model *sparse(void)
{
    cn_model *model = plain();
    cn_model_compile(model, .optimizer = "adam", .loss = "sparse_categorical_crossentropy",
                     .metrics = {"accuracy"});
    return model;
}

/* The pending error must have these words; then it is forgotten. */
static void says(int code, const char *words)
{
    if (!cn_error() || !strstr(cn_error(), words)) {
        fail_msg("expected an error with\n  %s\ngot\n  %s", words,
                 cn_error() ? cn_error() : "none");
    }
    if (code) {
        assert_int_equal(cn_error_code(), code);
    }
    assert_null(strchr(cn_error(), '\a'));
    cn_error_clear();
}

#if CN_TEST_HAVE_JANSSON
/* Whether the words are those that the real Keras says in this case; true without the golden data.
 */
static bool golden_says(const char *version, const char *name, const char *words)
{
    char path[64];
    snprintf(path, sizeof path, "golden/text/errors_%s.json", version);
    char *text = golden_text(path);
    if (!text) {
        return true;
    }
    json_t *all = json_loads(text, 0, NULL), *entry;
    size_t i;
    bool same = false;
    json_array_foreach(json_object_get(all, "errors"), i, entry)
    {
        const char *want = json_string_value(json_object_get(entry, "words"));
        if (!strcmp(json_string_value(json_object_get(entry, "name")), name)) {
            same = want && strstr(want, words);
        }
    }
    json_decref(all);
    free(text);
    return same;
}
#else
static bool golden_says(const char *version, const char *name, const char *words)
{
    (void)version;
    (void)name;
    (void)words;
    return true;
}
#endif

/* The pending error is Keras's of this golden case. */
static void says_as(int code, const char *version, const char *name, const char *words)
{
    if (!golden_says(version, name, words)) {
        fail_msg("%s of errors_%s.json does not say\n  %s", name, version, words);
    }
    says(code, words);
}

/* The program goes on: the model trains. */
static void trains(cn_model *model, cn_tensor *targets)
{
    assert_null(cn_error());
    cn_history *history = cn_model_fit(model, x, targets, .verbose = 0, .epochs = 2);
    if (!history) {
        fail_msg("training does not go on: %s", cn_error());
    }
    assert_true(isfinite(cn_history_get(history, "loss", NULL)[1]));
}

/* Everything that a step may change, as bytes. */
typedef struct snapshot {
    size_t n;
    char bytes[65536];
} snapshot;

static void add(snapshot *s, cn_tensor *t)
{
    if (t) {
        size_t n = cn__bytes(t);
        assert_true(s->n + n <= sizeof s->bytes);
        memcpy(s->bytes + s->n, cn__data(t), n);
        s->n += n;
    }
}

static void take(snapshot *s, const cn_model *model)
{
    memset(s, 0, sizeof *s);
    cn_tensor *list[64];
    int n = cn_model_weights(model, list, 64);
    for (int i = 0; i < n; i++) {
        add(s, list[i]);
    }
    n = cn_optimizer_variables(model->optimizer, list, 64);
    assert_in_range(n, 2, 64);
    for (int i = 0; i < n; i++) {
        add(s, list[i]);
    }
    int64_t iterations = cn_optimizer_iterations(model->optimizer);
    memcpy(s->bytes + s->n, &iterations, sizeof iterations);
    s->n += sizeof iterations;
    for (int i = 0; i < model->n_metrics; i++) {
        for (int k = 0; model->metrics[i].metric && k < 8; k++) {
            add(s, cn_metric_variable(model->metrics[i].metric, k));
            cn_error_clear();
        }
    }
    add(s, model->loss_total);
    add(s, model->loss_count);
    add(s, model->random_step);
}

static void same(const cn_model *model, const snapshot *before)
{
    static snapshot after;
    take(&after, model);
    assert_int_equal(after.n, before->n);
    assert_memory_equal(after.bytes, before->bytes, before->n);
}

/* Shapes
 * --------------------------------------------------------------------------------------------------------------
 */

static void wrong_input_shape(void **state)
{
    (void)state;
    cn_model *model = compiled();
    cn_tensor *wide = cn_zeros(ROWS, 7), *five = cn_zeros(ROWS, 5);
    assert_null(cn_model_fit(model, wide, y, .verbose = 0));
    says_as(CN_EVALUE, "k2", "fit_input_shape",
            "Input 0 of layer \"sequential\" is incompatible with the layer: expected "
            "shape=(None, 4), found shape=(None, 7)");
    trains(model, y);
    assert_null(cn_model_predict(model, five, .verbose = 0));
    says(CN_EVALUE, "Input 0 of layer \"sequential\" is incompatible with the layer: expected "
                    "shape=(None, 4), found shape=(None, 5)");
    assert_int_equal(cn_model_evaluate(model, wide, y, .verbose = 0).n, 0);
    says(CN_EVALUE, "found shape=(None, 7)");
    assert_null(cn_call(model, five));
    says(CN_EVALUE, "Input 0 of layer \"sequential\" is incompatible with the layer");
    cn_tensor *image = cn_zeros(ROWS, 2, 2);
    assert_null(cn_model_fit(model, image, y, .verbose = 0));
    says(CN_EVALUE, "incompatible with the layer");
    assert_int_equal(cn_model_train_on_batch(model, wide, y).n, 0);
    says(CN_EVALUE, "found shape=(None, 7)");
    trains(model, y);
    cn_set_keras("3");
    cn_model *three = compiled();
    assert_null(cn_model_fit(three, wide, y, .verbose = 0));
    says(CN_EVALUE,
         "expected axis -1 of input shape to have value 4, but received input with shape "
         "(None, 7)");
    trains(three, y);
}

static void wrong_target_shape(void **state)
{
    (void)state;
    cn_model *model = compiled();
    cn_tensor *column = cn_zeros(ROWS, 1), *five = cn_zeros(ROWS, 5);
    assert_null(cn_model_fit(model, x, column, .verbose = 0));
    says(CN_EVALUE, "Shapes (None, 1) and (None, 3) are incompatible");
    assert_null(cn_model_fit(model, x, five, .verbose = 0));
    says(CN_EVALUE, "Shapes (None, 5) and (None, 3) are incompatible");
    trains(model, y);
    cn_model *mse = plain();
    cn_model_compile(mse, .optimizer = "sgd", .loss = "mse");
    assert_null(cn_model_fit(mse, x, five, .verbose = 0));
    assert_non_null(cn_error());
    cn_error_clear();
    trains(mse, y);
    cn_model *classes = sparse();
    assert_null(cn_model_fit(classes, x, y, .verbose = 0));
    assert_non_null(cn_error());
    cn_error_clear();
    trains(classes, labels);
}

static void lengths_differ(void **state)
{
    (void)state;
    cn_model *model = compiled();
    const char *words = "Data cardinality is ambiguous";
    const char *sizes = "  x sizes: 10\n  y sizes: 8\nMake sure all arrays contain the same number "
                        "of samples.";
    assert_null(cn_model_fit(model, x, cn_rows(y, 0, 8), .verbose = 0));
    assert_non_null(strstr(cn_error(), sizes));
    says_as(CN_EVALUE, "k2", "cardinality", words);
    assert_int_equal(cn_model_evaluate(model, cn_rows(x, 0, 3), y, .verbose = 0).n, 0);
    says(CN_EVALUE, words);
    assert_null(cn_model_fit(model, x, y, .verbose = 0, .sample_weight = {{cn_ones(11)}}));
    assert_non_null(strstr(cn_error(), "  sample_weight sizes: 11\n"));
    says_as(CN_EVALUE, "k2", "sample_weight_size", words);
    assert_null(
        cn_model_fit(model, x, y, .verbose = 0, .validation_data = {{x, cn_rows(y, 0, 8)}}));
    says(CN_EVALUE, words);
    trains(model, y);
    cn_set_keras("3");
    cn_model *three = compiled();
    assert_null(cn_model_fit(three, x, cn_rows(y, 0, 8), .verbose = 0));
    says_as(CN_EVALUE, "k3", "cardinality",
            "Data cardinality is ambiguous. Make sure all arrays contain the same number of "
            "samples.'x' sizes: 10\n'y' sizes: 8\n");
    trains(three, y);
}

static void no_rows(void **state)
{
    (void)state;
    cn_model *model = compiled();
    cn_tensor *nothing = cn_rows(x, 0, 0), *none = cn_rows(y, 0, 0);
    assert_null(cn_model_fit(model, nothing, none, .verbose = 0));
    says_as(CN_EVALUE, "k2", "empty_data", "Expected input data to be non-empty.");
    assert_int_equal(cn_model_evaluate(model, nothing, none, .verbose = 0).n, 0);
    says(CN_EVALUE, "Expected input data to be non-empty.");
    assert_null(cn_model_predict(model, nothing, .verbose = 0));
    says(CN_EVALUE, "Expected input data to be non-empty.");
    assert_null(cn_model_predict_on_batch(model, nothing));
    says(CN_EVALUE, "Expected input data to be non-empty.");
    assert_int_equal(cn_model_train_on_batch(model, nothing, none).n, 0);
    says(CN_EVALUE, "Expected input data to be non-empty.");
    trains(model, y);
}

static void batch_sizes(void **state)
{
    (void)state;
    cn_model *model = compiled();
    const int64_t wrong[] = {0, -1, -1000};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char words[80];
        snprintf(words, sizeof words, "Expected batch_size to be positive. Received is %d.",
                 (int)wrong[i]);
        assert_null(cn_model_fit(model, x, y, .verbose = 0, .batch_size = wrong[i]));
        says(CN_EVALUE, words);
        assert_null(cn_model_predict(model, x, .verbose = 0, .batch_size = wrong[i]));
        says(CN_EVALUE, words);
        assert_int_equal(cn_model_evaluate(model, x, y, .verbose = 0, .batch_size = wrong[i]).n, 0);
        says(CN_EVALUE, words);
    }
    assert_true(
        golden_says("k2", "batch_size_zero", "Expected batch_size to be positive. Received is 0."));
    /* More than there are rows is one batch. */
    assert_non_null(cn_model_fit(model, x, y, .verbose = 0, .batch_size = INT64_MAX));
    assert_non_null(cn_model_predict(model, x, .verbose = 0, .batch_size = INT64_MAX));
    assert_int_equal(cn_model_evaluate(model, x, y, .verbose = 0, .batch_size = INT64_MAX).n, 2);
    trains(model, y);
}

static void fit_arguments(void **state)
{
    (void)state;
    cn_model *model = compiled();
    assert_null(cn_model_fit(model, x, y, .verbose = 0, .epochs = -1));
    says_as(CN_EVALUE, "k2", "negative_epochs", "Expected epochs to be positive. Received is -1.");
    assert_null(cn_model_fit(model, x, y, .verbose = 0, .validation_split = 1));
    says(CN_EVALUE, "`validation_split`");
    assert_null(cn_model_fit(model, x, y, .verbose = 0, .validation_split = NAN));
    says(CN_EVALUE, "`validation_split`");
    assert_null(cn_model_fit(model, cn_rows(x, 0, 1), cn_rows(y, 0, 1), .verbose = 0,
                             .validation_split = 0.5));
    says_as(
        CN_EVALUE, "k2", "validation_split_too_large",
        "Training data contains 1 samples, which is not sufficient to split it into a validation "
        "and training set as specified by `validation_split=0.5`. Either provide more data, or a "
        "different value for the `validation_split` argument.");
    assert_null(cn_model_fit(model, x, y, .verbose = 0, .steps_per_epoch = 0));
    assert_non_null(cn_error());
    cn_error_clear();
    assert_null(cn_model_fit(model, x, y, .verbose = 0, .validation_freq = 0));
    assert_non_null(cn_error());
    cn_error_clear();
    assert_null(cn_model_fit(model, cn_list(x, x), y, .verbose = 0));
    says(CN_EVALUE, "Layer \"sequential\" expects 1 input(s), but it received 2 input tensors.");
    assert_null(cn_model_fit(model, x, y, .verbose = 0, .callbacks = {{(void *)x}}));
    says(CN_ETYPE, "expected a callback, got a tensor");
    trains(model, y);
}

/* Names and order
 * ------------------------------------------------------------------------------------------------------
 */

static void unknown_names(void **state)
{
    (void)state;
    const char *tail = "Please ensure you are using a `keras.utils.custom_object_scope`";
    assert_true(golden_says("k2", "unknown_loss", tail));
    cn_model *model = plain();
    assert_true(cn_model_compile(model, .optimizer = "adam", .loss = "msee") < 0 ||
                !cn_model_fit(model, x, y, .verbose = 0));
    says_as(CN_EKEY, "k2", "unknown_loss", "Unknown loss function: 'msee'. Please ensure");
    assert_true(cn_model_compile(model, .optimizer = "adamx", .loss = "mse") < 0);
    says_as(CN_EKEY, "k2", "unknown_optimizer", "Unknown optimizer: 'adamx'. Please ensure");
    assert_true(
        cn_model_compile(model, .optimizer = "adam", .loss = "mse", .metrics = {"accurracy"}) < 0 ||
        !cn_model_fit(model, x, y, .verbose = 0));
    says(CN_EKEY, "accurracy");
    assert_null(cn_dense(3, .activation = "rellu"));
    says_as(CN_EKEY, "k2", "unknown_activation",
            "Unknown activation function 'rellu' cannot be deserialized.");
    assert_null(cn_dense(3, .kernel_initializer = "glorot"));
    says_as(CN_EKEY, "k2", "unknown_initializer", "Unknown initializer: 'glorot'. Please ensure");
    assert_null(cn_dense(-3));
    says_as(
        CN_EVALUE, "k2", "negative_units",
        "Received an invalid value for `units`, expected a positive integer. Received: units=-3");
    cn_model_compile(model, .optimizer = "adam", .loss = "categorical_crossentropy");
    trains(model, y);
    cn_set_keras("3");
    cn_model *three = plain();
    assert_true(cn_model_compile(three, .optimizer = "adamx", .loss = "mse") < 0);
    says_as(CN_EKEY, "k3", "unknown_optimizer", "Could not interpret optimizer identifier: adamx");
    assert_true(cn_model_compile(three, .optimizer = "adam", .loss = "msee") < 0);
    says_as(CN_EKEY, "k3", "unknown_loss", "Could not interpret loss identifier: msee");
    assert_true(
        cn_model_compile(three, .optimizer = "adam", .loss = "mse", .metrics = {"accurracy"}) < 0 ||
        !cn_model_fit(three, x, y, .verbose = 0));
    says_as(CN_EKEY, "k3", "unknown_metric", "Could not interpret metric identifier: accurracy");
    assert_null(cn_dense(3, .activation = "rellu"));
    says_as(CN_EKEY, "k3", "unknown_activation",
            "Could not interpret activation function identifier: rellu");
}

static void before_compile(void **state)
{
    (void)state;
    cn_model *model = plain();
    const char *words = "You must compile your model before training/testing. Use "
                        "`model.compile(optimizer, loss)`.";
    assert_null(cn_model_fit(model, x, y, .verbose = 0));
    says_as(CN_ESTATE, "k2", "fit_before_compile", words);
    assert_int_equal(cn_model_evaluate(model, x, y, .verbose = 0).n, 0);
    says_as(CN_ESTATE, "k2", "evaluate_before_compile", words);
    assert_int_equal(cn_model_train_on_batch(model, x, y).n, 0);
    says(CN_ESTATE, words);
    assert_int_equal(cn_model_test_on_batch(model, x, y).n, 0);
    says(CN_ESTATE, words);
    assert_non_null(cn_model_predict(model, x, .verbose = 0));
    cn_model_compile(model, .optimizer = "adam");
    assert_null(cn_model_fit(model, x, y, .verbose = 0));
    says(CN_EVALUE, "No loss");
    cn_model_compile(model, .optimizer = "adam", .loss = "mse");
    assert_null(cn_model_fit_with(model, cn_list(x), cn_list(NULL), &cn_fit_defaults));
    says_as(CN_EVALUE, "k2", "missing_targets", "Target data is missing.");
    trains(model, y);
    cn_set_keras("3");
    model = plain();
    assert_null(cn_model_fit(model, x, y, .verbose = 0));
    says_as(CN_ESTATE, "k3", "fit_before_compile",
            "You must call `compile()` before using the model.");
}

static void not_built(void **state)
{
    (void)state;
    cn_model *model = cn_sequential(cn_dense(5), cn_dense(CLASSES));
    assert_true(cn_model_count_params(model) < 0);
    assert_non_null(cn_error());
    cn_error_clear();
    float into[CLASSES * ROWS];
    assert_true(cn_model_predict_into(model, cn_tensor_data(x), ROWS, into, sizeof into) < 0);
    says(CN_ESTATE, "expected a built model");
    cn_model_compile(model, .optimizer = "adam", .loss = "mse");
    trains(model, y);
    cn_model *empty = cn_sequential();
    cn_model_compile(empty, .optimizer = "adam", .loss = "mse");
    assert_null(cn_model_fit(empty, x, y, .verbose = 0));
    assert_non_null(cn_error());
    cn_error_clear();
    assert_true(cn_model_pop(empty) < 0);
    says_as(CN_EVALUE, "k2", "sequential_pop_empty", "There are no layers in the model.");
    assert_null(cn_model_layer(empty, 0));
    assert_non_null(cn_error());
    cn_error_clear();
}

/* Data that are wrong
 * --------------------------------------------------------------------------------------------------
 */

static void label_out_of_range(void **state)
{
    (void)state;
    static snapshot before;
    const int64_t wrong[] = {CLASSES, 7, -1, INT64_MAX, INT64_MIN};
    for (int threads = 1; threads <= 2; threads++) {
        cn_set_num_threads(threads);
        cn_model *model = sparse();
        trains(model, labels);
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
            int64_t *data = cn_tensor_data_mutable(labels), kept = data[6];
            data[6] = wrong[i];
            take(&before, model);
            assert_int_equal(cn_model_train_on_batch(model, x, labels, .reset_metrics = false).n,
                             0);
            char words[120];
            snprintf(words, sizeof words,
                     "Received a label value of %lld which is outside the valid range of [0, 3).",
                     (long long)wrong[i]);
            says(CN_EINDEX, words);
            same(model, &before);
            assert_int_equal(cn_model_test_on_batch(model, x, labels, .reset_metrics = false).n, 0);
            says(CN_EINDEX, words);
            same(model, &before);
            assert_null(cn_model_fit(model, x, labels, .verbose = 0));
            says(CN_EINDEX, words);
            ((int64_t *)cn_tensor_data_mutable(labels))[6] = kept;
            trains(model, labels);
        }
    }
    cn_set_num_threads(0);
    assert_true(
        golden_says("k2", "sparse_label_out_of_range",
                    "Received a label value of 7 which is outside the valid range of [0, "));
}

/* A large batch is cut into chunks and shared by threads: the first wrong label is named whoever
 * meets it, and the step still changes nothing. */
static void label_in_a_large_batch(void **state)
{
    (void)state;
    static snapshot before;
    enum { MANY = 4096 };
    cn_tensor *large = cn_random_normal(.shape = {MANY, COLUMNS}, .seed = 3);
    cn_tensor *many = cn_tensor_new(CN_INT64, 1, (const int64_t[]){MANY}, NULL);
    assert_non_null(large);
    for (int threads = 1; threads <= 5; threads += 2) {
        cn_set_num_threads(threads);
        cn_model *model =
            cn_sequential(cn_dense(64, .activation = "relu", .input_shape = {COLUMNS}),
                          cn_dense(CLASSES, .activation = "softmax"));
        cn_model_compile(model, .optimizer = "adam", .loss = "sparse_categorical_crossentropy",
                         .metrics = {"accuracy"});
        int64_t *data = cn_tensor_data_mutable(many);
        memset(data, 0, MANY * sizeof *data);
        assert_int_equal(cn_model_train_on_batch(model, large, many).n, 2);
        data[4000] = 90;
        data[3000] = 80;
        data[2000] = 70;
        for (int again = 0; again < 20; again++) {
            take(&before, model);
            assert_int_equal(cn_model_train_on_batch(model, large, many, .reset_metrics = false).n,
                             0);
            says(CN_EINDEX, "Received a label value of 70 which");
            same(model, &before);
        }
        memset(data, 0, MANY * sizeof *data);
        assert_int_equal(cn_model_train_on_batch(model, large, many).n, 2);
    }
    cn_set_num_threads(0);
}

static void not_a_number(void **state)
{
    (void)state;
    cn_model *model = compiled();
    const float wrong[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < 3; i++) {
        float *data = cn_tensor_data_mutable(x), kept = data[5];
        data[5] = wrong[i];
        cn_history *history = cn_model_fit(model, x, y, .verbose = 0, .epochs = 2);
        if (!history) {
            fail_msg("%s", cn_error());
        }
        if (i == 0) {
            assert_true(isnan(cn_history_get(history, "loss", NULL)[0]));
            assert_true(isnan(cn_history_get(history, "loss", NULL)[1]));
        }
        data[5] = kept;
        cn_scores scores = cn_model_evaluate(model, x, y, .verbose = 0);
        assert_int_equal(scores.n, 2);
        model = compiled();
    }
    trains(model, y);
    /* A label that is no number is no class. */
    cn_model *classes = sparse();
    cn_tensor *real = cn_cast(labels, CN_FLOAT32);
    ((float *)cn_tensor_data_mutable(real))[2] = NAN;
    assert_null(cn_model_fit(classes, x, real, .verbose = 0));
    says(CN_EINDEX, "outside the valid range of [0, 3)");
    trains(classes, labels);
    cn_callback *terminate = cn_callback_terminate_on_nan();
    ((float *)cn_tensor_data_mutable(x))[5] = NAN;
    cn_history *history =
        cn_model_fit(model, x, y, .verbose = 0, .epochs = 5, .callbacks = {{terminate}});
    int64_t epochs = 0;
    cn_history_epochs(history, &epochs);
    assert_int_equal(epochs, 1);
}

/* Objects of the wrong kind
 * --------------------------------------------------------------------------------------------- */

static void null_everywhere(void **state)
{
    (void)state;
    cn_model *model = compiled();
#define FAILS(call)                                                                                \
    do {                                                                                           \
        (void)(call);                                                                              \
        if (!cn_error()) {                                                                         \
            fail_msg("no error: %s", #call);                                                       \
        }                                                                                          \
        cn_error_clear();                                                                          \
    } while (0)
    FAILS(cn_model_fit((cn_model *)NULL, x, y));
    FAILS(cn_model_fit(model, (cn_tensor *)NULL, y));
    FAILS(cn_model_fit(model, x, (cn_tensor *)NULL));
    FAILS(cn_model_fit_with(model, cn_list(x), cn_list(y), NULL));
    FAILS(cn_model_fit_with(model, cn_list(x), cn_list(y), &(cn_fit_args){0}));
    FAILS(cn_model_evaluate((cn_model *)NULL, x, y));
    FAILS(cn_model_evaluate(model, (cn_tensor *)NULL, y));
    FAILS(cn_model_evaluate(model, x, (cn_tensor *)NULL));
    FAILS(cn_model_evaluate_with(model, cn_list(x), cn_list(y), NULL));
    FAILS(cn_model_predict((cn_model *)NULL, x));
    FAILS(cn_model_predict(model, (cn_tensor *)NULL));
    FAILS(cn_model_predict_with(model, cn_list(x), NULL));
    FAILS(cn_model_predict_on_batch((cn_model *)NULL, x));
    FAILS(cn_model_predict_on_batch(model, (cn_tensor *)NULL));
    FAILS(cn_model_train_on_batch((cn_model *)NULL, x, y));
    FAILS(cn_model_train_on_batch_with(model, cn_list(x), cn_list(y), NULL));
    FAILS(cn_model_test_on_batch((cn_model *)NULL, x, y));
    FAILS(cn_model_predict_into(NULL, cn_tensor_data(x), 1, (float[CLASSES]){0}, 12));
    FAILS(cn_model_predict_into(model, NULL, 1, (float[CLASSES]){0}, 12));
    FAILS(cn_model_predict_into(model, cn_tensor_data(x), 1, NULL, 12));
    FAILS(cn_model_predict_into(model, cn_tensor_data(x), 0, (float[CLASSES]){0}, 12));
    FAILS(cn_model_predict_into(model, cn_tensor_data(x), 1, (float[CLASSES]){0}, 11));
    FAILS(cn_model_compile((cn_model *)NULL, .loss = "mse"));
    FAILS(cn_model_compile_with(model, NULL));
    FAILS(cn_model_compile(model, .optimizer = NULL, .loss = "mse"));
    FAILS(cn_sequential_with(NULL));
    FAILS(cn_functional_with(NULL));
    FAILS(cn_functional(.name = "none"));
    FAILS(cn_input_with(NULL));
    FAILS(cn_input());
    FAILS(cn_model_new(NULL, NULL));
    FAILS(cn_model_add(NULL, NULL));
    FAILS(cn_model_add(model, NULL));
    FAILS(cn_model_pop(NULL));
    FAILS(cn_model_name(NULL));
    FAILS(cn_model_n_layers(NULL));
    FAILS(cn_model_layer(NULL, 0));
    FAILS(cn_model_get_layer(NULL, "dense"));
    FAILS(cn_model_get_layer(model, NULL));
    FAILS(cn_model_as_layer(NULL));
    FAILS(cn_model_input(NULL, 0));
    FAILS(cn_model_output(NULL, 0));
    FAILS(cn_model_output(model, 5));
    FAILS(cn_model_n_outputs(NULL));
    FAILS(cn_model_build(NULL, NULL));
    FAILS(cn_model_build(cn_sequential(cn_dense(2)), NULL));
    FAILS(cn_model_built(NULL));
    FAILS(cn_model_count_params(NULL));
    FAILS(cn_model_weights(NULL, NULL, 0));
    FAILS(cn_model_trainable_weights(NULL, NULL, 0));
    FAILS(cn_model_non_trainable_weights(NULL, NULL, 0));
    FAILS(cn_model_set_weights(NULL, 0, NULL));
    FAILS(cn_model_set_weights(model, 4, (cn_tensor *[4]){0}));
    FAILS(cn_model_set_trainable(NULL, true));
    FAILS(cn_model_metrics_name(NULL, 0));
    FAILS(cn_model_optimizer(NULL));
    FAILS((cn_model_stop_training(NULL), 0));
    FAILS(cn_model_stops_training(NULL));
    FAILS(cn_call((cn_layer *)NULL, x));
    FAILS(cn_dense_with(NULL));
    FAILS(cn_dense_with(&(cn_dense_args){0}));
    FAILS((cn_add)(NULL, x));
    FAILS((cn_assign)(NULL, x));
    FAILS((cn_assign)(x, NULL));
    FAILS((cn_assign)(x, x));
    FAILS(cn_rows(NULL, 0, 1));
    FAILS(cn_reshape(NULL, 1));
    FAILS(cn_tensor_data(NULL));
    FAILS(cn_tensor_item(NULL, 0));
    FAILS(cn_optimizer_learning_rate(NULL));
    FAILS(cn_optimizer_set_learning_rate(NULL, 1));
    FAILS(cn_optimizer_iterations(NULL));
    FAILS(cn_loss_call(NULL, y, y, NULL));
    FAILS(cn_metric_update(NULL, y, y, NULL));
    FAILS(cn_metric_result(NULL));
    FAILS(cn_metric_reset(NULL));
    FAILS(cn_tape_gradient(NULL, x, x));
    FAILS(cn_tape_end(NULL));
    FAILS(cn_load_array(NULL));
    FAILS(cn_load_npy(NULL));
    FAILS(cn_load_npz(NULL));
    FAILS(cn_load_npz_array(NULL, NULL));
    FAILS(cn_load_csv(NULL));
    FAILS(cn_load_idx(NULL));
    FAILS(cn_save_npy(NULL, x));
    FAILS(cn_save_npy("x.npy", NULL));
    FAILS(cn_history_get(NULL, "loss", NULL));
    FAILS(cn_set_keras(NULL));
    FAILS(cn_set_allocator(NULL));
    FAILS(cn_set_num_threads(-1));
    cn_free(NULL);
    cn_scope_end((cn_scope){0});
    cn_scope_end((cn_scope){UINT64_MAX});
    cn_model_compile(model, .optimizer = "adam", .loss = "mse");
    trains(model, y);
}

/* Every public call of these gets every kind of object that it does not want. */
static void wrong_kinds(void **state)
{
    (void)state;
    cn_model *model = compiled();
    trains(model, y);
    cn_layer *layer = cn_dense(3);
    void *objects[] = {x,
                       layer,
                       model,
                       cn_optimizer_sgd(),
                       cn_loss_get("mse"),
                       cn_metric_get("mse"),
                       cn_callback_terminate_on_nan(),
                       cn_tape_begin(),
                       cn_history_json(cn_model_fit(model, x, y, .verbose = 0))
                           ? (void *)(uintptr_t) "name"
                           : NULL,
                       cn_initializer_get("zeros"),
                       cn_regularizer_l2()};
    static const char *const kinds[] = {"tensor", "layer",       "model",      "optimizer",
                                        "loss",   "metric",      "callback",   "tape",
                                        "string", "initializer", "regularizer"};
    cn_tape_end(objects[7]);
    for (size_t i = 0; i < sizeof objects / sizeof *objects; i++) {
        void *o = objects[i];
        const char *kind = kinds[i];
        assert_non_null(o);
        bool tensor = i == 0, model_ = i == 2, layer_ = i == 1 || i == 2;
        if (!tensor) {
            FAILS(cn_model_fit(model, (cn_tensor *)o, y, .verbose = 0));
            FAILS(cn_model_fit(model, x, (cn_tensor *)o, .verbose = 0));
            FAILS(cn_model_fit(model, x, y, .verbose = 0, .sample_weight = {{o}}));
            FAILS(cn_model_fit(model, x, y, .verbose = 0, .validation_data = {{o, y}}));
            FAILS(cn_model_fit(model, (cn_tensor *)o, y, .verbose = 0, .validation_split = 0.5));
            FAILS(cn_model_fit(model, x, (cn_tensor *)o, .verbose = 0, .validation_split = 0.5));
            FAILS(cn_model_predict(model, (cn_tensor *)o));
            FAILS(cn_model_predict_on_batch(model, (cn_tensor *)o));
            FAILS(cn_model_evaluate(model, (cn_tensor *)o, y));
            FAILS(cn_model_train_on_batch(model, x, (cn_tensor *)o));
            FAILS((cn_add)(o, x));
            FAILS((cn_matmul)(x, o));
            FAILS(cn_relu(o));
            FAILS(cn_sum((cn_tensor *)o));
            FAILS(cn_reshape((cn_tensor *)o, -1));
            FAILS(cn_rows(o, 0, 1));
            FAILS((cn_assign)(o, x));
            FAILS((cn_assign)(x, o));
            FAILS(cn_call(layer, (cn_tensor *)o));
            FAILS(cn_tensor_data(o));
            FAILS(cn_tensor_rank(o));
            FAILS(cn_tape_watch(objects[7], o));
            FAILS(cn_tape_gradient(objects[7], o, x));
            FAILS(cn_tape_gradient(objects[7], x, o));
            FAILS(cn_loss_call(objects[4], o, y, NULL));
            FAILS(cn_metric_update(objects[5], y, o, NULL));
            FAILS(cn_save_npy("x.npy", o));
            FAILS(cn_functional(.inputs = {{o}}, .outputs = {{o}}));
            FAILS(cn_model_set_weights(model, 4, (cn_tensor *[4]){o, o, o, o}));
            FAILS(cn_optimizer_build(objects[3], 1, (cn_tensor *[1]){o}));
            FAILS(cn_optimizer_apply_gradients(objects[3], 1, (cn_tensor *[1]){o},
                                               (cn_tensor *[1]){o}));
        }
        if (!model_) {
            FAILS(cn_model_fit((cn_model *)o, x, y, .verbose = 0));
            FAILS(cn_model_evaluate((cn_model *)o, x, y));
            FAILS(cn_model_predict((cn_model *)o, x));
            FAILS(cn_model_compile((cn_model *)o, .loss = "mse"));
            FAILS(cn_model_add((cn_model *)o, layer));
            FAILS(cn_model_pop(o));
            FAILS(cn_model_count_params(o));
            FAILS(cn_model_get_layer(o, "dense"));
            FAILS(cn_model_predict_into(o, cn_tensor_data(x), 1, (float[CLASSES]){0}, 12));
            FAILS(cn_model_optimizer(o));
        }
        if (!layer_) {
            FAILS(cn_call((cn_layer *)o, x));
            if (!tensor) {
                FAILS(cn_model_add(model, o));
                FAILS(cn_sequential(o));
            }
            FAILS(cn_layer_name(o));
            FAILS(cn_layer_weight(o, 0));
        }
        if (i != 3) {
            FAILS(cn_optimizer_learning_rate(o));
            if (i != 8) {
                FAILS(cn_model_compile(model, .optimizer = o, .loss = "mse"));
                assert_null(cn_optimizer_get(o));
                says(CN_ETYPE, kind);
            }
        }
        if (i != 4 && i != 8) {
            FAILS(cn_model_compile(model, .optimizer = "adam", .loss = {{o}}));
            FAILS(cn_loss_call(o, y, y, NULL));
        }
        if (i != 5 && i != 4 && i != 8) {
            FAILS(cn_model_compile(model, .optimizer = "adam", .loss = "mse", .metrics = {{o}}));
            FAILS(cn_metric_result(o));
        }
        if (i != 6) {
            cn_model_compile(model, .optimizer = "adam", .loss = "mse");
            FAILS(cn_model_fit(model, x, y, .verbose = 0, .callbacks = {{o}}));
        }
        if (i != 7) {
            FAILS(cn_tape_gradient(o, x, x));
        }
        if (i != 8 && i != 9) {
            FAILS(cn_dense(3, .kernel_initializer = o));
        }
        if (i != 8 && i != 10) {
            FAILS(cn_dense(3, .kernel_regularizer = o));
        }
        cn_model_compile(model, .optimizer = "adam", .loss = "mse");
    }
    trains(model, y);
}

/* Files
 * ------------------------------------------------------------------------------------------------------------------
 */

static void files(void **state)
{
    (void)state;
    char folder[] = "wrong_use_XXXXXX", path[128];
    assert_non_null(mkdtemp(folder));
    FAILS(cn_load_npy(folder));
    FAILS(cn_load_npz(folder));
    FAILS(cn_load_npz_array(folder, "x"));
    FAILS(cn_load_csv(folder));
    FAILS(cn_load_idx(folder));
    FAILS(cn_load_array(folder));
    FAILS(cn_save_npy(folder, x));
    FAILS(cn_load_npy("nowhere/x.npy"));
    FAILS(cn_save_npy("nowhere/x.npy", x));
    snprintf(path, sizeof path, "%s/x.npz", folder);
#if CN__HAVE_LIBZIP
    assert_int_equal(
        cn_save_npz(path, 2, (const char *const[]){"a", "b"}, (const cn_tensor *const[]){x, y}), 0);
    FILE *file = fopen(path, "rb");
    static char bytes[65536];
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    for (size_t cut = 0; cut < size; cut += cut < 64 || cut > size - 64 ? 1 : 37) {
        file = fopen(path, "wb");
        fwrite(bytes, 1, cut, file);
        fclose(file);
        cn_named_tensors read = cn_load_npz(path);
        if (!cn_error() || read.n) {
            fail_msg("a .npz cut to %zu of %zu bytes was read", cut, size);
        }
        cn_error_clear();
    }
#endif
    remove(path);
    assert_int_equal(rmdir(folder), 0);
    trains(compiled(), y);
}

/* While an error is pending nothing else is done, and the first message stays. */
static void pending(void **state)
{
    (void)state;
    static snapshot before;
    cn_model *model = compiled();
    trains(model, y);
    take(&before, model);
    assert_null(cn_dense(3, .activation = "rellu"));
    assert_null(cn_model_fit(model, x, y, .verbose = 0));
    assert_null(cn_model_predict(model, x, .verbose = 0));
    assert_int_equal(cn_model_evaluate(model, x, y, .verbose = 0).n, 0);
    assert_int_equal(cn_model_train_on_batch(model, x, y).n, 0);
    assert_true(cn_model_compile(model, .loss = "mse") < 0);
    assert_true(cn_model_predict_into(model, cn_tensor_data(x), 1, (float[CLASSES]){0}, 12) < 0);
    assert_null(cn_model_get_layer(model, "dense"));
    says(CN_EKEY, "rellu");
    same(model, &before);
    trains(model, y);
}

/* A hook's own error ends the training with its words. */
static int stop_with_words(cn_callback *self, int64_t epoch, cn_logs *logs)
{
    (void)self;
    (void)logs;
    return epoch == 1 ? cn_fail(CN_EVALUE, "enough of it") : 0;
}

static int compile_again(cn_callback *self, int64_t epoch, cn_logs *logs)
{
    (void)epoch;
    (void)logs;
    return cn_model_compile(cn_callback_model(self), .optimizer = "sgd",
                            .loss = "categorical_crossentropy", .metrics = {"accuracy", "mse"});
}

static int predict_within(cn_callback *self, int64_t epoch, cn_logs *logs)
{
    (void)epoch;
    (void)logs;
    cn_model *model = cn_callback_model(self);
    return cn_model_predict(model, x, .verbose = 0) &&
                   cn_model_evaluate(model, x, y, .verbose = 0).n
               ? 0
               : cn_error_code();
}

static void hooks(void **state)
{
    (void)state;
    static const cn_callback_class failing = {.base = {.size = sizeof failing,
                                                       .name = "Failing",
                                                       .args_size = sizeof(cn_callback_args),
                                                       .defaults = &cn_callback_defaults},
                                              .on_epoch_end = stop_with_words};
    static const cn_callback_class compiling = {.base = {.size = sizeof compiling,
                                                         .name = "Compiling",
                                                         .args_size = sizeof(cn_callback_args),
                                                         .defaults = &cn_callback_defaults},
                                                .on_epoch_begin = compile_again};
    static const cn_callback_class looking = {.base = {.size = sizeof looking,
                                                       .name = "Looking",
                                                       .args_size = sizeof(cn_callback_args),
                                                       .defaults = &cn_callback_defaults},
                                              .on_epoch_end = predict_within};
    cn_model *model = compiled();
    assert_null(cn_model_fit(model, x, y, .verbose = 0, .epochs = 3,
                             .callbacks = {{cn_callback_new(&failing, NULL)}}));
    says(CN_EVALUE, "enough of it");
    trains(model, y);
    assert_non_null(cn_model_fit(model, x, y, .verbose = 0, .epochs = 2,
                                 .callbacks = {{cn_callback_new(&looking, NULL)}}));
    /* Whatever becomes of a model that is compiled while it trains, nothing breaks. */
    cn_model_fit(model, x, y, .verbose = 0, .epochs = 3,
                 .callbacks = {{cn_callback_new(&compiling, NULL)}});
    cn_error_clear();
    trains(model, y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(wrong_input_shape, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_target_shape, setup, teardown),
        cmocka_unit_test_setup_teardown(lengths_differ, setup, teardown),
        cmocka_unit_test_setup_teardown(no_rows, setup, teardown),
        cmocka_unit_test_setup_teardown(batch_sizes, setup, teardown),
        cmocka_unit_test_setup_teardown(fit_arguments, setup, teardown),
        cmocka_unit_test_setup_teardown(unknown_names, setup, teardown),
        cmocka_unit_test_setup_teardown(before_compile, setup, teardown),
        cmocka_unit_test_setup_teardown(not_built, setup, teardown),
        cmocka_unit_test_setup_teardown(label_out_of_range, setup, teardown),
        cmocka_unit_test_setup_teardown(label_in_a_large_batch, setup, teardown),
        cmocka_unit_test_setup_teardown(not_a_number, setup, teardown),
        cmocka_unit_test_setup_teardown(null_everywhere, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_kinds, setup, teardown),
        cmocka_unit_test_setup_teardown(files, setup, teardown),
        cmocka_unit_test_setup_teardown(pending, setup, teardown),
        cmocka_unit_test_setup_teardown(hooks, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
