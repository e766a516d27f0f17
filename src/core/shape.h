/* Shapes: a rank and up to eight lengths, -1 where Keras says None. */
#ifndef CN_CORE_SHAPE_H
#define CN_CORE_SHAPE_H

#include <cornu/tensor.h>

/* The number of elements, -1 if some length is not known; CN_EVALUE if it overflows or a length is
 * below -1. */
int64_t cn__shape_size(const cn_shape *shape);
bool cn__shape_known(const cn_shape *shape);
bool cn__shape_equal(const cn_shape *a, const cn_shape *b);
/* "(None, 28, 28)" as Python writes a tuple; `buffer` of at least 192 bytes; returns it. */
char *cn__shape_text(const cn_shape *shape, char *buffer, size_t size);
/* numpy's broadcasting; lengths that are not known give -1 unless the other decides. CN_EVALUE if
 * they do not fit. */
int cn__shape_broadcast(const cn_shape *a, const cn_shape *b, cn_shape *out);
/* Axis in 0 … rank - 1 from one that may count from the end; CN_EINDEX with the op's name if there
 * is none. */
int cn__axis(int64_t axis, int rank, const char *who);

#endif
