/* Random ops: a draw depends on a key, a counter and the place in the batch only. */
#include <cornu/random.h>

#include "core/random.h"
#include "graph/trace.h"
#include "ops/support.h"

const cn_random_uniform_args cn_random_uniform_defaults = {.size = sizeof(cn_random_uniform_args),
                                                           CN_RANDOM_UNIFORM_DEFAULTS};
const cn_random_normal_args cn_random_normal_defaults = {.size = sizeof(cn_random_normal_args),
                                                         CN_RANDOM_NORMAL_DEFAULTS};
const cn_random_randint_args cn_random_randint_defaults = {.size = sizeof(cn_random_randint_args),
                                                           CN_RANDOM_RANDINT_DEFAULTS};
const cn_random_bernoulli_args cn_random_bernoulli_defaults = {
    .size = sizeof(cn_random_bernoulli_args), CN_RANDOM_BERNOULLI_DEFAULTS};
const cn_random_shuffle_args cn_random_shuffle_defaults = {.size = sizeof(cn_random_shuffle_args),
                                                           CN_RANDOM_SHUFFLE_DEFAULTS};
const cn_random_dropout_args cn_random_dropout_defaults = {.size = sizeof(cn_random_dropout_args),
                                                           CN_RANDOM_DROPOUT_DEFAULTS};

/* Draws take (counter) or (counter, ref). attrs.i[0] = key, i[1] = rank or -1 for ref's shape, i[2
 * …] = lengths (-1: ref's length of that axis), i[10] = dtype, f = what the distribution wants. */
static int check_counter(const cn__node *node, int i)
{
    if (node->in[i]->dtype != CN_INT64 || cn__in_shape(node, i)->rank != 0) {
        return cn__fail(CN_ETYPE, "%s: the counter must be an int64 scalar", node->op->name);
    }
    return 0;
}

static int infer_draw(cn__node *node)
{
    int rank = (int)node->attrs.i[1];
    const cn_shape *ref = node->n_in > 1 ? cn__in_shape(node, 1) : NULL;
    cn_shape out = cn_shape_make(rank, node->attrs.i + 2);
    if (rank < 0 && ref) {
        out = *ref;
    }
    for (int a = 0; a < out.rank; a++) {
        if (rank >= 0 && out.dim[a] == -1 && ref && a < ref->rank) {
            out.dim[a] = ref->dim[a];
        } else if (out.dim[a] < 0 && !ref) {
            return cn__fail(CN_EVALUE, "%s: the lengths must be known", node->op->name);
        }
    }
    int code = check_counter(node, 0);
    return code < 0 ? code : cn__infer_one(node, (cn_dtype)node->attrs.i[10], &out);
}

/* Rows of the draw are rows of the batch where the first length is ref's; else it is one draw for
 * all. */
static cn__batch batch_draw(const cn__node *node, const bool *batched)
{
    bool rows = node->n_in > 1 && batched[1] &&
                (node->attrs.i[1] < 0 || (node->attrs.i[1] > 0 && node->attrs.i[2] == -1));
    return rows ? CN__BATCH_ROW : CN__BATCH_NONE;
}

#define DRAW(op)                                                                                   \
    const cn__op cn__op_##op = {.name = #op,                                                       \
                                .min_in = 1,                                                       \
                                .max_in = 2,                                                       \
                                .n_out = 1,                                                        \
                                .flags = CN__OP_RANDOM | CN__OP_NO_GRADIENT,                       \
                                .shape_only = 2,                                                   \
                                .infer = infer_draw,                                               \
                                .batch = batch_draw,                                               \
                                .reference = &cn__reference_##op};
DRAW(random_uniform)          /* f[0], f[1] = minval, maxval */
DRAW(random_normal)           /* f[0], f[1] = mean, stddev */
DRAW(random_truncated_normal) /* the same */
DRAW(random_bernoulli_like)   /* f[0] = probability of a 1 */
DRAW(random_integers)         /* i[11], i[12] = minval, maxval */

/* random_shuffle(x, counter): attrs.i[0] = key, i[1] = axis. Outputs: x in the new order, and the
 * order itself. */
static int infer_shuffle(cn__node *node)
{
    const cn_shape *in = cn__in_shape(node, 0);
    node->n_out = 2;
    node->dtype[0] = node->in[0]->dtype;
    node->shape[0] = *in;
    node->dtype[1] = CN_INT64;
    node->shape[1] = cn_shape_of(in->dim[node->attrs.i[1]]);
    return check_counter(node, 1);
}

static int gradient_shuffle(const cn__node *node, cn_tensor *const *out,
                            cn_tensor *const *grads_out, cn_tensor **grads_in)
{
    if (!grads_out[0]) {
        return 0;
    }
    cn__attrs attrs = {.i = {node->attrs.i[1]}};
    return cn__one_gradient(
        grads_in, cn__apply3(&cn__op_scatter_add_like, &attrs, out[1], grads_out[0], node->in[0]));
}

const cn__op cn__op_random_shuffle = {.name = "random_shuffle",
                                      .min_in = 2,
                                      .max_in = 2,
                                      .n_out = 2,
                                      .flags = CN__OP_RANDOM,
                                      .infer = infer_shuffle,
                                      .gradient = gradient_shuffle,
                                      .reference = &cn__reference_random_shuffle};

/* dropout(x, counter): attrs.i[0] = key, i[1] = rank of the noise (0: x's shape), i[2 …] = its
 * lengths, 1 or -1 (x's); attrs.f[0] = rate. y = x / (1 - rate) where the noise keeps it, else 0.
 */
static int infer_dropout(cn__node *node)
{
    const cn_shape *in = cn__in_shape(node, 0);
    int rank = (int)node->attrs.i[1];
    bool fits = rank == 0 || rank == in->rank;
    for (int a = 0; fits && a < rank; a++) {
        int64_t n = node->attrs.i[2 + a];
        fits = n == -1 || n == 1 || n == in->dim[a] || in->dim[a] == -1;
    }
    if (!fits) {
        char a[CN__SHAPE_TEXT], b[CN__SHAPE_TEXT];
        cn_shape noise = cn_shape_make(rank, node->attrs.i + 2);
        return cn__fail(CN_EVALUE,
                        "dropout: noise_shape=%s does not broadcast to inputs of shape "
                        "%s",
                        cn__shape_text(&noise, a, sizeof a), cn__shape_text(in, b, sizeof b));
    }
    int code = check_counter(node, 1);
    return code < 0 ? code : cn__infer_same(node);
}

/* The same draw again: the op is linear in x. */
static int gradient_dropout(const cn__node *node, cn_tensor *const *out,
                            cn_tensor *const *grads_out, cn_tensor **grads_in)
{
    (void)out;
    return cn__one_gradient(grads_in,
                            cn__apply2(&cn__op_dropout, &node->attrs, grads_out[0], node->in[1]));
}

const cn__op cn__op_dropout = {.name = "dropout",
                               .min_in = 2,
                               .max_in = 2,
                               .n_out = 1,
                               .flags = CN__OP_RANDOM,
                               .infer = infer_dropout,
                               .gradient = gradient_dropout,
                               .batch = cn__batch_row,
                               .reference = &cn__reference_dropout};

static int64_t key_of(int64_t seed)
{
    return (int64_t)(seed == CN_NONE ? cn__seed_next() : cn__seed_mix((uint64_t)seed, 0));
}

static cn_tensor *counter_or_zero(cn_tensor *counter)
{
    if (!counter) {
        /* A traced function draws anew each time that it runs. */
        const cn__trace *trace = cn__trace_current();
        return trace && trace->random_counter ? trace->random_counter : cn_scalar(0, CN_INT64);
    }
    return cn__check_tensor(counter, "counter") && counter->dtype != CN_INT64
               ? cn_cast(counter, CN_INT64)
               : counter;
}

/* What the public draws have in common. */
static cn_tensor *draw(const cn__op *op, cn__attrs *attrs, const cn_ints *shape, cn_tensor *like,
                       cn_dtype dtype, bool integers, int64_t seed, cn_tensor *counter)
{
    if (integers ? !cn__dtype_is_integer(dtype) : !cn_dtype_size(dtype)) {
        cn__fail(CN_EVALUE, "%s: expected %s dtype, got %s", op->name,
                 integers ? "an integer" : "a", cn_dtype_name(dtype));
        return NULL;
    }
    attrs->i[0] = key_of(seed);
    attrs->i[10] = dtype;
    cn__attrs_shape(attrs, 1, cn__ints_count(shape), shape->v);
    if (like) {
        attrs->i[1] = -1;
    }
    cn_tensor *in[2] = {counter_or_zero(counter), like};
    return cn__apply(op, attrs, like ? 2 : 1, in, NULL);
}

static bool expect_float(cn_dtype dtype, const char *who)
{
    if (!cn__dtype_is_float(dtype)) {
        cn__fail(CN_EVALUE,
                 "`keras.random.%s` requires a floating point `dtype`. Received: "
                 "dtype=%s",
                 who, cn_dtype_name(dtype));
        return false;
    }
    return true;
}

cn_tensor *cn_random_uniform_with(const cn_random_uniform_args *given)
{
    cn_random_uniform_args a;
    if (!cn__take_args(&a, &cn_random_uniform_defaults, given, "random_uniform") ||
        !expect_float(a.dtype, "uniform")) {
        return NULL;
    }
    cn__attrs attrs = {.f = {a.minval, a.maxval}};
    return draw(&cn__op_random_uniform, &attrs, &a.shape, a.like, a.dtype, false, a.seed,
                a.counter);
}

static cn_tensor *normal(const cn__op *op, const cn_random_normal_args *given, const char *who)
{
    cn_random_normal_args a;
    if (!cn__take_args(&a, &cn_random_normal_defaults, given, who) || !expect_float(a.dtype, who)) {
        return NULL;
    }
    cn__attrs attrs = {.f = {a.mean, a.stddev}};
    return draw(op, &attrs, &a.shape, a.like, a.dtype, false, a.seed, a.counter);
}

cn_tensor *cn_random_normal_with(const cn_random_normal_args *args)
{
    return normal(&cn__op_random_normal, args, "normal");
}

cn_tensor *cn_random_truncated_normal_with(const cn_random_normal_args *args)
{
    return normal(&cn__op_random_truncated_normal, args, "truncated_normal");
}

cn_tensor *cn_random_randint_with(const cn_random_randint_args *given)
{
    cn_random_randint_args a;
    if (!cn__take_args(&a, &cn_random_randint_defaults, given, "random_randint")) {
        return NULL;
    }
    if (a.minval >= a.maxval) {
        cn__fail(CN_EVALUE, "Need minval < maxval, got %" PRId64 " >= %" PRId64, a.minval,
                 a.maxval);
        return NULL;
    }
    cn__attrs attrs = {0};
    attrs.i[11] = a.minval;
    attrs.i[12] = a.maxval;
    return draw(&cn__op_random_integers, &attrs, &a.shape, a.like, a.dtype, true, a.seed,
                a.counter);
}

cn_tensor *cn_random_bernoulli_with(const cn_random_bernoulli_args *given)
{
    cn_random_bernoulli_args a;
    if (!cn__take_args(&a, &cn_random_bernoulli_defaults, given, "random_bernoulli")) {
        return NULL;
    }
    if (!(a.p >= 0 && a.p <= 1)) {
        cn__fail(CN_EVALUE, "random_bernoulli: expected a probability, got %g", a.p);
        return NULL;
    }
    cn__attrs attrs = {.f = {a.p}};
    return draw(&cn__op_random_bernoulli_like, &attrs, &a.shape, a.like, a.dtype, false, a.seed,
                a.counter);
}

cn_tensor *cn_random_shuffle_with(cn_tensor *x, const cn_random_shuffle_args *given)
{
    cn_random_shuffle_args a;
    if (!cn__take_args(&a, &cn_random_shuffle_defaults, given, "random_shuffle") ||
        !cn__check_tensor(x, "random_shuffle")) {
        return NULL;
    }
    int axis = cn__axis(a.axis, x->shape.rank, "random_shuffle");
    if (axis < 0) {
        return NULL;
    }
    cn__attrs attrs = {.i = {key_of(a.seed), axis}};
    return cn__apply2(&cn__op_random_shuffle, &attrs, x, counter_or_zero(a.counter));
}

cn_tensor *cn_random_dropout_with(cn_tensor *x, double rate, const cn_random_dropout_args *given)
{
    cn_random_dropout_args a;
    if (!cn__take_args(&a, &cn_random_dropout_defaults, given, "random_dropout") ||
        !cn__check_tensor(x, "random_dropout") || !expect_float(x->dtype, "dropout")) {
        return NULL;
    }
    if (!(rate >= 0 && rate <= 1)) {
        cn__fail(CN_EVALUE,
                 "Invalid value received for argument `rate`. Expected a float value "
                 "between 0 and 1. Received: rate=%g",
                 rate);
        return NULL;
    }
    cn__attrs attrs = {.i = {key_of(a.seed)}, .f = {rate}};
    int rank = cn__ints_count(&a.noise_shape);
    cn__attrs_shape(&attrs, 1, rank, a.noise_shape.v);
    for (int k = 0; k < rank; k++) {
        attrs.i[2 + k] = attrs.i[2 + k] == CN_NONE ? -1 : attrs.i[2 + k];
    }
    return cn__apply2(&cn__op_dropout, &attrs, x, counter_or_zero(a.counter));
}
