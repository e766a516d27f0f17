/* The struct behind cn_model: a layer with a graph of layers, and what compile and the programs
 * keep. */
#ifndef CN_MODELS_MODEL_H
#define CN_MODELS_MODEL_H

#include "graph/program.h"
#include "layers/layer.h"
#include <cornu/training.h>

typedef enum cn__model_type { CN__SEQUENTIAL, CN__FUNCTIONAL, CN__SUBCLASS } cn__model_type;

enum { CN__MODEL_MAX_IO = 32, CN__MAX_METRICS = 48 };

/* A metric of one output. */
typedef struct cn__model_metric {
    cn_identifier identifier; /* owned copy: a string, or an object (referenced) */
    int output;
    bool weighted;
    cn_metric *metric; /* made at the first batch, when shapes are known; owned */
    char *name;        /* in logs */
} cn__model_metric;

typedef enum cn__phase { CN__TRAIN, CN__TEST, CN__PREDICT } cn__phase;

/* A traced function of the model, and its programs for batches of so many rows. */
typedef struct cn__model_programs {
    cn__trace *trace;
    uint64_t version;   /* of the layers when it was traced */
    uint64_t signature; /* of shapes and dtypes without the batch */
    cn__program *programs[16];
    int64_t rows[16];
    uint64_t used[16];
    int n;
    bool sample_weight[CN__MODEL_MAX_IO];
} cn__model_programs;

/* A step of the user's own (cn_model_set_train_step), and what it logs. */
typedef struct cn__own_step {
    cn_step_body body;
    void *user;
    int n_logs;
    struct cn__own_log {
        char *name;
        cn_metric *metric; /* whose result is logged; owned; or NULL */
        cn_tensor *value;  /* else: a variable with what the last batch gave; owned */
    } logs[32];
    const char *names[33]; /* of the logs, ended by NULL */
} cn__own_step;

struct cn_model {
    cn_layer layer; /* kind MODEL; its tracked sublayers are the model's layers */
    cn__model_type type;
    /* Sequential and functional: the symbolic graph. Owned. A Sequential model without an input
     * shape has none yet. */
    int n_inputs, n_outputs;
    cn_tensor *inputs[CN__MODEL_MAX_IO], *outputs[CN__MODEL_MAX_IO];
    cn_layer *input_layers[CN__MODEL_MAX_IO]; /* InputLayer of each input; owned; may be NULL */
    char *output_names[CN__MODEL_MAX_IO];     /* the names of the layers that made them */
    bool graph;
    /* compile */
    bool compiled;
    cn_optimizer *optimizer;
    cn_loss *losses[CN__MODEL_MAX_IO]; /* one an output; NULL: that output is not trained */
    int n_losses;                      /* as given: 1 for all or one each */
    double loss_weights[CN__MODEL_MAX_IO];
    bool loss_weights_given;
    cn__model_metric metrics[CN__MAX_METRICS];
    int n_metrics;
    char *compile_json; /* the compile_config it was made from, if it was */
    /* state of training */
    cn_tensor *loss_total, *loss_count; /* variables */
    cn_tensor *output_total[CN__MODEL_MAX_IO], *output_count[CN__MODEL_MAX_IO];
    cn_tensor *random_step; /* int64 variable: counts training steps, for random ops */
    /* Who uses it now, see use.c. */
    atomic_uintptr_t user; /* the thread that trains or evaluates, or 0 */
    int depth;             /* how often it has entered */
    atomic_int trains, predictors;
    cn__model_programs programs[3];
    uint64_t clock; /* of program use */
    bool stop_training;
    bool has_run;          /* metrics_names are known */
    cn__own_step steps[2]; /* of CN__TRAIN and CN__TEST */
    cn__phase
        scored_phase; /* the phase that was prepared or run last: whose scores are asked for */
    char *names[CN__MAX_METRICS + CN__MODEL_MAX_IO + 2]; /* of the scores, in order; owned */
    int n_names;
    /* Structure, see structure.h. */
    struct cn__model_plan
        *plan;           /* the calls and ops of a functional model, in order; NULL for others */
    bool input_given;    /* a Sequential model's input shape was given and not found by a call */
    bool input_declared; /* … by an InputLayer or a symbolic input that was added */
    char *file_version,
        *file_backend;  /* what the file that the model was read from says; or NULL */
    bool short_configs; /* its layers are written without module and build_config, as a legacy file
                           had it */
    int io_lists; /* of "input_layers" in a file: 1 always lists of lists, -1 a single one flat; 0:
                     as the version does */
};

cn_model *cn__check_model(const cn_model *model, const char *who);
/* A model object of a class, without layers. */
cn_model *cn__model_new(const cn_layer_class *cls, const void *args, cn__model_type type);
/* Applies the model's graph to tensors: every layer call and op between inputs and outputs is made
 * again. */
int cn__model_replay(cn_model *model, cn_tensor *const *inputs, int n_inputs, bool training,
                     cn_tensor **outputs);
/* Fills the symbolic graph of a Sequential model whose input shape is known. */
int cn__sequential_graph(cn_model *model);
/* The functional graph in order: calls of layers between inputs and outputs, first made first;
 * fills at most max, returns how many. */
int cn__model_calls(const cn_model *model, cn__layer_call **out, int max);
/* Everything that depends on layers or compile settings is made anew. */
void cn__model_forget_programs(cn_model *model);

extern const cn_layer_class cn__layer_sequential, cn__layer_functional;

#endif
