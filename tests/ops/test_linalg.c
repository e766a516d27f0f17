/* The QR decomposition: values as numpy (LAPACK) gives them, and what must hold of any. */
#include "ops_test.h"

#include <cornu/linalg.h>

/* LAPACK works in float32 here. */
#define EXPECT(expression, dtype, shape, ...)                                                      \
    expect_tensor(#expression, expression, dtype, shape, (const double[]){__VA_ARGS__}, 2e-6)

static cn_tensor *upper(cn_tensor *x)
{
    cn_tensor *r = NULL;
    cn_qr(x, &r);
    return r;
}

static void test_values(void **state)
{
    (void)state;
    cn_tensor *X = ramp(CN_FLOAT32, cn_shape_of(2, 3, 4));
    EXPECT(cn_qr(X, NULL), CN_FLOAT32, cn_shape_of(2, 3, 3), -0.771516740322113,
           -0.3658673167228699, -0.5204834342002869, 0.15430335700511932, -0.9012829065322876,
           0.40482044219970703, -0.6172134280204773, 0.23201341927051544, 0.7518094182014465,
           -0.42640143632888794, 0.12728558480739594, -0.8955334424972534, 0.6396021246910095,
           -0.6576421856880188, -0.3980148732662201, -0.6396021246910095, -0.7424992322921753,
           0.19900743663311005);
    EXPECT(upper(X), CN_FLOAT32, cn_shape_of(2, 3, 4), 3.240370273590088, -1.928791880607605,
           1.3887301683425903, -0.3857583701610565, 0, 1.3340771198272705, -1.55270516872406,
           -1.494701862335205, 0, 0, 0.9542196393013, -3.180732011795044, -2.345207929611206,
           2.025406837463379, 0.5330017805099487, -2.132007122039795, 0, -1.0713202953338623,
           2.174462080001831, 0.6364279389381409, 0, 0, -2.7363522052764893, 0.5472704768180847);
    EXPECT(cn_qr(cn_transpose(X, 0, 2, 1), NULL), CN_FLOAT32, cn_shape_of(2, 4, 3),
           -0.6565321683883667, -0.14345180988311768, 0.6919170618057251, 0.26261287927627563,
           -0.5272822976112366, -0.16207066178321838, -0.26261287927627563, 0.752152681350708,
           -0.29453226923942566, 0.6565321683883667, 0.3683221936225891, 0.6389324069023132,
           -0.34299716353416443, 0.3460290729999542, 0.873279333114624, 0.34299716353416443,
           -0.5242864489555359, 0.3424624800682068, -0.8574929237365723, -0.47185781598091125,
           -0.14982734620571136, -0.17149858176708221, 0.6186580657958984, -0.31249701976776123);
    EXPECT(upper(cn_transpose(X, 0, 2, 1)), CN_FLOAT32, cn_shape_of(2, 3, 3), 3.8078866004943848,
           -1.2474111318588257, 0.19695964455604553, 0, 2.2235028743743896, -1.8009017705917358, 0,
           0, -3.077004909515381, -2.915475845336914, 1.543487310409546, 1.2862393856048584, 0,
           -2.8049325942993164, 2.5794894695281982, 0, 0, 1.2007590532302856);
    EXPECT(cn_qr(cn_eye(3, 2, 0, CN_FLOAT32), NULL), CN_FLOAT32, cn_shape_of(3, 2), 1, 0, 0, 1, 0,
           0);
}

static void test_orthogonal(void **state)
{
    (void)state;
    cn_tensor *x = ramp(CN_FLOAT64, cn_shape_of(9, 5)), *r = NULL, *q = cn_qr(x, &r);
    cn_tensor *unit = cn_matmul_t(q, q, true, false), *one = cn_eye(5, 5, 0, CN_FLOAT64);
    expect_tensor("q'q", unit, CN_FLOAT64, one->shape, cn_tensor_data(one), 1e-14);
    expect_tensor("qr", cn_matmul(q, r), CN_FLOAT64, x->shape, cn_tensor_data(x), 1e-14);
    expect_error("rank", cn_qr(cn_array(1, 2), NULL), CN_EVALUE, "rank >= 2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OP_TEST(test_values),
        OP_TEST(test_orthogonal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
