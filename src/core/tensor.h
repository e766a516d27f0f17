/* The records that all folders share: storage, tensor, variable, op, node. */
#ifndef CN_CORE_TENSOR_H
#define CN_CORE_TENSOR_H

#include "core/error.h"
#include "core/memory.h"
#include "core/object.h"
#include "core/shape.h"

/* Storage is counted atomically and shared by views. */
typedef struct cn__storage {
    atomic_int refs;
    size_t bytes;
    void *data;
    void (*release)(void *user); /* for memory that is not ours */
    void *user;
    bool foreign;
} cn__storage;

struct cn__node;

/* How a Python number takes part in promotion: an integer takes the tensor's dtype, a float makes
 * integers float32. */
typedef enum cn__weak { CN__STRONG = 0, CN__WEAK_INTEGER, CN__WEAK_FLOAT } cn__weak;

/* What makes a tensor a variable. `packed` is the layout its kernels want; one of canonical and
 * packed may be stale. */
typedef struct cn__variable {
    char *name;
    bool trainable;
    atomic_uint_least64_t version; /* counts assignments */
    /* Set by cn__pack (graph): brings the canonical value up to date, or packs it again. NULL when
     * not packed. */
    void *packed;
    size_t packed_bytes;
    int packed_layout;           /* enum cn__layout of graph/program.h */
    atomic_bool canonical_stale; /* the packed copy is newer */
    atomic_bool packed_stale;    /* the canonical value is newer */
    void (*unpack)(cn_tensor *variable);
    const void *regularizer, *constraint; /* objects, owned; or NULL */
    void *owner;                          /* the layer or optimizer, not owned; or NULL */
    bool overwrite_with_gradient;
} cn__variable;

struct cn_tensor {
    cn__object object;
    cn_dtype dtype;
    cn_shape shape;
    uint64_t id; /* unique in the process: the key of tapes */
    cn__weak weak;
    cn__weak number;       /* of a constant that was cast from a C number: how files write it */
    cn__storage *storage;  /* NULL while symbolic */
    char *data;            /* inside storage */
    struct cn__node *node; /* where it came from: always when symbolic; when eager only if its kind
                              is worth knowing */
    int output;            /* which of the node's outputs */
    const struct cn_tensor
        *read_of; /* in a trace: the variable whose newly assigned value this is; or NULL */
    cn__variable *variable;
    cn_tensor *mask;     /* Keras's _keras_mask: set by layer calls only; owned */
    void *keras_history; /* the layer call that made a functional tensor (models); counted object;
                            or NULL */
    char *name;
};

/* What an op needs besides its tensors: plain data, so that equal nodes can be found by comparing
 * bytes. */
typedef struct cn__attrs {
    int64_t i[24];
    double f[8];
    const void *p; /* an object or sub-program that outlives the node; or NULL */
} cn__attrs;

#define CN__MAX_INPUTS 64
#define CN__MAX_OUTPUTS 8

struct cn__op;

/* One application of an op. It owns its inputs; a tensor owns its node; nodes do not own their
 * outputs. */
typedef struct cn__node {
    atomic_int refs;
    uint64_t serial; /* nodes are numbered as they are made: inputs come before what uses them */
    const struct cn__op *op;
    cn__attrs attrs;
    int n_in, n_out;
    cn_tensor **in; /* n_in, owned */
    cn_tensor *
        *saved; /* n_out handles without a node, of an eager op with several outputs; or NULL */
    cn_dtype dtype[CN__MAX_OUTPUTS]; /* of the outputs */
    cn_shape shape[CN__MAX_OUTPUTS];
} cn__node;

/* Uninitialised contents; belongs to the current scope. */
cn_tensor *cn__tensor_new(cn_dtype dtype, const cn_shape *shape);
/* A second handle on the same elements with another shape of the same size, starting `offset` bytes
 * in. */
cn_tensor *cn__tensor_view(cn_tensor *t, const cn_shape *shape, size_t offset);
/* The output `index` of a node, without data. */
cn_tensor *cn__tensor_symbolic(cn__node *node, int index);
/* A variable owned by no scope (one reference for the caller), with uninitialised contents. */
cn_tensor *cn__variable_new(const char *name, cn_dtype dtype, const cn_shape *shape,
                            bool trainable);
/* The canonical elements, brought up to date first if a packed layout is newer. NULL for a symbolic
 * tensor. */
void *cn__data(const cn_tensor *t);
/* The same for writing: marks the packed layout stale and counts a new version of a variable. */
void *cn__data_write(cn_tensor *t);
int64_t cn__size(const cn_tensor *t); /* elements; the shape is known */
size_t cn__bytes(const cn_tensor *t);
/* Reads and writes one element of any dtype as a double (int64 beyond 2^53 loses bits). */
double cn__read(cn_dtype dtype, const void *data, int64_t index);
void cn__write(cn_dtype dtype, void *data, int64_t index, double value);
bool cn__dtype_is_float(cn_dtype dtype);
bool cn__dtype_is_integer(cn_dtype dtype); /* not bool */
float cn__half_to_float(uint16_t half);
uint16_t cn__float_to_half(float value);
float cn__bfloat16_to_float(uint16_t value);
uint16_t cn__float_to_bfloat16(float value);
/* The tensor behind a handle, checked: NULL and an error for NULL or something that is not a
 * tensor. */
cn_tensor *cn__check_tensor(const cn_tensor *t, const char *who);

cn__node *cn__node_new(const struct cn__op *op, const cn__attrs *attrs, int n_in,
                       cn_tensor *const *in);
cn__node *cn__node_ref(cn__node *node);
void cn__node_unref(cn__node *node);

#endif
