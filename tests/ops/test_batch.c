/* What ops say about the batch against slices of it, and the same bits for any number of threads.
 */
/* ctest-labels: threads */
#include "ops_test.h"

#include "graph/trace.h"
#include "kernels/reference/window.h"

#include <cornu/nn.h>

enum { ROWS = 7, CUT = 3 }; /* rows of the whole, and where it is cut in two */

typedef cn_tensor *function(cn_tensor *const *in);

typedef struct batch_case {
    const char *text;
    function *call;
    cn__batch want;
    cn_shape shape[3]; /* a first length of -1 is the batch */
    bool integers[3];  /* indices 0 … 2 */
} batch_case;

#define F(name, expression)                                                                        \
    static cn_tensor *name(cn_tensor *const *in)                                                   \
    {                                                                                              \
        return expression;                                                                         \
    }
#define I64(...) ((const int64_t[]){__VA_ARGS__})
static const cn__attrs sum_rows = {.i = {0, 1, 0}}, sum_last = {.i = {0, 1, 2}};
static const cn__attrs same = {.i = {[CN__WINDOW_SAME] = 1}};
F(f_reshape, cn_reshape(in[0], -1, 12))
F(f_reshape_keep, cn_reshape(in[0], CN_NONE, 2, -1))
F(f_reshape_mix, cn_reshape(in[0], -1, 4))
F(f_reshape_like, cn__apply2(&cn__op_reshape_like, NULL, in[0], in[1]))
F(f_transpose, cn_transpose(in[0], 0, 2, 1))
F(f_transpose_mix, cn_transpose(in[0], 2, 1, 0))
F(f_broadcast_rows, cn__apply2(&cn__op_broadcast_like, &sum_rows, in[0], in[1]))
F(f_broadcast_last, cn__apply2(&cn__op_broadcast_like, &sum_last, in[0], in[1]))
F(f_broadcast_plain, cn__apply2(&cn__op_broadcast_like, NULL, in[0], in[1]))
F(f_sum_like, cn__apply2(&cn__op_sum_like, NULL, in[0], in[1]))
F(f_count_rows, cn__apply1(&cn__op_count_like, &sum_rows, in[0]))
F(f_count_last, cn__apply1(&cn__op_count_like, &sum_last, in[0]))
F(f_concatenate, cn_concatenate(1, in[0], in[1]))
F(f_concatenate_mix, cn_concatenate(0, in[0], in[1]))
F(f_stack, cn_stack(2, in[0], in[1]))
F(f_slice, cn_slice(in[0], 1, 0, 2, 1))
F(f_slice_mix, cn_slice(in[0], 0, 1, CN_END, 1))
F(f_pad, cn_pad(in[0], I64(0, 1, 0), I64(0, 0, 2), 1))
F(f_tile, cn_tile(in[0], 3, I64(1, 2, 3)))
F(f_repeat, cn_repeat(in[0], 2, 1))
F(f_flip_mix, cn_flip(in[0], 0))
F(f_roll, cn_roll(in[0], 1, 2))
F(f_gather_table, cn_gather(in[0], in[1], 0))
F(f_gather_columns, cn_gather(in[0], in[1], 1))
F(f_scatter, cn__apply3(&cn__op_scatter_add_like, NULL, in[0], in[1], in[2]))
F(f_along, cn_take_along_axis(in[0], in[1], 1))
F(f_one_hot, cn_one_hot(in[0], 3, CN_FLOAT64))
F(f_argmax, cn_argmax(in[0], -1))
F(f_sort, cn_sort(in[0], -1))
F(f_sort_mix, cn_sort(in[0], 0))
F(f_top_k, cn_top_k(in[0], 2, NULL))
F(f_cumsum, cn_cumsum(in[0], 1))
F(f_glu, cn_glu(in[0], -1))
F(f_tril, cn_tril(in[0], 0))
F(f_ones_like, cn_ones_like(in[0]))
F(f_conv, cn_conv(in[0], in[1], .padding = "same"))
F(f_conv_transpose, cn_conv_transpose(in[0], in[1], .strides = {2}))
F(f_conv_kernel, cn__apply3(&cn__op_conv_gradient_kernel, &same, in[0], in[1], in[2]))
F(f_max_pool, cn_max_pool(in[0], .padding = "same"))
F(f_average_pool, cn_average_pool(in[0]))
F(f_resize, cn_image_resize(in[0], .output_size = {5, 4}))

#define ROW CN__BATCH_ROW
#define MIX CN__BATCH_MIX
#define REDUCE CN__BATCH_REDUCE
#define NONE CN__BATCH_NONE
#define S(...)                                                                                     \
    {                                                                                              \
        COUNT(__VA_ARGS__),                                                                        \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define COUNT(...) (int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int))
#define CASE(name, want, ...)                                                                      \
    {                                                                                              \
#name, name, want, {__VA_ARGS__ },                                                         \
        {                                                                                          \
            false                                                                                  \
        }                                                                                          \
    }

/* clang-format off */
static const batch_case cases[] = {
    CASE(f_reshape, ROW, S(-1, 3, 4)), CASE(f_reshape_keep, ROW, S(-1, 3, 4)),
    CASE(f_reshape_mix, MIX, S(-1, 3, 4)), CASE(f_reshape_like, ROW, S(-1, 12), S(-1, 3, 4)),
    CASE(f_transpose, ROW, S(-1, 3, 4)), CASE(f_transpose_mix, MIX, S(-1, 3, 4)),
    CASE(f_broadcast_rows, ROW, S(3, 4), S(-1, 3, 4)),
    CASE(f_broadcast_last, ROW, S(-1, 3), S(-1, 3, 4)),
    CASE(f_broadcast_plain, ROW, S(3, 1), S(-1, 3, 4)),
    CASE(f_broadcast_plain, ROW, S(-1, 1, 4), S(-1, 3, 4)),
    CASE(f_sum_like, REDUCE, S(-1, 3, 4), S(3, 4)), CASE(f_sum_like, REDUCE, S(-1, 3, 4), S(1, 3, 1)),
    CASE(f_sum_like, ROW, S(-1, 3, 4), S(-1, 1, 4)),
    CASE(f_count_rows, REDUCE, S(-1, 3, 4)), CASE(f_count_last, NONE, S(-1, 3, 4)),
    CASE(f_concatenate, ROW, S(-1, 3, 4), S(-1, 2, 4)),
    CASE(f_concatenate_mix, MIX, S(-1, 3, 4), S(-1, 3, 4)),
    CASE(f_concatenate, MIX, S(-1, 3, 4), S(ROWS, 3, 4)),
    CASE(f_stack, ROW, S(-1, 3, 4), S(-1, 3, 4)), CASE(f_slice, ROW, S(-1, 3, 4)),
    CASE(f_slice_mix, MIX, S(-1, 3, 4)), CASE(f_pad, ROW, S(-1, 3, 4)),
    CASE(f_tile, ROW, S(-1, 3, 4)), CASE(f_repeat, ROW, S(-1, 3, 4)),
    CASE(f_flip_mix, MIX, S(-1, 3, 4)), CASE(f_roll, ROW, S(-1, 3, 4)),
    {"gather_table", f_gather_table, ROW, {S(3, 4), S(-1, 2)}, {false, true}},
    {"gather_columns", f_gather_columns, ROW, {S(-1, 3, 4), S(2)}, {false, true}},
    {"gather_mix", f_gather_table, MIX, {S(-1, 3, 4), S(2)}, {false, true}},
    {"scatter", f_scatter, REDUCE, {S(-1, 2), S(-1, 2, 4), S(3, 4)}, {true}},
    {"along", f_along, ROW, {S(-1, 3, 4), S(-1, 2, 4)}, {false, true}},
    {"one_hot", f_one_hot, ROW, {S(-1, 2)}, {true}},
    CASE(f_argmax, ROW, S(-1, 3, 4)), CASE(f_sort, ROW, S(-1, 3, 4)),
    CASE(f_sort_mix, MIX, S(-1, 3, 4)), CASE(f_top_k, ROW, S(-1, 3, 4)),
    CASE(f_cumsum, ROW, S(-1, 3, 4)), CASE(f_glu, ROW, S(-1, 3, 4)),
    {"tril", f_tril, ROW, {S(-1, 3, 4)}, {false}}, CASE(f_ones_like, ROW, S(-1, 3, 4)),
    CASE(f_conv, ROW, S(-1, 5, 4, 2), S(3, 3, 2, 3)),
    CASE(f_conv_transpose, ROW, S(-1, 5, 2), S(3, 4, 2)),
    CASE(f_conv_kernel, REDUCE, S(-1, 5, 4, 2), S(-1, 5, 4, 3), S(3, 3, 2, 3)),
    CASE(f_max_pool, ROW, S(-1, 5, 4, 2)), CASE(f_average_pool, ROW, S(-1, 5, 4, 2)),
    CASE(f_resize, ROW, S(-1, 3, 3, 2)),
};
/* clang-format on */

static int inputs_of(const batch_case *c)
{
    int n = 0;
    while (n < 3 && c->shape[n].rank) {
        n++;
    }
    return n;
}

static cn_tensor *whole_input(const batch_case *c, int i)
{
    cn_shape shape = c->shape[i];
    shape.dim[0] = shape.dim[0] < 0 ? ROWS : shape.dim[0];
    cn_tensor *t = ramp(CN_FLOAT64, shape);
    return c->integers[i]
               ? cn_mod(cn_cast(cn_arange(0, (double)cn_tensor_size(t), 1, CN_INT32), CN_INT32), 3)
               : t;
}

/* The function on rows [from, to) of its batched inputs. */
static cn_tensor *on_rows(const batch_case *c, int64_t from, int64_t to)
{
    cn_tensor *in[3] = {0};
    for (int i = 0; i < inputs_of(c); i++) {
        cn_shape shape = c->shape[i];
        shape.dim[0] = shape.dim[0] < 0 ? ROWS : shape.dim[0];
        in[i] = cn_reshape_to(whole_input(c, i), shape.rank, shape.dim);
        in[i] = c->shape[i].dim[0] < 0 ? cn_rows(in[i], from, to) : in[i];
    }
    return c->call(in);
}

/* The node that a trace with None rows records, and what it says of the batch. */
static cn_tensor *traced(const batch_case *c, cn__batch *says)
{
    cn_tensor *in[3] = {0};
    bool batched[CN__MAX_INPUTS] = {false};
    for (int i = 0; i < inputs_of(c); i++) {
        in[i] = cn__placeholder(c->integers[i] ? CN_INT32 : CN_FLOAT64, &c->shape[i], "in");
    }
    cn_tensor *y = c->call(in);
    if (!y) {
        fail_msg("%s: %s", c->text, cn_error());
    }
    for (int i = 0; i < y->node->n_in; i++) {
        const cn_shape *shape = &y->node->in[i]->shape;
        batched[i] = shape->rank && shape->dim[0] == -1;
    }
    const cn__op *op = y->node->op;
    *says = op->batch ? op->batch(y->node, batched) : CN__BATCH_MIX;
    return y;
}

static void check(const batch_case *c)
{
    cn__batch says;
    cn_tensor *symbolic = traced(c, &says);
    if (says != c->want) {
        fail_msg("%s: says %d of the batch, expected %d", c->text, says, c->want);
    }
    cn_tensor *whole = on_rows(c, 0, ROWS);
    if (!whole) {
        fail_msg("%s: %s", c->text, cn_error());
    }
    assert_int_equal(symbolic->shape.rank, whole->shape.rank);
    for (int k = 0; k < symbolic->shape.rank; k++) {
        int64_t n = symbolic->shape.dim[k];
        assert_true(n == -1 || n == whole->shape.dim[k]);
    }
    if (says == MIX) {
        return; /* may do anything with the rows */
    }
    cn_tensor *a = on_rows(c, 0, CUT), *b = on_rows(c, CUT, ROWS);
    cn_tensor *joined = says == ROW ? cn_concatenate(0, a, b) : says == REDUCE ? cn_add(a, b) : a;
    expect_tensor(c->text, joined, whole->dtype, whole->shape,
                  cn_tensor_data(cn_cast(whole, CN_FLOAT64)), says == REDUCE ? 1e-14 : 0);
}

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check(&cases[i]);
    }
}

/* An op that is not batched at all says so. */
static void test_not_batched(void **state)
{
    (void)state;
    const bool none[CN__MAX_INPUTS] = {false};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cn__batch says;
        cn_tensor *y = traced(&cases[i], &says);
        if (y->node->op->batch && y->node->op->batch(y->node, none) != CN__BATCH_NONE) {
            fail_msg("%s: without a batch it must be NONE", cases[i].text);
        }
    }
}

#define EACH_LARGE(XX)                                                                             \
    XX(cn_transpose(x, 3, 1, 0, 2))                                                                \
    XX(cn_slice(x, 1, CN_NONE, CN_NONE, -2))                                                       \
    XX(cn__apply2(&cn__op_sum_like, NULL, x, cn_zeros(33, 1, 16)))                                 \
    XX(cn_pad(x, I64(0, 1, 2, 0), I64(1, 0, 0, 0), 2))                                             \
    XX(cn_roll(x, 5, 1))                                                                           \
    XX(cn_cumsum(x, 2))                                                                            \
    XX(cn_sort(x, 1))                                                                              \
    XX(cn_gather(x, rows, 0))                                                                      \
    XX(cn__apply3(&cn__op_scatter_add_like, NULL, rows, x, cn_zeros(7, 33, 31, 16)))               \
    XX(cn_conv(x, kernel, .padding = "same"))                                                      \
    XX(cn__apply3(&cn__op_conv_gradient_input, &same, x, cn_transpose(kernel, 0, 1, 3, 2), x))     \
    XX(cn__apply3(&cn__op_conv_gradient_kernel, &same, x, x, cn_zeros(3, 3, 16, 16)))              \
    XX(cn_max_pool(x, .pool_size = {3}, .strides = {2}, .padding = "same"))                        \
    XX(cn_average_pool(x, .pool_size = {3}, .strides = {1}, .padding = "same"))                    \
    XX(cn_image_resize(x, .output_size = {40, 20}, .interpolation = "bicubic"))

/* However many threads take the units, the bits are the same. */
static void test_threads(void **state)
{
    (void)state;
    cn_tensor *x = cn_sqrt(cn_abs(ramp(CN_FLOAT32, cn_shape_of(7, 33, 31, 16)))), *first[32] = {0};
    cn_tensor *kernel = cn_sqrt(cn_abs(ramp(CN_FLOAT32, cn_shape_of(3, 3, 16, 16))));
    cn_tensor *rows = TENSOR(CN_INT32, (7), 3, 0, 3, 6, 1, 3, 0);
    for (int threads = 1; threads <= 3; threads++) {
        cn_set_num_threads(threads);
        int k = 0;
#define XX(expression)                                                                             \
    {                                                                                              \
        cn_tensor *y = expression;                                                                 \
        if (!y) {                                                                                  \
            fail_msg("%s: %s", #expression, cn_error());                                           \
        }                                                                                          \
        first[k] = threads == 1 ? y : first[k];                                                    \
        if (memcmp(cn_tensor_data(y), cn_tensor_data(first[k]), cn__bytes(y)) != 0) {              \
            fail_msg("%s: %d threads give other bits than one", #expression, threads);             \
        }                                                                                          \
        k++;                                                                                       \
    }
        EACH_LARGE(XX)
#undef XX
    }
    cn_set_num_threads(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {OP_TEST(test_cases), OP_TEST(test_not_batched),
                                       OP_TEST(test_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
