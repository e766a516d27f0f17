/* The struct behind cn_constraint. */
#ifndef CN_CONSTRAINTS_CONSTRAINT_H
#define CN_CONSTRAINTS_CONSTRAINT_H

#include "core/instance.h"
#include <cornu/constraints.h>

struct cn_constraint {
    cn__instance base;
};

#endif
