/* What the two files of the general convolution share: chunks of output pixels and the pixels that
 * a tap reads. */
#ifndef CN_KERNELS_CPU_ISA_CONV_ND_H
#define CN_KERNELS_CPU_ISA_CONV_ND_H

#include "conv_block.h"

/* A chunk is at most this many output pixels: its sums and one tap's inputs stay in the first two
 * caches. */
enum { ND_PIXELS = 96 };

/* Patches are gathered where a tap has fewer input channels than this and the patch is not too
 * long. */
enum { ND_FEW = 16, ND_PATCH = 2048 };

typedef struct nd_geometry {
    int taps, ing, outg; /* channels of a group */
    int in_pixels, out_pixels;
    int images; /* whole images of a chunk, 1 if an image is cut */
    int pixels; /* output pixels of a chunk */
    int patch;  /* floats of a gathered patch, 0: tap by tap */
    int depthwise;
} nd_geometry;

/* Where the pixels of a chunk begin to read, and lists of those whose input for one tap exists
 * (offsets in floats). */
typedef struct nd_buffers {
    float *g, *patch, *wide;
    int32_t *d, *r, *c,
        *image; /* [pixels] first input coordinates (may lie outside), input offset of the image */
    int32_t *in, *out, *all; /* [pixels] */
} nd_buffers;

CN__INLINE int nd_taps(const cn__convnd *s)
{
    return s->kernel[0] * s->kernel[1] * s->kernel[2];
}

CN__INLINE nd_geometry nd_make(const cn__convnd *s)
{
    nd_geometry g;
    g.taps = nd_taps(s);
    g.ing = s->cin / s->groups;
    g.outg = s->cout / s->groups;
    g.in_pixels = s->in[0] * s->in[1] * s->in[2];
    g.out_pixels = s->out[0] * s->out[1] * s->out[2];
    g.images = g.out_pixels < ND_PIXELS ? ND_PIXELS / g.out_pixels : 1;
    while (g.images > 1 && (int64_t)g.in_pixels * s->cin * g.images > (1 << 30))
        g.images--;
    g.pixels = g.out_pixels < ND_PIXELS ? g.images * g.out_pixels : ND_PIXELS;
    g.depthwise = s->groups == s->cin && s->cin > 1;
    g.patch =
        s->groups == 1 && s->cin < ND_FEW && (int64_t)g.taps * s->cin <= ND_PATCH && g.taps > 1
            ? g.taps * s->cin
            : 0;
    return g;
}

CN__INLINE nd_buffers nd_take(const cn__convnd *s, const nd_geometry *g, arena *a)
{
    nd_buffers b;
    b.g = arena_take(a, (int64_t)g->pixels * s->cout + LANES);
    b.patch = arena_take(a, (int64_t)g->pixels * g->patch + LANES);
    b.wide = arena_take(a, g->depthwise && s->cout > s->cin ? (int64_t)g->in_pixels * s->cout : 0);
    b.d = (int32_t *)(void *)arena_take(a, g->pixels);
    b.r = (int32_t *)(void *)arena_take(a, g->pixels);
    b.c = (int32_t *)(void *)arena_take(a, g->pixels);
    b.image = (int32_t *)(void *)arena_take(a, g->pixels);
    b.in = (int32_t *)(void *)arena_take(a, g->pixels);
    b.out = (int32_t *)(void *)arena_take(a, g->pixels);
    b.all = (int32_t *)(void *)arena_take(a, g->pixels);
    return b;
}

/* Coordinates of output pixels [first, first + count) of consecutive images, counted from the first
 * image's first pixel; `channels` is the number of floats of an input pixel. */
CN__INLINE void nd_pixels(const cn__convnd *s, const nd_geometry *g, const nd_buffers *b, int first,
                          int count, int channels)
{
    int c = first % s->out[2], r = first / s->out[2] % s->out[1];
    int d = first / s->out[2] / s->out[1] % s->out[0], image = first / g->out_pixels;
    for (int q = 0; q < count; q++) {
        b->d[q] = d * s->stride[0] - s->pad[0];
        b->r[q] = r * s->stride[1] - s->pad[1];
        b->c[q] = c * s->stride[2] - s->pad[2];
        b->image[q] = image * g->in_pixels * channels;
        b->all[q] = q * s->cout;
        if (++c == s->out[2]) {
            c = 0;
            if (++r == s->out[1]) {
                r = 0;
                if (++d == s->out[0]) {
                    d = 0;
                    image++;
                }
            }
        }
    }
}

/* Offset of the input that pixel q reads at tap (kd, kr, kc), or -1 outside. */
CN__INLINE int32_t nd_input(const cn__convnd *s, const nd_buffers *b, int q, int kd, int kr, int kc,
                            int channels)
{
    int d = b->d[q] + kd * s->dilation[0], r = b->r[q] + kr * s->dilation[1];
    int c = b->c[q] + kc * s->dilation[2];
    if ((unsigned)d >= (unsigned)s->in[0] || (unsigned)r >= (unsigned)s->in[1] ||
        (unsigned)c >= (unsigned)s->in[2])
        return -1;
    return b->image[q] + ((d * s->in[1] + r) * s->in[2] + c) * channels;
}

/* The chunk's pixels whose input for tap t exists, in order; returns how many. */
CN__INLINE int nd_list(const cn__convnd *s, const nd_buffers *b, int t, int count, int channels)
{
    int kc = t % s->kernel[2], kr = t / s->kernel[2] % s->kernel[1],
        kd = t / s->kernel[2] / s->kernel[1];
    int n = 0;
    for (int q = 0; q < count; q++) {
        int32_t in = nd_input(s, b, q, kd, kr, kc, channels);
        b->in[n] = in;
        b->out[n] = b->all[q];
        n += in >= 0;
    }
    return n;
}

#define depthwise_forward CN__FN(conv_depthwise_forward)
#define depthwise_data CN__FN(conv_depthwise_data)
#define depthwise_weights CN__FN(conv_depthwise_weights)

/* One chunk. x and dx have a pixel of cout floats here; w is [taps][cout rounded up to vectors]; y
 * holds the bias already; g is the chunk's gradient. */
void depthwise_forward(const cn__convnd *s, const nd_geometry *g, const nd_buffers *b,
                       const float *x, const float *w, float *y, int count);
void depthwise_data(const cn__convnd *s, const nd_geometry *g, const nd_buffers *b, const float *w,
                    float *dx, int count);
void depthwise_weights(const cn__convnd *s, const nd_geometry *g, const nd_buffers *b,
                       const float *x, float *dw, int count);

#endif
