/* The kind of regularizers: making, finding and calling them, and functions of the user's own. */
#include "regularizers/regularizer.h"

#include "core/error.h"
#include "core/tensor.h"

const cn__kind_info cn__kind_regularizer = {.type = {CN__REGULARIZER, "regularizer", NULL},
                                            .bytes = sizeof(cn_regularizer),
                                            .module = "keras.regularizers",
                                            .init = cn__regularizer_check,
                                            .named_args = cn__regularizer_named};

cn_regularizer *cn_regularizer_new(const cn_regularizer_class *cls, const void *args)
{
    return cn__create(CN__REGULARIZER, &cls->base, args);
}

const void *cn_regularizer_arguments(const cn_regularizer *regularizer)
{
    return cn__pending() || cn__expect(regularizer, CN__REGULARIZER, "cn_regularizer_arguments") < 0
               ? NULL
               : regularizer->base.args;
}

int cn_register_regularizer(const cn_regularizer_class *cls, const char *package)
{
    return cn__class_register(CN__REGULARIZER, &cls->base, package);
}

cn_regularizer *cn_regularizer_get(cn_identifier identifier)
{
    return cn__into_scope(cn__resolve(CN__REGULARIZER, identifier, "cn_regularizer_get"));
}

typedef cn_tensor *(*regularizer_function)(cn_tensor *x, void *user);

/* A user's function as a class. */
static cn_tensor *call_function(const cn_regularizer *self, cn_tensor *x)
{
    const cn__function_args *args = self->base.args;
    return ((regularizer_function)args->code)(x, args->user);
}

static const cn_regularizer_class function_class = {.base = {.size = sizeof(cn_regularizer_class),
                                                             .name = "function",
                                                             .args_size = sizeof(cn__function_args),
                                                             .fields = cn__function_fields},
                                                    .call = call_function};

cn_regularizer *cn_regularizer_from(cn_tensor *(*function)(cn_tensor *x, void *user), void *user,
                                    const char *name)
{
    if (!cn__pending() && !function) {
        cn__fail(CN_EVALUE, "cn_regularizer_from: expected a function, got NULL");
        return NULL;
    }
    return cn_regularizer_new(&function_class,
                              &(const cn__function_args){.size = sizeof(cn__function_args),
                                                         .name = name ? name : "function",
                                                         .code = (cn__code)function,
                                                         .user = user});
}

cn_tensor *cn_regularizer_call(const cn_regularizer *regularizer, cn_tensor *x)
{
    if (cn__pending() || cn__expect(regularizer, CN__REGULARIZER, "cn_regularizer_call") < 0 ||
        cn__expect(x, CN__TENSOR, "cn_regularizer_call") < 0) {
        return NULL;
    }
    const cn_regularizer_class *class = (const cn_regularizer_class *)regularizer->base.class;
    cn_tensor *y = class->call(regularizer, x);
    if (y && y->shape.rank != 0) {
        char text[256];
        cn__fail(CN_EVALUE, "The regularizer '%s' should return a scalar, got a tensor of shape %s",
                 class->base.name, cn__shape_text(&y->shape, text, sizeof text));
    } else if (!y && !cn__pending()) {
        cn__fail(CN_EVALUE, "The regularizer '%s' returned NULL without an error",
                 class->base.name);
    }
    return cn__pending() ? NULL : y;
}
