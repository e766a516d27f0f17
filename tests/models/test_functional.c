/* Functional models: graphs of layers and ops, shared layers, several inputs and outputs, models as
 * layers, clones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models/model.h"

#include <stdlib.h>
#include <string.h>

static void expect_error(int code, const char *words)
{
    if (!cn_error() || !strstr(cn_error(), words)) {
        fail_msg("expected an error with \"%s\", got \"%s\"", words,
                 cn_error() ? cn_error() : "none");
    }
    assert_int_equal(cn_error_code(), code);
    cn_error_clear();
}

static cn_tensor *values(int64_t rows, int64_t columns)
{
    float data[64];
    assert_true(rows * columns <= 64);
    for (int i = 0; i < 64; i++) {
        data[i] = (float)(i % 7) - 2.5F;
    }
    return cn_tensor_new(CN_FLOAT32, 2, (const int64_t[]){rows, columns}, data);
}

static void same(cn_tensor *a, cn_tensor *b)
{
    assert_non_null(a);
    assert_non_null(b);
    assert_int_equal(cn_tensor_size(a), cn_tensor_size(b));
    for (int64_t i = 0; i < cn_tensor_size(a); i++) {
        assert_true(cn_tensor_item(a, i) == cn_tensor_item(b, i));
    }
}

static void layers_are(const cn_model *model, const char *names)
{
    char got[512] = "";
    for (int i = 0; i < cn_model_n_layers(model); i++) {
        strcat(got, i ? " " : "");
        strcat(got, cn_layer_name(cn_model_layer(model, i)));
    }
    assert_string_equal(got, names);
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

/* Ops between layers are part of the model, eager tensors are constants in it. */
static void test_ops_and_constants(void **state)
{
    (void)state;
    cn_tensor *in = cn_input(.shape = {3});
    cn_layer *dense = cn_dense(3);
    cn_tensor *h = cn_add(cn_multiply(cn_call(dense, in), 2), cn_array(1, 2, 3));
    cn_model *model = cn_functional(.inputs = {in}, .outputs = {cn_add(h, in)});
    assert_null(cn_error());
    layers_are(model, "input_1 dense tf.math.multiply tf.math.add tf.math.add_1");
    assert_string_equal(cn_model_name(model), "model");
    cn_tensor *x = values(4, 3);
    same(cn_call(model, x),
         cn_add(cn_add(cn_multiply(cn_call(dense, x), 2), cn_array(1, 2, 3)), x));
}

/* The order is Keras's: by depth from the outputs, then as the walk from the outputs meets them. */
static void test_branches(void **state)
{
    (void)state;
    cn_tensor *left = cn_input(.shape = {4}, .name = "left"),
              *right = cn_input(.shape = {3}, .name = "right");
    cn_tensor *l = cn_call(cn_dense(5, .name = "l"), left),
              *r = cn_call(cn_dense(5, .name = "r"), right);
    cn_tensor *deep = cn_call(cn_dense(5, .name = "deep"), r);
    cn_tensor *joined = cn_add(l, deep);
    cn_tensor *a = cn_call(cn_dense(2, .name = "a"), joined),
              *b = cn_call(cn_dense(1, .name = "b"), joined);
    cn_model *model = cn_functional(.inputs = {left, right}, .outputs = {a, b}, .name = "two");
    assert_null(cn_error());
    layers_are(model, "right left r l deep tf.math.add a b");
    assert_int_equal(cn_model_n_outputs(model), 2);
    assert_string_equal(model->output_names[1], "b");
    cn_tensor *second[1] = {NULL};
    int n = 0;
    cn_tensor *first = cn_call(model, values(6, 4), values(6, 3), .outputs = second,
                               .max_outputs = 1, .n_outputs = &n);
    assert_int_equal(n, 2);
    assert_int_equal(cn_tensor_dim(first, 1), 2);
    assert_int_equal(cn_tensor_dim(second[0], 1), 1);
    cn_call(model, values(6, 4));
    expect_error(CN_EVALUE, "Layer \"two\" expects 2 input(s), but it received 1 input tensors.");
}

static void test_shared_layer(void **state)
{
    (void)state;
    cn_tensor *a = cn_input(.shape = {4}), *b = cn_input(.shape = {4});
    cn_layer *shared = cn_dense(3);
    cn_model *model =
        cn_functional(.inputs = {a, b},
                      .outputs = {cn_subtract(cn_call(shared, a), cn_call(shared, b))});
    layers_are(model, "input_1 input_2 dense tf.math.subtract");
    assert_int_equal(cn_model_count_params(model), 15);
    cn_tensor *x = values(2, 4), *y = cn_multiply(x, 3);
    same(cn_call(model, x, y), cn_subtract(cn_call(shared, x), cn_call(shared, y)));
    cn__layer_call *calls[4];
    assert_int_equal(cn__model_calls(model, calls, 4), 3);
    assert_int_equal(calls[0]->index, 0);
    assert_int_equal(calls[1]->index, 1);
}

static void test_models_as_layers(void **state)
{
    (void)state;
    cn_model *inner =
        cn_sequential(cn_dense(3, .input_shape = {4}), cn_relu_layer(), .name = "inner");
    cn_tensor *in = cn_input(.shape = {4});
    cn_model *outer =
        cn_functional(.inputs = {in}, .outputs = {cn_call(cn_dense(2), cn_call(inner, in))});
    layers_are(outer, "input_1 inner dense_1");
    assert_int_equal(cn_model_count_params(outer), 15 + 8);
    assert_ptr_equal(cn_model_get_layer(outer, "inner"), cn_model_as_layer(inner));
    cn_tensor *x = values(2, 4);
    cn_layer *last = cn_model_layer(outer, -1);
    same(cn_call(outer, x), cn_call(last, cn_call(inner, x)));
    /* Built by being called in a graph. */
    cn_model *late = cn_sequential(cn_dense(3));
    cn_model *around = cn_functional(.inputs = {in}, .outputs = {cn_call(late, in)});
    assert_true(cn_model_built(late));
    same(cn_call(around, x), cn_call(late, x));
}

/* A model between tensors in the middle of another shares its layers. */
static void test_parts_of_graphs(void **state)
{
    (void)state;
    cn_tensor *in = cn_input(.shape = {4}), *h = cn_call(cn_dense(3), in),
              *out = cn_call(cn_dense(2), h);
    cn_model *whole = cn_functional(.inputs = {in}, .outputs = {out});
    cn_model *front = cn_functional(.inputs = {in}, .outputs = {h});
    cn_model *back = cn_functional(.inputs = {h}, .outputs = {out});
    assert_null(cn_error());
    layers_are(back, "input_2 dense_1");
    cn_tensor *x = values(5, 4);
    same(cn_call(whole, x), cn_call(back, cn_call(front, x)));
    cn_model *alone = cn_functional(.inputs = {in}, .outputs = {in});
    same(cn_call(alone, x), x);
}

static void test_clone(void **state)
{
    (void)state;
    cn_tensor *in = cn_input(.shape = {4}, .name = "x");
    cn_layer *shared = cn_dense(4, .name = "shared");
    cn_model *inner =
        cn_sequential(cn_dense(2, .input_shape = {4}, .name = "deep"), .name = "inner");
    cn_tensor *h = cn_call(shared, cn_call(shared, in));
    cn_model *model = cn_functional(.inputs = {in}, .outputs = {cn_call(inner, h)}, .name = "net");
    cn_model *copy = cn_model_clone(model);
    assert_null(cn_error());
    layers_are(copy, "x shared inner");
    assert_string_equal(cn_model_name(copy), "net");
    assert_ptr_not_equal(cn_model_layer(copy, 1), cn_model_layer(model, 1));
    cn_tensor *w[8];
    int n = cn_model_weights(model, w, 8);
    assert_int_equal(n, 4);
    cn_tensor *x = values(2, 4);
    cn_model_set_weights(copy, n, w);
    same(cn_call(copy, x), cn_call(model, x));
}

static void test_wrong_use(void **state)
{
    (void)state;
    cn_tensor *a = cn_input(.shape = {3}), *b = cn_input(.shape = {3});
    cn_tensor *y = cn_call(cn_dense(2), b);
    cn_functional(.inputs = {a}, .outputs = {y});
    expect_error(CN_EVALUE,
                 "Graph disconnected: cannot obtain value for tensor "
                 "KerasTensor(type_spec=TensorSpec(shape=(None, 3), dtype=tf.float32, "
                 "name='input_2'), name='input_2', description=\"created by layer 'input_2'\") at "
                 "layer \"dense\". The following previous layers were accessed without issue: []");
    cn_functional(.inputs = {values(2, 3)}, .outputs = {y});
    expect_error(
        CN_ETYPE,
        "Found unexpected instance while processing input tensors for keras functional model.");
    cn_functional(.inputs = {b, b}, .outputs = {y});
    expect_error(CN_EVALUE, "contains the same input multiple times");
    cn_functional(.inputs = {b});
    expect_error(CN_EVALUE, "outputs");
    cn_tensor *h = cn_call(cn_dense(2, .name = "same"), cn_call(cn_dense(2, .name = "same"), a));
    cn_functional(.inputs = {a}, .outputs = {h});
    expect_error(
        CN_EVALUE,
        "The name \"same\" is used 2 times in the model. All layer names should be unique.");
    cn_input(.name = "x");
    expect_error(CN_EVALUE, "Please provide to Input a `shape`");
    cn_input(.shape = {3}, .batch_shape = {{2, 3}, 2});
    expect_error(CN_EVALUE, "You cannot pass both `shape` and `batch_shape` at the same time.");
    cn_set_keras("3.15");
    cn_functional(.inputs = {cn_input(.shape = {3})},
                  .outputs = {cn_call(cn_dense(2), cn_input(.shape = {3}))});
    expect_error(CN_EVALUE, "Output with path `` is not connected to `inputs`");
    cn_input(.name = "x");
    expect_error(CN_EVALUE, "You must pass a `shape` argument.");
}

/* What was in a graph of a thousand layers ends without a deep recursion, whoever ends first. */
static void test_long_chain(void **state)
{
    (void)state;
    cn_scope scope = cn_scope_begin();
    cn_tensor *in = cn_input(.shape = {2}), *x = in;
    cn_layer *relu = cn_relu_layer();
    for (int i = 0; i < 3000; i++) {
        x = cn_call(relu, x);
    }
    cn_model *model = cn_functional(.inputs = {in}, .outputs = {x});
    assert_null(cn_error());
    assert_int_equal(cn__model_calls(model, NULL, 0), 3000);
    cn_keep(model);
    cn_scope_end(scope);
    assert_int_equal(cn_tensor_dim(cn_call(model, values(3, 2)), 0), 3);
    cn_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_ops_and_constants, begin, end),
        cmocka_unit_test_setup_teardown(test_branches, begin, end),
        cmocka_unit_test_setup_teardown(test_shared_layer, begin, end),
        cmocka_unit_test_setup_teardown(test_models_as_layers, begin, end),
        cmocka_unit_test_setup_teardown(test_parts_of_graphs, begin, end),
        cmocka_unit_test_setup_teardown(test_clone, begin, end),
        cmocka_unit_test_setup_teardown(test_wrong_use, begin, end),
        cmocka_unit_test_setup_teardown(test_long_chain, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
