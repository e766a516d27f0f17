/* Tensors as numpy's str() writes arrays, at its default print options. */
#include "core/digits.h"
#include "core/format.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* numpy's print options. */
#define PRECISION 8
#define THRESHOLD 1000
#define EDGE_ITEMS 3
#define LINE_WIDTH 75

/* How the elements of one array are written, found by a first look at all that will be shown. */
typedef struct style {
    const cn_tensor *t;
    const char *data;
    bool summary;
    bool exponent;  /* floats: 1.5e-07 */
    int left;       /* characters before the point, the sign among them */
    int right;      /* floats: characters behind the point */
    int exp_digits; /* floats: digits of the exponent */
    int integer;    /* integers: the width */
    /* the first look */
    double largest, smallest; /* of the finite magnitudes that are not zero; largest < 0: none */
    bool finite, nan, positive_inf, negative_inf;
} style;

/* Visits every element that is shown, with its flat index. */
static void visit(style *s, int axis, int64_t base, void (*look)(style *s, int64_t index))
{
    if (axis == s->t->shape.rank) {
        look(s, base);
        return;
    }
    int64_t n = s->t->shape.dim[axis];
    bool cut = s->summary && n > 2 * EDGE_ITEMS;
    for (int64_t i = 0; i < n; i++) {
        if (cut && i == EDGE_ITEMS) {
            i = n - EDGE_ITEMS;
        }
        visit(s, axis + 1, base * n + i, look);
    }
}

static cn__width width_of(cn_dtype dtype)
{
    return dtype == CN_FLOAT64   ? CN__WIDTH_DOUBLE
           : dtype == CN_FLOAT16 ? CN__WIDTH_HALF
                                 : CN__WIDTH_FLOAT;
}

static int integer_text(const style *s, int64_t index, char *text, size_t size)
{
    if (s->t->dtype == CN_UINT64) {
        return snprintf(text, size, "%" PRIu64, ((const uint64_t *)s->data)[index]);
    }
    int64_t value = s->t->dtype == CN_INT64 ? ((const int64_t *)s->data)[index]
                                            : (int64_t)cn__read(s->t->dtype, s->data, index);
    return snprintf(text, size, "%" PRId64, value);
}

static void look_integer(style *s, int64_t index)
{
    char text[24];
    int n = integer_text(s, index, text, sizeof text);
    s->integer = n > s->integer ? n : s->integer;
}

static void look_range(style *s, int64_t index)
{
    double value = cn__read(s->t->dtype, s->data, index);
    if (isnan(value)) {
        s->nan = true;
    } else if (isinf(value)) {
        *(value < 0 ? &s->negative_inf : &s->positive_inf) = true;
    } else {
        s->finite = true;
        double magnitude = fabs(value);
        if (magnitude > 0) {
            s->smallest = s->largest < 0 ? magnitude : fmin(s->smallest, magnitude);
            s->largest = fmax(s->largest, magnitude);
        }
    }
}

/* The digits of one finite element in the array's form: the fewest, and no more than the precision
 * behind the point. */
static void element_digits(const style *s, double value, cn__digits *digits)
{
    cn__digits_shortest(value, width_of(s->t->dtype), digits);
    if (s->exponent) {
        if (digits->n - 1 > PRECISION) {
            cn__digits_scientific(value, PRECISION, digits);
        }
    } else if (cn__digits_fraction(digits) > PRECISION) {
        cn__digits_fixed(value, PRECISION, digits);
    }
}

static int digits_of_exponent(const cn__digits *digits)
{
    char text[16];
    int n = snprintf(text, sizeof text, "%d", abs(digits->exponent));
    return n < 2 ? 2 : n;
}

static void look_width(style *s, int64_t index)
{
    double value = cn__read(s->t->dtype, s->data, index);
    if (!isfinite(value)) {
        return;
    }
    cn__digits digits;
    element_digits(s, value, &digits);
    int left = digits.negative + 1, right = digits.n - 1;
    if (s->exponent) {
        int n = digits_of_exponent(&digits);
        s->exp_digits = n > s->exp_digits ? n : s->exp_digits;
    } else {
        left += digits.exponent > 0 ? digits.exponent : 0;
        right = cn__digits_fraction(&digits);
    }
    s->left = left > s->left ? left : s->left;
    s->right = right > s->right ? right : s->right;
}

/* The form with an exponent is for a range that would not fit: numpy's rule, where the quotient is
 * taken in the array's own type, so that it may overflow or round to a thousand. */
static bool wants_exponent(const style *s)
{
    if (s->largest < 0) {
        return false;
    }
    switch (s->t->dtype) {
    case CN_FLOAT64:
        return s->largest >= 1e8 || s->smallest < 1e-4 || s->largest / s->smallest > 1000;
    case CN_FLOAT16:
        return s->largest >= 1e3 || s->smallest < 1e-4 ||
               cn__half_to_float(cn__float_to_half((float)(s->largest / s->smallest))) > 1000;
    default:
        return s->largest >= 1e6 || (float)s->smallest < 1e-4f ||
               (float)s->largest / (float)s->smallest > 1000;
    }
}

static void look_floats(style *s)
{
    s->largest = -1;
    visit(s, 0, 0, look_range);
    s->exponent = wants_exponent(s);
    visit(s, 0, 0, look_width);
    /* A nan or inf takes the whole width; with an exponent "e+07" counts to the right of the point.
     */
    int behind = s->right + (s->exponent ? s->exp_digits + 2 : 0) + 1;
    int word = s->negative_inf ? 4 : s->nan || s->positive_inf ? 3 : 0;
    if (word - behind > s->left) {
        s->left = word - behind;
    }
}

/* Writes the element, padded to the width that all have, into `text`. */
static void float_text(const style *s, double value, char *text, size_t size)
{
    if (!isfinite(value)) {
        int width = s->left + 1 + s->right + (s->exponent ? s->exp_digits + 2 : 0);
        snprintf(text, size, "%*s", width, isnan(value) ? "nan" : value < 0 ? "-inf" : "inf");
        return;
    }
    cn__digits d;
    element_digits(s, value, &d);
    if (s->exponent && d.n - 1 < s->right) {
        /* Where others need more digits than this one, numpy goes on with those of the exact value.
         */
        cn__digits_scientific(value, s->right, &d);
    }
    char whole[32];
    int n = 0;
    if (d.negative) {
        whole[n++] = '-';
    }
    whole[n++] = s->exponent || d.exponent >= 0 ? d.d[0] : '0';
    for (int i = 1; !s->exponent && i <= d.exponent && n < (int)sizeof whole - 1; i++) {
        whole[n++] = i < d.n ? d.d[i] : '0';
    }
    whole[n] = '\0';
    n = snprintf(text, size, "%*s.", s->left, whole);
    int have = s->exponent ? d.n - 1 : cn__digits_fraction(&d);
    for (int i = 0; i < s->right; i++) {
        int at = s->exponent ? i + 1 : d.exponent + 1 + i;
        /* What is missing is a zero before the exponent, and a blank without one. */
        text[n++] = i >= have ? (s->exponent ? '0' : ' ') : at < 0 ? '0' : d.d[at];
    }
    text[n] = '\0';
    if (s->exponent) {
        snprintf(text + n, size - (size_t)n, "e%c%0*d", d.exponent < 0 ? '-' : '+', s->exp_digits,
                 abs(d.exponent));
    }
}

/* ml_dtypes writes bfloat16 with six digits and no padding; the locale's point becomes a full stop.
 */
static void bfloat16_text(double value, char *text, size_t size)
{
    if (!isfinite(value)) {
        snprintf(text, size, "%s", isnan(value) ? "nan" : value < 0 ? "-inf" : "inf");
        return;
    }
    cn__digits d;
    cn__digits_scientific(value, 5, &d);
    if (d.exponent < -4 || d.exponent >= 6) {
        snprintf(text, size, "%s%c%s%.*se%c%02d", d.negative ? "-" : "", d.d[0], d.n > 1 ? "." : "",
                 d.n - 1, d.d + 1, d.exponent < 0 ? '-' : '+', abs(d.exponent));
        return;
    }
    size_t n = 0;
    if (d.negative) {
        text[n++] = '-';
    }
    /* Digit `at` has the place value 10^(exponent - at): zeros stand before the first one and after
     * the last. */
    int last = d.n - 1 > d.exponent ? d.n - 1 : d.exponent;
    for (int at = d.exponent < 0 ? d.exponent : 0; at <= last; at++) {
        text[n++] = at >= 0 && at < d.n ? d.d[at] : '0';
        if (at == d.exponent && at < last) {
            text[n++] = '.';
        }
    }
    text[n] = '\0';
}

static void element_text(const style *s, int64_t index, char *text, size_t size)
{
    cn_dtype dtype = s->t->dtype;
    double value = cn__read(dtype, s->data, index);
    if (dtype == CN_BOOL) {
        snprintf(text, size, "%s", value != 0 ? s->t->shape.rank ? " True" : "True" : "False");
    } else if (dtype == CN_BFLOAT16) {
        bfloat16_text(value, text, size);
    } else if (!cn__dtype_is_float(dtype)) {
        char number[24];
        integer_text(s, index, number, sizeof number);
        snprintf(text, size, "%*s", s->integer, number);
    } else if (s->t->shape.rank > 0) {
        float_text(s, value, text, size);
    } else if (dtype == CN_FLOAT64) {
        cn__format_double(value, text, size);
    } else if (dtype == CN_FLOAT16) {
        cn__format_half((float)value, text, size);
    } else {
        cn__format_float((float)value, text, size);
    }
}

static void strip_blanks(cn__text *out)
{
    while (out->length > 0 && out->data[out->length - 1] == ' ') {
        out->data[--out->length] = '\0';
    }
}

/* Adds a word to the line that began `*column` characters ago, on a new one if it would not fit and
 * if that helps. */
static void add_word(cn__text *out, const char *word, int rank, int *column)
{
    int length = (int)strlen(word);
    if (*column + length > LINE_WIDTH - rank && *column > rank) {
        strip_blanks(out);
        cn__text_append(out, "\n", 1);
        cn__text_pad(out, ' ', rank);
        *column = rank;
    }
    cn__text_append(out, word, (size_t)length);
    *column += length;
}

static void write_axis(const style *s, int axis, int64_t base, cn__text *out)
{
    int rank = s->t->shape.rank;
    int64_t n = s->t->shape.dim[axis];
    bool last = axis == rank - 1, cut = s->summary && n > 2 * EDGE_ITEMS;
    int column = rank; /* the indentation of a row stands for the brackets that open before it */
    cn__text_append(out, "[", 1);
    for (int64_t i = 0; i < n && !out->failed; i++) {
        bool dots = cut && i == EDGE_ITEMS;
        if (i > 0 && last) {
            cn__text_append(out, " ", 1);
            column++;
        } else if (i > 0) {
            cn__text_pad(out, '\n', rank - axis - 1);
            cn__text_pad(out, ' ', axis + 1);
        }
        if (dots) {
            i = n - EDGE_ITEMS - 1;
        }
        if (last) {
            char text[64] = "...";
            if (!dots) {
                element_text(s, base * n + i, text, sizeof text);
            }
            add_word(out, text, rank, &column);
        } else if (dots) {
            cn__text_append(out, "...", 3);
        } else {
            write_axis(s, axis + 1, base * n + i, out);
        }
    }
    cn__text_append(out, "]", 1);
}

int cn__format_tensor(const cn_tensor *t, cn__text *out)
{
    style s = {.t = t, .data = cn__data(t)};
    if (s.data == NULL) {
        return cn_error_code();
    }
    int64_t size = cn__size(t);
    s.summary = size > THRESHOLD;
    if (size == 0) {
        cn__text_append(out, "[]", 2);
        return out->failed ? cn__no_memory() : 0;
    }
    if (cn__dtype_is_integer(t->dtype)) {
        visit(&s, 0, 0, look_integer);
    } else if (cn__dtype_is_float(t->dtype) && t->dtype != CN_BFLOAT16 && t->shape.rank > 0) {
        look_floats(&s);
    }
    if (t->shape.rank == 0) {
        char text[64];
        element_text(&s, 0, text, sizeof text);
        cn__text_append(out, text, strlen(text));
    } else {
        write_axis(&s, 0, 0, out);
    }
    return out->failed ? cn__no_memory() : 0;
}

/* The text of a tensor, which the caller frees, or NULL and an error. */
static char *tensor_text(const cn_tensor *t, const char *who)
{
    if (cn__pending() || (t = cn__check_tensor(t, who)) == NULL) {
        return NULL;
    }
    cn__text text = {0};
    if (cn__format_tensor(t, &text) < 0) {
        cn__text_free(&text);
        return NULL;
    }
    return cn__text_take(&text);
}

size_t cn_tensor_format(const cn_tensor *t, char *buffer, size_t size)
{
    if (buffer != NULL && size > 0) {
        buffer[0] = '\0';
    }
    char *text = tensor_text(t, "cn_tensor_format");
    if (text == NULL) {
        return 0;
    }
    size_t length = strlen(text);
    if (buffer != NULL && size > 0) {
        size_t n = length < size - 1 ? length : size - 1;
        memcpy(buffer, text, n);
        buffer[n] = '\0';
    }
    cn__free_mem(text);
    return length;
}

const char *cn_tensor_string(const cn_tensor *t)
{
    char *text = tensor_text(t, "cn_tensor_string");
    return text != NULL ? cn__scope_string(text) : NULL;
}
