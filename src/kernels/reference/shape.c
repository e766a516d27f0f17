/* Reference kernels of reshape, transpose, broadcasts and slices: one walk over the output each. */
#include "kernels/reference/walk.h"

#include <string.h>

static int copy_run(const cn__call *call, int64_t begin, int64_t end)
{
    int64_t first, last, bytes = (int64_t)cn_dtype_size(call->out[0].dtype);
    cn__element_range(call, begin, end, &first, &last);
    char *out = call->out[0].data;
    const char *in = call->in[0].data;
    if (out != in) {
        memcpy(out + first * bytes, in + first * bytes, (size_t)((last - first) * bytes));
    }
    return 0;
}

/* The elements as they are: for plans in which an output cannot share its input's memory. */
#define COPY(op)                                                                                   \
    const cn__kernel cn__reference_##op = {                                                        \
        .name = #op " (reference)", .units = cn__element_units, .run = copy_run}
COPY(reshape);
COPY(reshape_like);
COPY(identity);
COPY(stop_gradient);

/* Runs a walk over units [begin, end) of the first output. */
static int walk_run(const cn__call *call, const cn__walk *walk, int64_t begin, int64_t end)
{
    int64_t first, last;
    cn__element_range(call, begin, end, &first, &last);
    cn__walk_copy(walk, cn_dtype_size(call->out[0].dtype), call->in[0].data, call->out[0].data,
                  first, last);
    return 0;
}

/* out[c0, c1 …] = in with axis axes[a] at position a. */
static int transpose_run(const cn__call *call, int64_t begin, int64_t end)
{
    int64_t stride[CN_MAX_RANK];
    cn__strides(&call->in[0].shape, stride);
    cn__walk walk = {0};
    for (int a = 0; a < call->out[0].shape.rank; a++) {
        cn__walk_axis(&walk, call->out[0].shape.dim[a], stride[call->attrs->i[1 + a]]);
    }
    return walk_run(call, &walk, begin, end);
}

const cn__kernel cn__reference_transpose = {
    .name = "transpose (reference)", .units = cn__element_units, .run = transpose_run};

/* The input seen with `shape`, stretched to the output by numpy's broadcasting. */
static int broadcast_run(const cn__call *call, const cn_shape *shape, int64_t begin, int64_t end)
{
    const cn_shape *out = &call->out[0].shape;
    int64_t stride[CN_MAX_RANK];
    cn__broadcast_strides(shape, out, stride);
    cn__walk walk = {0};
    for (int a = 0; a < out->rank; a++) {
        cn__walk_axis(&walk, out->dim[a], stride[a]);
    }
    return walk_run(call, &walk, begin, end);
}

static int broadcast_to_run(const cn__call *call, int64_t begin, int64_t end)
{
    return broadcast_run(call, &call->in[0].shape, begin, end);
}

const cn__kernel cn__reference_broadcast_to = {
    .name = "broadcast_to (reference)", .units = cn__element_units, .run = broadcast_to_run};

/* attrs as of the reduction that made the input: its dropped axes come back as lengths of 1. */
static int broadcast_like_run(const cn__call *call, int64_t begin, int64_t end)
{
    const cn_shape *in = &call->in[0].shape, *out = &call->out[0].shape;
    int64_t n = call->attrs->i[1];
    if (call->attrs->i[0] || n <= 0) {
        return broadcast_run(call, in, begin, end);
    }
    bool reduced[CN_MAX_RANK] = {false};
    for (int64_t k = 0; k < n; k++) {
        int64_t axis = call->attrs->i[2 + k];
        reduced[axis < 0 ? axis + out->rank : axis] = true;
    }
    cn_shape full = {.rank = out->rank};
    for (int a = 0, from = 0; a < out->rank; a++) {
        full.dim[a] = reduced[a] || from >= in->rank ? 1 : in->dim[from++];
    }
    return broadcast_run(call, &full, begin, end);
}

const cn__kernel cn__reference_broadcast_like = {
    .name = "broadcast_like (reference)", .units = cn__element_units, .run = broadcast_like_run};

/* attrs.i[a], [8 + a], [16 + a]: start, stop and step of axis a; a step of 0 leaves the axis whole.
 */
static int slice_run(const cn__call *call, int64_t begin, int64_t end)
{
    const cn_shape *in = &call->in[0].shape, *out = &call->out[0].shape;
    const int64_t *i = call->attrs->i;
    int64_t stride[CN_MAX_RANK];
    cn__strides(in, stride);
    cn__walk walk = {0};
    for (int a = 0; a < in->rank; a++) {
        int64_t first = 0, step = i[16 + a];
        if (step) {
            cn__slice_count(in->dim[a], i[a], i[8 + a], step, &first);
        }
        walk.offset += first * stride[a];
        cn__walk_axis(&walk, out->dim[a], stride[a] * (step ? step : 1));
    }
    return walk_run(call, &walk, begin, end);
}

const cn__kernel cn__reference_slice = {
    .name = "slice (reference)", .units = cn__element_units, .run = slice_run};

/* attrs.i[0] = axis: the walk runs it backwards. */
static int flip_run(const cn__call *call, int64_t begin, int64_t end)
{
    const cn_shape *shape = &call->in[0].shape;
    int64_t stride[CN_MAX_RANK];
    cn__strides(shape, stride);
    cn__walk walk = {0};
    for (int a = 0; a < shape->rank; a++) {
        bool flipped = a == call->attrs->i[0];
        walk.offset += flipped ? (shape->dim[a] - 1) * stride[a] : 0;
        cn__walk_axis(&walk, shape->dim[a], flipped ? -stride[a] : stride[a]);
    }
    return walk_run(call, &walk, begin, end);
}

const cn__kernel cn__reference_flip = {
    .name = "flip (reference)", .units = cn__element_units, .run = flip_run};

/* attrs.i[0] = rank, attrs.i[1 …] = repeats, aligned at the last axes: (m, a) copies axis a of n
 * elements m times. */
static int tile_run(const cn__call *call, int64_t begin, int64_t end)
{
    const cn_shape *in = &call->in[0].shape, *out = &call->out[0].shape;
    int repeats = (int)call->attrs->i[0], missing = out->rank - in->rank;
    int64_t stride[CN_MAX_RANK];
    cn__strides(in, stride);
    cn__walk walk = {0};
    for (int a = 0; a < out->rank; a++) {
        int k = a - (out->rank - repeats);
        cn__walk_axis(&walk, k < 0 ? 1 : call->attrs->i[1 + k], 0);
        if (a >= missing) {
            cn__walk_axis(&walk, in->dim[a - missing], stride[a - missing]);
        }
    }
    return walk_run(call, &walk, begin, end);
}

const cn__kernel cn__reference_tile = {
    .name = "tile (reference)", .units = cn__element_units, .run = tile_run};

/* attrs.i[0] = axis, attrs.i[1] = repeats: each element of the axis stands `repeats` times in a
 * row. */
static int repeat_run(const cn__call *call, int64_t begin, int64_t end)
{
    const cn_shape *in = &call->in[0].shape;
    int64_t stride[CN_MAX_RANK];
    cn__strides(in, stride);
    cn__walk walk = {0};
    for (int a = 0; a < in->rank; a++) {
        cn__walk_axis(&walk, in->dim[a], stride[a]);
        if (a == call->attrs->i[0]) {
            cn__walk_axis(&walk, call->attrs->i[1], 0);
        }
    }
    return walk_run(call, &walk, begin, end);
}

const cn__kernel cn__reference_repeat = {
    .name = "repeat (reference)", .units = cn__element_units, .run = repeat_run};
