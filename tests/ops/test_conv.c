/* Convolution and pooling: values as TensorFlow 2.21 gives them, gradients, errors. */
#include "ops_test.h"

#include "graph/trace.h"
#include "kernels/reference/window.h"

#include <cornu/nn.h>
#include <cornu/tape.h>

#define R(...) ramp(CN_FLOAT32, cn_shape_of(__VA_ARGS__))

/* Inputs are halves, so that convolutions and sums are exact in float32; averages are rounded once
 * or twice. */
#define EXPECT(expression, dtype, shape, ...)                                                      \
    expect_tensor(#expression, expression, dtype, shape, (const double[]){__VA_ARGS__}, 3e-7)

static void test_convolutions(void **state)
{
    (void)state;
    EXPECT(cn_conv(R(1, 7, 2), R(3, 2, 3)), CN_FLOAT32, cn_shape_of(1, 5, 3), 10.25, -1.5, -5, 9.5,
           -1, 5, -2.25, -0.5, -4.25, -8.5, 5.5, -8, 4.5, 0.5, 7.5);
    EXPECT(cn_conv(R(1, 7, 2), R(3, 2, 1), .strides = {2}, .padding = "same"), CN_FLOAT32,
           cn_shape_of(1, 4, 1), 0.75, 1.75, 4.25, -4.75);
    EXPECT(cn_conv(R(2, 6, 1), R(3, 1, 2), .padding = "causal"), CN_FLOAT32, cn_shape_of(2, 6, 2),
           -1.25, 3.75, 3, -7.75, 4.75, 1.5, -0.25, -5.25, 0.25, 4.5, -7.5, 6, 1, -3, -2, 5, -6, 5,
           2.75, -7.25, 3.25, 2.5, -4.5, 4);
    EXPECT(cn_conv(R(1, 7, 1), R(2, 1, 1), .padding = "causal", .dilation_rate = {2}), CN_FLOAT32,
           cn_shape_of(1, 7, 1), -2.5, 1, 5.25, 0, 3, -7.75, 0.75);
    EXPECT(cn_conv(R(2, 4, 5, 3), R(3, 2, 3, 2)), CN_FLOAT32, cn_shape_of(2, 2, 4, 2), 1.75, -1.25,
           -21.75, 12.5, -17.75, 23.5, -5.5, 12.5, 16.25, -1.25, 17.5, -12.25, 13.25, -9.5, 6.25,
           -9.5, -3.5, -12.25, -10.5, -1.25, 1.75, -1.25, -21.75, 12.5, -5.5, 12.5, 4, -1.25, 16.25,
           -1.25, 17.5, -12.25);
    EXPECT(cn_conv(R(1, 5, 4, 2), R(3, 3, 2, 2), .padding = "same"), CN_FLOAT32,
           cn_shape_of(1, 5, 4, 2), -13.25, 2, 11.25, -18.25, 10, -0.5, -3.75, 7.5, 1, -8.25, 21.25,
           -1.75, -7.25, 17.5, -12.75, 2.25, 2.75, 3.5, 9, -1.75, -11.25, 6.5, -4.25, -6.75, 12.75,
           -6.75, 5, 6.5, -1.5, -1.75, -6.75, 3.5, 9, 8.5, -12.5, 10, -8, -7.75, 3, -4.25);
    EXPECT(cn_conv(R(1, 6, 5, 1), R(3, 2, 1, 2), .strides = {2, 3}, .padding = "same"), CN_FLOAT32,
           cn_shape_of(1, 3, 2, 2), 10.75, 7.75, -4, -1, -1.75, -4, -5.5, 9.25, -1, -3.5, -0.5,
           -4.5);
    EXPECT(cn_conv(R(1, 7, 7, 1), R(3, 3, 1, 1), .dilation_rate = {2, 3}, .padding = "same"),
           CN_FLOAT32, cn_shape_of(1, 7, 7, 1), -9, -0.25, 5.75, -6, 3.75, -6.25, 11.25, 2.75,
           -2.25, -1.75, 3.25, -11.25, 6.25, -3.75, -9.75, 1.75, 7.75, 13.75, -0.75, -7.75, 4.5,
           4.75, -8.5, 0.25, 3, 2.5, 1, -6, -2.75, 3.25, -1.75, 0.5, -2.5, -9.5, 2.75, 2.25, -6.75,
           0.75, 1.5, 16, -0.75, -3.75, -0.25, 1.75, -4.5, -1, -2.25, -2.5, 0);
    EXPECT(cn_conv(R(1, 7, 7, 1), R(3, 3, 1, 1), .dilation_rate = {2}), CN_FLOAT32,
           cn_shape_of(1, 3, 3, 1), 15.25, 11.75, -11, -6.5, 1, 5.75, 2, 1.25, -10.5);
    EXPECT(cn_conv(R(1, 4, 4, 4), R(2, 3, 2, 6)), CN_FLOAT32, cn_shape_of(1, 3, 2, 6), 3.25, -5, -5,
           1.5, 1.25, -4.5, -7, 0.75, 0.25, 6.25, 5.5, -0.75, 6.25, -6.75, 13.25, -7, 12.75, -3.25,
           1.5, 4.5, -6.25, 3.25, -7.75, 6, 1, -5.75, 15, 1, -0.5, -7.5, -9.25, 0, -10, -13.5, -4.5,
           -1);
    EXPECT(
        cn_conv(R(1, 2, 4, 5), R(3, 3, 2, 3), .padding = "same", .data_format = "channels_first"),
        CN_FLOAT32, cn_shape_of(1, 3, 4, 5), 0.75, 12, 1, -4.5, 1.75, -13.5, 1.75, -8.25, -1.75,
        -9.5, 6.75, 15, 5, -2.25, 6.25, -8, -12.75, 8.75, -5.5, 2.5, -8, -0.5, -2, 13, -10, 6.75,
        3.5, -6, 1, 3.5, -13.5, 0, 1.5, -5.25, 14.5, 0.75, 3.75, 4.5, -11.25, 0, 13.5, -7.5, -10.5,
        14, 0.25, -6, 10.75, 10, -4.5, 0, -0.75, 1.5, -7.5, -5.5, 6.25, 1.25, 3.75, -5.25, 18.75,
        -5.25);
    EXPECT(cn_conv(R(1, 3, 4, 3, 1), R(2, 2, 2, 1, 2)), CN_FLOAT32, cn_shape_of(1, 2, 3, 2, 2),
           2.75, -1, 0, -7.5, -11, 4.25, 0, -7.75, -11, 4, 0, -8, 0, -7.5, 0, 8, 0, -7.75, 0, 7.75,
           0, -8, 0, 7.5);
    EXPECT(cn_conv(R(1, 3, 4, 3, 2), R(2, 3, 2, 2, 1), .strides = {2}, .padding = "same"),
           CN_FLOAT32, cn_shape_of(1, 2, 2, 2, 1), 22.75, 6.25, -4.75, 11.5, 11.75, 3.25, -4,
           -1.75);
    EXPECT(cn_conv(cn_cast(R(1, 3, 4, 1), CN_INT32), R(2, 2, 1, 1)), CN_FLOAT32,
           cn_shape_of(1, 2, 3, 1), 3.5, 2.5, 2.5, 3.5, 3.5, -10);
    EXPECT(cn_depthwise_conv(R(1, 4, 4, 3), R(2, 2, 3, 2)), CN_FLOAT32, cn_shape_of(1, 3, 3, 6),
           12.25, -4.5, -6.75, 3.5, -8.5, 12.25, -1.75, 2, -7.25, 1.5, -6.5, 12.75, -2, 3, -7.75,
           -0.5, -4.5, 13.25, -2.5, 5, 13.25, -4.5, -0.5, -7.75, -2.75, 6, 12.75, -6.5, 1.5, -7.25,
           -3, 7, 12.25, -8.5, 3.5, -6.75, 2, -7.5, -5.25, 9.5, 7.5, -5.75, 1.75, -6.5, -5.75, 7.5,
           9.5, -5.25, 1.5, -5.5, -6.25, 5.5, -2.25, 0.75);
    EXPECT(cn_depthwise_conv(R(1, 5, 5, 2), R(3, 3, 2, 1), .strides = {2}, .padding = "same"),
           CN_FLOAT32, cn_shape_of(1, 3, 3, 2), 2.75, -8, 5.5, 3, 6.5, -0.75, -5, -12.25, -10.75,
           7.75, -0.5, -2.5, 1, 5.75, 10, -10.5, -7.75, 3.25);
    EXPECT(cn_depthwise_conv(R(2, 6, 2), R(3, 2, 2), .dilation_rate = {2}, .padding = "same"),
           CN_FLOAT32, cn_shape_of(2, 6, 4), -2.25, 4.5, 2.75, 3.75, -4.5, 4.5, 5, 0, 10.5, -6.25,
           -4.75, -1.25, 4.5, -4.75, -1.25, 12.5, -2.25, 3.5, 4.5, -3.75, -5.25, 2.75, -5, 0, 3.5,
           -3.75, -3, -5, 1.25, -3.75, 2, 5, -6.25, 5.5, 5.25, -1.25, -1.25, -1.25, -5, -1.25, 4.5,
           -3.75, -3, 5, -1.25, 3.75, 4, -5);
    EXPECT(cn_depthwise_conv(R(1, 8, 8, 1), R(3, 3, 1, 1), .dilation_rate = {2}, .strides = {2}),
           CN_FLOAT32, cn_shape_of(1, 2, 2, 1), -7.25, 10.5, 2.75, 15);
    EXPECT(cn_separable_conv(R(1, 4, 4, 2), R(2, 3, 2, 2), R(1, 1, 4, 3), .padding = "same"),
           CN_FLOAT32, cn_shape_of(1, 4, 4, 3), -14.875, 8.125, 14.625, 26.625, -0.375, -54.875,
           -9.75, -2, 3, 1.375, 0.375, 15.875, 11.375, 1.75, -20.25, 10.375, -1.375, -32.375,
           13.875, -3, 31, -38.75, 1.75, 20.25, 11.5, 2.25, -15.25, 16.125, -2.375, -31.875, -28.5,
           2.875, 32.875, -3.25, 1.75, 6.75, 26.5, -2.25, -22.75, 4.625, -3.75, -5.25, -32.875,
           4.75, 21.75, 33.5, -3.5, -7.5);
}

static void test_transposed(void **state)
{
    (void)state;
    EXPECT(cn_conv_transpose(R(1, 3, 2), R(3, 1, 2), .strides = {2}), CN_FLOAT32,
           cn_shape_of(1, 7, 1), 7.25, 5, 2.25, 7.25, -7, -4.25, 2.5);
    EXPECT(cn_conv_transpose(R(1, 3, 2, 2), R(3, 2, 3, 2), .strides = {2}), CN_FLOAT32,
           cn_shape_of(1, 7, 4, 3), 7.25, 5, -2.75, -5, 6.5, -1.25, 5, 7.25, -4.25, -2, 5.75, -5.75,
           -3.5, -5.75, 5.75, -2, -4.25, 7.25, -3.5, -1.25, 6.5, -5, -2.75, 5, 2.25, -7, -2.5, 7.5,
           -4.5, 0, 2.25, -6.25, -1, 9.75, -9.75, -4.5, 2, 0.5, -3.75, 3, 1.5, -2.75, 2, 5, -3, 0,
           3, -5, 2.25, 8.25, -2.25, -7.25, 9.75, -0.75, -3.25, -4.75, 7.5, -5, -3.75, 8.5, -3.5,
           -4.25, 6, -3, -3.75, 6.5, 2, -2.5, -4.25, 5, 0.5, -1.25, 5.75, -3.25, -4, 6.25, -2.75,
           -3.5, -5.75, 3.5, -1, -2.75, 6.5, 2);
    EXPECT(cn_conv_transpose(R(1, 3, 4, 1), R(3, 3, 2, 1), .strides = {2}, .padding = "same"),
           CN_FLOAT32, cn_shape_of(1, 6, 8, 2), 6.25, -2.5, 2.5, -6.25, -3.75, 4.75, -1, 2.5, 3,
           -2.5, 1, -2.5, -6.75, 4, -2.5, 6.25, -5, 0, 5, -3.75, 3.25, 6.25, -2, 1.5, -2.5, -2.5, 2,
           -1.5, 5.5, 2.5, -5, 3.75, -3.75, 3, -6.75, 0, 8.75, -8.25, 4, -3.25, -8.25, 7.25, -4.5,
           4.5, 5, -7.5, 6.25, 1.25, 1, 0, -1, 0.75, -3.25, -1.25, 3, -2.25, 4.75, 3.75, -4, 3, -1,
           -5, 0, 0, 5.5, -2.5, 3.25, -4.75, -7, 7, -5.25, 3, 6.25, -7.75, 5.5, -0.25, 3, 2.25, 2.5,
           -6.25, -4, 0, 4, -3, 4, 5, -3, 2.25, -1.75, -3.75, 1, -0.75, -4.75, 1.25, 5, -3.75);
    EXPECT(cn_conv_transpose(R(1, 3, 3, 1), R(2, 2, 1, 1), .strides = {3}), CN_FLOAT32,
           cn_shape_of(1, 9, 9, 1), 6.25, -2.5, 0, -2.5, 1, 0, 2.5, -1, 0, 2.5, -6.25, 0, -1, 2.5,
           0, 1, -2.5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -6.25, 2.5, 0, -1.25, 0.5, 0, 3.75, -1.5, 0,
           -2.5, 6.25, 0, -0.5, 1.25, 0, 1.5, -3.75, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -5, 2, 0, 0, 0,
           0, 5, -2, 0, -2, 5, 0, 0, 0, 0, 2, -5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    EXPECT(cn_conv_transpose(R(1, 3, 3, 1), R(3, 3, 1, 1), .strides = {2}, .output_padding = {0}),
           CN_FLOAT32, cn_shape_of(1, 7, 7, 1), 6.25, -2.5, 0, 1, 1.5, -1, 1, -6.25, -1.25, 6.25,
           0.5, -4, -0.5, 1.5, -11.25, 2.5, 3.25, 0.5, -0.75, -1.5, 3.5, 6.25, 1.25, -2.5, 0.25,
           -4.5, -0.75, 2.25, 0, 2, -6, 0, 1, -2, 5, 5, 1, -3, 0, -5, -1, 3, 4, 0, -4, 0, -4, 0, 4);
    EXPECT(cn_conv_transpose(R(1, 3, 3, 1), R(3, 3, 1, 1), .strides = {2}, .output_padding = {1},
                             .padding = "same"),
           CN_FLOAT32, cn_shape_of(1, 6, 6, 1), 6.25, -2.5, 0, 1, 1.5, -1, -6.25, -1.25, 6.25, 0.5,
           -4, -0.5, -11.25, 2.5, 3.25, 0.5, -0.75, -1.5, 6.25, 1.25, -2.5, 0.25, -4.5, -0.75, 0, 2,
           -6, 0, 1, -2, 5, 1, -3, 0, -5, -1);
    EXPECT(cn_conv_transpose(R(1, 4, 1), R(3, 2, 1), .dilation_rate = {2}), CN_FLOAT32,
           cn_shape_of(1, 8, 2), 6.25, -2.5, -2.5, 1, 5, -7.25, -7.25, 5, -0.25, 1.25, -2, 4.75,
           -0.5, 1.5, 1.25, -3.75);
}

static void test_pools(void **state)
{
    (void)state;
    EXPECT(cn_max_pool(R(1, 4, 6, 2)), CN_FLOAT32, cn_shape_of(1, 2, 3, 2), 2.5, 2.5, 2, 2, 1.5,
           1.5, 2.5, 2.5, 2, 1.5, 1, 2.5);
    EXPECT(cn_max_pool(R(1, 5, 5, 1), .pool_size = {3}, .strides = {2}, .padding = "same"),
           CN_FLOAT32, cn_shape_of(1, 3, 3, 1), 2, 2.5, 2.5, 2, 2, 2.5, 1.5, 2, 1);
    EXPECT(cn_max_pool(cn_subtract(R(1, 3, 3, 1), 9), .pool_size = {2, 3}, .strides = {1},
                       .padding = "same"),
           CN_FLOAT32, cn_shape_of(1, 3, 3, 1), -6.5, -6.5, -8, -6.5, -6.5, -8.5, -7, -7, -9);
    EXPECT(cn_max_pool(R(2, 2, 7), .pool_size = {3}, .data_format = "channels_first"), CN_FLOAT32,
           cn_shape_of(2, 2, 2), 1, 2.5, 1.5, 1, 2.5, 2, 1, 2.5);
    EXPECT(cn_max_pool(R(1, 3, 4, 3, 2), .strides = {1}), CN_FLOAT32, cn_shape_of(1, 2, 3, 2, 2), 2,
           2.5, 2, 2.5, 2.5, 2, 2.5, 2, 2.5, 2, 2.5, 2.5, 2, 2.5, 2.5, 1.5, 2.5, 2, 2.5, 2, 2.5,
           2.5, 1.5, 2.5);
    EXPECT(cn_average_pool(R(1, 4, 6, 2)), CN_FLOAT32, cn_shape_of(1, 2, 3, 2), 0, 0.75, 0.25,
           -0.375, -0.875, -0.125, 0.125, 0.875, 0.375, -0.25, -0.75, 0);
    EXPECT(
        cn_average_pool(cn_reshape(cn_arange(1, 10, 1, CN_FLOAT32), 1, 3, 3, 1), .padding = "same"),
        CN_FLOAT32, cn_shape_of(1, 2, 2, 1), 3, 4.5, 7.5, 9);
    EXPECT(cn_average_pool(R(1, 5, 5, 1), .pool_size = {3}, .strides = {2}, .padding = "same"),
           CN_FLOAT32, cn_shape_of(1, 3, 3, 1), -0.25, 0.4166666567325592, 0.625,
           -0.5833333134651184, -0.2222222238779068, -0.1666666716337204, 0, -0.25, -0.5);
    EXPECT(cn_average_pool(R(1, 7, 2), .pool_size = {3}, .strides = {2}), CN_FLOAT32,
           cn_shape_of(1, 3, 2), -1, 0.6666666865348816, 0.1666666716337204, 0, -0.5,
           -0.6666666865348816);
    EXPECT(cn_average_pool(R(1, 3, 4, 3, 1), .padding = "same"), CN_FLOAT32,
           cn_shape_of(1, 2, 2, 2, 1), 0.0625, 0.5, -0.25, -0.5, 0.5, 0.25, -0.5, -0.75);
    EXPECT(cn_sum_pool(R(1, 5, 5, 2), .pool_size = {3}, .strides = {2}, .padding = "same"),
           CN_FLOAT32, cn_shape_of(1, 3, 3, 2), -3, 0, 3.5, 2.5, -1.5, 1.5, -3, -4, 2, 0.5, 2, 1,
           -1, -3.5, 1, 0, 0.5, 3.5);
}

/* A function of two tensors that is linear in each; attrs and lengths come along. */
typedef cn_tensor *bilinear(cn_tensor *a, cn_tensor *b, const void *context);

typedef struct geometry {
    cn__attrs attrs;
    cn_tensor *x, *kernel;
} geometry;

static cn_tensor *f_conv(cn_tensor *a, cn_tensor *b, const void *context)
{
    const geometry *g = context;
    return cn__apply2(&cn__op_conv, &g->attrs, a, b);
}

static cn_tensor *f_input(cn_tensor *a, cn_tensor *b, const void *context)
{
    const geometry *g = context;
    return cn__apply3(&cn__op_conv_gradient_input, &g->attrs, a, b, g->x);
}

static cn_tensor *f_kernel(cn_tensor *a, cn_tensor *b, const void *context)
{
    const geometry *g = context;
    return cn__apply3(&cn__op_conv_gradient_kernel, &g->attrs, a, b, g->kernel);
}

static double dot(cn_tensor *a, cn_tensor *b)
{
    return cn_tensor_value(cn_sum(cn_multiply(a, b)));
}

/* Another ramp than `ramp`, so that operands differ. */
static cn_tensor *other(const cn_tensor *like)
{
    cn_tensor *t = cn_zeros_like((cn_tensor *)(uintptr_t)like);
    for (int64_t i = 0; i < cn_tensor_size(t); i++) {
        cn__write(t->dtype, cn_tensor_data_mutable(t), i, (double)(i * 5 % 13 - 6) / 2);
    }
    return t;
}

/* With u on the result, u · f(da, b) = da · grad_a and u · f(a, db) = db · grad_b. All sums are
 * exact in float64. */
static void expect_bilinear(const char *what, bilinear *f, cn_tensor *a, cn_tensor *b,
                            const void *context)
{
    cn_tape *tape = cn_tape_begin(.persistent = true);
    cn_tape_watch(tape, a);
    cn_tape_watch(tape, b);
    cn_tensor *y = f(a, b, context);
    cn_tensor *u = y ? other(y) : NULL;
    cn_tensor *loss = cn_sum(cn_multiply(y, u));
    cn_tensor *ga = cn_tape_gradient(tape, loss, a), *gb = cn_tape_gradient(tape, loss, b);
    cn_tape_end(tape);
    if (!ga || !gb) {
        fail_msg("%s: %s", what, cn_error());
    }
    cn_tensor *da = other(a), *db = other(b);
    double want_a = dot(f(da, b, context), u), want_b = dot(f(a, db, context), u);
    if (dot(da, ga) != want_a || dot(db, gb) != want_b) {
        fail_msg("%s: %g, %g instead of %g, %g", what, dot(da, ga), dot(db, gb), want_a, want_b);
    }
}

/* Many geometries, odd and with groups; the first gradients by the convolution's record, the second
 * by those of its two gradients. */
static void test_gradients(void **state)
{
    (void)state;
    uint32_t random = 7;
    for (int trial = 0; trial < 60; trial++) {
        int64_t x[5], kernel[5], pick[16];
        for (int i = 0; i < 16; i++) {
            random = random * 1664525u + 1013904223u;
            pick[i] = random >> 24;
        }
        int n = trial % 3 + 1;
        geometry g = {.attrs = {{0}, {0}, NULL}};
        int64_t groups = trial % 4 == 3 ? 2 : 1;
        x[0] = 1 + pick[0] % 2;
        x[n + 1] = groups * (1 + pick[1] % 2);
        kernel[n] = x[n + 1] / groups;
        kernel[n + 1] = groups * (1 + pick[2] % 3);
        g.attrs.i[CN__WINDOW_GROUPS] = groups;
        g.attrs.i[CN__WINDOW_SAME] = pick[3] % 2;
        for (int a = 0; a < n; a++) {
            x[1 + a] = 4 + pick[4 + a] % 4;
            kernel[a] = 1 + pick[7 + a] % 3;
            g.attrs.i[CN__WINDOW_STRIDE + a] = 1 + pick[10 + a] % 3;
            g.attrs.i[CN__WINDOW_DILATION + a] = kernel[a] == 2 ? 2 : 1;
            if (!g.attrs.i[CN__WINDOW_SAME]) {
                g.attrs.i[CN__WINDOW_BEFORE + a] = pick[13 + a] % 2;
                g.attrs.i[CN__WINDOW_AFTER + a] = pick[13 + a] % 3;
            }
        }
        g.x = ramp(CN_FLOAT64, cn_shape_make(n + 2, x));
        g.kernel = ramp(CN_FLOAT64, cn_shape_make(n + 2, kernel));
        cn_tensor *y = f_conv(g.x, g.kernel, &g);
        expect_bilinear("conv", f_conv, g.x, g.kernel, &g);
        expect_bilinear("conv_gradient_input", f_input, other(y), g.kernel, &g);
        expect_bilinear("conv_gradient_kernel", f_kernel, g.x, other(y), &g);
    }
}

static cn_tensor *f_transpose(cn_tensor *a, cn_tensor *b, const void *context)
{
    return cn_conv_transpose(a, b, .strides = {2}, .padding = context);
}

static cn_tensor *f_depthwise(cn_tensor *a, cn_tensor *b, const void *context)
{
    return cn_depthwise_conv(a, b, .padding = context, .data_format = "channels_first");
}

static void test_public_gradients(void **state)
{
    (void)state;
    const char *paddings[] = {"valid", "same"};
    for (int i = 0; i < 2; i++) {
        expect_bilinear("conv_transpose", f_transpose, ramp(CN_FLOAT64, cn_shape_of(2, 3, 4, 2)),
                        ramp(CN_FLOAT64, cn_shape_of(3, 2, 3, 2)), paddings[i]);
        expect_bilinear("depthwise_conv", f_depthwise, ramp(CN_FLOAT64, cn_shape_of(2, 3, 4, 5)),
                        ramp(CN_FLOAT64, cn_shape_of(3, 2, 3, 2)), paddings[i]);
    }
}

/* Pools: the gradient goes to the first winner, averages spread it; the second derivative of a sum
 * of squares. */
static void test_pool_gradients(void **state)
{
    (void)state;
    cn_tensor *x = TENSOR(CN_FLOAT32, (1, 2, 4, 1), 1, 5, 5, 2, 5, 0, 3, 5);
    cn_tape *outer = cn_tape_begin(.persistent = true);
    cn_tape_watch(outer, x);
    cn_tape *inner = cn_tape_begin();
    cn_tape_watch(inner, x);
    cn_tensor *y = cn_max_pool(x, .pool_size = {2}, .strides = {1});
    cn_tensor *g = cn_tape_gradient(inner, cn_sum(cn_square(y)), x);
    EXPECT(y, CN_FLOAT32, cn_shape_of(1, 1, 3, 1), 5, 5, 5);
    EXPECT(g, CN_FLOAT32, cn_shape_of(1, 2, 4, 1), 0, 20, 10, 0, 0, 0, 0, 0);
    cn_tensor *w = TENSOR(CN_FLOAT32, (1, 2, 4, 1), 1, 2, 3, 4, 5, 6, 7, 8);
    EXPECT(cn_tape_gradient(outer, cn_sum(cn_multiply(g, w)), x), CN_FLOAT32,
           cn_shape_of(1, 2, 4, 1), 0, 8, 6, 0, 0, 0, 0, 0);
    cn_tape_end(outer);
    cn_tape *tape = cn_tape_begin(.persistent = true);
    cn_tape_watch(tape, x);
    cn_tensor *mean = cn_average_pool(x, .strides = {2, 3}, .padding = "same");
    cn_tensor *total = cn_sum_pool(x, .strides = {2, 3}, .padding = "same");
    cn_tensor *weights = cn_reshape(cn_array(1, 10), 1, 1, 2, 1);
    cn_tensor *lm = cn_sum(cn_multiply(mean, weights)), *lt = cn_sum(cn_multiply(total, weights));
    EXPECT(mean, CN_FLOAT32, cn_shape_of(1, 1, 2, 1), 2.75, 3.5);
    EXPECT(cn_tape_gradient(tape, lm, x), CN_FLOAT32, cn_shape_of(1, 2, 4, 1), 0.25, 0.25, 0, 5,
           0.25, 0.25, 0, 5);
    EXPECT(cn_tape_gradient(tape, lt, x), CN_FLOAT32, cn_shape_of(1, 2, 4, 1), 1, 1, 0, 10, 1, 1, 0,
           10);
}

static void test_special_values(void **state)
{
    (void)state;
    cn_tensor *x = TENSOR(CN_FLOAT32, (1, 4, 1), -INFINITY, -INFINITY, 1, NAN);
    EXPECT(cn_max_pool(x), CN_FLOAT32, cn_shape_of(1, 2, 1), -INFINITY, NAN);
    EXPECT(cn_max_pool(TENSOR(CN_INT32, (1, 4, 1), -3, -7, 1, 2)), CN_INT32, cn_shape_of(1, 2, 1),
           -3, 2);
    cn_tensor *half = cn_cast(R(1, 5, 5, 2), CN_BFLOAT16),
              *kernel = cn_cast(R(3, 3, 2, 2), CN_BFLOAT16);
    cn_tensor *y = cn_conv(half, kernel), *want = cn_conv(R(1, 5, 5, 2), R(3, 3, 2, 2));
    for (int i = 0; i < 18; i++) {
        double w = cn_tensor_item(want, i);
        assert_true(fabs(cn_tensor_item(y, i) - w) <= fabs(w) / 256); /* half a unit of 8 bits */
    }
}

static void test_unknown_lengths(void **state)
{
    (void)state;
    char text[256];
    cn_shape shape = cn_shape_of(-1, 28, -1, 3), kernel_shape = cn_shape_of(3, 3, 3, 8);
    cn_tensor *x = cn__placeholder(CN_FLOAT32, &shape, "x"),
              *kernel = ramp(CN_FLOAT32, kernel_shape);
#define SHAPE(expression, want)                                                                    \
    assert_string_equal(cn__shape_text(&(expression)->shape, text, sizeof text), want)
    SHAPE(cn_conv(x, kernel), "(None, 26, None, 8)");
    SHAPE(cn_conv(x, kernel, .padding = "same", .strides = {2}), "(None, 14, None, 8)");
    SHAPE(cn_max_pool(x, .pool_size = {3}), "(None, 9, None, 3)");
    SHAPE(cn_conv_transpose(x, R(3, 3, 5, 3), .strides = {2}), "(None, 57, None, 5)");
}

static void test_errors(void **state)
{
    (void)state;
    cn_tensor *x = R(1, 5, 5, 3);
    expect_error("size", cn_conv(x, R(7, 7, 3, 2), .strides = {2}), CN_EVALUE,
                 "Computed output size would be zero or negative. Received `inputs shape=(1, 5, 5, "
                 "3)`, `kernel shape=(7, 7, 3, 2)`, `dilation_rate=[1 1]`, `strides=(2, 2)`, "
                 "`padding=valid`.");
    expect_error("pool", cn_max_pool(x, .pool_size = {7}), CN_EVALUE,
                 "Computed output size would be zero or negative. Received: `inputs.shape=[1 5 5 "
                 "3]`, `pool_size=[7 7]`, `strides=(7, 7)`, `padding=valid`.");
    expect_error("rank", cn_conv(x, R(3, 3, 2)), CN_EVALUE,
                 "Kernel shape must have the same length as input");
    expect_error("groups", cn_conv(x, R(3, 3, 1, 2), .groups = 2), CN_EVALUE,
                 "The number of input channels must be evenly divisible by the number of groups. "
                 "Received groups=2, but the input has 3 channels (full input shape is (1, 5, 5, "
                 "3)).");
    expect_error(
        "filters", cn_conv(x, R(3, 3, 1, 4), .groups = 3), CN_EVALUE,
        "The number of filters must be evenly divisible by the number of groups. Received: "
        "groups=3, filters=4");
    expect_error("channels", cn_conv(x, R(3, 3, 2, 4)), CN_EVALUE,
                 "Received: input channels=3, kernel input channels=2");
    expect_error("padding", cn_conv(x, R(3, 3, 3, 4), .padding = "full"), CN_EVALUE,
                 "`padding` must be either `'valid'` or `'same'`. Received full.");
    expect_error("causal", cn_conv(x, R(3, 3, 3, 4), .padding = "causal"), CN_EVALUE, "causal");
    expect_error("strides", cn_conv(x, R(3, 3, 3, 4), .strides = {-1}), CN_EVALUE,
                 "does not satisfy `value > 0`");
    expect_error("strides", cn_conv(x, R(3, 3, 3, 4), .strides = {1, 1, 1}), CN_EVALUE,
                 "must be a tuple of 2 integers");
    expect_error("format", cn_conv(x, R(3, 3, 3, 4), .data_format = "nhwc"), CN_EVALUE,
                 "Received: nhwc");
    expect_error("rank", cn_max_pool(cn_zeros(2, 2)), CN_EVALUE, "rank 3 to 5");
    expect_error(
        "padding", cn_conv_transpose(x, R(3, 3, 2, 3), .output_padding = {3}, .strides = {2}),
        CN_EVALUE, "Size of out_backprop doesn't match computed: actual = 5, computed = 6");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OP_TEST(test_convolutions),   OP_TEST(test_transposed),       OP_TEST(test_pools),
        OP_TEST(test_gradients),      OP_TEST(test_public_gradients), OP_TEST(test_pool_gradients),
        OP_TEST(test_special_values), OP_TEST(test_unknown_lengths),  OP_TEST(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
