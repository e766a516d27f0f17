/* Shapes of convolutional kernels, the choice of the method, and the table of the chosen
 * instruction set. */
#include "kernels/cpu/conv.h"
#include "kernels/cpu/cpu.h"

enum { IMAGE_MAX = 1 << 30 };

/* Whether every size is at least 1 and their product at most IMAGE_MAX. */
static int fits(const int *sizes, int n)
{
    int64_t product = 1;
    for (int i = 0; i < n; i++) {
        if (sizes[i] < 1 || product > IMAGE_MAX / sizes[i])
            return 0;
        product *= sizes[i];
    }
    return 1;
}

/* Estimated work of a training step in vector operations of one lane; only the ratio counts. The
 * direct method does 9 products an output, Winograd's 16 a tile of 4 and the transforms, which
 * weigh most when channels are few. With a pool only the forward pass differs; without, the data
 * gradient has tiles over the whole input. */
cn__conv_method cn__block_method(const cn__block *b, int isa)
{
    if (b->cin <= 4)
        return CN__CONV_FEW;
    double product = (double)b->cin * b->cout * (isa == CN__ISA_PLAIN ? 1 : 0.25);
    double tiles = (double)((b->oh + 1) / 2) * ((b->ow + 1) / 2);
    double direct = 9.0 * b->oh * b->ow * product;
    if (!b->pool) {
        tiles = 2 * tiles + (double)((b->h + 1) / 2) * ((b->w + 1) / 2);
        direct *= 3;
    }
    double winograd = tiles * (16 * product + 12.0 * (b->cin + b->cout));
    return winograd < direct ? CN__CONV_WINOGRAD : CN__CONV_DIRECT;
}

int cn__block_init(cn__block *b, int h, int w, int cin, int cout, int same, int pool, int relu,
                   int isa)
{
    const int in[3] = {h, w, cin};
    if (!fits(in, 3))
        return -1;
    *b = (cn__block){.h = h, .w = w, .cin = cin, .cout = cout, .pad = same ? 1 : 0};
    b->oh = same ? h : h - 2;
    b->ow = same ? w : w - 2;
    b->pool = pool ? 1 : 0;
    b->relu = relu ? 1 : 0;
    if (pool) {
        b->oh -= b->oh % 2;
        b->ow -= b->ow % 2;
    }
    const int out[3] = {b->oh, b->ow, cout};
    if (!fits(out, 3))
        return -1;
    b->x_row = (int64_t)w * cin;
    b->x_image = h * b->x_row;
    b->y_row = (int64_t)(pool ? b->ow / 2 : b->ow) * cout;
    b->y_image = (pool ? b->oh / 2 : b->oh) * b->y_row;
    b->method = cn__block_method(b, isa);
    return 0;
}

/* Output size and padding before of one dimension, by Keras's rules; 0 if there is no output. */
static int extent(int in, int window, int stride, int same, int *pad)
{
    *pad = 0;
    if (!same)
        return in < window ? 0 : (in - window) / stride + 1;
    int out = (in - 1) / stride + 1;
    int64_t need = (int64_t)(out - 1) * stride + window - in;
    *pad = need > 0 ? (int)(need / 2) : 0;
    return out;
}

int cn__convnd_init(cn__convnd *s, int same)
{
    const int in[4] = {s->in[0], s->in[1], s->in[2], s->cin};
    if (!fits(in, 4) || s->cout < 1 || s->groups < 1 || s->cin % s->groups || s->cout % s->groups)
        return -1;
    for (int i = 0; i < 3; i++) {
        const int k[2] = {s->kernel[i], s->dilation[i]};
        if (!fits(k, 2) || s->stride[i] < 1)
            return -1;
        s->out[i] = extent(s->in[i], (s->kernel[i] - 1) * s->dilation[i] + 1, s->stride[i], same,
                           &s->pad[i]);
    }
    const int out[4] = {s->out[0], s->out[1], s->out[2], s->cout};
    return fits(out, 4) ? 0 : -1;
}

int cn__poolnd_init(cn__poolnd *s, int same)
{
    const int in[4] = {s->in[0], s->in[1], s->in[2], s->channels};
    if (!fits(in, 4))
        return -1;
    for (int i = 0; i < 3; i++) {
        if (s->window[i] < 1 || s->stride[i] < 1)
            return -1;
        s->out[i] = extent(s->in[i], s->window[i], s->stride[i], same, &s->pad[i]);
    }
    const int out[4] = {s->out[0], s->out[1], s->out[2], s->channels};
    return fits(out, 4) ? 0 : -1;
}

extern const cn__conv cn__conv_table_plain;
#ifdef CN__HAVE_ISA_sse2
extern const cn__conv cn__conv_table_sse2;
#endif
#ifdef CN__HAVE_ISA_avx2
extern const cn__conv cn__conv_table_avx2;
#endif
#ifdef CN__HAVE_ISA_avx512
extern const cn__conv cn__conv_table_avx512;
#endif

static const cn__conv *const tables[CN__ISA_COUNT] = {
    [CN__ISA_PLAIN] = &cn__conv_table_plain,
#ifdef CN__HAVE_ISA_sse2
    [CN__ISA_SSE2] = &cn__conv_table_sse2,
#endif
#ifdef CN__HAVE_ISA_avx2
    [CN__ISA_AVX2] = &cn__conv_table_avx2,
#endif
#ifdef CN__HAVE_ISA_avx512
    [CN__ISA_AVX512] = &cn__conv_table_avx512,
#endif
};

const cn__conv *cn__conv_for(int isa)
{
    if (isa < 0 || isa >= CN__ISA_COUNT || !cn__cpu_isa_supported(isa))
        return NULL;
    return tables[isa];
}

const cn__conv *cn__conv_get(void)
{
    const cn__conv *t = cn__conv_for(cn__cpu_isa());
    return t ? t : &cn__conv_table_plain;
}
