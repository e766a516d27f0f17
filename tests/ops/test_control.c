/* Choices, loops and checks: eagerly, under a tape and in a trace. */
#include "ops_test.h"

#include "graph/trace.h"
#include "ops/check.h"

#include <cornu/control.h>
#include <cornu/tape.h>

static int double_it(void *user, int n, cn_tensor **out)
{
    (void)n;
    out[0] = cn_multiply((cn_tensor *)user, 2);
    return 0;
}

static int square_it(void *user, int n, cn_tensor **out)
{
    (void)n;
    out[0] = cn_square(user);
    return 0;
}

static int fail_it(void *user, int n, cn_tensor **out)
{
    (void)user;
    (void)n;
    (void)out;
    return cn_fail(CN_EVALUE, "this branch fails");
}

static void test_cond(void **state)
{
    (void)state;
    cn_tensor *x = cn_array(3, 4), *y = NULL;
    cn_tape *tape = cn_tape_begin();
    cn_tape_watch(tape, x);
    assert_int_equal(cn_cond(cn_greater(cn_sum(x), 5), square_it, fail_it, x, 1, &y), 0);
    cn_tensor *g = cn_tape_gradient(tape, y, x);
    assert_true(cn_tensor_item(y, 1) == 16 && cn_tensor_item(g, 1) == 8);
    assert_int_equal(cn_cond(cn_scalar(0, CN_INT32), fail_it, double_it, x, 1, &y), 0);
    assert_true(cn_tensor_item(y, 0) == 6);
    assert_int_equal(cn_cond(cn_scalar(1, CN_BOOL), fail_it, double_it, x, 1, &y), CN_EVALUE);
    expect_error("branch", NULL, CN_EVALUE, "this branch fails");
    assert_int_equal(cn_cond(x, square_it, double_it, x, 1, &y), CN_EVALUE);
    expect_error("predicate", NULL, CN_EVALUE, "must be a scalar");
}

/* The op that a trace records: values, and gradients that reach the branch that was taken. */
static void test_condition_op(void **state)
{
    (void)state;
    cn_tensor *a = cn_array(1, 2), *b = cn_array(5, 7);
    for (int taken = 0; taken < 2; taken++) {
        cn_tape *tape = cn_tape_begin(.persistent = true);
        cn_tape_watch(tape, a);
        cn_tape_watch(tape, b);
        cn_tensor *y = cn__apply3(&cn__op_condition, NULL, cn_scalar(taken, CN_BOOL), a, b);
        cn_tensor *loss = cn_sum(cn_square(y));
        cn_tensor *ga = cn_tape_gradient(tape, loss, a), *gb = cn_tape_gradient(tape, loss, b);
        assert_true(cn_tensor_item(y, 1) == (taken ? 2 : 7));
        assert_true(cn_tensor_item(ga, 1) == (taken ? 4 : 0));
        assert_true(cn_tensor_item(gb, 1) == (taken ? 0 : 14));
        cn_tape_end(tape);
    }
    expect_error("shapes",
                 cn__apply3(&cn__op_condition, NULL, cn_scalar(1, CN_BOOL), a, cn_zeros(3)),
                 CN_EVALUE, "must return the same kind of tensors");
}

static cn_tensor *below_hundred(void *user, int n, cn_tensor *const *vars)
{
    (void)user;
    (void)n;
    return cn_less(vars[0], 100);
}

/* a, b = b + a, a: Fibonacci's numbers, with the variables changing places. */
static int fibonacci(void *user, int n, cn_tensor **vars)
{
    (void)user;
    (void)n;
    cn_tensor *sum = cn_add(vars[0], vars[1]);
    vars[1] = vars[0];
    vars[0] = sum;
    return 0;
}

static int multiply(void *user, int n, cn_tensor **vars)
{
    (void)n;
    vars[0] = cn_multiply(vars[0], (cn_tensor *)user);
    return 0;
}

static void test_while_loop(void **state)
{
    (void)state;
    cn_tensor *vars[2] = {cn_scalar(1, CN_FLOAT32), cn_scalar(0, CN_FLOAT32)};
    assert_int_equal(cn_while_loop(below_hundred, fibonacci, NULL, 2, vars, CN_NONE), 0);
    assert_true(cn_tensor_value(vars[0]) == 144 && cn_tensor_value(vars[1]) == 89);
    vars[0] = vars[1] = cn_scalar(1, CN_FLOAT32);
    assert_int_equal(cn_while_loop(below_hundred, fibonacci, NULL, 2, vars, 3), 0);
    assert_true(cn_tensor_value(vars[0]) == 5);
    /* x · f³ with f = 3 and x = 4 passes 100 after three rounds: d/df = 3 x f². */
    cn_tensor *f = cn_scalar(3, CN_FLOAT32);
    cn_tape *tape = cn_tape_begin();
    cn_tape_watch(tape, f);
    vars[0] = cn_scalar(4, CN_FLOAT32);
    assert_int_equal(cn_while_loop(below_hundred, multiply, f, 1, vars, CN_NONE), 0);
    cn_tensor *g = cn_tape_gradient(tape, vars[0], f);
    assert_true(cn_tensor_value(vars[0]) == 108 && cn_tensor_value(g) == 108);
}

/* The op of a trace, run through its kernel. */
static void test_while_loop_op(void **state)
{
    (void)state;
    float a = 1, b = 0, c, d;
    cn__attrs attrs = {
        .i = {(int64_t)(uintptr_t)below_hundred, (int64_t)(uintptr_t)fibonacci, 0, CN_NONE}};
    cn__arg in[2] = {{.data = &a, .dtype = CN_FLOAT32}, {.data = &b, .dtype = CN_FLOAT32}};
    cn__arg out[2] = {{.data = &c, .dtype = CN_FLOAT32}, {.data = &d, .dtype = CN_FLOAT32}};
    cn__call call = {&cn__op_while_loop, &attrs, 2, 2, in, out, NULL, 0, NULL};
    assert_int_equal(cn__op_while_loop.reference->run(&call, 0, 1), 0);
    assert_true(c == 144 && d == 89);
    out[1].shape = cn_shape_of(2);
    assert_int_equal(cn__op_while_loop.reference->run(&call, 0, 1), CN_EVALUE);
    expect_error("shape", NULL, CN_EVALUE, "in a traced function it must stay float32 (2,)");
}

static void test_traced(void **state)
{
    (void)state;
    cn_shape scalar = {0}, shape = cn_shape_of(-1, 3);
    cn_tensor *pred = cn__placeholder(CN_BOOL, &scalar, "pred");
    cn_tensor *x = cn__placeholder(CN_FLOAT32, &shape, "x"), *y = NULL;
    assert_int_equal(cn_cond(pred, square_it, double_it, x, 1, &y), 0);
    assert_ptr_equal(y->node->op, &cn__op_condition);
    assert_true(cn__shape_equal(&y->shape, &shape));
    cn_tensor *vars[2] = {x, x};
    assert_int_equal(cn_while_loop(below_hundred, fibonacci, NULL, 2, vars, 5), 0);
    assert_ptr_equal(vars[1]->node->op, &cn__op_while_loop);
    assert_int_equal(vars[1]->output, 1);
}

static void test_checks(void **state)
{
    (void)state;
    cn_tensor *labels = TENSOR(CN_INT32, (2, 2), 0, 4, -1, 7);
    assert_int_equal(cn__check_indices(labels, 5, CN_NONE, CN__CHECK_INDICES), CN_EINDEX);
    expect_error("indices", NULL, CN_EINDEX, "indices[1,0] = -1 is not in [0, 5)");
    assert_int_equal(cn__check_indices(labels, 5, -1, CN__CHECK_LABELS), CN_EINDEX);
    expect_error("labels", NULL, CN_EINDEX,
                 "Received a label value of 7 which is outside the valid range of [0, 5).");
    assert_int_equal(cn__check_indices(labels, 8, -1, CN__CHECK_LABELS), 0);
    assert_int_equal(cn__check_indices(cn_array(0, NAN), 8, CN_NONE, CN__CHECK_LABELS), CN_EINDEX);
    cn_error_clear();
    assert_int_equal(cn__check_range(cn_array(0, 1), 0, 1, "p must lie in [0, 1]"), 0);
    assert_int_equal(cn__check_range(cn_array(0, NAN), 0, 1, "p must lie in [0, 1]"), CN_EINDEX);
    expect_error("range", NULL, CN_EINDEX, "p must lie in [0, 1]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OP_TEST(test_cond),          OP_TEST(test_condition_op), OP_TEST(test_while_loop),
        OP_TEST(test_while_loop_op), OP_TEST(test_traced),       OP_TEST(test_checks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
