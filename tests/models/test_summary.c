/* Summaries to the character: Keras's own texts, the worksheets' generation, versions, errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "golden.h"
#include "models/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct lines {
    char text[16384];
    size_t length;
    int calls;
} lines;

static int collect(const char *line, void *user)
{
    lines *l = user;
    l->calls++;
    int n = snprintf(l->text + l->length, sizeof l->text - l->length, "%s\n", line);
    assert_true(n >= 0 && (size_t)n < sizeof l->text - l->length);
    l->length += (size_t)n;
    return 0;
}

static int refuse(const char *line, void *user)
{
    (void)line;
    (void)user;
    return CN_EIO;
}

static void expect_error(int code, const char *words)
{
    if (!cn_error() || !strstr(cn_error(), words)) {
        fail_msg("expected an error with \"%s\", got \"%s\"", words,
                 cn_error() ? cn_error() : "none");
    }
    assert_int_equal(cn_error_code(), code);
    cn_error_clear();
}

static int begin(void **state)
{
    static cn_scope scope;
    setenv("COLUMNS", "80", 1);
    cn_set_keras("2.21");
    cn_clear_session();
    scope = cn_scope_begin();
    *state = &scope;
    return 0;
}

static int end(void **state)
{
    cn_scope_end(*(cn_scope *)*state);
    assert_null(cn_error());
    return cn_set_keras("2.21");
}

static const char mlp23[] = "Model: \"net\"\n"
                            "_________________________________________________________________\n"
                            "Layer (type)                 Output Shape              Param #   \n"
                            "=================================================================\n"
                            "dense_1 (Dense)              (None, 512)               401920    \n"
                            "_________________________________________________________________\n"
                            "a_layer_with_quite_a_long_na (None, 512)               0         \n"
                            "_________________________________________________________________\n"
                            "dense_2 (Dense)              (None, 10)                5130      \n"
                            "=================================================================\n"
                            "Total params: 407,050\n"
                            "Trainable params: 5,130\n"
                            "Non-trainable params: 401,920\n"
                            "_________________________________________________________________\n";

/* The table of the worksheets: ruled rows, cut columns, commas. */
static void test_keras23(void **state)
{
    (void)state;
    lines got = {0};
    cn_set_keras("2.3");
    cn_model *model = cn_sequential(cn_dense(512, .input_shape = {784}, .trainable = false),
                                    cn_dropout(.5, .name = "a_layer_with_quite_a_long_name"),
                                    cn_dense(10), .name = "net");
    assert_int_equal(cn_model_summary(model, .print_fn = collect, .user = &got), 0);
    assert_string_equal(got.text, mlp23);
}

static const char branches23[] = "Model: \"model_1\"\n"
                                 "_________________________________________________________________"
                                 "_________________________________\n"
                                 "Layer (type)                    Output Shape         Param #     "
                                 "Connected to                     \n"
                                 "================================================================="
                                 "=================================\n"
                                 "input_1 (InputLayer)            (None, 4)            0           "
                                 "                                 \n"
                                 "_________________________________________________________________"
                                 "_________________________________\n"
                                 "dense_1 (Dense)                 (None, 4)            20          "
                                 "input_1[0][0]                    \n"
                                 "                                                                 "
                                 "dense_1[0][0]                    \n"
                                 "================================================================="
                                 "=================================\n"
                                 "Total params: 20\n"
                                 "Trainable params: 20\n"
                                 "Non-trainable params: 0\n"
                                 "_________________________________________________________________"
                                 "_________________________________\n";

static void test_connections23(void **state)
{
    (void)state;
    lines got = {0};
    cn_set_keras("2.3");
    cn_tensor *in = cn_input(.shape = {4});
    cn_layer *dense = cn_dense(4);
    cn_model *model =
        cn_functional(.inputs = {in}, .outputs = {cn_call(dense, cn_call(dense, in))});
    assert_int_equal(cn_model_summary(model, .print_fn = collect, .user = &got), 0);
    assert_string_equal(got.text, branches23);
}

/* tf.keras 2.9: wrapped rows as later, but no sizes and commas as before. */
static void test_keras29(void **state)
{
    (void)state;
    lines got = {0};
    cn_set_keras("2.9");
    cn_model *model = cn_sequential(cn_dense(512, .input_shape = {784}));
    assert_int_equal(cn_model_summary(model, .print_fn = collect, .user = &got), 0);
    assert_non_null(
        strstr(got.text, "\n dense (Dense)               (None, 512)               401920    \n"));
    assert_non_null(strstr(got.text, "\nTotal params: 401,920\n"));
}

static void test_unbuilt(void **state)
{
    (void)state;
    lines got = {0};
    cn_model *model = cn_sequential(cn_dense(2));
    assert_true(cn_model_summary(model, .print_fn = collect, .user = &got) < 0);
    expect_error(CN_ESTATE,
                 "This model has not yet been built. Build the model first by calling `build()` or "
                 "by calling the model on a batch of data.");
    cn_set_keras("2.3");
    assert_true(cn_model_summary(cn_sequential(cn_dense(2)), .print_fn = collect, .user = &got) <
                0);
    expect_error(
        CN_ESTATE,
        "This model has not yet been built. Build the model first by calling `build()` or "
        "calling `fit()` with some data, or specify an `input_shape` argument in the first "
        "layer(s) for automatic build.");
    assert_int_equal(got.calls, 0);
    cn_set_keras("3.15");
    assert_int_equal(
        cn_model_summary(cn_sequential(cn_dense(2)), .print_fn = collect, .user = &got), 0);
    assert_non_null(strstr(got.text, "│ ?                      │   0 (unbuilt) │\n"));
    assert_int_equal(got.calls, 1);
}

static void test_wrong_use(void **state)
{
    (void)state;
    lines got = {0};
    cn_model *model = cn_sequential(cn_dense(2, .input_shape = {3}));
    assert_true(
        cn_model_summary(model, .print_fn = collect, .user = &got, .layer_range = {"x", "y"}) < 0);
    expect_error(
        CN_EVALUE,
        "Passed layer_names do not match the layer names in the model. Received: ['x', 'y']");
    assert_true(
        cn_model_summary(model, .print_fn = collect, .user = &got, .layer_range = {"(", "y"}) < 0);
    expect_error(CN_EVALUE, "not a regular expression");
    assert_true(cn_model_summary(model, .print_fn = refuse) < 0);
    expect_error(CN_EIO, "print_fn failed");
    cn_set_keras("3.15");
    cn_model *three = cn_sequential(cn_dense(2, .input_shape = {3}));
    assert_true(cn_model_summary(three, .print_fn = collect, .user = &got, .line_length = 12) < 0);
    expect_error(CN_EVALUE, "Insufficient console width to print summary.");
}

#if CN_TEST_HAVE_JANSSON && CN__HAVE_JANSSON
static void read_arguments(const json_t *arguments, cn_summary_args *args)
{
    args->line_length = (int)json_integer_value(json_object_get(arguments, "line_length"));
    args->expand_nested = json_is_true(json_object_get(arguments, "expand_nested"));
    args->show_trainable = json_is_true(json_object_get(arguments, "show_trainable"));
    const json_t *positions = json_object_get(arguments, "positions");
    args->positions.n = (int)json_array_size(positions);
    for (size_t i = 0; i < json_array_size(positions); i++) {
        args->positions.v[i] = json_number_value(json_array_get(positions, i));
    }
    const json_t *range = json_object_get(arguments, "layer_range");
    for (size_t i = 0; i < 2; i++) {
        args->layer_range[i] = json_string_value(json_array_get(range, i));
    }
}

static void check_text(const golden_case *c, cn_model *model, const json_t *variant, bool printed)
{
    char below[256];
    lines got = {0};
    const char *name =
        json_string_value(json_object_get(variant, printed ? "printed" : "print_fn"));
    snprintf(below, sizeof below, "golden/text/%s", name);
    char *want = golden_text(below);
    assert_non_null(want);
    cn_summary_args args = {
        .size = sizeof args, .print_fn = collect, .user = &got, .printed = printed};
    read_arguments(json_object_get(variant, "arguments"), &args);
    assert_int_equal(cn_model_summary_with(model, &args), 0);
    if (strcmp(got.text, want) != 0) {
        fail_msg("%s, %s:\n%sexpected:\n%s", c->name, name, got.text, want);
    }
    free(want);
}

static bool check_case(const golden_case *c, void *user)
{
    (void)user;
    const char *text = golden_string(c, "model_json"), *variant;
    json_t *value;
    cn_model *model = text ? cn_model_from_json(text) : NULL;
    if (!model) {
        assert_non_null(strstr(cn_error(), "Unknown layer: '"));
        cn_error_clear();
        return false;
    }
    /* Frozen after it was built, which the JSON of tf.keras does not say of a model. */
    const json_t *frozen = json_object_get(c->json, "frozen_layer");
    /* Its index in model.layers; the generator freezes nothing where it is 0. */
    if (json_integer_value(frozen) > 0) {
        cn_layer *layer = cn_model_layer(model, (int)json_integer_value(frozen));
        assert_non_null(layer);
        assert_int_equal(cn_layer_set_trainable(layer, false), 0);
    }
    json_object_foreach(json_object_get(c->json, "variants"), variant, value)
    {
        check_text(c, model, value, false);
        check_text(c, model, value, true);
    }
    return true;
}

static void test_golden(void **state)
{
    (void)state;
    assert_true(golden_some(golden_each("text", "summary_", check_case, NULL)));
}
#else
static void test_golden(void **state)
{
    (void)state;
    skip();
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_keras23, begin, end),
        cmocka_unit_test_setup_teardown(test_connections23, begin, end),
        cmocka_unit_test_setup_teardown(test_keras29, begin, end),
        cmocka_unit_test_setup_teardown(test_unbuilt, begin, end),
        cmocka_unit_test_setup_teardown(test_wrong_use, begin, end),
        cmocka_unit_test_setup_teardown(test_golden, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
