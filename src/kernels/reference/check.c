/* Reference kernels of the checks of data. */
#include "kernels/reference/walk.h"

#include <inttypes.h>

static int index_error(const cn__call *call, int64_t i, int64_t value)
{
    int64_t n = call->attrs->i[0];
    char place[256];
    if (call->attrs->i[1]) {
        return cn__fail(CN_EINDEX,
                        "Received a label value of %" PRId64
                        " which is outside the valid range of [0, %" PRId64 ").",
                        value, n);
    }
    return cn__fail(CN_EINDEX, "%s = %" PRId64 " is not in [0, %" PRId64 ")",
                    cn__place_text(&call->in[0].shape, call->row0, i, place, sizeof place), value,
                    n);
}

/* Floats are cut to integers first; a NaN is never inside. */
static int check_indices_run(const cn__call *call, int64_t begin, int64_t end)
{
    const cn__arg *in = &call->in[0];
    int64_t n = call->attrs->i[0], size = begin < end ? cn__elements(&in->shape) : 0;
    bool floats = cn__dtype_is_float(in->dtype);
    for (int64_t i = 0; i < size; i++) {
        double real = floats ? cn__read(in->dtype, in->data, i) : 0;
        int64_t value = floats ? (real >= -1 && real < 9e18 ? (int64_t)real : -1)
                               : cn__load_integer(in->dtype, in->data, i);
        bool ignored = call->attrs->i[2] != CN_NONE && value == call->attrs->i[2];
        if ((value < 0 || value >= n) && !ignored) {
            return index_error(call, i, value);
        }
    }
    if (begin < end && call->out[0].data) {
        cn__write(call->out[0].dtype, call->out[0].data, 0, 0);
    }
    return 0;
}

const cn__kernel cn__reference_check_indices = {.name = "check_indices (reference)",
                                                .run = check_indices_run};

static int check_range_run(const cn__call *call, int64_t begin, int64_t end)
{
    const cn__arg *in = &call->in[0];
    double low = call->attrs->f[0], high = call->attrs->f[1];
    int64_t size = begin < end ? cn__elements(&in->shape) : 0;
    for (int64_t i = 0; i < size; i++) {
        double value = cn__read(in->dtype, in->data, i);
        if (!(value >= low && value <= high)) {
            const char *message = call->attrs->p;
            return cn__fail(CN_EINDEX, "%s", message ? message : "a value is out of range");
        }
    }
    if (begin < end && call->out[0].data) {
        cn__write(call->out[0].dtype, call->out[0].data, 0, 0);
    }
    return 0;
}

const cn__kernel cn__reference_check_range = {.name = "check_range (reference)",
                                              .run = check_range_run};
