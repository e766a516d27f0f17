/* The kind of initializers: making, finding and calling them, and functions of the user's own. */
#include "initializers/initializer.h"

#include "core/error.h"
#include "core/tensor.h"
#include "graph/trace.h"

const cn__kind_info cn__kind_initializer = {.type = {CN__INITIALIZER, "initializer", NULL},
                                            .bytes = sizeof(cn_initializer),
                                            .module = "keras.initializers",
                                            .init = cn__initializer_check};

cn_initializer *cn_initializer_new(const cn_initializer_class *cls, const void *args)
{
    return cn__create(CN__INITIALIZER, &cls->base, args);
}

const void *cn_initializer_arguments(const cn_initializer *initializer)
{
    return cn__pending() || cn__expect(initializer, CN__INITIALIZER, "cn_initializer_arguments") < 0
               ? NULL
               : initializer->base.args;
}

int cn_register_initializer(const cn_initializer_class *cls, const char *package)
{
    return cn__class_register(CN__INITIALIZER, &cls->base, package);
}

cn_initializer *cn_initializer_get(cn_identifier identifier)
{
    return cn__into_scope(cn__resolve(CN__INITIALIZER, identifier, "cn_initializer_get"));
}

typedef cn_tensor *(*initializer_function)(const cn_shape *shape, cn_dtype dtype, void *user);

/* A user's function as a class. */
static cn_tensor *call_function(const cn_initializer *self, const cn_shape *shape, cn_dtype dtype)
{
    const cn__function_args *args = self->base.args;
    return ((initializer_function)args->code)(shape, dtype, args->user);
}

static const cn_initializer_class function_class = {.base = {.size = sizeof(cn_initializer_class),
                                                             .name = "function",
                                                             .args_size = sizeof(cn__function_args),
                                                             .fields = cn__function_fields},
                                                    .call = call_function};

cn_initializer *cn_initializer_from(cn_tensor *(*function)(const cn_shape *shape, cn_dtype dtype,
                                                           void *user),
                                    void *user, const char *name)
{
    if (!cn__pending() && !function) {
        cn__fail(CN_EVALUE, "cn_initializer_from: expected a function, got NULL");
        return NULL;
    }
    return cn_initializer_new(&function_class,
                              &(const cn__function_args){.size = sizeof(cn__function_args),
                                                         .name = name ? name : "function",
                                                         .code = (cn__code)function,
                                                         .user = user});
}

cn_tensor *cn_initializer_call(const cn_initializer *initializer, const cn_shape *shape,
                               cn_dtype dtype)
{
    char got[256], expected[256];
    if (cn__pending() || cn__expect(initializer, CN__INITIALIZER, "cn_initializer_call") < 0) {
        return NULL;
    }
    cn__shape_text(shape, expected, sizeof expected);
    if (!cn__shape_known(shape)) {
        cn__fail(CN_EVALUE, "An initializer needs a known shape, got %s", expected);
        return NULL;
    }
    const cn_initializer_class *class = (const cn_initializer_class *)initializer->base.class;
    /* A weight is made while a model is being traced, but its values are not part of the trace. */
    cn__trace *trace = cn__trace_suspend();
    cn_tensor *t = class->call(initializer, shape, dtype);
    cn__trace_resume(trace);
    if (!t || cn__pending()) {
        if (!cn__pending()) {
            cn__fail(CN_EVALUE, "The initializer '%s' returned NULL without an error",
                     class->base.name);
        }
        return NULL;
    }
    if (!t->storage || t->dtype != dtype || !cn__shape_equal(&t->shape, shape)) {
        cn__fail(CN_EVALUE, "The initializer '%s' should return a %s tensor of shape %s, got %s %s",
                 class->base.name, cn_dtype_name(dtype), expected, cn_dtype_name(t->dtype),
                 cn__shape_text(&t->shape, got, sizeof got));
        return NULL;
    }
    return t;
}
