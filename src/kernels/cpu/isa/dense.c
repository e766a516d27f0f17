/* Forward and data gradient of dense layers on panels. */
#include "kernels/cpu/isa/kernels.h"
#include "kernels/cpu/isa/tile.h"

static int64_t el_size(int type)
{
    switch (type) {
    case CN__EL_F32:
    case CN__EL_I32: return 4;
    case CN__EL_I64:
    case CN__EL_F64: return 8;
    default: return 1;
    }
}

/* Runs the tail program on panel number q (16 columns) of Y. */
static void run_tail(const cn__dense_fwd *p, int64_t q)
{
    const cn__ew *e = p->tail.program;
    int64_t rows = p->rows, cols = p->n - 16 * q;
    void *in[CN__EW_MAX_IN], *out[CN__EW_MAX_OUT];
    int64_t period[CN__EW_MAX_IN], edge[CN__EW_MAX_IN][16];
    in[0] = p->y + q * p->yps;
    for (int j = 1; j < e->n_in; j++) {
        char *base = p->tail.in[j];
        int64_t size = el_size(e->in_type[j]);
        period[j] = 16;
        in[j] = base;
        if (e->in_mode[j] == CN__EW_FULL) {
            in[j] = base + q * p->yps * size;
        } else if (e->in_mode[j] == CN__EW_INNER) {
            in[j] = base + q * 16 * size;
            if (cols < 16) {
                memset(edge[j], 0, sizeof edge[j]);
                memcpy(edge[j], in[j], (size_t)(cols * size));
                in[j] = edge[j];
            }
        }
    }
    for (int o = 0; o < e->n_out; o++)
        out[o] = (char *)p->tail.out[o] + q * p->yps * el_size(e->out_type[o]);
    CN__FN(ew_run)(e, in, period, out, 0, rows * 16);
    for (int o = 0; o < e->n_out && cols < 16; o++) {
        if (e->out_type[o] == CN__EL_F32)
            zero_pad(out[o], rows, cols);
        else
            for (int64_t i = 0; i < rows * 16; i++)
                if (i % 16 >= cols)
                    ((uint8_t *)out[o])[i] = 0;
    }
}

void CN__FN(dense_forward)(const cn__dense_fwd *p, int64_t begin, int64_t end)
{
    int64_t block = even_block(p->k), panels = cn__units(p->n, 16);
    for (int64_t u = begin; u < end; u++) {
        int64_t q = 2 * u, cols = p->n - 32 * u < 32 ? p->n - 32 * u : 32;
        int two = q + 2 <= panels ? 2 : 1;
        float *y = p->y + q * p->yps, bias[32] = {0};
        if (p->bias != NULL)
            memcpy(bias, p->bias + 32 * u, (size_t)cols * sizeof *bias);
        tile_end e = {.relu = p->relu, .bias = p->bias != NULL ? bias : NULL};
        for (int64_t k = 0; k == 0 || k < p->k; k += block) {
            int64_t n = p->k - k < block ? p->k - k : block;
            e.first = k == 0;
            e.last = k + n >= p->k;
            panel_product(p->rows, p->x + k / 16 * p->xps, p->xps, p->w + u * p->ws + k * 32, n, y,
                          p->yps, two, &e, 0);
        }
        /* An infinity in x times the zeros beside W is NaN, which must not stay beside Y. */
        zero_pad(y + (two - 1) * p->yps, p->rows, cols);
        for (int i = 0; i < two && p->tail.program != NULL; i++)
            run_tail(p, q + i);
    }
}

/* t[n][32]: the transpose of rows k0 to k0 + 16 * groups and columns n0 to n0 + len of W, for the
 * product with dY. */
static void transpose_weights(const cn__dense_bwd_data *p, int64_t k0, int groups, int64_t n0,
                              int64_t len, float *t)
{
    for (int64_t n = 0; n < len; n += 16)
        for (int g = 0; g < groups; g++) {
            int64_t c = n0 + n, k = k0 + 16 * g;
            const float *w = p->w + c / 32 * p->ws + k * 32 + c % 32;
            float *d = t + n * 32 + g * 16;
            if (k + 16 <= p->k) {
                transpose16(w, 32, d, 32);
                continue;
            }
            for (int i = 0; i < 16; i++)
                for (int j = 0; j < 16; j++)
                    d[j * 32 + i] = k + i < p->k ? w[i * 32 + j] : 0.0f;
        }
}

void CN__FN(dense_backward_data)(const cn__dense_bwd_data *p, int64_t begin, int64_t end)
{
    float t[128 * 32];
    int64_t block = even_block(p->n);
    int groups = 1;
    for (int64_t u = begin; u < end; u += groups) {
        groups = u + 2 <= end ? 2 : 1;
        float *dx = p->dx + u * p->dxps;
        tile_end e = {.mask = p->h != NULL ? p->h + u * p->hps : NULL};
        for (int64_t n = 0; n == 0 || n < p->n; n += block) {
            int64_t len = p->n - n < block ? p->n - n : block;
            transpose_weights(p, 16 * u, groups, n, len, t);
            e.first = n == 0;
            e.last = n + len >= p->n;
            panel_product(p->rows, p->dy + n / 16 * p->dyps, p->dyps, t, len, dx, p->dxps, groups,
                          &e, p->hps);
        }
        if (16 * (u + groups) > p->k)
            zero_pad(dx + (groups - 1) * p->dxps, p->rows, p->k);
    }
}
