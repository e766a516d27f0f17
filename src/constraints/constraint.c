/* The kind of constraints: making, finding and calling them, and functions of the user's own. */
#include "constraints/constraint.h"

#include "core/error.h"
#include "core/tensor.h"

const cn__kind_info cn__kind_constraint = {.type = {CN__CONSTRAINT, "constraint", NULL},
                                           .bytes = sizeof(cn_constraint),
                                           .module = "keras.constraints"};

cn_constraint *cn_constraint_new(const cn_constraint_class *cls, const void *args)
{
    return cn__create(CN__CONSTRAINT, &cls->base, args);
}

const void *cn_constraint_arguments(const cn_constraint *constraint)
{
    return cn__pending() || cn__expect(constraint, CN__CONSTRAINT, "cn_constraint_arguments") < 0
               ? NULL
               : constraint->base.args;
}

int cn_register_constraint(const cn_constraint_class *cls, const char *package)
{
    return cn__class_register(CN__CONSTRAINT, &cls->base, package);
}

cn_constraint *cn_constraint_get(cn_identifier identifier)
{
    return cn__into_scope(cn__resolve(CN__CONSTRAINT, identifier, "cn_constraint_get"));
}

typedef cn_tensor *(*constraint_function)(cn_tensor *weight, void *user);

/* A user's function as a class. */
static cn_tensor *call_function(const cn_constraint *self, cn_tensor *weight)
{
    const cn__function_args *args = self->base.args;
    return ((constraint_function)args->code)(weight, args->user);
}

static const cn_constraint_class function_class = {.base = {.size = sizeof(cn_constraint_class),
                                                            .name = "function",
                                                            .args_size = sizeof(cn__function_args),
                                                            .fields = cn__function_fields},
                                                   .call = call_function};

cn_constraint *cn_constraint_from(cn_tensor *(*function)(cn_tensor *weight, void *user), void *user,
                                  const char *name)
{
    if (!cn__pending() && !function) {
        cn__fail(CN_EVALUE, "cn_constraint_from: expected a function, got NULL");
        return NULL;
    }
    return cn_constraint_new(&function_class,
                             &(const cn__function_args){.size = sizeof(cn__function_args),
                                                        .name = name ? name : "function",
                                                        .code = (cn__code)function,
                                                        .user = user});
}

cn_tensor *cn_constraint_call(const cn_constraint *constraint, cn_tensor *weight)
{
    if (cn__pending() || cn__expect(constraint, CN__CONSTRAINT, "cn_constraint_call") < 0 ||
        cn__expect(weight, CN__TENSOR, "cn_constraint_call") < 0) {
        return NULL;
    }
    const cn_constraint_class *class = (const cn_constraint_class *)constraint->base.class;
    cn_tensor *y = class->call(constraint, weight);
    if (y && !cn__shape_equal(&y->shape, &weight->shape)) {
        char got[256], expected[256];
        cn__fail(CN_EVALUE,
                 "The constraint '%s' gave a tensor of shape %s for a weight of shape %s",
                 class->base.name, cn__shape_text(&y->shape, got, sizeof got),
                 cn__shape_text(&weight->shape, expected, sizeof expected));
    } else if (!y && !cn__pending()) {
        cn__fail(CN_EVALUE, "The constraint '%s' returned NULL without an error", class->base.name);
    }
    return cn__pending() ? NULL : y;
}
