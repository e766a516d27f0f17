/* Layers as objects: errors in Keras's words, weights and their order, users' classes that
 * misbehave, calls of every kind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "graph/trace.h"
#include "layers/layer.h"
#include <cornu/activations.h>
#include <cornu/regularizers.h>
#include <cornu/tape.h>
#include <math.h>
#include <string.h>

static cn_scope scope;

static int setup(void **state)
{
    (void)state;
    cn_clear_session();
    scope = cn_scope_begin();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cn_error_clear();
    cn_scope_end(scope);
    cn_set_keras("2.21");
    return 0;
}

static void fails(const char *words)
{
    if (!cn_error() || !strstr(cn_error(), words)) {
        fail_msg("expected an error with\n%s\ngot\n%s", words, cn_error() ? cn_error() : "none");
    }
    cn_error_clear();
}

static void input_errors(void **state)
{
    (void)state;
    cn_layer *dense = cn_dense(3);
    assert_non_null(cn_call(dense, cn_zeros(2, 4)));
    assert_null(cn_call(dense, cn_zeros(2, 6)));
    fails("Input 0 of layer \"dense\" is incompatible with the layer: expected axis -1 of input "
          "shape to have value "
          "4, but received input with shape (2, 6)");
    assert_null(cn_call(dense, cn_zeros(3)));
    fails("Input 0 of layer \"dense\" is incompatible with the layer: expected min_ndim=2, found "
          "ndim=1. Full shape "
          "received: (3,)");
    assert_null(cn_call(dense, cn_zeros(2, 4), cn_zeros(2, 4)));
    fails("Layer \"dense\" expects 1 input(s), but it received 2 input tensors");
    cn_set_keras("3");
    cn_layer *three = cn_dense(3);
    assert_non_null(cn_call(three, cn_zeros(2, 4)));
    assert_null(cn_call(three, cn_zeros(2, 6)));
    fails("Input 0 with name 'None' of layer 'dense_1' is incompatible with the layer: expected "
          "axis -1 of input "
          "shape to have value 4, but received input with shape (2, 6)");
    assert_null(cn_call(NULL, cn_zeros(2)));
    fails("expected a layer, got NULL");
    assert_null(cn_call((void *)(uintptr_t) "dense", cn_zeros(2)));
    fails("expected a layer, got a string");
    /* Nothing of this broke the layer. */
    assert_non_null(cn_call(dense, cn_zeros(2, 4)));
}

static void argument_errors(void **state)
{
    (void)state;
    assert_null(cn_dense(-3));
    fails("Received an invalid value for `units`, expected a positive integer. Received: units=-3");
    assert_null(cn_dense(0));
    fails("units=0");
    assert_null(cn_dropout(1.5));
    fails("Invalid value 1.5 received for `rate`, expected a value between 0 and 1.");
    assert_null(cn_relu_layer(.max_value = -1));
    fails("max_value of a ReLU layer cannot be a negative value");
    assert_null(cn_flatten(.data_format = "channels_middle"));
    fails("The `data_format` argument must be one of \"channels_first\", \"channels_last\". "
          "Received: "
          "channels_middle");
    assert_null(cn_call(cn_reshape_layer(.target_shape = {5, 2}), cn_zeros(3, 4)));
    fails("total size of new array must be unchanged, input_shape = [4], output_shape = [5, 2]");
    assert_null(cn_dense(3, .dtype = "float33"));
    assert_int_not_equal(cn_error_code(), 0);
    cn_error_clear();
}

static void weights_and_counts(void **state)
{
#if !CN__HAVE_JANSSON
    skip(); /* a minimal library reads and writes no such files */
#endif
    (void)state;
    cn_layer *dense = cn_dense(3, .name = "target");
    assert_true(cn_layer_count_params(dense) < 0);
    fails("You tried to call `count_params` on layer target, but the layer isn't built. You can "
          "build it manually "
          "via: `target.build(batch_input_shape)`.");
    cn_shape input = cn_shape_of(-1, 4), output;
    assert_int_equal(cn_layer_build(dense, &input, 1), 0);
    assert_int_equal(cn_layer_count_params(dense), 15);
    cn_tensor *values[2] = {cn_zeros(4, 3), cn_ones(3)};
    assert_true(cn_layer_set_weights(dense, 1, values) < 0);
    fails("You called `set_weights(weights)` on layer \"target\" with a weight list of length 1, "
          "but the layer was "
          "expecting 2 weights.");
    cn_tensor *wrong[2] = {cn_ones(5, 3), cn_ones(3)};
    assert_true(cn_layer_set_weights(dense, 2, wrong) < 0);
    fails("Layer target weight shape (4, 3) is not compatible with provided weight shape (5, 3).");
    assert_int_equal(cn_layer_set_weights(dense, 2, values), 0);
    assert_true(cn_tensor_item(cn_layer_weight_named(dense, "bias"), 2) == 1);
    assert_string_equal(cn_tensor_name(cn_layer_weight(dense, 0)), "target/kernel:0");
    assert_null(cn_layer_weight_named(dense, "kern"));
    assert_null(cn_layer_weight(dense, 2));
    assert_int_equal(cn_layer_compute_output_shape(dense, &input, 1, &output), 0);
    assert_true(output.rank == 2 && output.dim[0] == -1 && output.dim[1] == 3);
    uint64_t before = cn__layers_version();
    assert_int_equal(cn_layer_set_trainable(dense, false), 0);
    assert_true(cn__layers_version() > before);
    assert_int_equal(cn_layer_trainable_weights(dense, NULL, 0), 0);
    assert_int_equal(cn_layer_non_trainable_weights(dense, NULL, 0), 2);
    assert_non_null(strstr(cn_layer_get_config(dense), "\"trainable\": false"));
}

/* A layer of layers whose own weights stand between trained and frozen ones. */
typedef struct outer_args {
    CN_LAYER_ARGS;
    cn_layer *norm, *dense;
    CN__END;
} outer_args;

static int build_outer(cn_layer *self, const cn_shape *inputs, int n)
{
    (void)inputs;
    (void)n;
    cn_layer_add_weight(self, .name = "frozen", .shape = {2}, .trainable = false);
    cn_layer_add_weight(self, .name = "own", .shape = {2}, .regularizer = "l2",
                        .initializer = "ones");
    return 0;
}

static cn_tensor *call_outer(cn_layer *self, cn_tensor *const *inputs, int n,
                             const cn_call_args *args)
{
    const outer_args *a = cn_layer_arguments(self);
    (void)n;
    cn_tensor *x = cn_call(a->norm, inputs[0], .training = args->training);
    cn_call_output(args, 1, cn_negative(x));
    cn_layer_add_loss(self, cn_sum(cn_layer_weight_named(self, "own")));
    return cn_call(a->dense, x);
}

static const outer_args outer_defaults = {.size = sizeof(outer_args), CN_LAYER_DEFAULTS};
static const cn_field outer_fields[] = {
    CN_FIELD(outer_args, LAYER, norm), CN_FIELD(outer_args, LAYER, dense), {0}};
static const cn_layer_class outer_class = {.base = {.size = sizeof(cn_layer_class),
                                                    .name = "Outer",
                                                    .args_size = sizeof(outer_args),
                                                    .defaults = &outer_defaults,
                                                    .fields = outer_fields},
                                           .build = build_outer,
                                           .call = call_outer};

static cn_layer *make_outer(void)
{
    outer_args args = outer_defaults;
    args.norm = cn_batch_normalization();
    args.dense = cn_dense(2, .activity_regularizer = "l1");
    return cn_layer_new(&outer_class, &args);
}

static void check_order(const cn_layer *layer, const char *const *names, int n)
{
    cn_tensor *weights[16];
    assert_int_equal(cn_layer_weights(layer, weights, 16), n);
    for (int i = 0; i < n; i++) {
        assert_non_null(strstr(cn_tensor_name(weights[i]), names[i]));
    }
}

static void nested_weights(void **state)
{
    (void)state;
    static const char *const two[] = {"own",  "gamma",  "beta",        "kernel",
                                      "bias", "frozen", "moving_mean", "moving_variance"};
    static const char *const three[] = {"own",         "frozen",          "gamma",  "beta",
                                        "moving_mean", "moving_variance", "kernel", "bias"};
    cn_layer *layer = make_outer();
    cn_tensor *second = NULL, *outputs[1];
    int n = 0;
    cn_tensor *x = cn_reshape(cn_array(1, 2, 3, 4, 5, 7), 3, 2);
    cn_tensor *y = cn_call(layer, x, .outputs = outputs, .max_outputs = 1, .n_outputs = &n);
    if (!y) {
        fail_msg("%s", cn_error());
    }
    second = outputs[0];
    assert_int_equal(n, 2);
    assert_true(cn_tensor_dim(second, 0) == 3 && cn_tensor_item(second, 1) < 0);
    check_order(layer, two, 8);
    cn_set_keras("3");
    cn_layer *other = make_outer();
    assert_non_null(cn_call(other, x));
    check_order(other, three, 8);
    /* Own loss 2, the activity of three rows, l2 of the own weight. */
    cn_tensor *losses[8];
    assert_int_equal(cn__layer_collect_losses(layer, true, losses, 8), 3);
    assert_true(cn_tensor_value(losses[0]) == 2);
    assert_true(fabs(cn_tensor_value(losses[1]) - 0.02) < 1e-7);
    /* A second eager call starts anew. */
    assert_non_null(cn_call(layer, x));
    assert_int_equal(cn__layer_collect_losses(layer, false, losses, 8), 2);
    /* Freezing reaches the sublayers. */
    cn_layer_set_trainable(layer, false);
    assert_int_equal(cn_layer_trainable_weights(layer, NULL, 0), 0);
    assert_false(cn_layer_trainable(((const outer_args *)cn_layer_arguments(layer))->dense));
}

/* A class that does what its argument says, most of it wrong. */
typedef struct odd_args {
    CN_LAYER_ARGS;
    int way;
    CN__END;
} odd_args;
enum {
    FINE,
    BUILD_CODE,
    BUILD_TWICE,
    CALL_NULL,
    CALL_FAIL,
    CALL_SELF,
    CALL_STRING,
    BUILD_SELF,
    INPUT_BACK
};
static cn_layer *self_reference;

static int build_odd(cn_layer *self, const cn_shape *inputs, int n)
{
    int way = ((const odd_args *)cn_layer_arguments(self))->way;
    (void)n;
    cn_layer_add_weight(self, .name = "w", .shape = {3});
    if (way == BUILD_TWICE) {
        cn_layer_add_weight(self, .name = "w", .shape = {3});
    }
    if (way == BUILD_SELF) {
        cn_layer_build(self, inputs, 1);
    }
    return way == BUILD_CODE ? CN_EVALUE : 0;
}

static cn_tensor *call_odd(cn_layer *self, cn_tensor *const *inputs, int n,
                           const cn_call_args *args)
{
    int way = ((const odd_args *)cn_layer_arguments(self))->way;
    (void)n;
    (void)args;
    switch (way) {
    case CALL_NULL: return NULL;
    case CALL_FAIL: cn_fail(CN_EVALUE, "it rained"); return cn_square(inputs[0]);
    case CALL_SELF: return cn_call(self_reference, inputs[0]);
    case CALL_STRING: return (cn_tensor *)(uintptr_t) "not a tensor";
    case INPUT_BACK: return inputs[0];
    default: return cn_square(inputs[0]);
    }
}

static const odd_args odd_defaults = {.size = sizeof(odd_args), CN_LAYER_DEFAULTS};
static const cn_field odd_fields[] = {CN_FIELD(odd_args, INT, way), {0}};
static const cn_layer_class odd_class = {.base = {.size = sizeof(cn_layer_class),
                                                  .name = "Odd",
                                                  .args_size = sizeof(odd_args),
                                                  .defaults = &odd_defaults,
                                                  .fields = odd_fields},
                                         .build = build_odd,
                                         .call = call_odd};

static cn_layer *odd(int way)
{
    odd_args args = odd_defaults;
    args.way = way;
    return cn_layer_new(&odd_class, &args);
}

static void users_mistakes(void **state)
{
    (void)state;
    static const struct {
        int way;
        const char *words;
    } cases[] = {
        {BUILD_CODE, "Layer \"odd\": its build function failed with code -1"},
        {BUILD_TWICE, "already has a weight named \"w\""},
        {CALL_NULL, "its call function returned NULL without an error"},
        {CALL_FAIL, "it rained"},
        {CALL_SELF, "calls itself"},
        {CALL_STRING, "a layer's output: expected a tensor, got a string"},
        {BUILD_SELF, "its build function calls it"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cn_clear_session();
        cn_layer *layer = self_reference = odd(cases[i].way);
        for (int again = 0; again < 2; again++) {
            assert_null(cn_call(layer, cn_array(1, 2, 3)));
            fails(cases[i].words);
        }
        assert_true(layer->n_weights == (cn_layer_built(layer) ? 1 : 0));
        assert_int_equal(layer->depth, 0);
    }
    cn_layer_class no_call = odd_class;
    no_call.call = NULL;
    assert_null(cn_layer_new(&no_call, &odd_defaults));
    fails("needs a call function");
    odd_args none = {0};
    assert_null(cn_layer_new(&odd_class, &none));
    fails("the size of the argument struct is 0");
}

static void the_input_back(void **state)
{
    (void)state;
    cn_tensor *x = cn_array(1, 2, 3), *y = cn_call(odd(INPUT_BACK), x);
    assert_ptr_not_equal(x, y);
    assert_true(cn_tensor_item(y, 2) == 3);
}

/* Symbolic inputs outside a trace make nodes of a functional model. */
static void functional(void **state)
{
    (void)state;
    cn_shape shape = cn_shape_of(-1, 4);
    cn_tensor *x = cn__placeholder(CN_FLOAT32, &shape, "x");
    cn_layer *layer = make_outer();
    cn_tensor *outputs[1], *y = cn_call(layer, x, .outputs = outputs, .max_outputs = 1);
    if (!y) {
        fail_msg("%s", cn_error());
    }
    assert_true(cn_tensor_is_symbolic(y));
    assert_true(cn_tensor_dim(y, 0) == -1 && cn_tensor_dim(y, 1) == 2);
    const cn__layer_call *call = y->keras_history;
    assert_ptr_equal(call->layer, layer);
    assert_ptr_equal(call->in[0], x);
    assert_int_equal(call->n_out, 2);
    assert_ptr_equal(outputs[0]->keras_history, call);
    assert_int_equal(cn__layer_call_output(y), 0);
    assert_int_equal(cn__layer_call_output(outputs[0]), 1);
    cn_tensor *again = cn_call(layer, x);
    assert_int_equal(((const cn__layer_call *)again->keras_history)->index, 1);
    /* Inside a trace there is no such record. */
    cn__trace *trace = cn__trace_begin();
    cn_tensor *z = cn_call(layer, x);
    assert_true(cn_tensor_is_symbolic(z));
    assert_null(z->keras_history);
    cn__trace_end(trace);
    cn__unref(trace);
}

static void traced_shape(void **state)
{
    (void)state;
    cn_shape input = cn_shape_of(-1, 4), output;
    cn_layer *layer = make_outer();
    assert_int_equal(cn_layer_compute_output_shape(layer, &input, 1, &output), 0);
    assert_true(output.rank == 2 && output.dim[0] == -1 && output.dim[1] == 2);
    assert_int_equal(layer->n_losses, 0);
    assert_null(cn__trace_current());
}

static void dropout(void **state)
{
    (void)state;
    cn_layer *layer = cn_dropout(0.25, .seed = 5);
    cn_tensor *x = cn_ones(40, 50), *y = cn_call(layer, x, .training = true);
    int kept = 0;
    for (int i = 0; i < 2000; i++) {
        double v = cn_tensor_item(y, i);
        assert_true(v == 0 || fabs(v - 4. / 3) < 1e-6);
        kept += v != 0;
    }
    assert_true(kept > 1400 && kept < 1600);
    cn_tensor *again = cn_call(layer, x, .training = true);
    assert_true(memcmp(cn_tensor_floats(y), cn_tensor_floats(again), 8000) != 0);
    assert_true(cn_tensor_item(cn_call(layer, x), 7) == 1);
    y = cn_call(cn_dropout(0.5, .noise_shape = {CN_NONE, 1}), x, .training = true);
    for (int i = 0; i < 40; i++) {
        assert_true(cn_tensor_item(y, 50 * i) == cn_tensor_item(y, 50 * i + 49));
    }
}

static void dtypes(void **state)
{
    (void)state;
    cn_tensor *integers = cn_cast(cn_reshape(cn_array(1, 2, 3, 4), 2, 2), CN_INT32);
    assert_int_equal(cn_tensor_dtype(cn_call(cn_dense(3), integers)), CN_FLOAT32);
    cn_layer *mixed = cn_dense(3, .dtype = "mixed_float16");
    assert_int_equal(cn_tensor_dtype(cn_call(mixed, cn_zeros(2, 2))), CN_FLOAT16);
    assert_int_equal(cn_tensor_dtype(cn_layer_weight(mixed, 0)), CN_FLOAT32);
    cn_layer *wide = cn_dense(3, .dtype = "float64");
    assert_int_equal(cn_tensor_dtype(cn_call(wide, cn_zeros(2, 2))), CN_FLOAT64);
    assert_int_equal(cn_tensor_dtype(cn_layer_weight(wide, 0)), CN_FLOAT64);
    cn_tensor *y = cn_call(cn_rescaling(0.5, .offset = 1), cn_cast(cn_array(4), CN_UINT8));
    assert_true(cn_tensor_item(y, 0) == 3);
}

/* A bias without an initializer begins as Keras's default for all weights, which is not zeros. */
static void default_initializer(void **state)
{
    (void)state;
    cn_layer *layer = odd(FINE);
    assert_non_null(cn_call(layer, cn_array(1, 2, 3)));
    assert_true(cn_tensor_item(cn_layer_weight(layer, 0), 0) != 0);
    assert_true(fabs(cn_tensor_item(cn_layer_weight(layer, 0), 0)) <= 1);
    assert_null(cn_layer_add_weight(layer, .name = "open", .shape = {2, CN_NONE}));
    fails("needs a known shape, got (2, None)");
    assert_non_null(cn_layer_add_weight(layer, .name = "scalar"));
    assert_int_equal(cn_tensor_rank(cn_layer_weight_named(layer, "scalar")), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(input_errors),   TEST(argument_errors),     TEST(weights_and_counts),
        TEST(nested_weights), TEST(users_mistakes),      TEST(the_input_back),
        TEST(functional),     TEST(traced_shape),        TEST(dropout),
        TEST(dtypes),         TEST(default_initializer),
    };
    return cmocka_run_group_tests_name("layers", tests, NULL, NULL);
}
