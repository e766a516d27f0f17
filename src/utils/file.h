/* Reading files through one narrow door, and writing them so that a reader sees the old one or the
 * new one whole. */
#ifndef CN_UTILS_FILE_H
#define CN_UTILS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Bytes that come one after the other: of a file, of memory, of a member of an archive, or unpacked
 * from one of these. */
typedef struct cn__source cn__source;
struct cn__source {
    const char *name; /* for messages: a path, or a path and a member */
    int64_t at;       /* bytes read so far */
    int64_t most;     /* no more bytes than this can still come, whatever a header claims */
    /* Reads 1 … n bytes; 0 at the end; negative and an error. */
    int64_t (*read)(cn__source *source, void *data, int64_t n);
    void *state;
    int64_t fd_or_size; /* of a file: its descriptor; of memory: its size */
};

/* A file. A directory, and one that cannot be opened, is a negative code and an error. Close it
 * when it was opened. */
int cn__source_file(cn__source *source, const char *path);
void cn__source_file_close(cn__source *source);
void cn__source_memory(cn__source *source, const void *data, size_t size, const char *name);
/* Reads until n bytes came or the end was reached; returns their number, or negative and an error.
 */
int64_t cn__source_read(cn__source *source, void *data, int64_t n);
/* The same, where fewer than n is CN_EFORMAT: "<name>: <what> ends early: expected … bytes, got …".
 */
int cn__source_need(cn__source *source, void *data, int64_t n, const char *what);
/* Everything that is left, with a zero behind it; the caller frees it. NULL and an error. */
char *cn__source_rest(cn__source *source, size_t *size);

/* Unpacks gzip from `packed`. Its memory is freed by close. CN_EUNSUPPORTED without zlib. */
int cn__source_gzip(cn__source *source, cn__source *packed);
void cn__source_gzip_close(cn__source *source);

/* A file being written beside the one that it will replace. */
typedef struct cn__file_writer {
    char *path;      /* where it will be */
    char *temporary; /* where it is; NULL when written in place (a device, a pipe) */
    FILE *file;
} cn__file_writer;
/* CN_EIO if the place is a directory or cannot be written. */
int cn__file_writer_begin(cn__file_writer *writer, const char *path);
/* Flushes, syncs and renames if `code` is 0 and all was written; else takes the temporary file
 * away. Frees what the writer holds; returns `code` or what went wrong. */
int cn__file_writer_end(cn__file_writer *writer, int code);
/* Moves a finished file to its place: sync, rename, sync of the folder. */
int cn__file_replace(const char *temporary, const char *path);
/* A name beside `path` that no file has: the caller frees it. */
char *cn__file_beside(const char *path);
/* Makes a folder and those above it; fine if they exist. */
int cn__make_folders(const char *path);

#endif
