/* Tables of numbers in text: .csv files, read and written whatever the program's locale. */
#include "core/format.h"
#include "data/arrays.h"

#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const cn_csv_args cn_csv_defaults = {.size = sizeof(cn_csv_args), CN_CSV_DEFAULTS};

/* Numbers -------------------------------------------------------------------------------------- */

/* Powers of ten that a double holds exactly. */
static const double exact_ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* For numbers that the short way below cannot round correctly: strtod, given the locale's own
 * decimal point. */
static double parse_slowly(const char *text, size_t length)
{
    char small[128], *copy = length * 2 + 8 < sizeof small ? small : cn__malloc(length * 2 + 8);
    if (copy == NULL) {
        return NAN;
    }
    const char *point = localeconv()->decimal_point;
    char *out = copy;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '.') {
            /* A decimal point is one character, of at most a few bytes. */
            size_t n = strlen(point) < 8 ? strlen(point) : 1;
            memcpy(out, point, n);
            out += n;
        } else {
            *out++ = text[i];
        }
    }
    *out = '\0';
    double value = strtod(copy, NULL);
    if (copy != small) {
        cn__free_mem(copy);
    }
    return value;
}

static bool word_is(const char *p, const char *end, const char *word)
{
    for (; p < end && *word != '\0'; p++, word++) {
        if ((*p >= 'A' && *p <= 'Z' ? *p - 'A' + 'a' : *p) != *word) {
            return false;
        }
    }
    return p == end && *word == '\0';
}

/* The whole of [p, end) as a number: "-1.5e3", "nan", "inf", "True"; false if it is something else.
 */
static bool parse_number(const char *p, const char *end, double *out)
{
    const char *begin = p;
    bool negative = p < end && *p == '-';
    p += p < end && (*p == '-' || *p == '+');
    if (word_is(p, end, "nan") || word_is(p, end, "inf") || word_is(p, end, "infinity")) {
        *out = *p == 'n' || *p == 'N' ? NAN : negative ? -INFINITY : INFINITY;
        return true;
    }
    if (word_is(begin, end, "true") || word_is(begin, end, "false")) {
        *out = *begin == 't' || *begin == 'T';
        return true;
    }
    uint64_t digits = 0;
    int seen = 0, exponent = 0;
    bool point = false, exact = true;
    for (; p < end && ((*p >= '0' && *p <= '9') || (*p == '.' && !point)); p++) {
        if (*p == '.') {
            point = true;
            continue;
        }
        seen++;
        exact = exact && digits < UINT64_MAX / 100;
        digits = exact ? digits * 10 + (uint64_t)(*p - '0') : digits;
        exponent -= point;
    }
    if (seen == 0) {
        return false;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        bool down = p < end && *p == '-';
        p += p < end && (*p == '-' || *p == '+');
        int value = 0, places = 0;
        for (; p < end && *p >= '0' && *p <= '9'; p++, places++) {
            value = value < 100000 ? value * 10 + (*p - '0') : value;
        }
        if (places == 0) {
            return false;
        }
        exponent += down ? -value : value;
    }
    if (p != end) {
        return false;
    }
    /* Both numbers are exact, so that one division or product rounds once: correctly. */
    if (exact && digits <= (uint64_t)1 << 53 && exponent >= -22 && exponent <= 22) {
        double value = (double)digits;
        value = exponent < 0 ? value / exact_ten[-exponent] : value * exact_ten[exponent];
        *out = negative ? -value : value;
    } else {
        *out = parse_slowly(begin, (size_t)(end - begin));
    }
    return true;
}

/* The table ------------------------------------------------------------------------------------ */

typedef struct reader {
    const char *p, *end;
    const char *name;
    char delimiter; /* ' ' stands for any number of blanks */
    int64_t line;   /* counted from 1 */
    int64_t columns, rows;
    double *values;
    int64_t count, capacity;
} reader;

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The line's [begin, end) without its ending and the blanks around it; false at the end of the
 * text. */
static bool next_line(reader *r, const char **begin, const char **end)
{
    while (r->p < r->end) {
        const char *stop = memchr(r->p, '\n', (size_t)(r->end - r->p));
        const char *b = r->p, *e = stop != NULL ? stop : r->end;
        r->p = stop != NULL ? stop + 1 : r->end;
        r->line++;
        /* A tab that delimits is no blank: an empty field beside it must be seen. */
        while (b < e && is_blank(*b) && !(*b == '\t' && r->delimiter == '\t')) {
            b++;
        }
        while (e > b && is_blank(e[-1]) && !(e[-1] == '\t' && r->delimiter == '\t')) {
            e--;
        }
        if (b < e && *b != '#') {
            *begin = b;
            *end = e;
            return true;
        }
    }
    return false;
}

/* Cuts the next field out of a line: [*field, *stop), without quotes and the blanks around it.
 * False after the last. */
static bool next_field(const reader *r, const char **p, const char *end, const char **field,
                       const char **stop)
{
    if (*p == NULL) {
        return false;
    }
    const char *b = *p, *e = b;
    bool quoted = false;
    while (e < end && (quoted || (*e != r->delimiter && !(r->delimiter == ' ' && *e == '\t')))) {
        quoted = *e == '"' ? !quoted : quoted;
        e++;
    }
    *p = e < end ? e + 1 : NULL;
    if (r->delimiter == ' ') {
        while (*p != NULL && *p < end && is_blank(**p)) {
            ++*p;
        }
    }
    while (b < e && is_blank(*b)) {
        b++;
    }
    while (e > b && is_blank(e[-1])) {
        e--;
    }
    if (e - b >= 2 && *b == '"' && e[-1] == '"') {
        b++;
        e--;
    }
    *field = b;
    *stop = e;
    return true;
}

static char find_delimiter(const char *begin, const char *end)
{
    static const char candidates[] = ",;\t";
    for (const char *c = candidates; *c != '\0'; c++) {
        if (memchr(begin, *c, (size_t)(end - begin)) != NULL) {
            return *c;
        }
    }
    return ' ';
}

static int bad_field(const reader *r, int64_t column, const char *b, const char *e)
{
    return cn__fail(
        CN_EFORMAT, "%s: line %" PRId64 ", column %" PRId64 ": expected a number, got \"%.*s\"%s",
        r->name, r->line, column, (int)(e - b < 40 ? e - b : 40), b, e - b > 40 ? "…" : "");
}

static int add_row(reader *r, const char *p, const char *end)
{
    const char *b, *e;
    int64_t column = 0;
    while (next_field(r, &p, end, &b, &e)) {
        double value;
        column++;
        if (!parse_number(b, e, &value)) {
            return bad_field(r, column, b, e);
        }
        if (cn__grow((void **)&r->values, &r->capacity, r->count + 1, sizeof *r->values) != 0) {
            return CN_ENOMEM;
        }
        r->values[r->count++] = value;
    }
    if (r->rows == 0) {
        r->columns = column;
    } else if (column != r->columns) {
        return cn__fail(CN_EFORMAT,
                        "%s: line %" PRId64 ": expected %" PRId64 " columns, got %" PRId64, r->name,
                        r->line, r->columns, column);
    }
    r->rows++;
    return 0;
}

/* Whether the first row is a row of names: some field of it is no number. */
static bool is_header(const reader *r, const char *p, const char *end)
{
    const char *b, *e;
    double value;
    while (next_field(r, &p, end, &b, &e)) {
        if (!parse_number(b, e, &value)) {
            return true;
        }
    }
    return false;
}

static int read_rows(reader *r, const cn_csv_args *args)
{
    const char *begin, *end;
    if (r->end - r->p >= 3 && memcmp(r->p, "\xEF\xBB\xBF", 3) == 0) {
        r->p += 3; /* the mark that some programs put before UTF-8 */
    }
    r->delimiter = args->delimiter;
    bool first = true;
    while (next_line(r, &begin, &end)) {
        if (first && r->delimiter == '\0') {
            r->delimiter = find_delimiter(begin, end);
        }
        bool skip = first && (args->header > 0 || (args->header < 0 && is_header(r, begin, end)));
        first = false;
        int code = skip ? 0 : add_row(r, begin, end);
        if (code != 0) {
            return code;
        }
    }
    if (r->rows == 0) {
        return cn__fail(CN_EFORMAT, "%s: expected rows of numbers, got none", r->name);
    }
    return 0;
}

cn_tensor *cn__csv_read(const char *text, size_t size, const char *name, const cn_csv_args *args)
{
    reader r = {.p = text, .end = text + size, .name = name};
    cn_tensor *t = NULL;
    if (read_rows(&r, args) == 0) {
        cn_shape shape = {.rank = r.columns == 1 ? 1 : 2, .dim = {r.rows, r.columns}};
        t = cn__tensor_new(args->dtype != CN_DTYPE_UNSET ? args->dtype : CN_FLOAT32, &shape);
    }
    for (int64_t i = 0; t != NULL && i < r.count; i++) {
        cn__write(t->dtype, t->data, i, r.values[i]);
        if (!cn__dtype_is_float(t->dtype) && cn__read(t->dtype, t->data, i) != r.values[i]) {
            cn__fail(CN_EFORMAT, "%s: row %" PRId64 ", column %" PRId64 ": %g is no %s", name,
                     i / r.columns + 1, i % r.columns + 1, r.values[i], cn_dtype_name(t->dtype));
            cn_free(t);
            t = NULL;
        }
    }
    cn__free_mem(r.values);
    return t;
}

/* The arguments over the defaults; false and an error if they make no sense. */
static bool csv_args(cn_csv_args *out, const cn_csv_args *args, const char *who, const char *path)
{
    *out = cn_csv_defaults;
    if (cn__pending()) {
        return false;
    }
    if (path == NULL || (args != NULL && args->size == 0)) {
        cn__fail(CN_EVALUE, "%s: expected a path and arguments with their size set", who);
        return false;
    }
    if (args != NULL) {
        memcpy(out, args, args->size < sizeof *out ? args->size : sizeof *out);
    }
    if (out->delimiter != '\0' && strchr("0123456789+-.eE\"\n\r", out->delimiter) != NULL) {
        cn__fail(CN_EVALUE, "%s: a delimiter cannot be '%c'", who, out->delimiter);
        return false;
    }
    if ((unsigned)out->dtype >= (unsigned)CN__DTYPE_COUNT) {
        cn__fail(CN_EVALUE, "%s: unknown dtype %d", who, (int)out->dtype);
        return false;
    }
    return true;
}

cn_tensor *cn_load_csv_with(const char *path, const cn_csv_args *args)
{
    cn_csv_args a;
    cn__source source;
    if (!csv_args(&a, args, "cn_load_csv", path) || cn__source_file(&source, path) != 0) {
        return NULL;
    }
    size_t size;
    char *text = cn__source_rest(&source, &size);
    cn__source_file_close(&source);
    cn_tensor *t = text != NULL ? cn__csv_read(text, size, path, &a) : NULL;
    cn__free_mem(text);
    return t;
}

/* Writing -------------------------------------------------------------------------------------- */

static void write_element(FILE *file, const cn_tensor *t, const void *data, int64_t i)
{
    char text[40];
    switch (t->dtype) {
    case CN_INT64: fprintf(file, "%" PRId64, ((const int64_t *)data)[i]); return;
    case CN_UINT64: fprintf(file, "%" PRIu64, ((const uint64_t *)data)[i]); return;
    case CN_FLOAT64: cn__format_double(cn__read(t->dtype, data, i), text, sizeof text); break;
    case CN_FLOAT16: cn__format_half((float)cn__read(t->dtype, data, i), text, sizeof text); break;
    case CN_FLOAT32:
    case CN_BFLOAT16:
        cn__format_float((float)cn__read(t->dtype, data, i), text, sizeof text);
        break;
    default: fprintf(file, "%" PRId64, (int64_t)cn__read(t->dtype, data, i)); return;
    }
    fputs(text, file);
}

int cn_save_csv_with(const char *path, const cn_tensor *t, const cn_csv_args *args)
{
    cn_csv_args a;
    if (!csv_args(&a, args, "cn_save_csv", path)) {
        return cn_error_code();
    }
    t = cn__check_tensor(t, "cn_save_csv");
    const void *data = t != NULL ? cn__data(t) : NULL;
    if (data == NULL) {
        return cn_error_code();
    }
    if (t->shape.rank > 2) {
        char shape[192];
        return cn__fail(CN_EVALUE, "%s: a .csv file holds one or two axes, got shape %s", path,
                        cn__shape_text(&t->shape, shape, sizeof shape));
    }
    int64_t rows = t->shape.rank > 0 ? t->shape.dim[0] : 1;
    int64_t columns = t->shape.rank > 1 ? t->shape.dim[1] : 1;
    cn__file_writer writer;
    int code = cn__file_writer_begin(&writer, path);
    if (code != 0) {
        return code;
    }
    for (int64_t row = 0; row < rows && !ferror(writer.file); row++) {
        for (int64_t column = 0; column < columns; column++) {
            write_element(writer.file, t, data, row * columns + column);
            fputc(column + 1 == columns ? '\n' : a.delimiter ? a.delimiter : ',', writer.file);
        }
    }
    return cn__file_writer_end(&writer, 0);
}
