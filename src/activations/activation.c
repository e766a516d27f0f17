/* The kind of activations: making, finding and calling them, and functions of the user's own. */
#include "activations/activation.h"

#include "core/error.h"
#include "core/tensor.h"

const cn__kind_info cn__kind_activation = {.type = {CN__ACTIVATION, "activation", NULL},
                                           .bytes = sizeof(cn_activation),
                                           .module = "keras.activations"};

cn_activation *cn_activation_new(const cn_activation_class *cls, const void *args)
{
    return cn__create(CN__ACTIVATION, &cls->base, args);
}

const void *cn_activation_arguments(const cn_activation *activation)
{
    return cn__pending() || cn__expect(activation, CN__ACTIVATION, "cn_activation_arguments") < 0
               ? NULL
               : activation->base.args;
}

int cn_register_activation(const cn_activation_class *cls, const char *package)
{
    return cn__class_register(CN__ACTIVATION, &cls->base, package);
}

cn_activation *cn_activation_get(cn_identifier identifier)
{
    return cn__into_scope(
        cn__resolve(CN__ACTIVATION, identifier ? identifier : "linear", "cn_activation_get"));
}

typedef cn_tensor *(*activation_function)(cn_tensor *x, void *user);

/* A user's function as a class. */
static cn_tensor *call_function(const cn_activation *self, cn_tensor *x)
{
    const cn__function_args *args = self->base.args;
    return ((activation_function)args->code)(x, args->user);
}

static const cn_activation_class function_class = {.base = {.size = sizeof(cn_activation_class),
                                                            .name = "function",
                                                            .args_size = sizeof(cn__function_args),
                                                            .fields = cn__function_fields},
                                                   .call = call_function};

cn_activation *cn_activation_from(cn_tensor *(*function)(cn_tensor *x, void *user), void *user,
                                  const char *name)
{
    if (!cn__pending() && !function) {
        cn__fail(CN_EVALUE, "cn_activation_from: expected a function, got NULL");
        return NULL;
    }
    return cn_activation_new(&function_class,
                             &(const cn__function_args){.size = sizeof(cn__function_args),
                                                        .name = name ? name : "function",
                                                        .code = (cn__code)function,
                                                        .user = user});
}

cn_tensor *cn_activation_call(const cn_activation *activation, cn_tensor *x)
{
    if (cn__pending() || cn__expect(activation, CN__ACTIVATION, "cn_activation_call") < 0 ||
        cn__expect(x, CN__TENSOR, "cn_activation_call") < 0) {
        return NULL;
    }
    const cn_activation_class *class = (const cn_activation_class *)activation->base.class;
    cn_tensor *y = class->call(activation, x);
    if (!y && !cn__pending()) {
        cn__fail(CN_EVALUE, "The activation '%s' returned NULL without an error", class->base.name);
    }
    return y;
}
