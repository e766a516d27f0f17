/* A Hessian-vector product of a small net, by a tape over a tape, against TensorFlow's numbers. */
#include "ops/cross_entropy.h"

#include "hvp.h"

#include <cornu.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { WEIGHTS = 4 };

static cn_tensor *tensor(const double *data, int64_t rows, int64_t columns)
{
    int64_t shape[] = {rows, columns};
    return cn_tensor_new(CN_FLOAT64, columns ? 2 : 1, shape, data);
}

/* Both compute in double and differ in the order of sums of at most 30 terms. */
static void expect_equal(const char *what, cn_tensor *got, const double *want)
{
    assert_null(cn_error());
    const double *data = cn_tensor_data(got);
    for (int64_t i = 0; i < cn_tensor_size(got); i++) {
        if (!(fabs(data[i] - want[i]) <= 1e-12 * (1 + fabs(want[i])))) {
            fail_msg("%s, number %d: %.17g, TensorFlow has %.17g", what, (int)i, data[i], want[i]);
        }
    }
}

static void hessian_vector_product(void **state)
{
    (void)state;
    cn_tensor *x = tensor(hvp_x, 6, 4), *y = tensor(hvp_y, 6, 3);
    cn_tensor *w[WEIGHTS] = {cn_variable(tensor(hvp_w1, 4, 5)), cn_variable(tensor(hvp_b1, 5, 0)),
                             cn_variable(tensor(hvp_w2, 5, 3)), cn_variable(tensor(hvp_b2, 3, 0))};
    cn_tensor *v[WEIGHTS] = {tensor(hvp_v_w1, 4, 5), tensor(hvp_v_b1, 5, 0), tensor(hvp_v_w2, 5, 3),
                             tensor(hvp_v_b2, 3, 0)};
    const double *want[WEIGHTS] = {hvp_h_w1, hvp_h_b1, hvp_h_w2, hvp_h_b2};
    static const char *const names[WEIGHTS] = {"w1", "b1", "w2", "b2"};
    cn_tensor *g[WEIGHTS], *h[WEIGHTS];
    cn_tape *outer = cn_tape_begin(), *inner = cn_tape_begin();
    cn_tensor *hidden = cn_tanh(cn_add(cn_matmul(x, w[0]), w[1]));
    cn_tensor *logits = cn_add(cn_matmul(hidden, w[2]), w[3]);
    cn_tensor *loss = cn_mean(cn__softmax_cross_entropy(logits, y));
    cn_tape_gradients(inner, 1, &loss, WEIGHTS, w, g);
    expect_equal("loss", loss, hvp_loss);
    cn_tensor *dot = cn_scalar(0, CN_FLOAT64);
    for (int i = 0; i < WEIGHTS; i++) {
        dot = cn_add(dot, cn_sum(cn_multiply(g[i], v[i])));
    }
    cn_tape_gradients(outer, 1, &dot, WEIGHTS, w, h);
    for (int i = 0; i < WEIGHTS; i++) {
        expect_equal(names[i], h[i], want[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(hessian_vector_product)};
    return cmocka_run_group_tests_name("hvp", tests, NULL, NULL);
}
