/* How a block is cut into strips of tiles, where a strip's input is, and the end of every forward
 * pass. */
#ifndef CN_KERNELS_CPU_ISA_CONV_BLOCK_H
#define CN_KERNELS_CPU_ISA_CONV_BLOCK_H

#include "conv_simd.h"

/* Scratch memory is taken piece by piece, 64-byte aligned; with base NULL the pieces are only
 * counted. */
typedef struct arena {
    float *base;
    int64_t used;
} arena;

CN__INLINE arena arena_at(float *scratch)
{
    uintptr_t a = (uintptr_t)scratch;
    arena r = {scratch ? scratch + ((64 - a % 64) % 64) / 4 : NULL, 0};
    return r;
}

CN__INLINE float *arena_take(arena *a, int64_t n)
{
    float *p = a->base ? a->base + a->used : NULL;
    a->used += (n + 15) / 16 * 16;
    return p;
}

/* Room for the alignment of the first piece. */
enum { ARENA_SLACK = 16 };

/* A strip is `rows` rows of tiles (2x2 outputs each) of `images` images; more than one image only
 * where a strip is a whole image. Source: where the strip's tile (0, 0) begins to read, with px
 * floats a pixel, rs a row, is an image. */
typedef struct plan {
    int th, tw;
    int rows, images, tiles;
    int copy, px, sh, sw;
    int64_t rs, is;
    int made_images, made_rows, made; /* what block_tiles last made tables for */
} plan;

/* Strips of about max_tiles tiles. The input is copied, with zeros around it, where tiles read
 * beyond the region, and with whole_vectors also where a pixel is not a whole number of vectors. */
CN__INLINE plan plan_make(const cn__block *b, int max_tiles, int whole_vectors)
{
    plan p;
    p.th = (b->oh + 1) / 2;
    p.tw = (b->ow + 1) / 2;
    p.rows = least(p.th, max_tiles / p.tw > 0 ? max_tiles / p.tw : 1);
    p.images = 1;
    if (p.rows == p.th && p.th * p.tw < max_tiles)
        p.images = max_tiles / (p.th * p.tw);
    while (p.images > 1 && b->x_image * p.images > (1 << 30))
        p.images--;
    p.tiles = p.rows * p.tw * p.images;
    p.sh = 2 * p.rows + 2;
    p.sw = 2 * p.tw + 2;
    p.copy = b->pad > 0 || 2 * p.th + 2 > b->h || 2 * p.tw + 2 > b->w ||
             (whole_vectors && b->cin % LANES != 0);
    p.px = p.copy && whole_vectors ? round_up(b->cin, LANES) : b->cin;
    p.rs = p.copy ? (int64_t)p.sw * p.px : b->x_row;
    p.is = p.copy ? p.sh * p.rs : b->x_image;
    p.made_images = p.made_rows = p.made = 0;
    return p;
}

CN__INLINE int64_t plan_copy_floats(const plan *p)
{
    return p->copy ? p->is * p->images : 0;
}

#define block_source CN__FN(conv_block_source)
#define block_add_back CN__FN(conv_block_add_back)
#define block_tiles CN__FN(conv_block_tiles)

/* The source of tile rows [ty, ty + rows) of `images` images from `image` on: x itself, or its
 * copy. */
const float *block_source(const cn__block *b, const plan *p, const float *x, int64_t image,
                          int images, int ty, int rows, int first, float *copy);
/* Adds a strip of gradients with the layout of the copy to dx; the opposite of block_source. */
void block_add_back(const cn__block *b, const plan *p, float *dx, int64_t image, int images, int ty,
                    int rows, int first, const float *copy);
/* Offsets of the strip's tiles: into the source, and into y (from the first row and image of the
 * strip). */
int block_tiles(const cn__block *b, plan *p, int images, int rows, int32_t *source, int32_t *out);

/* ------ The end of a forward pass ------ */

/* What the end of a pass needs beside the sums. */
typedef struct finish {
    const float *bias;
    const uint8_t *keep;
    float scale;
    float *y;
    uint8_t *winner;
    int relu;
} finish;

#define block_nan_pool CN__FN(conv_block_nan_pool)
/* The first NaN wins: position and value of the winner in those lanes that hold one. */
void block_nan_pool(const cn__vf v[4], cn__vf *m, cn__vi *k);

/* Activation, dropout and stores for n channels at offset `at` of y; c is the channel, m the sum, k
 * the winner. */
CN__INLINE void finish_one(const finish *f, cn__vf m, cn__vi k, int c, int64_t at, int n)
{
    const cn__vf zero = cn__splat(0);
    const cn__vi dead = splat_i(255);
    if (f->bias)
        m = m + load_n(f->bias + c, n);
    if (f->relu) {
        k = select_i(MASK_GT(m, zero), k, dead);
        m = cn__max(zero, m);
    }
    if (f->keep) {
        cn__vm drop = mask_eq_i(load_bytes(f->keep + at, n), splat_i(0));
        m = select_f(drop, zero, m * cn__splat(f->scale));
        k = select_i(drop, dead, k);
    }
    store_n(f->y + at, m, n);
    if (f->winner)
        store_bytes(f->winner + at, k, n);
}

/* The maximum of a window's four sums, then as above. */
CN__INLINE void finish_pool(const finish *f, cn__vf v0, cn__vf v1, cn__vf v2, cn__vf v3, int c,
                            int64_t at, int n)
{
    cn__vf m = v0;
    cn__vi k = splat_i(0);
    cn__vm q = MASK_GT(v1, m);
    m = cn__max(v1, m);
    k = select_i(q, splat_i(1), k);
    q = MASK_GT(v2, m);
    m = cn__max(v2, m);
    k = select_i(q, splat_i(2), k);
    q = MASK_GT(v3, m);
    m = cn__max(v3, m);
    k = select_i(q, splat_i(3), k);
    if (MASK_ANY(mask_or(MASK_NAN(v0, v1), MASK_NAN(v2, v3)))) {
        cn__vf v[4] = {v0, v1, v2, v3};
        block_nan_pool(v, &m, &k);
    }
    finish_one(f, m, k, c, at, n);
}

/* ------ Parts that live in other files ------ */

#define winograd_scratch CN__FN(conv_winograd_scratch)
#define winograd_packed CN__FN(conv_winograd_packed)
#define winograd_pack CN__FN(conv_winograd_pack)
#define winograd_pack_flipped CN__FN(conv_winograd_pack_flipped)
#define winograd_forward CN__FN(conv_winograd_forward)
#define winograd_weights CN__FN(conv_winograd_weights)
#define winograd_unpack CN__FN(conv_winograd_unpack)

int64_t winograd_scratch(const cn__block *b);
int64_t winograd_packed(int cin, int cout);
void winograd_pack(const float *w, int cin, int cout, float *u, int begin, int end);
/* For the data gradient: taps turned round, roles of the channels exchanged, cout rounded up to
 * vectors with zeros. */
void winograd_pack_flipped(const float *w, int cin, int cout, float *u);
void winograd_forward(const cn__block *b, const float *x, const float *u, const finish *f,
                      float *scratch, int64_t begin, int64_t end);
/* Adds the weight gradient in the transformed domain, [16][cin][cout]; dy has a whole number of
 * vectors a pixel, images of oh * ow pixels from `begin` on. */
void winograd_weights(const cn__block *b, const float *x, const float *dy, float *dw,
                      float *scratch, int64_t begin, int64_t end);
void winograd_unpack(const float *dw, int cin, int cout, float *hwio, int begin, int end);

#define direct_scratch CN__FN(conv_direct_scratch)
#define direct_forward CN__FN(conv_direct_forward)
int64_t direct_scratch(const cn__block *b);
void direct_forward(const cn__block *b, const float *x, const float *packed, const finish *f,
                    float *scratch, int64_t begin, int64_t end);

#define few_scratch CN__FN(conv_few_scratch)
#define few_forward CN__FN(conv_few_forward)
#define few_weights CN__FN(conv_few_weights)
int64_t few_scratch(const cn__block *b);
/* One pass: convolution and pool. w is [9][cin][cout rounded up to vectors]. */
void few_forward(const cn__block *b, const float *x, const float *w, const finish *f,
                 float *scratch, int64_t begin, int64_t end);
/* Weight and bias gradient picked by the winners; dw like w. */
void few_weights(const cn__block *b, const float *x, const uint8_t *winner, const float *dy,
                 float scale, float *dw, float *db, float *scratch, int64_t begin, int64_t end);

#define sparse_scratch CN__FN(conv_sparse_scratch)
#define sparse_backward CN__FN(conv_sparse_backward)
#define sparse_pack CN__FN(conv_sparse_pack)
#define sparse_unpack CN__FN(conv_sparse_unpack)
int64_t sparse_scratch(const cn__block *b);
/* Gradients from the winners of a pool; w and dw are [cout][9][cin rounded up to vectors]; dw and
 * dx may be NULL. */
void sparse_backward(const cn__block *b, const float *x, const float *w, const uint8_t *winner,
                     const float *dy, float scale, float *dx, float *dw, float *db, float *scratch,
                     int64_t begin, int64_t end);
void sparse_pack(const float *w, int cin, int cout, float *packed, int begin, int end);
void sparse_unpack(const float *dw, int cin, int cout, float *hwio, int begin, int end);

#define dense_scratch CN__FN(conv_dense_scratch)
#define dense_backward CN__FN(conv_dense_backward)
int64_t dense_scratch(const cn__block *b);
/* Gradients without a pool. */
void dense_backward(const cn__block *b, const float *x, const float *w, const float *y,
                    const uint8_t *winner, const float *dy, float scale, float *dx, float *dw,
                    float *db, float *scratch, int64_t begin, int64_t end);

#endif
