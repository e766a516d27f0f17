/* The direct 3x3 convolution: one matrix product a tap, or one over gathered patches where the
 * input channels are few. */
#include "conv_block.h"

enum { DIRECT_TILES = 32 };

typedef struct buffers {
    float *copy, *patch, *m;
    int32_t *source, *row;
    int rows, mp, k; /* most output pixels of a strip, floats of one in m, floats of a patch */
} buffers;

static buffers take(const cn__block *b, const plan *p, arena *a)
{
    buffers s;
    s.rows = 4 * p->tiles;
    s.mp = round_up(b->cout, LANES);
    s.k = 9 * b->cin;
    s.copy = arena_take(a, plan_copy_floats(p));
    s.patch = arena_take(a, b->method == CN__CONV_FEW ? (int64_t)s.rows * s.k : 0);
    s.m = arena_take(a, (int64_t)s.rows * s.mp);
    s.source = (int32_t *)(void *)arena_take(a, s.rows);
    s.row = (int32_t *)(void *)arena_take(a, s.rows);
    return s;
}

int64_t direct_scratch(const cn__block *b)
{
    plan p = plan_make(b, DIRECT_TILES, 0);
    arena a = arena_at(NULL);
    take(b, &p, &a);
    return a.used + ARENA_SLACK;
}

/* Row r of m is an output pixel; source[r] is the first float that it reads. Returns the number of
 * rows. */
static int pixels(const cn__block *b, const plan *p, const buffers *s, int images, int high)
{
    int r = 0;
    for (int n = 0; n < images; n++)
        for (int i = 0; i < high; i++)
            for (int j = 0; j < b->ow; j++, r++) {
                s->source[r] = (int32_t)(n * p->is + i * p->rs + j * p->px);
                s->row[r] = r * s->mp;
            }
    return r;
}

static void products(const cn__block *b, const plan *p, const buffers *s, const float *src,
                     const float *packed, int rows)
{
    if (b->method != CN__CONV_FEW) {
        int64_t step = packed_nn(b->cin, b->cout);
        for (int t = 0; t < 9; t++)
            gemm_nn(src + t / 3 * p->rs + t % 3 * p->px, s->source, rows, b->cin, packed + t * step,
                    b->cout, s->m, s->row, t > 0);
        return;
    }
    for (int r = 0; r < rows; r++)
        for (int i = 0; i < 3; i++)
            memcpy(s->patch + (int64_t)r * s->k + (int64_t)i * 3 * b->cin,
                   src + s->source[r] + i * p->rs, sizeof(float) * 3 * (size_t)b->cin);
    for (int r = 0; r < rows; r++)
        s->source[r] = r * s->k;
    gemm_nn(s->patch, s->source, rows, s->k, packed, b->cout, s->m, s->row, 0);
}

/* The window at m of a map with ow pixels a row. */
static void finish_window(const cn__block *b, const finish *f, const float *m, int mp, int64_t at)
{
    int64_t low = (int64_t)b->ow * mp;
    int c = 0;
    for (; c + LANES <= b->cout; c += LANES)
        finish_pool(f, cn__load(m + c), cn__load(m + mp + c), cn__load(m + low + c),
                    cn__load(m + low + mp + c), c, at + c, LANES);
    if (c < b->cout)
        finish_pool(f, cn__load(m + c), cn__load(m + mp + c), cn__load(m + low + c),
                    cn__load(m + low + mp + c), c, at + c, b->cout - c);
}

static void finish_strip(const cn__block *b, const finish *f, const buffers *s, int images,
                         int high, int64_t at)
{
    const float *m = s->m;
    for (int n = 0; n < images; n++, at += b->y_image)
        for (int i = 0; i < high; i++)
            for (int j = 0; j < b->ow; j++, m += s->mp) {
                if (b->pool) {
                    if (i % 2 == 0 && j % 2 == 0)
                        finish_window(b, f, m, s->mp, at + i / 2 * b->y_row + j / 2 * b->cout);
                    continue;
                }
                int64_t y = at + i * b->y_row + j * b->cout;
                for (int c = 0; c < b->cout; c += LANES)
                    finish_one(f, cn__load(m + c), splat_i(0), c, y + c, least(LANES, b->cout - c));
            }
}

void direct_forward(const cn__block *b, const float *x, const float *packed, const finish *f,
                    float *scratch, int64_t begin, int64_t end)
{
    plan p = plan_make(b, DIRECT_TILES, 0);
    arena a = arena_at(scratch);
    buffers s = take(b, &p, &a);
    for (int64_t image = begin; image < end; image += p.images) {
        int images = end - image < p.images ? (int)(end - image) : p.images;
        for (int ty = 0; ty < p.th; ty += p.rows) {
            int tiles = least(p.rows, p.th - ty), high = least(2 * tiles, b->oh - 2 * ty);
            const float *src = block_source(b, &p, x, image, images, ty, tiles, 0, s.copy);
            products(b, &p, &s, src, packed, pixels(b, &p, &s, images, high));
            finish_strip(b, f, &s, images, high,
                         image * b->y_image + (b->pool ? 1 : 2) * ty * b->y_row);
        }
    }
}
