/* What the tests of single ops share: inputs made by a formula, comparison of values and shapes. */
#ifndef CN_TESTS_OPS_TEST_H
#define CN_TESTS_OPS_TEST_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ops/op.h"

/* ((7 i) mod 11 - 5) / 2: small numbers with ties, both signs and a zero. */
static inline cn_tensor *ramp(cn_dtype dtype, cn_shape shape)
{
    cn_tensor *t = cn_tensor_new(dtype, shape.rank, shape.dim, NULL);
    for (int64_t i = 0; t && i < cn_tensor_size(t); i++) {
        cn__write(dtype, cn_tensor_data_mutable(t), i, (double)(i * 7 % 11 - 5) / 2);
    }
    return t;
}

static inline cn_tensor *values_of(cn_dtype dtype, cn_shape shape, const double *values)
{
    cn_tensor *t = cn_tensor_new(dtype, shape.rank, shape.dim, NULL);
    for (int64_t i = 0; t && i < cn_tensor_size(t); i++) {
        cn__write(dtype, cn_tensor_data_mutable(t), i, values[i]);
    }
    return t;
}

#define TENSOR(dtype, shape, ...) values_of(dtype, cn_shape_of shape, (const double[]){__VA_ARGS__})

/* Shape, dtype and every element; a NaN is expected where the table has one. */
static inline void expect_tensor(const char *what, cn_tensor *got, cn_dtype dtype, cn_shape shape,
                                 const double *want, double tolerance)
{
    if (!got) {
        fail_msg("%s: %s", what, cn_error());
    }
    char a[256], b[256];
    if (!cn__shape_equal(&got->shape, &shape)) {
        fail_msg("%s: shape %s, expected %s", what, cn__shape_text(&got->shape, a, sizeof a),
                 cn__shape_text(&shape, b, sizeof b));
    }
    if (got->dtype != dtype) {
        fail_msg("%s: dtype %s, expected %s", what, cn_dtype_name(got->dtype),
                 cn_dtype_name(dtype));
    }
    for (int64_t i = 0; i < cn_tensor_size(got); i++) {
        double value = cn_tensor_item(got, i);
        bool good = isnan(want[i])   ? isnan(value)
                    : isinf(want[i]) ? value == want[i]
                                     : fabs(value - want[i]) <= tolerance * (1 + fabs(want[i]));
        if (!good) {
            fail_msg("%s: element %d is %.9g, expected %.9g", what, (int)i, value, want[i]);
        }
    }
}

/* The pending error has this code and contains these words; it is cleared. */
static inline void expect_error(const char *what, const void *got, int code, const char *words)
{
    if (got || cn_error_code() != code || !strstr(cn_error(), words)) {
        fail_msg("%s: expected error %d \"%s\", got %d \"%s\"", what, code, words, cn_error_code(),
                 cn_error() ? cn_error() : "none");
    }
    cn_error_clear();
}

static inline int open_scope(void **state)
{
    static cn_scope scope;
    scope = cn_scope_begin();
    *state = &scope;
    return 0;
}

static inline int close_scope(void **state)
{
    cn_scope_end(*(cn_scope *)*state);
    if (cn_error()) {
        fail_msg("an error was left pending: %s", cn_error());
    }
    return 0;
}

#define OP_TEST(function) cmocka_unit_test_setup_teardown(function, open_scope, close_scope)

#endif
