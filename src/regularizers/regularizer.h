/* The struct behind cn_regularizer. */
#ifndef CN_REGULARIZERS_REGULARIZER_H
#define CN_REGULARIZERS_REGULARIZER_H

#include "core/instance.h"
#include <cornu/regularizers.h>

struct cn_regularizer {
    cn__instance base;
};

/* Checks the arguments of the built-in classes. */
int cn__regularizer_check(void *instance);
/* What a name means, where it is not the class's defaults. */
const void *cn__regularizer_named(const cn_class *class, const char *name);

#endif
