/* Variables: making them and assigning to them, eagerly or in a trace. */
#include "graph/trace.h"
#include "ops/op.h"

#include <string.h>

const cn_variable_args cn_variable_defaults = {.size = sizeof(cn_variable_args),
                                               CN_VARIABLE_DEFAULTS};

cn_tensor *cn_variable_with(cn_tensor *initial, const cn_variable_args *given)
{
    if (!cn__check_tensor(initial, "cn_variable")) {
        return NULL;
    }
    if (!given || !given->size || given->size > sizeof *given) {
        cn__fail(CN_EVALUE, "cn_variable: the arguments' size is not set");
        return NULL;
    }
    cn_variable_args args = cn_variable_defaults;
    memcpy(&args, given, given->size);
    cn_dtype dtype = args.dtype ? args.dtype : initial->dtype;
    if (!args.dtype && initial->weak) {
        dtype = initial->weak == CN__WEAK_FLOAT ? CN_FLOAT32 : CN_INT32;
    }
    cn__trace *trace = cn__trace_suspend();
    cn_tensor *value = dtype == initial->dtype ? initial : cn_cast(initial, dtype);
    const void *data = value ? cn__data(value) : NULL;
    cn_tensor *t = data ? cn__variable_new(args.name, dtype, &value->shape, args.trainable) : NULL;
    if (t) {
        memcpy(t->data, data, cn__bytes(value));
        cn__into_scope(t);
    }
    cn__trace_resume(trace);
    return t;
}

/* The value in the variable's dtype and shape, or NULL: shapes must agree, as in TensorFlow; a
 * number fills a scalar only. */
static cn_tensor *fit_value(cn_tensor *variable, cn_tensor *value, const char *who)
{
    if (!cn__check_tensor(variable, who) || !cn__check_tensor(value, who)) {
        return NULL;
    }
    if (!variable->variable) {
        cn__fail(CN_ETYPE, "%s: expected a variable, got a tensor", who);
        return NULL;
    }
    if (value->dtype != variable->dtype) {
        value = cn_cast(value, variable->dtype);
    }
    return value;
}

static bool shapes_agree(const cn_shape *variable, const cn_shape *value)
{
    if (variable->rank != value->rank) {
        return false;
    }
    for (int i = 0; i < variable->rank; i++) {
        if (value->dim[i] != -1 && value->dim[i] != variable->dim[i]) {
            return false;
        }
    }
    return true;
}

int(cn_assign)(cn_tensor *variable, cn_tensor *value)
{
    value = fit_value(variable, value, "cn_assign");
    if (!value) {
        return cn_error_code();
    }
    if (!shapes_agree(&variable->shape, &value->shape)) {
        char want[256], got[256];
        return cn__fail(CN_EVALUE,
                        "Cannot assign value to variable '%s': Shape mismatch. The variable shape "
                        "%s, and the assigned value shape %s are incompatible.",
                        variable->variable->name,
                        cn__shape_text(&variable->shape, want, sizeof want),
                        cn__shape_text(&value->shape, got, sizeof got));
    }
    cn__trace *trace = cn__trace_current();
    if (trace) {
        /* Another variable's value is what it is now, whatever is assigned to that one later. */
        value = value->variable ? cn_identity(value) : value;
        if (!value) {
            return cn_error_code();
        }
        return cn__trace_assign(trace, variable, value);
    }
    const void *from = cn__data(value);
    void *to = from ? cn__data_write(variable) : NULL;
    if (!to) {
        return cn_error_code();
    }
    memmove(to, from, cn__bytes(variable));
    return 0;
}

static int assign_sum(cn_tensor *variable, cn_tensor *value, bool minus)
{
    value = fit_value(variable, value, minus ? "cn_assign_sub" : "cn_assign_add");
    cn_tensor *sum = !value  ? NULL
                     : minus ? (cn_subtract)(variable, value)
                             : (cn_add)(variable, value);
    return sum ? (cn_assign)(variable, sum) : cn_error_code();
}

int(cn_assign_add)(cn_tensor *variable, cn_tensor *value)
{
    return assign_sum(variable, value, false);
}

int(cn_assign_sub)(cn_tensor *variable, cn_tensor *value)
{
    return assign_sum(variable, value, true);
}
