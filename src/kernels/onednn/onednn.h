/* What the files of kernels/onednn share: the library's engine, one thread a call, convolutions
 * kept by shape. */
#ifndef CN_KERNELS_ONEDNN_ONEDNN_H
#define CN_KERNELS_ONEDNN_ONEDNN_H

#include "core/op.h"

#include <dnnl.h>

/* Debian's oneDNN brings OpenMP along; inside our pool each of its calls must stay on its thread.
 * begin returns what end gives back, so that a program that uses OpenMP itself keeps its setting.
 * All calls of oneDNN, those that make primitives among them, go between the two. */
int cn__onednn_begin(void);
void cn__onednn_end(int before);

/* The processor's engine, made at the first call; NULL if there is no memory for it. */
dnnl_engine_t cn__onednn_engine(void);

typedef enum cn__onednn_pass {
    CN__ONEDNN_FORWARD,
    CN__ONEDNN_DATA,
    CN__ONEDNN_WEIGHTS
} cn__onednn_pass;

/* A convolution of `images` images: x (images, in…, cin) with a kernel (size…, cin / groups, cout)
 * to y (images, out…, cout), all row-major. Output o reads input o · stride - before + k ·
 * dilation. Unused leading axes have length 1; two keys are equal if their bytes are. */
typedef struct cn__onednn_key {
    int32_t pass, images, groups, cin, cout;
    int32_t free; /* 1: x and y in the layout that oneDNN likes best, for benchmarks */
    int32_t in[3], out[3], size[3], stride[3], dilation[3], before[3], after[3];
} cn__onednn_key;

/* Primitives for a key, kept in a bounded cache that all threads share. */
typedef struct cn__onednn_conv {
    cn__onednn_key key;
    bool usable; /* oneDNN has vector code of its own for it; otherwise nothing below is set */
    int uses;
    uint64_t stamp;
    dnnl_primitive_desc_t conv_desc, order_desc;
    dnnl_primitive_t conv, order; /* order: kernel to conv's layout, for WEIGHTS back; or NULL */
    size_t packed_bytes;          /* of the kernel in conv's layout; 0 without order */
    size_t scratchpad_bytes;      /* enough for either */
} cn__onednn_conv;

/* The entry of a key; every one taken is given back. NULL if there is no memory; leaves no message,
 * since who only asks whether it can be done goes another way. */
const cn__onednn_conv *cn__onednn_take(const cn__onednn_key *key);
void cn__onednn_give(const cn__onednn_conv *conv);

/* Fills conv from its key, between begin and end; dnnl_success with usable = false where oneDNN
 * has nothing better than plain loops. On failure nothing is left behind. */
dnnl_status_t cn__onednn_make(cn__onednn_conv *conv);
void cn__onednn_destroy(cn__onednn_conv *conv);

/* Runs conv on images at x and y with the kernel w in conv's own layout (packed) or, where that is
 * no other, row-major; the pass says which of the three is written. */
dnnl_status_t cn__onednn_execute(const cn__onednn_conv *conv, dnnl_stream_t stream, const float *x,
                                 const float *w, const float *y, void *scratchpad);
/* Row-major kernel to conv's layout, or back for the pass WEIGHTS. */
dnnl_status_t cn__onednn_reorder(const cn__onednn_conv *conv, dnnl_stream_t stream,
                                 const float *from, float *to, void *scratchpad);

/* The key of one image between x (batch, spatial…, cin) and y, pass 0; false if it is out of range.
 */
bool cn__onednn_key_of(const cn__attrs *attrs, const cn_shape *x, const cn_shape *kernel,
                       const cn_shape *y, cn__onednn_key *key);
/* Whether g has the lengths that the forward rule gives; a transposed convolution may ask for an
 * input that it does not give g for. */
bool cn__onednn_fits(const cn__onednn_key *key, const cn_shape *g);
int64_t cn__onednn_cells(const int32_t length[3]);
/* Whether both inputs and the output are float32. */
bool cn__onednn_floats(const cn__call *call);
/* Whether oneDNN is faster than kernels/cpu, by the shape and the instruction set. */
bool cn__onednn_worth(const cn__onednn_key *key);
bool cn__onednn_usable(const cn__onednn_key *key);
/* Bytes up to the next line of the cache. */
size_t cn__onednn_lines(size_t bytes);
int cn__onednn_failed(dnnl_status_t status);
/* What no allocation can give: the answer where there is no memory to ask how much is needed. */
#define CN__ONEDNN_TOO_MUCH (SIZE_MAX / 4)

/* The kernels. Benchmarks and tests run them where claims would not. */
extern const cn__kernel cn__onednn_conv_forward, cn__onednn_conv_gradient_input,
    cn__onednn_conv_gradient_kernel;

#endif
