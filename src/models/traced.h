/* A trace with its programs: what functions and graphs run. */
#ifndef CN_MODELS_TRACED_H
#define CN_MODELS_TRACED_H

#include "graph/program.h"

enum { CN__TRACED_PROGRAMS = 16, CN__TRACED_INPUTS = 64 };

/* A trace, planned for the last sixteen combinations of input shapes. */
typedef struct cn__traced {
    cn__trace *trace; /* owned; closed */
    cn__program *programs[CN__TRACED_PROGRAMS];
    cn_shape *shapes[CN__TRACED_PROGRAMS]; /* of the trace's inputs */
    uint64_t used[CN__TRACED_PROGRAMS], clock;
    int n;
} cn__traced;

/* Runs the trace on one value for each of its inputs; out[i] are new tensors of the current scope.
 * 0 or an error. */
int cn__traced_run(cn__traced *traced, cn_tensor *const *in, cn_tensor **out);
void cn__traced_clear(cn__traced *traced);

#endif
