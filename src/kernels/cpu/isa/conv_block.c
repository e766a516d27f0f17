/* Blocks: strips of the input, the choice between the methods, packing. */
#include "conv_block.h"

/* Copies columns [-pad, sw - pad) of one row of x, `channels` floats of each pixel; zeros outside;
 * row NULL: all zeros. */
static void copy_row(const cn__block *b, const plan *p, const float *row, int channels, float *dst)
{
    int cols = least(p->sw - b->pad, b->w), lead = b->pad * p->px;
    if (!row || cols <= 0) {
        memset(dst, 0, sizeof(float) * (size_t)p->sw * (size_t)p->px);
        return;
    }
    memset(dst, 0, sizeof(float) * (size_t)lead);
    float *q = dst + lead;
    if (p->px == b->cin) {
        memcpy(q, row, sizeof(float) * (size_t)cols * (size_t)b->cin);
    } else {
        const int full = channels / LANES * LANES, padded = round_up(channels, LANES);
        const int64_t px = p->px, cin = b->cin;
        for (int64_t j = 0; j < cols; j++) {
            for (int c = 0; c < full; c += LANES)
                cn__store(q + j * px + c, cn__load(row + j * cin + c));
            if (full < padded)
                cn__store(q + j * px + full, load_n(row + j * cin + full, channels - full));
        }
    }
    int rest = p->sw - b->pad - cols;
    if (rest > 0)
        memset(q + cols * p->px, 0, sizeof(float) * (size_t)rest * (size_t)p->px);
}

const float *block_source(const cn__block *b, const plan *p, const float *x, int64_t image,
                          int images, int ty, int rows, int first, float *copy)
{
    if (!p->copy)
        return x + image * b->x_image + 2 * ty * b->x_row;
    int channels = least(p->px, b->cin - first);
    for (int n = 0; n < images; n++)
        for (int i = 0; i < 2 * rows + 2; i++) {
            int r = 2 * ty + i - b->pad;
            const float *row =
                r >= 0 && r < b->h ? x + (image + n) * b->x_image + r * b->x_row + first : NULL;
            copy_row(b, p, row, channels, copy + n * p->is + i * p->rs);
        }
    return copy;
}

void block_add_back(const cn__block *b, const plan *p, float *dx, int64_t image, int images, int ty,
                    int rows, int first, const float *copy)
{
    const int channels = least(p->px, b->cin - first), full = channels / LANES * LANES;
    const int64_t cols = least(p->sw - b->pad, b->w), px = p->px, cin = b->cin;
    for (int n = 0; n < images; n++)
        for (int i = 0; i < 2 * rows + 2; i++) {
            int r = 2 * ty + i - b->pad;
            if (r < 0 || r >= b->h)
                continue;
            float *d = dx + (image + n) * b->x_image + r * b->x_row + first;
            const float *s = copy + n * p->is + i * p->rs + b->pad * p->px;
            for (int64_t j = 0; j < cols; j++, d += cin, s += px) {
                for (int c = 0; c < full; c += LANES)
                    cn__store(d + c, cn__load(d + c) + cn__load(s + c));
                for (int c = full; c < channels; c++)
                    d[c] += s[c];
            }
        }
}

int block_tiles(const cn__block *b, plan *p, int images, int rows, int32_t *source, int32_t *out)
{
    int t = 0, step = b->pool ? 1 : 2;
    if (p->made_images == images && p->made_rows == rows)
        return p->made;
    for (int n = 0; n < images; n++)
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < p->tw; j++, t++) {
                source[t] = (int32_t)(n * p->is + 2 * i * p->rs + 2 * j * p->px);
                out[t] = (int32_t)(n * b->y_image + step * i * b->y_row + step * j * b->cout);
            }
    p->made_images = images;
    p->made_rows = rows;
    p->made = t;
    return t;
}

void block_nan_pool(const cn__vf v[4], cn__vf *m, cn__vi *k)
{
    float a[4][LANES], best[LANES];
    int32_t at[LANES];
    memcpy(a, v, sizeof a);
    memcpy(best, m, sizeof best);
    memcpy(at, k, sizeof at);
    for (int i = 0; i < LANES; i++)
        for (int j = 3; j >= 0; j--)
            if (a[j][i] != a[j][i]) {
                best[i] = a[j][i];
                at[i] = j;
            }
    memcpy(m, best, sizeof best);
    memcpy(k, at, sizeof at);
}

/* A block of few channels without a pool is the direct method over gathered 3x3 patches. */
static int64_t tap_floats(const cn__block *b)
{
    return b->method == CN__CONV_FEW ? packed_nn(9 * b->cin, b->cout)
                                     : 9 * packed_nn(b->cin, b->cout);
}

int64_t CN__FN(conv_block_packed)(const cn__block *b)
{
    if (b->method == CN__CONV_WINOGRAD)
        return winograd_packed(b->cin, b->cout);
    if (b->method == CN__CONV_FEW && b->pool)
        return (int64_t)9 * b->cin * round_up(b->cout, LANES);
    return tap_floats(b);
}

int64_t CN__FN(conv_block_packed_data)(const cn__block *b)
{
    if (b->pool)
        return (int64_t)b->cout * 9 * round_up(b->cin, LANES);
    if (b->method == CN__CONV_WINOGRAD)
        return winograd_packed(round_up(b->cout, LANES), b->cin);
    return 9 * packed_nn(b->cout, b->cin);
}

int64_t CN__FN(conv_block_gradient)(const cn__block *b)
{
    if (b->method == CN__CONV_FEW)
        return (int64_t)9 * b->cin * round_up(b->cout, LANES);
    if (b->pool)
        return (int64_t)b->cout * 9 * round_up(b->cin, LANES);
    return (b->method == CN__CONV_WINOGRAD ? 16 : 9) * (int64_t)b->cin * b->cout;
}

int64_t CN__FN(conv_block_scratch)(const cn__block *b)
{
    int64_t forward, backward;
    if (b->method == CN__CONV_WINOGRAD)
        forward = winograd_scratch(b);
    else if (b->method == CN__CONV_FEW && b->pool)
        forward = few_scratch(b);
    else
        forward = direct_scratch(b);
    backward = b->pool ? sparse_scratch(b) : dense_scratch(b);
    return forward > backward ? forward : backward;
}

/* Rows of w to rows of whole vectors. */
static void pad_rows(const float *w, int rows, int cols, float *packed, int begin, int end)
{
    int ld = round_up(cols, LANES);
    for (int r = 0; r < rows; r++)
        for (int c = begin; c < end; c += LANES)
            cn__store(packed + (int64_t)r * ld + c,
                      load_n(w + (int64_t)r * cols + c, least(LANES, cols - c)));
}

void CN__FN(conv_block_pack)(const cn__block *b, const float *w, float *packed, int begin, int end)
{
    if (b->method == CN__CONV_WINOGRAD) {
        winograd_pack(w, b->cin, b->cout, packed, begin, end);
    } else if (b->method == CN__CONV_FEW) {
        if (b->pool)
            pad_rows(w, 9 * b->cin, b->cout, packed, begin, end);
        else
            pack_nn(w, b->cout, 9 * b->cin, b->cout, packed, begin, end);
    } else {
        int64_t step = packed_nn(b->cin, b->cout);
        for (int t = 0; t < 9; t++)
            pack_nn(w + (int64_t)t * b->cin * b->cout, b->cout, b->cin, b->cout, packed + t * step,
                    begin, end);
    }
}

void CN__FN(conv_block_pack_data)(const cn__block *b, const float *w, float *packed, int begin,
                                  int end)
{
    if (b->pool) {
        sparse_pack(w, b->cin, b->cout, packed, begin, end);
        return;
    }
    /* Here the output channels run along the sums, so a range of them is not a range of panels: the
     * first range does all. */
    if (begin != 0)
        return;
    if (b->method == CN__CONV_WINOGRAD) {
        winograd_pack_flipped(w, b->cin, b->cout, packed);
        return;
    }
    int64_t step = packed_nn(b->cout, b->cin);
    for (int t = 0; t < 9; t++)
        transpose_nn(w + (int64_t)t * b->cin * b->cout, b->cout, b->cout, b->cin,
                     packed + t * step);
}

void CN__FN(conv_block_unpack_gradient)(const cn__block *b, const float *dw, float *hwio, int begin,
                                        int end)
{
    if (b->method != CN__CONV_FEW && b->pool) {
        sparse_unpack(dw, b->cin, b->cout, hwio, begin, end);
    } else if (b->method == CN__CONV_WINOGRAD) {
        winograd_unpack(dw, b->cin, b->cout, hwio, begin, end);
    } else {
        int ld = b->method == CN__CONV_FEW ? round_up(b->cout, LANES) : b->cout;
        for (int r = 0; r < 9 * b->cin; r++)
            memcpy(hwio + (int64_t)r * b->cout + begin, dw + (int64_t)r * ld + begin,
                   sizeof(float) * (size_t)(end - begin));
    }
}

void CN__FN(conv_block_forward)(const cn__block *b, const float *x, const float *packed,
                                const float *bias, const uint8_t *keep, float scale, float *y,
                                uint8_t *winner, float *scratch, int64_t begin, int64_t end)
{
    finish f = {bias, keep, scale, y, winner, b->relu};
    if (b->method == CN__CONV_WINOGRAD)
        winograd_forward(b, x, packed, &f, scratch, begin, end);
    else if (b->method == CN__CONV_FEW && b->pool)
        few_forward(b, x, packed, &f, scratch, begin, end);
    else
        direct_forward(b, x, packed, &f, scratch, begin, end);
}

void CN__FN(conv_block_backward)(const cn__block *b, const float *x, const float *packed_data,
                                 const float *y, const uint8_t *winner, const float *dy,
                                 float scale, float *dx, float *dw, float *db, float *scratch,
                                 int64_t begin, int64_t end)
{
    if (!b->pool) {
        dense_backward(b, x, packed_data, y, winner, dy, scale, dx, dw, db, scratch, begin, end);
    } else if (b->method == CN__CONV_FEW) {
        if (dw || db)
            few_weights(b, x, winner, dy, scale, dw, db, scratch, begin, end);
        if (dx)
            sparse_backward(b, x, packed_data, winner, dy, scale, dx, NULL, NULL, scratch, begin,
                            end);
    } else {
        sparse_backward(b, x, packed_data, winner, dy, scale, dx, dw, db, scratch, begin, end);
    }
}
