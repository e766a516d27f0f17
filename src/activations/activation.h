/* The struct behind cn_activation. */
#ifndef CN_ACTIVATIONS_ACTIVATION_H
#define CN_ACTIVATIONS_ACTIVATION_H

#include "core/instance.h"
#include <cornu/activations.h>

struct cn_activation {
    cn__instance base;
};

#endif
