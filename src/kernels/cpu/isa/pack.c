/* Changes of layout, and the gathering of rows. */
#include "kernels/cpu/isa/kernels.h"

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Panels of `width` columns from or to rows; the padding of a partial panel is cleared. */
CN__INLINE void pack_panels(const float *src, int64_t ld, int64_t rows, int64_t cols, float *dst,
                            int64_t ps, int64_t begin, int64_t end, int64_t width)
{
    for (int64_t u = begin; u < end; u++) {
        int64_t n = least(cols - u * width, width);
        for (int64_t r = 0; r < rows; r++) {
            const float *s = src + r * ld + u * width;
            float *d = dst + u * ps + r * width;
            if (n == width) {
                memcpy(d, s, (size_t)width * sizeof *d);
                continue;
            }
            for (int64_t i = 0; i < width; i++)
                d[i] = i < n ? s[i] : 0.0f;
        }
    }
}

CN__INLINE void unpack_panels(const float *src, int64_t ps, int64_t rows, int64_t cols, float *dst,
                              int64_t ld, int64_t begin, int64_t end, int64_t width)
{
    for (int64_t u = begin; u < end; u++) {
        int64_t n = least(cols - u * width, width);
        for (int64_t r = 0; r < rows; r++) {
            const float *s = src + u * ps + r * width;
            float *d = dst + r * ld + u * width;
            if (n == width)
                memcpy(d, s, (size_t)width * sizeof *d);
            else
                memcpy(d, s, (size_t)n * sizeof *d);
        }
    }
}

void CN__FN(pack_p16)(const float *src, int64_t ld, int64_t rows, int64_t cols, float *dst,
                      int64_t ps, int64_t begin, int64_t end)
{
    pack_panels(src, ld, rows, cols, dst, ps, begin, end, 16);
}

void CN__FN(unpack_p16)(const float *src, int64_t ps, int64_t rows, int64_t cols, float *dst,
                        int64_t ld, int64_t begin, int64_t end)
{
    unpack_panels(src, ps, rows, cols, dst, ld, begin, end, 16);
}

void CN__FN(pack_w32)(const float *src, int64_t ld, int64_t k, int64_t n, float *dst, int64_t ws,
                      int64_t begin, int64_t end)
{
    pack_panels(src, ld, k, n, dst, ws, begin, end, 32);
}

void CN__FN(unpack_w32)(const float *src, int64_t ws, int64_t k, int64_t n, float *dst, int64_t ld,
                        int64_t begin, int64_t end)
{
    unpack_panels(src, ws, k, n, dst, ld, begin, end, 32);
}

void CN__FN(pack_wt)(const float *src, int64_t ld, int64_t k, int64_t n, float *dst, int64_t wt_ld,
                     int64_t begin, int64_t end)
{
    int64_t first = begin * CN__UNIT_K, last = least(end * CN__UNIT_K, k);
    for (int64_t j = 0; j < n; j++) {
        for (int64_t i = first; i < last; i++)
            dst[j * wt_ld + i] = src[i * ld + j];
        /* The unit that ends the row also clears its tail. */
        for (int64_t i = k; last == k && first < last && i < wt_ld; i++)
            dst[j * wt_ld + i] = 0.0f;
    }
}

void CN__FN(unpack_wt)(const float *src, int64_t wt_ld, int64_t k, int64_t n, float *dst,
                       int64_t ld, int64_t begin, int64_t end)
{
    int64_t first = begin * CN__UNIT_K, last = least(end * CN__UNIT_K, k);
    for (int64_t j = 0; j < n; j++)
        for (int64_t i = first; i < last; i++)
            dst[i * ld + j] = src[j * wt_ld + i];
}

/* Columns [c, c + n) of one row, c a multiple of 16, into P16. */
static void spread_row(const cn__gather *p, int64_t row, int64_t c, int64_t n, const float *values)
{
    for (int64_t i = 0; i < n; i += 16) {
        float *d = p->dst + (c + i) / 16 * p->dst_ld + row * 16;
        int64_t part = least(16, n - i);
        if (part == 16) {
            memcpy(d, values + i, 16 * sizeof *d);
            continue;
        }
        for (int64_t j = 0; j < 16; j++)
            d[j] = j < part ? values[i + j] : 0.0f;
    }
}

void CN__FN(gather)(const cn__gather *p, int64_t begin, int64_t end)
{
    enum { PIECE = 512 };
    int64_t size = p->src_type == CN__EL_U8 ? 1 : p->src_type == CN__EL_F64 ? 8 : 4;
    float piece[PIECE];
    for (int64_t i = begin; i < end; i++) {
        int64_t row = p->idx != NULL ? p->idx[i] : i;
        const char *s = (const char *)p->src + row * p->src_ld * size;
        if (p->dst_layout == CN__LAYOUT_ROW) {
            CN__FN(convert)(s, p->src_type, p->dst + i * p->dst_ld, CN__EL_F32, 0, p->cols);
            continue;
        }
        for (int64_t c = 0; c < p->cols; c += PIECE) {
            int64_t n = least(PIECE, p->cols - c);
            const char *from = s + c * size;
            if (p->src_type == CN__EL_F32) {
                spread_row(p, i, c, n, (const float *)(const void *)from);
                continue;
            }
            CN__FN(convert)(from, p->src_type, piece, CN__EL_F32, 0, n);
            spread_row(p, i, c, n, piece);
        }
    }
}
