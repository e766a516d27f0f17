/* Layers by what must hold: both data formats agree, draws disturb as they should, models of each
 * layer train and predict as eager calls do. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "layers/layer.h"

#include <cornu/callbacks.h>
#include <cornu/models.h>
#include <cornu/optimizers.h>
#include <cornu/random.h>
#include <cornu/tape.h>

#include <string.h>

static cn_tensor *drawn(cn_shape shape, int64_t seed)
{
    cn_ints lengths = {.n = shape.rank};
    for (int i = 0; i < shape.rank; i++) {
        lengths.v[i] = shape.dim[i];
    }
    return cn_random_normal(.shape = lengths, .seed = seed);
}

static cn_tensor *moved(cn_tensor *x, bool to_front)
{
    int64_t axes[CN_MAX_RANK] = {0};
    int rank = cn_tensor_rank(x);
    for (int i = 1; i < rank; i++) {
        axes[i] = to_front ? (i == 1 ? rank - 1 : i - 1) : (i == rank - 1 ? 1 : i + 1);
    }
    return cn_transpose_axes(x, rank, axes);
}

/* The same products, summed in another order: a few roundings of numbers around 1. */
static void close_to(const char *what, cn_tensor *a, cn_tensor *b, double tolerance)
{
    if (!a || !b) {
        fail_msg("%s: %s", what, cn_error());
    }
    assert_int_equal(cn_tensor_rank(a), cn_tensor_rank(b));
    for (int i = 0; i < cn_tensor_rank(a); i++) {
        assert_int_equal(cn_tensor_dim(a, i), cn_tensor_dim(b, i));
    }
    for (int64_t i = 0; i < cn_tensor_size(a); i++) {
        double x = cn_tensor_item(a, i), y = cn_tensor_item(b, i);
        if (!(fabs(x - y) <= tolerance * (1 + fabs(y)))) {
            fail_msg("%s: element %d is %g, not %g", what, (int)i, x, y);
        }
    }
}

/* A layer in one of the formats. */
typedef cn_layer *maker(const char *format);
#define MAKER(name, ...)                                                                           \
    static cn_layer *name(const char *format)                                                      \
    {                                                                                              \
        return __VA_ARGS__;                                                                        \
    }
MAKER(conv1, cn_conv1d(4, .kernel_size = {3}, .strides = {2}, .padding = "same",
                       .data_format = format, .activation = "relu"))
MAKER(causal, cn_conv1d(4, .kernel_size = {3}, .dilation_rate = {2}, .padding = "causal",
                        .data_format = format))
MAKER(conv2, cn_conv2d(6, .kernel_size = {3, 2}, .strides = {1, 2}, .padding = "same",
                       .data_format = format, .groups = 2))
MAKER(conv2_dilated,
      cn_conv2d(3, .kernel_size = {2}, .dilation_rate = {2, 1}, .data_format = format))
MAKER(conv3, cn_conv3d(2, .kernel_size = {2}, .data_format = format, .use_bias = false))
MAKER(transposed1,
      cn_conv1d_transpose(3, .kernel_size = {3}, .strides = {2}, .data_format = format))
MAKER(transposed2, cn_conv2d_transpose(3, .kernel_size = {3}, .strides = {2}, .padding = "same",
                                       .output_padding = {1}, .data_format = format))
MAKER(transposed3, cn_conv3d_transpose(2, .kernel_size = {2}, .data_format = format))
MAKER(depthwise1,
      cn_depthwise_conv1d(.kernel_size = {3}, .depth_multiplier = 2, .data_format = format))
MAKER(depthwise2, cn_depthwise_conv2d(.kernel_size = {3}, .depth_multiplier = 2, .padding = "same",
                                      .data_format = format))
MAKER(separable1, cn_separable_conv1d(3, .kernel_size = {3}, .data_format = format))
MAKER(separable2, cn_separable_conv2d(5, .kernel_size = {3}, .strides = {2}, .data_format = format))
MAKER(max1, cn_max_pooling1d(.pool_size = {3}, .strides = {2}, .data_format = format))
MAKER(max2, cn_max_pooling2d(.padding = "same", .data_format = format))
MAKER(max3, cn_max_pooling3d(.data_format = format))
MAKER(mean1, cn_average_pooling1d(.padding = "same", .data_format = format))
MAKER(mean2, cn_average_pooling2d(.pool_size = {3, 2}, .strides = {1, 2}, .data_format = format))
MAKER(mean3, cn_average_pooling3d(.padding = "same", .data_format = format))
MAKER(sum1, cn_sum_pooling1d(.data_format = format))
MAKER(sum2, cn_sum_pooling2d(.padding = "same", .data_format = format))
MAKER(sum3, cn_sum_pooling3d(.data_format = format))
MAKER(adaptive_max2, cn_adaptive_max_pooling2d(.output_size = {3, 2}, .data_format = format))
MAKER(adaptive_mean1, cn_adaptive_average_pooling1d(.output_size = {4}, .data_format = format))
MAKER(adaptive_mean3,
      cn_adaptive_average_pooling3d(.output_size = {2, 3, 1}, .data_format = format))
MAKER(global_max2, cn_global_max_pooling2d(.keepdims = true, .data_format = format))
MAKER(global_mean3, cn_global_average_pooling3d(.keepdims = true, .data_format = format))
MAKER(pad2, cn_zero_padding2d(.padding = {1, 0, 2, 3}, .data_format = format))
MAKER(pad3, cn_zero_padding3d(.padding = {1, 2, 1}, .data_format = format))
MAKER(crop2, cn_cropping2d(.cropping = {1, 2, 0, 1}, .data_format = format))
MAKER(crop3, cn_cropping3d(.cropping = {1}, .data_format = format))
MAKER(up2, cn_up_sampling2d(.sizes = {2, 3}, .data_format = format))
MAKER(up2_bilinear, cn_up_sampling2d(.interpolation = "bilinear", .data_format = format))
MAKER(up3, cn_up_sampling3d(.sizes = {2, 1, 3}, .data_format = format))

static const struct subject {
    const char *name;
    maker *make;
    int rank;
} subjects[] = {
#define S(name, rank)                                                                              \
    {                                                                                              \
#name, name, rank                                                                          \
    }
    S(conv1, 3),         S(causal, 3),         S(conv2, 4),
    S(conv2_dilated, 4), S(conv3, 5),          S(transposed1, 3),
    S(transposed2, 4),   S(transposed3, 5),    S(depthwise1, 3),
    S(depthwise2, 4),    S(separable1, 3),     S(separable2, 4),
    S(max1, 3),          S(max2, 4),           S(max3, 5),
    S(mean1, 3),         S(mean2, 4),          S(mean3, 5),
    S(sum1, 3),          S(sum2, 4),           S(sum3, 5),
    S(adaptive_max2, 4), S(adaptive_mean1, 3), S(adaptive_mean3, 5),
    S(global_max2, 4),   S(global_mean3, 5),   S(pad2, 4),
    S(pad3, 5),          S(crop2, 4),          S(crop3, 5),
    S(up2, 4),           S(up2_bilinear, 4),   S(up3, 5),
#undef S
};
enum { SUBJECTS = sizeof subjects / sizeof *subjects };

static cn_shape input_shape(int rank)
{
    static const int64_t lengths[] = {2, 7, 6, 5};
    cn_shape shape = {.rank = rank};
    memcpy(shape.dim, lengths, sizeof lengths);
    shape.dim[rank - 1] = 4;
    return shape;
}

/* Output, and gradients of the sum of its squares with respect to the input and the first weight.
 */
static void run(const struct subject *s, cn_layer *layer, cn_tensor *x, bool first, cn_tensor **out)
{
    cn_tape *tape = cn_tape_begin(.persistent = true);
    cn_tape_watch(tape, x);
    cn_tensor *y = cn_call(layer, x);
    if (!y) {
        fail_msg("%s: %s", s->name, cn_error());
    }
    cn_tensor *loss = cn_sum(cn_square(y));
    out[0] = first ? moved(y, false) : y;
    out[1] = cn_tape_gradient(tape, loss, x);
    out[1] = first ? moved(out[1], false) : out[1];
    cn_tensor *kernel = cn_layer_weight(layer, 0);
    out[2] = kernel ? cn_tape_gradient(tape, loss, kernel) : NULL;
    cn_tape_end(tape);
}

static void formats_agree(void **state)
{
    (void)state;
    for (int i = 0; i < SUBJECTS; i++) {
        const struct subject *s = &subjects[i];
        cn_scope scope = cn_scope_begin();
        cn_layer *last = s->make("channels_last"), *front = s->make("channels_first");
        cn_tensor *x = drawn(input_shape(s->rank), 1 + i), *a[3], *b[3], *weights[4];
        run(s, last, x, false, a);
        assert_non_null(cn_call(front, moved(x, true)));
        int n = cn_layer_weights(last, weights, 4);
        assert_int_equal(cn_layer_set_weights(front, n, weights), 0);
        run(s, front, moved(x, true), true, b);
        close_to(s->name, b[0], a[0], 1e-5);
        close_to(s->name, b[1], a[1], 1e-4);
        if (a[2]) {
            close_to(s->name, b[2], a[2], 1e-4);
        }
        cn_scope_end(scope);
    }
}

/* What compute_output_shape says of a batch that is not known is what a call gives. */
static void shapes_agree(void **state)
{
    (void)state;
    for (int i = 0; i < 2 * SUBJECTS; i++) {
        const struct subject *s = &subjects[i / 2];
        cn_scope scope = cn_scope_begin();
        cn_layer *layer = s->make(i % 2 ? "channels_first" : "channels_last");
        cn_tensor *x = drawn(input_shape(s->rank), 1);
        cn_tensor *y = cn_call(layer, i % 2 ? moved(x, true) : x);
        cn_shape unknown = cn_shape_make(s->rank, cn_tensor_shape(i % 2 ? moved(x, true) : x)),
                 shape;
        unknown.dim[0] = -1;
        assert_int_equal(cn_layer_compute_output_shape(layer, &unknown, 1, &shape), 0);
        assert_int_equal(shape.rank, cn_tensor_rank(y));
        assert_int_equal(shape.dim[0], -1);
        for (int k = 1; k < shape.rank; k++) {
            assert_int_equal(shape.dim[k], cn_tensor_dim(y, k));
        }
        cn_scope_end(scope);
    }
}

/* In a model the batch is not known and the layer is planned: it must still do the same, and train.
 */
static void models_agree(void **state)
{
    (void)state;
    for (int i = 0; i < SUBJECTS; i++) {
        const struct subject *s = &subjects[i];
        cn_scope scope = cn_scope_begin();
        cn_shape shape = input_shape(s->rank);
        shape.dim[0] = 5;
        cn_tensor *x = drawn(shape, 7 + i), *y = drawn(cn_shape_of(5, 1), 3);
        cn_ints inner = {.n = s->rank - 1};
        memcpy(inner.v, shape.dim + 1, (size_t)inner.n * sizeof *inner.v);
        cn_layer *layer = s->make("channels_last");
        cn_model *model = cn_sequential(cn_input(.shape = inner), layer);
        close_to(s->name, cn_model_predict(model, x, .batch_size = 2, .verbose = 0),
                 cn_call(layer, x), 1e-5);
        cn_model *net = cn_sequential(model, cn_flatten(), cn_dense(1));
        cn_model_compile(net, .optimizer = cn_optimizer_sgd(.learning_rate = 1e-4), .loss = "mse");
        cn_tensor *error = cn_subtract(cn_call(net, x), y);
        double before = cn_tensor_value(cn_mean(cn_square(error)));
        cn_history *history = cn_model_fit(net, x, y, .batch_size = 5, .epochs = 4, .verbose = 0);
        int64_t n = 0;
        const double *loss = history ? cn_history_get(history, "loss", &n) : NULL;
        if (!loss) {
            fail_msg("%s: %s", s->name, cn_error());
        }
        /* The first epoch's loss is the untrained one; small steps make it smaller. */
        assert_true(n == 4 && fabs(loss[0] - before) <= 1e-5 * (1 + before) && loss[3] < loss[0]);
        cn_scope_end(scope);
    }
}

static void sums(void **state)
{
    (void)state;
    const float values[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    const int64_t shape[] = {1, 3, 3, 1};
    cn_tensor *x = cn_tensor_new(CN_FLOAT32, 4, shape, values);
    cn_tensor *valid = cn_call(cn_sum_pooling2d(), x);
    cn_tensor *same = cn_call(cn_sum_pooling2d(.padding = "same"), x);
    assert_true(cn_tensor_size(valid) == 1 && cn_tensor_item(valid, 0) == 12);
    const double want[] = {12, 9, 15, 9};
    for (int i = 0; i < 4; i++) {
        assert_true(cn_tensor_item(same, i) == want[i]);
    }
}

static double mean_of(cn_tensor *t)
{
    return cn_tensor_value(cn_mean(t));
}

static double deviation_of(cn_tensor *t)
{
    return cn_tensor_value(cn_std(t));
}

/* 200,000 draws: means are within 0.01 of theirs by more than four deviations. */
static void draws(void **state)
{
    (void)state;
    const int64_t shape[] = {200, 1000};
    cn_tensor *ones = cn_full(2, shape, 1, CN_FLOAT32);
    cn_tensor *y = cn_call(cn_gaussian_noise(0.5, .seed = 3), ones, .training = true);
    assert_true(fabs(mean_of(y) - 1) < 0.01 && fabs(deviation_of(y) - 0.5) < 0.01);
    y = cn_call(cn_gaussian_dropout(0.2, .seed = 3), ones, .training = true);
    assert_true(fabs(mean_of(y) - 1) < 0.01 && fabs(deviation_of(y) - 0.5) < 0.01);
    cn_tensor *normal = cn_random_normal(.shape = {200, 1000}, .seed = 5);
    y = cn_call(cn_alpha_dropout(0.3, .seed = 3), normal, .training = true);
    assert_true(fabs(mean_of(y)) < 0.015 && fabs(deviation_of(y) - 1) < 0.015);
    cn_layer *const quiet[] = {cn_gaussian_noise(0.5), cn_gaussian_dropout(0.2),
                               cn_alpha_dropout(0.3)};
    for (int i = 0; i < 3; i++) {
        close_to("quiet", cn_call(quiet[i], normal), normal, 0);
    }
}

/* A channel is dropped or kept as a whole, in either format. */
static void spatial_dropout(void **state)
{
    (void)state;
    for (int first = 0; first < 2; first++) {
        const int64_t last_shape[] = {8, 3, 4, 50}, first_shape[] = {8, 50, 3, 4};
        cn_tensor *x = cn_full(4, first ? first_shape : last_shape, 1, CN_FLOAT32);
        cn_layer *layer = cn_spatial_dropout2d(
            0.25, .seed = 1, .data_format = first ? "channels_first" : "channels_last");
        cn_tensor *y = cn_call(layer, x, .training = true);
        y = first ? moved(y, false) : y;
        int kept = 0;
        for (int b = 0; b < 8; b++) {
            for (int c = 0; c < 50; c++) {
                double value = cn_tensor_item(y, (int64_t)b * 600 + c);
                for (int p = 1; p < 12; p++) {
                    assert_true(cn_tensor_item(y, (int64_t)b * 600 + p * 50 + c) == value);
                }
                assert_true(value == 0 || fabs(value - 1 / 0.75) < 1e-6);
                kept += value != 0;
            }
        }
        assert_in_range(kept, 260, 340); /* 300 of 400, deviation 8.7 */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_agree), cmocka_unit_test(shapes_agree),
        cmocka_unit_test(models_agree),  cmocka_unit_test(sums),
        cmocka_unit_test(draws),         cmocka_unit_test(spatial_dropout)};
    return cmocka_run_group_tests_name("spatial layers", tests, NULL, NULL);
}
