/* Reference kernels of full, eye, arange, tril, triu and diag. */
#include "kernels/reference/walk.h"

#include <string.h>

static int full_run(const cn__call *call, int64_t begin, int64_t end)
{
    char element[8];
    int64_t first, last;
    size_t bytes = cn_dtype_size(call->out[0].dtype);
    cn__element_of(call->out[0].dtype, call->attrs->f[0], element);
    cn__element_range(call, begin, end, &first, &last);
    cn__fill((char *)call->out[0].data + (size_t)first * bytes, bytes, last - first, element);
    return 0;
}

const cn__kernel cn__reference_full = {
    .name = "full (reference)", .units = cn__element_units, .run = full_run};
const cn__kernel cn__reference_full_like = {
    .name = "full_like (reference)", .units = cn__element_units, .run = full_run};

/* attrs.i[0 … 2] = rows, columns, k: ones where column - row = k. */
static int64_t eye_units(const cn__call *call)
{
    return call->attrs->i[0];
}

static int eye_run(const cn__call *call, int64_t begin, int64_t end)
{
    int64_t columns = call->attrs->i[1], k = call->attrs->i[2];
    size_t bytes = cn_dtype_size(call->out[0].dtype);
    char one[8];
    cn__element_of(call->out[0].dtype, 1, one);
    for (int64_t row = begin; row < end; row++) {
        char *out = (char *)call->out[0].data + (size_t)(row * columns) * bytes;
        memset(out, 0, (size_t)columns * bytes);
        if (row + k >= 0 && row + k < columns) {
            memcpy(out + (size_t)(row + k) * bytes, one, bytes);
        }
    }
    return 0;
}

const cn__kernel cn__reference_eye = {
    .name = "eye (reference)", .units = eye_units, .run = eye_run};

/* start + i * step, in double. */
static int arange_run(const cn__call *call, int64_t begin, int64_t end)
{
    int64_t first, last;
    cn__element_range(call, begin, end, &first, &last);
    for (int64_t i = first; i < last; i++) {
        cn__write(call->out[0].dtype, call->out[0].data, i,
                  call->attrs->f[0] + (double)i * call->attrs->f[1]);
    }
    return 0;
}

const cn__kernel cn__reference_arange = {
    .name = "arange (reference)", .units = cn__element_units, .run = arange_run};

/* Units are rows of all matrices. */
static int64_t row_units(const cn__call *call)
{
    return cn__lines(&call->out[0].shape);
}

/* Copies columns [from, to) of each row and clears the others; k moves the diagonal to the right.
 */
static int triangle_run(const cn__call *call, bool lower, int64_t begin, int64_t end)
{
    const cn_shape *shape = &call->out[0].shape;
    int64_t rows = shape->dim[shape->rank - 2], columns = shape->dim[shape->rank - 1];
    size_t bytes = cn_dtype_size(call->out[0].dtype);
    for (int64_t unit = begin; unit < end; unit++) {
        int64_t edge = unit % rows + call->attrs->i[0] + lower;
        edge = edge < 0 ? 0 : edge > columns ? columns : edge;
        int64_t from = lower ? 0 : edge, to = lower ? edge : columns;
        const char *in = (const char *)call->in[0].data + (size_t)(unit * columns) * bytes;
        char *out = (char *)call->out[0].data + (size_t)(unit * columns) * bytes;
        memset(out, 0, (size_t)from * bytes);
        memcpy(out + (size_t)from * bytes, in + (size_t)from * bytes, (size_t)(to - from) * bytes);
        memset(out + (size_t)to * bytes, 0, (size_t)(columns - to) * bytes);
    }
    return 0;
}

static int tril_run(const cn__call *call, int64_t begin, int64_t end)
{
    return triangle_run(call, true, begin, end);
}

static int triu_run(const cn__call *call, int64_t begin, int64_t end)
{
    return triangle_run(call, false, begin, end);
}

const cn__kernel cn__reference_tril = {
    .name = "tril (reference)", .units = row_units, .run = tril_run};
const cn__kernel cn__reference_triu = {
    .name = "triu (reference)", .units = row_units, .run = triu_run};

/* Element i of the k-th diagonal is (i + max(-k, 0), i + max(k, 0)) of the matrix. */
static int diag_run(const cn__call *call, int64_t begin, int64_t end)
{
    const cn__arg *in = &call->in[0], *out = &call->out[0];
    bool from_matrix = in->shape.rank == 2;
    int64_t k = call->attrs->i[0], columns = (from_matrix ? in : out)->shape.dim[1];
    int64_t n = (from_matrix ? out : in)->shape.dim[0];
    int64_t start = k < 0 ? -k * columns : k;
    size_t bytes = cn_dtype_size(out->dtype);
    if (begin >= end) {
        return 0;
    }
    if (!from_matrix) {
        memset(out->data, 0, (size_t)(columns * columns) * bytes);
    }
    for (int64_t i = 0; i < n; i++) {
        size_t vector = (size_t)i * bytes, matrix = (size_t)(start + i * (columns + 1)) * bytes;
        memcpy((char *)out->data + (from_matrix ? vector : matrix),
               (const char *)in->data + (from_matrix ? matrix : vector), bytes);
    }
    return 0;
}

const cn__kernel cn__reference_diag = {.name = "diag (reference)", .run = diag_run};
