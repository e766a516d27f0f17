/* Shapes: sizes, texts, broadcasting, axes. */
#include "core/shape.h"

#include "core/error.h"
#include "core/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

cn_shape cn_shape_make(int rank, const int64_t *dim)
{
    cn_shape shape = {0};
    shape.rank = rank < 0 ? 0 : rank > CN_MAX_RANK ? CN_MAX_RANK : rank;
    if (shape.rank) {
        memcpy(shape.dim, dim, (size_t)shape.rank * sizeof *dim);
    }
    return shape;
}

cn_ints cn_tuple_of(int n, const int64_t *v)
{
    cn_ints tuple = {{0}, n < 0 ? 0 : n > 8 ? 8 : n};
    for (int i = 0; i < tuple.n; i++) {
        tuple.v[i] = v[i];
    }
    return tuple;
}

int64_t cn__shape_size(const cn_shape *shape)
{
    int64_t size = 1;
    bool known = true;
    for (int i = 0; i < shape->rank; i++) {
        int64_t n = shape->dim[i];
        if (n == -1) {
            known = false;
        } else if (!cn__mul_size(size, n, &size)) {
            char text[256];
            return cn__fail(CN_EVALUE, "The shape %s has a negative length or too many elements",
                            cn__shape_text(shape, text, sizeof text));
        }
    }
    return known ? size : -1;
}

bool cn__shape_known(const cn_shape *shape)
{
    for (int i = 0; i < shape->rank; i++) {
        if (shape->dim[i] < 0) {
            return false;
        }
    }
    return true;
}

bool cn__shape_equal(const cn_shape *a, const cn_shape *b)
{
    return a->rank == b->rank &&
           (!a->rank || !memcmp(a->dim, b->dim, (size_t)a->rank * sizeof *a->dim));
}

char *cn__shape_text(const cn_shape *shape, char *buffer, size_t size)
{
    size_t at = 0;
    at += (size_t)snprintf(buffer, size, "(");
    for (int i = 0; i < shape->rank && at < size; i++) {
        const char *after = i + 1 < shape->rank ? ", " : shape->rank == 1 ? "," : "";
        if (shape->dim[i] < 0) {
            at += (size_t)snprintf(buffer + at, size - at, "None%s", after);
        } else {
            at += (size_t)snprintf(buffer + at, size - at, "%" PRId64 "%s", shape->dim[i], after);
        }
    }
    if (at < size) {
        snprintf(buffer + at, size - at, ")");
    }
    return buffer;
}

int cn__shape_broadcast(const cn_shape *a, const cn_shape *b, cn_shape *out)
{
    cn_shape result = {0};
    result.rank = a->rank > b->rank ? a->rank : b->rank;
    for (int i = 1; i <= result.rank; i++) {
        int64_t x = i <= a->rank ? a->dim[a->rank - i] : 1;
        int64_t y = i <= b->rank ? b->dim[b->rank - i] : 1;
        int64_t n;
        if (x == y || y == 1) {
            n = x;
        } else if (x == 1) {
            n = y;
        } else if (x == -1) {
            n = y;
        } else if (y == -1) {
            n = x;
        } else {
            char ta[256], tb[256];
            return cn__fail(CN_EVALUE, "operands could not be broadcast together with shapes %s %s",
                            cn__shape_text(a, ta, sizeof ta), cn__shape_text(b, tb, sizeof tb));
        }
        result.dim[result.rank - i] = n;
    }
    *out = result;
    return 0;
}

int cn__axis(int64_t axis, int rank, const char *who)
{
    if (axis < -rank || axis >= rank) {
        return cn__fail(CN_EINDEX, "%s: axis %" PRId64 " is out of bounds for a tensor of rank %d",
                        who, axis, rank);
    }
    return (int)(axis < 0 ? axis + rank : axis);
}
