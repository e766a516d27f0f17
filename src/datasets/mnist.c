/* MNIST and Fashion-MNIST (keras.datasets): found in folders of this machine, or fetched, in
 * Keras's form or TensorFlow 1's. */
#include "core/tensor.h"
#include "datasets/datasets.h"
#include "utils/file.h"

#include <cornu/arrays.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

const cn_dataset_args cn_dataset_defaults = {.size = sizeof(cn_dataset_args), CN_DATASET_DEFAULTS};

#define KERAS_URL "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"

/* The arrays in the order of cn_dataset's first four fields. */
static const char *const idx_names[4] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                                         "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};
static const char *const npz_names[4] = {"x_train", "y_train", "x_test", "y_test"};

typedef struct family {
    const char *name;       /* "fashion_mnist" */
    const char *folders[2]; /* under a folder of data sets */
    const char *npz;        /* the archive beside them */
    const char *cache;      /* where downloads go in the cache; "" is the cache itself */
    cn__remote_file files[4];
    int n_files;
} family;

static const family families[] = {
    {
        .name = "fashion_mnist",
        .folders = {"fashion-mnist", "fashion_mnist"},
        .npz = "fashion_mnist.npz",
        .cache = "fashion-mnist",
        .n_files = 4,
        /* Keras publishes no hashes; these are of the contents that its documentation's md5 sums
           belong to. */
        .files = {{"train-images-idx3-ubyte.gz",
                   "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888", true},
                  {"train-labels-idx1-ubyte.gz",
                   "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9", true},
                  {"t10k-images-idx3-ubyte.gz",
                   "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b", true},
                  {"t10k-labels-idx1-ubyte.gz",
                   "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34", true}},
    },
    {
        .name = "mnist",
        .folders = {"mnist", "MNIST"},
        .npz = "mnist.npz",
        .cache = "",
        .n_files = 1,
        .files = {{"mnist.npz", "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
                   false}},
    },
};
enum { FAMILIES = sizeof families / sizeof *families };

/* Folders ----------------------------------------------------------------------------------------
 */

/* $VARIABLE/datasets, or ~/fallback/datasets; NULL without an error if neither is set. */
static char *home_folder(const char *variable, const char *fallback)
{
    const char *set = getenv(variable), *home = getenv("HOME");
    if (set != NULL && *set != '\0') {
        return cn__printf("%s/datasets", set);
    }
    return home != NULL && *home != '\0' ? cn__printf("%s/%s/datasets", home, fallback) : NULL;
}

char *cn__dataset_cache(void)
{
    char *cache = home_folder("CORNU_HOME", ".cornu");
    if (cache == NULL && !cn__pending()) {
        cn__fail(CN_EIO, "No folder for downloads: neither CORNU_HOME nor HOME is set");
    }
    return cache;
}

static bool is_file(const char *path)
{
    struct stat info;
    return path != NULL && stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

/* Loading ----------------------------------------------------------------------------------------
 */

static void drop(cn_dataset *data)
{
    cn_tensor *all[] = {data->x_train, data->y_train,      data->x_test,
                        data->y_test,  data->x_validation, data->y_validation};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        cn_free(all[i]);
    }
    *data = (cn_dataset){0};
}

/* Looks for the four idx files in a folder, packed or not; 1 if they were loaded, 0 if they are not
 * there. */
static int load_idx(const char *folder, cn_tensor *arrays[4])
{
    char *paths[4] = {0};
    int found = 0, code = 0;
    for (int i = 0; i < 4; i++) {
        paths[i] = cn__printf("%s/%s.gz", folder, idx_names[i]);
        if (!is_file(paths[i])) {
            cn__free_mem(paths[i]);
            paths[i] = cn__printf("%s/%s", folder, idx_names[i]);
        }
        found += is_file(paths[i]);
    }
    for (int i = 0; found == 4 && code == 0 && i < 4; i++) {
        arrays[i] = cn_load_idx(paths[i]);
        code = arrays[i] != NULL ? 0 : cn_error_code();
    }
    for (int i = 0; i < 4; i++) {
        cn__free_mem(paths[i]);
    }
    return cn__pending() ? cn_error_code() : found == 4;
}

static int load_npz(const char *path, cn_tensor *arrays[4])
{
    if (!is_file(path)) {
        return 0;
    }
    for (int i = 0; i < 4; i++) {
        arrays[i] = cn_load_npz_array(path, npz_names[i]);
        if (arrays[i] == NULL) {
            return cn_error_code();
        }
    }
    return 1;
}

/* Looks in `folder` and its sub-folders of the family. `direct`: idx files may lie in the folder
 * itself, unless it bears the name of another family, whose files are called the same. */
static int load_from(const family *f, const char *folder, bool direct, cn_tensor *arrays[4])
{
    int code = 0;
    char *path = cn__printf("%s/%s", folder, f->npz);
    if (path != NULL) {
        code = load_npz(path, arrays);
    }
    cn__free_mem(path);
    for (int i = 0; code == 0 && i < 2; i++) {
        path = cn__printf("%s/%s", folder, f->folders[i]);
        code = path != NULL ? load_idx(path, arrays) : CN_ENOMEM;
        cn__free_mem(path);
    }
    const char *slash = strrchr(folder, '/'), *last = slash != NULL ? slash + 1 : folder;
    for (int k = 0; k < FAMILIES; k++) {
        for (int i = 0; i < 2; i++) {
            direct = direct && (&families[k] == f || strcmp(last, families[k].folders[i]) != 0);
        }
    }
    return code == 0 && direct ? load_idx(folder, arrays) : code;
}

/* Fetches the files of a family into the cache. */
static int fetch(const family *f)
{
    const char *base = getenv("CORNU_DATASETS_URL");
    char *cache = cn__dataset_cache();
    char *folder =
        cache != NULL ? cn__printf("%s%s%s", cache, *f->cache ? "/" : "", f->cache) : NULL;
    int code = folder != NULL ? cn__make_folders(folder) : cn_error_code();
    for (int i = 0; code == 0 && i < f->n_files; i++) {
        char *path = cn__printf("%s/%s", folder, f->files[i].name);
        code = path == NULL    ? CN_ENOMEM
               : is_file(path) ? 0
                               : cn__download(base != NULL && *base != '\0' ? base : KERAS_URL,
                                              &f->files[i], path);
        cn__free_mem(path);
    }
    cn__free_mem(folder);
    cn__free_mem(cache);
    if (code != 0) {
        cn__fail_context("%s is not on this machine (looked in CORNU_DATASETS, ~/.cornu/datasets, "
                         "~/.keras/datasets, /usr/share/datasets)",
                         f->name);
    }
    return code;
}

/* Loads the four arrays from the first place that has them. */
static int find(const family *f, cn_tensor *arrays[4])
{
    const char *own = getenv("CORNU_DATASETS");
    int code = own != NULL && *own != '\0' ? load_from(f, own, true, arrays) : 0;
    if (code != 0) {
        return code;
    }
    char *cache = home_folder("CORNU_HOME", ".cornu"), *keras = home_folder("KERAS_HOME", ".keras");
    const char *const folders[] = {cache, keras, "/usr/share/datasets"};
    for (int i = 0; i < 3 && code == 0; i++) {
        code = folders[i] != NULL ? load_from(f, folders[i], false, arrays) : 0;
    }
    if (code == 0) {
        code = fetch(f);
        code = code == 0 ? load_from(f, cache, false, arrays) : code;
        if (code == 0) {
            code =
                cn__fail(CN_EFORMAT, "%s: what was downloaded to %s is not whole", f->name, cache);
        }
    }
    cn__free_mem(cache);
    cn__free_mem(keras);
    return code;
}

/* Forms ------------------------------------------------------------------------------------------
 */

/* Images (n, rows, columns) and labels (n,) of bytes, below ten, as many of one as of the other. */
static int check_pair(const family *f, const char *part, const cn_tensor *x, const cn_tensor *y)
{
    char have_x[192], have_y[192];
    if (x->dtype != CN_UINT8 || y->dtype != CN_UINT8 || x->shape.rank != 3 || y->shape.rank != 1 ||
        x->shape.dim[0] != y->shape.dim[0]) {
        return cn__fail(
            CN_EFORMAT,
            "%s: expected uint8 images (n, 28, 28) and labels (n,) to %s with, got %s %s "
            "and %s %s",
            f->name, part, cn_dtype_name(x->dtype),
            cn__shape_text(&x->shape, have_x, sizeof have_x), cn_dtype_name(y->dtype),
            cn__shape_text(&y->shape, have_y, sizeof have_y));
    }
    for (int64_t i = 0; i < y->shape.dim[0]; i++) {
        if ((unsigned char)y->data[i] > 9) {
            return cn__fail(CN_EFORMAT, "%s: expected labels of 0 … 9, got %d", f->name,
                            (unsigned char)y->data[i]);
        }
    }
    return 0;
}

/* Rows [begin, end) as TensorFlow 1 has them: pixels times float32(1/255), flat; labels one-hot. */
static int flat_rows(const cn_tensor *x, const cn_tensor *y, int64_t begin, int64_t end,
                     cn_tensor **flat, cn_tensor **hot)
{
    int64_t pixels = x->shape.dim[1] * x->shape.dim[2], n = end - begin;
    *flat = cn__tensor_new(CN_FLOAT32, &(cn_shape){2, {n, pixels}});
    *hot = *flat != NULL ? cn_tensor_new(CN_FLOAT32, 2, (const int64_t[]){n, 10}, NULL) : NULL;
    if (*hot == NULL) {
        return cn_error_code();
    }
    float *out = (float *)(void *)(*flat)->data, *one = (float *)(void *)(*hot)->data;
    const unsigned char *in = (const unsigned char *)x->data + begin * pixels;
    for (int64_t i = 0; i < n * pixels; i++) {
        out[i] = (float)in[i] * (float)(1.0 / 255.0);
    }
    for (int64_t i = 0; i < n; i++) {
        one[i * 10 + (unsigned char)y->data[begin + i]] = 1;
    }
    return 0;
}

/* The form "input_data": the first 5000 rows are for validation. */
static int to_input_data(const family *f, cn_dataset *data)
{
    enum { VALIDATION = 5000 };
    cn_dataset out = {0};
    int64_t n = data->x_train->shape.dim[0];
    if (n <= VALIDATION) {
        return cn__fail(CN_EVALUE, "%s: the form \"input_data\" needs more than %d rows, got %lld",
                        f->name, VALIDATION, (long long)n);
    }
    int code = flat_rows(data->x_train, data->y_train, VALIDATION, n, &out.x_train, &out.y_train);
    if (code == 0) {
        code = flat_rows(data->x_train, data->y_train, 0, VALIDATION, &out.x_validation,
                         &out.y_validation);
    }
    if (code == 0) {
        code = flat_rows(data->x_test, data->y_test, 0, data->x_test->shape.dim[0], &out.x_test,
                         &out.y_test);
    }
    drop(data);
    *data = out;
    return code;
}

static cn_dataset load(const family *f, const cn_dataset_args *args)
{
    cn_dataset data = {0};
    if (cn__pending()) {
        return data;
    }
    cn_dataset_args a = cn_dataset_defaults;
    if (args != NULL) {
        if (args->size == 0) {
            cn__fail(CN_EVALUE, "%s: the size of the arguments is not set", f->name);
            return data;
        }
        memcpy(&a, args, args->size < sizeof a ? args->size : sizeof a);
    }
    bool flat = a.form != NULL && strcmp(a.form, "input_data") == 0;
    if (a.form != NULL && !flat) {
        cn__fail(CN_EVALUE, "%s: expected the form NULL or \"input_data\", got \"%s\"", f->name,
                 a.form);
        return data;
    }
    cn_tensor *arrays[4] = {0};
    int code = find(f, arrays);
    data = (cn_dataset){arrays[0], arrays[1], arrays[2], arrays[3], NULL, NULL};
    if (code >= 0) {
        code = check_pair(f, "train", data.x_train, data.y_train);
    }
    if (code >= 0) {
        code = check_pair(f, "test", data.x_test, data.y_test);
    }
    if (code >= 0 && flat) {
        code = to_input_data(f, &data);
    }
    if (code < 0) {
        drop(&data);
    }
    return data;
}

/* Doors ------------------------------------------------------------------------------------------
 */

cn_dataset cn_dataset_fashion_mnist_with(const cn_dataset_args *args)
{
    return load(&families[0], args);
}

cn_dataset cn_dataset_mnist_with(const cn_dataset_args *args)
{
    return load(&families[1], args);
}

const char *const *cn_dataset_names(void)
{
    static const char *const names[] = {"fashion_mnist", "mnist", NULL};
    return names;
}

cn_dataset cn_dataset_load(const char *name, const cn_dataset_args *args)
{
    for (int i = 0; name != NULL && i < FAMILIES; i++) {
        if (strcmp(name, families[i].name) == 0) {
            return load(&families[i], args);
        }
    }
    if (!cn__pending()) {
        cn__fail(CN_EKEY, "Unknown data set: '%s'. Expected one of: fashion_mnist, mnist",
                 name != NULL ? name : "NULL");
    }
    return (cn_dataset){0};
}
