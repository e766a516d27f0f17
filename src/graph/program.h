/* Programs: a trace planned for known shapes, as stages of kernel calls over one arena. */
#ifndef CN_GRAPH_PROGRAM_H
#define CN_GRAPH_PROGRAM_H

#include "graph/trace.h"
#include "kernels/cpu/cpu.h"

enum { CN__MAX_ARGS = CN__MAX_INPUTS + CN__MAX_OUTPUTS };

typedef enum cn__value_kind {
    CN__VALUE_CONSTANT, /* `tensor` has the data */
    CN__VALUE_VARIABLE, /* `tensor` is the variable */
    CN__VALUE_INPUT,    /* given at each run; read by a load only */
    CN__VALUE_TEMPORARY /* in the arena, or in a variable's memory (`home`) */
} cn__value_kind;

/* One array of the program. */
typedef struct cn__value {
    cn__value_kind kind;
    cn_dtype dtype;
    cn_shape shape;
    bool batched;      /* axis 0 is the batch: by-row kernels may be given a slice */
    bool output;       /* read after the run */
    cn_tensor *tensor; /* owned */
    int input;         /* which input, or -1 */
    int producer;      /* instruction, or -1 */
    int alias;         /* the value whose memory this is a view of, or -1 */
    int home;          /* the variable value whose memory it is written into, or -1 */
    int layout;        /* CN__LAYOUT_… */
    int64_t stride;    /* of a panel, in elements */
    int64_t bytes, offset;
    int first, last;     /* stages in which it lives */
    int64_t chunk_bytes; /* > 0: one copy a chunk of rows (partial sums) */
} cn__value;

/* How an instruction is run. */
typedef enum cn__mode {
    CN__MODE_WHOLE, /* its own units are split over the threads */
    CN__MODE_ROWS,  /* chunk by chunk of the batch */
    CN__MODE_SERIAL /* by one thread */
} cn__mode;

typedef struct cn__inst {
    const cn__op *op;
    cn__attrs attrs;
    int n_in, n_out;
    int in[CN__MAX_INPUTS], out[CN__MAX_OUTPUTS];
    uint64_t shape_only;
    cn__batch batch;
    bool dead;
    bool steady; /* depends on variables only, in a program that changes none */
    cn__mode mode;
    int stage;
    int64_t cost;   /* about how many nanoseconds of one thread */
    void *extra;    /* what a fused instruction carries; owned */
    int64_t serial; /* keeps the order of the trace among equals */
} cn__inst;

/* What a fused elementwise instruction carries. */
typedef struct cn__ew_extra {
    cn__ew program;
    uint32_t sums;   /* bit k: of output k only the sums over all axes but the last are kept */
    int64_t columns; /* the length of that last axis */
} cn__ew_extra;

/* What a fused dense weight gradient carries: the update of the weight and of its bias. The
 * instruction's inputs are x, dy, then those of `update` from its input 1 on, then those of
 * `bias_update` likewise; its outputs those of `update`, `bias_update`. */
typedef struct cn__update_extra {
    bool has_update, has_bias, skinny;
    cn__ew update, bias_update;
} cn__update_extra;

typedef struct cn__dense_extra {
    bool bias, relu, skinny, mask, gemv;
} cn__dense_extra;

/* One call of a stage. */
typedef struct cn__planned {
    int inst;
    const cn__kernel *kernel;
    int64_t units;
    size_t scratch;
} cn__planned;

/* Calls of a stage that depend on each other only row by row (ROWS), in order (SERIAL), or one call
 * by its units (WHOLE). */
typedef struct cn__group {
    cn__mode mode;
    int first, count;     /* in `planned` */
    int64_t tasks, grain; /* units a task, for WHOLE */
} cn__group;

typedef struct cn__stage {
    int first, count; /* in `groups` */
    int64_t tasks;
    int64_t cost;
} cn__stage;

typedef struct cn__program {
    cn__object object;
    int64_t rows;  /* of the batch; -1: none */
    int64_t chunk; /* rows a chunk */
    cn__value *values;
    int64_t n_values, values_capacity;
    cn__inst *insts;
    int64_t n_insts, insts_capacity;
    cn__planned *planned;
    int64_t n_planned, planned_capacity;
    cn__group *groups;
    int64_t n_groups, groups_capacity;
    cn__stage *stages;
    int64_t n_stages, stages_capacity;
    int64_t steady_stages; /* the first ones, run anew only when a variable has changed */
    int n_inputs, n_outputs;
    int *inputs, *outputs; /* values */
    int64_t arena_bytes;
    size_t scratch_bytes;     /* of one worker */
    int64_t cost;             /* of all but the steady stages, nanoseconds of one thread */
    struct cn__context *idle; /* contexts ready to run, newest first */
    void *lock;
    int64_t n_contexts;
} cn__program;

/* Where a run's input rows come from. */
typedef struct cn__source {
    const void *data;     /* row-major, of the input's shape without the batch */
    cn_dtype dtype;       /* cast to the input's dtype on the way if it differs */
    const int64_t *index; /* row i is data[index[i]]; NULL: data[row0 + i] */
    int64_t row0;
} cn__source;

/* Plans a trace for inputs of these known shapes (batched inputs all have `rows` rows). Owned by
 * the caller (cn__unref). */
cn__program *cn__program_new(const cn__trace *trace, int64_t rows, const cn_shape *input_shapes);
/* Runs it; outputs[i], if not NULL, is where output i is copied. Any number of threads may run one
 * program at once, as long as it assigns to no variable. Allocates only the first time, or when
 * more threads run it at once than ever before. */
int cn__program_run(cn__program *program, const cn__source *inputs, void *const *outputs);
/* Writes the stages and calls, with their times if `timed`, to standard error: CORNU_DUMP=graph. */
void cn__program_dump(const cn__program *program, const char *title, const double *seconds);
bool cn__dump_wanted(void);

/* Internal to the planner
 * ----------------------------------------------------------------------------------------- */

int cn__plan_value(cn__program *p, cn__value value);
cn__inst *cn__plan_inst(cn__program *p, const cn__op *op, int n_in, const int *in, int n_out,
                        const int *out);
int cn__plan_build(cn__program *p, const cn__trace *trace, const cn_shape *input_shapes);
int cn__plan_simplify(cn__program *p);
int cn__plan_fold_norm(cn__program *p);
int cn__plan_conv(cn__program *p);
int cn__plan_moments(cn__program *p);
int cn__plan_dense(cn__program *p);
int cn__plan_elementwise(cn__program *p);
int cn__plan_updates(cn__program *p);
int cn__plan_layout(cn__program *p);
int cn__plan_schedule(cn__program *p);
int cn__plan_memory(cn__program *p);
/* The instructions that must run before instruction i: makers of its inputs, readers of the
 * variables that it writes, checks before any write. Fills at most `max`, returns how many; the
 * same may stand twice. */
int cn__plan_before(const cn__program *p, int64_t i, int *before, int max);
/* Puts the live instructions in an order that respects that; CN_ESTATE if there is none. */
int cn__plan_sort(cn__program *p);
/* Recomputes producers and drops what nothing needs. */
void cn__plan_sweep(cn__program *p);
/* Whether a run changes a variable. */
bool cn__plan_assigns(const cn__program *p);
/* The only live instruction that reads the value, itself and once, or -1: also where it is read
 * after the run. */
int cn__plan_only_reader(const cn__program *p, int value);
/* A new array of the arena, of no instruction yet; a negative code. */
int cn__plan_temporary(cn__program *p, cn_dtype dtype, cn_shape shape, bool batched);
/* How many live instructions read the value. */
int cn__plan_uses(const cn__program *p, int value);
/* The value at the end of a chain of views. */
int cn__plan_root(const cn__program *p, int value);
/* Turns a program that is Adam's update of its input 0 into one ADAM step; leaves others alone. */
void cn__match_adam(cn__ew *ew);
/* Whether the value is the constant 0, a single number. */
bool cn__plan_is_zero(const cn__program *p, int value);
/* Whether a planner pass is on: CORNU_PLAN=-dense,-elementwise … switches passes off. */
bool cn__plan_enabled(const char *pass);
/* Fills a call with the shapes and layouts of an instruction, without data. */
void cn__plan_call(const cn__program *p, const cn__inst *inst, cn__call *call, cn__arg *in,
                   cn__arg *out);

/* Ops that only the planner makes. */
extern const cn__op cn__op_assign_copy;      /* out (in a variable's memory) = in */
extern const cn__op cn__op_load;             /* the batch's rows from a source */
extern const cn__op cn__op_elementwise;      /* a cn__ew program */
extern const cn__op cn__op_elementwise_sums; /* one that keeps sums of columns */
extern const cn__op cn__op_moments_sums;     /* sums and sums of squares, (2, columns) float64 */
extern const cn__op cn__op_moments_end;      /* mean, variance <- these sums; attrs.i[0] rows */
extern const cn__op cn__op_dense;            /* act(x·W + b) */
extern const cn__op cn__op_dense_dx;         /* (dy·W^T) [· (h > 0)] */
extern const cn__op cn__op_dense_dw;         /* x^T·dy, and the update of the weight */
extern const cn__op cn__op_reorder;          /* between layouts */
extern const cn__op cn__op_sum_chunks;       /* partial sums in chunk order */

#endif
