/* cornu dataset: finds or fetches a data set and describes it. */
#include "cli/cli.h"
#include <cornu/datasets.h>

#include <inttypes.h>
#include <stdio.h>

static const cn__cli_option options[] = {
    {"output", 'o', "OUT.npz", CN__CLI_TEXT, CN__CLI_AT(output),
     "writes the arrays under the names that Keras's own file gives them"},
    CN__CLI_END,
};

static void describe(const char *name, const cn_tensor *t)
{
    const int64_t *shape = cn_tensor_shape(t);
    int64_t n = cn_tensor_size(t);
    double low = n > 0 ? cn_tensor_item(t, 0) : 0, high = low;
    for (int64_t i = 1; i < n; i++) {
        double value = cn_tensor_item(t, i);
        low = value < low ? value : low;
        high = value > high ? value : high;
    }
    printf("%-8s %s (", name, cn_dtype_name(cn_tensor_dtype(t)));
    for (int i = 0; i < cn_tensor_rank(t); i++) {
        printf("%s%" PRId64, i ? ", " : "", shape[i]);
    }
    printf("%s), %g … %g\n", cn_tensor_rank(t) == 1 ? "," : "", low, high);
}

static int run(const cn__cli_values *v)
{
    if (v->output && !cn__cli_ends(v->output, ".npz")) {
        return cn__fail(CN_EVALUE, "-o: expected a name that ends in .npz, got \"%s\"", v->output);
    }
    if (cn__cli_check_writable("-o", v->output) < 0) {
        return cn_error_code();
    }
    cn__cli_show_downloads();
    cn_dataset data = cn_dataset_load(v->positional[0], NULL);
    if (!data.x_train) {
        return cn_error_code();
    }
    static const char *const names[] = {"x_train", "y_train", "x_test", "y_test"};
    const cn_tensor *tensors[] = {data.x_train, data.y_train, data.x_test, data.y_test};
    for (int i = 0; i < 4; i++) {
        describe(names[i], tensors[i]);
    }
    return v->output ? cn_save_npz(v->output, 4, names, tensors) : 0;
}

const cn__cli_command cn__cli_dataset = {
    .name = "dataset",
    .usage = "NAME [-o OUT.npz]",
    .does = "finds or fetches a data set and describes it",
    .text = "Looks for the data set in CORNU_DATASETS, in CORNU_HOME (~/.cornu), in Keras's own "
            "cache and among Debian's packages, fetches it where none of these has it, and prints "
            "type, shape, smallest and largest number of its arrays. cornu list datasets prints "
            "the names.",
    .options = options,
    .min_positional = 1,
    .max_positional = 1,
    .run = run};
