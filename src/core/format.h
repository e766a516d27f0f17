/* Numbers and tensors as Python and numpy write them. */
#ifndef CN_CORE_FORMAT_H
#define CN_CORE_FORMAT_H

#include "core/memory.h"
#include "core/tensor.h"

/* repr(float): the shortest decimal that reads back ("0.1", "1e-07", "1e+16", "nan", "inf");
 * returns buffer (>= 32 bytes). */
char *cn__format_double(double value, char *buffer, size_t size);
/* str(numpy.float32(value)): the shortest decimal that reads back as a float32. */
char *cn__format_float(float value, char *buffer, size_t size);
/* str(numpy.float16(value)), of a value that a float16 holds. */
char *cn__format_half(float value, char *buffer, size_t size);
/* "34,826" */
char *cn__format_thousands(int64_t value, char *buffer, size_t size);
/* What numpy's str() gives for an array (print options at their defaults: precision 8, threshold
 * 1000, edge items 3, line width 75). */
int cn__format_tensor(const cn_tensor *t, cn__text *out);
/* to_snake_case of Keras: Conv2D -> conv2d, MaxPooling2D -> max_pooling2d, PReLU -> p_re_lu; caller
 * frees. */
char *cn__snake_case(const char *name);

#endif
