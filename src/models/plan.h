/* The steps of a functional model, from its inputs to its outputs. */
#ifndef CN_MODELS_PLAN_H
#define CN_MODELS_PLAN_H

#include "models/structure.h"

/* A call of a layer, or an op that was applied outside layers. */
typedef struct cn__step {
    cn__layer_call *call; /* owned; or */
    cn__node *node;       /* owned */
    cn_tensor **in;       /* borrowed from the call or node */
    int n_in, n_states, n_out;
    int64_t first_in;  /* of n_in + n_states entries in plan->in */
    int64_t first_out; /* slot of the first output */
    int depth;         /* steps between it and the furthest output */
} cn__step;

struct cn__model_plan {
    cn__step *steps;
    int64_t n_steps, steps_capacity;
    int64_t *in; /* slots, or -1 - index of a constant */
    int64_t n_in, in_capacity;
    cn_tensor **constants; /* owned */
    int64_t n_constants, constants_capacity;
    int64_t n_slots;
    int64_t output_slots[CN__MODEL_MAX_IO];
};

#endif
