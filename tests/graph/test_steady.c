/* Predictions with what depends on weights only made once: folded normalizations, packed kernels;
 * and made again when a weight changes. */
#include <cornu.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static cn_model *make_net(const char *padding, bool use_bias, bool center, bool scale)
{
    cn_set_random_seed(5);
    cn_model *model = cn_sequential();
    cn_model_add(model, cn_conv2d(8, .kernel_size = {{3}}, .padding = padding, .use_bias = use_bias,
                                  .input_shape = {{9, 10, 3}}, .bias_initializer = "ones"));
    cn_model_add(model, cn_batch_normalization(.center = center, .scale = scale));
    cn_model_add(model, cn_activation_layer("relu"));
    cn_model_add(model, cn_conv2d(20, .kernel_size = {{5}}, .strides = {{2}}, .padding = padding,
                                  .use_bias = use_bias));
    cn_model_add(model, cn_batch_normalization(.center = center, .scale = scale));
    cn_model_add(model, cn_flatten());
    cn_model_add(model, cn_dense(3));
    cn_model_compile(model, .optimizer = cn_optimizer_sgd(.learning_rate = 0.5), .loss = "mse");
    return model;
}

/* The prediction as it is planned, against that of a net planned anew with all passes off. */
static void expect_same(cn_model *model, cn_model *plain, cn_tensor *x)
{
    cn_tensor *weights[16];
    int n = cn_model_weights(model, weights, 16);
    assert_int_equal(cn_model_set_weights(plain, n, weights), 0);
    cn_tensor *y = cn_model_predict(model, x, .verbose = 0);
    setenv("CORNU_PLAN", "none", 1);
    cn_tensor *want = cn_model_predict(plain, x, .verbose = 0);
    unsetenv("CORNU_PLAN");
    assert_null(cn_error());
    const float *a = cn_tensor_floats(y), *b = cn_tensor_floats(want);
    for (int64_t i = 0; i < cn_tensor_size(y); i++) {
        /* The factor meets the weights before the sum instead of after it: roundings of sums of
         * some hundred terms. */
        if (!(fabsf(a[i] - b[i]) <= 2e-5f * (1 + fabsf(b[i])))) {
            fail_msg("number %d is %.8g, without passes %.8g", (int)i, (double)a[i], (double)b[i]);
        }
    }
}

static void test_folded(void **state)
{
    (void)state;
    for (int variant = 0; variant < 16; variant++) {
        cn_scope scope = cn_scope_begin();
        const char *padding = variant & 1 ? "same" : "valid";
        bool bias = variant & 2, center = variant & 4, scale = variant & 8;
        cn_model *model = make_net(padding, bias, center, scale);
        cn_model *plain = make_net(padding, bias, center, scale);
        cn_tensor *x = cn_random_normal(.shape = {{19, 9, 10, 3}}, .mean = 1, .seed = 7);
        cn_tensor *y = cn_random_normal(.shape = {{19, 3}}, .seed = 8);
        expect_same(model, plain, x);
        for (int step = 0; step < 3; step++) {
            cn_model_train_on_batch(model, x, y);
            expect_same(model, plain, x);
            expect_same(model, plain, cn_rows(x, 2, 3));
        }
        cn_scope_end(scope);
    }
}

/* One weight changed by hand is seen by the next prediction. */
static void test_assigned(void **state)
{
    (void)state;
    cn_model *model = make_net("valid", true, true, true), *plain = make_net("valid", 1, 1, 1);
    cn_tensor *x = cn_random_normal(.shape = {{2, 9, 10, 3}}, .seed = 7), *weights[16];
    int n = cn_model_weights(model, weights, 16);
    for (int i = 0; i < n; i++) {
        expect_same(model, plain, x);
        cn_assign(weights[i], cn_add(cn_abs(weights[i]), 0.25));
        expect_same(model, plain, x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_folded),
                                       cmocka_unit_test(test_assigned)};
    return cmocka_run_group_tests_name("steady", tests, NULL, NULL);
}
