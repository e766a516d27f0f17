/* One image through the network of W2: cn_model_predict_into beside a chain of oneDNN primitives,
 * each in the layout that oneDNN likes best, with its weights already in it. One thread each. */
#include <cornu.h>

#include "onednn.h"

#include <stdio.h>
#include <stdlib.h>

#if CN_BENCH_ONEDNN
enum { ROUNDS = 20, CALLS = 200, MOST = 16 };

/* Primitives in their order; each reads what the one before it wrote. */
typedef struct chain {
    session s;
    dnnl_primitive_t primitive[MOST];
    dnnl_exec_arg_t arguments[MOST][5];
    int n_arguments[MOST], n;
    dnnl_memory_t last; /* the output so far */
} chain;

static void append(chain *c, const_dnnl_primitive_desc_t pd, int n, const dnnl_exec_arg_t *args)
{
    if (c->n < MOST && good(&c->s, dnnl_primitive_create(&c->primitive[c->n], pd))) {
        memcpy(c->arguments[c->n], args, (size_t)n * sizeof *args);
        c->n_arguments[c->n++] = n;
    }
}

/* The last output in the layout that a primitive reads; a reorder where it is another. */
static dnnl_memory_t as(chain *c, const dnnl_memory_desc_t *wanted)
{
    const dnnl_memory_desc_t *have;
    if (!good(&c->s, dnnl_memory_get_memory_desc(c->last, &have)) ||
        dnnl_memory_desc_equal(have, wanted)) {
        return c->last;
    }
    dnnl_memory_t to = make_memory(&c->s, wanted);
    dnnl_primitive_desc_t pd;
    if (good(&c->s, dnnl_reorder_primitive_desc_create(&pd, have, c->s.engine, wanted, c->s.engine,
                                                       NULL))) {
        append(c, pd, 2, (dnnl_exec_arg_t[]){{DNNL_ARG_FROM, c->last}, {DNNL_ARG_TO, to}});
        dnnl_primitive_desc_destroy(pd);
    }
    return to;
}

/* A primitive of one input, with weights and bias where it has them, and relu after it if asked. */
static void add(chain *c, const void *op, bool weights, bool relu)
{
    dnnl_primitive_attr_t attr = NULL;
    dnnl_post_ops_t post = NULL;
    good(&c->s, dnnl_primitive_attr_create(&attr));
    if (relu && good(&c->s, dnnl_post_ops_create(&post))) {
        good(&c->s, dnnl_post_ops_append_eltwise(post, 1, dnnl_eltwise_relu, 0, 0));
        good(&c->s, dnnl_primitive_attr_set_post_ops(attr, post));
    }
    dnnl_primitive_desc_t pd;
    if (c->s.failed || !good(&c->s, dnnl_primitive_desc_create(&pd, op, attr, c->s.engine, NULL))) {
        return;
    }
    dnnl_memory_t source = as(c, dnnl_primitive_desc_query_md(pd, dnnl_query_src_md, 0));
    dnnl_memory_t out = make_memory(&c->s, dnnl_primitive_desc_query_md(pd, dnnl_query_dst_md, 0));
    dnnl_exec_arg_t args[4] = {{DNNL_ARG_SRC, source}, {DNNL_ARG_DST, out}};
    if (weights) {
        args[2] = (dnnl_exec_arg_t){
            DNNL_ARG_WEIGHTS,
            make_memory(&c->s, dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0))};
        args[3] = (dnnl_exec_arg_t){
            DNNL_ARG_BIAS,
            make_memory(&c->s, dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 1))};
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
    dnnl_memory_desc_t xd = describe(&c->s, 4, x, dnnl_format_tag_any);
    dnnl_memory_desc_t wd = describe(&c->s, 4, w, dnnl_format_tag_any);
    dnnl_memory_desc_t bd = describe(&c->s, 1, b, dnnl_a);
    dnnl_memory_desc_t yd = describe(&c->s, 4, y, dnnl_format_tag_any);
    dnnl_memory_desc_t zd = describe(&c->s, 4, z, dnnl_format_tag_any);
    dnnl_convolution_desc_t conv;
    good(&c->s,
         dnnl_convolution_forward_desc_init(&conv, dnnl_forward_inference, dnnl_convolution_direct,
                                            &xd, &wd, &bd, &yd, one, none, none));
    add(c, &conv, true, true);
    const dnnl_memory_desc_t *made;
    dnnl_pooling_desc_t pool;
    if (!c->s.failed && good(&c->s, dnnl_memory_get_memory_desc(c->last, &made)) &&
        good(&c->s, dnnl_pooling_forward_desc_init(&pool, dnnl_forward_inference, dnnl_pooling_max,
                                                   made, &zd, two, two, none, none))) {
        add(c, &pool, false, false);
    }
}

static void make_chain(chain *c)
{
    const dnnl_dim_t image[] = {1, 1, 28, 28}, flat[] = {1, 64, 5, 5}, w[] = {10, 64, 5, 5};
    const dnnl_dim_t ten[] = {10}, row[] = {1, 10};
    open_session(&c->s);
    dnnl_memory_desc_t in = describe(&c->s, 4, image, dnnl_nhwc);
    c->last = make_memory(&c->s, &in);
    add_block(c, 1, 32, 28);
    add_block(c, 32, 64, 13);
    dnnl_memory_desc_t xd = describe(&c->s, 4, flat, dnnl_format_tag_any);
    dnnl_memory_desc_t wd = describe(&c->s, 4, w, dnnl_format_tag_any);
    dnnl_memory_desc_t bd = describe(&c->s, 1, ten, dnnl_a), yd = describe(&c->s, 2, row, dnnl_ab);
    dnnl_inner_product_desc_t dense;
    good(&c->s,
         dnnl_inner_product_forward_desc_init(&dense, dnnl_forward_inference, &xd, &wd, &bd, &yd));
    add(c, &dense, true, false);
    dnnl_softmax_desc_t softmax;
    good(&c->s, dnnl_softmax_forward_desc_init(&softmax, dnnl_forward_inference, &yd, 1));
    add(c, &softmax, false, false);
}

static void run_chain(chain *c)
{
    for (int i = 0; i < c->n; i++) {
        good(&c->s, dnnl_primitive_execute(c->primitive[i], c->s.stream, c->n_arguments[i],
                                           c->arguments[i]));
    }
    good(&c->s, dnnl_stream_wait(c->s.stream));
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
    for (int round = 0; round < 2 * ROUNDS && !c.s.failed && !cn_error(); round++) {
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
    if (c.s.failed || cn_error()) {
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
