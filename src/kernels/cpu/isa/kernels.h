/* The functions of one instruction set that meet in its table, and what its files use of each
 * other. */
#ifndef CN_KERNELS_CPU_ISA_KERNELS_H
#define CN_KERNELS_CPU_ISA_KERNELS_H

#include "kernels/cpu/isa/vec.h"

int64_t CN__FN(ew_run)(const cn__ew *program, void *const *in, const int64_t *in_period,
                       void *const *out, int64_t begin, int64_t end);
int64_t CN__FN(ew_sums)(const cn__ew *program, void *const *in, const int64_t *in_period,
                        void *const *out, double *const *sums, int64_t columns, int64_t begin,
                        int64_t end);

/* Whether the program is one ADAM step with input 0 as gradient and w, m, v updated in place, and
 * where its arrays are. */
typedef struct adam_plan {
    float *w, *m, *v;
    float splat[4][16]; /* alpha, 1 - beta1, 1 - beta2, epsilon, each filling a vector */
} adam_plan;
int CN__FN(adam_plan)(const cn__ew_call *call, adam_plan *plan);

/* The Adam update of n elements with gradient g; arrays of the plan are moved on by `offset`. */
void CN__FN(adam_run)(const adam_plan *plan, const float *g, int64_t offset, int64_t n);

/* Runs an update on n elements: input 0 is g, all other FULL arrays are moved on by `offset`
 * elements. */
void CN__FN(update_run)(const cn__ew_call *call, const float *g, int64_t offset, int64_t n);

void CN__FN(dense_forward)(const cn__dense_fwd *p, int64_t begin, int64_t end);
void CN__FN(dense_backward_data)(const cn__dense_bwd_data *p, int64_t begin, int64_t end);
void CN__FN(dense_backward_weights)(const cn__dense_bwd_weights *p, int64_t begin, int64_t end);
void CN__FN(skinny_forward)(const cn__skinny_fwd *p, int64_t begin, int64_t end);
void CN__FN(skinny_backward_data)(const cn__skinny_bwd_data *p, int64_t begin, int64_t end);
void CN__FN(skinny_backward_weights)(const cn__skinny_bwd_weights *p, int64_t begin, int64_t end);
void CN__FN(gemv)(const cn__gemv *p, int64_t begin, int64_t end);
void CN__FN(sgemm)(const cn__sgemm *p, float *scratch);
int64_t CN__FN(sgemm_scratch)(int64_t m, int64_t n, int64_t k);

void CN__FN(row_sum)(const float *x, int64_t ld, int64_t cols, float *out, int64_t begin,
                     int64_t end);
void CN__FN(row_max)(const float *x, int64_t ld, int64_t cols, float *out, int64_t begin,
                     int64_t end);
void CN__FN(row_argmax)(const float *x, int64_t ld, int64_t cols, int64_t *out, int64_t begin,
                        int64_t end);
void CN__FN(row_logsumexp)(const float *x, int64_t ld, int64_t cols, float *out, int64_t begin,
                           int64_t end);
void CN__FN(softmax)(int kind, const float *x, int64_t ldx, int64_t cols, float *y, int64_t ldy,
                     int64_t begin, int64_t end);
int64_t CN__FN(softmax_ce)(const cn__softmax_ce *p, int64_t begin, int64_t end);
void CN__FN(col_sum)(const float *x, int64_t ld, int64_t rows, int64_t cols, float *out,
                     int64_t begin, int64_t end);
void CN__FN(sum_blocks)(const float *x, int64_t n, double *partial, int64_t begin, int64_t end);
void CN__FN(sumsq_blocks)(const float *x, int64_t n, double *partial, int64_t begin, int64_t end);

void CN__FN(pack_p16)(const float *src, int64_t ld, int64_t rows, int64_t cols, float *dst,
                      int64_t ps, int64_t begin, int64_t end);
void CN__FN(unpack_p16)(const float *src, int64_t ps, int64_t rows, int64_t cols, float *dst,
                        int64_t ld, int64_t begin, int64_t end);
void CN__FN(pack_w32)(const float *src, int64_t ld, int64_t k, int64_t n, float *dst, int64_t ws,
                      int64_t begin, int64_t end);
void CN__FN(unpack_w32)(const float *src, int64_t ws, int64_t k, int64_t n, float *dst, int64_t ld,
                        int64_t begin, int64_t end);
void CN__FN(pack_wt)(const float *src, int64_t ld, int64_t k, int64_t n, float *dst, int64_t wt_ld,
                     int64_t begin, int64_t end);
void CN__FN(unpack_wt)(const float *src, int64_t wt_ld, int64_t k, int64_t n, float *dst,
                       int64_t ld, int64_t begin, int64_t end);
void CN__FN(gather)(const cn__gather *p, int64_t begin, int64_t end);
int CN__FN(convert)(const void *src, cn__el src_type, void *dst, cn__el dst_type, int64_t begin,
                    int64_t end);

#endif
