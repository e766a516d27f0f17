/* Gradients of a block with a pool: of four sums at most one, the winner, has a gradient; lists of
 * them drive both. */
#include "conv_block.h"

enum { SPARSE_TILES = 32 };

/* Vectors of input channels done at once: nine taps of them must fit the registers. */
#if LANES == 16
enum { SPARSE_VECTORS = 2 };
#else
enum { SPARSE_VECTORS = 1 };
#endif

/* Channels of a slice. Unless x consists of one, slices of it and of dx are kept apart while they
 * are worked on: pixels far from each other would compete for the same sets of the first cache. */
enum { SLICE = SPARSE_VECTORS * LANES };

static plan sparse_plan(const cn__block *b)
{
    plan p = plan_make(b, SPARSE_TILES, 0);
    if (p.copy || b->cin != SLICE) {
        p.copy = 1;
        p.px = SLICE;
        p.rs = (int64_t)p.sw * SLICE;
        p.is = p.sh * p.rs;
    }
    return p;
}

/* For each output channel, `count` gradients and where in the source their 3x3 pixels begin. */
typedef struct buffers {
    float *copy, *g, *sums;
    int32_t *at, *count, *source, *out;
    int capacity;
} buffers;

static buffers take(const cn__block *b, const plan *p, arena *a)
{
    buffers s;
    int outs = round_up(b->cout, LANES);
    s.capacity = p->tiles + 1;
    s.copy = arena_take(a, plan_copy_floats(p));
    s.g = arena_take(a, (int64_t)outs * s.capacity + LANES);
    s.at = (int32_t *)(void *)arena_take(a, (int64_t)outs * s.capacity + LANES);
    s.count = (int32_t *)(void *)arena_take(a, outs);
    s.sums = arena_take(a, outs);
    s.source = (int32_t *)(void *)arena_take(a, p->tiles);
    s.out = (int32_t *)(void *)arena_take(a, p->tiles);
    return s;
}

int64_t sparse_scratch(const cn__block *b)
{
    int64_t most = 0;
    plan p = sparse_plan(b);
    arena a = arena_at(NULL);
    take(b, &p, &a);
    most = a.used + ARENA_SLACK;
    if (b->method == CN__CONV_FEW && few_scratch(b) > most)
        most = few_scratch(b);
    return most;
}

/* Appends the living gradients of n output channels from c on to their lists, in the order of the
 * windows. */
#if LANES == 16
static void lists_vector(const plan *p, const buffers *s, int tiles, const uint8_t *winner,
                         const float *dy, float scale, int c, int n)
{
    const __m512i lane = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    const __m512i first = _mm512_mullo_epi32(_mm512_add_epi32(lane, _mm512_set1_epi32(c)),
                                             _mm512_set1_epi32(s->capacity));
    /* Offset of the 3x3 pixels for the four positions of a winner. */
    const __m512i step = _mm512_setr_epi32(0, p->px, (int)p->rs, (int)p->rs + p->px, 0, 0, 0, 0, 0,
                                           0, 0, 0, 0, 0, 0, 0);
    const __m512 scales = _mm512_set1_ps(scale), none = _mm512_setzero_ps();
    __mmask16 all = (__mmask16)((1u << n) - 1);
    __m512i at = first;
    __m512 sum = _mm512_loadu_ps(s->sums + c);
    for (int t = 0; t < tiles; t++) {
        __m512i k = (__m512i)load_bytes(winner + s->out[t] + c, n);
        __mmask16 live = _mm512_mask_cmpneq_epi32_mask(all, k, _mm512_set1_epi32(255));
        __m512 g = _mm512_maskz_mul_ps(live, scales, (__m512)load_n(dy + s->out[t] + c, n));
        sum = _mm512_add_ps(sum, g);
        live = _mm512_mask_cmp_ps_mask(live, g, none, _CMP_NEQ_UQ);
        __m512i o =
            _mm512_add_epi32(_mm512_permutexvar_epi32(k, step), _mm512_set1_epi32(s->source[t]));
        _mm512_mask_i32scatter_ps(s->g, live, at, g, 4);
        _mm512_mask_i32scatter_epi32(s->at, live, at, o, 4);
        at = _mm512_mask_add_epi32(at, live, at, _mm512_set1_epi32(1));
    }
    _mm512_storeu_ps(s->sums + c, sum);
    _mm512_storeu_si512(s->count + c, _mm512_sub_epi32(at, first));
}

static void lists_make(const cn__block *b, const plan *p, const buffers *s, int tiles,
                       const uint8_t *winner, const float *dy, float scale)
{
    int c = 0;
    for (; c + LANES <= b->cout; c += LANES)
        lists_vector(p, s, tiles, winner, dy, scale, c, LANES);
    if (c < b->cout)
        lists_vector(p, s, tiles, winner, dy, scale, c, b->cout - c);
}
#else
/* Without a branch on the winner, which nobody could predict: an entry is always written and
 * counted if it lives. */
static void lists_make(const cn__block *b, const plan *p, const buffers *s, int tiles,
                       const uint8_t *winner, const float *dy, float scale)
{
    const int32_t step[4] = {0, p->px, (int32_t)p->rs, (int32_t)p->rs + p->px};
    memset(s->count, 0, sizeof(int32_t) * (size_t)b->cout);
    for (int t = 0; t < tiles; t++) {
        const uint8_t *k = winner + s->out[t];
        const float *d = dy + s->out[t];
        for (int c = 0; c < b->cout; c++) {
            float g = k[c] != 255 ? d[c] * scale : 0;
            int i = c * s->capacity + s->count[c];
            s->sums[c] += g;
            s->g[i] = g;
            s->at[i] = s->source[t] + step[k[c] & 3];
            s->count[c] += g != 0;
        }
    }
}
#endif

/* dw[c][tap][..] += g * x of the tap, over V vectors of input channels from i on. */
#define SPARSE_WEIGHTS(V)                                                                          \
    static CN__NOINLINE void weights_##V(const plan *p, const buffers *s, const float *x,          \
                                         float *dw, int outs, int64_t size, int tap, int i)        \
    {                                                                                              \
        const int64_t rs = p->rs, px = p->px, capacity = s->capacity;                              \
        const float *const gs = s->g;                                                              \
        const int32_t *const ats = s->at, *const counts = s->count;                                \
        for (int c = 0; c < outs; c++) {                                                           \
            const float *g = gs + c * capacity;                                                    \
            const int32_t *at = ats + c * capacity;                                                \
            float *d = dw + c * size + i;                                                          \
            cn__vf t[9][V];                                                                        \
            CN__UNROLL                                                                             \
            for (int k = 0; k < 9; k++) {                                                          \
                CN__UNROLL                                                                         \
                for (int j = 0; j < V; j++)                                                        \
                    t[k][j] = cn__load(d + k * tap + j * LANES);                                   \
            }                                                                                      \
            for (int e = 0, n = counts[c]; e < n; e++) {                                           \
                const float *q = x + at[e];                                                        \
                cn__vf v = cn__splat(g[e]);                                                        \
                CN__UNROLL                                                                         \
                for (int r = 0; r < 3; r++, q += rs) {                                             \
                    CN__UNROLL                                                                     \
                    for (int k = 0; k < 3; k++) {                                                  \
                        CN__UNROLL                                                                 \
                        for (int j = 0; j < V; j++)                                                \
                            t[3 * r + k][j] =                                                      \
                                cn__fma(cn__load(q + k * px + j * LANES), v, t[3 * r + k][j]);     \
                    }                                                                              \
                }                                                                                  \
            }                                                                                      \
            CN__UNROLL                                                                             \
            for (int k = 0; k < 9; k++) {                                                          \
                CN__UNROLL                                                                         \
                for (int j = 0; j < V; j++)                                                        \
                    cn__store(d + k * tap + j * LANES, t[k][j]);                                   \
            }                                                                                      \
        }                                                                                          \
    }

/* dx of the tap += g * w[c][tap][..]. */
#define SPARSE_DATA(V)                                                                             \
    static CN__NOINLINE void data_##V(const plan *p, const buffers *s, const float *w, float *dx,  \
                                      int outs, int64_t size, int tap, int i)                      \
    {                                                                                              \
        const int64_t rs = p->rs, px = p->px, capacity = s->capacity;                              \
        const float *const gs = s->g;                                                              \
        const int32_t *const ats = s->at, *const counts = s->count;                                \
        for (int c = 0; c < outs; c++) {                                                           \
            const float *g = gs + c * capacity;                                                    \
            const int32_t *at = ats + c * capacity;                                                \
            const float *d = w + c * size + i;                                                     \
            cn__vf t[9][V];                                                                        \
            CN__UNROLL                                                                             \
            for (int k = 0; k < 9; k++) {                                                          \
                CN__UNROLL                                                                         \
                for (int j = 0; j < V; j++)                                                        \
                    t[k][j] = cn__load(d + k * tap + j * LANES);                                   \
            }                                                                                      \
            for (int e = 0, n = counts[c]; e < n; e++) {                                           \
                float *q = dx + at[e];                                                             \
                cn__vf v = cn__splat(g[e]);                                                        \
                CN__UNROLL                                                                         \
                for (int r = 0; r < 3; r++, q += rs) {                                             \
                    CN__UNROLL                                                                     \
                    for (int k = 0; k < 3; k++) {                                                  \
                        CN__UNROLL                                                                 \
                        for (int j = 0; j < V; j++) {                                              \
                            float *z = q + k * px + j * LANES;                                     \
                            cn__store(z, cn__fma(t[3 * r + k][j], v, cn__load(z)));                \
                        }                                                                          \
                    }                                                                              \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }

SPARSE_WEIGHTS(1)
SPARSE_DATA(1)
#if LANES == 16
SPARSE_WEIGHTS(2)
SPARSE_DATA(2)
#endif

/* One slice of input channels from i on; x or dx NULL: not this gradient. */
static void slice(const cn__block *b, const plan *p, const buffers *s, const float *x, float *dw,
                  const float *w, float *dx, int i)
{
    int tap = round_up(b->cin, LANES);
    int64_t size = (int64_t)9 * tap;
#if LANES == 16
    if (i + 2 * LANES <= tap) {
        if (x)
            weights_2(p, s, x, dw, b->cout, size, tap, i);
        if (dx)
            data_2(p, s, w, dx, b->cout, size, tap, i);
        return;
    }
#endif
    if (x)
        weights_1(p, s, x, dw, b->cout, size, tap, i);
    if (dx)
        data_1(p, s, w, dx, b->cout, size, tap, i);
}

static void clear(const cn__block *b, float *dx, int64_t begin, int64_t end)
{
    for (int64_t n = begin; n < end; n++)
        for (int r = 0; r < b->h; r++)
            memset(dx + n * b->x_image + r * b->x_row, 0,
                   sizeof(float) * (size_t)b->w * (size_t)b->cin);
}

void sparse_backward(const cn__block *b, const float *x, const float *w, const uint8_t *winner,
                     const float *dy, float scale, float *dx, float *dw, float *db, float *scratch,
                     int64_t begin, int64_t end)
{
    plan p = sparse_plan(b);
    arena a = arena_at(scratch);
    buffers s = take(b, &p, &a);
    memset(s.sums, 0, sizeof(float) * (size_t)round_up(b->cout, LANES));
    if (db)
        memcpy(s.sums, db, sizeof(float) * (size_t)b->cout);
    for (int64_t image = begin; image < end; image += p.images) {
        int images = end - image < p.images ? (int)(end - image) : p.images;
        if (dx)
            clear(b, dx, image, image + images);
        for (int ty = 0; ty < p.th; ty += p.rows) {
            int rows = least(p.rows, p.th - ty);
            int tiles = block_tiles(b, &p, images, rows, s.source, s.out);
            int64_t at = image * b->y_image + ty * b->y_row;
            lists_make(b, &p, &s, tiles, winner + at, dy + at, scale);
            for (int c = 0; c < b->cin; c += SLICE) {
                if (dw)
                    slice(b, &p, &s, block_source(b, &p, x, image, images, ty, rows, c, s.copy), dw,
                          w, NULL, c);
                if (!dx)
                    continue;
                float *to = p.copy ? s.copy : dx + image * b->x_image + 2 * ty * b->x_row;
                if (p.copy)
                    memset(to, 0, sizeof(float) * (size_t)(p.is * images));
                slice(b, &p, &s, NULL, NULL, w, to, c);
                if (p.copy)
                    block_add_back(b, &p, dx, image, images, ty, rows, c, to);
            }
        }
    }
    if (db)
        memcpy(db, s.sums, sizeof(float) * (size_t)b->cout);
}

/* Whole lines of packed are written; the strided reads of a few output channels share their lines.
 */
void sparse_pack(const float *w, int cin, int cout, float *packed, int begin, int end)
{
    int cp = round_up(cin, LANES), last = least(end, cout);
    for (int o = begin; o < last; o++)
        for (int t = 0; t < 9; t++) {
            float *q = packed + ((int64_t)o * 9 + t) * cp;
            const float *p = w + (int64_t)t * cin * cout + o;
            for (int c = 0; c < cin; c++)
                q[c] = p[(int64_t)c * cout];
            for (int c = cin; c < cp; c++)
                q[c] = 0;
        }
}

void sparse_unpack(const float *dw, int cin, int cout, float *hwio, int begin, int end)
{
    int cp = round_up(cin, LANES), last = least(end, cout);
    for (int o = begin; o < last; o++)
        for (int t = 0; t < 9; t++) {
            const float *q = dw + ((int64_t)o * 9 + t) * cp;
            float *p = hwio + (int64_t)t * cin * cout + o;
            for (int c = 0; c < cin; c++)
                p[(int64_t)c * cout] = q[c];
        }
}
