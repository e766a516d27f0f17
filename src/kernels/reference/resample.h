/* Resizing as weights: an output place is a weighted sum of a run of input places. */
#ifndef CN_KERNELS_REFERENCE_RESAMPLE_H
#define CN_KERNELS_REFERENCE_RESAMPLE_H

#include <stdbool.h>
#include <stdint.h>

/* XX(NAME, Keras's word) */
#define CN__RESAMPLE_MAP(XX)                                                                       \
    XX(NEAREST, "nearest")                                                                         \
    XX(BILINEAR, "bilinear")                                                                       \
    XX(BICUBIC, "bicubic")                                                                         \
    XX(AREA, "area")                                                                               \
    XX(LANCZOS3, "lanczos3")                                                                       \
    XX(LANCZOS5, "lanczos5")                                                                       \
    XX(GAUSSIAN, "gaussian")                                                                       \
    XX(MITCHELLCUBIC, "mitchellcubic")

typedef enum cn__resample_method {
#define XX(name, word) CN__RESAMPLE_##name,
    CN__RESAMPLE_MAP(XX)
#undef XX
} cn__resample_method;

typedef struct cn__resample {
    cn__resample_method method;
    bool antialias;
    int64_t in, out;
} cn__resample;

/* The most weights that one output place has. */
int64_t cn__resample_span(const cn__resample *how);
/* Fills the weights of output place `o`; returns how many, and the first input place in *first. */
int64_t cn__resample_weights(const cn__resample *how, int64_t o, int64_t *first, double *weights);

#endif
