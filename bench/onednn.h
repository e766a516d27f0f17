/* What the benches that run oneDNN's own primitives share: an engine, a stream, and arrays. */
#ifndef CN_BENCH_ONEDNN_H
#define CN_BENCH_ONEDNN_H

#include <stdbool.h>
#include <string.h>
#include <time.h>

#if CN__HAVE_ONEDNN
#include <dnnl.h>
#endif

/* Version 3 has another C interface. */
#if CN__HAVE_ONEDNN && DNNL_VERSION_MAJOR == 2
#define CN_BENCH_ONEDNN 1

typedef struct session {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    bool failed;
} session;

static inline double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Notes a failure; the measuring goes on with nothing, and the program ends with an error. */
static inline bool good(session *s, dnnl_status_t status)
{
    s->failed = s->failed || status != dnnl_success;
    return !s->failed;
}

static inline bool open_session(session *s)
{
    return good(s, dnnl_engine_create(&s->engine, dnnl_cpu, 0)) &&
           good(s, dnnl_stream_create(&s->stream, s->engine, dnnl_stream_default_flags));
}

/* An array of the layout that a primitive wants, filled with zeros. */
static inline dnnl_memory_t make_memory(session *s, const dnnl_memory_desc_t *layout)
{
    dnnl_memory_t memory = NULL;
    void *data = NULL;
    if (layout && good(s, dnnl_memory_create(&memory, layout, s->engine, DNNL_MEMORY_ALLOCATE)) &&
        good(s, dnnl_memory_get_data_handle(memory, &data))) {
        memset(data, 0, dnnl_memory_desc_get_size(layout));
    }
    return memory;
}

static inline dnnl_memory_desc_t describe(session *s, int rank, const dnnl_dim_t *shape,
                                          dnnl_format_tag_t tag)
{
    dnnl_memory_desc_t layout = {0};
    good(s, dnnl_memory_desc_init_by_tag(&layout, rank, shape, dnnl_f32, tag));
    return layout;
}
#else
#define CN_BENCH_ONEDNN 0
#endif

#endif
