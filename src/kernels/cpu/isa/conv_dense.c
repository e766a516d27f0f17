/* Gradients of a 3x3 block without a pool: matrix products a tap, or Winograd's in both directions.
 */
#include "conv_block.h"

enum { DENSE_TILES = 24 };

typedef struct buffers {
    float *copy, *patch, *g, *zero, *rest;
    int32_t *source, *row, *first;
    int rows, gp, k;
} buffers;

/* The data gradient is the block with its roles exchanged: dy in, taps turned round, 2 - pad zeros
 * around. */
static cn__block flipped(const cn__block *b)
{
    cn__block f = *b;
    f.h = b->oh;
    f.w = b->ow;
    f.cin = round_up(b->cout, LANES);
    f.cout = b->cin;
    f.pad = 2 - b->pad;
    f.oh = b->h;
    f.ow = b->w;
    f.relu = 0;
    f.x_row = (int64_t)b->ow * f.cin;
    f.x_image = b->oh * f.x_row;
    f.y_row = b->x_row;
    f.y_image = b->x_image;
    return f;
}

/* Images done at once by the Winograd methods: a copy of their gradients is kept. */
static int group_images(const cn__block *b, const plan *p)
{
    int64_t pixels = (int64_t)b->oh * b->ow;
    return b->method != CN__CONV_WINOGRAD ? p->images : pixels >= 256 ? 1 : (int)(256 / pixels);
}

static buffers take(const cn__block *b, const plan *p, arena *a)
{
    buffers s = {0};
    int few = b->method == CN__CONV_FEW, winograd = b->method == CN__CONV_WINOGRAD;
    s.rows = winograd ? b->oh * b->ow * group_images(b, p) : 4 * p->tiles;
    s.gp = round_up(b->cout, LANES);
    s.k = 9 * b->cin;
    s.copy = arena_take(a, plan_copy_floats(p));
    s.patch = arena_take(a, few ? (int64_t)s.rows * s.k : 0);
    s.g = arena_take(a, (int64_t)s.rows * s.gp);
    s.source = (int32_t *)(void *)arena_take(a, s.rows);
    s.row = (int32_t *)(void *)arena_take(a, s.rows);
    s.first = (int32_t *)(void *)arena_take(a, s.rows);
    s.rest = a->base ? a->base + a->used : NULL;
    return s;
}

int64_t dense_scratch(const cn__block *b)
{
    plan p = plan_make(b, DENSE_TILES, 0);
    arena a = arena_at(NULL);
    int64_t rest = 0;
    take(b, &p, &a);
    if (b->method == CN__CONV_WINOGRAD) {
        cn__block f = flipped(b);
        rest =
            winograd_scratch(&f) > winograd_scratch(b) ? winograd_scratch(&f) : winograd_scratch(b);
    }
    return a.used + rest + ARENA_SLACK;
}

/* What of dy is alive, times scale, for n channels. */
CN__INLINE cn__vf living(const float *y, const uint8_t *winner, const float *dy, cn__vf scale,
                         int64_t at, int relu, int n)
{
    const cn__vf zero = cn__splat(0);
    cn__vf g = load_n(dy + at, n) * scale;
    if (winner)
        g = select_f(mask_eq_i(load_bytes(winner + at, n), splat_i(255)), zero, g);
    else if (relu)
        g = select_f(MASK_GT(load_n(y + at, n), zero), g, zero);
    return g;
}

/* The strip's gradients as rows of whole vectors; adds them to db. */
static void gradients(const cn__block *b, const buffers *s, const float *y, const uint8_t *winner,
                      const float *dy, float scale, float *db, int64_t at, int images, int high)
{
    const cn__vf scales = cn__splat(scale);
    for (int c = 0; c < b->cout; c += LANES) {
        int n = least(LANES, b->cout - c);
        float *q = s->g + c;
        cn__vf sum = db ? load_n(db + c, n) : cn__splat(0);
        for (int m = 0; m < images; m++)
            for (int i = 0; i < high; i++)
                for (int j = 0; j < b->ow; j++, q += s->gp) {
                    int64_t o = at + m * b->y_image + i * b->y_row + j * b->cout + c;
                    cn__vf g = n == LANES ? living(y, winner, dy, scales, o, b->relu, LANES)
                                          : living(y, winner, dy, scales, o, b->relu, n);
                    sum = sum + g;
                    cn__store(q, g);
                }
        if (db)
            store_n(db + c, sum, n);
    }
}

static int pixels(const cn__block *b, const plan *p, const buffers *s, int images, int high)
{
    int r = 0;
    for (int n = 0; n < images; n++)
        for (int i = 0; i < high; i++)
            for (int j = 0; j < b->ow; j++, r++) {
                s->source[r] = (int32_t)(n * p->is + i * p->rs + j * p->px);
                s->row[r] = r * s->gp;
                s->first[r] = r * s->k;
            }
    return r;
}

static void weights(const cn__block *b, const plan *p, const buffers *s, const float *src,
                    float *dw, int rows)
{
    if (b->method == CN__CONV_FEW) {
        for (int r = 0; r < rows; r++)
            for (int i = 0; i < 3; i++)
                memcpy(s->patch + (int64_t)r * s->k + (int64_t)i * 3 * b->cin,
                       src + s->source[r] + i * p->rs, sizeof(float) * 3 * (size_t)b->cin);
        gemm_tn(s->patch, s->first, s->g, s->row, rows, s->k, b->cout, dw, s->gp);
        return;
    }
    for (int t = 0; t < 9; t++)
        gemm_tn(src + t / 3 * p->rs + t % 3 * p->px, s->source, s->g, s->row, rows, b->cin, b->cout,
                dw + (int64_t)t * b->cin * b->cout, b->cout);
}

static void data(const cn__block *b, const plan *p, const buffers *s, const float *w, float *strip,
                 int rows)
{
    int64_t step = packed_nn(b->cout, b->cin);
    for (int t = 0; t < 9; t++)
        gemm_nn(s->g, s->row, rows, b->cout, w + t * step, b->cin,
                strip + t / 3 * p->rs + t % 3 * p->px, s->source, 1);
}

static void clear(const cn__block *b, float *dx, int64_t begin, int64_t end)
{
    for (int64_t n = begin; n < end; n++)
        for (int r = 0; r < b->h; r++)
            memset(dx + n * b->x_image + r * b->x_row, 0,
                   sizeof(float) * (size_t)b->w * (size_t)b->cin);
}

static void by_winograd(const cn__block *b, const buffers *s, const plan *p, const float *x,
                        const float *w, const float *y, const uint8_t *winner, const float *dy,
                        float scale, float *dx, float *dw, float *db, int64_t begin, int64_t end)
{
    int group = group_images(b, p);
    cn__block f = flipped(b);
    for (int64_t image = begin; image < end; image += group) {
        int images = end - image < group ? (int)(end - image) : group;
        gradients(b, s, y, winner, dy, scale, db, image * b->y_image, images, b->oh);
        if (dw)
            winograd_weights(b, x, s->g, dw, s->rest, image, image + images);
        if (dx) {
            finish out = {NULL, NULL, 1, dx + image * b->x_image, NULL, 0};
            winograd_forward(&f, s->g, w, &out, s->rest, 0, images);
        }
    }
}

void dense_backward(const cn__block *b, const float *x, const float *w, const float *y,
                    const uint8_t *winner, const float *dy, float scale, float *dx, float *dw,
                    float *db, float *scratch, int64_t begin, int64_t end)
{
    plan p = plan_make(b, DENSE_TILES, 0);
    arena a = arena_at(scratch);
    buffers s = take(b, &p, &a);
    if (b->method == CN__CONV_WINOGRAD) {
        by_winograd(b, &s, &p, x, w, y, winner, dy, scale, dx, dw, db, begin, end);
        return;
    }
    if (dx)
        clear(b, dx, begin, end);
    for (int64_t image = begin; image < end; image += p.images) {
        int images = end - image < p.images ? (int)(end - image) : p.images;
        for (int ty = 0; ty < p.th; ty += p.rows) {
            int tiles = least(p.rows, p.th - ty), high = least(2 * tiles, b->oh - 2 * ty);
            int rows = pixels(b, &p, &s, images, high);
            gradients(b, &s, y, winner, dy, scale, db, image * b->y_image + 2 * ty * b->y_row,
                      images, high);
            if (dw)
                weights(b, &p, &s, block_source(b, &p, x, image, images, ty, tiles, 0, s.copy), dw,
                        rows);
            if (dx && p.copy) {
                memset(s.copy, 0, sizeof(float) * (size_t)(p.is * images));
                data(b, &p, &s, w, s.copy, rows);
                block_add_back(b, &p, dx, image, images, ty, tiles, 0, s.copy);
            } else if (dx) {
                data(b, &p, &s, w, dx + image * b->x_image + 2 * ty * b->x_row, rows);
            }
        }
    }
}
