/* Walking arrays by strides: what transposes, broadcasts, slices and tiles are made of. */
#ifndef CN_KERNELS_REFERENCE_WALK_H
#define CN_KERNELS_REFERENCE_WALK_H

#include "core/op.h"

enum {
    CN__WALK_RANK = 2 * CN_MAX_RANK, /* a tile has two axes for each of its tensor's */
    CN__UNIT = 16384                 /* elements of the output in one unit of work */
};

/* Element e of the output, in row-major order over dim, is element offset + sum(coordinate *
 * stride) of the input. */
typedef struct cn__walk {
    int rank;
    int64_t dim[CN__WALK_RANK], stride[CN__WALK_RANK];
    int64_t offset;
} cn__walk;

/* Appends an inner axis; neighbours that form one even run are merged, so that inner lines are
 * long. */
void cn__walk_axis(cn__walk *walk, int64_t dim, int64_t stride);
/* Copies elements [begin, end) of the output; elements have `bytes` bytes. */
void cn__walk_copy(const cn__walk *walk, size_t bytes, const void *in, void *out, int64_t begin,
                   int64_t end);

/* Distances between neighbours of a row-major array, in elements. */
void cn__strides(const cn_shape *shape, int64_t *stride);
/* Strides of `in` seen as `out` by numpy's broadcasting: 0 along lengths of 1 and axes that it does
 * not have. */
void cn__broadcast_strides(const cn_shape *in, const cn_shape *out, int64_t *stride);
/* Elements of a shape whose lengths are known. */
int64_t cn__elements(const cn_shape *shape);
/* Elements before, along and after an axis. */
void cn__around(const cn_shape *shape, int axis, int64_t *outer, int64_t *length, int64_t *inner);

/* Units of CN__UNIT elements of the first output, and the elements of units [begin, end). */
int64_t cn__element_units(const cn__call *call);
void cn__element_range(const cn__call *call, int64_t begin, int64_t end, int64_t *first,
                       int64_t *last);

/* Python's slice(start, stop, step).indices(length): the first index and how many there are.
 * CN_NONE is None. */
int64_t cn__slice_count(int64_t length, int64_t start, int64_t stop, int64_t step, int64_t *first);

/* One element that holds `value`, as the dtype stores it, in `element` (8 bytes). */
void cn__element_of(cn_dtype dtype, double value, void *element);
/* `n` copies of an element. */
void cn__fill(void *out, size_t bytes, int64_t n, const void *element);

/* Embeds `in` into `out`: in[i] lands at start + i * step along each axis, everything else is
 * `element`. */
typedef struct cn__embedding {
    const cn_shape *in, *out;
    int64_t start[CN_MAX_RANK], step[CN_MAX_RANK];
    size_t bytes;
    const void *element;
} cn__embedding;
/* Lines [begin, end) of the output along its last axis. */
void cn__embed(const cn__embedding *how, const void *in, void *out, int64_t begin, int64_t end);
/* Lines of a shape: the elements of all axes but the last; 1 for a scalar. */
int64_t cn__lines(const cn_shape *shape);

/* "indices[1,0]": the place of element i of an array whose first row is row `row0` of the batch.
 * Returns text (256 bytes). */
char *cn__place_text(const cn_shape *shape, int64_t row0, int64_t i, char *text, size_t size);

/* Elements as numbers: an integer element (or bool) of any dtype, a float of any dtype, and back.
 */
int64_t cn__load_integer(cn_dtype dtype, const void *data, int64_t i);
void cn__store_integer(cn_dtype dtype, void *out, int64_t i, int64_t value);
void cn__store_doubles(cn_dtype dtype, void *out, int64_t at, int64_t n, const double *values);
void cn__load_doubles(cn_dtype dtype, const void *in, int64_t at, int64_t n, double *values);
/* A number whose unsigned order is the order of the elements; NaN comes last, -0 equals 0. */
uint64_t cn__order_key(cn_dtype dtype, const void *data, int64_t i);

#endif
