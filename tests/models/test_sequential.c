/* Sequential models: adding, popping, building at once and late, weights, Keras's errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models/model.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void expect_error(int code, const char *words)
{
    if (!cn_error() || !strstr(cn_error(), words)) {
        fail_msg("expected an error with \"%s\", got \"%s\"", words,
                 cn_error() ? cn_error() : "none");
    }
    assert_int_equal(cn_error_code(), code);
    cn_error_clear();
}

static cn_tensor *ones(int64_t rows, int64_t columns)
{
    float data[64];
    assert_true(rows * columns <= 64);
    for (int i = 0; i < 64; i++) {
        data[i] = 1;
    }
    return cn_tensor_new(CN_FLOAT32, 2, (const int64_t[]){rows, columns}, data);
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

static void test_known_shape(void **state)
{
    (void)state;
    cn_model *model = cn_sequential(cn_dense(4, .input_shape = {6}), cn_dense(2));
    assert_null(cn_error());
    assert_string_equal(cn_model_name(model), "sequential");
    assert_int_equal(cn_model_n_layers(model), 2);
    assert_true(cn_model_built(model));
    assert_int_equal(cn_model_count_params(model), 6 * 4 + 4 + 4 * 2 + 2);
    assert_string_equal(cn_layer_name(cn_model_layer(model, -1)), "dense_1");
    assert_string_equal(model->input_layers[0]->base.name, "dense_input");
    assert_string_equal(model->output_names[0], "dense_1");
    assert_int_equal(cn_tensor_dim(cn_model_output(model, 0), 1), 2);
    assert_int_equal(cn_tensor_dim(cn_model_output(model, 0), 0), -1);
    cn_tensor *weights[4];
    assert_int_equal(cn_model_weights(model, weights, 4), 4);
    assert_int_equal(cn_tensor_dim(weights[2], 0), 4);
}

/* Outputs follow the list: what a model gives after add and pop is what its layers give. */
static void test_add_and_pop(void **state)
{
    (void)state;
    cn_model *model = cn_sequential(cn_dense(3, .input_shape = {6}, .kernel_initializer = "ones"));
    cn_model_add(model, cn_dense(2, .kernel_initializer = "ones"));
    cn_tensor *y = cn_call(model, ones(2, 6));
    assert_float_equal(cn_tensor_item(y, 0), 18, 0);
    assert_int_equal(cn_model_pop(model), 0);
    y = cn_call(model, ones(2, 6));
    assert_int_equal(cn_tensor_dim(y, 1), 3);
    assert_float_equal(cn_tensor_item(y, 0), 6, 0);
    assert_int_equal(cn_tensor_dim(cn_model_output(model, 0), 1), 3);
    assert_int_equal(cn_model_pop(model), 0);
    assert_false(cn_model_built(model));
    assert_int_equal(cn_model_n_layers(model), 0);
    assert_true(cn_model_pop(model) < 0);
    expect_error(CN_EVALUE, "There are no layers in the model.");
    /* Another input shape is fine now. */
    cn_model_add(model, cn_dense(2, .input_shape = {5}));
    assert_int_equal(cn_model_count_params(model), 12);
}

static void test_late_building(void **state)
{
    (void)state;
    cn_model *model = cn_sequential(cn_dense(4), cn_flatten(), cn_dense(2), .name = "late");
    assert_false(cn_model_built(model));
    cn_tensor *weights[8];
    assert_true(cn_model_weights(model, weights, 8) < 0);
    expect_error(CN_ESTATE,
                 "Weights for model 'late' have not yet been created. Weights are created when "
                 "the model is first called on inputs or `build()` is called with an "
                 "`input_shape`.");
    assert_true(cn_model_count_params(model) < 0);
    expect_error(CN_ESTATE,
                 "You tried to call `count_params` on layer late, but the layer isn't built.");
    cn_tensor *y = cn_call(model, ones(3, 6));
    assert_int_equal(cn_tensor_dim(y, 1), 2);
    assert_true(cn_model_built(model));
    assert_int_equal(cn_model_weights(model, weights, 8), 4);
    cn_shape shape = cn_shape_of(-1, 9);
    cn_model *built = cn_sequential(cn_dense(2));
    assert_int_equal(cn_model_build(built, &shape), 0);
    assert_int_equal(cn_model_count_params(built), 20);
    assert_int_equal(cn_tensor_dim(cn_model_input(built, 0), 1), 9);
    assert_string_equal(built->input_layers[0]->base.name, "dense_2_input");
    cn_model *empty = cn_sequential();
    assert_true(cn_model_build(empty, NULL) < 0);
    expect_error(CN_EVALUE, "You must provide an `input_shape` argument.");
}

static void test_inputs_of_all_kinds(void **state)
{
    (void)state;
    cn_model *symbolic = cn_sequential(cn_input(.shape = {6}, .name = "x"), cn_dense(2));
    assert_int_equal(cn_model_n_layers(symbolic), 1);
    assert_string_equal(cn_tensor_name(cn_model_input(symbolic, 0)), "x");
    cn_model *layer = cn_sequential();
    cn_model_add(layer, cn_input_layer(.input_shape = {6}));
    assert_false(cn_model_built(layer));
    cn_model_add(layer, cn_dense(2));
    assert_true(cn_model_built(layer));
    cn_model *inner = cn_sequential(cn_dense(3, .input_shape = {6}), .name = "inner");
    cn_model *outer = cn_sequential(inner, cn_dense(2));
    assert_int_equal(cn_model_count_params(outer), 21 + 8);
    assert_string_equal(outer->input_layers[0]->base.name, "inner_input");
    cn_model *fixed = cn_sequential(cn_dense(2, .batch_input_shape = {{4, 6}, 2}));
    assert_int_equal(cn_tensor_dim(cn_model_input(fixed, 0), 0), 4);
    cn_model *rows = cn_sequential(cn_input(.batch_shape = {{CN_NONE}, 1}),
                                   cn_reshape_layer(.target_shape = {1, 1}));
    assert_int_equal(cn_tensor_rank(cn_model_input(rows, 0)), 1);
    assert_int_equal(cn_tensor_rank(cn_model_output(rows, 0)), 3);
}

static void test_keras3_names(void **state)
{
    (void)state;
    cn_set_keras("3.15");
    cn_model *model = cn_sequential(cn_dense(4, .input_shape = {6}));
    assert_string_equal(model->input_layers[0]->base.name, "input_layer");
    cn_tensor *weights[4];
    cn_model *late = cn_sequential(cn_dense(4));
    assert_int_equal(cn_model_weights(late, weights, 4), 0);
    assert_true(cn_model_pop(cn_sequential()) < 0);
    expect_error(CN_EINDEX, "list index out of range");
    cn_model *two = cn_sequential(cn_input(.shape = {2}), .name = "two");
    assert_true(cn_model_add(two, cn_input(.shape = {3})) < 0);
    expect_error(CN_EVALUE,
                 "Sequential model 'two' has already been configured to use input shape (None, 2). "
                 "You cannot add a different Input layer to it.");
    cn_shape other = cn_shape_of(-1, 9);
    assert_true(cn_model_build(model, &other) < 0);
    expect_error(CN_EVALUE,
                 "has already been configured to use input shape (None, 6). You cannot build it "
                 "with input_shape (None, 9)");
    cn_set_keras("2.3");
    cn_clear_session();
    cn_model *first = cn_sequential(cn_dense(4, .input_shape = {6}));
    assert_string_equal(cn_model_name(first), "sequential_1");
    assert_string_equal(cn_layer_name(cn_model_layer(first, 0)), "dense_1");
}

static void test_wrong_use(void **state)
{
    (void)state;
    cn_model *model = cn_sequential(cn_dense(4, .input_shape = {6}, .name = "same"));
    assert_true(cn_model_add(model, cn_dense(2, .name = "same")) < 0);
    expect_error(
        CN_EVALUE,
        "All layers added to a Sequential model should have unique names. Name \"same\" is "
        "already the name of a layer in this model. Update the `name` argument to pass a "
        "unique name.");
    assert_true(cn_model_add(model, (void *)(uintptr_t) "dense") < 0);
    expect_error(CN_ETYPE,
                 "The added layer must be an instance of class Layer. Received: layer=dense");
    assert_true(cn_model_add(model, ones(1, 1)) < 0);
    expect_error(CN_ETYPE, "The added layer must be an instance of class Layer.");
    assert_true(cn_model_add(model, NULL) < 0);
    expect_error(CN_ETYPE, "The added layer must be an instance of class Layer.");
    assert_true(cn_model_add(model, model) < 0);
    expect_error(CN_EVALUE, "cannot be added to itself");
    cn_model_get_layer(model, "nope");
    expect_error(CN_EKEY, "No such layer: nope. Existing layers are: ['same'].");
    cn_model_layer(model, 9);
    expect_error(CN_EINDEX, "Was asked to retrieve layer at index 9 but model only has 1 layers.");
    cn_call(model, ones(2, 5));
    expect_error(CN_EVALUE,
                 "Input 0 of layer \"sequential\" is incompatible with the layer: expected "
                 "shape=(None, 6), found shape=(2, 5)");
    cn_call(model, ones(2, 6), ones(2, 6));
    expect_error(CN_EVALUE,
                 "Layer \"sequential\" expects 1 input(s), but it received 2 input tensors.");
    cn_model_set_weights(model, 1, (cn_tensor *[]){ones(6, 4)});
    expect_error(CN_EVALUE,
                 "You called `set_weights(weights)` on layer \"sequential\" with a weight list of "
                 "length 1, but the layer was expecting 2 weights.");
    cn_model_n_layers((cn_model *)ones(1, 1));
    expect_error(CN_ETYPE, "expected a model, got a tensor");
    /* A layer that does not fit leaves the model as it was. */
    assert_true(cn_model_add(model, cn_reshape_layer(.target_shape = {5})) < 0);
    assert_non_null(cn_error());
    cn_error_clear();
    assert_int_equal(cn_model_n_layers(model), 1);
    assert_int_equal(cn_tensor_dim(cn_call(model, ones(2, 6)), 1), 4);
}

static void test_trainable(void **state)
{
    (void)state;
    cn_model *model =
        cn_sequential(cn_dense(4, .input_shape = {6}), cn_batch_normalization(), cn_dense(1));
    cn_tensor *w[8];
    assert_int_equal(cn_model_trainable_weights(model, w, 8), 6);
    assert_int_equal(cn_model_non_trainable_weights(model, w, 8), 2);
    cn_layer_set_trainable(cn_model_layer(model, 0), false);
    assert_int_equal(cn_model_trainable_weights(model, w, 8), 4);
    cn_model_set_trainable(model, false);
    assert_int_equal(cn_model_trainable_weights(model, w, 8), 0);
    assert_int_equal(cn_model_weights(model, w, 8), 8);
    cn_model_set_trainable(model, true);
    assert_int_equal(cn_model_trainable_weights(model, w, 8), 6);
}

/* Weights go through a file unchanged; a file that does not fit changes nothing. */
static void test_weight_files(void **state)
{
#if !CN__HAVE_LIBZIP
    skip(); /* a minimal library reads and writes no such files */
#endif
    (void)state;
    char path[64];
    snprintf(path, sizeof path, "sequential_%d.npz", (int)getpid());
    cn_model *a = cn_sequential(cn_dense(3, .input_shape = {4}), cn_dense(2));
    cn_model *b = cn_model_clone(a);
    cn_tensor *x = ones(2, 4);
    assert_int_equal(cn_model_save_weights(a, path), 0);
    assert_int_equal(cn_model_load_weights(b, path), 0);
    cn_tensor *ya = cn_call(a, x), *yb = cn_call(b, x);
    for (int i = 0; i < 4; i++) {
        assert_true(cn_tensor_item(ya, i) == cn_tensor_item(yb, i));
    }
    cn_model *wide = cn_sequential(cn_dense(3, .input_shape = {4}), cn_dense(5));
    cn_tensor *w[4];
    cn_model_weights(wide, w, 4);
    float before = cn_tensor_floats(w[0])[0];
    assert_true(cn_model_load_weights(wide, path) < 0);
    expect_error(CN_EVALUE,
                 "weight shape (3, 5) is not compatible with provided weight shape (3, 2).");
    assert_true(cn_tensor_floats(w[0])[0] == before);
    cn_model_load_weights(cn_sequential(cn_dense(3, .input_shape = {4})), path);
    expect_error(CN_EVALUE,
                 "with a weight list of length 4, but the layer was expecting 2 weights.");
    cn_model_load_weights(a, "weights.xyz");
    expect_error(CN_EUNSUPPORTED, ".npz");
    cn_model_save_weights(cn_sequential(cn_dense(1)), path);
    expect_error(CN_ESTATE, "has not been built");
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_known_shape, begin, end),
        cmocka_unit_test_setup_teardown(test_add_and_pop, begin, end),
        cmocka_unit_test_setup_teardown(test_late_building, begin, end),
        cmocka_unit_test_setup_teardown(test_inputs_of_all_kinds, begin, end),
        cmocka_unit_test_setup_teardown(test_keras3_names, begin, end),
        cmocka_unit_test_setup_teardown(test_wrong_use, begin, end),
        cmocka_unit_test_setup_teardown(test_trainable, begin, end),
        cmocka_unit_test_setup_teardown(test_weight_files, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
