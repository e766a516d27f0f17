/* Unpacks gzip from any source of bytes. */
#include "core/error.h"
#include "core/memory.h"
#include "utils/file.h"

#if CN__HAVE_ZLIB

#include <inttypes.h>
#include <string.h>
#include <zlib.h>

/* Deflate makes at most 1032 bytes of one (258 bytes from two bits): what a header claims is
 * checked against that. */
#define MOST_RATIO 1032
#define PART 65536

typedef struct unpacker {
    z_stream stream;
    cn__source *packed;
    bool ended; /* between two members, or behind the last */
    unsigned char part[PART];
} unpacker;

static int64_t read_gzip(cn__source *source, void *data, int64_t n)
{
    unpacker *u = source->state;
    uInt room = n > PART * 16 ? PART * 16 : (uInt)n;
    u->stream.next_out = data;
    u->stream.avail_out = room;
    while (u->stream.avail_out == room) {
        if (u->stream.avail_in == 0) {
            int64_t got = cn__source_read(u->packed, u->part, PART);
            if (got < 0) {
                return got;
            }
            if (got == 0) {
                return u->ended ? 0
                                : cn__fail(CN_EFORMAT,
                                           "%s: byte %" PRId64 ": the compressed data ends early",
                                           source->name, u->packed->at);
            }
            u->stream.next_in = u->part;
            u->stream.avail_in = (uInt)got;
        }
        if (u->ended) {
            inflateReset(&u->stream);
            u->ended = false;
        }
        int code = inflate(&u->stream, Z_NO_FLUSH);
        u->ended = code == Z_STREAM_END;
        if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) {
            if (code == Z_MEM_ERROR) {
                return cn__no_memory();
            }
            return cn__fail(CN_EFORMAT, "%s: byte %" PRId64 ": the compressed data is damaged (%s)",
                            source->name, u->packed->at - (int64_t)u->stream.avail_in,
                            u->stream.msg != NULL ? u->stream.msg : "not gzip");
        }
    }
    return room - u->stream.avail_out;
}

int cn__source_gzip(cn__source *source, cn__source *packed)
{
    *source = (cn__source){.name = packed->name, .read = read_gzip};
    unpacker *u = cn__calloc(1, sizeof *u);
    if (u == NULL) {
        return CN_ENOMEM;
    }
    u->packed = packed;
    if (inflateInit2(&u->stream, 15 + 16) != Z_OK) {
        cn__free_mem(u);
        return cn__no_memory();
    }
    source->state = u;
    source->most = packed->most > INT64_MAX / MOST_RATIO ? INT64_MAX : packed->most * MOST_RATIO;
    return 0;
}

void cn__source_gzip_close(cn__source *source)
{
    unpacker *u = source->state;
    if (u != NULL) {
        inflateEnd(&u->stream);
        cn__free_mem(u);
    }
}

#else

int cn__source_gzip(cn__source *source, cn__source *packed)
{
    *source = (cn__source){.name = packed->name};
    return cn__fail(CN_EUNSUPPORTED, "%s: unpacking .gz needs zlib, which this build is without",
                    packed->name);
}

void cn__source_gzip_close(cn__source *source)
{
    (void)source;
}

#endif
