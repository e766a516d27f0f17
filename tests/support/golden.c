/* Reading golden cases and comparing with them. */
#include "golden.h"

#if CN_TEST_HAVE_JANSSON
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cornu/arrays.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

const char *golden_path(const char *below, char *buffer)
{
    const char *shared = getenv("CORNU_SHARED");
    snprintf(buffer, 1024, "%s/%s", shared ? shared : CN_TEST_SOURCE_DIR "/../shared", below);
    FILE *file = fopen(buffer, "rb");
    if (!file) {
        return NULL;
    }
    fclose(file);
    return buffer;
}

char *golden_text(const char *below)
{
    char path[1024];
    FILE *file = golden_path(below, path) ? fopen(path, "rb") : NULL;
    if (!file) {
        return NULL;
    }
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    char *text = size >= 0 ? malloc((size_t)size + 1) : NULL;
    if (text) {
        text[fread(text, 1, (size_t)size, file)] = '\0';
    }
    fclose(file);
    return text;
}

static json_t *load(const char *below)
{
    char path[1024];
    return golden_path(below, path) ? json_load_file(path, 0, NULL) : NULL;
}

static bool run_case(const char *kind, const json_t *entry,
                     bool (*check)(const golden_case *c, void *user), void *user)
{
    char below[512], path[1024];
    golden_case c = {.kind = kind, .name = json_string_value(json_object_get(entry, "name"))};
    const char *json = json_string_value(json_object_get(entry, "json"));
    const char *npz = json_string_value(json_object_get(entry, "npz"));
    snprintf(below, sizeof below, "golden/%s/%s", kind, json);
    c.json = load(below);
    assert_non_null(c.json);
    if (npz) {
        snprintf(below, sizeof below, "golden/%s/%s", kind, npz);
        const char *found = golden_path(below, path);
        assert_non_null(found);
        memcpy(c.npz, path, sizeof c.npz);
    }
    cn_scope scope = cn_scope_begin();
    bool done = check(&c, user);
    if (cn_error()) {
        fail_msg("%s/%s: %s", kind, c.name, cn_error());
    }
    cn_scope_end(scope);
    json_decref(c.json);
    return done;
}

int golden_each(const char *kind, const char *prefix,
                bool (*check)(const golden_case *c, void *user), void *user)
{
    char below[256];
    snprintf(below, sizeof below, "golden/%s/index.json", kind);
    json_t *index = load(below);
    if (!index) {
        print_message("[  SKIPPED ] golden/%s is not there (CORNU_SHARED)\n", kind);
        skip();
        return 0;
    }
    int done = 0, passed = 0;
    json_t *cases = json_object_get(index, "cases"), *entry;
    const char *only = getenv("CORNU_TEST_CASE");
    size_t i;
    assert_true(json_array_size(cases) > 0);
    json_array_foreach(cases, i, entry)
    {
        const char *name = json_string_value(json_object_get(entry, "name"));
        if ((prefix && strncmp(name, prefix, strlen(prefix)) != 0) ||
            (only && strncmp(name, only, strlen(only)) != 0)) {
            continue;
        }
        if (run_case(kind, entry, check, user)) {
            done++;
        } else {
            passed++;
        }
    }
    json_decref(index);
    print_message("golden/%s: %d cases checked, %d of what is not there yet passed over\n", kind,
                  done, passed);
    return done;
}

bool golden_some(int n)
{
    return n > 0 || getenv("CORNU_TEST_CASE");
}

cn_tensor *golden_array(const golden_case *c, const char *name)
{
    cn_tensor *t = cn_load_npz_array(c->npz, name);
    if (!t) {
        fail_msg("%s/%s: no array %s: %s", c->kind, c->name, name, cn_error());
    }
    return t;
}

bool golden_has(const golden_case *c, const char *name)
{
    return json_object_get(json_object_get(c->json, "arrays"), name) != NULL;
}

const char *golden_string(const golden_case *c, const char *key)
{
    return json_string_value(json_object_get(c->json, key));
}

static bool close_enough(double got, double want, double absolute, double relative)
{
    if (isnan(want) || isnan(got)) {
        return isnan(want) && isnan(got);
    }
    if (isinf(want) || isinf(got)) {
        return got == want;
    }
    return fabs(got - want) <= absolute + relative * fabs(want);
}

void golden_close(const golden_case *c, const char *what, const cn_tensor *got,
                  const cn_tensor *want, double absolute, double relative)
{
    if (!got) {
        fail_msg("%s/%s %s: nothing: %s", c->kind, c->name, what,
                 cn_error() ? cn_error() : "no error");
    }
    int rank = cn_tensor_rank(want);
    bool same = cn_tensor_rank(got) == rank;
    for (int i = 0; same && i < rank; i++) {
        same = cn_tensor_dim(got, i) == cn_tensor_dim(want, i);
    }
    if (!same) {
        fail_msg("%s/%s %s: rank %d against %d, or other lengths", c->kind, c->name, what,
                 cn_tensor_rank(got), rank);
    }
    for (int64_t i = 0; i < cn_tensor_size(want); i++) {
        double a = cn_tensor_item(got, i), b = cn_tensor_item(want, i);
        if (!close_enough(a, b, absolute, relative)) {
            fail_msg("%s/%s %s: element %lld is %.9g, Keras has %.9g", c->kind, c->name, what,
                     (long long)i, a, b);
        }
    }
}

static bool same_object(const json_t *a, const json_t *b)
{
    void *i = json_object_iter((json_t *)(uintptr_t)a),
         *k = json_object_iter((json_t *)(uintptr_t)b);
    while (i && k) {
        if (strcmp(json_object_iter_key(i), json_object_iter_key(k)) != 0 ||
            !golden_same_json(json_object_iter_value(i), json_object_iter_value(k))) {
            return false;
        }
        i = json_object_iter_next((json_t *)(uintptr_t)a, i);
        k = json_object_iter_next((json_t *)(uintptr_t)b, k);
    }
    return !i && !k;
}

bool golden_same_json(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b)) {
        return json_number_value(a) == json_number_value(b);
    }
    if (!a || !b || json_typeof(a) != json_typeof(b)) {
        return false;
    }
    if (json_is_object(a)) {
        return same_object(a, b);
    }
    if (json_is_array(a)) {
        bool same = json_array_size(a) == json_array_size(b);
        for (size_t i = 0; same && i < json_array_size(a); i++) {
            same = golden_same_json(json_array_get(a, i), json_array_get(b, i));
        }
        return same;
    }
    return json_equal((json_t *)(uintptr_t)a, (json_t *)(uintptr_t)b);
}
#else
typedef int golden_nothing;
#endif
