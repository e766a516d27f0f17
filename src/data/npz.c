/* The .npz format of numpy: a zip archive of .npy files, stored or deflated. */
#include "data/arrays.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Names and tensors lie in one block that belongs to the scope as a string would. */
cn_named_tensors cn__named_new(int n, const char *const *names)
{
    cn_named_tensors none = {0}, list = {.n = n};
    size_t bytes = (size_t)n * (sizeof *list.names + sizeof *list.tensors) + 1;
    for (int i = 0; i < n; i++) {
        bytes += strlen(names[i]) + 1;
    }
    char *block = cn__calloc(1, bytes);
    if (block == NULL || cn__scope_string(block) == NULL) {
        return none;
    }
    list.names = (const char **)(void *)block;
    list.tensors = (cn_tensor **)(void *)(list.names + n);
    char *text = (char *)(list.tensors + n);
    for (int i = 0; i < n; i++) {
        list.names[i] = text;
        memcpy(text, names[i], strlen(names[i]) + 1);
        text += strlen(names[i]) + 1;
    }
    return list;
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

#if CN__HAVE_LIBZIP

#include <unistd.h>
#include <zip.h>

/* Members beyond this are refused: no array file has as many. */
#define MOST_MEMBERS 65536
/* Deflate makes at most 1032 bytes of one; a little more for what is stored around it. */
#define MOST_RATIO 1032

/* What libzip says went wrong, in our words. */
static int zip_failed(const char *name, const char *what, zip_error_t *error)
{
    int code = zip_error_code_zip(error) == ZIP_ER_MEMORY ? CN_ENOMEM : CN_EFORMAT;
    return cn__fail(code, "%s: %s: %s", name, what, zip_error_strerror(error));
}

typedef struct archive {
    zip_t *zip;
    const char *name;
    int64_t size; /* of the archive in bytes */
} archive;

/* Opens the archive at `path`, or in memory if data is not NULL. */
static int open_archive(archive *a, const char *path, const void *data, size_t size)
{
    zip_error_t error;
    zip_error_init(&error);
    *a = (archive){.name = path, .size = (int64_t)size};
    if (data == NULL) {
        /* Opened once more for its error messages, and its size. */
        cn__source probe;
        int code = cn__source_file(&probe, path);
        if (code != 0) {
            return code;
        }
        a->size = probe.most;
        cn__source_file_close(&probe);
    }
    zip_source_t *source = data != NULL ? zip_source_buffer_create(data, size, 0, &error)
                                        : zip_source_file_create(path, 0, -1, &error);
    if (source != NULL) {
        a->zip = zip_open_from_source(source, ZIP_RDONLY, &error);
        if (a->zip == NULL) {
            zip_source_free(source);
        }
    }
    int code = 0;
    if (a->zip == NULL) {
        code = zip_failed(path, "not a whole .npz archive", &error);
    }
    zip_error_fini(&error);
    return code;
}

static int64_t read_member(cn__source *source, void *data, int64_t n)
{
    zip_int64_t got = zip_fread(source->state, data, (zip_uint64_t)n);
    if (got < 0) {
        return zip_failed(source->name, "damaged", zip_file_get_error(source->state));
    }
    return got;
}

static cn_tensor *read_array(archive *a, zip_uint64_t index, const char *member)
{
    zip_stat_t stat;
    if (zip_stat_index(a->zip, index, 0, &stat) != 0 || !(stat.valid & ZIP_STAT_SIZE) ||
        !(stat.valid & ZIP_STAT_COMP_SIZE)) {
        zip_failed(a->name, member, zip_get_error(a->zip));
        return NULL;
    }
    if (stat.size > INT64_MAX || (stat.size > 1 << 20 && stat.size / MOST_RATIO > stat.comp_size)) {
        cn__fail(CN_EFORMAT,
                 "%s: member %s claims %" PRIu64 " bytes, which its %" PRIu64
                 " compressed bytes cannot hold",
                 a->name, member, (uint64_t)stat.size, (uint64_t)stat.comp_size);
        return NULL;
    }
    char *name = cn__printf("%s: member %s", a->name, member);
    zip_file_t *file = name != NULL ? zip_fopen_index(a->zip, index, 0) : NULL;
    cn_tensor *t = NULL;
    if (name != NULL && file == NULL) {
        zip_failed(name, "cannot be opened", zip_get_error(a->zip));
    }
    if (file != NULL) {
        cn__source source = {
            .name = name, .most = (int64_t)stat.size, .read = read_member, .state = file};
        t = cn__npy_read(&source);
        /* The checksum is compared when the end is reached, so one more byte is asked for. */
        char more;
        if (t != NULL && cn__source_read(&source, &more, 1) < 0) {
            cn_free(t);
            t = NULL;
        }
        zip_fclose(file);
    }
    cn__free_mem(name);
    return t;
}

/* The member's name without ".npy", in a block that the caller frees; NULL if it is something else,
 * or an error. */
static char *array_name(archive *a, zip_uint64_t index)
{
    const char *member = zip_get_name(a->zip, index, 0);
    if (member == NULL || !ends_with(member, ".npy")) {
        return NULL;
    }
    return cn__strndup(member, strlen(member) - 4);
}

/* CN_EKEY, with the names that there are. */
static void no_such_key(archive *a, const char *key, char *const *names, int n)
{
    cn__text text = {0};
    for (int i = 0; i < n; i++) {
        cn__text_add(&text, "%s%s", i ? ", " : "", names[i]);
    }
    char *list = cn__text_take(&text);
    cn__fail(CN_EKEY, "%s: has no array \"%s\"; it has: %s", a->name, key,
             list != NULL && *list != '\0' ? list : "none");
    cn__free_mem(list);
}

static cn_named_tensors read_members(archive *a, const char *key, char **names, int64_t *index,
                                     int n)
{
    cn_named_tensors none = {0};
    int only = -1;
    for (int i = 0; key != NULL && i < n; i++) {
        only = strcmp(names[i], key) == 0 ? i : only;
    }
    if (key != NULL && only < 0) {
        no_such_key(a, key, names, n);
        return none;
    }
    int first = only < 0 ? 0 : only, count = only < 0 ? n : 1;
    cn_named_tensors list = cn__named_new(count, (const char *const *)names + first);
    /* Many members that share the same compressed bytes are a bomb, too: the sum is checked as
     * well. */
    int64_t most = a->size > INT64_MAX / MOST_RATIO ? INT64_MAX : a->size * MOST_RATIO + (1 << 20);
    for (int i = 0; i < list.n; i++) {
        list.tensors[i] = read_array(a, (zip_uint64_t)index[first + i], names[first + i]);
        if (list.tensors[i] != NULL) {
            most -= (int64_t)cn__bytes(list.tensors[i]);
            if (most >= 0) {
                continue;
            }
            cn__fail(CN_EFORMAT, "%s: its members claim more bytes than the archive can hold",
                     a->name);
        }
        for (int k = 0; k <= i; k++) {
            cn_free(list.tensors[k]);
        }
        return none;
    }
    return list;
}

cn_named_tensors cn__npz_read(const char *path, const void *data, size_t size, const char *key)
{
    cn_named_tensors list = {0};
    archive a;
    if (open_archive(&a, path, data, size) != 0) {
        return list;
    }
    zip_int64_t members = zip_get_num_entries(a.zip, 0);
    int n = 0;
    char **names = NULL;
    int64_t *index = NULL;
    if (members > MOST_MEMBERS) {
        cn__fail(CN_EFORMAT, "%s: expected at most %d members, got %lld", path, MOST_MEMBERS,
                 (long long)members);
    } else {
        names = cn__calloc((size_t)members + 1, sizeof *names);
        index = cn__calloc((size_t)members + 1, sizeof *index);
    }
    for (zip_int64_t i = 0; names != NULL && index != NULL && i < members && !cn__pending(); i++) {
        names[n] = array_name(&a, (zip_uint64_t)i);
        index[n] = i;
        n += names[n] != NULL;
    }
    if (!cn__pending()) {
        list = read_members(&a, key, names, index, n);
    }
    for (int i = 0; i < n; i++) {
        cn__free_mem(names[i]);
    }
    cn__free_mem(names);
    cn__free_mem(index);
    zip_discard(a.zip);
    return list;
}

/* Writing -------------------------------------------------------------------------------------- */

/* Adds one array to the archive without copying it: its header and its elements, stored. */
static int add_array(zip_t *zip, const char *path, const char *name, const cn_tensor *t,
                     char **head)
{
    size_t size;
    const void *data = cn__data(t);
    *head = data != NULL ? cn__npy_header(t, &size) : NULL;
    char *member = *head != NULL ? cn__printf("%s.npy", name) : NULL;
    if (member == NULL) {
        return cn_error_code();
    }
    zip_buffer_fragment_t parts[2] = {
        {(zip_uint8_t *)*head, size},
        {(zip_uint8_t *)(uintptr_t)data, cn__bytes(t)},
    };
    zip_source_t *source = zip_source_buffer_fragment(zip, parts, cn__bytes(t) > 0 ? 2 : 1, 0);
    zip_int64_t index = source != NULL ? zip_file_add(zip, member, source, ZIP_FL_ENC_UTF_8) : -1;
    int code = 0;
    if (index < 0 || zip_set_file_compression(zip, (zip_uint64_t)index, ZIP_CM_STORE, 0) != 0 ||
        /* The first day that a zip archive can hold, as numpy writes it: equal arrays give equal
           files. */
        zip_file_set_dostime(zip, (zip_uint64_t)index, 0, 1 << 5 | 1, 0) != 0) {
        code = zip_failed(path, name, zip_get_error(zip));
        if (index < 0) {
            zip_source_free(source);
        }
    }
    cn__free_mem(member);
    return code;
}

/* Writes the archive to a file that does not exist yet. */
static int write_archive(const char *path, const char *temporary, int n, const char *const *names,
                         const cn_tensor *const *tensors)
{
    int error = 0, code = 0;
    zip_t *zip = zip_open(temporary, ZIP_CREATE | ZIP_EXCL, &error);
    char **heads = cn__calloc((size_t)n + 1, sizeof *heads);
    if (zip == NULL) {
        zip_error_t words;
        zip_error_init_with_code(&words, error);
        cn__fail(CN_EIO, "%s: cannot be written: %s", path, zip_error_strerror(&words));
        zip_error_fini(&words);
    }
    if (zip == NULL || heads == NULL) {
        code = cn_error_code();
    }
    for (int i = 0; i < n && code == 0; i++) {
        char number[24];
        snprintf(number, sizeof number, "arr_%d", i);
        code = add_array(zip, path, names != NULL ? names[i] : number, tensors[i], &heads[i]);
    }
    if (code == 0 && zip_close(zip) != 0) {
        code = cn__fail(CN_EIO, "%s: cannot be written: %s", path, zip_strerror(zip));
    } else if (code == 0) {
        zip = NULL;
    }
    if (zip != NULL) {
        zip_discard(zip);
    }
    for (int i = 0; heads != NULL && i < n; i++) {
        cn__free_mem(heads[i]);
    }
    cn__free_mem(heads);
    return code;
}

/* An archive of nothing: the end of the central directory alone, since libzip makes no file of an
 * empty archive. */
static int write_empty(const char *path)
{
    cn__file_writer writer;
    int code = cn__file_writer_begin(&writer, path);
    if (code == 0) {
        static const unsigned char end[22] = {'P', 'K', 5, 6};
        fwrite(end, 1, sizeof end, writer.file);
        code = cn__file_writer_end(&writer, 0);
    }
    return code;
}

static int save_archive(const char *path, int n, const char *const *names,
                        const cn_tensor *const *tensors)
{
    if (n == 0) {
        return write_empty(path);
    }
    char *temporary = cn__file_beside(path);
    if (temporary == NULL) {
        return cn_error_code();
    }
    int code = write_archive(path, temporary, n, names, tensors);
    if (code == 0) {
        code = cn__file_replace(temporary, path);
    }
    if (code != 0) {
        unlink(temporary);
    }
    cn__free_mem(temporary);
    return code;
}

#else

cn_named_tensors cn__npz_read(const char *path, const void *data, size_t size, const char *key)
{
    (void)data;
    (void)size;
    (void)key;
    cn__fail(CN_EUNSUPPORTED, "%s: reading .npz needs libzip, which this build is without", path);
    return (cn_named_tensors){0};
}

static int save_archive(const char *path, int n, const char *const *names,
                        const cn_tensor *const *tensors)
{
    (void)n;
    (void)names;
    (void)tensors;
    return cn__fail(CN_EUNSUPPORTED, "%s: writing .npz needs libzip, which this build is without",
                    path);
}

#endif

cn_named_tensors cn_load_npz(const char *path)
{
    if (cn__pending() || path == NULL) {
        cn__fail(CN_EVALUE, "cn_load_npz: expected a path, got NULL");
        return (cn_named_tensors){0};
    }
    return cn__npz_read(path, NULL, 0, NULL);
}

cn_tensor *cn_load_npz_array(const char *path, const char *key)
{
    if (cn__pending() || path == NULL || key == NULL) {
        cn__fail(CN_EVALUE, "cn_load_npz_array: expected a path and a key, got NULL");
        return NULL;
    }
    if (ends_with(key, ".npy")) {
        char *bare = cn__strndup(key, strlen(key) - 4);
        cn_tensor *t = bare != NULL ? cn_load_npz_array(path, bare) : NULL;
        cn__free_mem(bare);
        return t;
    }
    cn_named_tensors list = cn__npz_read(path, NULL, 0, key);
    return list.n == 1 ? list.tensors[0] : NULL;
}

int cn_save_npz(const char *path, int n, const char *const *names, const cn_tensor *const *tensors)
{
    if (cn__pending()) {
        return CN_EPENDING;
    }
    if (path == NULL || n < 0 || (n > 0 && tensors == NULL)) {
        return cn__fail(CN_EVALUE, "cn_save_npz: expected a path and arrays, got NULL");
    }
    for (int i = 0; i < n; i++) {
        if (cn__check_tensor(tensors[i], "cn_save_npz") == NULL) {
            return cn_error_code();
        }
        for (int k = 0; names != NULL && k <= i; k++) {
            if (names[i] == NULL || (k < i && strcmp(names[i], names[k]) == 0)) {
                return cn__fail(CN_EVALUE, "%s: array %d has %s", path, i,
                                names[i] == NULL ? "no name" : "the name of another");
            }
        }
    }
    return save_archive(path, n, names, tensors);
}
