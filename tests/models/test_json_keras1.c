/* Models of Keras 1 read from JSON: arguments that are put together or renamed, Theano's order of
 * axes, Merge, and what is refused. */
#include <cornu.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/instance.h"

#if CN__HAVE_JANSSON
#define LAYER(class, config) "{\"class_name\": \"" class "\", \"config\": {" config "}}"
#define SEQUENTIAL(layers)                                                                         \
    "{\"class_name\": \"Sequential\", \"keras_version\": \"1.2.2\", \"config\": [" layers "]}"

static cn_scope scope;

static int setup(void **state)
{
    (void)state;
    scope = cn_scope_begin();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cn_scope_end(scope);
    if (cn_error()) {
        fprintf(stderr, "%s\n", cn_error());
        return -1;
    }
    return 0;
}

static cn_model *read(const char *json)
{
    cn_model *model = cn_model_from_json(json);
    if (!model) {
        fail_msg("%s", cn_error());
    }
    return model;
}

static void refused(const char *json, const char *part)
{
    assert_null(cn_model_from_json(json));
    if (!cn_error() || !strstr(cn_error(), part)) {
        fail_msg("expected \"%s\", got \"%s\"", part, cn_error() ? cn_error() : "no error");
    }
    cn_error_clear();
}

static void has_shape(const cn_tensor *t, int rank, const int64_t *dims)
{
    if (cn_error()) {
        fail_msg("%s", cn_error());
    }
    assert_int_equal(cn_tensor_rank(t), rank);
    for (int i = 0; i < rank; i++) {
        assert_int_equal(cn_tensor_dim(t, i), dims[i]);
    }
}

static void theano_convolution(void **state)
{
    (void)state;
    cn_model *model = read(SEQUENTIAL(
        LAYER("Convolution2D", "\"name\": \"c\", \"nb_filter\": 5, \"nb_row\": 3, \"nb_col\": 2, "
                               "\"subsample\": "
                               "[1, 2], \"border_mode\": \"same\", \"dim_ordering\": \"th\", "
                               "\"init\": "
                               "\"glorot_uniform\", \"bias\": true, \"W_regularizer\": null, "
                               "\"batch_input_shape\": [null, 4, 6, 8], \"input_dtype\": "
                               "\"float32\"") ", " LAYER("MaxPooling2D",
                                                         "\"name\": \"p\", \"pool_size\": [2, 2], "
                                                         "\"strides\": [2, 2], "
                                                         "\"border_mode\": \"valid\", "
                                                         "\"dim_ordering\": \"th\"")));
    cn_tensor *weights[2];
    assert_int_equal(cn_model_weights(model, weights, 2), 2);
    has_shape(weights[0], 4, (int64_t[]){3, 2, 4, 5});
    has_shape(cn_model_predict(model, cn_ones(2, 4, 6, 8), .verbose = 0), 4,
              (int64_t[]){2, 5, 3, 2});
}

static void one_axis(void **state)
{
    (void)state;
    cn_model
        *model =
            read(
                SEQUENTIAL(
                    LAYER(
                        "Embedding", "\"name\": \"e\", \"input_dim\": 9, \"output_dim\": 4, "
                                     "\"init\": "
                                     "\"uniform\", \"dropout\": 0.2, \"input_length\": 10, "
                                     "\"batch_input_shape\": [null, 10], \"input_dtype\": "
                                     "\"int32\"") ", " LAYER("Convolution1D",
                                                             "\"name\": \"c\", \"nb_filter\": 6, "
                                                             "\"filter_length\": 3, "
                                                             "\"subsample_length\": 2, "
                                                             "\"border_mode\": \"valid\"") ","
                                                                                           " " LAYER("MaxPooling1D",
                                                                                                     "\"name\": \"p\", \"pool_length\": 2, \"stride\": 1, "
                                                                                                     "\"border_mode\": \"valid\"") ", " LAYER("GaussianNoise",
                                                                                                                                              "\"name\": \"n\", \"sigma\": 0.5")));
    has_shape(cn_model_predict(model, cn_ones(2, 10), .verbose = 0), 3, (int64_t[]){2, 3, 6});
}

static void constraints(void **state)
{
    (void)state;
    cn_model *model = read(SEQUENTIAL(
        LAYER("Dense", "\"name\": \"d\", \"output_dim\": 3, \"batch_input_shape\": [null, 2], "
                       "\"W_constraint\": {\"name\": \"MaxNorm\", \"m\": 2.0, \"axis\": 0}, "
                       "\"b_constraint\": {\"name\": \"MinMaxNorm\", \"low\": 0.5, \"high\": 1.5, "
                       "\"rate\": 0.25, \"axis\": 0}, \"W_regularizer\": {\"name\": "
                       "\"WeightRegularizer\", \"l1\": 0.0, \"l2\": 0.5}")));
    const char *text = cn_model_to_json(model);
    assert_non_null(text);
    assert_non_null(strstr(text, "{\"class_name\": \"MaxNorm\", \"config\": {\"max_value\": 2.0, "
                                 "\"axis\": 0}}"));
    assert_non_null(strstr(text, "{\"class_name\": \"MinMaxNorm\", \"config\": {\"min_value\": "
                                 "0.5, \"max_value\": 1.5, \"rate\": 0.25, \"axis\": 0}}"));
    assert_non_null(strstr(text, "\"l2\": 0.5"));
}

/* Two inputs of four and three columns, or of three and three, through a Merge. */
static cn_model *merged(const char *mode, const char *more, int columns)
{
    char json[2048];
    snprintf(json, sizeof json,
             "{\"class_name\": \"Model\", \"keras_version\": \"1.1.2\", \"config\": {\"name\": "
             "\"m\", \"layers\": [{\"class_name\": \"InputLayer\", \"name\": \"a\", \"config\": "
             "{\"batch_input_shape\": [null, %d], \"input_dtype\": \"float32\", \"sparse\": "
             "false, \"name\": \"a\"}, \"inbound_nodes\": []}, {\"class_name\": \"InputLayer\", "
             "\"name\": \"b\", \"config\": {\"batch_input_shape\": [null, 3], \"input_dtype\": "
             "\"float32\", \"sparse\": false, \"name\": \"b\"}, \"inbound_nodes\": []}, "
             "{\"class_name\": \"Merge\", \"name\": \"j\", \"config\": {\"name\": \"j\", "
             "\"mode\": \"%s\", %s \"mode_type\": \"raw\", \"output_shape\": null}, "
             "\"inbound_nodes\": [[[\"a\", 0, 0], [\"b\", 0, 0]]]}], \"input_layers\": [[\"a\", "
             "0, 0], [\"b\", 0, 0]], \"output_layers\": [[\"j\", 0, 0]]}}",
             columns, mode, more);
    return read(json);
}

static void merges(void **state)
{
    (void)state;
    const char *both = "\"concat_axis\": -1, \"dot_axes\": [[1], [1]],";
    cn_tensor *four = cn_ones(2, 4), *three = cn_multiply(cn_ones(2, 3), 2);
    cn_tensor *p = cn_model_predict(merged("concat", both, 4), cn_list(four, three), .verbose = 0);
    has_shape(p, 2, (int64_t[]){2, 7});
    static const struct {
        const char *mode;
        double value;
    } cases[] = {{"sum", 4}, {"mul", 4}, {"ave", 2}, {"max", 2}, {"dot", 12}, {"cos", 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        p = cn_model_predict(merged(cases[i].mode, both, 3), cn_list(three, three), .verbose = 0);
        assert_non_null(p);
        if (cn_tensor_item(p, 0) < cases[i].value - 1e-5 ||
            cn_tensor_item(p, 0) > cases[i].value + 1e-5) {
            fail_msg("%s: %g, expected %g", cases[i].mode, cn_tensor_item(p, 0), cases[i].value);
        }
    }
}

static void refusals(void **state)
{
    (void)state;
    refused(SEQUENTIAL(LAYER("BatchNormalization", "\"name\": \"norm\", \"mode\": 2, "
                                                   "\"batch_input_shape\": [null, 4]")),
            "Layer 'norm' (class BatchNormalization): mode=2 of Keras 1");
    refused(SEQUENTIAL(LAYER("Convolution2D", "\"name\": \"c\", \"nb_filter\": 5, \"nb_row\": 3, "
                                              "\"batch_input_shape\": [null, 4, 6, 8]")),
            "expected `nb_col` beside `nb_row`");
    refused(SEQUENTIAL(LAYER("Merge", "\"name\": \"m\", \"mode\": \"concat\", \"layers\": [1]")),
            "'Merge'");
    refused(SEQUENTIAL(LAYER("Lambda", "\"name\": \"code\", \"function\": [\"\\u00e3\\u0000\"]")),
            "Layer 'code' (class Lambda)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(theano_convolution, setup, teardown),
        cmocka_unit_test_setup_teardown(one_axis, setup, teardown),
        cmocka_unit_test_setup_teardown(constraints, setup, teardown),
        cmocka_unit_test_setup_teardown(merges, setup, teardown),
        cmocka_unit_test_setup_teardown(refusals, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
int main(void)
{
    printf("this build reads no JSON\nskipped: 5\n");
    return 0;
}
#endif
