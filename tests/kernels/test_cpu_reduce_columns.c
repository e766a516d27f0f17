/* Sums and means over neighbouring axes before the last, against the reference kernels. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/cpu/reduce_claims.h"
#include "kernels/registry.h"

typedef struct reduction {
    int rank;
    int64_t dim[5];
    int n_axes;
    int64_t axes[4];
    bool claimed;
} reduction;

static const reduction cases[] = {
    {4, {3, 5, 7, 16}, 3, {0, 1, 2}, true},
    {4, {16, 14, 14, 70}, 3, {0, 1, 2}, true},
    {4, {3, 5, 7, 65}, 2, {1, 2}, true},
    {4, {3, 5, 7, 20}, 1, {-2}, true},
    {2, {5000, 3}, 1, {0}, true},
    {3, {4, 2500, 2}, 1, {1}, true},
    {5, {2, 3, 4, 5, 130}, 3, {3, 1, 2}, true},
    {4, {1, 5, 7, 16}, 2, {0, 2}, true},
    {4, {3, 5, 7, 16}, 2, {0, 2}, false},
    {4, {3, 5, 7, 16}, 2, {2, 3}, false},
    {2, {1, 16}, 1, {0}, false},
};

static void check(const reduction *c, const cn__op *op, bool keepdims)
{
    cn__attrs attrs = {.i = {keepdims, c->n_axes}};
    cn__arg in = {.dtype = CN_FLOAT32, .shape = {.rank = c->rank}}, out = {.dtype = CN_FLOAT32};
    memcpy(in.shape.dim, c->dim, sizeof c->dim);
    bool gone[5] = {false};
    for (int i = 0; i < c->n_axes; i++) {
        attrs.i[2 + i] = c->axes[i];
        gone[c->axes[i] < 0 ? c->axes[i] + c->rank : c->axes[i]] = true;
    }
    for (int a = 0; a < c->rank; a++) {
        if (!gone[a] || keepdims) {
            out.shape.dim[out.shape.rank++] = gone[a] ? 1 : c->dim[a];
        }
    }
    int64_t n = cn__shape_size(&in.shape), m = cn__shape_size(&out.shape);
    float *x = malloc((size_t)n * sizeof *x), *y = malloc((size_t)m * sizeof *y),
          *want = malloc((size_t)m * sizeof *want);
    assert_true(x && y && want);
    for (int64_t i = 0; i < n; i++) {
        x[i] = (float)(i * 7919 % 1013) / 1013; /* of one sign, so that nothing cancels */
    }
    in.data = x;
    out.data = want;
    cn__call call = {.op = op, .attrs = &attrs, .n_in = 1, .n_out = 1, .in = &in, .out = &out};
    assert_int_equal(cn__cpu_reduce_columns.claims(&call), c->claimed);
    if (c->claimed) {
        const cn__kernel *plain = op->reference;
        size_t bytes = plain->scratch_bytes ? plain->scratch_bytes(&call) : 0;
        call.scratch = malloc(bytes + 1);
        assert_int_equal(plain->run(&call, 0, plain->units ? plain->units(&call) : 1), 0);
        free(call.scratch);
        call.scratch = NULL;
        out.data = y;
        int64_t units = cn__cpu_reduce_columns.units(&call);
        for (int64_t u = units - 1; u >= 0; u--) { /* each unit alone, in any order */
            assert_int_equal(cn__cpu_reduce_columns.run(&call, u, u + 1), 0);
        }
        for (int64_t i = 0; i < m; i++) {
            /* Blocks of 64 rows, 32 of them: about a hundred roundings, which partly cancel. */
            assert_true(fabs((double)y[i] - want[i]) <= 1e-6 * fabs((double)want[i]));
        }
    }
    free(x);
    free(y);
    free(want);
}

static void test_reductions(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int keepdims = 0; keepdims < 2; keepdims++) {
            check(&cases[i], &cn__op_sum, keepdims);
            check(&cases[i], &cn__op_mean, keepdims);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_reductions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
