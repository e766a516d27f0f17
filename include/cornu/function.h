/* Functions and graphs that are planned once and run many times: tf.function, and TensorFlow 1's
 * placeholders and sessions. */
#ifndef CORNU_FUNCTION_H
#define CORNU_FUNCTION_H

#include <cornu/training.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cn_function cn_function;

/* Fills out[0 … n_outputs - 1] from in[0 … n_in - 1], in ops; returns 0, or a negative code. It is
 * called once for each kind of inputs, on tensors without values, so it must not look at values nor
 * decide by them in C (cn_where, cn_cond, cn_while_loop do that when the program runs). What it
 * reads through `user` is fixed when it is traced, except variables, which are read and assigned to
 * at every run. */
typedef int (*cn_function_body)(cn_tensor *const *in, int n_in, cn_tensor **out, void *user);

typedef struct cn_function_args {
    size_t size;
    const char *name; /* "function" */
    int n_outputs;    /* 1, at most 8; 0 for a function that only assigns */
    void *user;       /* handed to the body */
    bool batched; /* false: a trace for each shape. true: axis 0 of the first input, and of those
                   * with as many rows, is the batch, and one trace serves any number of rows */
    bool run_eagerly; /* false; true: the body is called each time (tf.config.run_functions_eagerly)
                       */
    CN__END;
} cn_function_args;
#define CN_FUNCTION_DEFAULTS .n_outputs = 1
CN_API extern const cn_function_args cn_function_defaults;
/* tf.function: cn_function(body, .user = &net, .batched = true). Belongs to the current scope;
 * keeps its last sixteen traces, each with its last sixteen programs. It may be called by one
 * thread at a time. */
CN_API cn_function *cn_function_with(cn_function_body body, const cn_function_args *args);
#define cn_function(...) cn__function(__VA_ARGS__, .end_ = 0)
#define cn__function(body, ...)                                                                    \
    CN__CALL1(cn_function_with, body, cn_function_args, CN_FUNCTION_DEFAULTS, __VA_ARGS__)
/* Calls it: cn_function_call(f, x, y). The first output, a tensor of the current scope; NULL and an
 * error on failure (and NULL without one if it has no outputs). Inside another function, on
 * symbolic tensors and under an active tape the body itself is called, so that its ops are
 * recorded; the results are the same. A variable among the inputs is handed on as it is. */
#define cn_function_call(function, ...)                                                            \
    cn_function_call_of(function,                                                                  \
                        (int)(sizeof((cn_tensor *[]){__VA_ARGS__}) / sizeof(cn_tensor *)),         \
                        (cn_tensor *[]){__VA_ARGS__})
CN_API cn_tensor *cn_function_call_of(cn_function *function, int n_in, cn_tensor *const *in);
/* The same with all outputs, in out[0 … n_outputs - 1]; returns 0 or a negative code. n_in may be
 * 0. */
CN_API int cn_function_run(cn_function *function, int n_in, cn_tensor *const *in, cn_tensor **out);
/* How many times the body has been traced (experimental_get_tracing_count). */
CN_API int cn_function_traces(const cn_function *function);

typedef struct cn_graph cn_graph;

/* From here on this thread records its ops in a graph instead of running them, until cn_graph_end
 * (with tf.Graph().as_default()). Variables in it are read when it runs; assignments in it are its
 * updates. Belongs to the current scope. */
CN_API cn_graph *cn_graph_begin(void);
/* The graph is complete and can be run. */
CN_API int cn_graph_end(cn_graph *graph);

typedef struct cn_placeholder_args {
    size_t size;
    cn_ints shape;     /* with the batch: {CN_NONE, 784}; cn_tuple() or nothing: a scalar */
    const char *dtype; /* "float32" */
    const char *name;  /* "Placeholder", "Placeholder_1" …; cn_clear_session begins anew */
    CN__END;
} cn_placeholder_args;
#define CN_PLACEHOLDER_DEFAULTS .dtype = "float32"
CN_API extern const cn_placeholder_args cn_placeholder_defaults;
/* tf.placeholder: a symbolic tensor that gets its value when a graph is run. */
CN_API cn_tensor *cn_placeholder_with(const cn_placeholder_args *args);
#define cn_placeholder(...)                                                                        \
    CN__CALL(cn_placeholder_with, cn_placeholder_args, CN_PLACEHOLDER_DEFAULTS, __VA_ARGS__)

/* What a placeholder stands for in one run. */
typedef struct cn_feed_pair {
    cn_tensor *placeholder, *value;
} cn_feed_pair;

typedef struct cn_graph_run_args {
    size_t size;
    cn_feed_pair feed[32];   /* {{x, images}, {y, labels}} */
    cn_tensor **outputs;     /* room for the values after the first */
    bool updates;            /* false; true: the graph's assignments are made */
    cn_optimizer *optimizer; /* with .minimize: one step of it on every trainable variable that the
                                scalar depends on */
    cn_tensor *minimize;
    CN__END;
} cn_graph_run_args;
#define CN_GRAPH_RUN_DEFAULTS CN__NO_DEFAULTS
CN_API extern const cn_graph_run_args cn_graph_run_defaults;
/* session.run: the values of one tensor of the graph, or of cn_list(a, b), of NULL for none:
 * cn_graph_run(graph, loss, .feed = {{x, batch}}, .optimizer = adam, .minimize = loss). What is
 * fetched is the value before the step. Each combination of fetched tensors is planned once; a
 * length of None may differ from run to run. The first value, or NULL and an error. */
CN_API cn_tensor *cn_graph_run_with(cn_graph *graph, cn_tensors fetches,
                                    const cn_graph_run_args *args);
#define cn_graph_run(...) cn__graph_run(__VA_ARGS__, .end_ = 0)
#define cn__graph_run(graph, fetches, ...)                                                         \
    CN__CALL2(cn_graph_run_with, graph, CN__DATA(fetches), cn_graph_run_args,                      \
              CN_GRAPH_RUN_DEFAULTS, __VA_ARGS__)

#ifdef __cplusplus
}
#endif
#endif
