/* Arrays in files: .npy, .npz, idx and .csv, and one front door for all of them. */
#ifndef CORNU_ARRAYS_H
#define CORNU_ARRAYS_H

#include <cornu/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Several arrays with their names; belongs to the scope it was made in. n is 0 after an error. */
typedef struct cn_named_tensors {
    int n;
    const char **names;  /* n */
    cn_tensor **tensors; /* n */
} cn_named_tensors;

/* Reads a .npy file (numpy.load): every header version, both byte orders, fortran order; all dtypes
 * of Cornu, where two raw bytes ('V2') are bfloat16 as ml_dtypes writes it. Strings, objects,
 * complex numbers and records are CN_EUNSUPPORTED. */
CN_API cn_tensor *cn_load_npy(const char *path);
/* Writes a .npy file (numpy.save). The file is replaced whole, or left as it was. */
CN_API int cn_save_npy(const char *path, const cn_tensor *t);

/* All arrays of a .npz file, in the order in which they are stored. CN_EUNSUPPORTED in a build
 * without libzip. */
CN_API cn_named_tensors cn_load_npz(const char *path);
/* One of them, by its name without ".npy"; CN_EKEY names those that there are. */
CN_API cn_tensor *cn_load_npz_array(const char *path, const char *key);
/* Writes n arrays under their names (numpy.savez); NULL for `names` means arr_0, arr_1 … as numpy
 * has it. */
CN_API int cn_save_npz(const char *path, int n, const char *const *names,
                       const cn_tensor *const *tensors);

/* Reads an idx file (the format of MNIST), packed by gzip or not. */
CN_API cn_tensor *cn_load_idx(const char *path);

typedef struct cn_csv_args {
    size_t size;
    int header; /* rows of names above the numbers: -1 (default) looks whether the first row is all
                   numbers; else 0 or 1 */
    char delimiter; /* 0 (default) takes the first of , ; and tab that the first row has, else
                       blanks; written: ',' */
    cn_dtype dtype; /* of the result; CN_FLOAT32 */
    CN__END;
} cn_csv_args;
#define CN_CSV_DEFAULTS .header = -1
CN_API extern const cn_csv_args cn_csv_defaults;
/* Reads a table of numbers, shape (rows, columns), or (rows,) of one column. Empty fields and
 * ragged rows are errors that name the line; blank lines and lines from '#' are passed over; a
 * field may stand in quotes. */
CN_API cn_tensor *cn_load_csv_with(const char *path, const cn_csv_args *args);
#define cn__load_csv(path, ...)                                                                    \
    CN__CALL1(cn_load_csv_with, path, cn_csv_args, CN_CSV_DEFAULTS, __VA_ARGS__)
#define cn_load_csv(...) cn__load_csv(__VA_ARGS__, .end_ = 0)
/* Writes a tensor of rank 1 (a column) or 2, every number with as many digits as it takes to read
 * it back. Only the delimiter of the arguments counts. */
CN_API int cn_save_csv_with(const char *path, const cn_tensor *t, const cn_csv_args *args);
#define cn__save_csv(path, t, ...)                                                                 \
    CN__CALL2(cn_save_csv_with, path, t, cn_csv_args, CN_CSV_DEFAULTS, __VA_ARGS__)
#define cn_save_csv(path, ...) cn__save_csv(path, __VA_ARGS__, .end_ = 0)

/* The one array that a spec names: "x.npy", "x.npz:key", "x.npz" (of one array), an idx file
 * (".idx", "-ubyte", either with
 * ".gz"), "x.csv", or a part of a data set, "mnist:train", "fashion_mnist:test" (its x). */
CN_API cn_tensor *cn_load_array(const char *spec);
/* All arrays that a spec names: of "x.npz" every one. `which` says "x" or "y" where the spec is
 * part of a data set; NULL gives both. What has no name of its own is called "x" or as `which`
 * says. */
CN_API cn_named_tensors cn_load_arrays(const char *spec, const char *which);

#ifdef __cplusplus
}
#endif
#endif
