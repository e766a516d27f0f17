/* Blocks with 1..4 input channels and a pool: forward in one pass, weight gradient picked by the
 * winners. */
#include "conv_block.h"

/* A whole image of 28x28 pixels in one strip: there is next to nothing to keep in the cache. */
enum { FEW_TILES = 200 };

typedef struct buffers {
    float *copy, *patch, *sums;
    int32_t *source, *out;
} buffers;

static buffers take(const cn__block *b, const plan *p, arena *a)
{
    buffers s;
    s.copy = arena_take(a, plan_copy_floats(p));
    s.patch = arena_take(a, (int64_t)p->tiles * b->cin * 16 + 16);
    s.sums = arena_take(a, round_up(b->cout, LANES));
    s.source = (int32_t *)(void *)arena_take(a, p->tiles);
    s.out = (int32_t *)(void *)arena_take(a, p->tiles);
    return s;
}

int64_t few_scratch(const cn__block *b)
{
    plan p = plan_make(b, FEW_TILES, 0);
    arena a = arena_at(NULL);
    take(b, &p, &a);
    return a.used + ARENA_SLACK;
}

/* All windows of a strip for V vectors of output channels from c on; `n` channels in the last
 * vector. C is the number of input channels, a literal, so that the loops over a patch vanish. */
#define FEW_FORWARD(C, V)                                                                          \
    static void forward_##C##x##V(const cn__block *b, const plan *p, const float *source,          \
                                  const buffers *s, int tiles, const float *w, const finish *f,    \
                                  int c, int last, int64_t at)                                     \
    {                                                                                              \
        const int64_t wp = round_up(b->cout, LANES), rs = p->rs;                                   \
        const int32_t *const from = s->source, *const to = s->out;                                 \
        const finish end = *f;                                                                     \
        cn__vf g[9 * C][V];                                                                        \
        CN__UNROLL                                                                                 \
        for (int k = 0; k < 9 * C; k++) {                                                          \
            CN__UNROLL                                                                             \
            for (int j = 0; j < V; j++)                                                            \
                g[k][j] = cn__load(w + k * wp + c + j * LANES);                                    \
        }                                                                                          \
        for (int t = 0; t < tiles; t++) {                                                          \
            const float *x = source + from[t];                                                     \
            cn__vf y[4][V];                                                                        \
            CN__UNROLL                                                                             \
            for (int i = 0; i < 4; i++) {                                                          \
                CN__UNROLL                                                                         \
                for (int j = 0; j < V; j++)                                                        \
                    y[i][j] = cn__splat(0);                                                        \
            }                                                                                      \
            CN__UNROLL                                                                             \
            for (int r = 0; r < 4; r++, x += rs) {                                                 \
                CN__UNROLL                                                                         \
                for (int q = 0; q < 4 * C; q++) {                                                  \
                    cn__vf e = cn__splat(x[q]);                                                    \
                    CN__UNROLL                                                                     \
                    for (int i = 0; i < 4; i++) {                                                  \
                        if (r < i / 2 || r - i / 2 > 2 || q < i % 2 * C || q - i % 2 * C >= 3 * C) \
                            continue;                                                              \
                        CN__UNROLL                                                                 \
                        for (int j = 0; j < V; j++)                                                \
                            y[i][j] =                                                              \
                                cn__fma(e, g[(r - i / 2) * 3 * C + q - i % 2 * C][j], y[i][j]);    \
                    }                                                                              \
                }                                                                                  \
            }                                                                                      \
            int64_t o = at + to[t] + c;                                                            \
            CN__UNROLL                                                                             \
            for (int j = 0; j < V - 1; j++)                                                        \
                finish_pool(&end, y[0][j], y[1][j], y[2][j], y[3][j], c + j * LANES,               \
                            o + j * LANES, LANES);                                                 \
            if (last == LANES)                                                                     \
                finish_pool(&end, y[0][V - 1], y[1][V - 1], y[2][V - 1], y[3][V - 1],              \
                            c + (V - 1) * LANES, o + (V - 1) * LANES, LANES);                      \
            else                                                                                   \
                finish_pool(&end, y[0][V - 1], y[1][V - 1], y[2][V - 1], y[3][V - 1],              \
                            c + (V - 1) * LANES, o + (V - 1) * LANES, last);                       \
        }                                                                                          \
    }
FEW_FORWARD(1, 1)
FEW_FORWARD(1, 2)
FEW_FORWARD(2, 1)
FEW_FORWARD(2, 2)
FEW_FORWARD(3, 1)
FEW_FORWARD(3, 2)
FEW_FORWARD(4, 1)
FEW_FORWARD(4, 2)

typedef void few_kernel(const cn__block *b, const plan *p, const float *source, const buffers *s,
                        int tiles, const float *w, const finish *f, int c, int last, int64_t at);
static few_kernel *const kernels[4][2] = {{forward_1x1, forward_1x2},
                                          {forward_2x1, forward_2x2},
                                          {forward_3x1, forward_3x2},
                                          {forward_4x1, forward_4x2}};

void few_forward(const cn__block *b, const float *x, const float *w, const finish *f,
                 float *scratch, int64_t begin, int64_t end)
{
    plan p = plan_make(b, FEW_TILES, 0);
    arena a = arena_at(scratch);
    buffers s = take(b, &p, &a);
    for (int64_t image = begin; image < end; image += p.images) {
        int images = end - image < p.images ? (int)(end - image) : p.images;
        for (int ty = 0; ty < p.th; ty += p.rows) {
            int rows = least(p.rows, p.th - ty);
            const float *src = block_source(b, &p, x, image, images, ty, rows, 0, s.copy);
            int tiles = block_tiles(b, &p, images, rows, s.source, s.out);
            int64_t at = image * b->y_image + ty * b->y_row;
            for (int c = 0; c < b->cout; c += 2 * LANES) {
                int width = least(2 * LANES, b->cout - c), v = (width + LANES - 1) / LANES;
                kernels[b->cin - 1][v - 1](b, &p, src, &s, tiles, w, f, c, width - (v - 1) * LANES,
                                           at);
            }
        }
    }
}

/* ------ Weight gradient ------
 *
 * A window's patch of one channel is 4x4 floats, kept in one line of 16. Tap (i, j) of the winner
 * at position k meets patch[(i + k / 2) * 4 + j + k % 2]: each lane, an output channel, picks its
 * own. */

#if LANES == 1 || LANES == 16
typedef cn__vi picker;
#else
typedef struct picker {
    cn__vf g[4]; /* the gradient where position k won, zero elsewhere */
} picker;
#endif

/* Prepares the picking for winners k and gradients g, which are zero where k is 255. */
CN__INLINE picker picker_make(cn__vi k, cn__vf g)
{
#if LANES == 1
    (void)g;
    return k == 255 ? 0 : (k & 1) + (k >> 1) * 4;
#elif LANES == 16
    (void)g;
    __m512i v = (__m512i)k;
    return (cn__vi)_mm512_add_epi32(
        _mm512_and_si512(v, _mm512_set1_epi32(1)),
        _mm512_slli_epi32(_mm512_and_si512(v, _mm512_set1_epi32(2)), 1));
#else
    picker p;
    CN__UNROLL
    for (int i = 0; i < 4; i++)
        p.g[i] = select_f(mask_eq_i(k, splat_i(i)), g, cn__splat(0));
    return p;
#endif
}

/* sum + g * picked, for the tap whose first candidate is at `patch`. */
CN__INLINE cn__vf picker_add(const picker *p, const float *patch, cn__vf g, cn__vf sum)
{
#if LANES == 1
    return g == 0 ? sum : sum + g * patch[*p];
#elif LANES == 16
    return cn__fma((cn__vf)_mm512_permutexvar_ps((__m512i)*p, _mm512_loadu_ps(patch)), g, sum);
#else
    (void)g;
    sum = cn__fma(cn__splat(patch[0]), p->g[0], sum);
    sum = cn__fma(cn__splat(patch[1]), p->g[1], sum);
    sum = cn__fma(cn__splat(patch[4]), p->g[2], sum);
    return cn__fma(cn__splat(patch[5]), p->g[3], sum);
#endif
}

/* One strip, V vectors of output channels from c on (n in the last one), input channel i. */
#define FEW_WEIGHTS(V)                                                                             \
    CN__INLINE void weights_##V(const cn__block *b, const buffers *s, int tiles,                   \
                                const uint8_t *winner, const float *dy, float scale, float *dw,    \
                                int c, int last, int i, float *sums)                               \
    {                                                                                              \
        const int64_t wp = round_up(b->cout, LANES), cin = b->cin;                                 \
        const float *const patches = s->patch + i * 16;                                            \
        const int32_t *const to = s->out;                                                          \
        float *d = dw + (int64_t)i * wp + c;                                                       \
        const cn__vf scales = cn__splat(scale);                                                    \
        cn__vf t[9][V], total[V];                                                                  \
        CN__UNROLL                                                                                 \
        for (int j = 0; j < V; j++) {                                                              \
            total[j] = cn__load(sums + c + j * LANES);                                             \
            CN__UNROLL                                                                             \
            for (int k = 0; k < 9; k++)                                                            \
                t[k][j] = cn__load(d + k * cin * wp + j * LANES);                                  \
        }                                                                                          \
        for (int q = 0; q < tiles; q++) {                                                          \
            const float *patch = patches + q * cin * 16;                                           \
            CN__UNROLL                                                                             \
            for (int j = 0; j < V; j++) {                                                          \
                int n = j < V - 1 ? LANES : last;                                                  \
                int64_t at = to[q] + c + j * LANES;                                                \
                cn__vi k = load_bytes(winner + at, n);                                             \
                cn__vf g = load_n(dy + at, n) * scales;                                            \
                g = select_f(mask_eq_i(k, splat_i(255)), cn__splat(0), g);                         \
                total[j] = total[j] + g;                                                           \
                picker p = picker_make(k, g);                                                      \
                CN__UNROLL                                                                         \
                for (int m = 0; m < 9; m++)                                                        \
                    t[m][j] = picker_add(&p, patch + m / 3 * 4 + m % 3, g, t[m][j]);               \
            }                                                                                      \
        }                                                                                          \
        CN__UNROLL                                                                                 \
        for (int j = 0; j < V; j++) {                                                              \
            if (i == 0)                                                                            \
                cn__store(sums + c + j * LANES, total[j]);                                         \
            CN__UNROLL                                                                             \
            for (int k = 0; k < 9; k++)                                                            \
                cn__store(d + k * cin * wp + j * LANES, t[k][j]);                                  \
        }                                                                                          \
    }
FEW_WEIGHTS(1)
#if LANES == 16
FEW_WEIGHTS(2)
#endif

/* The patches of a strip, channel by channel. */
static void gather_patches(const cn__block *b, const plan *p, const float *source, const buffers *s,
                           int tiles)
{
    float *q = s->patch;
    for (int t = 0; t < tiles; t++)
        for (int c = 0; c < b->cin; c++, q += 16) {
            const float *x = source + s->source[t] + c;
            if (b->cin == 1) {
                for (int i = 0; i < 4; i++)
                    memcpy(q + 4 * i, x + i * p->rs, 4 * sizeof *q);
                continue;
            }
            for (int i = 0; i < 16; i++)
                q[i] = x[i / 4 * p->rs + i % 4 * p->px];
        }
}

static void weights_strip(const cn__block *b, const buffers *s, int tiles, const uint8_t *winner,
                          const float *dy, float scale, float *dw)
{
    for (int i = 0; i < b->cin; i++) {
        int c = 0;
#if LANES == 16
        for (; c + 2 * LANES <= b->cout; c += 2 * LANES)
            weights_2(b, s, tiles, winner, dy, scale, dw, c, LANES, i, s->sums);
#endif
        for (; c + LANES <= b->cout; c += LANES)
            weights_1(b, s, tiles, winner, dy, scale, dw, c, LANES, i, s->sums);
        if (c < b->cout)
            weights_1(b, s, tiles, winner, dy, scale, dw, c, b->cout - c, i, s->sums);
    }
}

/* db alone: in the order of the windows, like the rest. */
static void bias_strip(const cn__block *b, const buffers *s, int tiles, const uint8_t *winner,
                       const float *dy, float scale)
{
    for (int t = 0; t < tiles; t++)
        for (int c = 0; c < b->cout; c++)
            if (winner[s->out[t] + c] != 255)
                s->sums[c] += dy[s->out[t] + c] * scale;
}

void few_weights(const cn__block *b, const float *x, const uint8_t *winner, const float *dy,
                 float scale, float *dw, float *db, float *scratch, int64_t begin, int64_t end)
{
    plan p = plan_make(b, FEW_TILES, 0);
    arena a = arena_at(scratch);
    buffers s = take(b, &p, &a);
    memset(s.sums, 0, sizeof(float) * (size_t)round_up(b->cout, LANES));
    if (db)
        memcpy(s.sums, db, sizeof(float) * (size_t)b->cout);
    memset(s.patch + (int64_t)p.tiles * b->cin * 16, 0, 16 * sizeof(float));
    for (int64_t image = begin; image < end; image += p.images) {
        int images = end - image < p.images ? (int)(end - image) : p.images;
        for (int ty = 0; ty < p.th; ty += p.rows) {
            int rows = least(p.rows, p.th - ty);
            int tiles = block_tiles(b, &p, images, rows, s.source, s.out);
            int64_t at = image * b->y_image + ty * b->y_row;
            if (dw) {
                const float *src = block_source(b, &p, x, image, images, ty, rows, 0, s.copy);
                gather_patches(b, &p, src, &s, tiles);
                weights_strip(b, &s, tiles, winner + at, dy + at, scale, dw);
            } else {
                bias_strip(b, &s, tiles, winner + at, dy + at, scale);
            }
        }
    }
    if (db)
        memcpy(db, s.sums, sizeof(float) * (size_t)b->cout);
}
