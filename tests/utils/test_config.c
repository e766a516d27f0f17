/* Instances and configs: every generation's dialect, names, identifiers, argument structs, a user's
 * classes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "golden.h"

#if CN__HAVE_JANSSON
#include "core/memory.h"
#include "layers/layer.h"
#include "utils/config.h"
#include <cornu/activations.h>
#include <cornu/initializers.h>
#include <cornu/regularizers.h>
#include <stdio.h>
#include <string.h>

static int teardown(void **state)
{
    (void)state;
    cn_error_clear();
    cn_set_keras("2.21");
    cn_clear_session();
    return 0;
}

static void fails(const char *words)
{
    if (!cn_error() || !strstr(cn_error(), words)) {
        fail_msg("expected an error with\n%s\ngot\n%s", words, cn_error() ? cn_error() : "none");
    }
    cn_error_clear();
}

/* Dense as each generation wrote it: read under that version it is written back to the byte. */
#define REST                                                                                       \
    "\"kernel_regularizer\": null, \"bias_regularizer\": null, \"activity_regularizer\": null, "   \
    "\"kernel_constraint\": null, \"bias_constraint\": null}"
static const struct dialect {
    const char *keras, *config;
} dialects[] = {
    {"2.3",
     "{\"name\": \"dense_1\", \"trainable\": true, \"batch_input_shape\": [null, 784], \"dtype\": "
     "\"float32\", "
     "\"units\": 10, \"activation\": \"softmax\", \"use_bias\": true, \"kernel_initializer\": "
     "{\"class_name\": "
     "\"VarianceScaling\", \"config\": {\"scale\": 1.0, \"mode\": \"fan_avg\", \"distribution\": "
     "\"uniform\", "
     "\"seed\": null}}, \"bias_initializer\": {\"class_name\": \"Zeros\", \"config\": {}}, " REST},
    {"2.1", "{\"name\": \"d\", \"trainable\": true, \"dtype\": \"float32\", \"batch_input_shape\": "
            "[null, 4], "
            "\"units\": 3, \"activation\": \"linear\", \"use_bias\": true, \"kernel_initializer\": "
            "{\"class_name\": "
            "\"GlorotUniform\", \"config\": {\"seed\": null, \"dtype\": \"float32\"}}, "
            "\"bias_initializer\": "
            "{\"class_name\": \"Zeros\", \"config\": {\"dtype\": \"float32\"}}, " REST},
    {"2.9", "{\"name\": \"d\", \"trainable\": true, \"dtype\": \"float32\", \"units\": 3, "
            "\"activation\": \"swish\", "
            "\"use_bias\": true, \"kernel_initializer\": {\"class_name\": \"GlorotUniform\", "
            "\"config\": {\"seed\": "
            "null}}, \"bias_initializer\": {\"class_name\": \"Zeros\", \"config\": {}}, "
            "\"kernel_regularizer\": "
            "{\"class_name\": \"L2\", \"config\": {\"l2\": 0.009999999776482582}}, "
            "\"bias_regularizer\": null, "
            "\"activity_regularizer\": null, \"kernel_constraint\": {\"class_name\": \"MaxNorm\", "
            "\"config\": "
            "{\"max_value\": 2.0, \"axis\": 0}}, \"bias_constraint\": null}"},
    {"3.0",
     "{\"name\": \"d\", \"trainable\": false, \"dtype\": \"float32\", \"units\": 3, "
     "\"activation\": \"silu\", "
     "\"use_bias\": false, \"kernel_initializer\": {\"module\": \"keras.initializers\", "
     "\"class_name\": "
     "\"HeNormal\", \"config\": {\"seed\": 7}, \"registered_name\": null}, \"bias_initializer\": "
     "{\"module\": "
     "\"keras.initializers\", \"class_name\": \"Zeros\", \"config\": {}, \"registered_name\": "
     "null}, "
     "\"kernel_regularizer\": null, \"bias_regularizer\": null, \"kernel_constraint\": null, "
     "\"bias_constraint\": null}"},
    {"3.5",
     "{\"name\": \"d\", \"trainable\": true, \"dtype\": {\"module\": \"keras\", \"class_name\": "
     "\"DTypePolicy\", \"config\": {\"name\": \"mixed_bfloat16\"}, \"registered_name\": null}, "
     "\"units\": 3, "
     "\"activation\": \"linear\", \"use_bias\": true, \"kernel_initializer\": {\"module\": "
     "\"keras.initializers\", \"class_name\": \"GlorotUniform\", \"config\": {\"seed\": null}, "
     "\"registered_name\": null}, \"bias_initializer\": {\"module\": \"keras.initializers\", "
     "\"class_name\": "
     "\"Zeros\", \"config\": {}, \"registered_name\": null}, \"kernel_regularizer\": null, "
     "\"bias_regularizer\": null, \"kernel_constraint\": null, \"bias_constraint\": null}"},
};

static void round_trips(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof dialects / sizeof *dialects; i++) {
        cn_scope scope = cn_scope_begin();
        assert_int_equal(cn_set_keras(dialects[i].keras), 0);
        char *json = cn__printf("{\"class_name\": \"Dense\", \"config\": %s}", dialects[i].config);
        cn_layer *layer = cn_layer_from_config(json);
        cn__free_mem(json);
        if (!layer) {
            fail_msg("%s: %s", dialects[i].keras, cn_error());
        }
        /* The version of its birth, whatever is set now. */
        cn_set_keras("2.21");
        assert_string_equal(cn_layer_get_config(layer), dialects[i].config);
        cn_scope_end(scope);
    }
}

/* What a value's form says is kept: one axis in a list, an empty tuple; and of a gain only what
 * Keras 3 would lose. */
static void forms(void **state)
{
    (void)state;
    static const char *const of[][2] = {
        {"Softmax", "\"axis\": [2]"},          {"Softmax", "\"axis\": 2"},
        {"Softmax", "\"axis\": [1, 2]"},       {"UnitNormalization", "\"axis\": [-1]"},
        {"UnitNormalization", "\"axis\": -1"}, {"Reshape", "\"target_shape\": []"},
        {"Reshape", "\"target_shape\": [4]"}};
    cn_set_keras("3.15");
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        char text[128];
        snprintf(text, sizeof text, "{\"class_name\": \"%s\", \"config\": {%s}}", of[i][0],
                 of[i][1]);
        cn_layer *layer = cn_layer_from_config(text);
        const char *config = layer ? cn_layer_get_config(layer) : NULL;
        if (!config || !strstr(config, of[i][1])) {
            fail_msg("%s: %s", text, config ? config : cn_error());
        }
    }
    cn_layer *plain = cn_dense(2, .kernel_initializer = cn_initializer_identity());
    cn_layer *twice = cn_dense(2, .kernel_initializer = cn_initializer_identity(.gain = 2));
    assert_null(strstr(cn_layer_get_config(plain), "gain"));
    assert_non_null(strstr(cn_layer_get_config(twice), "\"gain\": 2.0"));
    cn_set_keras("2.21");
}

static void keras_1(void **state)
{
    (void)state;
    cn_scope scope = cn_scope_begin();
    cn_layer *layer =
        cn_layer_from_config("{\"class_name\": \"Dense\", \"config\": {\"name\": \"dense_2\", "
                             "\"trainable\": true, \"init\": "
                             "\"he_uniform\", \"activation\": \"relu\", \"W_regularizer\": "
                             "{\"name\": \"WeightRegularizer\", \"l1\": 0.0, "
                             "\"l2\": 0.25}, \"b_regularizer\": null, \"activity_regularizer\": "
                             "null, \"W_constraint\": {\"name\": "
                             "null, \"class_name\": \"MaxNorm\", \"config\": {\"m\": 3, \"axis\": "
                             "0}}, \"b_constraint\": null, \"bias\": "
                             "false, \"output_dim\": 12, \"input_dim\": 20}}");
    if (!layer) {
        fail_msg("%s", cn_error());
    }
    const cn_dense_args *args = cn_layer_arguments(layer);
    assert_int_equal(args->units, 12);
    assert_false(args->use_bias);
    assert_string_equal(((const cn__instance *)args->kernel_initializer)->class->name, "HeUniform");
    assert_true(
        ((const cn_regularizer_l1_l2_args *)cn_regularizer_arguments(args->kernel_regularizer))
            ->l2 == 0.25);
    assert_non_null(args->kernel_constraint);
    cn_layer *dropout = cn_layer_from_config("{\"class_name\": \"Dropout\", \"config\": {\"name\": "
                                             "\"dropout_1\", \"p\": 0.5, \"trainable\": true}}");
    assert_true(((const cn_dropout_args *)cn_layer_arguments(dropout))->rate == 0.5);
    cn_scope_end(scope);
}

static void reading_errors(void **state)
{
    (void)state;
    cn_scope scope = cn_scope_begin();
    const struct {
        const char *json, *words;
    } cases[] = {
        {"{\"class_name\": \"Dense\", \"config\": {\"units\": 3, \"use_biass\": true}}",
         "Dense: ('Keyword argument not understood:', 'use_biass')"},
        {"{\"class_name\": \"Dense\", \"config\": {\"units\": \"three\"}}",
         "Dense: `units` should be an integer. Received: \"three\""},
        {"{\"class_name\": \"Densse\", \"config\": {}}", "Unknown layer: 'Densse'. Please ensure"},
        {"{\"class_name\": \"Lambda\", \"config\": {}}", "`Lambda` layer"},
        {"{\"class_name\": \"Dense\", \"config\": {\"units\": 3, \"kernel_initializer\": 7}}",
         "Could not interpret initializer identifier: 7"},
        {"{\"class_name\": \"Dense\", \"config\": [1]}", "its config should be an object"},
        {"{\"class_name\": \"Dense\", ", "line 1 column"},
        {"{\"config\": {}}", "needs a \"class_name\""},
        {"[]", "begins with {"},
        {"{\"class_name\": \"Reshape\", \"config\": {\"target_shape\": [1, 2, 3, 4, 5, 6, 7, 8, "
         "9]}}",
         "a list of at most 8 integers"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_null(cn_layer_from_config(cases[i].json));
        fails(cases[i].words);
    }
    cn_set_keras("3");
    assert_null(cn_layer_from_config(cases[0].json));
    fails("Unrecognized keyword arguments passed to Dense: {'use_biass': true}");
    /* What is null, false, or only older versions need, is passed over. */
    assert_non_null(cn_layer_from_config(
        "{\"class_name\": \"Dense\", \"config\": {\"units\": 3, \"input_dim\": 4, "
        "\"new_thing\": null, \"other\": false}}"));
    cn_scope_end(scope);
}

static void names(void **state)
{
    (void)state;
    const struct {
        const char *keras, *first, *second, *input;
    } cases[] = {{"2.3", "leaky_re_lu_1", "leaky_re_lu_2", "input_1"},
                 {"2.21", "leaky_re_lu", "leaky_re_lu_1", "input_1"},
                 {"3", "leaky_re_lu", "leaky_re_lu_1", "input_layer"}};
    for (int i = 0; i < 3; i++) {
        cn_scope scope = cn_scope_begin();
        cn_clear_session();
        cn_set_keras(cases[i].keras);
        cn_layer *first = cn_leaky_relu_layer();
        cn_layer *named = cn_leaky_relu_layer(.name = "mine");
        cn_layer *second = cn__copy_instance(first), *twin = cn__copy_instance(named);
        assert_string_equal(cn_layer_name(first), cases[i].first);
        assert_string_equal(cn_layer_name(second), cases[i].second);
        assert_string_equal(cn_layer_name(twin), "mine");
        assert_string_equal(cn_layer_name(cn_input_layer()), cases[i].input);
        cn_scope_end(scope);
    }
    assert_true(cn_set_keras("4") < 0);
    fails("cn_set_keras: expected");
    assert_int_equal(cn__keras_number("2.2.4-tf"), 201);
    assert_int_equal(cn__keras_number("2.3.0-tf"), 202);
    assert_int_equal(cn__keras_number("2.2.4"), 192);
    assert_int_equal(cn__keras_number("2.3.1"), 203);
    assert_int_equal(cn__keras_number("2.15.0"), 215);
    assert_int_equal(cn__keras_number("3.15.1"), 315);
    assert_int_equal(cn__keras_number("1.2.2"), 102);
    assert_int_equal(cn__keras_number("abc"), 0);
}

static void identifiers(void **state)
{
    (void)state;
    cn_scope scope = cn_scope_begin();
    char name[200];
    memset(name, 'a', 129);
    name[129] = '\0';
    assert_null(cn_dense(3, .activation = name));
    fails("at most 128 letters");
    assert_null(cn_dense(3, .activation = "re lu"));
    fails("cn_activation_from()");
    assert_null(cn_dense(3, .kernel_initializer = cn_regularizer_l2()));
    fails("kernel_initializer: expected a initializer, got a regularizer");
    assert_null(cn_dense(3, .kernel_initializer =
                                "{\"class_name\": \"Constant\", \"config\": {\"valu\": 1}}"));
    fails("valu");
    cn_layer *layer = cn_dense(
        3, .kernel_initializer = "{\"class_name\": \"Constant\", \"config\": {\"value\": 2}}",
        .bias_initializer = CN_NONE_ID, .activation = cn_leaky_relu_layer());
    if (!layer) {
        fail_msg("%s", cn_error());
    }
    const cn_dense_args *args = cn_layer_arguments(layer);
    assert_null(args->bias_initializer);
    cn_tensor *y = cn_call(layer, cn_reshape(cn_array(1, -1, 2, -4), 2, 2));
    if (!y) {
        fail_msg("%s", cn_error());
    }
    assert_non_null(strstr(cn_layer_get_config(layer),
                           "\"activation\": {\"module\": \"keras.layers\", "
                           "\"class_name\": \"LeakyReLU\""));
    cn_scope_end(scope);
}

static void argument_structs(void **state)
{
    (void)state;
    cn_scope scope = cn_scope_begin();
    cn_dense_args args = {0};
    args.units = 3;
    assert_null(cn_dense_with(&args));
    fails("Dense: the size of the argument struct is 0");
    /* A program built with an older header has a shorter struct: the rest is the defaults'. */
    args = cn_dense_defaults;
    args.units = 3;
    args.use_bias = false;
    args.size = offsetof(cn_dense_args, activation);
    cn_layer *layer = cn_dense_with(&args);
    assert_true(((const cn_dense_args *)cn_layer_arguments(layer))->use_bias);
    /* The caller's strings are copied. */
    char name[] = "first";
    layer = cn_dense(2, .name = name);
    name[0] = 'F';
    assert_string_equal(cn_layer_name(layer), "first");
    cn_scope_end(scope);
}

/* A user's class with fields of several types. */
typedef struct scale_args {
    CN_LAYER_ARGS;
    double factor;
    cn_ints sizes;
    cn_identifier activation;
    cn_layer *inner;
    CN__END;
} scale_args;

static cn_tensor *call_scale(cn_layer *self, cn_tensor *const *inputs, int n,
                             const cn_call_args *call)
{
    const scale_args *args = cn_layer_arguments(self);
    (void)n;
    (void)call;
    return cn_multiply(inputs[0], args->factor);
}

static const scale_args scale_defaults = {
    .size = sizeof(scale_args), CN_LAYER_DEFAULTS, .factor = 2};
static const cn_field scale_fields[] = {
    CN_FIELD(scale_args, DOUBLE, factor),
    CN_FIELD(scale_args, PAIR, sizes),
    CN_FIELD(scale_args, ACTIVATION, activation),
    CN_FIELD(scale_args, LAYER, inner),
    {0},
};
static const cn_layer_class scale_class = {.base = {.size = sizeof(cn_layer_class),
                                                    .name = "Scale",
                                                    .args_size = sizeof(scale_args),
                                                    .defaults = &scale_defaults,
                                                    .fields = scale_fields},
                                           .call = call_scale};

static void users_class(void **state)
{
    (void)state;
    cn_scope scope = cn_scope_begin();
    assert_int_equal(cn_register_layer(&scale_class, NULL), 0);
    scale_args args = scale_defaults;
    args.factor = 3;
    args.sizes = cn_tuple(4);
    args.inner = cn_dense(2, .name = "inside");
    cn_layer *layer = cn_layer_new(&scale_class, &args);
    if (!layer) {
        fail_msg("%s", cn_error());
    }
    json_t *object = cn__serialize(layer, CN__DIALECT_KERAS3);
    assert_string_equal(json_string_value(json_object_get(object, "registered_name")),
                        "Custom>Scale");
    assert_string_equal(json_string_value(json_object_get(object, "class_name")), "Scale");
    cn_layer *again = cn__deserialize(CN__LAYER, object);
    if (!again) {
        fail_msg("%s", cn_error());
    }
    const scale_args *read = cn_layer_arguments(again);
    assert_true(read->factor == 3 && read->sizes.n == 2 && read->sizes.v[1] == 4);
    assert_string_equal(cn_layer_name(read->inner), "inside");
    assert_int_equal(again->n_sublayers, 1);
    json_decref(object);
    cn_scope_end(scope);
}

static void json_text(void **state)
{
    (void)state;
    json_t *value = json_loads(
        "{\"a\": [1, 2.0, 1e-7, true, null], \"\xc3\xa9\xf0\x9f\x98\x80\\n\\\"\": \"x\\u0001\"}", 0,
        NULL);
    char *text = cn__json_dumps(value);
    assert_string_equal(
        text,
        "{\"a\": [1, 2.0, 1e-07, true, null], \"\\u00e9\\ud83d\\ude00\\n\\\"\": \"x\\u0001\"}");
    cn__free_mem(text);
    json_decref(value);
    assert_null(cn__json_loads("[1,\n 2,", 7, "cn_test"));
    fails("cn_test: line 2 column");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(round_trips, teardown),
        cmocka_unit_test_teardown(forms, teardown),
        cmocka_unit_test_teardown(keras_1, teardown),
        cmocka_unit_test_teardown(reading_errors, teardown),
        cmocka_unit_test_teardown(names, teardown),
        cmocka_unit_test_teardown(identifiers, teardown),
        cmocka_unit_test_teardown(argument_structs, teardown),
        cmocka_unit_test_teardown(users_class, teardown),
        cmocka_unit_test_teardown(json_text, teardown),
    };
    return cmocka_run_group_tests_name("configs", tests, NULL, NULL);
}
#else
#include <stdio.h>

int main(void)
{
    printf("skipped: 9\n");
    return 0;
}
#endif
