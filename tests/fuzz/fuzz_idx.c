/* Feeds arbitrary bytes to the idx reader, with and without gzip: it must give a tensor or an
 * error, and nothing else. */
#include "data/arrays.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cn_scope scope = cn_scope_begin();
    cn__source source;
    cn__source_memory(&source, data, size, "fuzz.idx");
    cn__idx_read(&source);
    cn_error_clear();
    cn_scope_end(scope);
    return 0;
}
