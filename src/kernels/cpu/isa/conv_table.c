/* The table of convolution kernels of one instruction set. */
#include "conv_simd.h"
#include "kernels/cpu/cpu.h"

#define CN__TEXT2(x) #x
#define CN__TEXT(x) CN__TEXT2(x)

int64_t CN__FN(conv_block_packed)(const cn__block *b);
int64_t CN__FN(conv_block_packed_data)(const cn__block *b);
int64_t CN__FN(conv_block_gradient)(const cn__block *b);
int64_t CN__FN(conv_block_scratch)(const cn__block *b);
void CN__FN(conv_block_pack)(const cn__block *b, const float *w, float *packed, int begin, int end);
void CN__FN(conv_block_pack_data)(const cn__block *b, const float *w, float *packed, int begin,
                                  int end);
void CN__FN(conv_block_unpack_gradient)(const cn__block *b, const float *dw, float *hwio, int begin,
                                        int end);
void CN__FN(conv_block_forward)(const cn__block *b, const float *x, const float *packed,
                                const float *bias, const uint8_t *keep, float scale, float *y,
                                uint8_t *winner, float *scratch, int64_t begin, int64_t end);
void CN__FN(conv_block_backward)(const cn__block *b, const float *x, const float *packed_data,
                                 const float *y, const uint8_t *winner, const float *dy,
                                 float scale, float *dx, float *dw, float *db, float *scratch,
                                 int64_t begin, int64_t end);
int64_t CN__FN(conv_nd_packed)(const cn__convnd *s);
int64_t CN__FN(conv_nd_scratch)(const cn__convnd *s);
void CN__FN(conv_nd_pack)(const cn__convnd *s, const float *w, float *packed);
void CN__FN(conv_nd_pack_data)(const cn__convnd *s, const float *w, float *packed);
void CN__FN(conv_nd_forward)(const cn__convnd *s, const float *x, const float *packed,
                             const float *bias, float *y, float *scratch, int64_t begin,
                             int64_t end);
void CN__FN(conv_nd_backward)(const cn__convnd *s, const float *x, const float *packed_data,
                              const float *y, const float *dy, float *dx, float *dw, float *db,
                              float *scratch, int64_t begin, int64_t end);
void CN__FN(conv_bias_act)(float *y, int channels, const float *bias, int relu, int64_t begin,
                           int64_t end);
void CN__FN(pool_nd_forward)(const cn__poolnd *s, const float *x, float *y, int32_t *index,
                             int64_t begin, int64_t end);
void CN__FN(pool_nd_backward)(const cn__poolnd *s, const float *dy, const int32_t *index, float *dx,
                              int64_t begin, int64_t end);
void CN__FN(conv_norm_sums)(const float *x, int channels, double *sum, double *sum_sq,
                            int64_t begin, int64_t end);
void CN__FN(conv_norm_apply)(const float *x, int channels, const float *a, const float *b, int relu,
                             float *y, int64_t begin, int64_t end);
void CN__FN(conv_norm_backward_sums)(const float *x, int channels, const float *mean,
                                     const float *y, const float *dy, double *sum_g, double *sum_gx,
                                     int64_t begin, int64_t end);
void CN__FN(conv_norm_backward_apply)(const float *x, int channels, const float *y, const float *dy,
                                      const float *a, const float *b, const float *c0, float *dx,
                                      int64_t begin, int64_t end);

extern const cn__conv CN__FN(conv_table);
const cn__conv CN__FN(conv_table) = {
    .name = CN__TEXT(CN__ISA),
#if LANES == 16
    .isa = CN__ISA_AVX512,
#elif LANES == 8
    .isa = CN__ISA_AVX2,
#elif LANES == 4
    .isa = CN__ISA_SSE2,
#else
    .isa = CN__ISA_PLAIN,
#endif
    .lanes = LANES,
    .block_packed = CN__FN(conv_block_packed),
    .block_packed_data = CN__FN(conv_block_packed_data),
    .block_gradient = CN__FN(conv_block_gradient),
    .block_scratch = CN__FN(conv_block_scratch),
    .block_pack = CN__FN(conv_block_pack),
    .block_pack_data = CN__FN(conv_block_pack_data),
    .block_unpack_gradient = CN__FN(conv_block_unpack_gradient),
    .block_forward = CN__FN(conv_block_forward),
    .block_backward = CN__FN(conv_block_backward),
    .convnd_packed = CN__FN(conv_nd_packed),
    .convnd_scratch = CN__FN(conv_nd_scratch),
    .convnd_pack = CN__FN(conv_nd_pack),
    .convnd_pack_data = CN__FN(conv_nd_pack_data),
    .convnd_forward = CN__FN(conv_nd_forward),
    .convnd_backward = CN__FN(conv_nd_backward),
    .bias_act = CN__FN(conv_bias_act),
    .poolnd_forward = CN__FN(pool_nd_forward),
    .poolnd_backward = CN__FN(pool_nd_backward),
    .norm_sums = CN__FN(conv_norm_sums),
    .norm_apply = CN__FN(conv_norm_apply),
    .norm_backward_sums = CN__FN(conv_norm_backward_sums),
    .norm_backward_apply = CN__FN(conv_norm_backward_apply),
};
