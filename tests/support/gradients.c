/* Numeric differentiation of ops in float64, once and twice. */
#include "gradients.h"

#include "core/op.h"
#include <cornu/ops.h>
#include <cornu/tape.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* Five points a thousandth apart: the error of the formula is near 1e-12 of the fifth derivative,
 * that of rounding near 1e-13 of the value, so that agreement to 1e-7 leaves room for the steep
 * functions among the ops. */
static const double step = 1e-3, margin = 0.02, default_tolerance = 1e-7;

typedef struct state {
    const gradient_case *c;
    cn_tensor *in[CN_TEST_INPUTS];
    int n_out;
    cn_tensor *up[CN_TEST_OUTPUTS]; /* upstream gradients, like the outputs */
    cn_tensor
        *mix[CN_TEST_INPUTS]; /* weights of the gradients in the scalar of the second derivatives */
} state;

static double uniform(unsigned *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (double)(*seed >> 8) / (1 << 24);
}

static bool differentiated(const gradient_case *c, int i)
{
    return c->in[i].fill != TEST_INTEGER && c->in[i].fill != TEST_SHAPE;
}

static bool near_kink(const test_input *input, double x)
{
    for (int k = 0; k < input->n_kinks; k++)
        if (fabs(x - input->kinks[k]) < margin)
            return true;
    return false;
}

static void fill_distinct(double *x, int64_t n, unsigned *seed)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = 0.25 * ((double)i - (double)n / 2) + 0.15 * uniform(seed);
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t j = (int64_t)(uniform(seed) * (double)(i + 1));
        double swap = x[i];
        x[i] = x[j];
        x[j] = swap;
    }
}

static void fill_simplex(double *x, int64_t n, int64_t columns, unsigned *seed)
{
    for (int64_t row = 0; row < n; row += columns) {
        double sum = 0;
        for (int64_t j = 0; j < columns; j++)
            sum += x[row + j] = 0.1 + uniform(seed);
        for (int64_t j = 0; j < columns; j++)
            x[row + j] /= sum;
    }
}

static cn_tensor *make_input(const test_input *input, unsigned *seed)
{
    cn_shape shape = input->shape;
    if (shape.rank == 0 && shape.dim[0] == 0)
        shape = cn_shape_of(2, 3);
    bool integer = input->fill == TEST_INTEGER;
    cn_tensor *t = cn_tensor_new(integer ? CN_INT32 : CN_FLOAT64, shape.rank, shape.dim, NULL);
    assert_non_null(t);
    int64_t n = cn_tensor_size(t);
    double *x = cn_tensor_data_mutable(t);
    if (input->fill == TEST_DISTINCT)
        fill_distinct(x, n, seed);
    else if (input->fill == TEST_SIMPLEX)
        fill_simplex(x, n, shape.dim[shape.rank - 1], seed);
    else
        for (int64_t i = 0; i < n; i++) {
            double value;
            do
                value = input->low + (input->high - input->low + integer) * uniform(seed);
            while (!integer && near_kink(input, value));
            if (integer)
                ((int32_t *)cn_tensor_data_mutable(t))[i] = (int32_t)floor(value);
            else
                x[i] = value;
        }
    return t;
}

/* sum(up * outputs). */
static double value_of(const state *s)
{
    cn_scope scope = cn_scope_begin();
    cn_tensor *out[CN_TEST_OUTPUTS];
    double sum = 0;
    int n = s->c->call(s->in, out);
    for (int k = 0; k < n; k++)
        for (int64_t i = 0; i < cn_tensor_size(s->up[k]); i++)
            sum += cn_tensor_item(s->up[k], i) * cn_tensor_item(out[k], i);
    cn_scope_end(scope);
    return sum;
}

/* Gradients of sum(up * outputs) by the inputs, in terms of ops: NULL for inputs that have none. */
static void gradients(const state *s, cn_tensor **grads)
{
    cn_tensor *out[CN_TEST_OUTPUTS];
    cn_gradient_args args = {.size = sizeof args, CN_GRADIENT_DEFAULTS};
    cn_tape *tape = cn_tape_begin();
    for (int i = 0; i < s->c->n_in; i++)
        cn_tape_watch(tape, s->in[i]);
    int n = s->c->call(s->in, out);
    for (int k = 0; k < n; k++)
        args.output_gradients.v[k] = s->up[k];
    cn_tape_gradients_with(tape, n, out, s->c->n_in, s->in, grads, &args);
    cn_free(tape);
    if (cn_error())
        fail_msg("%s: %s", s->c->op, cn_error());
}

/* sum(mix * gradients) as a tensor; NULL if no input has one. */
static cn_tensor *mixed_gradients(const state *s)
{
    cn_tensor *grads[CN_TEST_INPUTS], *sum = NULL;
    gradients(s, grads);
    for (int i = 0; i < s->c->n_in; i++)
        if (differentiated(s->c, i) && grads[i]) {
            cn_tensor *part = cn_sum(cn_multiply(s->mix[i], grads[i]));
            sum = sum ? cn_add(sum, part) : part;
        }
    return sum;
}

static double mixed_value(const state *s)
{
    cn_scope scope = cn_scope_begin();
    cn_tensor *sum = mixed_gradients(s);
    double value = sum ? cn_tensor_value(sum) : 0;
    cn_scope_end(scope);
    return value;
}

typedef double function(const state *s);

static double difference(const state *s, function *f, double *x)
{
    const double at = *x;
    double value[4];
    for (int i = 0; i < 4; i++) {
        *x = at + step * (i < 2 ? i - 2 : i - 1);
        value[i] = f(s);
    }
    *x = at;
    return (value[0] - 8 * value[1] + 8 * value[2] - value[3]) / (12 * step);
}

/* Compares d f / d x with a gradient (NULL: zeros), element by element; returns the largest slope
 * seen. */
static double compare(const state *s, function *f, cn_tensor *x, cn_tensor *grad, const char *what,
                      int which)
{
    double tolerance = s->c->tolerance > 0 ? s->c->tolerance : default_tolerance, largest = 0;
    double *data = cn_tensor_data_mutable(x);
    if (grad)
        assert_int_equal(cn_tensor_size(grad), cn_tensor_size(x));
    for (int64_t i = 0; i < cn_tensor_size(x); i++) {
        double numeric = difference(s, f, &data[i]);
        double analytic = grad ? cn_tensor_item(grad, i) : 0;
        double size = fmax(0.1, fmax(fabs(analytic), fabs(numeric)));
        if (!(fabs(analytic - numeric) <= tolerance * size))
            fail_msg("%s: %s by tensor %d, element %lld: %.12g, but differences give %.12g",
                     s->c->op, what, which, (long long)i, analytic, numeric);
        largest = fmax(largest, fabs(numeric));
    }
    return largest;
}

static void check_first(const state *s)
{
    cn_scope scope = cn_scope_begin();
    cn_tensor *grads[CN_TEST_INPUTS];
    double largest = 0;
    gradients(s, grads);
    for (int i = 0; i < s->c->n_in; i++) {
        if (!differentiated(s->c, i)) {
            if (grads[i])
                fail_msg("%s: tensor %d has a gradient, but should have none", s->c->op, i);
            continue;
        }
        if (!grads[i])
            fail_msg("%s: tensor %d has no gradient", s->c->op, i);
        assert_int_equal(cn_tensor_dtype(grads[i]), CN_FLOAT64);
        largest = fmax(largest, compare(s, value_of, s->in[i], grads[i], "gradient", i));
    }
    if (!s->c->flat && !(largest > 0))
        fail_msg("%s: all gradients are zero: the inputs do not test it", s->c->op);
    cn_scope_end(scope);
}

static void check_second(const state *s)
{
    cn_scope scope = cn_scope_begin();
    cn_tape *tape = cn_tape_begin(.persistent = true);
    for (int i = 0; i < s->c->n_in; i++)
        cn_tape_watch(tape, s->in[i]);
    for (int k = 0; k < s->n_out; k++)
        cn_tape_watch(tape, s->up[k]);
    cn_tensor *sum = mixed_gradients(s);
    cn_tape_end(tape);
    for (int i = 0; i < s->c->n_in; i++)
        if (differentiated(s->c, i)) {
            cn_tensor *grad = cn_tape_gradient(tape, sum, s->in[i]);
            compare(s, mixed_value, s->in[i], grad, "second derivative", i);
        }
    for (int k = 0; k < s->n_out; k++) {
        cn_tensor *grad = cn_tape_gradient(tape, sum, s->up[k]);
        compare(s, mixed_value, s->up[k], grad, "derivative by upstream gradient", k);
    }
    if (cn_error())
        fail_msg("%s, second derivatives: %s", s->c->op, cn_error());
    cn_scope_end(scope);
}

/* Whether the op is among the nodes that t was computed by. */
static bool made_by(const cn_tensor *t, const char *op)
{
    if (!t->node)
        return false;
    if (strcmp(t->node->op->name, op) == 0)
        return true;
    for (int i = 0; i < t->node->n_in; i++)
        if (made_by(t->node->in[i], op))
            return true;
    return false;
}

/* Applies the op once on a tape: it must be the op that the case names. Makes the upstream
 * gradients. */
static void prepare(state *s, unsigned *seed)
{
    const test_input noise = {.low = -1, .high = 1};
    cn_tensor *out[CN_TEST_OUTPUTS];
    cn_tape *tape = cn_tape_begin();
    for (int i = 0; i < s->c->n_in; i++) {
        s->in[i] = make_input(&s->c->in[i], seed);
        cn_tape_watch(tape, s->in[i]);
        test_input like = noise;
        like.shape = s->in[i]->shape;
        s->mix[i] = make_input(&like, seed);
    }
    s->n_out = s->c->call(s->in, out);
    if (cn_error())
        fail_msg("%s: %s", s->c->op, cn_error());
    bool found = false;
    for (int k = 0; k < s->n_out; k++) {
        test_input like = noise;
        like.shape = out[k]->shape;
        if (like.shape.rank == 0)
            like.shape.dim[0] = 1;
        s->up[k] = make_input(&like, seed);
        found = found || made_by(out[k], s->c->op);
    }
    if (!found)
        fail_msg("%s: the call does not apply this op", s->c->op);
    cn_free(tape);
}

/* Gradients have the dtype of what they belong to. */
static void check_dtypes(const state *s)
{
    static const cn_dtype dtypes[] = {CN_FLOAT32, CN_FLOAT16, CN_BFLOAT16};
    for (int d = 0; d < (s->c->wide ? 1 : 3); d++) {
        cn_scope scope = cn_scope_begin();
        state narrow = *s;
        cn_tensor *grads[CN_TEST_INPUTS];
        for (int i = 0; i < s->c->n_in; i++)
            if (s->c->in[i].fill != TEST_INTEGER)
                narrow.in[i] = cn_cast(s->in[i], dtypes[d]);
        for (int k = 0; k < s->n_out; k++)
            narrow.up[k] = cn_cast(s->up[k], dtypes[d]);
        gradients(&narrow, grads);
        for (int i = 0; i < s->c->n_in; i++)
            if (differentiated(s->c, i) && grads[i] && cn_tensor_dtype(grads[i]) != dtypes[d])
                fail_msg("%s: the gradient of a %s tensor is %s", s->c->op,
                         cn_dtype_name(dtypes[d]), cn_dtype_name(cn_tensor_dtype(grads[i])));
        cn_scope_end(scope);
    }
}

void check_gradients(const gradient_case *c, unsigned index)
{
    unsigned seed = 12345 + 977 * index;
    cn_scope scope = cn_scope_begin();
    state s = {.c = c};
    prepare(&s, &seed);
    check_first(&s);
    if (!c->no_second)
        check_second(&s);
    check_dtypes(&s);
    cn_scope_end(scope);
}
