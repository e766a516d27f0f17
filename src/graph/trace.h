/* Tracing: while a trace is open in a thread, ops are recorded instead of run. */
#ifndef CN_GRAPH_TRACE_H
#define CN_GRAPH_TRACE_H

#include "core/op.h"

/* A variable's new value at the end of a trace. */
typedef struct cn__assignment {
    cn_tensor *variable, *value; /* owned */
    cn_tensor *read; /* the value as ops that read the variable see it, once one has; owned */
} cn__assignment;

typedef struct cn__trace {
    cn__object object;
    struct cn__trace *outer;
    int n_inputs, n_outputs;
    cn_tensor **inputs;  /* placeholders in order, owned */
    cn_tensor **outputs; /* owned */
    cn__assignment *assignments;
    int64_t n_assignments, capacity;
    cn_tensor *
        random_counter; /* what draws without a counter of their own count by; not owned; or NULL */
    cn__node **effects; /* checks, in order; owned */
    int64_t n_effects, effects_capacity;
} cn__trace;

/* Opens a trace in this thread; the caller owns it (cn__unref). */
cn__trace *cn__trace_begin(void);
/* Closes the innermost trace; it can still be read. */
void cn__trace_end(cn__trace *trace);
cn__trace *cn__trace_current(void);
/* Suspends tracing in this thread (for code that must run eagerly inside) and takes it up again. */
cn__trace *cn__trace_suspend(void);
void cn__trace_resume(cn__trace *trace);
/* While a gradient's formula runs in this thread, a variable means the value that was read,
 * whatever the trace has assigned to it since; returns what held before. */
bool cn__trace_freeze(bool frozen);
/* A symbolic input; its first length may be -1 (the batch). The same outside a trace: a functional
 * model's input. */
cn_tensor *cn__placeholder(cn_dtype dtype, const cn_shape *shape, const char *name);
bool cn__is_placeholder(const cn_tensor *t);
/* The value a variable has at this point of the trace: itself, or what was assigned to it. */
cn_tensor *cn__trace_value(cn__trace *trace, cn_tensor *t);
/* The handle that stands for a variable that was assigned to (NULL: not made yet), and keeping it.
 */
cn_tensor *cn__trace_read(const cn__trace *trace, const cn_tensor *variable);
void cn__trace_set_read(cn__trace *trace, const cn_tensor *variable, cn_tensor *read);
int cn__trace_assign(cn__trace *trace, cn_tensor *variable, cn_tensor *value);
int cn__trace_effect(cn__trace *trace, cn__node *node);
int cn__trace_add_input(cn__trace *trace, cn_tensor *input);
int cn__trace_add_output(cn__trace *trace, cn_tensor *output);

extern const cn__op cn__op_placeholder;

#endif
