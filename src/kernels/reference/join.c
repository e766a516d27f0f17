/* Reference kernels of concatenate, stack, pad, roll and the gradients of slice and pad. */
#include "kernels/reference/walk.h"

#include <string.h>

/* Units are the outer positions: all elements before the joined axis. */
static int64_t join_units(const cn__call *call)
{
    int64_t outer = 1;
    for (int a = 0; a < call->attrs->i[0]; a++) {
        outer *= call->out[0].shape.dim[a];
    }
    return outer;
}

/* Each outer position is a run of every input in turn; for stack, whose new axis has length 1 in
 * each, just as well. */
static int join_run(const cn__call *call, int64_t begin, int64_t end)
{
    int64_t outer = join_units(call), at = 0;
    int64_t bytes = (int64_t)cn_dtype_size(call->out[0].dtype);
    int64_t whole = outer ? cn__elements(&call->out[0].shape) / outer * bytes : 0;
    for (int i = 0; i < call->n_in; i++) {
        int64_t run = outer ? cn__elements(&call->in[i].shape) / outer * bytes : 0;
        const char *in = call->in[i].data;
        char *out = (char *)call->out[0].data + at;
        for (int64_t o = begin; o < end && run; o++) {
            memcpy(out + o * whole, in + o * run, (size_t)run);
        }
        at += run;
    }
    return 0;
}

const cn__kernel cn__reference_concatenate = {
    .name = "concatenate (reference)", .units = join_units, .run = join_run};
const cn__kernel cn__reference_stack = {
    .name = "stack (reference)", .units = join_units, .run = join_run};

static int64_t line_units(const cn__call *call)
{
    return cn__lines(&call->out[0].shape);
}

static int pad_run(const cn__call *call, int64_t begin, int64_t end)
{
    char element[8];
    cn__element_of(call->out[0].dtype, call->attrs->f[0], element);
    cn__embedding how = {.in = &call->in[0].shape,
                         .out = &call->out[0].shape,
                         .bytes = cn_dtype_size(call->out[0].dtype),
                         .element = element};
    for (int a = 0; a < call->out[0].shape.rank; a++) {
        how.start[a] = call->attrs->i[a];
        how.step[a] = 1;
    }
    cn__embed(&how, call->in[0].data, call->out[0].data, begin, end);
    return 0;
}

const cn__kernel cn__reference_pad = {
    .name = "pad (reference)", .units = line_units, .run = pad_run};

static int pad_gradient_run(const cn__call *call, int64_t begin, int64_t end)
{
    const cn_shape *in = &call->in[0].shape, *out = &call->out[0].shape;
    int64_t stride[CN_MAX_RANK], first, last;
    cn__strides(in, stride);
    cn__walk walk = {0};
    for (int a = 0; a < in->rank; a++) {
        walk.offset += call->attrs->i[a] * stride[a];
        cn__walk_axis(&walk, out->dim[a], stride[a]);
    }
    cn__element_range(call, begin, end, &first, &last);
    cn__walk_copy(&walk, cn_dtype_size(call->out[0].dtype), call->in[0].data, call->out[0].data,
                  first, last);
    return 0;
}

const cn__kernel cn__reference_pad_gradient = {
    .name = "pad_gradient (reference)", .units = cn__element_units, .run = pad_gradient_run};

static int slice_gradient_run(const cn__call *call, int64_t begin, int64_t end)
{
    static const char zeros[8];
    const int64_t *i = call->attrs->i;
    cn__embedding how = {.in = &call->in[0].shape,
                         .out = &call->out[0].shape,
                         .bytes = cn_dtype_size(call->out[0].dtype),
                         .element = zeros};
    for (int a = 0; a < call->out[0].shape.rank; a++) {
        how.step[a] = i[16 + a] ? i[16 + a] : 1;
        if (i[16 + a]) {
            cn__slice_count(call->out[0].shape.dim[a], i[a], i[8 + a], i[16 + a], &how.start[a]);
        }
    }
    cn__embed(&how, call->in[0].data, call->out[0].data, begin, end);
    return 0;
}

const cn__kernel cn__reference_slice_gradient = {
    .name = "slice_gradient (reference)", .units = line_units, .run = slice_gradient_run};

/* attrs.i[0] = axis, attrs.i[1] = shift: units are the elements before the axis, each copied in two
 * pieces. */
static int64_t roll_units(const cn__call *call)
{
    int64_t outer, length, inner;
    cn__around(&call->in[0].shape, (int)call->attrs->i[0], &outer, &length, &inner);
    return length && inner ? outer : 0;
}

static int roll_run(const cn__call *call, int64_t begin, int64_t end)
{
    int64_t outer, length, inner;
    cn__around(&call->in[0].shape, (int)call->attrs->i[0], &outer, &length, &inner);
    if (begin >= end) {
        return 0;
    }
    int64_t shift = (call->attrs->i[1] % length + length) % length;
    size_t piece = (size_t)inner * cn_dtype_size(call->out[0].dtype);
    size_t head = piece * (size_t)shift, tail = piece * (size_t)(length - shift);
    for (int64_t o = begin; o < end; o++) {
        const char *in = (const char *)call->in[0].data + (size_t)o * (head + tail);
        char *out = (char *)call->out[0].data + (size_t)o * (head + tail);
        memcpy(out + head, in, tail);
        memcpy(out, in + tail, head);
    }
    return 0;
}

const cn__kernel cn__reference_roll = {
    .name = "roll (reference)", .units = roll_units, .run = roll_run};
