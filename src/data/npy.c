/* The .npy format of numpy: a magic string, a Python dict in text, and the elements. */
#include "data/arrays.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* numpy itself refuses headers above ten thousand bytes unless told otherwise. */
#define MOST_HEADER (1 << 20)

bool cn__big_endian(void)
{
    const uint16_t one = 1;
    return *(const unsigned char *)&one == 0;
}

void cn__swap_bytes(void *data, int64_t n, size_t size)
{
    unsigned char *p = data;
    for (int64_t i = 0; i < n; i++, p += size) {
        for (size_t a = 0, b = size - 1; a < b; a++, b--) {
            unsigned char keep = p[a];
            p[a] = p[b];
            p[b] = keep;
        }
    }
}

cn_tensor *cn__array_new(cn__source *source, cn_dtype dtype, const cn_shape *shape)
{
    int64_t n = cn__shape_size(shape), bytes = 0;
    char text[192];
    if (n < 0 || !cn__mul_size(n, (int64_t)cn_dtype_size(dtype), &bytes)) {
        cn_error_clear(); /* the same in the words of the file */
        cn__fail(CN_EFORMAT, "%s: the shape %s is too large", source->name,
                 cn__shape_text(shape, text, sizeof text));
        return NULL;
    }
    if (bytes > source->most) {
        cn__fail(CN_EFORMAT,
                 "%s: byte %" PRId64 ": expected %" PRId64
                 " bytes of data for %s of shape %s, but at most %" PRId64 " can follow",
                 source->name, source->at, bytes, cn_dtype_name(dtype),
                 cn__shape_text(shape, text, sizeof text), source->most);
        return NULL;
    }
    return cn__tensor_new(dtype, shape);
}

/* The dict ------------------------------------------------------------------------------------- */

typedef struct header {
    char descr[32];
    bool has_descr, has_order, has_shape;
    bool fortran_order;
    cn_shape shape;
} header;

/* What is left of the header's text, and where in the file it is. */
typedef struct parser {
    const char *begin, *p, *end;
    const char *name;
    int64_t offset;
} parser;

static int malformed(const parser *in, const char *expected)
{
    char got[24];
    int n = 0;
    for (const char *p = in->p; p < in->end && n < 16 && *p != '\n'; p++) {
        got[n++] = (char)(isprint((unsigned char)*p) ? *p : '?');
    }
    got[n] = '\0';
    return cn__fail(CN_EFORMAT, "%s: byte %" PRId64 ": in the .npy header: expected %s, got \"%s\"",
                    in->name, in->offset + (in->p - in->begin), expected, got);
}

static void skip_blanks(parser *in)
{
    while (in->p < in->end &&
           (*in->p == ' ' || *in->p == '\n' || *in->p == '\t' || *in->p == '\r')) {
        in->p++;
    }
}

/* Takes the character if it is the next one that is not blank. */
static bool take(parser *in, char c)
{
    skip_blanks(in);
    if (in->p < in->end && *in->p == c) {
        in->p++;
        return true;
    }
    return false;
}

static int parse_string(parser *in, char *out, size_t size)
{
    skip_blanks(in);
    if (in->p >= in->end || (*in->p != '\'' && *in->p != '"')) {
        return malformed(in, "a string");
    }
    char quote = *in->p++;
    size_t n = 0;
    while (in->p < in->end && *in->p != quote) {
        if (n + 1 >= size || *in->p == '\\') {
            return malformed(in, "a short string");
        }
        out[n++] = *in->p++;
    }
    out[n] = '\0';
    return take(in, quote) ? 0 : malformed(in, "the end of a string");
}

static int parse_length(parser *in, int64_t *out)
{
    skip_blanks(in);
    const char *digits = in->p;
    int64_t value = 0;
    while (in->p < in->end && *in->p >= '0' && *in->p <= '9') {
        if (value > (INT64_MAX - 9) / 10) {
            return malformed(in, "a length below 2^63");
        }
        value = value * 10 + (*in->p++ - '0');
    }
    if (in->p == digits) {
        return malformed(in, "a length");
    }
    if (in->p < in->end && *in->p == 'L') {
        in->p++; /* how Python 2 wrote long integers */
    }
    *out = value;
    return 0;
}

static int parse_shape(parser *in, cn_shape *shape)
{
    if (!take(in, '(')) {
        return malformed(in, "a tuple");
    }
    shape->rank = 0;
    while (!take(in, ')')) {
        int64_t length = 0;
        int code = parse_length(in, &length);
        if (code != 0) {
            return code;
        }
        if (shape->rank == CN_MAX_RANK) {
            return cn__fail(CN_EUNSUPPORTED, "%s: an array has at most %d axes, this one has more",
                            in->name, CN_MAX_RANK);
        }
        shape->dim[shape->rank++] = length;
        if (!take(in, ',') && !(in->p < in->end && *in->p == ')')) {
            return malformed(in, "',' or ')'");
        }
    }
    return 0;
}

static int parse_bool(parser *in, bool *out)
{
    skip_blanks(in);
    size_t left = (size_t)(in->end - in->p);
    if (left >= 4 && memcmp(in->p, "True", 4) == 0) {
        *out = true;
        in->p += 4;
        return 0;
    }
    if (left >= 5 && memcmp(in->p, "False", 5) == 0) {
        *out = false;
        in->p += 5;
        return 0;
    }
    return malformed(in, "True or False");
}

static int parse_entry(parser *in, header *h)
{
    char key[32];
    int code = parse_string(in, key, sizeof key);
    if (code == 0 && !take(in, ':')) {
        code = malformed(in, "':'");
    }
    if (code != 0) {
        return code;
    }
    if (strcmp(key, "descr") == 0) {
        h->has_descr = true;
        skip_blanks(in);
        if (in->p < in->end && *in->p == '[') {
            return cn__fail(CN_EUNSUPPORTED,
                            "%s: holds records with named fields; expected plain numbers",
                            in->name);
        }
        return parse_string(in, h->descr, sizeof h->descr);
    }
    if (strcmp(key, "fortran_order") == 0) {
        h->has_order = true;
        return parse_bool(in, &h->fortran_order);
    }
    if (strcmp(key, "shape") == 0) {
        h->has_shape = true;
        return parse_shape(in, &h->shape);
    }
    return malformed(in, "the key 'descr', 'fortran_order' or 'shape'");
}

static int parse_header(parser *in, header *h)
{
    if (!take(in, '{')) {
        return malformed(in, "'{'");
    }
    while (!take(in, '}')) {
        int code = parse_entry(in, h);
        if (code != 0) {
            return code;
        }
        skip_blanks(in);
        if (!take(in, ',') && !(in->p < in->end && *in->p == '}')) {
            return malformed(in, "',' or '}'");
        }
    }
    if (!h->has_descr || !h->has_order || !h->has_shape) {
        return cn__fail(CN_EFORMAT, "%s: the .npy header has no %s", in->name,
                        !h->has_descr   ? "descr"
                        : !h->has_order ? "fortran_order"
                                        : "shape");
    }
    return 0;
}

/* The dtypes ----------------------------------------------------------------------------------- */

static const struct {
    const char *word; /* numpy's kind and size */
    cn_dtype dtype;
} words[] = {
    {"f4", CN_FLOAT32}, {"f8", CN_FLOAT64}, {"f2", CN_FLOAT16}, {"V2", CN_BFLOAT16},
    {"i1", CN_INT8},    {"i2", CN_INT16},   {"i4", CN_INT32},   {"i8", CN_INT64},
    {"u1", CN_UINT8},   {"u2", CN_UINT16},  {"u4", CN_UINT32},  {"u8", CN_UINT64},
    {"b1", CN_BOOL},    {"?", CN_BOOL},
};

static const char *kind_name(char kind)
{
    switch (kind) {
    case 'O': return "Python objects";
    case 'S':
    case 'a':
    case 'U': return "strings";
    case 'c': return "complex numbers";
    case 'M':
    case 'm': return "dates or times";
    case 'V': return "raw bytes";
    default: return "elements of an unknown kind";
    }
}

/* '<f4' gives CN_FLOAT32 and whether its bytes are the wrong way round here. */
static cn_dtype parse_descr(const char *descr, const char *name, bool *swap)
{
    const char *word = descr;
    bool big = cn__big_endian();
    if (*word == '<' || *word == '>') {
        big = *word == '>';
        word++;
    } else if (*word == '=' || *word == '|') {
        word++;
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(word, words[i].word) == 0) {
            *swap = big != cn__big_endian() && cn_dtype_size(words[i].dtype) > 1;
            return words[i].dtype;
        }
    }
    cn__fail(CN_EUNSUPPORTED, "%s: holds %s (dtype '%s'); expected numbers or bools", name,
             kind_name(*word), descr);
    return CN_DTYPE_UNSET;
}

/* Reading -------------------------------------------------------------------------------------- */

/* Column-major to row-major: the axis that changed fastest becomes the first one. */
static int to_row_major(cn_tensor *t)
{
    int rank = t->shape.rank;
    int64_t n = cn__size(t), at[CN_MAX_RANK] = {0}, stride[CN_MAX_RANK], offset = 0;
    size_t size = cn_dtype_size(t->dtype);
    if (rank < 2 || n == 0) {
        return 0;
    }
    char *copy = cn__malloc(cn__bytes(t));
    if (copy == NULL) {
        return CN_ENOMEM;
    }
    memcpy(copy, t->data, cn__bytes(t));
    stride[0] = 1;
    for (int axis = 1; axis < rank; axis++) {
        stride[axis] = stride[axis - 1] * t->shape.dim[axis - 1];
    }
    for (int64_t i = 0; i < n; i++) {
        memcpy(t->data + (size_t)i * size, copy + (size_t)offset * size, size);
        for (int axis = rank - 1; axis >= 0; axis--) {
            offset += stride[axis];
            if (++at[axis] < t->shape.dim[axis]) {
                break;
            }
            offset -= stride[axis] * at[axis];
            at[axis] = 0;
        }
    }
    cn__free_mem(copy);
    return 0;
}

static int read_header(cn__source *source, header *h)
{
    unsigned char fixed[12];
    int code = cn__source_need(source, fixed, 8, "the .npy header");
    if (code != 0) {
        return code;
    }
    if (memcmp(fixed, "\x93NUMPY", 6) != 0) {
        return cn__fail(CN_EFORMAT, "%s: not a .npy file: expected \"\\x93NUMPY\" at its beginning",
                        source->name);
    }
    int version = fixed[6];
    if (version < 1 || version > 3) {
        return cn__fail(CN_EFORMAT, "%s: byte 6: expected .npy version 1, 2 or 3, got %d",
                        source->name, version);
    }
    int width = version == 1 ? 2 : 4;
    code = cn__source_need(source, fixed + 8, width, "the .npy header");
    if (code != 0) {
        return code;
    }
    uint32_t length = 0;
    for (int i = width - 1; i >= 0; i--) {
        length = length << 8 | fixed[8 + i];
    }
    if (length > MOST_HEADER) {
        return cn__fail(CN_EFORMAT,
                        "%s: byte 8: expected a .npy header of at most %d bytes, got %u",
                        source->name, MOST_HEADER, (unsigned)length);
    }
    char *text = cn__malloc((size_t)length + 1);
    if (text == NULL) {
        return CN_ENOMEM;
    }
    int64_t offset = source->at;
    code = cn__source_need(source, text, length, "the .npy header");
    if (code == 0) {
        parser in = {text, text, text + length, source->name, offset};
        code = parse_header(&in, h);
    }
    cn__free_mem(text);
    return code;
}

cn_tensor *cn__npy_read(cn__source *source)
{
    header h = {0};
    bool swap;
    if (read_header(source, &h) != 0) {
        return NULL;
    }
    cn_dtype dtype = parse_descr(h.descr, source->name, &swap);
    cn_tensor *t = dtype != CN_DTYPE_UNSET ? cn__array_new(source, dtype, &h.shape) : NULL;
    if (t == NULL) {
        return NULL;
    }
    if (cn__source_need(source, t->data, (int64_t)cn__bytes(t), "the data") != 0 ||
        (h.fortran_order && to_row_major(t) != 0)) {
        cn_free(t);
        return NULL;
    }
    if (swap) {
        cn__swap_bytes(t->data, cn__size(t), cn_dtype_size(dtype));
    }
    for (int64_t i = 0; dtype == CN_BOOL && i < cn__size(t); i++) {
        t->data[i] = t->data[i] != 0;
    }
    return t;
}

cn_tensor *cn_load_npy(const char *path)
{
    cn__source source;
    if (cn__pending()) {
        return NULL;
    }
    if (path == NULL) {
        cn__fail(CN_EVALUE, "cn_load_npy: expected a path, got NULL");
        return NULL;
    }
    if (cn__source_file(&source, path) != 0) {
        return NULL;
    }
    cn_tensor *t = cn__npy_read(&source);
    cn__source_file_close(&source);
    return t;
}

/* Writing -------------------------------------------------------------------------------------- */

char *cn__npy_header(const cn_tensor *t, size_t *size)
{
    const char *word = "";
    for (size_t i = sizeof words / sizeof *words; i-- > 0;) {
        word = words[i].dtype == t->dtype ? words[i].word : word;
    }
    cn__text text = {0};
    cn__text_append(&text, "\x93NUMPY\x01\x00__", 10);
    /* 'b1' stands before '?' in the table, so the loop above ends at it, as numpy writes it. */
    char order = cn_dtype_size(t->dtype) == 1 ? '|' : cn__big_endian() ? '>' : '<';
    cn__text_add(&text, "{'descr': '%c%s', 'fortran_order': False, 'shape': (", order, word);
    for (int axis = 0; axis < t->shape.rank; axis++) {
        cn__text_add(&text, "%s%" PRId64 "%s", axis ? " " : "", t->shape.dim[axis],
                     axis + 1 < t->shape.rank || t->shape.rank == 1 ? "," : "");
    }
    cn__text_add(&text, "), }");
    /* Blanks and a line's end bring the data to a multiple of 64 bytes. */
    cn__text_pad(&text, ' ', (int64_t)(63 - text.length % 64));
    cn__text_append(&text, "\n", 1);
    *size = text.length;
    char *out = cn__text_take(&text);
    if (out != NULL) {
        out[8] = (char)((*size - 10) & 255);
        out[9] = (char)((*size - 10) >> 8);
    }
    return out;
}

int cn_save_npy(const char *path, const cn_tensor *t)
{
    if (cn__pending()) {
        return CN_EPENDING;
    }
    if (path == NULL) {
        return cn__fail(CN_EVALUE, "cn_save_npy: expected a path, got NULL");
    }
    t = cn__check_tensor(t, "cn_save_npy");
    const void *data = t != NULL ? cn__data(t) : NULL;
    if (data == NULL) {
        return cn_error_code();
    }
    size_t size;
    char *head = cn__npy_header(t, &size);
    if (head == NULL) {
        return CN_ENOMEM;
    }
    cn__file_writer writer;
    int code = cn__file_writer_begin(&writer, path);
    if (code == 0) {
        fwrite(head, 1, size, writer.file);
        fwrite(data, 1, cn__bytes(t), writer.file);
        code = cn__file_writer_end(&writer, 0);
    }
    cn__free_mem(head);
    return code;
}
