/* The geometry of windows that slide over 1 to 3 spatial axes: convolutions and pooling. */
#ifndef CN_KERNELS_REFERENCE_WINDOW_H
#define CN_KERNELS_REFERENCE_WINDOW_H

#include "core/op.h"

/* Where an op's attrs.i keep what; three places each, of which the first n (spatial axes) count. 0
 * stands for a stride or dilation of 1 and for one group. */
enum {
    CN__WINDOW_STRIDE = 0,
    CN__WINDOW_DILATION = 3,
    CN__WINDOW_BEFORE = 6, /* padding, in cells */
    CN__WINDOW_AFTER = 9,
    CN__WINDOW_GROUPS = 12, /* conv */
    CN__WINDOW_SIZE = 13,   /* pooling: the window; a convolution has its kernel's shape */
    CN__WINDOW_SAME =
        16, /* 1: TensorFlow's 'same' of the lengths at hand, instead of BEFORE and AFTER */
    CN__WINDOW_SUM = 17, /* average_pool: sums instead */
    CN__WINDOW_OUTPUT_PADDING =
        18, /* conv_gradient_input without ref (a transposed convolution); -1: None */
    CN__WINDOW_MAX = 3
};

/* Always three axes; those that the op does not have come first and have length 1. Output o reads
 * cells o * stride - pad + k * dilation, k = 0 … size - 1. */
typedef struct cn__window {
    int64_t in[3], out[3], size[3], stride[3], dilation[3], pad[3];
} cn__window;

/* Fills a window from attributes, n input lengths and n window sizes. An output length is -1 where
 * the input's is; it may be negative or 0 where the window does not fit. */
void cn__window_make(cn__window *w, const cn__attrs *attrs, int n, const int64_t *in,
                     const int64_t *size);
/* From the shapes of a call: `x` is (batch, spatial…, channels), the sizes are the kernel's first
 * axes or attrs' if NULL. */
void cn__window_of(cn__window *w, const cn__attrs *attrs, const cn_shape *x,
                   const cn_shape *kernel);
/* Cells of the input or output of one image. */
int64_t cn__window_cells(const int64_t length[3]);
/* The output lengths of a transposed convolution of n axes of lengths `in` (Keras's rules); -1
 * where not known. */
void cn__window_transposed(const cn__attrs *attrs, int n, const int64_t *in, const int64_t *size,
                           int64_t *out);

#endif
