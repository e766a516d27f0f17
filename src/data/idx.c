/* The idx format of MNIST: two zeros, a type, a rank, big-endian lengths, big-endian elements;
 * often packed by gzip. */
#include "data/arrays.h"

#include <inttypes.h>
#include <string.h>

static cn_dtype dtype_of(int type)
{
    switch (type) {
    case 0x08: return CN_UINT8;
    case 0x09: return CN_INT8;
    case 0x0B: return CN_INT16;
    case 0x0C: return CN_INT32;
    case 0x0D: return CN_FLOAT32;
    case 0x0E: return CN_FLOAT64;
    default: return CN_DTYPE_UNSET;
    }
}

/* The array, whose first two bytes have been read already. */
static cn_tensor *read_plain(cn__source *source, const unsigned char first[2])
{
    unsigned char fixed[4], lengths[4 * CN_MAX_RANK];
    memcpy(fixed, first, 2);
    if (cn__source_need(source, fixed + 2, 2, "the idx header") != 0) {
        return NULL;
    }
    cn_dtype dtype = dtype_of(fixed[2]);
    if (fixed[0] != 0 || fixed[1] != 0 || dtype == CN_DTYPE_UNSET) {
        cn__fail(CN_EFORMAT,
                 "%s: not an idx file: expected two zeros and a type of 8, 9, 11 … 14 at its "
                 "beginning, got %d %d %d",
                 source->name, fixed[0], fixed[1], fixed[2]);
        return NULL;
    }
    if (fixed[3] > CN_MAX_RANK) {
        cn__fail(CN_EFORMAT, "%s: byte 3: expected at most %d axes, got %d", source->name,
                 CN_MAX_RANK, fixed[3]);
        return NULL;
    }
    cn_shape shape = {.rank = fixed[3]};
    if (cn__source_need(source, lengths, 4 * shape.rank, "the idx header") != 0) {
        return NULL;
    }
    for (int axis = 0; axis < shape.rank; axis++) {
        const unsigned char *b = lengths + 4 * axis;
        shape.dim[axis] = (int64_t)b[0] << 24 | (int64_t)b[1] << 16 | (int64_t)b[2] << 8 | b[3];
    }
    cn_tensor *t = cn__array_new(source, dtype, &shape);
    if (t == NULL) {
        return NULL;
    }
    char more;
    int64_t left = 0;
    if (cn__source_need(source, t->data, (int64_t)cn__bytes(t), "the data") == 0) {
        left = cn__source_read(source, &more, 1);
        if (left > 0) {
            cn__fail(CN_EFORMAT,
                     "%s: byte %" PRId64 ": expected the end of the file, got more data",
                     source->name, source->at - 1);
        }
    }
    if (cn__pending()) {
        cn_free(t);
        return NULL;
    }
    if (!cn__big_endian() && cn_dtype_size(dtype) > 1) {
        cn__swap_bytes(t->data, cn__size(t), cn_dtype_size(dtype));
    }
    return t;
}

/* Gives back two bytes that were read to see what follows, then goes on with the source. */
typedef struct pushed {
    cn__source *inner;
    unsigned char first[2];
    int left;
} pushed;

static int64_t read_pushed(cn__source *source, void *data, int64_t n)
{
    pushed *p = source->state;
    if (p->left > 0) {
        *(unsigned char *)data = p->first[2 - p->left--];
        return 1;
    }
    return cn__source_read(p->inner, data, n);
}

cn_tensor *cn__idx_read(cn__source *source)
{
    unsigned char first[2];
    if (cn__source_need(source, first, 2, "the idx header") != 0) {
        return NULL;
    }
    if (first[0] != 0x1f || first[1] != 0x8b) {
        return read_plain(source, first);
    }
    pushed p = {.inner = source, .first = {0x1f, 0x8b}, .left = 2};
    cn__source whole = {
        .name = source->name,
        .most = source->most > INT64_MAX - 2 ? INT64_MAX : source->most + 2,
        .read = read_pushed,
        .state = &p,
    };
    cn__source unpacked;
    cn_tensor *t = NULL;
    if (cn__source_gzip(&unpacked, &whole) == 0) {
        if (cn__source_need(&unpacked, first, 2, "the idx header") == 0) {
            t = read_plain(&unpacked, first);
        }
        cn__source_gzip_close(&unpacked);
    }
    return t;
}

cn_tensor *cn_load_idx(const char *path)
{
    cn__source source;
    if (cn__pending()) {
        return NULL;
    }
    if (path == NULL) {
        cn__fail(CN_EVALUE, "cn_load_idx: expected a path, got NULL");
        return NULL;
    }
    if (cn__source_file(&source, path) != 0) {
        return NULL;
    }
    cn_tensor *t = cn__idx_read(&source);
    cn__source_file_close(&source);
    return t;
}
