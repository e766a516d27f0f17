/* Times of the convolution kernels on the layers of the reference networks, for each instruction
 * set, one thread. */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernels/cpu/conv.h"
#include "kernels/cpu/cpu.h"

/* A layer of a network: its shape, the rows and columns of output that the next layer needs (0:
 * all), and its share. */
typedef struct layer {
    const char *name;
    int h, w, cin, cout, same, pool, keep, need, first;
    int images;
} layer;

static const layer layers[] = {
    {"W2 28x28x1->32 pool", 28, 28, 1, 32, 0, 1, 0, 24, 1, 128},
    {"W2 12x12x32->64 pool drop", 12, 12, 32, 64, 0, 1, 1, 0, 0, 128},
    {"W3 5x5x64->64", 5, 5, 64, 64, 0, 0, 0, 0, 0, 64},
    {"W6 32x32x3->16 same", 32, 32, 3, 16, 1, 0, 0, 0, 1, 32},
    {"W6 32x32x16->16 same", 32, 32, 16, 16, 1, 0, 0, 0, 0, 32},
    {"W6 16x16x32->32 same", 16, 16, 32, 32, 1, 0, 0, 0, 0, 32},
    {"W6 8x8x64->64 same", 8, 8, 64, 64, 1, 0, 0, 0, 0, 32},
    {"34x34x64->64 pool", 34, 34, 64, 64, 0, 1, 0, 0, 0, 16},
    {"10x10x128->256 pool", 10, 10, 128, 256, 0, 1, 0, 0, 0, 16},
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static uint64_t state;

static float uniform(void)
{
    uint64_t s = state;
    s ^= s << 13;
    s ^= s >> 7;
    s ^= s << 17;
    state = s;
    return (float)(uint32_t)(s >> 24) * (1.0f / 4294967296.0f);
}

/* n floats, lo...lo + size, aligned to lines. */
static float *array(int64_t n, float lo, float size)
{
    float *p = aligned_alloc(64, ((size_t)n * sizeof *p + 127) / 64 * 64);
    if (!p)
        exit(1);
    for (int64_t i = 0; i < n; i++)
        p[i] = lo + size * uniform();
    return p;
}

enum { FORWARD, PACK, WEIGHTS, DATA, BOTH, PARTS };

typedef struct run {
    cn__block b;
    const cn__conv *k;
    int images, first;
    float *x, *w, *bias, *y, *dy, *dx, *dw, *db, *packed, *data, *scratch;
    uint8_t *keep, *winner;
    double best[PARTS];
} run;

static void prepare(run *r, const layer *l, const cn__conv *k)
{
    cn__block *b = &r->b;
    memset(r, 0, sizeof *r);
    state = 88172645463325252ull;
    r->k = k;
    r->images = l->images;
    r->first = l->first;
    if (cn__block_init(b, l->h, l->w, l->cin, l->cout, l->same, l->pool, 1, k->isa) != 0)
        exit(1);
    if (l->need) {
        b->oh = b->ow = l->need;
        b->y_row = (int64_t)(l->pool ? b->ow / 2 : b->ow) * b->cout;
        b->y_image = (l->pool ? b->oh / 2 : b->oh) * b->y_row;
    }
    if (getenv("CN_BENCH_METHOD") && b->method != CN__CONV_FEW)
        b->method = (cn__conv_method)atoi(getenv("CN_BENCH_METHOD"));
    int64_t xn = r->images * b->x_image, yn = r->images * b->y_image;
    float limit = 2.4f / (3 * (float)b->cin + 20);
    r->x = array(xn, 0, 1);
    for (int64_t i = 0; i < xn && b->cin > 4; i++)
        r->x[i] = r->x[i] < 0.5f ? 0 : r->x[i];
    r->w = array((int64_t)9 * b->cin * b->cout, -limit, 2 * limit);
    r->bias = array(b->cout, -0.1f, 0.2f);
    r->y = array(yn, 0, 0);
    r->dy = array(yn, -1, 2);
    r->dx = array(xn, 0, 0);
    r->dw = array(k->block_gradient(b), 0, 0);
    r->db = array(b->cout, 0, 0);
    r->packed = array(k->block_packed(b), 0, 0);
    r->data = array(k->block_packed_data(b), 0, 0);
    r->scratch = array(k->block_scratch(b), 0, 0);
    r->keep = l->keep ? malloc((size_t)yn) : NULL;
    r->winner = malloc((size_t)yn);
    for (int64_t i = 0; r->keep && i < yn; i++)
        r->keep[i] = uniform() >= 0.2f;
    for (int i = 0; i < PARTS; i++)
        r->best[i] = 1e9;
}

static void release(run *r)
{
    float *all[] = {r->x,  r->w,  r->bias,   r->y,    r->dy,     r->dx,
                    r->dw, r->db, r->packed, r->data, r->scratch};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
    free(r->keep);
    free(r->winner);
}

static void part(run *r, int what)
{
    const cn__block *b = &r->b;
    const cn__conv *k = r->k;
    float scale = r->keep ? 1.25f : 1, *dx = r->first ? NULL : r->dx;
    const uint8_t *winner = b->pool ? r->winner : NULL;
    double t = now();
    if (what == FORWARD)
        k->block_forward(b, r->x, r->packed, r->bias, r->keep, scale, r->y,
                         b->pool ? r->winner : NULL, r->scratch, 0, r->images);
    else if (what == PACK) {
        k->block_pack(b, r->w, r->packed, 0, b->cout);
        if (dx)
            k->block_pack_data(b, r->w, r->data, 0, b->cout);
    } else if (what == WEIGHTS)
        k->block_backward(b, r->x, r->data, r->y, winner, r->dy, scale, NULL, r->dw, r->db,
                          r->scratch, 0, r->images);
    else if (what == DATA && dx)
        k->block_backward(b, r->x, r->data, r->y, winner, r->dy, scale, dx, NULL, NULL, r->scratch,
                          0, r->images);
    else if (what == BOTH)
        k->block_backward(b, r->x, r->data, r->y, winner, r->dy, scale, dx, r->dw, r->db,
                          r->scratch, 0, r->images);
    t = now() - t;
    if (t < r->best[what])
        r->best[what] = t;
}

static double alive(const run *r)
{
    int64_t n = r->images * r->b.y_image, live = 0;
    for (int64_t i = 0; i < n; i++)
        live += r->b.pool ? r->winner[i] != 255 : r->y[i] > 0;
    return 100.0 * (double)live / (double)n;
}

int main(void)
{
    static const char *const methods[] = {"direct", "winograd", "few"};
    int rounds = getenv("CN_BENCH_ROUNDS") ? atoi(getenv("CN_BENCH_ROUNDS")) : 15;
    printf("%-8s %-26s %-9s %9s %9s %9s %9s %9s %7s  (ms; minimum of %d rounds)\n", "set", "layer",
           "method", "forward", "backward", "dw", "dx", "pack", "alive", rounds);
    for (int isa = CN__ISA_COUNT - 1; isa >= 0; isa--) {
        const cn__conv *k = cn__conv_for(isa);
        if (!k || (getenv("CORNU_ISA") && strcmp(getenv("CORNU_ISA"), k->name) != 0))
            continue;
        for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
            run r;
            prepare(&r, &layers[i], k);
            for (int n = 0; n < rounds; n++) {
                part(&r, PACK);
                part(&r, FORWARD);
                part(&r, BOTH);
                part(&r, WEIGHTS);
                part(&r, DATA);
                memset(r.dw, 0, sizeof(float) * (size_t)k->block_gradient(&r.b));
            }
            printf("%-8s %-26s %-9s %9.3f %9.3f %9.3f %9.3f %9.4f %6.0f%%\n", k->name,
                   layers[i].name, methods[r.b.method], r.best[FORWARD] * 1e3, r.best[BOTH] * 1e3,
                   r.best[WEIGHTS] * 1e3, r.first ? 0 : r.best[DATA] * 1e3, r.best[PACK] * 1e3,
                   alive(&r));
            release(&r);
        }
    }
    return 0;
}
