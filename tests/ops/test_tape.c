/* Tapes: nested, persistent, watched; stopped and custom gradients; Hessian-vector products against
 * TensorFlow. */
#include <cornu.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static int begin(void **state)
{
    (void)state;
    cn_error_clear();
    return 0;
}

static void expect_error(const char *words)
{
    const char *text = cn_error();
    if (!text || !strstr(text, words)) {
        fail_msg("expected an error with \"%s\", got %s", words, text ? text : "none");
    }
    cn_error_clear();
}

static void check(const char *what, const cn_tensor *t, int64_t n, const float *want,
                  double tolerance)
{
    if (cn_error() || !t) {
        fail_msg("%s: %s", what, cn_error() ? cn_error() : "NULL");
    }
    assert_int_equal(cn_tensor_size(t), n);
    for (int64_t i = 0; i < n; i++) {
        double got = cn_tensor_item(t, i);
        if (!(fabs(got - (double)want[i]) <= tolerance)) {
            fail_msg("%s[%lld]: %.9g, expected %.9g", what, (long long)i, got, (double)want[i]);
        }
    }
}

static void check_number(const cn_tensor *t, double want)
{
    float value = (float)want;
    check("value", t, 1, &value, 1e-6 * (1 + fabs(want)));
}

/* The numbers that the Python program gave TensorFlow: ((7 i + 3 k) mod 11 - 5) / 8. */
static cn_tensor *numbers(int rank, const int64_t *shape, int k)
{
    cn_tensor *t = cn_tensor_new(CN_FLOAT32, rank, shape, NULL);
    float *data = cn_tensor_data_mutable(t);
    for (int64_t i = 0; i < cn_tensor_size(t); i++) {
        data[i] = (float)((i * 7 + k * 3) % 11 - 5) / 8;
    }
    return t;
}

/* tf.GradientTape twice over loss = mean((softmax(tanh(x·w0 + w1)·w2 + w3) - y)²), TensorFlow 2.21
 * on a CPU. */
static const float want_gradient[4][12] = {
    {-0.00746181328f, -0.0135341408f, -0.0128717795f, 0.0113919359f, 0.00340298563f, 0.00742025999f,
     0.00695089344f, -0.00535433227f, -0.000878141494f, -0.0023724942f, -0.00221228506f,
     0.00135461544f},
    {0.00856225472f, 0.0195855107f, 0.018326357f, -0.013417894f},
    {-0.0303334706f, 0.0303334743f, 0.00482699042f, -0.00482699089f, 0.0140880737f, -0.0140880756f,
     -0.0312144607f, 0.0312144719f},
    {0.0396009833f, -0.0396009907f}};
static const float want_product[4][12] = {
    {0.00155680813f, -0.0109998723f, 0.0265875887f, -0.00808612071f, 0.00885222107f, 0.0201697685f,
     -0.000804177951f, -0.0100418078f, -0.00426532514f, -0.00866848696f, -0.00170147698f,
     0.00630590459f},
    {0.0262350924f, 0.057676509f, 0.00179459713f, -0.0326954238f},
    {-0.0577626303f, 0.057762634f, 0.0191090815f, -0.0191090833f, 0.0156615004f, -0.0156615041f,
     -0.067237027f, 0.0672370195f},
    {0.0803034753f, -0.0803034678f}};

static const int64_t shapes[4][2] = {{3, 4}, {4}, {4, 2}, {2}};
static const int ranks[4] = {2, 1, 2, 1}, sizes[4] = {12, 4, 8, 2};

typedef struct net {
    cn_tensor *w[4], *v[4];
} net;

static net make_net(void)
{
    net n;
    for (int i = 0; i < 4; i++) {
        n.w[i] = cn_variable(numbers(ranks[i], shapes[i], 3 + i));
        n.v[i] = numbers(ranks[i], shapes[i], 7 + i);
    }
    return n;
}

/* out: the gradient, then the Hessian times v, of each weight. */
static int products(cn_tensor *const *in, int n_in, cn_tensor **out, void *user)
{
    net *n = user;
    (void)n_in;
    cn_tape *outer = cn_tape_begin(), *inner = cn_tape_begin();
    cn_tensor *h = cn_tanh(cn_add(cn_matmul(in[0], n->w[0]), n->w[1]));
    cn_tensor *p = cn_softmax(cn_add(cn_matmul(h, n->w[2]), n->w[3]), -1);
    cn_tensor *loss = cn_mean(cn_square(cn_subtract(p, in[1])));
    cn_tape_gradients(inner, 1, &loss, 4, n->w, out);
    cn_tape_gradients(outer, 4, out, 4, n->w, out + 4,
                      .output_gradients = {{n->v[0], n->v[1], n->v[2], n->v[3]}});
    return cn_error_code();
}

static void test_hessian_vector_products(void **state)
{
    (void)state;
    for (int traced = 0; traced < 2; traced++) {
        cn_scope scope = cn_scope_begin();
        net n = make_net();
        cn_function *f = cn_function(products, .n_outputs = 8, .user = &n, .run_eagerly = !traced);
        cn_tensor *in[2] = {numbers(2, (int64_t[]){5, 3}, 1), numbers(2, (int64_t[]){5, 2}, 2)};
        cn_tensor *out[8] = {0};
        if (cn_function_run(f, 2, in, out) < 0) {
            fail_msg("%s", cn_error());
        }
        /* float32 through two derivatives of a net of three steps. */
        for (int i = 0; i < 4; i++) {
            check("gradient", out[i], sizes[i], want_gradient[i], 1e-7);
            check("product", out[4 + i], sizes[i], want_product[i], 3e-7);
        }
        cn_scope_end(scope);
    }
}

/* sin(A·x) x0, by tape.jacobian. */
static void test_jacobian(void **state)
{
    static const float want[6] = {0.932256162f, 0.121592321f, 0.0243184641f,
                                  0.2809861f,   0.405481547f, 0};
    (void)state;
    cn_scope scope = cn_scope_begin();
    cn_tensor *x = cn_variable(cn_array(1, 2, 3)), *a = numbers(2, (int64_t[]){2, 3}, 1);
    cn_tape *tape = cn_tape_begin();
    cn_tensor *product = cn_squeeze(cn_matmul(a, cn_expand_dims(x, 1)), 1);
    cn_tensor *y = cn_multiply(cn_sin(product), cn_squeeze(cn_rows(x, 0, 1), 0));
    cn_tensor *jacobian = cn_tape_jacobian(tape, y, x);
    check("jacobian", jacobian, 6, want, 2e-7);
    assert_int_equal(cn_tensor_dim(jacobian, 0), 2);
    cn_scope_end(scope);
}

static void test_once(void **state)
{
    (void)state;
    cn_scope scope = cn_scope_begin();
    cn_tensor *x = cn_variable(3.0);
    cn_tape *tape = cn_tape_begin();
    cn_tensor *y = cn_multiply(x, x);
    check_number(cn_tape_gradient(tape, y, x), 6);
    assert_null(cn_tape_gradient(tape, y, x));
    expect_error("A non-persistent GradientTape can only be used to compute one set of gradients "
                 "(or jacobians)");
    tape = cn_tape_begin(.persistent = true);
    y = cn_multiply(x, x);
    cn_tensor *z = cn_multiply(y, y);
    check_number(cn_tape_gradient(tape, y, x), 6);
    check_number(cn_tape_gradient(tape, z, x), 108);
    check_number(cn_tape_gradient(tape, z, y), 18);
    cn_tape_end(tape);
    cn_scope_end(scope);
}

static void test_watching(void **state)
{
    (void)state;
    cn_scope scope = cn_scope_begin();
    cn_tensor *c = cn_scalar(3, CN_FLOAT32), *v = cn_variable(2.0);
    cn_tensor *frozen = cn_variable(2.0, .trainable = false);
    cn_tape *tape = cn_tape_begin();
    cn_tensor *y = cn_square(c);
    assert_null(cn_tape_gradient(tape, y, c));
    assert_null(cn_error());
    tape = cn_tape_begin();
    cn_tape_watch(tape, c);
    y = cn_square(c);
    check_number(cn_tape_gradient(tape, y, c), 6);
    tape = cn_tape_begin(.persistent = true);
    y = cn_multiply(cn_square(frozen), v);
    assert_null(cn_tape_gradient(tape, y, frozen));
    check_number(cn_tape_gradient(tape, y, frozen, .unconnected_gradients = "zero"), 0);
    check_number(cn_tape_gradient(tape, y, v), 4);
    assert_null(cn_tape_gradient(tape, y, v, .unconnected_gradients = "some"));
    expect_error("Unknown value for unconnected_gradients: some");
    cn_tape_end(tape);
    tape = cn_tape_begin(.watch_accessed_variables = false, .persistent = true);
    cn_tape_watch(tape, frozen);
    y = cn_multiply(cn_square(frozen), v);
    check_number(cn_tape_gradient(tape, y, frozen), 8);
    assert_null(cn_tape_gradient(tape, y, v));
    assert_null(cn_error());
    cn_tape_end(tape);
    cn_scope_end(scope);
}

static void test_integers(void **state)
{
    (void)state;
    cn_scope scope = cn_scope_begin();
    cn_tensor *n = cn_variable(3);
    assert_int_equal(cn_tensor_dtype(n), CN_INT32);
    cn_tape *tape = cn_tape_begin(.persistent = true);
    cn_tensor *y = cn_multiply(n, n), *z = cn_multiply(cn_cast(n, CN_FLOAT32), 2.0);
    assert_null(cn_tape_gradient(tape, y, n));
    assert_null(cn_tape_gradient(tape, z, n));
    assert_null(cn_error());
    cn_tape_end(tape);
    cn_scope_end(scope);
}

static void test_recording(void **state)
{
    (void)state;
    cn_scope scope = cn_scope_begin();
    cn_tensor *x = cn_variable(3.0);
    cn_tape *tape = cn_tape_begin(.persistent = true);
    cn_tensor *y = cn_square(x);
    cn_tape_stop_recording(tape);
    cn_tensor *hidden = cn_square(x);
    assert_true(cn_tape_stop_recording(tape) < 0);
    expect_error("Tape is not recording.");
    cn_tape_resume_recording(tape);
    assert_true(cn_tape_resume_recording(tape) < 0);
    expect_error("Tape is still recording");
    cn_tensor *z = cn_add(cn_multiply(y, 2), hidden);
    check_number(cn_tape_gradient(tape, z, x), 12);
    cn_tape_reset(tape);
    assert_null(cn_tape_gradient(tape, y, x));
    cn_tape_end(tape);
    cn_scope_end(scope);
}

static void test_stop_gradient(void **state)
{
    (void)state;
    cn_scope scope = cn_scope_begin();
    cn_tensor *x = cn_variable(3.0);
    cn_tape *tape = cn_tape_begin();
    cn_tensor *y = cn_multiply(cn_stop_gradient(cn_square(x)), x);
    check_number(cn_tape_gradient(tape, y, x), 9);
    cn_scope_end(scope);
}

static void test_output_gradients(void **state)
{
    static const float want[3] = {20, 400, 6000};
    (void)state;
    cn_scope scope = cn_scope_begin();
    cn_tensor *x = cn_variable(cn_array(1, 2, 3));
    cn_tape *tape = cn_tape_begin();
    cn_tensor *y = cn_square(x);
    check("gradient", cn_tape_gradient(tape, y, x, .output_gradients = {{cn_array(10, 100, 1000)}}),
          3, want, 0);
    /* Several targets add up. */
    tape = cn_tape_begin();
    cn_tensor *targets[2] = {cn_sum(cn_square(x)), cn_sum(cn_multiply(x, 5))}, *g = NULL;
    static const float sum[3] = {7, 9, 11};
    assert_int_equal(cn_tape_gradients(tape, 2, targets, 1, &x, &g), 0);
    check("sum", g, 3, sum, 0);
    cn_scope_end(scope);
}

/* log(1 + e^x), whose plain gradient overflows: TensorFlow's own example of a custom gradient. */
static cn_tensor *log1pexp(cn_tensor *const *in, int n_in, void *user)
{
    (void)n_in;
    (void)user;
    return cn_log(cn_add(1, cn_exp(in[0])));
}

static int log1pexp_back(cn_tensor *const *in, int n_in, cn_tensor *output, cn_tensor *upstream,
                         cn_tensor **gradients, void *user)
{
    (void)n_in;
    (void)output;
    ++*(int *)user;
    gradients[0] = cn_multiply(upstream, cn_subtract(1, cn_divide(1, cn_add(1, cn_exp(in[0])))));
    return 0;
}

static int stable(cn_tensor *const *in, int n_in, cn_tensor **out, void *user)
{
    (void)n_in;
    cn_tape *outer = cn_tape_begin(), *tape = cn_tape_begin();
    cn_tape_watch(tape, in[0]);
    cn_tape_watch(outer, in[0]);
    out[0] = cn_custom_gradient(log1pexp, log1pexp_back, user, in[0]);
    out[1] = cn_tape_gradient(tape, cn_multiply(out[0], 3), in[0]);
    out[2] = cn_tape_gradient(outer, out[1], in[0]);
    return 0;
}

static void test_custom_gradient(void **state)
{
    (void)state;
    cn_scope scope = cn_scope_begin();
    for (int eager = 0; eager < 2; eager++) {
        int used = 0;
        cn_function *f = cn_function(stable, .n_outputs = 3, .user = &used, .run_eagerly = eager);
        cn_tensor *out[3] = {0}, *big = cn_scalar(100, CN_FLOAT32),
                  *zero = cn_scalar(0, CN_FLOAT32);
        assert_int_equal(cn_function_run(f, 1, &big, out), 0);
        assert_true(isinf(cn_tensor_value(out[0])));
        check_number(out[1], 3);
        assert_int_equal(cn_function_run(f, 1, &zero, out), 0);
        check_number(out[0], log(2));
        check_number(out[1], 1.5);
        check_number(out[2], 0.75);
        assert_int_equal(used, eager ? 2 : 1);
    }
    cn_scope_end(scope);
}

static int wrong_back(cn_tensor *const *in, int n_in, cn_tensor *output, cn_tensor *upstream,
                      cn_tensor **gradients, void *user)
{
    (void)in;
    (void)n_in;
    (void)output;
    (void)upstream;
    gradients[0] = cn_ones(7);
    return *(int *)user;
}

static void test_custom_errors(void **state)
{
    (void)state;
    cn_scope scope = cn_scope_begin();
    cn_tensor *x = cn_variable(cn_array(1, 2));
    for (int code = 0; code > -2; code--) {
        cn_tape *tape = cn_tape_begin();
        cn_tensor *y = cn_custom_gradient(log1pexp, wrong_back, &code, x);
        assert_null(cn_tape_gradient(tape, y, x));
        expect_error(code ? "the backward function failed with code -1"
                          : "the gradient of input 0 has shape (7,), expected (2,)");
    }
    assert_null(cn_custom_gradient(log1pexp, NULL, NULL, x));
    expect_error("expected two functions");
    cn_scope_end(scope);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_hessian_vector_products, begin),
        cmocka_unit_test_setup(test_jacobian, begin),
        cmocka_unit_test_setup(test_once, begin),
        cmocka_unit_test_setup(test_watching, begin),
        cmocka_unit_test_setup(test_integers, begin),
        cmocka_unit_test_setup(test_recording, begin),
        cmocka_unit_test_setup(test_stop_gradient, begin),
        cmocka_unit_test_setup(test_output_gradients, begin),
        cmocka_unit_test_setup(test_custom_gradient, begin),
        cmocka_unit_test_setup(test_custom_errors, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
