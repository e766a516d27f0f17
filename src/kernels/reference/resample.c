/* The weights of resizing, as tf.image.resize has them. */
#include "kernels/reference/resample.h"

#include <float.h>
#include <math.h>

#ifndef M_PI
#define M_PI 3.14159265358979323846
#endif

static double radius_of(cn__resample_method method)
{
    switch (method) {
    case CN__RESAMPLE_BILINEAR: return 1;
    case CN__RESAMPLE_LANCZOS3: return 3;
    case CN__RESAMPLE_LANCZOS5: return 5;
    case CN__RESAMPLE_GAUSSIAN: return 1.5;
    default: return 2;
    }
}

/* sin(pi x) sin(pi x / r) / (pi² x² / r) */
static double lanczos(double x, double r)
{
    double a = M_PI * x;
    return x > r ? 0 : x <= 1e-3 ? 1 : r * sin(a) * sin(a / r) / (a * a);
}

/* Keys's cubic with a = -1/2. */
static double keys(double x)
{
    if (x >= 2) {
        return 0;
    }
    return x >= 1 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : ((1.5 * x - 2.5) * x) * x + 1;
}

/* Mitchell and Netravali's cubic with B = C = 1/3. */
static double mitchell(double x)
{
    if (x >= 2) {
        return 0;
    }
    return x >= 1 ? (((-7.0 / 18) * x + 2) * x - 10.0 / 3) * x + 16.0 / 9
                  : (((7.0 / 6) * x - 2) * x) * x + 8.0 / 9;
}

/* The kernel at distance x >= 0 from its centre. */
static double kernel_at(cn__resample_method method, double x)
{
    switch (method) {
    case CN__RESAMPLE_BILINEAR: return x < 1 ? 1 - x : 0;
    case CN__RESAMPLE_LANCZOS3: return lanczos(x, 3);
    case CN__RESAMPLE_LANCZOS5: return lanczos(x, 5);
    case CN__RESAMPLE_GAUSSIAN: return x >= 1.5 ? 0 : exp(-x * x / (2 * 0.5 * 0.5));
    case CN__RESAMPLE_MITCHELLCUBIC: return mitchell(x);
    default: return keys(x);
    }
}

/* Bilinear and bicubic have arithmetic of their own unless they smooth; the rest of the kernels
 * always take the general way. */
static bool is_general(const cn__resample *how)
{
    bool fixed = how->method == CN__RESAMPLE_NEAREST || how->method == CN__RESAMPLE_AREA;
    bool plain = how->method == CN__RESAMPLE_BILINEAR || how->method == CN__RESAMPLE_BICUBIC;
    return !fixed && (!plain || how->antialias);
}

static double scale_of(const cn__resample *how)
{
    return (double)((float)how->in / (float)how->out);
}

static double reach_of(const cn__resample *how)
{
    double scale = scale_of(how);
    return radius_of(how->method) * (how->antialias && scale > 1 ? scale : 1);
}

int64_t cn__resample_span(const cn__resample *how)
{
    double reach = how->method == CN__RESAMPLE_AREA ? scale_of(how) : 2 * reach_of(how);
    int64_t span = (int64_t)ceil(reach) + 3;
    return span < how->in + 4 ? span : how->in + 4;
}

/* Weights over [first, first + n), divided by their sum. */
static int64_t normalise(int64_t n, double *weights)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += weights[i];
    }
    for (int64_t i = 0; i < n && fabs(sum) >= 1000 * FLT_MIN; i++) {
        weights[i] /= sum;
    }
    return n;
}

/* The kernel around the place's centre in the input, stretched by what is lost when the image
 * shrinks. */
static int64_t general_weights(const cn__resample *how, int64_t o, int64_t *first, double *weights)
{
    double scale = scale_of(how), stretch = how->antialias && scale > 1 ? scale : 1;
    double centre = ((double)o + 0.5) * scale, reach = reach_of(how);
    int64_t from = (int64_t)ceil(centre - reach - 0.5);
    int64_t to = (int64_t)floor(centre + reach - 0.5);
    from = from < 0 ? 0 : from > how->in - 1 ? how->in - 1 : from;
    to = to < 0 ? 0 : to > how->in - 1 ? how->in - 1 : to;
    *first = from;
    for (int64_t i = from; i <= to; i++) {
        weights[i - from] = kernel_at(how->method, fabs((double)i + 0.5 - centre) / stretch);
    }
    return normalise(to - from + 1, weights);
}

/* Cells that reach into the place's interval, by how much of them does. */
static int64_t area_weights(const cn__resample *how, int64_t o, int64_t *first, double *weights)
{
    double scale = scale_of(how), low = (double)o * scale, high = (double)(o + 1) * scale;
    int64_t from = (int64_t)floor(low), to = (int64_t)ceil(high);
    to = to > how->in ? how->in : to;
    from = from > how->in - 1 ? how->in - 1 : from;
    *first = from;
    for (int64_t i = from; i < to; i++) {
        double a = (double)i > low ? (double)i : low;
        double b = (double)(i + 1) < high ? (double)(i + 1) : high;
        weights[i - from] = (b - a) / scale;
    }
    return to - from;
}

/* Four cells by Keys's cubic at the nearest of 1024 fractions; those outside do not count. */
static int64_t cubic_weights(const cn__resample *how, int64_t o, int64_t *first, double *weights)
{
    float place = ((float)o + 0.5f) * (float)scale_of(how) - 0.5f;
    int64_t cell = (int64_t)floorf(place), n = 0;
    double fraction = (double)lrintf((place - (float)cell) * 1024) / 1024;
    for (int64_t k = -1; k <= 2; k++) {
        if (cell + k >= 0 && cell + k < how->in) {
            if (n == 0) {
                *first = cell + k;
            }
            weights[n++] = keys(fabs((double)k - fraction));
        }
    }
    return normalise(n, weights);
}

int64_t cn__resample_weights(const cn__resample *how, int64_t o, int64_t *first, double *weights)
{
    if (is_general(how)) {
        return general_weights(how, o, first, weights);
    }
    if (how->method == CN__RESAMPLE_AREA) {
        return area_weights(how, o, first, weights);
    }
    if (how->method == CN__RESAMPLE_BICUBIC) {
        return cubic_weights(how, o, first, weights);
    }
    float scale = (float)scale_of(how), place = ((float)o + 0.5f) * scale;
    if (how->method == CN__RESAMPLE_NEAREST) {
        int64_t cell = (int64_t)floorf(place);
        *first = cell < how->in ? cell : how->in - 1;
        weights[0] = 1;
        return 1;
    }
    place -= 0.5f;
    int64_t low = (int64_t)floorf(place), high = low + 1;
    double fraction = (double)(place - (float)low);
    if (low < 0 || high >= how->in) {
        *first = low < 0 ? 0 : how->in - 1;
        weights[0] = 1;
        return 1;
    }
    *first = low;
    weights[0] = 1 - fraction;
    weights[1] = fraction;
    return 2;
}
