/* Feeds arbitrary text to the reader of models: it must give a model, whose JSON and summary can be
 * written, or an error. */
#include "core/memory.h"
#include "models/json_text.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Layers may ask for weights of any size: what a small machine would not have is refused here too.
 */
static void *small_alloc(size_t bytes, void *user)
{
    (void)user;
    return bytes > (size_t)1 << 22 ? NULL : malloc(bytes);
}

static void *small_resize(void *pointer, size_t bytes, void *user)
{
    (void)user;
    return bytes > (size_t)1 << 22 ? NULL : realloc(pointer, bytes);
}

static void release(void *pointer, void *user)
{
    (void)user;
    free(pointer);
}

static int ignore(const char *line, void *user)
{
    (void)line;
    (void)user;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool ready;
    if (!ready) {
        const cn_allocator allocator = {sizeof allocator, small_alloc, small_resize, release, NULL};
        cn_set_allocator(&allocator);
        ready = true;
    }
    cn_scope scope = cn_scope_begin();
    cn_model *model = cn__model_from_text((const char *)data, size, "fuzz.json");
    if (model) {
        cn_model_to_json(model);
        cn_model_summary(model, .print_fn = ignore, .expand_nested = true);
        cn_error_clear();
        cn_model_clone(model);
    }
    cn_error_clear();
    cn_scope_end(scope);
    return 0;
}
