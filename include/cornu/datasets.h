/* Data sets (keras.datasets): found on this machine, or fetched once. */
#ifndef CORNU_DATASETS_H
#define CORNU_DATASETS_H

#include <cornu/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What load_data() gives; all NULL after an error. The tensors belong to the current scope. */
typedef struct cn_dataset {
    cn_tensor *x_train, *y_train;
    cn_tensor *x_test, *y_test;
    cn_tensor *x_validation, *y_validation; /* of the form "input_data" only, else NULL */
} cn_dataset;

typedef struct cn_dataset_args {
    size_t size;
    /* NULL: Keras's form, x uint8 (60000, 28, 28) and y uint8 (60000,), tests of 10000.
     * "input_data": that of TensorFlow 1's tutorials (input_data.read_data_sets with one_hot=True):
     * x float32 (55000, 784) between 0 and 1, y float32 (55000, 10) one-hot, with the first 5000
     * rows as validation. */
    const char *form;
    CN__END;
} cn_dataset_args;
#define CN_DATASET_DEFAULTS CN__NO_DEFAULTS
CN_API extern const cn_dataset_args cn_dataset_defaults;

/* Where both are looked for: CORNU_DATASETS (a folder, or its sub-folder mnist or fashion-mnist),
 * the cache (CORNU_HOME/datasets, else ~/.cornu/datasets), ~/.keras/datasets, /usr/share/datasets;
 * as idx files, packed or not, or as .npz with x_train, y_train, x_test, y_test. Otherwise they are
 * fetched from where Keras has them, into the cache; CORNU_DATASETS_URL names another place.
 * Errors: CN_ENETWORK, CN_EFORMAT for a file that is damaged. */
CN_API cn_dataset cn_dataset_mnist_with(const cn_dataset_args *args);
CN_API cn_dataset cn_dataset_fashion_mnist_with(const cn_dataset_args *args);
#define cn_dataset_mnist(...)                                                                      \
    CN__CALL(cn_dataset_mnist_with, cn_dataset_args, CN_DATASET_DEFAULTS, __VA_ARGS__)
#define cn_dataset_fashion_mnist(...)                                                              \
    CN__CALL(cn_dataset_fashion_mnist_with, cn_dataset_args, CN_DATASET_DEFAULTS, __VA_ARGS__)

/* The names that cn_dataset_load knows, ending with NULL: "fashion_mnist", "mnist". */
CN_API const char *const *cn_dataset_names(void);
/* The data set of a name; CN_EKEY if there is none. */
CN_API cn_dataset cn_dataset_load(const char *name, const cn_dataset_args *args);

/* Called while a file is fetched, about ten times a second and at its end: `done` of `total` bytes
 * (total is -1 while it is not known). Returning something other than 0 stops the download. NULL
 * (the default) is silence. */
typedef int cn_download_progress(const char *file, int64_t done, int64_t total, void *user);
CN_API void cn_set_download_progress(cn_download_progress *fn, void *user);

#ifdef __cplusplus
}
#endif
#endif
