/* What the data sets share: where files are looked for, and how they are fetched. */
#ifndef CN_DATASETS_DATASETS_H
#define CN_DATASETS_DATASETS_H

#include <stdbool.h>
#include <stdint.h>

#include <cornu/datasets.h>

/* One file of a data set on Keras's server, and the SHA-256 of what it should hold; NULL where
 * nobody published one. */
typedef struct cn__remote_file {
    const char *name; /* the last part of its address and its name in the cache */
    const char *sha256;
    bool unpacked; /* the hash is that of the contents of a .gz: packing the same again changes the
                      bytes outside */
} cn__remote_file;

/* Fetches `base` + file->name to `path` unless it is there: through "<path>.part", which a later
 * call goes on with after an interruption, checked, then renamed. CN_ENETWORK and an error that
 * names the address. */
int cn__download(const char *base, const cn__remote_file *file, const char *path);
/* Seconds without a byte after which a connection is given up (and tried again, three times in
 * all). */
extern long cn__download_stall_seconds;

/* The folder that downloads go to, CORNU_HOME/datasets or ~/.cornu/datasets; the caller frees it.
 * NULL and an error. */
char *cn__dataset_cache(void);

#endif
