/* Cornu's own CPU kernels at the level of raw pointers: layouts, elementwise programs, the table of
 * one instruction set. */
#ifndef CN_KERNELS_CPU_CPU_H
#define CN_KERNELS_CPU_CPU_H

#include <stddef.h>
#include <stdint.h>

/* Every kernel is single-threaded and works on a range of units [begin, end); the caller splits the
 * units over threads. The bits of the result do not depend on the split. What a unit is stands
 * beside each function. No kernel allocates. Buffers need the alignment of their element only, but
 * 64 bytes are faster. NaN and infinities follow IEEE and libm. */

/* Instruction sets. */

enum { CN__ISA_PLAIN, CN__ISA_SSE2, CN__ISA_AVX2, CN__ISA_AVX512, CN__ISA_COUNT };

/* The set chosen for this process: the best that the processor and the operating system support, or
 * the one named by the environment variable CORNU_ISA (avx512, avx2, sse2, plain) if that is
 * supported. Decided once; safe in any thread. */
int cn__cpu_isa(void);

/* Whether this build and this machine can run the set. */
int cn__cpu_isa_supported(int isa);

/* "plain", "sse2", "avx2" or "avx512". */
const char *cn__cpu_isa_name(int isa);

/* Layouts:
 * - ROW (rows, cols): data[r*ld + c].
 * - P16, an activation (rows, cols) in ceil(cols/16) panels of 16 columns:
 *   data[(c/16)*ps + r*16 + c%16], ps = cn__p16_stride(rows). The columns beyond cols are zero;
 *   kernels keep that and rely on it.
 * - W32, a weight (K, N) in ceil(N/32) panels of 32 columns:
 *   data[(n/32)*ws + k*32 + n%32], ws = cn__w32_stride(K). The columns beyond N are zero. Optimizer
 *   slots of a weight have the same layout.
 * - WT, a weight (K, N <= 16) transposed: data[n*ld + k], ld = cn__wt_stride(K). The tail of each
 *   row is zero. */

enum { CN__LAYOUT_ROW, CN__LAYOUT_P16, CN__LAYOUT_W32, CN__LAYOUT_WT };

#define CN__SKINNY_MAX 16 /* the most columns of a WT weight */

/* Strides in floats. They are a whole number of cache lines and never a multiple of 4 KiB, which
 * would make the panels compete for the same sets of the cache. */
int64_t cn__p16_stride(int64_t rows);
int64_t cn__w32_stride(int64_t k);
int64_t cn__wt_stride(int64_t k);

/* Floats that the whole array takes in the layout: (rows, cols) for P16, (K, N) for W32 and WT. */
int64_t cn__p16_size(int64_t rows, int64_t cols);
int64_t cn__w32_size(int64_t k, int64_t n);
int64_t cn__wt_size(int64_t k, int64_t n);

/* Element types that the kernels read or write. */
typedef enum cn__el {
    CN__EL_F32,
    CN__EL_U8,
    CN__EL_I32,
    CN__EL_I64,
    CN__EL_BOOL, /* one byte, 0 or 1; any other byte read counts as true */
    CN__EL_F64,
    CN__EL_F16,
    CN__EL_BF16
} cn__el;

/* Fused elementwise programs. */

/* Opcodes: X(name, number of operands). Comparisons and logic give 1.0f or 0.0f; an operand counts
 * as true unless it is zero (NaN is true). max, min and relu propagate NaN; sign(NaN) is NaN; round
 * goes half to even; mod and floordiv have the sign rules of Python (floordiv is floor(a/b), as
 * TensorFlow has it). fma(a,b,c) = a*b + c, in one rounding where the set has FMA. select(a,b,c) =
 * a ? b : c. */
/* clang-format off */
#define CN__EW_OPS(X) \
    X(COPY, 1) X(ADD, 2) X(SUB, 2) X(MUL, 2) X(DIV, 2) X(NEG, 1) X(ABS, 1) X(SQUARE, 1) \
    X(SQRT, 1) X(RSQRT, 1) X(RECIPROCAL, 1) X(EXP, 1) X(EXPM1, 1) X(LOG, 1) X(LOG1P, 1) \
    X(TANH, 1) X(SIGMOID, 1) X(ERF, 1) X(SIN, 1) X(COS, 1) X(POW, 2) X(FLOOR, 1) X(CEIL, 1) \
    X(ROUND, 1) X(SIGN, 1) X(MAX, 2) X(MIN, 2) X(RELU, 1) X(FMA, 3) X(SELECT, 3) X(EQ, 2) \
    X(NE, 2) X(LT, 2) X(LE, 2) X(GT, 2) X(GE, 2) X(AND, 2) X(OR, 2) X(NOT, 1) X(ISNAN, 1) \
    X(ISFINITE, 1) X(SOFTPLUS, 1) X(MOD, 2) X(FLOORDIV, 2) X(ADAM, 8)
/* clang-format on */

enum {
#define CN__EW_ENUM(name, operands) CN__EW_##name,
    CN__EW_OPS(CN__EW_ENUM)
#undef CN__EW_ENUM
        CN__EW_OP_COUNT
};

enum {
    CN__EW_MAX_IN = 16,
    CN__EW_MAX_OUT = 8,
    CN__EW_MAX_REG = 32,
    CN__EW_MAX_CONST = 32,
    CN__EW_MAX_STEP = 96
};

/* Operands are small numbers: a register, an input, a constant, or an output already written (f32
 * outputs only). A destination is a register or an output; every output is written by exactly one
 * step. */
#define CN__EW_REG(i) ((uint8_t)(i))
#define CN__EW_IN(i) ((uint8_t)(32 + (i)))
#define CN__EW_OUT(i) ((uint8_t)(48 + (i)))
#define CN__EW_CONST(i) ((uint8_t)(64 + (i)))

/* How input element j of a run is found for the index i, with the period p given at the run. */
enum {
    CN__EW_FULL,   /* src[i] */
    CN__EW_SCALAR, /* src[0], read when the run starts */
    CN__EW_INNER,  /* src[i % p]: a bias row of p values */
    CN__EW_OUTER   /* src[i / p]: one value for p consecutive elements */
};

/* One step: dst = op(a, b, c). ADAM makes a whole Adam update: gradient a, old m in b, old v in c,
 * old w in x[0], then the splat operands (SCALAR inputs or constants) x[1] alpha, x[2] 1 - beta1,
 * x[3] 1 - beta2, x[4] epsilon. It writes w to dst, m to y[0] and v to y[1]:
 * - m += (g - m)*(1 - beta1)
 * - v += (g*g - v)*(1 - beta2)
 * - w -= alpha*m / (sqrt(v) + epsilon) */
typedef struct cn__ew_step {
    uint8_t op, dst, a, b, c;
    uint8_t x[5];
    uint8_t y[2];
} cn__ew_step;

typedef struct cn__ew {
    uint8_t n_in, n_out, n_reg, n_const, n_step;
    uint8_t in_mode[CN__EW_MAX_IN];
    uint8_t in_type[CN__EW_MAX_IN];   /* cn__el: F32, U8, I32, I64, BOOL, F64 */
    uint8_t out_type[CN__EW_MAX_OUT]; /* cn__el: F32 or BOOL */
    float constant[CN__EW_MAX_CONST];
    cn__ew_step step[CN__EW_MAX_STEP];
} cn__ew;

/* 0 if the program is well formed (counts and operands in range, every register and output written
 * before it is read, every output written once, ADAM's x[1..4] splats), or the number of the first
 * bad step plus 1, or -1 for bad counts. */
int cn__ew_check(const cn__ew *program);

/* A program bound to its arrays. in[j] and out[j] are base pointers; an output may be exactly the
 * same array as an input of the same type (all inputs are read as they were before the run), but
 * must not overlap otherwise. */
typedef struct cn__ew_call {
    const cn__ew *program; /* NULL: nothing to run */
    void *const *in;       /* [n_in] */
    void *const *out;      /* [n_out] */
} cn__ew_call;

/* Argument records. */

/* Y = act(X.W + bias). With `tail`, act is a program over the finished panels in P16: its input 0
 * is the value after bias and relu (in[0] is ignored), its other FULL inputs and all its outputs
 * are P16 arrays of Y's shape with Y's stride, INNER inputs are arrays of n floats (one a column),
 * OUTER inputs arrays of `rows` values (one a row), SCALAR as usual; periods are implied. y itself
 * is written first, and may be one of the tail's outputs. */
typedef struct cn__dense_fwd {
    int64_t rows, k, n;
    const float *x; /* P16 (rows, k) */
    int64_t xps;
    const float *w; /* W32 (k, n) */
    int64_t ws;
    const float *bias; /* [n] or NULL */
    float *y;          /* P16 (rows, n) */
    int64_t yps;
    int relu;
    cn__ew_call tail;
} cn__dense_fwd;

/* dX = dY.W^T, and 0 where h is given and not above 0 (a selection: NaN does not pass there). */
typedef struct cn__dense_bwd_data {
    int64_t rows, k, n;
    const float *dy; /* P16 (rows, n) */
    int64_t dyps;
    const float *w; /* W32 (k, n) */
    int64_t ws;
    const float *h; /* P16 (rows, k) or NULL */
    int64_t hps;
    float *dx; /* P16 (rows, k) */
    int64_t dxps;
} cn__dense_bwd_data;

/* dW = X^T.dY, db = column sums of dY. Each is stored (dw, db not NULL; added to what is there with
 * `accumulate`), used for an update, or both. An update's input 0 is the gradient (in[0] is
 * ignored); its other inputs are SCALAR, or FULL f32 arrays in the layout of the weight (W32 with
 * stride ws; WT with ld; [n] for the bias), like all its outputs. */
typedef struct cn__dense_bwd_weights {
    int64_t rows, k, n;
    const float *x; /* P16 (rows, k) */
    int64_t xps;
    const float *dy; /* P16 (rows, n) */
    int64_t dyps;
    float *dw;      /* (k, n) in dw_layout, or NULL */
    int dw_layout;  /* CN__LAYOUT_W32 or CN__LAYOUT_ROW */
    int64_t dw_ld;  /* panel stride, or leading dimension */
    float *db;      /* [n] or NULL */
    int accumulate; /* dw and db are added to */
    int64_t ws;     /* panel stride of the arrays of `update` */
    cn__ew_call update, bias_update;
} cn__dense_bwd_weights;

/* The three products of a skinny dense layer (n <= 16). x, h and dx are P16 or ROW (x_layout, for
 * all three); `xs` and its like are then a panel stride or a leading dimension. */
typedef struct cn__skinny_fwd {
    int64_t rows, k, n;
    const float *x; /* (rows, k) */
    int x_layout;
    int64_t xs;
    const float *wt; /* WT (k, n) */
    int64_t wt_ld;
    const float *bias; /* [n] or NULL */
    float *y;          /* ROW (rows, n) */
    int64_t y_ld;
    int relu;
} cn__skinny_fwd;

typedef struct cn__skinny_bwd_data {
    int64_t rows, k, n;
    const float *dy; /* ROW (rows, n) */
    int64_t dy_ld;
    const float *wt; /* WT (k, n) */
    int64_t wt_ld;
    const float *h; /* (rows, k) or NULL */
    int64_t hs;
    float *dx; /* (rows, k) */
    int x_layout;
    int64_t dxs;
} cn__skinny_bwd_data;

typedef struct cn__skinny_bwd_weights {
    int64_t rows, k, n;
    const float *x; /* (rows, k) */
    int x_layout;
    int64_t xs;
    const float *dy; /* ROW (rows, n) */
    int64_t dy_ld;
    float *dw;     /* (k, n) in dw_layout, or NULL */
    int dw_layout; /* CN__LAYOUT_WT or CN__LAYOUT_ROW */
    int64_t dw_ld;
    float *db; /* [n] or NULL */
    int accumulate;
    int64_t wt_ld; /* stride of the arrays of `update` */
    cn__ew_call update, bias_update;
} cn__skinny_bwd_weights;

/* y = act(x.W + bias) for a few rows at the speed of memory; W as Keras has it. Zeros of x are
 * multiplied like the rest. */
typedef struct cn__gemv {
    int64_t rows, k, n; /* rows 1..7 */
    const float *x;     /* ROW (rows, k) */
    int64_t x_ld;
    const float *w; /* ROW (k, n) */
    int64_t w_ld;
    const float *bias; /* [n] or NULL */
    float *y;          /* ROW (rows, n) */
    int64_t y_ld;
    int relu;
} cn__gemv;

/* C = alpha op(A) op(B) + beta C, row-major; op(A) is (m, k), op(B) is (k, n). beta 0 does not read
 * C. */
typedef struct cn__sgemm {
    int64_t m, n, k;
    float alpha, beta;
    const float *a; /* (m, k), or (k, m) if trans_a */
    int64_t lda;
    int trans_a;
    const float *b; /* (k, n), or (n, k) if trans_b */
    int64_t ldb;
    int trans_b;
    float *c; /* (m, n) */
    int64_t ldc;
} cn__sgemm;

/* Softmax cross-entropy of rows of logits z. Labels y are probabilities (F32, ROW with labels_ld)
 * or class numbers (I32, I64, U8; [rows]).
 * - loss = sum(y) logsumexp(z) - sum(y z)
 * - grad = (softmax(z) sum(y) - y) * scale * row_scale[r] */
typedef struct cn__softmax_ce {
    int64_t rows, cols;
    const float *logits; /* ROW (rows, cols) */
    int64_t ld;
    const void *labels;
    cn__el label_type;
    int64_t labels_ld;
    float *loss; /* [rows] or NULL */
    float *grad; /* ROW (rows, cols) or NULL; may be logits */
    int64_t grad_ld;
    float scale;
    const float *row_scale; /* [rows] or NULL */
    float *hit;             /* [rows] 1 where argmax(logits) is the label's (argmax), or NULL */
} cn__softmax_ce;

/* dst row i = cast to f32 of src row idx[i] (row i when idx is NULL). */
typedef struct cn__gather {
    int64_t rows, cols;
    const void *src; /* (any, cols) */
    cn__el src_type; /* F32, U8, I32, F64 */
    int64_t src_ld;  /* in elements */
    const int64_t *idx;
    float *dst; /* ROW or P16 (rows, cols) */
    int dst_layout;
    int64_t dst_ld;
} cn__gather;

enum { CN__SOFTMAX, CN__LOG_SOFTMAX };

/* Units: lengths of the fixed blocks. */
enum {
    CN__UNIT_PANEL = 32, /* columns of a unit of dense_forward and dense_backward_weights */
    CN__UNIT_GROUP = 16, /* k of a unit of dense_backward_data */
    CN__UNIT_ROWS = 8,   /* rows of a unit of skinny_forward and skinny_backward_data */
    CN__UNIT_K = 64,     /* k of a unit of skinny_backward_weights */
    CN__UNIT_COLS = 64,  /* columns of a unit of gemv and col_sum */
    CN__UNIT_SUM = 4096, /* elements of a unit of sum_blocks and sumsq_blocks */
};

/* Number of units of length `unit` that cover n. */
static inline int64_t cn__units(int64_t n, int64_t unit)
{
    return (n + unit - 1) / unit;
}

/* The table of one instruction set. */

typedef struct cn__cpu {
    const char *name;
    int isa, lanes;

    /* Evaluates elements [begin, end) of the program; units are elements. in_period[j] is the
     * period of INNER and OUTER inputs (may be NULL if there are none). Returns 0. */
    int64_t (*ew_run)(const cn__ew *program, void *const *in, const int64_t *in_period,
                      void *const *out, int64_t begin, int64_t end);
    /* The same, but output o, where sums[o] is not NULL, is an array (rows, columns) of which only
     * the sums over the rows are wanted: they are added to sums[o][columns], and out[o] is not
     * used. The elements [begin, end) are one unit. */
    int64_t (*ew_sums)(const cn__ew *program, void *const *in, const int64_t *in_period,
                       void *const *out, double *const *sums, int64_t columns, int64_t begin,
                       int64_t end);

    /* Dense layers. Units: panels of 32 columns; groups of 16 k; panels of 32 columns. */
    void (*dense_forward)(const cn__dense_fwd *p, int64_t begin, int64_t end);
    void (*dense_backward_data)(const cn__dense_bwd_data *p, int64_t begin, int64_t end);
    void (*dense_backward_weights)(const cn__dense_bwd_weights *p, int64_t begin, int64_t end);

    /* Skinny dense layers. Units: blocks of 8 rows; blocks of 8 rows; blocks of 64 k (the bias
     * belongs to block 0). */
    void (*skinny_forward)(const cn__skinny_fwd *p, int64_t begin, int64_t end);
    void (*skinny_backward_data)(const cn__skinny_bwd_data *p, int64_t begin, int64_t end);
    void (*skinny_backward_weights)(const cn__skinny_bwd_weights *p, int64_t begin, int64_t end);

    /* Units: blocks of 64 columns. Fewer, longer ranges are faster. */
    void (*gemv)(const cn__gemv *p, int64_t begin, int64_t end);

    /* The whole product by one thread; scratch of sgemm_scratch(m, n, k) floats, 64-byte aligned.
     * To split a product over threads, split its rows: the bits do not change. */
    void (*sgemm)(const cn__sgemm *p, float *scratch);
    int64_t (*sgemm_scratch)(int64_t m, int64_t n, int64_t k);

    /* Reductions over the last axis of x, ROW (rows, cols); units are rows. max propagates NaN;
     * argmax takes the first of equals and the first NaN; both want cols >= 1. */
    void (*row_sum)(const float *x, int64_t ld, int64_t cols, float *out, int64_t begin,
                    int64_t end);
    void (*row_max)(const float *x, int64_t ld, int64_t cols, float *out, int64_t begin,
                    int64_t end);
    void (*row_argmax)(const float *x, int64_t ld, int64_t cols, int64_t *out, int64_t begin,
                       int64_t end);
    void (*row_logsumexp)(const float *x, int64_t ld, int64_t cols, float *out, int64_t begin,
                          int64_t end);
    /* y may be x; kind is CN__SOFTMAX or CN__LOG_SOFTMAX. */
    void (*softmax)(int kind, const float *x, int64_t ldx, int64_t cols, float *y, int64_t ldy,
                    int64_t begin, int64_t end);
    /* Units are rows. Returns -1, or the number of the first row of the range whose label is out of
     * range: such a row gets NaN as loss and gradient, and no hit. */
    int64_t (*softmax_ce)(const cn__softmax_ce *p, int64_t begin, int64_t end);
    /* Sums over the rows, out[c] = sum_r x[r][c]; units: blocks of 64 columns. Blocks of 64 rows
     * are summed, then their sums. */
    void (*col_sum)(const float *x, int64_t ld, int64_t rows, int64_t cols, float *out,
                    int64_t begin, int64_t end);
    /* Partial sums of x[n], or of squares: partial[u] for units of 4096 elements, to be folded by
     * cn__sum_fold. */
    void (*sum_blocks)(const float *x, int64_t n, double *partial, int64_t begin, int64_t end);
    void (*sumsq_blocks)(const float *x, int64_t n, double *partial, int64_t begin, int64_t end);

    /* Layout changes; unpack is the inverse of pack. Units: panels of 16 columns; panels of 32
     * columns; blocks of 64 k. */
    void (*pack_p16)(const float *src, int64_t ld, int64_t rows, int64_t cols, float *dst,
                     int64_t ps, int64_t begin, int64_t end);
    void (*unpack_p16)(const float *src, int64_t ps, int64_t rows, int64_t cols, float *dst,
                       int64_t ld, int64_t begin, int64_t end);
    void (*pack_w32)(const float *src, int64_t ld, int64_t k, int64_t n, float *dst, int64_t ws,
                     int64_t begin, int64_t end);
    void (*unpack_w32)(const float *src, int64_t ws, int64_t k, int64_t n, float *dst, int64_t ld,
                       int64_t begin, int64_t end);
    void (*pack_wt)(const float *src, int64_t ld, int64_t k, int64_t n, float *dst, int64_t wt_ld,
                    int64_t begin, int64_t end);
    void (*unpack_wt)(const float *src, int64_t wt_ld, int64_t k, int64_t n, float *dst, int64_t ld,
                      int64_t begin, int64_t end);

    /* Units: rows. Indices are not checked. */
    void (*gather)(const cn__gather *p, int64_t begin, int64_t end);

    /* dst[i] = cast(src[i]); units are elements. To F32 from any type, from F32 to F64, F16, BF16
     * (round to nearest even), U8, I32, I64 (towards zero, saturating, NaN 0) and BOOL (x != 0).
     * Returns 0, or -1 for a pair that it does not do. */
    int (*convert)(const void *src, cn__el src_type, void *dst, cn__el dst_type, int64_t begin,
                   int64_t end);
} cn__cpu;

/* The table of the chosen set; never NULL. */
const cn__cpu *cn__cpu_get(void);

/* The table of a set by name, or NULL if this build or this machine does not have it: for tests and
 * benchmarks. */
const cn__cpu *cn__cpu_by_name(const char *name);

/* Sum of n partial sums in a fixed order (pairwise). */
double cn__sum_fold(const double *partial, int64_t n);

#endif
