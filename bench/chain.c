/* One image through the network of W2: cn_model_predict_into beside a chain of oneDNN primitives,
 * each in the layout that oneDNN likes best, with its weights already in it. One thread each. */
#include <cornu.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if CN__HAVE_ONEDNN
#include <dnnl.h>
#endif

#if CN__HAVE_ONEDNN && DNNL_VERSION_MAJOR == 2
enum { ROUNDS = 20, CALLS = 200, MOST = 16 };

/* Primitives in their order; each reads what the one before it wrote. */
typedef struct chain {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_t primitive[MOST];
    dnnl_exec_arg_t arguments[MOST][5];
    int n_arguments[MOST], n;
    dnnl_memory_t last; /* the output so far */
    bool failed;
} chain;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool good(chain *c, dnnl_status_t status)
{
    c->failed = c->failed || status != dnnl_success;
    return !c->failed;
}

static dnnl_memory_t make_memory(chain *c, const dnnl_memory_desc_t *layout)
{
    dnnl_memory_t memory = NULL;
    void *data = NULL;
    if (layout && good(c, dnnl_memory_create(&memory, layout, c->engine, DNNL_MEMORY_ALLOCATE)) &&
        good(c, dnnl_memory_get_data_handle(memory, &data))) {
        memset(data, 0, dnnl_memory_desc_get_size(layout));
    }
    return memory;
}

static void append(chain *c, const_dnnl_primitive_desc_t pd, int n, const dnnl_exec_arg_t *args)
{
    if (c->n < MOST && good(c, dnnl_primitive_create(&c->primitive[c->n], pd))) {
        memcpy(c->arguments[c->n], args, (size_t)n * sizeof *args);
        c->n_arguments[c->n++] = n;
    }
}

/* The last output in the layout that a primitive reads; a reorder where it is another. */
static dnnl_memory_t as(chain *c, const dnnl_memory_desc_t *wanted)
{
    const dnnl_memory_desc_t *have;
    if (!good(c, dnnl_memory_get_memory_desc(c->last, &have)) ||
        dnnl_memory_desc_equal(have, wanted)) {
        return c->last;
    }
    dnnl_memory_t to = make_memory(c, wanted);
    dnnl_primitive_desc_t pd;
    if (good(c,
             dnnl_reorder_primitive_desc_create(&pd, have, c->engine, wanted, c->engine, NULL))) {
        append(c, pd, 2, (dnnl_exec_arg_t[]){{DNNL_ARG_FROM, c->last}, {DNNL_ARG_TO, to}});
        dnnl_primitive_desc_destroy(pd);
    }
    return to;
}

static dnnl_memory_desc_t describe(chain *c, int n, const dnnl_dim_t *dims, dnnl_format_tag_t tag)
{
    dnnl_memory_desc_t d = {0};
    good(c, dnnl_memory_desc_init_by_tag(&d, n, dims, dnnl_f32, tag));
    return d;
}

/* A primitive of one input, with weights and bias where it has them, and relu after it if asked. */
static void add(chain *c, const void *op, bool weights, bool relu)
{
    dnnl_primitive_attr_t attr = NULL;
    dnnl_post_ops_t post = NULL;
    good(c, dnnl_primitive_attr_create(&attr));
    if (relu && good(c, dnnl_post_ops_create(&post))) {
        good(c, dnnl_post_ops_append_eltwise(post, 1, dnnl_eltwise_relu, 0, 0));
        good(c, dnnl_primitive_attr_set_post_ops(attr, post));
    }
    dnnl_primitive_desc_t pd;
    if (c->failed || !good(c, dnnl_primitive_desc_create(&pd, op, attr, c->engine, NULL))) {
        return;
    }
    dnnl_memory_t source = as(c, dnnl_primitive_desc_query_md(pd, dnnl_query_src_md, 0));
    dnnl_memory_t out = make_memory(c, dnnl_primitive_desc_query_md(pd, dnnl_query_dst_md, 0));
    dnnl_exec_arg_t args[4] = {{DNNL_ARG_SRC, source}, {DNNL_ARG_DST, out}};
    if (weights) {
        args[2] = (dnnl_exec_arg_t){
            DNNL_ARG_WEIGHTS,
            make_memory(c, dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0))};
        args[3] = (dnnl_exec_arg_t){
            DNNL_ARG_BIAS,
            make_memory(c, dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 1))};
    }
    append(c, pd, weights ? 4 : 2, args);
    c->last = out;
    dnnl_primitive_desc_destroy(pd);
    dnnl_primitive_attr_destroy(attr);
    if (post) {
        dnnl_post_ops_destroy(post);
    }
}

/* A 3x3 convolution with bias and relu of (channels, h, h), and a 2x2 max pool. */
static void add_block(chain *c, int channels, int filters, int h)
{
    const dnnl_dim_t x[] = {1, channels, h, h}, w[] = {filters, channels, 3, 3}, b[] = {filters};
    const dnnl_dim_t y[] = {1, filters, h - 2, h - 2}, z[] = {1, filters, (h - 2) / 2, (h - 2) / 2};
    const dnnl_dims_t one = {1, 1}, two = {2, 2}, none = {0, 0};
    dnnl_memory_desc_t xd = describe(c, 4, x, dnnl_format_tag_any);
    dnnl_memory_desc_t wd = describe(c, 4, w, dnnl_format_tag_any);
    dnnl_memory_desc_t bd = describe(c, 1, b, dnnl_a);
    dnnl_memory_desc_t yd = describe(c, 4, y, dnnl_format_tag_any);
    dnnl_memory_desc_t zd = describe(c, 4, z, dnnl_format_tag_any);
    dnnl_convolution_desc_t conv;
    good(c,
         dnnl_convolution_forward_desc_init(&conv, dnnl_forward_inference, dnnl_convolution_direct,
                                            &xd, &wd, &bd, &yd, one, none, none));
    add(c, &conv, true, true);
    const dnnl_memory_desc_t *made;
    dnnl_pooling_desc_t pool;
    if (!c->failed && good(c, dnnl_memory_get_memory_desc(c->last, &made)) &&
        good(c, dnnl_pooling_forward_desc_init(&pool, dnnl_forward_inference, dnnl_pooling_max,
                                               made, &zd, two, two, none, none))) {
        add(c, &pool, false, false);
    }
}

static void make_chain(chain *c)
{
    const dnnl_dim_t image[] = {1, 1, 28, 28}, flat[] = {1, 64, 5, 5}, w[] = {10, 64, 5, 5};
    const dnnl_dim_t ten[] = {10}, row[] = {1, 10};
    good(c, dnnl_engine_create(&c->engine, dnnl_cpu, 0));
    good(c, dnnl_stream_create(&c->stream, c->engine, dnnl_stream_default_flags));
    dnnl_memory_desc_t in = describe(c, 4, image, dnnl_nhwc);
    c->last = make_memory(c, &in);
    add_block(c, 1, 32, 28);
    add_block(c, 32, 64, 13);
    dnnl_memory_desc_t xd = describe(c, 4, flat, dnnl_format_tag_any);
    dnnl_memory_desc_t wd = describe(c, 4, w, dnnl_format_tag_any);
    dnnl_memory_desc_t bd = describe(c, 1, ten, dnnl_a), yd = describe(c, 2, row, dnnl_ab);
    dnnl_inner_product_desc_t dense;
    good(c,
         dnnl_inner_product_forward_desc_init(&dense, dnnl_forward_inference, &xd, &wd, &bd, &yd));
    add(c, &dense, true, false);
    dnnl_softmax_desc_t softmax;
    good(c, dnnl_softmax_forward_desc_init(&softmax, dnnl_forward_inference, &yd, 1));
    add(c, &softmax, false, false);
}

static void run_chain(chain *c)
{
    for (int i = 0; i < c->n; i++) {
        good(c, dnnl_primitive_execute(c->primitive[i], c->stream, c->n_arguments[i],
                                       c->arguments[i]));
    }
    good(c, dnnl_stream_wait(c->stream));
}

static cn_model *make_model(void)
{
    cn_model *model = cn_sequential();
    cn_model_add(model, cn_conv2d(32, .kernel_size = {{3}}, .activation = "relu",
                                  .input_shape = {{28, 28, 1}}));
    cn_model_add(model, cn_max_pooling2d(.pool_size = {{2}}));
    cn_model_add(model, cn_conv2d(64, .kernel_size = {{3}}, .activation = "relu"));
    cn_model_add(model, cn_max_pooling2d(.pool_size = {{2}}));
    cn_model_add(model, cn_dropout(0.2));
    cn_model_add(model, cn_flatten());
    cn_model_add(model, cn_dense(10, .activation = "softmax"));
    return model;
}

int main(void)
{
    static float image[28 * 28];
    for (int i = 0; i < 28 * 28; i++) {
        image[i] = (float)(i % 29) / 29;
    }
    setenv("OMP_NUM_THREADS", "1", 1);
    cn_set_num_threads(1);
    chain c = {0};
    make_chain(&c);
    cn_model *model = make_model();
    double least[2] = {1e9, 1e9};
    float out[10];
    for (int round = 0; round < 2 * ROUNDS && !c.failed && !cn_error(); round++) {
        for (int i = 0; i < CALLS; i++) {
            double t = now();
            if (round % 2) {
                cn_model_predict_into(model, image, 1, out, sizeof out);
            } else {
                run_chain(&c);
            }
            t = now() - t;
            least[round % 2] = t < least[round % 2] ? t : least[round % 2];
        }
    }
    if (c.failed || cn_error()) {
        fprintf(stderr, "chain: %s\n", cn_error() ? cn_error() : "oneDNN failed");
        return 1;
    }
    printf(
        "W2, one image, one thread: cn_model_predict_into %.1f us, %d oneDNN primitives %.1f us, "
        "ratio %.2f\n",
        least[1] * 1e6, c.n, least[0] * 1e6, least[1] / least[0]);
    return 0;
}
#else
int main(void)
{
    fprintf(stderr, "chain: this build has no oneDNN 2.x\n");
    return 1;
}
#endif
