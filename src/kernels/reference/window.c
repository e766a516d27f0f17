/* The geometry of windows that slide over spatial axes. */
#include "kernels/reference/window.h"

static int64_t at_least_one(int64_t value)
{
    return value > 0 ? value : 1;
}

/* floor(a / b) for b > 0. */
static int64_t floor_divide(int64_t a, int64_t b)
{
    return a >= 0 ? a / b : -((-a + b - 1) / b);
}

/* 'same': ceil(in / stride) outputs; what is missing is padded, the odd cell at the end. */
static void make_axis(cn__window *w, int a, int64_t before, int64_t after, bool same)
{
    int64_t extent = (w->size[a] - 1) * w->dilation[a] + 1, in = w->in[a], stride = w->stride[a];
    w->pad[a] = before;
    w->out[a] = -1;
    if (in < 0) {
        return;
    }
    if (!same) {
        w->out[a] = floor_divide(in + before + after - extent, stride) + 1;
        return;
    }
    w->out[a] = (in + stride - 1) / stride;
    int64_t total = (w->out[a] - 1) * stride + extent - in;
    w->pad[a] = total > 0 ? total / 2 : 0;
}

void cn__window_make(cn__window *w, const cn__attrs *attrs, int n, const int64_t *in,
                     const int64_t *size)
{
    const int64_t *i = attrs->i;
    for (int a = 0; a < 3; a++) {
        int from = a - (3 - n);
        if (from < 0) {
            w->in[a] = w->out[a] = w->size[a] = w->stride[a] = w->dilation[a] = 1;
            w->pad[a] = 0;
            continue;
        }
        w->in[a] = in[from];
        w->size[a] = size[from];
        w->stride[a] = at_least_one(i[CN__WINDOW_STRIDE + from]);
        w->dilation[a] = at_least_one(i[CN__WINDOW_DILATION + from]);
        make_axis(w, a, i[CN__WINDOW_BEFORE + from], i[CN__WINDOW_AFTER + from],
                  i[CN__WINDOW_SAME] != 0);
    }
}

void cn__window_of(cn__window *w, const cn__attrs *attrs, const cn_shape *x, const cn_shape *kernel)
{
    cn__window_make(w, attrs, x->rank - 2, x->dim + 1,
                    kernel ? kernel->dim : attrs->i + CN__WINDOW_SIZE);
}

int64_t cn__window_cells(const int64_t length[3])
{
    return length[0] * length[1] * length[2];
}

void cn__window_transposed(const cn__attrs *attrs, int n, const int64_t *in, const int64_t *size,
                           int64_t *out)
{
    for (int a = 0; a < n; a++) {
        int64_t stride = at_least_one(attrs->i[CN__WINDOW_STRIDE + a]);
        int64_t extent = (size[a] - 1) * at_least_one(attrs->i[CN__WINDOW_DILATION + a]) + 1;
        int64_t padding = attrs->i[CN__WINDOW_OUTPUT_PADDING + a], spread = (in[a] - 1) * stride;
        if (in[a] < 0) {
            out[a] = -1;
        } else if (attrs->i[CN__WINDOW_SAME]) {
            out[a] = padding < 0 ? in[a] * stride : spread + extent % 2 + padding;
        } else if (padding < 0) {
            out[a] = spread + (extent > stride ? extent : stride);
        } else {
            out[a] = spread + extent + padding;
        }
    }
}
