/* What the tables of a model's summary share: rows of lines with columns in tf.keras and before, a
 * boxed table in Keras 3. */
#ifndef CN_MODELS_SUMMARY_H
#define CN_MODELS_SUMMARY_H

#include "models/structure.h"

enum { CN__SUMMARY_COLUMNS = 5 };

typedef struct cn__summary {
    const cn_model *model;
    cn_summary_args args;
    int keras;
    bool connected; /* has a column "Connected to" */
    int n_columns;
    cn__layer_call **calls; /* of the model */
    int n_calls;
    int first, last; /* of the layers that are shown; last is past the end */
    cn__text whole;  /* what a Keras 3 model gives to print_fn at once */
} cn__summary;

/* Numbers below the table. */
typedef struct cn__param_count {
    int64_t count, bytes;
} cn__param_count;
int cn__count_trainable(const cn_model *model, bool trainable, cn__param_count *out);
/* "136.04 KB"; what is below a kilobyte counts in `unit`: "Byte" or "B". */
char *cn__readable_size(int64_t bytes, const char *unit, char *buffer, size_t size);

/* Gives a line to the caller's function or to standard output. */
int cn__summary_line(cn__summary *s, const char *line);
/* The calls of a layer among those of `container`, as a text of their output shapes: "(None, 3)",
 * "multiple", "?". */
char *cn__summary_shape(const cn__summary *s, const cn_model *container, const cn_layer *layer);
/* The n-th place from which a layer gets its inputs ("dense[0][0]"), or NULL past the last; caller
 * frees. */
char *cn__summary_connection(const cn__summary *s, const cn_layer *layer, int n);
/* The model that a layer is, if it is one with layers of its own; else NULL. */
const cn_model *cn__summary_nested(const cn_layer *layer);

int cn__summary_rows(cn__summary *s);
int cn__summary_rich(cn__summary *s);

/* Lengths and pieces of UTF-8 text, counted in code points. */
int64_t cn__utf8_length(const char *text);
const char *cn__utf8_at(const char *text, int64_t n);

#endif
