/* Normalized networks: training in few passes over memory, the same as with the planner's passes
 * off; and predictions with what depends on weights only made once (folded normalizations, packed
 * kernels), and made again when a weight changes. */
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

/* x + norm(conv(relu(norm(conv(x))))), which shares gradients between the branches. */
static cn_model *make_residual(int channels, int blocks)
{
    cn_set_random_seed(9);
    cn_tensor *in = cn_input(.shape = {{7, 6, 2}});
    cn_tensor *x = cn_call(
        cn_conv2d(channels, .kernel_size = {{3}}, .padding = "same", .use_bias = false), in);
    for (int i = 0; i < blocks; i++) {
        cn_tensor *y = cn_call(cn_batch_normalization(), x);
        y = cn_call(cn_activation_layer("relu"), y);
        y = cn_call(cn_conv2d(channels, .kernel_size = {{3}}, .padding = "same"), y);
        y = cn_call(cn_batch_normalization(.scale = false), y);
        x = cn_call(cn_activation_layer("tanh"), cn_call(cn_add_layer(), x, y));
    }
    cn_tensor *y = cn_call(cn_layer_normalization(), x);
    y = cn_call(cn_global_average_pooling2d(), y);
    cn_model *model = cn_functional(.inputs = {{in}}, .outputs = {{cn_call(cn_dense(2), y)}});
    cn_model_compile(model, .optimizer = cn_optimizer_sgd(.learning_rate = 0.1), .loss = "mse");
    return model;
}

static void train(cn_model *model, const char *passes, cn_tensor *x, cn_tensor *y)
{
    setenv("CORNU_PLAN", passes, 1);
    for (int step = 0; step < 4; step++) {
        cn_model_train_on_batch(model, x, y);
    }
    unsetenv("CORNU_PLAN");
    assert_null(cn_error());
}

static void test_training(void **state)
{
    (void)state;
    static const char *const settings[] = {"", "-copies", "-sums", "-elementwise", "-conv"};
    for (int c = 1; c <= 20; c += 6) {
        cn_scope scope = cn_scope_begin();
        cn_tensor *x = cn_random_normal(.shape = {{37, 7, 6, 2}}, .mean = 3, .seed = 7);
        cn_tensor *y = cn_random_normal(.shape = {{37, 2}}, .seed = 8), *a[32], *b[32];
        cn_model *plain = make_residual(c, 1);
        train(plain, "none", x, y);
        int n = cn_model_weights(plain, a, 32);
        for (size_t k = 0; k < sizeof settings / sizeof *settings; k++) {
            cn_model *model = make_residual(c, 1);
            train(model, settings[k], x, y);
            assert_int_equal(cn_model_weights(model, b, 32), n);
            for (int w = 0; w < n; w++) {
                const float *got = cn_tensor_floats(b[w]), *want = cn_tensor_floats(a[w]);
                for (int64_t i = 0; i < cn_tensor_size(a[w]); i++) {
                    /* Sums of some thousand roundings, over four steps. */
                    if (!(fabsf(got[i] - want[i]) <= 1e-4f)) {
                        fail_msg("%d channels, CORNU_PLAN=%s, weight %d: %.8g and %.8g", c,
                                 settings[k], w, (double)got[i], (double)want[i]);
                    }
                }
            }
        }
        cn_scope_end(scope);
    }
}

/* Networks of every depth, so that the planner's arrays grow at every place where they can: a
 * pointer that is kept too long is found by the address sanitizer. */
static void test_depths(void **state)
{
    (void)state;
    cn_tensor *x = cn_random_normal(.shape = {{3, 7, 6, 2}}, .seed = 7);
    cn_tensor *y = cn_random_normal(.shape = {{3, 2}}, .seed = 8);
    for (int blocks = 1; blocks <= 12; blocks++) {
        cn_scope scope = cn_scope_begin();
        cn_scores scores = cn_model_train_on_batch(make_residual(3, blocks), x, y);
        assert_null(cn_error());
        assert_true(isfinite(scores.values[0]));
        cn_scope_end(scope);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_training),
                                       cmocka_unit_test(test_depths), cmocka_unit_test(test_folded),
                                       cmocka_unit_test(test_assigned)};
    return cmocka_run_group_tests_name("normalized", tests, NULL, NULL);
}
