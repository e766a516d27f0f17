/* cn_function and graphs: traced once a kind of inputs, with the results of eager calls. */
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

static void check_value(const cn_tensor *t, int64_t at, double want)
{
    assert_null(cn_error());
    double got = cn_tensor_item(t, at);
    if (!(fabs(got - want) <= 1e-6 * (1 + fabs(want)))) {
        fail_msg("element %lld is %.9g, expected %.9g", (long long)at, got, want);
    }
}

static int calls;

/* relu(x·w + b) */
static int affine(cn_tensor *const *in, int n_in, cn_tensor **out, void *user)
{
    (void)user;
    calls++;
    out[0] = cn_relu(cn_add(cn_matmul(in[0], in[1]), n_in > 2 ? in[2] : cn_scalar(0, CN_FLOAT32)));
    return 0;
}

static void test_same_as_eager(void **state)
{
    (void)state;
    cn_scope scope = cn_scope_begin();
    cn_function *f = cn_function(affine, .batched = true);
    cn_function *g = cn_function(affine, .run_eagerly = true);
    cn_tensor *w = cn_random_normal(.shape = {7, 5}), *b = cn_random_normal(.shape = {5});
    calls = 0;
    for (int64_t rows = 1; rows < 40; rows += 6) {
        cn_tensor *x = cn_random_normal(.shape = {rows, 7});
        cn_tensor *got = cn_function_call(f, x, w, b);
        cn_tensor *want = cn_function_call(g, x, w, b);
        assert_null(cn_error());
        assert_int_equal(cn_tensor_dim(got, 0), rows);
        for (int64_t i = 0; i < 5 * rows; i++) {
            /* Sums of seven products in another order. */
            if (!(fabs(cn_tensor_item(got, i) - cn_tensor_item(want, i)) <= 2e-6)) {
                fail_msg("rows %lld: %g, eagerly %g", (long long)rows, cn_tensor_item(got, i),
                         cn_tensor_item(want, i));
            }
        }
    }
    /* Seven eager calls and two traces: rows = 7 makes the batch of (7, 7) and of w (7, 5) the
     * same. */
    assert_int_equal(cn_function_traces(f), 2);
    assert_int_equal(calls, 7 + 2);
    assert_int_equal(cn_function_traces(g), 0);
    cn_scope_end(scope);
}

static void test_signatures(void **state)
{
    (void)state;
    cn_scope scope = cn_scope_begin();
    cn_function *f = cn_function(affine);
    cn_tensor *w = cn_ones(2, 2);
    for (int round = 0; round < 3; round++) {
        for (int64_t rows = 1; rows <= 20; rows++) {
            cn_tensor *x = cn_full(2, (int64_t[]){rows, 2}, (double)rows, CN_FLOAT32);
            check_value(cn_function_call(f, x, w), 2 * rows - 1, 2.0 * (double)rows);
        }
    }
    /* Twenty shapes in a cache of sixteen, three times over: each one is traced again. */
    assert_int_equal(cn_function_traces(f), 60);
    cn_tensor *d = cn_full(2, (int64_t[]){20, 2}, 1, CN_FLOAT64);
    cn_tensor *y = cn_function_call(f, d, cn_cast(w, CN_FLOAT64));
    assert_int_equal(cn_tensor_dtype(y), CN_FLOAT64);
    assert_int_equal(cn_function_traces(f), 61);
    cn_scope_end(scope);
}

typedef struct counters {
    cn_tensor *a, *b;
} counters;

/* Reads, assigns, reads again: the old value, then the new one. */
static int count_up(cn_tensor *const *in, int n_in, cn_tensor **out, void *user)
{
    counters *c = user;
    (void)n_in;
    out[0] = cn_identity(c->a);
    cn_assign_add(c->a, in[0]);
    out[1] = cn_multiply(c->a, 10);
    cn_assign_add(c->a, in[0]);
    out[2] = c->a;
    return 0;
}

static void test_assignments(void **state)
{
    (void)state;
    cn_scope scope = cn_scope_begin();
    counters c = {.a = cn_variable(1.0), .b = NULL};
    cn_function *f = cn_function(count_up, .n_outputs = 3, .user = &c);
    for (int i = 0; i < 3; i++) {
        cn_tensor *out[3] = {0}, *one = cn_scalar(1, CN_FLOAT32);
        assert_int_equal(cn_function_run(f, 1, &one, out), 0);
        check_value(out[0], 0, 1 + 2 * i);
        check_value(out[1], 0, 10 * (2 + 2 * i));
        check_value(out[2], 0, 3 + 2 * i);
        check_value(c.a, 0, 3 + 2 * i);
    }
    cn_assign(c.a, -5.0);
    cn_tensor *out[3] = {0}, *one = cn_scalar(1, CN_FLOAT32);
    assert_int_equal(cn_function_run(f, 1, &one, out), 0);
    check_value(out[0], 0, -5);
    assert_int_equal(cn_function_traces(f), 1);
    cn_scope_end(scope);
}

static int change_places(cn_tensor *const *in, int n_in, cn_tensor **out, void *user)
{
    counters *c = user;
    (void)in;
    (void)n_in;
    cn_tensor *old = cn_identity(c->a);
    cn_assign(c->a, c->b);
    cn_assign(c->b, old);
    out[0] = cn_subtract(c->a, c->b);
    return 0;
}

static void test_swap(void **state)
{
    (void)state;
    cn_scope scope = cn_scope_begin();
    counters c = {.a = cn_variable(1.0), .b = cn_variable(2.0)};
    cn_function *f = cn_function(change_places, .user = &c);
    cn_tensor *out = NULL;
    assert_int_equal(cn_function_run(f, 0, NULL, &out), 0);
    check_value(out, 0, 1);
    check_value(c.a, 0, 2);
    check_value(c.b, 0, 1);
    assert_int_equal(cn_function_run(f, 0, NULL, &out), 0);
    check_value(out, 0, -1);
    check_value(c.a, 0, 1);
    cn_scope_end(scope);
}

/* Two steps of gradient descent on (a - 4)²: the second one's gradient is at the new value. */
static int two_steps(cn_tensor *const *in, int n_in, cn_tensor **out, void *user)
{
    counters *c = user;
    (void)n_in;
    for (int i = 0; i < 2; i++) {
        cn_tape *tape = cn_tape_begin();
        cn_tensor *loss = cn_square(cn_subtract(c->a, in[0]));
        cn_tensor *g = cn_tape_gradient(tape, loss, c->a);
        cn_assign_sub(c->a, cn_multiply(g, 0.1));
        out[i] = g;
    }
    return 0;
}

static void test_tape_inside(void **state)
{
    (void)state;
    cn_scope scope = cn_scope_begin();
    counters c = {.a = cn_variable(0.0), .b = NULL};
    for (int eager = 0; eager < 2; eager++) {
        cn_function *f = cn_function(two_steps, .n_outputs = 2, .user = &c, .run_eagerly = eager);
        cn_assign(c.a, 0.0);
        cn_tensor *out[2] = {0}, *four = cn_scalar(4, CN_FLOAT32);
        assert_int_equal(cn_function_run(f, 1, &four, out), 0);
        check_value(out[0], 0, -8);
        check_value(out[1], 0, -6.4);
        check_value(c.a, 0, 0.8 + 0.64);
    }
    cn_scope_end(scope);
}

static int cube(cn_tensor *const *in, int n_in, cn_tensor **out, void *user)
{
    (void)n_in;
    (void)user;
    out[0] = cn_multiply(in[0], cn_square(in[0]));
    return 0;
}

static void test_tape_outside(void **state)
{
    (void)state;
    cn_scope scope = cn_scope_begin();
    cn_function *f = cn_function(cube);
    cn_tensor *x = cn_variable(3.0);
    cn_tape *outer = cn_tape_begin(), *inner = cn_tape_begin();
    cn_tensor *y = cn_function_call(f, x);
    cn_tensor *dy = cn_tape_gradient(inner, y, x);
    cn_tensor *d2y = cn_tape_gradient(outer, dy, x);
    check_value(y, 0, 27);
    check_value(dy, 0, 27);
    check_value(d2y, 0, 18);
    assert_int_equal(cn_function_traces(f), 0);
    check_value(cn_function_call(f, cn_scalar(2, CN_FLOAT32)), 0, 8);
    check_value(cn_function_call(f, cn_scalar(-2, CN_FLOAT32)), 0, -8);
    assert_int_equal(cn_function_traces(f), 1);
    cn_scope_end(scope);
}

static int assign_input(cn_tensor *const *in, int n_in, cn_tensor **out, void *user)
{
    (void)n_in;
    (void)out;
    (void)user;
    return cn_assign_add(in[0], in[1]);
}

static void test_variables_as_inputs(void **state)
{
    (void)state;
    cn_scope scope = cn_scope_begin();
    cn_function *f = cn_function(assign_input, .n_outputs = 0);
    cn_tensor *a = cn_variable(1.0), *b = cn_variable(5.0), *two = cn_scalar(2, CN_FLOAT32);
    for (int i = 0; i < 2; i++) {
        cn_function_call(f, a, two);
        cn_function_call(f, b, two);
    }
    check_value(a, 0, 5);
    check_value(b, 0, 9);
    assert_int_equal(cn_function_traces(f), 2);
    cn_function_call(f, two, two);
    expect_error("expected a variable, got a tensor");
    cn_scope_end(scope);
}

static int draw(cn_tensor *const *in, int n_in, cn_tensor **out, void *user)
{
    (void)n_in;
    out[0] = cn_add(in[0], cn_random_normal(.shape = {4}));
    out[1] = cn_call((cn_layer *)user, cn_ones(1, 64), .training = true);
    return 0;
}

/* Every run draws anew, as tf.function does. */
static void test_random(void **state)
{
    (void)state;
    cn_scope scope = cn_scope_begin();
    cn_layer *dropout = cn_dropout(0.5);
    cn_function *f = cn_function(draw, .n_outputs = 2, .user = dropout);
    cn_tensor *zero = cn_scalar(0, CN_FLOAT32), *first[2], *second[2];
    assert_int_equal(cn_function_run(f, 1, &zero, first), 0);
    assert_int_equal(cn_function_run(f, 1, &zero, second), 0);
    assert_int_equal(cn_function_traces(f), 1);
    assert_true(cn_tensor_item(first[0], 0) != cn_tensor_item(second[0], 0));
    assert_memory_not_equal(cn_tensor_data(first[1]), cn_tensor_data(second[1]), 64 * 4);
    cn_scope_end(scope);
}

static int fails(cn_tensor *const *in, int n_in, cn_tensor **out, void *user)
{
    (void)in;
    (void)n_in;
    switch (*(int *)user) {
    case 0: return -1;
    case 1: return cn_fail(CN_EVALUE, "no luck with %s", "this");
    case 2: return 0;
    default: out[0] = cn_matmul(cn_ones(2, 3), cn_ones(2, 3)); return 0;
    }
}

static int endless(cn_tensor *const *in, int n_in, cn_tensor **out, void *user)
{
    (void)n_in;
    out[0] = cn_function_call(*(cn_function **)user, in[0]);
    return 0;
}

static void test_errors(void **state)
{
    (void)state;
    static const char *const words[] = {"Function \"f\" failed with code -1", "no luck with this",
                                        "Function \"f\" did not set its output 0", "must be equal"};
    cn_scope scope = cn_scope_begin();
    cn_tensor *x = cn_ones(2);
    for (int how = 0; how < 4; how++) {
        for (int eager = 0; eager < 2; eager++) {
            cn_function *f = cn_function(fails, .name = "f", .user = &how, .run_eagerly = eager);
            assert_null(cn_function_call(f, x));
            expect_error(words[how]);
        }
    }
    cn_function *f = NULL;
    f = cn_function(endless, .user = &f);
    assert_null(cn_function_call(f, x));
    expect_error("calls itself without end");
    assert_null(cn_function(NULL));
    expect_error("expected a function, got NULL");
    assert_null(cn_function(cube, .n_outputs = 9));
    expect_error("n_outputs");
    f = cn_function(cube);
    assert_null(cn_function_call(f, NULL));
    expect_error("a function's input");
    /* Nothing is left open: ops run at once again. */
    check_value(cn_add(x, 1), 1, 2);
    cn_scope_end(scope);
}

static void test_graph(void **state)
{
    (void)state;
    cn_scope scope = cn_scope_begin();
    cn_clear_session();
    cn_tensor *w = cn_variable(cn_ones(3, 1)), *b = cn_variable(0.5);
    cn_graph *graph = cn_graph_begin();
    cn_tensor *x = cn_placeholder(.shape = {CN_NONE, 3}),
              *y = cn_placeholder(.shape = {CN_NONE, 1});
    cn_tensor *p = cn_add(cn_matmul(x, w), b);
    cn_tensor *decay = cn_sum(cn_square(w));
    cn_tensor *loss = cn_mean(cn_square(cn_subtract(p, y)));
    cn_assign_add(b, 1);
    assert_null(cn_graph_run(graph, p, .feed = {{x, cn_ones(1, 3)}}));
    expect_error("still being built");
    cn_graph_end(graph);
    assert_string_equal(cn_tensor_name(x), "Placeholder");
    assert_string_equal(cn_tensor_name(y), "Placeholder_1");
    for (int64_t rows = 1; rows < 4; rows++) {
        cn_tensor *out = cn_graph_run(graph, p, .feed = {{x, cn_ones(rows, 3)}});
        assert_int_equal(cn_tensor_dim(out, 0), rows);
        check_value(out, rows - 1, 3.5);
    }
    check_value(b, 0, 0.5);
    cn_tensor *second = NULL;
    cn_tensor *first = cn_graph_run(graph, cn_list(decay, p), .feed = {{x, cn_ones(1, 3)}},
                                    .outputs = &second, .updates = true);
    check_value(first, 0, 3);
    check_value(second, 0, 3.5);
    check_value(b, 0, 1.5);
    /* The variables are read when the graph runs. */
    cn_assign(w, cn_full(2, (int64_t[]){3, 1}, 2, CN_FLOAT32));
    check_value(cn_graph_run(graph, decay), 0, 12);
    assert_null(cn_graph_run(graph, loss, .feed = {{x, cn_ones(1, 3)}}));
    expect_error("You must feed a value for placeholder tensor 'Placeholder_1' with dtype float32");
    assert_null(cn_graph_run(graph, p, .feed = {{x, cn_ones(1, 4)}}));
    expect_error("Cannot feed value of shape (1, 4) for Tensor 'Placeholder:0', which has shape "
                 "(None, 3)");
    assert_null(cn_graph_run(graph, p, .feed = {{p, cn_ones(1, 4)}}));
    expect_error("only placeholders can be fed");
    cn_clear_session();
    assert_string_equal(cn_tensor_name(cn_placeholder()), "Placeholder");
    cn_scope_end(scope);
}

/* One step of SGD by hand and by the graph. */
static void test_minimize(void **state)
{
    (void)state;
    cn_scope scope = cn_scope_begin();
    cn_tensor *w = cn_variable(3.0), *frozen = cn_variable(2.0, .trainable = false);
    cn_optimizer *sgd = cn_optimizer_sgd(.learning_rate = 0.1);
    cn_graph *graph = cn_graph_begin();
    cn_tensor *x = cn_placeholder(.shape = {CN_NONE});
    cn_tensor *loss = cn_mean(cn_square(cn_subtract(cn_multiply(x, w), frozen)));
    cn_graph_end(graph);
    double value = 3;
    for (int i = 0; i < 5; i++) {
        cn_tensor *got = cn_graph_run(graph, loss, .feed = {{x, cn_array(1, 2)}}, .optimizer = sgd,
                                      .minimize = loss);
        double a = value - 2, b = 2 * value - 2;
        check_value(got, 0, (a * a + b * b) / 2);
        value -= 0.1 * (a + 2 * b);
        check_value(w, 0, value);
        check_value(frozen, 0, 2);
    }
    cn_graph *none = cn_graph_begin();
    cn_tensor *z = cn_placeholder(.shape = {CN_NONE}), *sum = cn_sum(z);
    cn_graph_end(none);
    assert_null(
        cn_graph_run(none, sum, .feed = {{z, cn_ones(2)}}, .optimizer = sgd, .minimize = sum));
    expect_error("No variables to optimize.");
    cn_scope_end(scope);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_same_as_eager, begin),
        cmocka_unit_test_setup(test_signatures, begin),
        cmocka_unit_test_setup(test_assignments, begin),
        cmocka_unit_test_setup(test_swap, begin),
        cmocka_unit_test_setup(test_tape_inside, begin),
        cmocka_unit_test_setup(test_tape_outside, begin),
        cmocka_unit_test_setup(test_variables_as_inputs, begin),
        cmocka_unit_test_setup(test_random, begin),
        cmocka_unit_test_setup(test_errors, begin),
        cmocka_unit_test_setup(test_graph, begin),
        cmocka_unit_test_setup(test_minimize, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
