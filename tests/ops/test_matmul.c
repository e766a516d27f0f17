/* Values of the matrix product against sums written out: shapes, types, errors, batches. */
/* ctest-labels: threads */
#include "ops_test.h"

#include <stdlib.h>

/* One product and the shape that it must have. */
typedef struct product {
    cn_shape a, b, out;
    bool ta, tb;
} product;

static const product products[] = {
    {{2, {3, 4}}, {2, {4, 5}}, {2, {3, 5}}, false, false},
    {{2, {4, 3}}, {2, {4, 5}}, {2, {3, 5}}, true, false},
    {{2, {3, 4}}, {2, {5, 4}}, {2, {3, 5}}, false, true},
    {{2, {4, 3}}, {2, {5, 4}}, {2, {3, 5}}, true, true},
    {{2, {1, 1}}, {2, {1, 1}}, {2, {1, 1}}, false, false},
    {{2, {3, 0}}, {2, {0, 2}}, {2, {3, 2}}, false, false},
    {{2, {0, 3}}, {2, {3, 2}}, {2, {0, 2}}, false, false},
    {{3, {2, 3, 4}}, {2, {4, 5}}, {3, {2, 3, 5}}, false, false},
    {{2, {3, 4}}, {3, {2, 4, 5}}, {3, {2, 3, 5}}, false, false},
    {{3, {2, 3, 4}}, {3, {1, 5, 4}}, {3, {2, 3, 5}}, false, true},
    {{4, {2, 1, 4, 3}}, {3, {3, 4, 2}}, {4, {2, 3, 3, 2}}, true, false},
    /* Longer than the tile of 8 by 64 and its depth of 64 in each direction, and no multiple of
       them. */
    {{2, {19, 131}}, {2, {131, 70}}, {2, {19, 70}}, false, false},
    {{2, {131, 19}}, {2, {70, 131}}, {2, {19, 70}}, true, true},
    {{3, {3, 9, 65}}, {3, {3, 65, 129}}, {3, {3, 9, 129}}, false, false},
};
enum { PRODUCTS = sizeof products / sizeof *products };

/* The offset of the matrix that element `batch` of the output's leading axes uses. */
static int64_t matrix_at(const cn_shape *x, const cn_shape *out, int64_t batch)
{
    int64_t at = 0, step = x->dim[x->rank - 1] * x->dim[x->rank - 2];
    for (int k = 3; k <= out->rank; k++) {
        int64_t n = k <= x->rank ? x->dim[x->rank - k] : 1;
        at += n == 1 ? 0 : batch % out->dim[out->rank - k] * step;
        step *= n;
        batch /= out->dim[out->rank - k];
    }
    return at;
}

static double expected(const product *p, const cn_tensor *a, const cn_tensor *b, int64_t i)
{
    int64_t n = p->out.dim[p->out.rank - 1], m = p->out.dim[p->out.rank - 2];
    int64_t column = i % n, row = i / n % m, batch = i / n / m;
    int64_t wide_a = p->a.dim[p->a.rank - 1], wide_b = p->b.dim[p->b.rank - 1];
    int64_t depth = p->a.dim[p->a.rank - (p->ta ? 2 : 1)];
    int64_t at_a = matrix_at(&p->a, &p->out, batch), at_b = matrix_at(&p->b, &p->out, batch);
    double sum = 0;
    for (int64_t k = 0; k < depth; k++)
        sum += cn_tensor_item(a, at_a + (p->ta ? k * wide_a + row : row * wide_a + k)) *
               cn_tensor_item(b, at_b + (p->tb ? column * wide_b + k : k * wide_b + column));
    return sum;
}

/* The small halves and integers of ramp make every sum exact in double; the result is rounded once.
 */
static void test_products(void **state)
{
    (void)state;
    static const struct {
        cn_dtype dtype;
        double tolerance;
    } runs[] = {{CN_FLOAT64, 0}, {CN_FLOAT32, 6e-8}, {CN_FLOAT16, 5e-4}, {CN_BFLOAT16, 4e-3},
                {CN_INT32, 0},   {CN_INT64, 0},      {CN_INT16, 0},      {CN_UINT32, 0}};
    for (int i = 0; i < PRODUCTS * 8; i++) {
        const product *p = &products[i / 8];
        cn_dtype dtype = runs[i % 8].dtype;
        cn_tensor *a = ramp(CN_FLOAT64, p->a), *b = ramp(CN_FLOAT64, p->b);
        if (dtype == CN_UINT32) {
            a = cn_abs(a);
            b = cn_abs(b);
        }
        a = cn_cast(a, dtype);
        b = cn_cast(b, dtype);
        cn_tensor *c = cn_matmul_t(a, b, p->ta, p->tb);
        assert_non_null(c);
        assert_int_equal(cn_tensor_dtype(c), dtype);
        assert_true(cn__shape_equal(&c->shape, &p->out));
        for (int64_t k = 0; k < cn_tensor_size(c); k++) {
            double want = expected(p, a, b, k), got = cn_tensor_item(c, k);
            if (!(fabs(got - want) <= runs[i % 8].tolerance * fabs(want)))
                fail_msg("product %d, %s, element %d: %g, expected %g", i / 8, cn_dtype_name(dtype),
                         (int)k, got, want);
        }
    }
}

static void test_vectors(void **state)
{
    (void)state;
    cn_tensor *v = TENSOR(CN_FLOAT32, (3), 1, 2, 3), *w = TENSOR(CN_FLOAT32, (3), 4, 5, 6);
    cn_tensor *m = TENSOR(CN_FLOAT32, (3, 2), 1, 2, 3, 4, 5, 6);
    cn_shape scalar = {0}, two = cn_shape_of(2);
    expect_tensor("v w", cn_matmul(v, w), CN_FLOAT32, scalar, (const double[]){32}, 0);
    expect_tensor("v m", cn_matmul(v, m), CN_FLOAT32, two, (const double[]){22, 28}, 0);
    expect_tensor("m^T v", cn_matmul_t(m, v, true, false), CN_FLOAT32, two,
                  (const double[]){22, 28}, 0);
    cn_tensor *stack = cn_stack(0, m, cn_multiply(m, 2));
    expect_tensor("v stack", cn_matmul(v, stack), CN_FLOAT32, cn_shape_of(2, 2),
                  (const double[]){22, 28, 44, 56}, 0);
    cn_tensor *yes = TENSOR(CN_BOOL, (2), 1, 1);
    expect_tensor("bool", cn_matmul(yes, yes), CN_INT32, scalar, (const double[]){2}, 0);
    cn_tensor *bytes = TENSOR(CN_UINT8, (2), 1, 2), *half = TENSOR(CN_FLOAT16, (2), 0.5, 2);
    expect_tensor("mixed", cn_matmul(bytes, half), CN_FLOAT16, scalar, (const double[]){4.5}, 0);
}

static void test_errors(void **state)
{
    (void)state;
    cn_tensor *a = ramp(CN_FLOAT32, cn_shape_of(2, 3)), *null = NULL;
    cn_tensor *b = ramp(CN_FLOAT32, cn_shape_of(2, 3, 3)),
              *c = ramp(CN_FLOAT32, cn_shape_of(3, 3, 3));
    expect_error("inner", cn_matmul(a, a), CN_EVALUE,
                 "Inner dimensions (`x1.shape[-1]` and `x2.shape[-2]`) must be equal, but received "
                 "`x1.shape=(2, 3)` and `x2.shape=(2, 3)`.");
    expect_error("batch", cn_matmul(b, c), CN_EVALUE, "(2,");
    expect_error("scalar", cn_matmul(a, 2), CN_EVALUE, "scalar");
    expect_error("NULL", cn_matmul(a, null), CN_ETYPE, "matmul");
}

static void test_threads(void **state)
{
    (void)state;
    cn_tensor *a = ramp(CN_FLOAT32, cn_shape_of(300, 90)),
              *b = ramp(CN_FLOAT32, cn_shape_of(90, 200));
    cn_set_num_threads(1);
    cn_tensor *one = cn_matmul(a, b);
    cn_set_num_threads(3);
    cn_tensor *three = cn_matmul(a, b);
    cn_set_num_threads(0);
    assert_memory_equal(cn_tensor_data(one), cn_tensor_data(three), 300 * 200 * sizeof(float));
}

/* What the planner is told about axis 0, and shapes with lengths that are not known yet. */
static void test_batch(void **state)
{
    (void)state;
    static const struct {
        product p;
        bool batched_a, batched_b;
        cn__batch want;
    } rows[] = {
        {{{2, {-1, 4}}, {2, {4, 5}}, {2, {-1, 5}}, false, false}, true, false, CN__BATCH_ROW},
        {{{2, {-1, 4}}, {2, {5, 4}}, {2, {-1, 5}}, false, true}, true, false, CN__BATCH_ROW},
        {{{2, {-1, 4}}, {2, {-1, 5}}, {2, {4, 5}}, true, false}, true, true, CN__BATCH_REDUCE},
        {{{2, {-1, 4}}, {2, {-1, 4}}, {2, {-1, -1}}, false, true}, true, true, CN__BATCH_MIX},
        {{{2, {-1, 4}}, {2, {7, 5}}, {2, {4, 5}}, true, false}, true, false, CN__BATCH_MIX},
        {{{2, {3, 4}}, {2, {-1, 4}}, {2, {3, -1}}, false, true}, false, true, CN__BATCH_MIX},
        {{{3, {-1, 3, 4}}, {2, {4, 5}}, {3, {-1, 3, 5}}, false, false}, true, false, CN__BATCH_ROW},
        {{{3, {-1, 3, 4}}, {3, {-1, 5, 4}}, {3, {-1, 3, 5}}, false, true},
         true,
         true,
         CN__BATCH_ROW},
        {{{3, {-1, 3, 4}}, {3, {1, 4, 5}}, {3, {-1, 3, 5}}, false, false},
         true,
         false,
         CN__BATCH_ROW},
        {{{3, {-1, 3, 4}}, {3, {6, 4, 5}}, {3, {6, 3, 5}}, false, false},
         true,
         false,
         CN__BATCH_MIX},
        {{{2, {3, 4}}, {3, {-1, 4, 5}}, {3, {-1, 3, 5}}, false, false}, false, true, CN__BATCH_ROW},
        {{{3, {2, 3, -1}}, {2, {-1, 5}}, {3, {2, 3, 5}}, false, false}, false, true, CN__BATCH_MIX},
        {{{2, {3, 4}}, {2, {4, 5}}, {2, {3, 5}}, false, false}, false, false, CN__BATCH_NONE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const product *p = &rows[i].p;
        cn_tensor a = {.dtype = CN_FLOAT32, .shape = p->a},
                  b = {.dtype = CN_FLOAT32, .shape = p->b};
        cn_tensor *in[] = {&a, &b};
        cn__node node = {.op = &cn__op_matmul, .attrs = {.i = {p->ta, p->tb}}, .n_in = 2, .in = in};
        const bool batched[] = {rows[i].batched_a, rows[i].batched_b};
        assert_int_equal(cn__op_matmul.infer(&node), 0);
        assert_true(cn__shape_equal(&node.shape[0], &p->out));
        if (cn__op_matmul.batch(&node, batched) != rows[i].want)
            fail_msg("row %d: %d, expected %d", (int)i, cn__op_matmul.batch(&node, batched),
                     rows[i].want);
    }
}

int main(void)
{
    setenv("CORNU_KERNELS", "reference", 1);
    const struct CMUnitTest tests[] = {
        OP_TEST(test_products), OP_TEST(test_vectors), OP_TEST(test_errors),
        OP_TEST(test_threads),  OP_TEST(test_batch),
    };
    return cmocka_run_group_tests_name("matmul", tests, NULL, NULL);
}
