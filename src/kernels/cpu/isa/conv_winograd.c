/* Winograd's F(2x2,3x3): transforms of tiles, weights and gradients around sixteen matrix products.
 */
#include "conv_block.h"

/* About 32 tiles: the transformed tiles of 64 channels and their products stay in a 512 KB cache.
 */
enum { WINOGRAD_TILES = 32 };

typedef struct buffers {
    float *copy, *v, *m;
    int32_t *source, *out, *vo, *mo;
    int64_t vs, ms; /* distance of the sixteen planes: an odd number of lines, so that they do not
                       share sets */
    int vp, mp;     /* floats of a tile in v and m */
} buffers;

static buffers take(const cn__block *b, const plan *p, arena *a)
{
    buffers s;
    s.vp = round_up(b->cin, LANES);
    s.mp = round_up(b->cout, LANES);
    s.vs = (((int64_t)p->tiles * s.vp + 15) / 16 | 1) * 16;
    s.ms = (((int64_t)p->tiles * s.mp + 15) / 16 | 1) * 16;
    s.copy = arena_take(a, plan_copy_floats(p));
    s.v = arena_take(a, 16 * s.vs);
    s.m = arena_take(a, 16 * s.ms);
    s.source = (int32_t *)(void *)arena_take(a, p->tiles);
    s.out = (int32_t *)(void *)arena_take(a, p->tiles);
    s.vo = (int32_t *)(void *)arena_take(a, p->tiles);
    s.mo = (int32_t *)(void *)arena_take(a, p->tiles);
    return s;
}

int64_t winograd_scratch(const cn__block *b)
{
    plan p = plan_make(b, WINOGRAD_TILES, 1);
    arena a = arena_at(NULL);
    take(b, &p, &a);
    return a.used + ARENA_SLACK;
}

int64_t winograd_packed(int cin, int cout)
{
    return 16 * packed_nn(cin, cout);
}

/* G g G^T of nine vectors: u[16] from g[9]. */
CN__INLINE void weight_transform(const cn__vf g[9], cn__vf u[16])
{
    const cn__vf half = cn__splat(0.5f);
    cn__vf t[4][3];
    CN__UNROLL
    for (int j = 0; j < 3; j++) {
        cn__vf s = g[j] + g[6 + j];
        t[0][j] = g[j];
        t[1][j] = half * (s + g[3 + j]);
        t[2][j] = half * (s - g[3 + j]);
        t[3][j] = g[6 + j];
    }
    CN__UNROLL
    for (int i = 0; i < 4; i++) {
        cn__vf s = t[i][0] + t[i][2];
        u[4 * i] = t[i][0];
        u[4 * i + 1] = half * (s + t[i][1]);
        u[4 * i + 2] = half * (s - t[i][1]);
        u[4 * i + 3] = t[i][2];
    }
}

/* Place of row k, column j (a multiple of LANES) in a packed (rows, n). */
CN__INLINE int64_t packed_at(int rows, int n, int k, int j)
{
    int first = j / PANEL * PANEL, width = round_up(least(PANEL, n - first), LANES);
    return (int64_t)rows * first + (int64_t)k * width + j - first;
}

void winograd_pack(const float *w, int cin, int cout, float *u, int begin, int end)
{
    int64_t plane = packed_nn(cin, cout);
    for (int c = 0; c < cin; c++)
        for (int o = begin; o < end; o += LANES) {
            int n = least(LANES, cout - o);
            cn__vf g[9], r[16];
            CN__UNROLL
            for (int t = 0; t < 9; t++)
                g[t] = load_n(w + ((int64_t)t * cin + c) * cout + o, n);
            weight_transform(g, r);
            float *q = u + packed_at(cin, cout, c, o);
            CN__UNROLL
            for (int t = 0; t < 16; t++)
                cn__store(q + t * plane, r[t]);
        }
}

void winograd_pack_flipped(const float *w, int cin, int cout, float *u)
{
    int rows = round_up(cout, LANES);
    int64_t plane = packed_nn(rows, cin);
    for (int c = 0; c < cin; c += LANES)
        for (int o = 0; o < rows; o++) {
            cn__vf g[9], r[16];
            for (int t = 0; t < 9; t++) {
                float lane[LANES] = {0};
                for (int i = 0; i < LANES && c + i < cin && o < cout; i++)
                    lane[i] = w[((int64_t)(8 - t) * cin + c + i) * cout + o];
                memcpy(&g[t], lane, sizeof lane);
            }
            weight_transform(g, r);
            float *q = u + packed_at(rows, cin, o, c);
            CN__UNROLL
            for (int t = 0; t < 16; t++)
                cn__store(q + t * plane, r[t]);
        }
}

/* v[i * 4 + j][tile] = (B^T d B)[i][j] for every tile d of 4x4 pixels, over whole vectors of
 * channels. */
static void input_transform(const float *source, const plan *p, const int32_t *tile, int tiles,
                            int channels, float *v, int64_t vs)
{
    const int64_t rs = p->rs, px = p->px;
    for (int t = 0; t < tiles; t++)
        for (int c = 0; c < channels; c += LANES) {
            const float *s = source + tile[t] + c;
            float *o = v + (int64_t)t * channels + c;
            cn__vf d[4][4];
            CN__UNROLL
            for (int i = 0; i < 4; i++) {
                const float *r = s + i * rs;
                cn__vf a = cn__load(r), e = cn__load(r + px), f = cn__load(r + 2 * px),
                       g = cn__load(r + 3 * px);
                d[i][0] = a - f;
                d[i][1] = e + f;
                d[i][2] = f - e;
                d[i][3] = e - g;
            }
            CN__UNROLL
            for (int j = 0; j < 4; j++) {
                cn__store(o + j * vs, d[0][j] - d[2][j]);
                cn__store(o + (4 + j) * vs, d[1][j] + d[2][j]);
                cn__store(o + (8 + j) * vs, d[2][j] - d[1][j]);
                cn__store(o + (12 + j) * vs, d[1][j] - d[3][j]);
            }
        }
}

/* A^T m A: the four outputs of a tile. */
CN__INLINE void output_transform(const float *m, int64_t ms, cn__vf y[4])
{
    cn__vf s[2][4];
    CN__UNROLL
    for (int j = 0; j < 4; j++) {
        cn__vf a = cn__load(m + j * ms), e = cn__load(m + (4 + j) * ms),
               f = cn__load(m + (8 + j) * ms), g = cn__load(m + (12 + j) * ms);
        s[0][j] = a + e + f;
        s[1][j] = e - f - g;
    }
    y[0] = s[0][0] + s[0][1] + s[0][2];
    y[1] = s[0][1] - s[0][2] - s[0][3];
    y[2] = s[1][0] + s[1][1] + s[1][2];
    y[3] = s[1][1] - s[1][2] - s[1][3];
}

CN__INLINE void finish_pool_vector(const finish *f, const float *m, int64_t ms, int c, int64_t at,
                                   int n)
{
    cn__vf y[4];
    output_transform(m, ms, y);
    finish_pool(f, y[0], y[1], y[2], y[3], c, at, n);
}

/* With a pool: one output for each tile, at out[t]. */
static void finish_tiles(const cn__block *b, const finish *f, const buffers *s, int tiles,
                         int64_t at)
{
    const int full = b->cout / LANES * LANES, rest = b->cout - full;
    const finish end = *f;
    const int64_t ms = s->ms;
    for (int t = 0; t < tiles; t++) {
        const float *m = s->m + (int64_t)t * s->mp;
        int64_t y = at + s->out[t];
        for (int c = 0; c < full; c += LANES)
            finish_pool_vector(&end, m + c, ms, c, y + c, LANES);
        if (rest)
            finish_pool_vector(&end, m + full, ms, full, y + full, rest);
    }
}

/* Without: up to four, of which the odd row and column may lie outside. ty: the strip's first tile
 * row. */
static void finish_plain(const cn__block *b, const plan *p, const finish *f, const buffers *s,
                         int tiles, int ty, int rows, int64_t at)
{
    for (int t = 0; t < tiles; t++) {
        int r = 2 * (ty + t / p->tw % rows), q = 2 * (t % p->tw);
        for (int c = 0; c < b->cout; c += LANES) {
            int n = least(LANES, b->cout - c);
            cn__vf y[4];
            output_transform(s->m + (int64_t)t * s->mp + c, s->ms, y);
            for (int k = 0; k < 4; k++)
                if (r + k / 2 < b->oh && q + k % 2 < b->ow)
                    finish_one(f, y[k], splat_i(0), c,
                               at + s->out[t] + k / 2 * b->y_row + k % 2 * b->cout + c, n);
        }
    }
}

void winograd_forward(const cn__block *b, const float *x, const float *u, const finish *f,
                      float *scratch, int64_t begin, int64_t end)
{
    plan p = plan_make(b, WINOGRAD_TILES, 1);
    arena a = arena_at(scratch);
    buffers s = take(b, &p, &a);
    int64_t plane = packed_nn(b->cin, b->cout);
    for (int t = 0; t < p.tiles; t++) {
        s.vo[t] = t * s.vp;
        s.mo[t] = t * s.mp;
    }
    for (int64_t image = begin; image < end; image += p.images) {
        int images = end - image < p.images ? (int)(end - image) : p.images;
        for (int ty = 0; ty < p.th; ty += p.rows) {
            int rows = least(p.rows, p.th - ty);
            const float *src = block_source(b, &p, x, image, images, ty, rows, 0, s.copy);
            int tiles = block_tiles(b, &p, images, rows, s.source, s.out);
            input_transform(src, &p, s.source, tiles, s.vp, s.v, s.vs);
            for (int k = 0; k < 16; k++)
                gemm_nn(s.v + k * s.vs, s.vo, tiles, b->cin, u + k * plane, b->cout, s.m + k * s.ms,
                        s.mo, 0);
            int64_t at = image * b->y_image + (b->pool ? 1 : 2) * ty * b->y_row;
            if (b->pool)
                finish_tiles(b, f, &s, tiles, at);
            else
                finish_plain(b, &p, f, &s, tiles, ty, rows, at);
        }
    }
}

/* A d A^T of a tile's 2x2 gradients: sixteen values. */
CN__INLINE void gradient_transform(const cn__vf d[4], float *m, int64_t ms)
{
    cn__vf t[4][2];
    CN__UNROLL
    for (int j = 0; j < 2; j++) {
        t[0][j] = d[j];
        t[1][j] = d[j] + d[2 + j];
        t[2][j] = d[j] - d[2 + j];
        t[3][j] = cn__splat(0) - d[2 + j];
    }
    CN__UNROLL
    for (int i = 0; i < 4; i++) {
        cn__store(m + 4 * i * ms, t[i][0]);
        cn__store(m + (4 * i + 1) * ms, t[i][0] + t[i][1]);
        cn__store(m + (4 * i + 2) * ms, t[i][0] - t[i][1]);
        cn__store(m + (4 * i + 3) * ms, cn__splat(0) - t[i][1]);
    }
}

void winograd_weights(const cn__block *b, const float *x, const float *dy, float *dw,
                      float *scratch, int64_t begin, int64_t end)
{
    plan p = plan_make(b, WINOGRAD_TILES, 1);
    arena a = arena_at(scratch);
    buffers s = take(b, &p, &a);
    int64_t plane = (int64_t)b->cin * b->cout, row = (int64_t)b->ow * s.mp;
    for (int t = 0; t < p.tiles; t++) {
        s.vo[t] = t * s.vp;
        s.mo[t] = t * s.mp;
    }
    for (int64_t image = begin; image < end; image += p.images) {
        int images = end - image < p.images ? (int)(end - image) : p.images;
        for (int ty = 0; ty < p.th; ty += p.rows) {
            int rows = least(p.rows, p.th - ty);
            const float *src = block_source(b, &p, x, image, images, ty, rows, 0, s.copy);
            int tiles = block_tiles(b, &p, images, rows, s.source, s.out);
            input_transform(src, &p, s.source, tiles, s.vp, s.v, s.vs);
            for (int t = 0; t < tiles; t++) {
                int n = t / p.tw / rows, r = 2 * (ty + t / p.tw % rows), q = 2 * (t % p.tw);
                const float *g =
                    dy + (image - begin + n) * b->oh * row + r * row + (int64_t)q * s.mp;
                for (int c = 0; c < s.mp; c += LANES) {
                    cn__vf d[4];
                    for (int k = 0; k < 4; k++)
                        d[k] = r + k / 2 < b->oh && q + k % 2 < b->ow
                                   ? cn__load(g + k / 2 * row + k % 2 * s.mp + c)
                                   : cn__splat(0);
                    gradient_transform(d, s.m + (int64_t)t * s.mp + c, s.ms);
                }
            }
            for (int k = 0; k < 16; k++)
                gemm_tn(s.v + k * s.vs, s.vo, s.m + k * s.ms, s.mo, tiles, b->cin, b->cout,
                        dw + k * plane, b->cout);
        }
    }
}

/* G^T u G: nine values of sixteen. */
void winograd_unpack(const float *dw, int cin, int cout, float *hwio, int begin, int end)
{
    const cn__vf half = cn__splat(0.5f);
    int64_t plane = (int64_t)cin * cout;
    for (int c = 0; c < cin; c++)
        for (int o = begin; o < end; o += LANES) {
            int n = least(LANES, end - o);
            int64_t at = (int64_t)c * cout + o;
            cn__vf t[3][4];
            CN__UNROLL
            for (int j = 0; j < 4; j++) {
                cn__vf a = load_n(dw + j * plane + at, n), e = load_n(dw + (4 + j) * plane + at, n),
                       f = load_n(dw + (8 + j) * plane + at, n),
                       g = load_n(dw + (12 + j) * plane + at, n);
                t[0][j] = a + half * (e + f);
                t[1][j] = half * (e - f);
                t[2][j] = half * (e + f) + g;
            }
            CN__UNROLL
            for (int i = 0; i < 3; i++) {
                store_n(hwio + (3 * i) * plane + at, t[i][0] + half * (t[i][1] + t[i][2]), n);
                store_n(hwio + (3 * i + 1) * plane + at, half * (t[i][1] - t[i][2]), n);
                store_n(hwio + (3 * i + 2) * plane + at, half * (t[i][1] + t[i][2]) + t[i][3], n);
            }
        }
}
