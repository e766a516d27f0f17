/* Reference kernels of sum_like and count_like. */
#include "kernels/reference/walk.h"

#include <string.h>

enum {
    BLOCK = 64
}; /* neighbours of the output summed together, so that rows of the input are read in order */

/* The axes of the input: those that the output keeps (to find where a sum begins) and those that
 * are summed. */
typedef struct plan {
    cn__walk kept, summed;
    int64_t n_summed;
    int64_t step; /* of the input, from one output element to the next, inside a line */
    int64_t line;
} plan;

static plan make_plan(const cn__call *call)
{
    const cn_shape *in = &call->in[0].shape, *out = &call->out[0].shape;
    int64_t stride[CN_MAX_RANK];
    int missing = in->rank - out->rank;
    cn__strides(in, stride);
    plan p = {.n_summed = 1, .step = 1, .line = 1};
    for (int a = 0; a < in->rank; a++) {
        if (a >= missing && out->dim[a - missing] == in->dim[a]) {
            cn__walk_axis(&p.kept, in->dim[a], stride[a]);
        } else {
            cn__walk_axis(&p.summed, in->dim[a], stride[a]);
            p.n_summed *= in->dim[a];
        }
    }
    if (p.kept.rank) {
        p.step = p.kept.stride[p.kept.rank - 1];
        p.line = p.kept.dim[p.kept.rank - 1];
    }
    return p;
}

static int64_t offset_of(const cn__walk *walk, int64_t element)
{
    int64_t at = 0;
    for (int a = walk->rank - 1; a >= 0; a--) {
        at += element % walk->dim[a] * walk->stride[a];
        element /= walk->dim[a];
    }
    return at;
}

/* Units are blocks of the output inside one line. */
static int64_t blocks_of_line(int64_t line)
{
    return (line + BLOCK - 1) / BLOCK;
}

static int64_t sum_like_units(const cn__call *call)
{
    int64_t size = cn__elements(&call->out[0].shape);
    plan p = make_plan(call);
    return size ? size / p.line * blocks_of_line(p.line) : 0;
}

/* Integers wrap as in C; floats are summed in double, in the order of the input. */
static void sum_block(const cn__call *call, const plan *p, int64_t first, int64_t n, int64_t from)
{
    cn_dtype dtype = call->in[0].dtype;
    double sums[BLOCK] = {0}, values[BLOCK];
    uint64_t whole[BLOCK] = {0};
    bool floats = cn__dtype_is_float(dtype);
    for (int64_t r = 0; r < p->n_summed; r++) {
        int64_t at = from + offset_of(&p->summed, r);
        if (floats && p->step == 1) {
            cn__load_doubles(dtype, call->in[0].data, at, n, values);
        }
        for (int64_t i = 0; i < n; i++) {
            if (!floats) {
                whole[i] += (uint64_t)cn__load_integer(dtype, call->in[0].data, at + i * p->step);
            } else if (p->step == 1) {
                sums[i] += values[i];
            } else {
                sums[i] += cn__read(dtype, call->in[0].data, at + i * p->step);
            }
        }
    }
    if (floats) {
        cn__store_doubles(dtype, call->out[0].data, first, n, sums);
    }
    for (int64_t i = 0; i < n && !floats; i++) {
        cn__store_integer(dtype, call->out[0].data, first + i, (int64_t)whole[i]);
    }
}

static int sum_like_run(const cn__call *call, int64_t begin, int64_t end)
{
    plan p = make_plan(call);
    int64_t blocks = blocks_of_line(p.line);
    for (int64_t unit = begin; unit < end; unit++) {
        int64_t inside = unit % blocks * BLOCK;
        int64_t first = unit / blocks * p.line + inside;
        int64_t n = p.line - inside < BLOCK ? p.line - inside : BLOCK;
        sum_block(call, &p, first, n, offset_of(&p.kept, first));
    }
    return 0;
}

const cn__kernel cn__reference_sum_like = {
    .name = "sum_like (reference)", .units = sum_like_units, .run = sum_like_run};

static int count_like_run(const cn__call *call, int64_t begin, int64_t end)
{
    const cn_shape *shape = &call->in[0].shape;
    int64_t n = call->attrs->i[1], count = n < 0 ? cn__elements(shape) : 1;
    for (int64_t k = 0; k < n; k++) {
        int64_t axis = call->attrs->i[2 + k];
        count *= shape->dim[axis < 0 ? axis + shape->rank : axis];
    }
    if (begin < end) {
        cn__write(call->out[0].dtype, call->out[0].data, 0, (double)count);
    }
    return 0;
}

const cn__kernel cn__reference_count_like = {.name = "count_like (reference)",
                                             .run = count_like_run};
