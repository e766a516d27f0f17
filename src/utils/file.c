/* Sources of bytes, and files that are replaced whole. */
#include "utils/file.h"

#include "core/error.h"
#include "core/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Sources ------------------------------------------------------------------------------------- */

static int64_t read_file(cn__source *source, void *data, int64_t n)
{
    /* Linux moves at most 2 GiB in one call. */
    size_t part = n > 1 << 30 ? (size_t)1 << 30 : (size_t)n;
    for (;;) {
        ssize_t got = read((int)source->fd_or_size, data, part);
        if (got >= 0) {
            return got;
        }
        if (errno != EINTR) {
            return cn__fail(CN_EIO, "%s: cannot be read: %s", source->name, strerror(errno));
        }
    }
}

int cn__source_file(cn__source *source, const char *path)
{
    *source = (cn__source){.name = path, .read = read_file};
    int fd;
    do {
        fd = open(path, O_RDONLY | O_CLOEXEC);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) {
        return cn__fail(CN_EIO, "%s: cannot be opened: %s", path, strerror(errno));
    }
    struct stat info;
    if (fstat(fd, &info) != 0 || S_ISDIR(info.st_mode)) {
        close(fd);
        return cn__fail(CN_EIO, "%s: expected a file, got a directory", path);
    }
    source->fd_or_size = fd;
    /* Only a regular file says how long it is. */
    source->most = S_ISREG(info.st_mode) ? (int64_t)info.st_size : INT64_MAX;
    return 0;
}

void cn__source_file_close(cn__source *source)
{
    close((int)source->fd_or_size);
}

static int64_t read_memory(cn__source *source, void *data, int64_t n)
{
    int64_t left = source->fd_or_size - source->at;
    n = n < left ? n : left;
    if (n > 0) {
        memcpy(data, (const char *)source->state + source->at, (size_t)n);
    }
    return n;
}

void cn__source_memory(cn__source *source, const void *data, size_t size, const char *name)
{
    *source = (cn__source){.name = name,
                           .most = (int64_t)size,
                           .read = read_memory,
                           .state = (void *)(uintptr_t)data,
                           .fd_or_size = (int64_t)size};
}

int64_t cn__source_read(cn__source *source, void *data, int64_t n)
{
    int64_t done = 0;
    while (done < n) {
        int64_t got = source->read(source, (char *)data + done, n - done);
        if (got < 0) {
            return got;
        }
        if (got == 0) {
            break;
        }
        done += got;
        source->at += got;
        source->most = source->most == INT64_MAX ? INT64_MAX
                       : source->most > got      ? source->most - got
                                                 : 0;
    }
    return done;
}

int cn__source_need(cn__source *source, void *data, int64_t n, const char *what)
{
    int64_t begin = source->at;
    int64_t got = cn__source_read(source, data, n);
    if (got < 0) {
        return (int)got;
    }
    if (got < n) {
        return cn__fail(CN_EFORMAT,
                        "%s: byte %" PRId64 ": %s ends early: expected %" PRId64
                        " bytes, got %" PRId64,
                        source->name, begin, what, n, got);
    }
    return 0;
}

char *cn__source_rest(cn__source *source, size_t *size)
{
    cn__text text = {0};
    char part[1 << 14];
    *size = 0;
    if (source->most < INT64_MAX) {
        /* The length is known: one allocation, and one byte more to see that the file did not grow
         * meanwhile. */
        char *data = cn__malloc((size_t)source->most + 1);
        int64_t got = data != NULL ? cn__source_read(source, data, source->most) : -1;
        if (got < 0) {
            cn__free_mem(data);
            return NULL;
        }
        data[got] = '\0';
        *size = (size_t)got;
        return data;
    }
    for (;;) {
        int64_t got = cn__source_read(source, part, sizeof part);
        if (got < 0) {
            cn__text_free(&text);
            return NULL;
        }
        cn__text_append(&text, part, (size_t)got);
        if (got < (int64_t)sizeof part || text.failed) {
            break;
        }
    }
    *size = text.length;
    return cn__text_take(&text);
}

/* Writing ------------------------------------------------------------------------------------- */

char *cn__file_beside(const char *path)
{
    static atomic_uint count;
    for (int attempt = 0; attempt < 100; attempt++) {
        char *name = cn__printf("%s.%ld-%u.tmp", path, (long)getpid(), atomic_fetch_add(&count, 1));
        struct stat info;
        if (name == NULL || lstat(name, &info) != 0) {
            return name;
        }
        cn__free_mem(name);
    }
    cn__fail(CN_EIO, "%s: no name is free for a temporary file beside it", path);
    return NULL;
}

/* Makes the entry of a renamed file durable. Some file systems refuse to sync a folder; the file
 * itself is safe then. */
static void sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash == NULL   ? cn__strdup(".")
                   : slash == path ? cn__strdup("/")
                                   : cn__strndup(path, (size_t)(slash - path));
    int fd = folder != NULL ? open(folder, O_RDONLY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
    cn__free_mem(folder);
}

int cn__file_replace(const char *temporary, const char *path)
{
    int fd = open(temporary, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        int why = errno;
        if (fd >= 0) {
            close(fd);
        }
        return cn__fail(CN_EIO, "%s: cannot be written: %s", temporary, strerror(why));
    }
    close(fd);
    if (rename(temporary, path) != 0) {
        return cn__fail(CN_EIO, "%s: cannot be replaced: %s", path, strerror(errno));
    }
    sync_folder(path);
    return 0;
}

int cn__file_writer_begin(cn__file_writer *writer, const char *path)
{
    memset(writer, 0, sizeof *writer);
    struct stat info;
    bool exists = stat(path, &info) == 0;
    if (exists && S_ISDIR(info.st_mode)) {
        return cn__fail(CN_EIO, "%s: expected a file, got a directory", path);
    }
    writer->path = cn__strdup(path);
    if (writer->path == NULL) {
        return CN_ENOMEM;
    }
    if (!exists || S_ISREG(info.st_mode)) {
        writer->temporary = cn__file_beside(path);
        if (writer->temporary == NULL) {
            return cn__file_writer_end(writer, cn_error_code());
        }
    }
    /* open and not mkstemp, so that the file gets the permissions that the user's mask allows. */
    const char *where = writer->temporary != NULL ? writer->temporary : path;
    int flags = writer->temporary != NULL ? O_CREAT | O_EXCL : 0;
    int fd = open(where, O_WRONLY | O_CLOEXEC | flags, 0666);
    writer->file = fd >= 0 ? fdopen(fd, "wb") : NULL;
    if (writer->file == NULL) {
        int why = errno;
        if (fd >= 0) {
            close(fd);
        }
        return cn__file_writer_end(
            writer, cn__fail(CN_EIO, "%s: cannot be written: %s", path, strerror(why)));
    }
    return 0;
}

int cn__file_writer_end(cn__file_writer *writer, int code)
{
    if (writer->file != NULL) {
        bool failed = ferror(writer->file) != 0 || fflush(writer->file) != 0;
        int why = errno;
        failed = fclose(writer->file) != 0 || failed;
        if (failed && code == 0) {
            code = cn__fail(CN_EIO, "%s: cannot be written: %s", writer->path, strerror(why));
        }
        if (code == 0 && writer->temporary != NULL) {
            code = cn__file_replace(writer->temporary, writer->path);
        }
    }
    if (code != 0 && writer->file != NULL && writer->temporary != NULL) {
        unlink(writer->temporary);
    }
    cn__free_mem(writer->path);
    cn__free_mem(writer->temporary);
    memset(writer, 0, sizeof *writer);
    return code;
}

int cn__make_folders(const char *path)
{
    char *copy = cn__strdup(path);
    if (copy == NULL) {
        return CN_ENOMEM;
    }
    int code = 0;
    for (char *p = copy + 1; code == 0 && *copy != '\0'; p++) {
        if (*p != '/' && *p != '\0') {
            continue;
        }
        char keep = *p;
        *p = '\0';
        struct stat info;
        if (mkdir(copy, 0777) != 0 && (stat(copy, &info) != 0 || !S_ISDIR(info.st_mode))) {
            code = cn__fail(CN_EIO, "%s: the folder cannot be made: %s", copy, strerror(errno));
        }
        *p = keep;
        if (keep == '\0') {
            break;
        }
    }
    cn__free_mem(copy);
    return code;
}
