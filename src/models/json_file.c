/* Models from files of JSON. */
#include "core/error.h"
#include "core/memory.h"
#include "models/json_text.h"
#include "utils/file.h"

cn_model *cn_model_from_json_file(const char *path)
{
    cn__source source;
    size_t size = 0;
    if (cn__pending()) {
        return NULL;
    }
    if (!path) {
        cn__fail(CN_ETYPE, "cn_model_from_json_file: expected a path, got NULL");
        return NULL;
    }
    if (cn__source_file(&source, path) < 0) {
        return NULL;
    }
    char *text = cn__source_rest(&source, &size);
    cn__source_file_close(&source);
    cn_model *model = text ? cn__model_from_text(text, size, path) : NULL;
    cn__free_mem(text);
    return model;
}
