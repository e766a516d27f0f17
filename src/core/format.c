/* Numbers as Python and numpy write them, and names as Keras writes them. */
#include "core/format.h"

#include "core/digits.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Digits -------------------------------------------------------------------------------------- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Takes the digits out of what printf wrote; the locale's decimal point, whatever its bytes, is
 * passed over. */
static void collect(const char *text, cn__digits *out)
{
    memset(out, 0, sizeof *out);
    out->negative = *text == '-';
    int whole = 0; /* digits before the point, less one, counted from the first that is not zero */
    int first = -1, seen = 0;
    bool point = false;
    for (const char *p = text + out->negative; *p != '\0' && *p != 'e'; p++) {
        if (!is_digit(*p)) {
            point = true;
            continue;
        }
        if (first < 0 && *p != '0') {
            first = seen;
        }
        if (first >= 0 && out->n < (int)sizeof out->d) {
            out->d[out->n++] = *p;
        }
        whole += !point;
        seen++;
    }
    if (first < 0) {
        out->d[0] = '0';
        out->n = 1;
        return;
    }
    out->exponent = whole - 1 - first;
    const char *e = strchr(text, 'e');
    if (e != NULL) {
        out->exponent += atoi(e + 1);
    }
    while (out->n > 1 && out->d[out->n - 1] == '0') {
        out->n--;
    }
}

/* Whether the text, in the locale of the moment, reads as `value`. */
static bool reads_back(const char *text, double value, cn__width width)
{
    switch (width) {
    case CN__WIDTH_FLOAT: return strtof(text, NULL) == (float)value;
    case CN__WIDTH_HALF:
        return cn__float_to_half(strtof(text, NULL)) == cn__float_to_half((float)value);
    default: return strtod(text, NULL) == value;
    }
}

/* Adds one to the last digit of "d.ddde±xx", carrying; false if all were nines. */
static bool count_up(char *text)
{
    for (char *p = strchr(text, 'e'); p-- > text;) {
        if (is_digit(*p)) {
            if (*p != '9') {
                ++*p;
                return true;
            }
            *p = '0';
        }
    }
    return false;
}

void cn__digits_shortest(double value, cn__width width, cn__digits *out)
{
    /* A decimal of DBL_DIG digits survives a double, so when as many read back none that is shorter
     * is lost by starting there: it is the same with zeros at its end. This does not hold below the
     * normal numbers. */
    static const struct {
        int sure, enough;
        double normal;
    } limits[] = {{DBL_DIG, 17, DBL_MIN}, {FLT_DIG, 9, FLT_MIN}, {1, 5, 1}};
    int least = fabs(value) >= limits[width].normal ? limits[width].sure : 1;
    /* A power of two is nearer to its lower neighbour than to the upper one: the nearest decimal
     * may be lost below while the one above it reads back. */
    int exponent;
    bool lopsided = fabs(frexp(value, &exponent)) == 0.5;
    char text[48];
    for (int n = least; n <= limits[width].enough; n++) {
        snprintf(text, sizeof text, "%.*e", n - 1, value);
        if (reads_back(text, value, width) ||
            (lopsided && count_up(text) && reads_back(text, value, width))) {
            break;
        }
    }
    collect(text, out);
}

void cn__digits_fixed(double value, int fraction, cn__digits *out)
{
    char text[48];
    snprintf(text, sizeof text, "%.*f", fraction, value);
    collect(text, out);
}

void cn__digits_scientific(double value, int fraction, cn__digits *out)
{
    char text[48];
    snprintf(text, sizeof text, "%.*e", fraction, value);
    collect(text, out);
}

int cn__digits_fraction(const cn__digits *digits)
{
    int fraction = digits->n - 1 - digits->exponent;
    return fraction > 0 ? fraction : 0;
}

/* Single numbers ------------------------------------------------------------------------------ */

/* "12.5", "3.0", "0.001": at least one digit on both sides of the point. `out` has room for 48. */
static void write_positional(const cn__digits *digits, char *out)
{
    if (digits->negative) {
        *out++ = '-';
    }
    for (int i = 0; i <= digits->exponent; i++) {
        *out++ = i < digits->n ? digits->d[i] : '0';
    }
    if (digits->exponent < 0) {
        *out++ = '0';
    }
    *out++ = '.';
    int fraction = cn__digits_fraction(digits);
    for (int i = 0; i < fraction; i++) {
        int at = digits->exponent + 1 + i;
        *out++ = at >= 0 ? digits->d[at] : '0';
    }
    if (fraction == 0) {
        *out++ = '0';
    }
    *out = '\0';
}

/* "1e-07", "1.5e+16": no point without digits behind it, an exponent of at least two digits. */
static void write_scientific(const cn__digits *digits, char *out, size_t size)
{
    snprintf(out, size, "%s%c%s%.*se%c%02d", digits->negative ? "-" : "", digits->d[0],
             digits->n > 1 ? "." : "", digits->n - 1, digits->d + 1,
             digits->exponent < 0 ? '-' : '+', abs(digits->exponent));
}

/* Python and numpy write numbers in [1e-4, `most`) without an exponent. */
static char *format_number(double value, cn__width width, double most, char *buffer, size_t size)
{
    char text[64];
    double magnitude = fabs(value);
    if (isnan(value)) {
        snprintf(buffer, size, "nan");
        return buffer;
    }
    if (isinf(value)) {
        snprintf(buffer, size, "%s", value < 0 ? "-inf" : "inf");
        return buffer;
    }
    cn__digits digits;
    cn__digits_shortest(value, width, &digits);
    if (magnitude == 0 || (magnitude >= 1e-4 && magnitude < most)) {
        write_positional(&digits, text);
    } else {
        write_scientific(&digits, text, sizeof text);
    }
    snprintf(buffer, size, "%s", text);
    return buffer;
}

char *cn__format_double(double value, char *buffer, size_t size)
{
    return format_number(value, CN__WIDTH_DOUBLE, 1e16, buffer, size);
}

/* numpy 2.4 leaves off the exponent only as far as the type has digits: 1e6 for float32, 1e3 for
 * float16. */
char *cn__format_float(float value, char *buffer, size_t size)
{
    return format_number(value, CN__WIDTH_FLOAT, 1e6, buffer, size);
}

char *cn__format_half(float value, char *buffer, size_t size)
{
    return format_number(value, CN__WIDTH_HALF, 1e3, buffer, size);
}

char *cn_format_double(double value, char *buffer, size_t size)
{
    return cn__format_double(value, buffer, size);
}

char *cn__format_thousands(int64_t value, char *buffer, size_t size)
{
    char digits[24], text[32];
    int n = snprintf(digits, sizeof digits, "%" PRId64, value);
    int at = 0, sign = value < 0;
    for (int i = 0; i < n; i++) {
        if (i > sign && (n - i) % 3 == 0) {
            text[at++] = ',';
        }
        text[at++] = digits[i];
    }
    text[at] = '\0';
    snprintf(buffer, size, "%s", text);
    return buffer;
}

/* Names --------------------------------------------------------------------------------------- */

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_word(char c)
{
    return is_upper(c) || is_lower(c) || is_digit(c) || c == '_' || (unsigned char)c >= 0x80;
}

char *cn__snake_case(const char *name)
{
    size_t length = strlen(name);
    char *word = cn__malloc(length + 1), *out = cn__malloc(3 * length + 1);
    if (word == NULL || out == NULL) {
        cn__free_mem(word);
        cn__free_mem(out);
        return NULL;
    }
    size_t n = 0, m = 0;
    for (size_t i = 0; i < length; i++) {
        if (is_word(name[i])) {
            word[n++] = name[i];
        }
    }
    word[n] = '\0';
    /* An underscore goes before a capital that small letters follow; such a word is then passed
     * over whole, as a regular expression would. Reading word[n] as the end is fine: it is neither
     * a capital nor a small letter. */
    for (size_t i = 0; i < n;) {
        out[m++] = word[i++];
        if (is_upper(word[i]) && is_lower(word[i + 1])) {
            out[m++] = '_';
            out[m++] = word[i++];
            while (is_lower(word[i])) {
                out[m++] = word[i++];
            }
            /* The letter that ended the word may begin the next one without having been taken as
             * "any character": the second rule, a capital after a small letter, covers it. */
        }
    }
    out[m] = '\0';
    cn__free_mem(word);
    char *snake = cn__malloc(2 * m + 1);
    size_t k = 0;
    for (size_t i = 0; snake != NULL && i <= m; i++) {
        if (i > 0 && is_lower(out[i - 1]) && is_upper(out[i])) {
            snake[k++] = '_';
        }
        snake[k++] = is_upper(out[i]) ? (char)(out[i] - 'A' + 'a') : out[i];
    }
    cn__free_mem(out);
    return snake;
}
