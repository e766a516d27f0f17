/* cornu list: the names of what there is, from the tables that the library itself reads. */
#include "cli/cli.h"
#include "core/instance.h"
#include "core/op.h"
#include <cornu/datasets.h>

#include <stdio.h>
#include <string.h>

static const cn__cli_option options[] = {CN__CLI_END};

static const struct {
    const char *name;
    cn__kind kind;
} kinds[] = {{"layers", CN__LAYER},
             {"losses", CN__LOSS},
             {"metrics", CN__METRIC},
             {"optimizers", CN__OPTIMIZER},
             {"callbacks", CN__CALLBACK},
             {"initializers", CN__INITIALIZER},
             {"regularizers", CN__REGULARIZER},
             {"constraints", CN__CONSTRAINT},
             {"schedules", CN__SCHEDULE},
             {"activations", CN__ACTIVATION}};

/* Ops that serve other ops, layers and gradients, and have no name in keras.ops. */
static bool has_keras_name(const char *name)
{
    static const char *const none[] = {"mish",
                                       "lgamma",
                                       "digamma",
                                       "relu_general",
                                       "sparse_softmax_cross_entropy",
                                       "softmax_cross_entropy",
                                       "sigmoid_cross_entropy",
                                       "reshape_like",
                                       "broadcast_like",
                                       "sum_like",
                                       "count_like",
                                       "gather",
                                       "gather_batch",
                                       "scatter_add_like",
                                       "scatter_batch_like",
                                       "check_range",
                                       "check_indices",
                                       "max_pool_pick"};
    size_t n = strlen(name);
    if (strstr(name, "_gradient") || (n > 7 && !strncmp(name, "random_", 7))) {
        return false;
    }
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        if (!strcmp(name, none[i])) {
            return false;
        }
    }
    return true;
}

/* Ops that Keras calls otherwise, and its functions that are made of several of our ops. */
static void print_ops(void)
{
    static const char *const names[] = {
#define XX(name) #name,
        CN__OP_MAP(XX)
#undef XX
    };
    static const char *const composed[] = {"array",
                                           "conv_transpose",
                                           "depthwise_conv",
                                           "expand_dims",
                                           "ones",
                                           "ones_like",
                                           "separable_conv",
                                           "split",
                                           "squeeze",
                                           "std",
                                           "take_along_axis",
                                           "var",
                                           "zeros",
                                           "zeros_like"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (has_keras_name(names[i])) {
            puts(!strcmp(names[i], "condition") ? "cond" : names[i]);
        }
    }
    for (size_t i = 0; i < sizeof composed / sizeof *composed; i++) {
        puts(composed[i]);
    }
}

static int run(const cn__cli_values *v)
{
    const char *what = v->positional[0];
    if (!strcmp(what, "ops")) {
        print_ops();
        return 0;
    }
    if (!strcmp(what, "datasets")) {
        for (const char *const *name = cn_dataset_names(); *name; name++) {
            puts(*name);
        }
        return 0;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i].name, what) != 0) {
            continue;
        }
        const cn_class *cls;
        for (int k = 0; (cls = cn__class_at(kinds[i].kind, k)) != NULL; k++) {
            puts(cls->name);
        }
        return 0;
    }
    return cn__fail(CN_EVALUE,
                    "expected layers, ops, losses, metrics, optimizers, callbacks, "
                    "initializers, regularizers, constraints, schedules, activations or "
                    "datasets, got \"%s\"",
                    what);
}

const cn__cli_command cn__cli_list = {
    .name = "list",
    .usage = "layers|ops|losses|metrics|optimizers|callbacks|initializers|regularizers|"
             "constraints|schedules|activations|datasets",
    .does = "prints the names that models and options may use",
    .text = "Prints one Keras class or function name a line.",
    .options = options,
    .min_positional = 1,
    .max_positional = 1,
    .run = run};
