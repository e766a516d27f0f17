/* x[…] as files have it: slices, indices, new axes and an ellipsis. */
#include "core/error.h"
#include "layers/op_reading.h"

#if CN__HAVE_JANSSON
#include <string.h>

typedef enum item_kind { SLICE, INDEX, NEW_AXIS, ELLIPSIS, UNKNOWN } item_kind;

static item_kind kind_of(const json_t *item)
{
    const char *class_name = json_string_value(json_object_get(item, "class_name"));
    if (json_is_null(item)) {
        return NEW_AXIS;
    }
    if (json_is_integer(item)) {
        return INDEX;
    }
    if (class_name && strcmp(class_name, "__ellipsis__") == 0) {
        return ELLIPSIS;
    }
    bool slice = class_name ? strcmp(class_name, "__slice__") == 0
                            : json_is_object(item) && json_object_get(item, "start");
    return slice ? SLICE : UNKNOWN;
}

static int64_t bound(const json_t *item, const char *key)
{
    const json_t *inner = json_object_get(item, "config");
    const json_t *value = json_object_get(inner ? inner : item, key);
    return json_is_integer(value) ? (int64_t)json_integer_value(value) : CN_NONE;
}

static const json_t *item_at(const json_t *spec, size_t i)
{
    return json_is_array(spec) ? json_array_get(spec, i) : spec;
}

/* Start, stop and step of an axis. */
static void take(cn__attrs *attrs, int axis, const json_t *item)
{
    int64_t i = (int64_t)json_integer_value(item);
    bool index = json_is_integer(item);
    int64_t step = index ? 1 : bound(item, "step");
    attrs->i[axis] = index ? i : bound(item, "start");
    attrs->i[8 + axis] = !index ? bound(item, "stop") : i == -1 ? CN_NONE : i + 1;
    attrs->i[16 + axis] = step == CN_NONE ? 1 : step;
    if (!index && attrs->i[axis] == CN_NONE && attrs->i[8 + axis] == CN_NONE && step == CN_NONE) {
        attrs->i[16 + axis] = 0; /* the axis stays whole */
    }
}

/* Indices lose their axis, new ones come between. */
static cn_tensor *reshaped(cn_tensor *x, const json_t *spec, size_t n, int skipped)
{
    int at = 0;
    for (size_t i = 0; x && i < n; i++) {
        switch (kind_of(item_at(spec, i))) {
        case INDEX: x = cn_squeeze(x, at); break;
        case NEW_AXIS: x = cn_expand_dims(x, at++); break;
        case ELLIPSIS: at += skipped; break;
        default: at++;
        }
    }
    return x;
}

cn_tensor *cn__op_read_get_item(cn__op_reading *r)
{
    const json_t *spec = cn__op_arg(r, 1, "slice_spec", "key");
    size_t n = json_is_array(spec) ? json_array_size(spec) : 1;
    cn_tensor *x = cn__op_tensor(r, json_array_get(r->args, 0));
    cn__attrs attrs = {0};
    int taken = 0, ellipses = 0;
    for (size_t i = 0; x && i < n; i++) {
        item_kind kind = kind_of(item_at(spec, i));
        taken += kind == SLICE || kind == INDEX;
        ellipses += kind == ELLIPSIS;
        if (kind == UNKNOWN) {
            cn__op_refuse(r, "it takes elements by something else than slices and integers");
            return NULL;
        }
    }
    int skipped = x ? x->shape.rank - taken : 0, axis = 0;
    if (!x || skipped < 0 || ellipses > 1) {
        cn__op_refuse(r, "its slices do not fit its input");
        return NULL;
    }
    bool whole = true;
    for (size_t i = 0; i < n; i++) {
        const json_t *item = item_at(spec, i);
        item_kind kind = kind_of(item);
        if (kind == SLICE || kind == INDEX) {
            take(&attrs, axis, item);
            whole = whole && !attrs.i[16 + axis];
            axis++;
        } else if (kind == ELLIPSIS) {
            axis += skipped;
        }
    }
    x = whole ? cn_identity(x) : cn__apply1(&cn__op_slice, &attrs, x);
    return reshaped(x, spec, n, skipped);
}
#else
typedef int cn__no_json;
#endif
