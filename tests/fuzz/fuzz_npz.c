/* Feeds arbitrary bytes to the .npz reader: it must give a tensor or an error, and nothing else. */
#include "data/arrays.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cn_scope scope = cn_scope_begin();
    cn__npz_read("fuzz.npz", data, size, NULL);
    cn_error_clear();
    cn__npz_read("fuzz.npz", data, size, "x");
    cn_error_clear();
    cn_scope_end(scope);
    return 0;
}
