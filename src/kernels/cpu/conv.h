/* Kernels for convolutional networks at the level of raw pointers: blocks, convolutions, pooling,
 * batch norm. */
#ifndef CN_KERNELS_CPU_CONV_H
#define CN_KERNELS_CPU_CONV_H

#include <stddef.h>
#include <stdint.h>

/* Everything is float32, activations are NHWC, weights are handed over as Keras has them:
 * (kernel..., cin / groups, cout), here called HWIO. Kernels are single-threaded, allocate nothing
 * and work on images [begin, end) of arrays whose base pointers are given; the bits of a result do
 * not depend on how the images are split into ranges or in which order ranges run, but for dw and
 * db, which are *added to* in the order of the images: start them from zeros, one buffer a chunk,
 * and sum the chunks in order (running [0, a) and then [a, n) into one buffer gives the bits of [0,
 * n)). Packed weights have a layout of the instruction set's own: pack, run and unpack with the
 * same table. `scratch` has as many floats as the function beside it says, and belongs to one
 * thread. Alignment of 4 bytes is enough; 64 and channels a multiple of 16 are faster. */

/* ------ Blocks: convolution 3x3, stride 1 + bias + activation [+ max pool 2x2, stride 2] [+
 * dropout] ------ */

typedef enum cn__conv_method {
    CN__CONV_DIRECT,   /* one matrix product a tap */
    CN__CONV_WINOGRAD, /* F(2x2,3x3), a tile is a window of the pool */
    CN__CONV_FEW /* 1..4 input channels; with a pool, one pass that never writes the map before the
                    pool */
} cn__conv_method;

/* The region of x that exists has h rows of w pixels; a pixel is cin floats, pixels of a row are
 * adjacent. Around the region are `pad` (0 or 1) rows and columns of zeros and, where the output
 * wants more, further zeros below and to the right. Convolution output (i, j) reads rows i - pad
 * ... i - pad + 2. Only rows [0, oh) and columns [0, ow) of the output are computed, so that what a
 * later layer never reads costs nothing; with a pool both are even and the block's output is oh/2 x
 * ow/2, without one oh x ow. x and dx share the x strides; y, dy, winner and keep share the y
 * strides (in elements). */
typedef struct cn__block {
    int h, w, cin, cout;
    int pad;
    int oh, ow;
    int pool, relu;
    cn__conv_method method;
    int64_t x_row, x_image; /* distance of rows and of images of x and dx */
    int64_t y_row, y_image; /* the same of y, dy, winner and keep */
} cn__block;

/* Fills a block for Keras's padding 'valid' (same = 0) or 'same' (same = 1): whole output without
 * the odd row and column that a pool drops, adjacent rows and images, and the method that
 * cn__block_method chooses for the set `isa` (CN__ISA_...). Returns 0, or -1 when a size is below
 * 1, the output is empty or an image exceeds 2^30 elements. */
int cn__block_init(cn__block *b, int h, int w, int cin, int cout, int same, int pool, int relu,
                   int isa);

/* The method with the lowest estimated cost of a training step; a function of the shape and the set
 * only. */
cn__conv_method cn__block_method(const cn__block *b, int isa);

/* ------ Convolutions in 1..3 dimensions: any kernel, stride, dilation, padding, groups ------ */

/* Unused leading dimensions are 1 (stride 1, dilation 1, pad 0). Output o reads input o * stride -
 * pad + k * dilation; pad is the padding before, what lies outside is zero. x is
 * [images][in...][cin], y [images][out...][cout], adjacent. The weights are (kernel..., cin /
 * groups, cout); a depthwise convolution has groups = cin, cout = cin * multiplier, and its kernel
 * (kernel..., cin, multiplier) is the same array. */
typedef struct cn__convnd {
    int in[3], out[3], kernel[3], stride[3], dilation[3], pad[3];
    int cin, cout, groups;
    int relu;
} cn__convnd;

/* Fills pad and out from the other fields for 'valid' (same = 0) or 'same' (same = 1). Returns 0,
 * or -1 for a size that is below 1, an empty output, channels that the groups do not divide, or an
 * image beyond 2^30 elements. */
int cn__convnd_init(cn__convnd *s, int same);

/* ------ Pooling in 1..3 dimensions ------ */

typedef enum cn__pool_kind { CN__POOL_MAX, CN__POOL_AVERAGE, CN__POOL_SUM } cn__pool_kind;

/* Cells outside the input do not take part: the average divides by the number of cells inside. */
typedef struct cn__poolnd {
    cn__pool_kind kind;
    int in[3], out[3], window[3], stride[3], pad[3];
    int channels;
} cn__poolnd;

/* As cn__convnd_init. */
int cn__poolnd_init(cn__poolnd *s, int same);

/* ------ The table of one instruction set ------ */

typedef struct cn__conv {
    const char *name;
    int isa, lanes;

    /* Floats of the packed weights for the forward pass, for the data gradient, and of the weight
     * gradient buffer dw. */
    int64_t (*block_packed)(const cn__block *b);
    int64_t (*block_packed_data)(const cn__block *b);
    int64_t (*block_gradient)(const cn__block *b);
    int64_t (*block_scratch)(const cn__block *b); /* for forward and for backward */

    /* w is HWIO (3, 3, cin, cout). The whole array at once, or output channels [begin, end) where
     * begin is a multiple of CN__CONV_SPLIT, so that several threads can share it. */
    void (*block_pack)(const cn__block *b, const float *w, float *packed, int begin, int end);
    void (*block_pack_data)(const cn__block *b, const float *w, float *packed, int begin, int end);
    /* HWIO gradient = what the summed buffers hold; stored, not added. Ranges as above. */
    void (*block_unpack_gradient)(const cn__block *b, const float *dw, float *hwio, int begin,
                                  int end);

    /* y = dropout(pool(act(conv(x) + bias))). bias may be NULL. keep (NULL: no dropout) has a byte
     * for each element of y: 0 gives 0, anything else y * scale. winner (may be NULL without a
     * later gradient) becomes, for each element of y, the position 0..3 of the maximum in row-major
     * order, the first of equals, the first NaN if there is one; 0 without a pool; 255 where
     * nothing comes back: relu's input not above zero (NaN included), or dropped. NaN passes
     * through relu and pool. CN__CONV_WINOGRAD works on tiles: a NaN of x reaches all four sums of
     * a tile that reads it, and an infinity comes out as NaN there; with a pool the NaN of y is
     * that of plain sums, and its position may differ. */
    void (*block_forward)(const cn__block *b, const float *x, const float *packed,
                          const float *bias, const uint8_t *keep, float scale, float *y,
                          uint8_t *winner, float *scratch, int64_t begin, int64_t end);

    /* The gradient for dy of the block's output: dx (stored; all of h x w), dw and db (added to);
     * each may be NULL. `scale` is the forward's when it had a keep mask, otherwise 1. With a pool
     * winner is needed. Without one either winner or y (relu: alive where y > 0) is; neither for a
     * linear activation without dropout. x and packed are needed for dw and dx. */
    void (*block_backward)(const cn__block *b, const float *x, const float *packed_data,
                           const float *y, const uint8_t *winner, const float *dy, float scale,
                           float *dx, float *dw, float *db, float *scratch, int64_t begin,
                           int64_t end);

    /* General convolutions. packed for forward and packed for data have the same number of floats;
     * dw is HWIO. */
    int64_t (*convnd_packed)(const cn__convnd *s);
    int64_t (*convnd_scratch)(const cn__convnd *s);
    void (*convnd_pack)(const cn__convnd *s, const float *w, float *packed);
    void (*convnd_pack_data)(const cn__convnd *s, const float *w, float *packed);
    /* y = act(conv(x) + bias); bias may be NULL. */
    void (*convnd_forward)(const cn__convnd *s, const float *x, const float *packed,
                           const float *bias, float *y, float *scratch, int64_t begin, int64_t end);
    /* dx is stored, dw and db are added to; each may be NULL. With relu, y masks dy (alive where y
     * > 0). A transposed convolution's forward pass is dx of dy := its input (bias_act adds its
     * bias), its data gradient convnd_forward without bias and relu, its weight gradient this
     * function with x and dy exchanged. */
    void (*convnd_backward)(const cn__convnd *s, const float *x, const float *packed_data,
                            const float *y, const float *dy, float *dx, float *dw, float *db,
                            float *scratch, int64_t begin, int64_t end);
    /* y[r][c] = act(y[r][c] + bias[c]) for rows [begin, end); bias may be NULL. */
    void (*bias_act)(float *y, int channels, const float *bias, int relu, int64_t begin,
                     int64_t end);

    /* index[...] is the winner's pixel (d * in[1] + row) * in[2] + column inside its image, for
     * CN__POOL_MAX only: the first of equals, the first NaN if there is one. Forward may have NULL
     * when no gradient follows. dx is stored. */
    void (*poolnd_forward)(const cn__poolnd *s, const float *x, float *y, int32_t *index,
                           int64_t begin, int64_t end);
    void (*poolnd_backward)(const cn__poolnd *s, const float *dy, const int32_t *index, float *dx,
                            int64_t begin, int64_t end);

    /* Batch norm over x[rows][channels]. All sums are kept in double, one addition a row in order,
     * and are added to. */
    void (*norm_sums)(const float *x, int channels, double *sum, double *sum_sq, int64_t begin,
                      int64_t end);
    /* y = act(x * a[c] + b[c]) */
    void (*norm_apply)(const float *x, int channels, const float *a, const float *b, int relu,
                       float *y, int64_t begin, int64_t end);
    /* With g = y given ? (y > 0 ? dy : 0) : dy, adds g to sum_g and g * (x - mean[c]) to sum_gx. */
    void (*norm_backward_sums)(const float *x, int channels, const float *mean, const float *y,
                               const float *dy, double *sum_g, double *sum_gx, int64_t begin,
                               int64_t end);
    /* dx = g * a[c] + x * b[c] + c0[c], g as above; dx may be dy. */
    void (*norm_backward_apply)(const float *x, int channels, const float *y, const float *dy,
                                const float *a, const float *b, const float *c0, float *dx,
                                int64_t begin, int64_t end);
} cn__conv;

/* Ranges of output channels given to block_pack and its kin begin at multiples of this. */
enum { CN__CONV_SPLIT = 64 };

/* The table of the set that cn__cpu_isa() chose; never NULL. */
const cn__conv *cn__conv_get(void);

/* The table of a set (CN__ISA_...), or NULL if this build or this machine does not have it: for
 * tests and benchmarks. */
const cn__conv *cn__conv_for(int isa);

#endif
