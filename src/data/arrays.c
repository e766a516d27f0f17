/* The front door of arrays in files: what a spec on a command line or in a program names. */
#include "data/arrays.h"

#include <cornu/datasets.h>

#include <string.h>

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static bool is_idx(const char *spec)
{
    return ends_with(spec, ".idx") || ends_with(spec, ".idx.gz") || ends_with(spec, "-ubyte") ||
           ends_with(spec, "-ubyte.gz");
}

static cn_named_tensors one(const char *name, cn_tensor *t)
{
    cn_named_tensors none = {0};
    if (t == NULL) {
        return none;
    }
    cn_named_tensors list = cn__named_new(1, &name);
    if (list.n == 1) {
        list.tensors[0] = t;
    }
    return list;
}

/* Whether the spec is NAME:PART of a data set; then *name is what to load and *part what follows
 * the colon. */
static bool is_dataset(const char *spec, const char **name, const char **part)
{
    for (const char *const *names = cn_dataset_names(); *names != NULL; names++) {
        size_t n = strlen(*names);
        if (strncmp(spec, *names, n) == 0 && spec[n] == ':') {
            *name = *names;
            *part = spec + n + 1;
            return true;
        }
    }
    return false;
}

static cn_named_tensors load_part(const char *spec, const char *name, const char *part,
                                  const char *which)
{
    static const char *const both[] = {"x", "y"};
    cn_named_tensors none = {0};
    bool train = strcmp(part, "train") == 0, test = strcmp(part, "test") == 0;
    if (!train && !test) {
        cn__fail(CN_EVALUE, "\"%s\": expected %s:train or %s:test", spec, name, name);
        return none;
    }
    if (which != NULL && strcmp(which, "x") != 0 && strcmp(which, "y") != 0) {
        cn__fail(CN_EVALUE, "\"%s\": expected \"x\" or \"y\" of it, got \"%s\"", spec, which);
        return none;
    }
    cn_dataset data = cn_dataset_load(name, NULL);
    if (data.x_train == NULL) {
        return none;
    }
    cn_tensor *all[] = {data.x_train, data.y_train, data.x_test, data.y_test};
    bool keep_x = which == NULL || *which == 'x', keep_y = which == NULL || *which == 'y';
    bool keep[] = {train && keep_x, train && keep_y, test && keep_x, test && keep_y};
    cn_named_tensors list = cn__named_new(keep_x + keep_y, keep_x ? both : both + 1);
    int n = 0;
    for (int i = 0; i < 4; i++) {
        if (keep[i] && n < list.n) {
            list.tensors[n++] = all[i];
        } else {
            cn_free(all[i]); /* the scope may live long, and the other part is large */
        }
    }
    return list;
}

cn_named_tensors cn_load_arrays(const char *spec, const char *which)
{
    cn_named_tensors none = {0};
    const char *name, *part;
    if (cn__pending() || spec == NULL) {
        cn__fail(CN_EVALUE, "cn_load_arrays: expected a spec, got NULL");
        return none;
    }
    if (is_dataset(spec, &name, &part)) {
        return load_part(spec, name, part, which);
    }
    const char *key = strstr(spec, ".npz:");
    if (key != NULL) {
        char *path = cn__strndup(spec, (size_t)(key + 4 - spec));
        cn_named_tensors list = none;
        if (path != NULL) {
            list = one(key + 5, cn_load_npz_array(path, key + 5));
        }
        cn__free_mem(path);
        return list;
    }
    const char *single = which != NULL ? which : "x";
    if (ends_with(spec, ".npz")) {
        return cn_load_npz(spec);
    }
    if (ends_with(spec, ".npy")) {
        return one(single, cn_load_npy(spec));
    }
    if (ends_with(spec, ".csv")) {
        return one(single, cn_load_csv_with(spec, NULL));
    }
    if (is_idx(spec)) {
        return one(single, cn_load_idx(spec));
    }
    cn__fail(
        CN_EVALUE,
        "\"%s\": expected a file that ends in .npy, .npz, .npz:NAME, .csv, .idx or -ubyte (the "
        "last two also with .gz), or a part of a data set such as mnist:train",
        spec);
    return none;
}

cn_tensor *cn_load_array(const char *spec)
{
    const char *name, *part;
    bool dataset = spec != NULL && is_dataset(spec, &name, &part);
    cn_named_tensors list = cn_load_arrays(spec, dataset ? "x" : NULL);
    if (list.n == 1) {
        return list.tensors[0];
    }
    if (list.n > 1) {
        cn__text names = {0};
        for (int i = 0; i < list.n; i++) {
            cn__text_add(&names, "%s%s", i ? ", " : "", list.names[i]);
            cn_free(list.tensors[i]);
        }
        char *text = cn__text_take(&names);
        cn__fail(CN_EVALUE, "%s: expected one array, got %d: name one as %s:NAME of %s", spec,
                 list.n, spec, text != NULL ? text : "");
        cn__free_mem(text);
    } else if (!cn__pending()) {
        cn__fail(CN_EVALUE, "%s: expected one array, got none", spec);
    }
    return NULL;
}
