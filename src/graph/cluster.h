/* Sets of instructions that become one: what the elementwise pass knows about its program. */
#ifndef CN_GRAPH_CLUSTER_H
#define CN_GRAPH_CLUSTER_H

#include "graph/program.h"

/* A set of instructions that becomes one: elementwise ops over one shape, and sums of their results
 * over all axes but the last. */
typedef struct cn__cluster {
    int64_t *members;
    int64_t n, capacity;
    cn_shape shape;
    bool batched;
    uint64_t *sets; /* three sets of instructions: the members, what they depend on, what depends on
                       them */
} cn__cluster;

typedef struct cn__fuser {
    cn__program *p;
    int64_t n_values; /* of the program when the readers were listed */
    int64_t words;    /* of a bit set over instructions */
    uint64_t *before; /* n_insts sets: what an instruction depends on */
    uint64_t *after;  /* n_insts sets: what depends on it */
    int *cluster_of;  /* -1: none */
    int64_t *first;   /* readers of value v: reader[first[v]] … reader[first[v + 1] - 1] */
    int *reader;
    cn__cluster *clusters;
    int64_t n_clusters, clusters_capacity;
} cn__fuser;

/* Fills the sets and the readers of a fuser whose program is set; no instruction may change until
 * cn__fuser_free. */
int cn__fuser_init(cn__fuser *f);
void cn__fuser_free(cn__fuser *f);
/* Makes a cluster of one instruction, over `shape`. */
int cn__cluster_single(cn__fuser *f, int64_t inst, cn_shape shape);
/* Whether a path leads from a member of `a` to a member of `b` through an instruction outside both.
 */
bool cn__cluster_path(const cn__fuser *f, const cn__cluster *a, const cn__cluster *b);
/* Makes one node of two, where `from` reads `into`. */
int cn__cluster_absorb(cn__fuser *f, int into, int from);
/* Whether the program of both would keep the limits of programs. */
bool cn__cluster_fits(const cn__fuser *f, const cn__cluster *a, const cn__cluster *b);
/* Whether the value is read by an instruction outside the cluster, or after the run. */
bool cn__cluster_read_outside(const cn__fuser *f, int self, int value);

/* Whether an instruction can be a member, and how it reads its input k while walking over `out`
 * (CN__EW_FULL …; -1: not by any of the ways there are). */
bool cn__ew_fusable(const cn__program *p, const cn__inst *inst);
int cn__ew_access(const cn__program *p, const cn__inst *inst, int k, const cn_shape *out);
/* Whether an instruction sums a batch over all axes but the last of at least three. */
bool cn__ew_is_sum(const cn__program *p, const cn__inst *inst);
/* The opcode of an op (-1: none), and the element type of a dtype (-1: none). */
int cn__ew_opcode(const cn__op *op);
int cn__ew_element(cn_dtype dtype);

/* Copies cheap instructions into the clusters that read their results, where that spares an array;
 * whether it did goes to *changed. */
int cn__copy_cheap(cn__fuser *f, bool *changed);
/* Replaces a cluster's members by one instruction; leaves them alone if the program does not fit.
 */
int cn__cluster_write(cn__fuser *f, int self);

#endif
