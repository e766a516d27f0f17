/* Reference kernel of mean and variance over axes: two passes in double, whatever the float. */
#include "core/op.h"

/* The input's axes as kept and reduced ones, with their strides in elements. */
typedef struct axes {
    int kept, reduced;
    int64_t kept_dim[CN_MAX_RANK], kept_stride[CN_MAX_RANK];
    int64_t reduced_dim[CN_MAX_RANK], reduced_stride[CN_MAX_RANK];
    int64_t count; /* elements behind one output */
} axes;

static axes axes_of(const cn__call *call)
{
    const cn_shape *x = &call->in[0].shape;
    axes a = {.count = 1};
    int64_t stride = 1;
    for (int axis = x->rank - 1; axis >= 0; axis--) {
        if (cn__reduces(call->attrs, x->rank, axis)) {
            a.reduced_dim[a.reduced] = x->dim[axis];
            a.reduced_stride[a.reduced++] = stride;
            a.count *= x->dim[axis];
        } else {
            a.kept_dim[a.kept] = x->dim[axis];
            a.kept_stride[a.kept++] = stride;
        }
        stride *= x->dim[axis];
    }
    return a;
}

/* The offset of combination `index` of the axes, innermost first. */
static int64_t offset_of(int n, const int64_t *dim, const int64_t *stride, int64_t index)
{
    int64_t offset = 0;
    for (int i = 0; i < n; i++) {
        offset += index % dim[i] * stride[i];
        index /= dim[i];
    }
    return offset;
}

/* The sum of (x - centre)^power over what is behind one output. */
static double sum_of(const cn__arg *x, const axes *a, int64_t base, double centre, int power)
{
    double sum = 0;
    for (int64_t i = 0; i < a->count; i++) {
        int64_t at = base + offset_of(a->reduced, a->reduced_dim, a->reduced_stride, i);
        double d = cn__read(x->dtype, x->data, at) - centre;
        sum += power == 1 ? d : d * d;
    }
    return sum;
}

static int64_t units(const cn__call *call)
{
    return cn__shape_size(&call->out[0].shape);
}

static int run(const cn__call *call, int64_t begin, int64_t end)
{
    const cn__arg *x = &call->in[0];
    axes a = axes_of(call);
    for (int64_t u = begin; u < end; u++) {
        int64_t base = offset_of(a.kept, a.kept_dim, a.kept_stride, u);
        double mean = sum_of(x, &a, base, 0, 1) / (double)a.count;
        double variance = sum_of(x, &a, base, mean, 2) / (double)a.count;
        cn__write(call->out[0].dtype, call->out[0].data, u, mean);
        cn__write(call->out[1].dtype, call->out[1].data, u, variance);
    }
    return 0;
}

const cn__kernel cn__reference_moments = {.name = "reference.moments", .units = units, .run = run};
