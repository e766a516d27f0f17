/* Convolutions and pools of any geometry on Cornu's own kernels: the long tail that no block
 * claims. */
#include "kernels/cpu/conv_claims.h"

#include "kernels/cpu/conv.h"
#include "kernels/reference/window.h"

#include <string.h>

static bool narrow(int64_t value, int *to)
{
    *to = (int)value;
    return value >= 0 && value <= INT32_MAX;
}

/* The geometry of a convolution between x (batch, spatial…, cin) and y, with the kernel's shape;
 * false if it is out of range. */
static bool convolution_of(const cn__attrs *attrs, const cn_shape *x, const cn_shape *kernel,
                           const cn_shape *y, cn__convnd *s)
{
    cn__window w;
    cn__window_of(&w, attrs, x, kernel);
    memset(s, 0, sizeof *s);
    int64_t groups = attrs->i[CN__WINDOW_GROUPS];
    bool good = narrow(x->dim[x->rank - 1], &s->cin) && narrow(y->dim[y->rank - 1], &s->cout) &&
                narrow(groups > 0 ? groups : 1, &s->groups);
    int64_t cells = s->cin > s->cout ? s->cin : s->cout;
    for (int a = 0; good && a < 3; a++) {
        good = narrow(w.in[a], &s->in[a]) && narrow(w.size[a], &s->kernel[a]) &&
               narrow(w.stride[a], &s->stride[a]) && narrow(w.dilation[a], &s->dilation[a]) &&
               narrow(w.pad[a], &s->pad[a]) && narrow(w.out[a], &s->out[a]) && s->out[a] > 0 &&
               s->in[a] > 0;
        int64_t longer = w.in[a] > w.out[a] ? w.in[a] : w.out[a];
        good = good && longer <= (1 << 30) && (cells *= longer) <= (1 << 30);
    }
    return good && x->dim[0] > 0;
}

static bool floats(const cn__call *call, int n)
{
    for (int i = 0; i < n; i++) {
        if (call->in[i].dtype != CN_FLOAT32) {
            return false;
        }
    }
    return call->out[0].dtype == CN_FLOAT32;
}

static int64_t images(const cn__call *call)
{
    return call->in[0].shape.dim[0];
}

/* Scratch: the packed kernel, then the kernel's own. */
static size_t scratch_of(const cn__convnd *s)
{
    const cn__conv *conv = cn__conv_get();
    return (size_t)(conv->convnd_packed(s) + 16 + conv->convnd_scratch(s)) * sizeof(float);
}

static float *after_packed(const cn__convnd *s, void *scratch)
{
    int64_t n = (cn__conv_get()->convnd_packed(s) + 15) / 16 * 16;
    return (float *)scratch + n;
}

/* conv(x, kernel) */
static bool forward_of(const cn__call *call, cn__convnd *s)
{
    return convolution_of(call->attrs, &call->in[0].shape, &call->in[1].shape, &call->out[0].shape,
                          s);
}

static bool claims_conv(const cn__call *call)
{
    cn__convnd s;
    return floats(call, 2) && forward_of(call, &s);
}

static size_t scratch_conv(const cn__call *call)
{
    cn__convnd s;
    return forward_of(call, &s) ? scratch_of(&s) : 0;
}

static int run_conv(const cn__call *call, int64_t begin, int64_t end)
{
    cn__convnd s;
    forward_of(call, &s);
    const cn__conv *conv = cn__conv_get();
    conv->convnd_pack(&s, call->in[1].data, call->scratch);
    conv->convnd_forward(&s, call->in[0].data, call->scratch, NULL, call->out[0].data,
                         after_packed(&s, call->scratch), begin, end);
    return 0;
}

const cn__kernel cn__cpu_conv = {.name = "cpu",
                                 .claims = claims_conv,
                                 .units = images,
                                 .scratch_bytes = scratch_conv,
                                 .run = run_conv};

/* conv_gradient_input(g, kernel[, ref]) */
static bool data_gradient_of(const cn__call *call, cn__convnd *s)
{
    return convolution_of(call->attrs, &call->out[0].shape, &call->in[1].shape, &call->in[0].shape,
                          s);
}

static bool claims_gradient_input(const cn__call *call)
{
    cn__convnd s;
    if (!floats(call, 2) || !data_gradient_of(call, &s)) {
        return false;
    }
    /* A transposed convolution may ask for an input that the forward rule does not give this output
     * for. */
    const cn_shape *g = &call->in[0].shape;
    for (int a = 0; a < g->rank - 2; a++) {
        if (s.out[3 - (g->rank - 2) + a] != g->dim[1 + a]) {
            return false;
        }
    }
    return true;
}

static size_t scratch_gradient_input(const cn__call *call)
{
    cn__convnd s;
    return data_gradient_of(call, &s) ? scratch_of(&s) : 0;
}

static int run_gradient_input(const cn__call *call, int64_t begin, int64_t end)
{
    cn__convnd s;
    data_gradient_of(call, &s);
    const cn__conv *conv = cn__conv_get();
    conv->convnd_pack_data(&s, call->in[1].data, call->scratch);
    conv->convnd_backward(&s, NULL, call->scratch, NULL, call->in[0].data, call->out[0].data, NULL,
                          NULL, after_packed(&s, call->scratch), begin, end);
    return 0;
}

const cn__kernel cn__cpu_conv_gradient_input = {.name = "cpu",
                                                .claims = claims_gradient_input,
                                                .units = images,
                                                .scratch_bytes = scratch_gradient_input,
                                                .run = run_gradient_input};

/* conv_gradient_kernel(x, g, ref): one unit, since it sums over the images in order; programs cut
 * it by chunks. */
static bool kernel_gradient_of(const cn__call *call, cn__convnd *s)
{
    return convolution_of(call->attrs, &call->in[0].shape, &call->out[0].shape, &call->in[1].shape,
                          s);
}

static bool claims_gradient_kernel(const cn__call *call)
{
    cn__convnd s;
    if (!floats(call, 2) || !kernel_gradient_of(call, &s)) {
        return false;
    }
    const cn_shape *g = &call->in[1].shape;
    for (int a = 0; a < g->rank - 2; a++) {
        if (s.out[3 - (g->rank - 2) + a] != g->dim[1 + a]) {
            return false;
        }
    }
    return true;
}

static size_t scratch_gradient_kernel(const cn__call *call)
{
    cn__convnd s;
    return kernel_gradient_of(call, &s) ? (size_t)cn__conv_get()->convnd_scratch(&s) * sizeof(float)
                                        : 0;
}

static int run_gradient_kernel(const cn__call *call, int64_t begin, int64_t end)
{
    cn__convnd s;
    (void)begin;
    (void)end;
    kernel_gradient_of(call, &s);
    memset(call->out[0].data, 0, (size_t)cn__shape_size(&call->out[0].shape) * sizeof(float));
    cn__conv_get()->convnd_backward(&s, call->in[0].data, NULL, NULL, call->in[1].data, NULL,
                                    call->out[0].data, NULL, call->scratch, 0, images(call));
    return 0;
}

const cn__kernel cn__cpu_conv_gradient_kernel = {.name = "cpu",
                                                 .claims = claims_gradient_kernel,
                                                 .scratch_bytes = scratch_gradient_kernel,
                                                 .run = run_gradient_kernel};

/* Pools
 * ------------------------------------------------------------------------------------------------------------
 */

static bool pool_of(const cn__attrs *attrs, const cn_shape *x, cn__pool_kind kind, cn__poolnd *s)
{
    cn__window w;
    cn__window_of(&w, attrs, x, NULL);
    memset(s, 0, sizeof *s);
    s->kind = kind;
    bool good = narrow(x->dim[x->rank - 1], &s->channels) && x->dim[0] > 0;
    int64_t cells = s->channels;
    for (int a = 0; good && a < 3; a++) {
        good = narrow(w.in[a], &s->in[a]) && narrow(w.out[a], &s->out[a]) &&
               narrow(w.size[a], &s->window[a]) && narrow(w.stride[a], &s->stride[a]) &&
               narrow(w.pad[a], &s->pad[a]) && w.dilation[a] == 1 && s->out[a] > 0 &&
               w.in[a] <= (1 << 30) && (cells *= w.in[a]) <= (1 << 30);
    }
    return good;
}

static bool claims_max_pool(const cn__call *call)
{
    cn__poolnd s;
    return floats(call, 1) && pool_of(call->attrs, &call->in[0].shape, CN__POOL_MAX, &s);
}

static int run_max_pool(const cn__call *call, int64_t begin, int64_t end)
{
    cn__poolnd s;
    pool_of(call->attrs, &call->in[0].shape, CN__POOL_MAX, &s);
    cn__conv_get()->poolnd_forward(&s, call->in[0].data, call->out[0].data,
                                   call->n_out > 1 ? call->out[1].data : NULL, begin, end);
    return 0;
}

const cn__kernel cn__cpu_max_pool = {
    .name = "cpu", .claims = claims_max_pool, .units = images, .run = run_max_pool};

static bool claims_max_pool_gradient(const cn__call *call)
{
    cn__poolnd s;
    return call->in[0].dtype == CN_FLOAT32 && call->in[1].dtype == CN_INT32 &&
           pool_of(call->attrs, &call->out[0].shape, CN__POOL_MAX, &s);
}

static int run_max_pool_gradient(const cn__call *call, int64_t begin, int64_t end)
{
    cn__poolnd s;
    pool_of(call->attrs, &call->out[0].shape, CN__POOL_MAX, &s);
    cn__conv_get()->poolnd_backward(&s, call->in[0].data, call->in[1].data, call->out[0].data,
                                    begin, end);
    return 0;
}

const cn__kernel cn__cpu_max_pool_gradient = {.name = "cpu",
                                              .claims = claims_max_pool_gradient,
                                              .units = images,
                                              .run = run_max_pool_gradient};

static cn__pool_kind average_kind(const cn__call *call)
{
    return call->attrs->i[CN__WINDOW_SUM] ? CN__POOL_SUM : CN__POOL_AVERAGE;
}

static bool claims_average_pool(const cn__call *call)
{
    cn__poolnd s;
    return floats(call, 1) && pool_of(call->attrs, &call->in[0].shape, average_kind(call), &s);
}

static int run_average_pool(const cn__call *call, int64_t begin, int64_t end)
{
    cn__poolnd s;
    pool_of(call->attrs, &call->in[0].shape, average_kind(call), &s);
    cn__conv_get()->poolnd_forward(&s, call->in[0].data, call->out[0].data, NULL, begin, end);
    return 0;
}

const cn__kernel cn__cpu_average_pool = {
    .name = "cpu", .claims = claims_average_pool, .units = images, .run = run_average_pool};

static bool claims_average_pool_gradient(const cn__call *call)
{
    cn__poolnd s;
    return call->in[0].dtype == CN_FLOAT32 &&
           pool_of(call->attrs, &call->out[0].shape, average_kind(call), &s);
}

static int run_average_pool_gradient(const cn__call *call, int64_t begin, int64_t end)
{
    cn__poolnd s;
    pool_of(call->attrs, &call->out[0].shape, average_kind(call), &s);
    cn__conv_get()->poolnd_backward(&s, call->in[0].data, NULL, call->out[0].data, begin, end);
    return 0;
}

const cn__kernel cn__cpu_average_pool_gradient = {.name = "cpu",
                                                  .claims = claims_average_pool_gradient,
                                                  .units = images,
                                                  .run = run_average_pool_gradient};
