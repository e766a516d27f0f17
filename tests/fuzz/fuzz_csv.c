/* Feeds arbitrary bytes to the .csv reader: it must give a tensor or an error, and nothing else. */
#include "data/arrays.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cn_scope scope = cn_scope_begin();
    /* The reader wants a zero behind its text, and nothing there that it may read. */
    char *text = malloc(size + 1);
    if (text == NULL) {
        return 0;
    }
    memcpy(text, data, size);
    text[size] = 0;
    cn__csv_read(text, size, "fuzz.csv", &cn_csv_defaults);
    free(text);
    cn_error_clear();
    cn_scope_end(scope);
    return 0;
}
