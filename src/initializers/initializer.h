/* The struct behind cn_initializer. */
#ifndef CN_INITIALIZERS_INITIALIZER_H
#define CN_INITIALIZERS_INITIALIZER_H

#include "core/instance.h"
#include <cornu/initializers.h>

struct cn_initializer {
    cn__instance base;
};

/* Checks the arguments of the built-in classes. */
int cn__initializer_check(void *instance);

#endif
