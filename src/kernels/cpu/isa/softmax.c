/* Softmax, its logarithm, and softmax cross-entropy with its gradient, row by row. */
#include "kernels/cpu/isa/kernels.h"
#include "kernels/cpu/isa/vmath.h"

/* The largest value of a row; NaN may be passed over, since the sum of exponentials brings it back.
 */
static float row_top(const float *x, int64_t n)
{
    vf m = cn__splat(-INFINITY);
    int64_t i = 0;
    for (; i + L_ <= n; i += L_)
        m = cn__max(cn__load(x + i), m);
    float lane[L_];
    cn__store(lane, m);
    float best = lane[0];
    for (int j = 1; j < L_; j++)
        best = lane[j] > best ? lane[j] : best;
    for (; i < n; i++)
        best = x[i] > best ? x[i] : best;
    return best;
}

/* y = exp(x - top) unless y is NULL; the sum, in chunks, so that few roundings lie on top of each
 * other. */
static float exp_row(const float *x, float top, int64_t n, float *y)
{
    enum { CHUNK = 256 };
    vf total = cn__splat(0.0f), t = cn__splat(top);
    for (int64_t at = 0; at < n; at += CHUNK) {
        int64_t end = n - at < CHUNK ? n : at + CHUNK, i = at;
        vf s = cn__splat(0.0f);
        for (; i + L_ <= end; i += L_) {
            vf e = v_exp(cn__load(x + i) - t);
            s += e;
            if (y != NULL)
                cn__store(y + i, e);
        }
        int rest = (int)(end - i);
        if (rest > 0) {
            vf e = v_exp(load_n(x + i, rest) - t);
            if (y != NULL)
                store_n(y + i, e, rest);
            /* Lanes beyond the row must not count. */
            float lane[L_];
            cn__store(lane, e);
            s += load_n(lane, rest);
        }
        total += s;
    }
    return v_hsum(total);
}

/* y = x * a + b over a row. */
static void affine_row(const float *x, float a, float b, int64_t n, float *y)
{
    vf va = cn__splat(a), vb = cn__splat(b);
    for (int64_t i = 0; i < n; i += L_)
        store_to(y + i, cn__fma(load_to(x + i, n - i), va, vb), n - i);
}

void CN__FN(row_logsumexp)(const float *x, int64_t ld, int64_t cols, float *out, int64_t begin,
                           int64_t end)
{
    for (int64_t r = begin; r < end; r++) {
        float top = row_top(x + r * ld, cols);
        /* Nothing may be taken off an infinite row: the sum of exponentials is right as it is. */
        top = isfinite(top) ? top : 0.0f;
        out[r] = top + logf(exp_row(x + r * ld, top, cols, NULL));
    }
}

void CN__FN(softmax)(int kind, const float *x, int64_t ldx, int64_t cols, float *y, int64_t ldy,
                     int64_t begin, int64_t end)
{
    for (int64_t r = begin; r < end; r++) {
        const float *in = x + r * ldx;
        float *out = y + r * ldy, top = row_top(in, cols);
        if (kind == CN__LOG_SOFTMAX) {
            float log_sum = logf(exp_row(in, top, cols, NULL));
            for (int64_t i = 0; i < cols; i++)
                out[i] = (in[i] - top) - log_sum;
            continue;
        }
        vf s = cn__splat(exp_row(in, top, cols, out));
        for (int64_t i = 0; i < cols; i += L_)
            store_to(out + i, load_to(out + i, cols - i) / s, cols - i);
    }
}

/* The label of row r as a class number, or -1 if it is none. */
static int64_t class_of(const cn__softmax_ce *p, int64_t r)
{
    int64_t c = p->label_type == CN__EL_I32   ? ((const int32_t *)p->labels)[r]
                : p->label_type == CN__EL_I64 ? ((const int64_t *)p->labels)[r]
                                              : ((const uint8_t *)p->labels)[r];
    return c >= 0 && c < p->cols ? c : -1;
}

static void bad_row(const cn__softmax_ce *p, int64_t r)
{
    if (p->loss != NULL)
        p->loss[r] = NAN;
    if (p->hit != NULL)
        p->hit[r] = 0.0f;
    for (int64_t i = 0; p->grad != NULL && i < p->cols; i++)
        p->grad[r * p->grad_ld + i] = NAN;
}

/* Sum of y, and of y (z - top): a class of no weight whose logit is -inf gives NaN, as in Keras. */
static float label_dot(const float *y, const float *z, float top, int64_t n, float *sum)
{
    float d = 0.0f, s = 0.0f;
    for (int64_t i = 0; i < n; i++) {
        s += y[i];
        d += y[i] * (z[i] - top);
    }
    *sum = s;
    return d;
}

static int64_t argmax(const float *x, int64_t n)
{
    int64_t at;
    CN__FN(row_argmax)(x, n, n, &at, 0, 1);
    return at;
}

static void ce_row(const cn__softmax_ce *p, int64_t r, int64_t label)
{
    const float *z = p->logits + r * p->ld;
    const float *y = label < 0 ? (const float *)p->labels + r * p->labels_ld : NULL;
    float scale = p->scale * (p->row_scale != NULL ? p->row_scale[r] : 1.0f);
    float *g = p->grad != NULL ? p->grad + r * p->grad_ld : NULL;
    float top = row_top(z, p->cols), mass = 1.0f;
    float dot = y != NULL ? label_dot(y, z, top, p->cols, &mass) : z[label] - top;
    if (p->hit != NULL)
        p->hit[r] = argmax(z, p->cols) == (y != NULL ? argmax(y, p->cols) : label) ? 1.0f : 0.0f;
    float sum = exp_row(z, top, p->cols, g);
    if (p->loss != NULL)
        p->loss[r] = mass * logf(sum) - dot;
    if (g == NULL)
        return;
    affine_row(g, mass / sum * scale, 0.0f, p->cols, g);
    if (y == NULL) {
        g[label] -= scale;
        return;
    }
    for (int64_t i = 0; i < p->cols; i += L_) {
        vf v = load_to(g + i, p->cols - i) - cn__splat(scale) * load_to(y + i, p->cols - i);
        store_to(g + i, v, p->cols - i);
    }
}

int64_t CN__FN(softmax_ce)(const cn__softmax_ce *p, int64_t begin, int64_t end)
{
    int64_t bad = -1;
    for (int64_t r = begin; r < end; r++) {
        int64_t label = -1;
        if (p->label_type != CN__EL_F32 && (label = class_of(p, r)) < 0) {
            bad_row(p, r);
            bad = bad < 0 ? r : bad;
            continue;
        }
        ce_row(p, r, label);
    }
    return bad;
}
