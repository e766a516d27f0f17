/* Models as JSON: read and written byte for byte, old dialects, hostile text. */
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

#if CN_TEST_HAVE_JANSSON && CN__HAVE_JANSSON
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

static void check_same(const char *name, const char *text)
{
    cn_model *model = cn_model_from_json(text);
    const char *written = model ? cn_model_to_json(model) : NULL;
    if (!written) {
        fail_msg("%s: %s", name, cn_error());
    }
    if (strcmp(written, text) != 0) {
        size_t at = 0;
        while (written[at] == text[at]) {
            at++;
        }
        at = at > 60 ? at - 60 : 0;
        fail_msg("%s: differs at \"%.120s\", expected \"%.120s\"", name, written + at, text + at);
    }
}

/* Skips models with layers that do not exist yet: those errors must name what is missing. */
static bool can_read(const char *text)
{
    cn_scope scope = cn_scope_begin();
    bool read = cn_model_from_json(text) != NULL;
    if (!read && !strstr(cn_error(), "Unknown layer: '")) {
        fail_msg("%s", cn_error());
    }
    cn_error_clear();
    cn_scope_end(scope);
    return read;
}

static bool check_file(const golden_case *c, void *user)
{
    char below[256];
    (void)user;
    snprintf(below, sizeof below, "golden/files/%s.model.json", c->name);
    char *text = golden_text(below);
    bool known = text && can_read(text);
    if (known) {
        check_same(c->name, text);
    }
    free(text);
    return known;
}

static void test_golden_files(void **state)
{
    (void)state;
    assert_true(golden_each("files", NULL, check_file, NULL) >= 8);
}

static bool check_training(const golden_case *c, void *user)
{
    (void)user;
    const char *text = golden_string(c, "model_json");
    bool known = text && can_read(text);
    if (known) {
        check_same(c->name, text);
    }
    return known;
}

static void test_golden_training(void **state)
{
    (void)state;
    assert_true(golden_some(golden_each("training", NULL, check_training, NULL)));
}

/* One of each dialect, as these versions wrote them. */
static void test_dialects(void **state)
{
    (void)state;
#define GLOROT23                                                                                   \
    "{\"class_name\": \"VarianceScaling\", \"config\": {\"scale\": 1.0, \"mode\": \"fan_avg\", "   \
    "\"distribution\": \"uniform\", \"seed\": null}}"
#define REST                                                                                       \
    "\"kernel_regularizer\": null, \"bias_regularizer\": null, \"activity_regularizer\": null, "   \
    "\"kernel_constraint\": null, \"bias_constraint\": null}"
    check_same(
        "Keras 2.1",
        "{\"class_name\": \"Sequential\", \"config\": [{\"class_name\": \"Dense\", \"config\": "
        "{\"name\": \"dense_1\", \"trainable\": true, \"batch_input_shape\": [null, 4], \"dtype\": "
        "\"float32\", \"units\": 3, \"activation\": \"relu\", \"use_bias\": true, "
        "\"kernel_initializer\": " GLOROT23 ", \"bias_initializer\": {\"class_name\": \"Zeros\", "
        "\"config\": {}}, " REST "}], \"keras_version\": \"2.1.6\", \"backend\": \"theano\"}");
    check_same(
        "Keras 2.3",
        "{\"class_name\": \"Sequential\", \"config\": {\"name\": \"net\", \"layers\": "
        "[{\"class_name\": "
        "\"Dense\", \"config\": {\"name\": \"dense_1\", \"trainable\": true, "
        "\"batch_input_shape\": "
        "[null, 4], \"dtype\": \"float32\", \"units\": 3, \"activation\": \"relu\", \"use_bias\": "
        "true, \"kernel_initializer\": " GLOROT23 ", \"bias_initializer\": {\"class_name\": "
        "\"Zeros\", \"config\": {}}, " REST "}]}, \"keras_version\": \"2.3.1\", \"backend\": "
        "\"tensorflow\"}");
    check_same(
        "tf.keras 2.1",
        "{\"class_name\": \"Model\", \"config\": {\"name\": \"model\", \"layers\": [{\"name\": "
        "\"input_1\", \"class_name\": \"InputLayer\", \"config\": {\"batch_input_shape\": [null, "
        "2], "
        "\"dtype\": \"float32\", \"sparse\": false, \"ragged\": false, \"name\": \"input_1\"}, "
        "\"inbound_nodes\": []}, {\"name\": \"re_lu\", \"class_name\": \"ReLU\", \"config\": "
        "{\"name\": "
        "\"re_lu\", \"trainable\": true, \"dtype\": \"float32\", \"max_value\": null, "
        "\"negative_slope\": 0.0, \"threshold\": 0.0}, \"inbound_nodes\": [[[\"input_1\", 0, 0, "
        "{}]]]}], \"input_layers\": [[\"input_1\", 0, 0]], \"output_layers\": [[\"re_lu\", 0, "
        "0]]}, "
        "\"keras_version\": \"2.2.4-tf\", \"backend\": \"tensorflow\"}");
    check_same(
        "tf.keras 2.4",
        "{\"class_name\": \"Functional\", \"config\": {\"name\": \"model\", \"layers\": "
        "[{\"class_name\": \"InputLayer\", \"config\": {\"batch_input_shape\": [null, 2], "
        "\"dtype\": "
        "\"float32\", \"sparse\": false, \"ragged\": false, \"name\": \"input_1\"}, \"name\": "
        "\"input_1\", \"inbound_nodes\": []}, {\"class_name\": \"Flatten\", \"config\": {\"name\": "
        "\"flatten\", \"trainable\": true, \"dtype\": \"float32\", \"data_format\": "
        "\"channels_last\"}, \"name\": \"flatten\", \"inbound_nodes\": [[[\"input_1\", 0, 0, "
        "{}]]]}], "
        "\"input_layers\": [[\"input_1\", 0, 0]], \"output_layers\": [[\"flatten\", 0, 0]]}, "
        "\"keras_version\": \"2.4.0\", \"backend\": \"tensorflow\"}");
}

/* Keras 1 had other names; such models go on as Keras 2.0's. */
static void test_keras1(void **state)
{
    (void)state;
    cn_model *model = cn_model_from_json("{\"class_name\": \"Sequential\", \"keras_version\": "
                                         "\"1.2.2\", \"config\": [{\"class_name\": \"Dense\", "
                                         "\"config\": {\"W_constraint\": null, \"b_constraint\": "
                                         "null, \"name\": \"dense_1\", \"output_dim\": 3, "
                                         "\"activity_regularizer\": null, \"trainable\": true, "
                                         "\"init\": \"glorot_uniform\", \"bias\": true, "
                                         "\"input_dtype\": \"float32\", \"input_dim\": null, "
                                         "\"b_regularizer\": null, \"W_regularizer\": {\"l2\": "
                                         "0.10000000149011612, \"name\": \"L1L2Regularizer\", "
                                         "\"l1\": 0.0}, \"activation\": \"linear\", "
                                         "\"batch_input_shape\": [null, 4]}}, {\"class_name\": "
                                         "\"Dropout\", \"config\": {\"p\": 0.2, "
                                         "\"trainable\": true, \"name\": \"dropout_1\"}}]}");
    assert_null(cn_error());
    assert_int_equal(cn_model_count_params(model), 15);
    assert_int_equal(cn_model_n_layers(model), 2);
    assert_non_null(strstr(cn_model_to_json(model), "\"units\": 3"));
}

/* What is made here reads back as the same text. */
static void test_own_models(void **state)
{
    (void)state;
    const char *const versions[] = {"2.3", "2.1", "2.4", "2.13", "2.21", "3.0", "3.15"};
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        cn_set_keras(versions[i]);
        cn_clear_session();
        cn_model *inner = cn_sequential(cn_dense(3, .input_shape = {4}), cn_batch_normalization());
        cn_tensor *a = cn_input(.shape = {4}), *b = cn_input(.shape = {4});
        cn_layer *shared = cn_dense(4, .kernel_regularizer = "l2", .activation = "tanh");
        cn_tensor *h = cn_call(shared, cn_call(shared, a));
        cn_model *model =
            cn_functional(.inputs = {a, b}, .outputs = {cn_call(inner, h), cn_call(inner, b)});
        const char *text = cn_model_to_json(model);
        assert_non_null(text);
        cn_set_keras(i & 1 ? "2.21" : "3.15");
        if (strcmp(versions[i], "3.0") != 0) {
            /* JSON of Keras 3 does not say which one; all others do. */
            check_same(versions[i], text);
        }
        assert_true(cn_set_keras(versions[i]) == 0);
        cn_model *late = cn_sequential(cn_dense(2), cn_softmax_layer());
        check_same(versions[i], cn_model_to_json(late));
    }
}

static void test_compile_config(void **state)
{
    (void)state;
    check_same(
        "kept",
        "{\"module\": \"keras\", \"class_name\": \"Sequential\", \"config\": {\"name\": \"s\", "
        "\"trainable\": true, \"dtype\": {\"module\": \"keras\", \"class_name\": \"DTypePolicy\", "
        "\"config\": {\"name\": \"float32\"}, \"registered_name\": null}, \"layers\": []}, "
        "\"registered_name\": null, \"compile_config\": {\"optimizer\": \"adam\", \"loss\": "
        "{\"a\": "
        "[1, 2.5, null]}}}");
}

/* A training flag that a file fixes stays fixed. */
static void test_fixed_training(void **state)
{
    (void)state;
    const char *text = "{\"class_name\": \"Functional\", \"config\": {\"name\": \"m\", "
                       "\"trainable\": true, \"layers\": "
                       "[{\"module\": \"keras.layers\", \"class_name\": \"InputLayer\", "
                       "\"config\": {\"batch_input_shape\": "
                       "[null, 50], \"dtype\": \"float32\", \"sparse\": false, \"ragged\": false, "
                       "\"name\": \"x\", "
                       "\"optional\": false}, \"registered_name\": null, \"name\": \"x\", "
                       "\"inbound_nodes\": []}, {\"module\": "
                       "\"keras.layers\", \"class_name\": \"Dropout\", \"config\": {\"name\": "
                       "\"d\", \"trainable\": true, "
                       "\"dtype\": \"float32\", \"rate\": 0.5, \"noise_shape\": null, \"seed\": "
                       "null}, \"registered_name\": "
                       "null, \"build_config\": {\"input_shape\": [null, 50]}, \"name\": \"d\", "
                       "\"inbound_nodes\": [[[\"x\", 0, "
                       "0, {\"training\": true}]]]}], \"input_layers\": [[\"x\", 0, 0]], "
                       "\"output_layers\": [[\"d\", 0, 0]]}, "
                       "\"keras_version\": \"2.21.0\", \"backend\": \"tensorflow\"}";
    check_same("training", text);
    cn_model *model = cn_model_from_json(text);
    cn_tensor *y = cn_call(model, cn_ones(1, 50));
    int zeros = 0;
    for (int i = 0; i < 50; i++) {
        zeros += cn_tensor_item(y, i) == 0;
    }
    assert_true(zeros > 0 && zeros < 50);
}

typedef struct hostile {
    const char *text;
    int code;
    const char *words;
} hostile;

#define IN                                                                                         \
    "{\"class_name\": \"InputLayer\", \"config\": {\"batch_input_shape\": [null, 2], \"name\": "   \
    "\"x\"}, \"name\": \"x\", \"inbound_nodes\": []}"
#define RELU(name, nodes)                                                                          \
    "{\"class_name\": \"ReLU\", \"config\": {\"name\": \"" name "\"}, \"name\": \"" name           \
    "\", \"inbound_nodes\": " nodes "}"
#define GRAPH(layers, in, out)                                                                     \
    "{\"class_name\": \"Functional\", \"config\": {\"name\": \"m\", \"layers\": [" layers          \
    "], \"input_layers\": " in ", \"output_layers\": " out "}}"
#define X "[[\"x\", 0, 0]]"

static void test_hostile(void **state)
{
    (void)state;
    static const hostile cases[] = {
        {"", CN_EFORMAT, "line 1 column"},
        {"{", CN_EFORMAT, "line 1 column"},
        {"[]", CN_EFORMAT, "should be an object"},
        {"3", CN_EFORMAT, "should be an object"},
        {"{}", CN_EFORMAT, "class_name"},
        {"{\"class_name\": 3, \"config\": {}}", CN_EFORMAT, "class_name"},
        {"{\"class_name\": \"Sequential\"}", CN_EFORMAT, "config"},
        {"{\"class_name\": \"Sequential\", \"config\": 3}", CN_EFORMAT, "config"},
        {"{\"class_name\": \"Sequential\", \"config\": {\"layers\": 3}}", CN_EFORMAT,
         "list of layers"},
        {"{\"class_name\": \"Sequential\", \"config\": {\"name\": 3, \"layers\": []}}", CN_EFORMAT,
         "name"},
        {"{\"class_name\": \"Sequential\", \"config\": [3]}", CN_EFORMAT, "class_name"},
        {"{\"class_name\": \"Sequential\", \"config\": [{\"class_name\": \"Dense\"}]}", CN_EFORMAT,
         "config"},
        {"{\"class_name\": \"Sequential\", \"config\": [{\"class_name\": \"Dense\", \"config\": "
         "[]}]}",
         CN_EFORMAT, "Dense"},
        {"{\"class_name\": \"Sequential\", \"config\": [{\"class_name\": \"Dense\", \"config\": "
         "{\"units\": \"x\"}}]}",
         CN_ETYPE, "units"},
        {"{\"class_name\": \"Sequential\", \"config\": [{\"class_name\": \"Densse\", \"config\": "
         "{\"name\": \"d\"}}]}",
         CN_EKEY, "Unknown layer: 'Densse'"},
        {"{\"class_name\": \"Sequential\", \"config\": [{\"class_name\": \"Lambda\", \"config\": "
         "{}}]}",
         CN_EUNSUPPORTED, "Lambda"},
        {"{\"class_name\": \"Transformer\", \"config\": {}}", CN_EKEY,
         "Unknown model: 'Transformer'"},
        {"{\"class_name\": \"Sequential\", \"config\": [{\"class_name\": \"InputLayer\", "
         "\"config\": {\"batch_input_shape\": \"x\"}}]}",
         CN_ETYPE, "a list of integers"},
        {GRAPH("", "[]", "[]"), CN_EVALUE, "inputs"},
        {GRAPH(IN, X, X ", \"layers2\": 3"), 0, NULL},
        {GRAPH(IN "," IN, X, X), CN_EVALUE, "is used 2 times"},
        {GRAPH(IN "," RELU("r", "[[[\"nobody\", 0, 0]]]"), X, "[[\"r\", 0, 0]]"), CN_EFORMAT,
         "'nobody', which is not in the model"},
        {GRAPH(IN "," RELU("r", "[[[\"r\", 0, 0]]]"), X, "[[\"r\", 0, 0]]"), CN_EFORMAT, "cycle"},
        {GRAPH(IN "," RELU("a", "[[[\"b\", 0, 0]]]") "," RELU("b", "[[[\"a\", 0, 0]]]"), X,
               "[[\"b\", 0, 0]]"),
         CN_EFORMAT, "cycle"},
        {GRAPH(IN "," RELU("r", "[[[\"x\", 0, 7]]]"), X, "[[\"r\", 0, 0]]"), CN_EFORMAT,
         "does not exist"},
        {GRAPH(IN "," RELU("r", "[[[\"x\", 0, -1]]]"), X, "[[\"r\", 0, 0]]"), CN_EFORMAT,
         "does not exist"},
        {GRAPH(IN "," RELU("r", "[[[\"x\", 0, 0]]]"), X, "[[\"r\", 5, 0]]"), CN_EFORMAT,
         "does not exist"},
        {GRAPH(IN "," RELU("r", "[[[\"x\", 0, 0]]]"), X, "[[\"r\", 9223372036854775807, 0]]"),
         CN_EFORMAT, "does not exist"},
        {GRAPH(IN "," RELU("r", "3"), X, "[[\"r\", 0, 0]]"), CN_EFORMAT, "expected a list"},
        {GRAPH(IN "," RELU("r", "[3]"), X, "[[\"r\", 0, 0]]"), CN_EFORMAT, "a node should be"},
        {GRAPH(IN "," RELU("r", "[[]]"), X, "[[\"r\", 0, 0]]"), CN_EFORMAT, "without inputs"},
        {GRAPH(IN "," RELU("r", "[{\"args\": 3}]"), X, "[[\"r\", 0, 0]]"), CN_EFORMAT, "args"},
        {GRAPH(IN "," RELU("r",
                           "[{\"args\": [{\"class_name\": \"__keras_tensor__\", \"config\": 3}]}]"),
               X, "[[\"r\", 0, 0]]"),
         CN_EFORMAT, "[layer, node, tensor]"},
        {GRAPH(IN "," RELU("r", "[{\"args\": [2.5]}]"), X, "[[\"r\", 0, 0]]"), CN_EUNSUPPORTED,
         "not a tensor"},
        {GRAPH(IN "," RELU("r", "[[[\"x\", 0, 0, {\"y\": 2}]]]"), X, "[[\"r\", 0, 0]]"),
         CN_EUNSUPPORTED, "'y'"},
        {GRAPH(IN "," RELU("r", "[[[\"x\", 0, 0], [\"x\", 0, 0]]]"), X, "[[\"r\", 0, 0]]"),
         CN_EVALUE, "expects 1 input(s)"},
        {GRAPH(IN, "3", X), CN_EFORMAT, "input_layers"},
        {GRAPH(IN, X, "[[[[[[[[3]]]]]]]]"), CN_EFORMAT, "output_layers"},
        {GRAPH(IN "," RELU("r", "[]"), X, "[[\"r\", 0, 0]]"), CN_EFORMAT, "not called"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cn_scope scope = cn_scope_begin();
        cn_model *model = cn_model_from_json(cases[i].text);
        if (!cases[i].code) {
            assert_non_null(model);
        } else {
            if (model) {
                fail_msg("a model was read from %s", cases[i].text);
            }
            expect_error(cases[i].code, cases[i].words);
        }
        cn_scope_end(scope);
    }
    assert_null(cn_model_from_json(NULL));
    expect_error(CN_ETYPE, "NULL");
    assert_null(cn_model_from_json_file("/"));
    cn_error_clear();
    assert_null(cn_model_from_json_file("nowhere.json"));
    expect_error(CN_EIO, "nowhere.json");
}

/* Models in models, without end: an error long before the stack ends. */
static void test_deep_nesting(void **state)
{
    (void)state;
    static const char open[] = "{\"class_name\": \"Sequential\", \"config\": [", close[] = "]}";
    enum { DEPTH = 400 };
    char *text = malloc(DEPTH * (sizeof open + sizeof close) + 1), *at = text;
    assert_non_null(text);
    for (int i = 0; i < DEPTH; i++) {
        at += sprintf(at, "%s", open);
    }
    for (int i = 0; i < DEPTH; i++) {
        at += sprintf(at, "%s", close);
    }
    assert_null(cn_model_from_json(text));
    expect_error(CN_EFORMAT, "nested more than");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_dialects, begin, end),
        cmocka_unit_test_setup_teardown(test_keras1, begin, end),
        cmocka_unit_test_setup_teardown(test_own_models, begin, end),
        cmocka_unit_test_setup_teardown(test_compile_config, begin, end),
        cmocka_unit_test_setup_teardown(test_fixed_training, begin, end),
        cmocka_unit_test_setup_teardown(test_hostile, begin, end),
        cmocka_unit_test_setup_teardown(test_deep_nesting, begin, end),
        cmocka_unit_test_setup_teardown(test_golden_files, begin, end),
        cmocka_unit_test_setup_teardown(test_golden_training, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
int main(void)
{
    return 0;
}
#endif
