/* Downloads through libcurl, which is opened when it is first needed: resumed, checked and renamed
 * when whole. */
#include "core/error.h"
#include "core/memory.h"
#include "datasets/datasets.h"
#include "utils/file.h"
#include "utils/sha256.h"

#include <pthread.h>
#include <string.h>

long cn__download_stall_seconds = 30;

static pthread_mutex_t progress_lock = PTHREAD_MUTEX_INITIALIZER;
static cn_download_progress *progress_fn;
static void *progress_user;

void cn_set_download_progress(cn_download_progress *fn, void *user)
{
    pthread_mutex_lock(&progress_lock);
    progress_fn = fn;
    progress_user = user;
    pthread_mutex_unlock(&progress_lock);
}

#if CN__HAVE_CURL

#include <curl/curl.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* How often a download that broke off is taken up again before it is an error. */
#define ATTEMPTS 3
/* No data set of Keras is larger; a server that sends more is not ours. */
#define MOST_BYTES ((curl_off_t)4 << 30)

/* libcurl ------------------------------------------------------------------------------------- */

static struct {
    CURLcode (*global_init)(long flags);
    CURL *(*init)(void);
    CURLcode (*set)(CURL *curl, CURLoption option, ...);
    CURLcode (*perform)(CURL *curl);
    CURLcode (*info)(CURL *curl, CURLINFO info, ...);
    void (*cleanup)(CURL *curl);
    const char *(*words)(CURLcode code);
} lib;

static pthread_once_t lib_once = PTHREAD_ONCE_INIT;
static bool lib_ready;

/* A function of the library; ISO C has no cast from the void pointer that dlsym gives. */
static bool symbol(void *handle, const char *name, void *function)
{
    void *address = dlsym(handle, name);
    memcpy(function, &address, sizeof address);
    return address != NULL;
}

/* Once in the process, and never closed: libcurl keeps what TLS libraries do not give back. */
static void open_library(void)
{
    static const char *const names[] = {CN__CURL_SONAME, "libcurl.so.4", "libcurl-gnutls.so.4",
                                        "libcurl.4.dylib"};
    void *handle = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && handle == NULL; i++) {
        handle = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    }
    if (handle == NULL) {
        return;
    }
    lib_ready = symbol(handle, "curl_global_init", &lib.global_init) &&
                symbol(handle, "curl_easy_init", &lib.init) &&
                symbol(handle, "curl_easy_setopt", &lib.set) &&
                symbol(handle, "curl_easy_perform", &lib.perform) &&
                symbol(handle, "curl_easy_getinfo", &lib.info) &&
                symbol(handle, "curl_easy_cleanup", &lib.cleanup) &&
                symbol(handle, "curl_easy_strerror", &lib.words) &&
                lib.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

/* One transfer ----------------------------------------------------------------------------------
 */

typedef struct transfer {
    const char *url, *name;
    int fd; /* of the partial file, locked */
    curl_off_t begin, written;
    bool write_failed, stopped, stalled;
    int64_t last_report, last_byte; /* times in milliseconds */
    curl_off_t seen;                /* the bytes that had come at last_byte */
    CURL *curl;
} transfer;

static size_t write_part(char *data, size_t size, size_t count, void *user)
{
    transfer *t = user;
    size_t left = size * count, done = 0;
    while (done < left) {
        ssize_t n = write(t->fd, data + done, left - done);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            t->write_failed = true;
            return 0;
        }
        done += (size_t)n;
        t->written += n;
    }
    return done;
}

/* Tells the user's function; not 0 if it wants the download to stop. */
static int report(transfer *t, curl_off_t done, curl_off_t total)
{
    pthread_mutex_lock(&progress_lock);
    cn_download_progress *fn = progress_fn;
    void *user = progress_user;
    pthread_mutex_unlock(&progress_lock);
    t->stopped = fn != NULL && fn(t->name, done, total, user) != 0;
    return t->stopped;
}

static int on_progress(void *user, curl_off_t total, curl_off_t done, curl_off_t up_total,
                       curl_off_t up)
{
    transfer *t = user;
    struct timespec now;
    (void)up_total;
    (void)up;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    if (done != t->seen || t->last_byte == 0) {
        t->seen = done;
        t->last_byte = ms;
    } else if (ms - t->last_byte > cn__download_stall_seconds * 1000) {
        t->stalled = true; /* libcurl's own limit is an average and comes seconds later */
        return 1;
    }
    if (ms - t->last_report < 100 || done == 0) {
        return 0;
    }
    t->last_report = ms;
    return report(t, t->begin + done, total > 0 ? t->begin + total : -1);
}

static void set_options(transfer *t)
{
    CURL *c = t->curl;
    lib.set(c, CURLOPT_URL, t->url);
#if LIBCURL_VERSION_NUM >= 0x075500
    lib.set(c, CURLOPT_PROTOCOLS_STR, "http,https");
    lib.set(c, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
#else
    lib.set(c, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
    lib.set(c, CURLOPT_REDIR_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    lib.set(c, CURLOPT_FOLLOWLOCATION, 1L);
    lib.set(c, CURLOPT_MAXREDIRS, 5L);
    lib.set(c, CURLOPT_FAILONERROR, 1L);
    lib.set(c, CURLOPT_NOSIGNAL, 1L);
    lib.set(c, CURLOPT_CONNECTTIMEOUT, cn__download_stall_seconds);
    /* A trickle is as bad as silence. */
    lib.set(c, CURLOPT_LOW_SPEED_LIMIT, 100L);
    lib.set(c, CURLOPT_LOW_SPEED_TIME, cn__download_stall_seconds);
    lib.set(c, CURLOPT_MAXFILESIZE_LARGE, MOST_BYTES);
    lib.set(c, CURLOPT_USERAGENT, "cornu/" CN_VERSION);
    lib.set(c, CURLOPT_WRITEFUNCTION, write_part);
    lib.set(c, CURLOPT_WRITEDATA, t);
    lib.set(c, CURLOPT_NOPROGRESS, 0L);
    lib.set(c, CURLOPT_XFERINFOFUNCTION, on_progress);
    lib.set(c, CURLOPT_XFERINFODATA, t);
    lib.set(c, CURLOPT_RESUME_FROM_LARGE, t->begin);
}

/* One request, which goes on behind what the partial file holds. *status is the server's answer, or
 * 0. */
static CURLcode request(transfer *t, long *status)
{
    *status = 0;
    t->begin = lseek(t->fd, 0, SEEK_END);
    t->written = 0;
    t->stalled = false;
    t->last_byte = 0;
    t->curl = lib.init();
    if (t->curl == NULL) {
        return CURLE_OUT_OF_MEMORY;
    }
    set_options(t);
    CURLcode code = lib.perform(t->curl);
    lib.info(t->curl, CURLINFO_RESPONSE_CODE, status);
    lib.cleanup(t->curl);
    if (code == CURLE_OK) {
        report(t, t->begin + t->written, t->begin + t->written);
        t->stopped = false; /* it is whole: too late to stop */
    }
    return code;
}

static bool worth_another_try(CURLcode code, long status)
{
    switch (code) {
    case CURLE_PARTIAL_FILE:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM: return true;
    case CURLE_HTTP_RETURNED_ERROR: return status == 429 || status >= 500;
    default: return false;
    }
}

static int transfer_failed(const transfer *t, CURLcode code, long status)
{
    if (t->stopped) {
        return cn__fail(CN_ENETWORK, "%s: the download was stopped", t->url);
    }
    if (t->write_failed) {
        return cn__fail(CN_EIO, "%s: what was downloaded cannot be written: %s", t->url,
                        strerror(errno));
    }
    if (t->stalled) {
        return cn__fail(CN_ENETWORK, "%s: cannot be downloaded: nothing came for %ld seconds",
                        t->url, cn__download_stall_seconds);
    }
    if (code == CURLE_HTTP_RETURNED_ERROR) {
        return cn__fail(CN_ENETWORK,
                        "%s: cannot be downloaded: the server answered with status %ld", t->url,
                        status);
    }
    return cn__fail(CN_ENETWORK, "%s: cannot be downloaded: %s", t->url, lib.words(code));
}

/* Requests until the partial file is whole as far as the server says. */
static int fetch(transfer *t)
{
    for (int attempt = 1;; attempt++) {
        long status;
        CURLcode code = request(t, &status);
        if (code == CURLE_OK) {
            return 0;
        }
        /* A server that knows no ranges, or has fewer bytes than we: begin again. */
        bool no_range = code == CURLE_RANGE_ERROR || status == 416;
        if (no_range && t->begin > 0 && attempt < ATTEMPTS && ftruncate(t->fd, 0) == 0) {
            continue;
        }
        if (t->stopped || t->write_failed || attempt >= ATTEMPTS ||
            !(t->stalled || worth_another_try(code, status))) {
            return transfer_failed(t, code, status);
        }
    }
}

/* Checking --------------------------------------------------------------------------------------
 */

/* The SHA-256 of a file, or of what it unpacks to. */
static int hash_file(const char *path, bool unpacked, char text[65])
{
    cn__source file, gzip, *source = &file;
    int code = cn__source_file(&file, path);
    if (code != 0) {
        return code;
    }
    if (unpacked) {
        source = &gzip;
        code = cn__source_gzip(&gzip, &file);
    }
    unsigned char *part = code == 0 ? cn__malloc(1 << 16) : NULL;
    cn__sha256 hash;
    cn__sha256_begin(&hash);
    int64_t n = part != NULL ? 1 : cn_error_code();
    while (n > 0) {
        n = cn__source_read(source, part, 1 << 16);
        cn__sha256_add(&hash, part, n > 0 ? (size_t)n : 0);
    }
    cn__sha256_end(&hash, text);
    cn__free_mem(part);
    if (unpacked && code == 0) {
        cn__source_gzip_close(&gzip);
    }
    cn__source_file_close(&file);
    return n < 0 ? (int)n : 0;
}

/* 0 if the file is what it should be, else an error. */
static int check(const char *url, const cn__remote_file *file, const char *path)
{
    char got[65];
    if (file->sha256 == NULL) {
        return 0;
    }
    int code = hash_file(path, file->unpacked, got);
    if (code != 0) {
        return code;
    }
    return strcmp(got, file->sha256) == 0
               ? 0
               : cn__fail(
                     CN_EFORMAT,
                     "%s: the downloaded file is not the expected one: expected SHA-256 %s, got %s",
                     url, file->sha256, got);
}

/* Fetches and checks. A partial file of an earlier run may have been of other contents: then it is
 * fetched once more. */
static int fetch_and_check(transfer *t, const cn__remote_file *file, const char *part)
{
    for (;;) {
        bool resumed = lseek(t->fd, 0, SEEK_END) > 0;
        int code = fetch(t);
        if (code != 0) {
            return code;
        }
        code = check(t->url, file, part);
        if (code == 0) {
            return 0;
        }
        if (ftruncate(t->fd, 0) != 0 || !resumed || code != CN_EFORMAT) {
            unlink(part);
            return code;
        }
        cn_error_clear();
    }
}

/* The partial file, locked against other processes that fetch the same; -1 and an error. */
static int open_part(const char *part)
{
    int fd = open(part, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    while (fd >= 0 && fcntl(fd, F_SETLKW, &lock) != 0) {
        if (errno != EINTR) {
            break; /* a file system without locks: go on without */
        }
    }
    if (fd < 0) {
        cn__fail(CN_EIO, "%s: cannot be written: %s", part, strerror(errno));
    }
    return fd;
}

static bool exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0;
}

/* Locks of files do not hold between the threads of one process. */
static pthread_mutex_t one_download = PTHREAD_MUTEX_INITIALIZER;

int cn__download(const char *base, const cn__remote_file *file, const char *path)
{
    pthread_once(&lib_once, open_library);
    if (!lib_ready) {
        return cn__fail(CN_EUNSUPPORTED,
                        "%s%s: downloads need libcurl, which cannot be opened here", base,
                        file->name);
    }
    char *part = cn__printf("%s.part", path);
    char *url =
        cn__printf("%s%s%s", base, *base && base[strlen(base) - 1] == '/' ? "" : "/", file->name);
    int code = part != NULL && url != NULL ? 0 : CN_ENOMEM;
    if (code == 0) {
        pthread_mutex_lock(&one_download);
        transfer t = {.url = url, .name = file->name, .fd = open_part(part)};
        if (t.fd < 0) {
            code = cn_error_code();
        } else if (exists(path)) {
            unlink(part); /* another process or thread was first */
        } else {
            code = fetch_and_check(&t, file, part);
            if (code == 0) {
                code = cn__file_replace(part, path);
            }
        }
        if (t.fd >= 0) {
            close(t.fd);
        }
        pthread_mutex_unlock(&one_download);
    }
    cn__free_mem(part);
    cn__free_mem(url);
    return code;
}

#else

int cn__download(const char *base, const cn__remote_file *file, const char *path)
{
    (void)path;
    return cn__fail(CN_EUNSUPPORTED, "%s%s: downloads need libcurl, which this build is without",
                    base, file->name);
}

#endif
