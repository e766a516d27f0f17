/* The readers and writers of array files, over any source of bytes. */
#ifndef CN_DATA_ARRAYS_H
#define CN_DATA_ARRAYS_H

#include "core/tensor.h"
#include "utils/file.h"

#include <cornu/arrays.h>

/* Each gives a tensor of the current scope, or NULL and an error that names the source and the
 * byte. */
cn_tensor *cn__npy_read(cn__source *source);
cn_tensor *cn__idx_read(cn__source *source); /* unpacks gzip by its first two bytes */
/* `text` has a zero behind its `size` bytes. */
cn_tensor *cn__csv_read(const char *text, size_t size, const char *name, const cn_csv_args *args);
/* Reads the member `key`.npy, or all if key is NULL, of an archive in memory (data not NULL) or in
 * the file `path`. */
cn_named_tensors cn__npz_read(const char *path, const void *data, size_t size, const char *key);

/* The header of a .npy file, 64-byte aligned; the caller frees it. NULL and an error. */
char *cn__npy_header(const cn_tensor *t, size_t *size);
/* A list of n arrays, all of them NULL yet, with copies of the names; n is 0 after an error. */
cn_named_tensors cn__named_new(int n, const char *const *names);
/* A new tensor for elements that a file of `name` claims to have, if as many can still come from
 * the source. */
cn_tensor *cn__array_new(cn__source *source, cn_dtype dtype, const cn_shape *shape);
/* Turns the bytes of `n` elements of `size` bytes around. */
void cn__swap_bytes(void *data, int64_t n, size_t size);
bool cn__big_endian(void);

#endif
