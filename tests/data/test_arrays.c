/* Array files: what numpy and others wrote, what we write and read again, and what must be refused
 * in clear words. */
#include "data/arrays.h"

#include <cornu/arrays.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define CORPUS CN_TEST_SOURCE_DIR "/tests/fuzz/corpus/"

static char folder[] = "/tmp/cornu-arrays-XXXXXX";

/* A path in the test's own folder; good until the fourth next call. */
static const char *in_folder(const char *name)
{
    static char paths[4][512];
    static int next;
    next = (next + 1) % 4;
    snprintf(paths[next], sizeof paths[next], "%s/%s", folder, name);
    return paths[next];
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static void check_text(const cn_tensor *t, const char *text)
{
    if (t == NULL) {
        fail_msg("%s", cn_error());
    }
    assert_string_equal(cn_tensor_string(t), text);
}

/* The call failed with this code and with these words in its message; the program goes on. */
static void check_error(int code, const char *words)
{
    assert_non_null(cn_error());
    if (strstr(cn_error(), words) == NULL) {
        fail_msg("expected \"%s\" in \"%s\"", words, cn_error());
    }
    assert_int_equal(cn_error_code(), code);
    cn_error_clear();
}

typedef struct file_case {
    const char *path; /* under the corpus */
    cn_dtype dtype;   /* CN_DTYPE_UNSET: an error is expected */
    const char *text; /* the array, or words of the error */
    int code;
} file_case;

#define RAMP "[[0 1 2]\n [3 4 5]]"
#define HALF "[[0.  0.5 1. ]\n [1.5 2.  2.5]]"
#define FLOAT "[[0. 1. 2.]\n [3. 4. 5.]]"

static const file_case files[] = {
    {"npy/f4.npy", CN_FLOAT32, HALF, 0},
    {"npy/f8_big.npy", CN_FLOAT64, HALF, 0},
    {"npy/f2.npy", CN_FLOAT16, HALF, 0},
    {"npy/bf16.npy", CN_BFLOAT16, "[[0 0.5 1]\n [1.5 2 2.5]]", 0},
    {"npy/i1.npy", CN_INT8, RAMP, 0},
    {"npy/i2.npy", CN_INT16, RAMP, 0},
    {"npy/i4.npy", CN_INT32, RAMP, 0},
    {"npy/i8.npy", CN_INT64, RAMP, 0},
    {"npy/u1.npy", CN_UINT8, RAMP, 0},
    {"npy/u2.npy", CN_UINT16, RAMP, 0},
    {"npy/u4.npy", CN_UINT32, RAMP, 0},
    {"npy/u8.npy", CN_UINT64, RAMP, 0},
    {"npy/i4_big.npy", CN_INT32, RAMP, 0},
    {"npy/bool.npy", CN_BOOL, "[[False  True False]\n [ True False  True]]", 0},
    {"npy/fortran.npy", CN_INT32,
     "[[[ 0  1  2  3]\n  [ 4  5  6  7]\n  [ 8  9 10 11]]\n\n [[12 13 14 15]\n  [16 17 18 19]\n  "
     "[20 21 22 "
     "23]]]",
     0},
    {"npy/version2.npy", CN_FLOAT32, FLOAT, 0},
    {"npy/version3.npy", CN_FLOAT32, FLOAT, 0},
    {"npy/scalar.npy", CN_FLOAT64, "1.5", 0},
    {"npy/empty.npy", CN_FLOAT32, "[]", 0},
    {"npy/python2.npy", CN_INT16, "[[ 256  770 1284]\n [1798 2312 2826]]", 0},
    {"npy/object.npy", 0, "holds Python objects (dtype '|O')", CN_EUNSUPPORTED},
    {"npy/string.npy", 0, "holds strings (dtype '<U2')", CN_EUNSUPPORTED},
    {"npy/complex.npy", 0, "holds complex numbers", CN_EUNSUPPORTED},
    {"npy/record.npy", 0, "holds records with named fields", CN_EUNSUPPORTED},
    {"npy/huge.npy", 0, "is too large", CN_EFORMAT},
    {"npy/long.npy", 0, "expected 8000000000000 bytes of data", CN_EFORMAT},
    {"npy/short.npy", 0, "expected 24 bytes of data", CN_EFORMAT},
    {"idx/u1", CN_UINT8, RAMP, 0},
    {"idx/i1", CN_INT8, RAMP, 0},
    {"idx/i2", CN_INT16, RAMP, 0},
    {"idx/i4", CN_INT32, RAMP, 0},
    {"idx/f4", CN_FLOAT32, HALF, 0},
    {"idx/f8", CN_FLOAT64, HALF, 0},
#if CN__HAVE_ZLIB
    {"idx/u1.gz", CN_UINT8, RAMP, 0},
    {"idx/cut.gz", 0, "the compressed data ends early", CN_EFORMAT},
    {"idx/bomb.gz", 0, "expected 2147483647 bytes of data", CN_EFORMAT},
#else
    {"idx/u1.gz", 0, "needs zlib", CN_EUNSUPPORTED},
#endif
    {"idx/short", 0, "expected 6 bytes of data", CN_EFORMAT},
    {"idx/more", 0, "expected the end of the file", CN_EFORMAT},
    {"idx/huge", 0, "is too large", CN_EFORMAT},
    {"csv/plain.csv", CN_FLOAT32, "[[   1.     2.5 -300. ]\n [   4.     0.5    6. ]]", 0},
    {"csv/header.csv", CN_FLOAT32, "[[1. 2.]\n [3. 4.]]", 0},
    {"csv/tab.csv", CN_FLOAT32, "[[1. 2.]\n [3. 4.]]", 0},
    {"csv/blanks.csv", CN_FLOAT32, "[[1. 2. 3.]\n [4. 5. 6.]]", 0},
    {"csv/quoted.csv", CN_FLOAT32, "[[1.5 2. ]]", 0},
    {"csv/column.csv", CN_FLOAT32, "[1. 2. 3.]", 0},
    {"csv/special.csv", CN_FLOAT32,
     "[[          nan           inf          -inf 1.0000000e+00           inf\n"
     "  1.2345679e+29 0.0000000e+00]]",
     0},
    {"csv/ragged.csv", 0, "line 2: expected 2 columns, got 1", CN_EFORMAT},
    {"csv/word.csv", 0, "line 2, column 2: expected a number, got \"x\"", CN_EFORMAT},
    {"csv/empty_field.csv", 0, "line 2, column 2: expected a number, got \"\"", CN_EFORMAT},
    {"csv/nothing.csv", 0, "expected rows of numbers, got none", CN_EFORMAT},
};

static void test_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        const file_case *c = &files[i];
        char path[1024];
        snprintf(path, sizeof path, CORPUS "%s", c->path);
        cn_tensor *t = strncmp(c->path, "npy", 3) == 0   ? cn_load_npy(path)
                       : strncmp(c->path, "idx", 3) == 0 ? cn_load_idx(path)
                                                         : cn_load_csv(path);
        if (c->dtype == CN_DTYPE_UNSET) {
            assert_null(t);
            assert_non_null(strstr(cn_error(), path));
            check_error(c->code, c->text);
        } else {
            check_text(t, c->text);
            assert_int_equal(cn_tensor_dtype(t), c->dtype);
        }
    }
}

static void test_npz(void **state)
{
#if !CN__HAVE_LIBZIP
    skip(); /* a minimal library reads and writes no such files */
#endif
    (void)state;
#if CN__HAVE_LIBZIP
    cn_named_tensors list = cn_load_npz(CORPUS "npz/stored.npz");
    assert_int_equal(list.n, 2);
    assert_string_equal(list.names[0], "x_train");
    assert_string_equal(list.names[1], "y_train");
    check_text(list.tensors[0], RAMP);
    check_text(list.tensors[1], "[1 2]");
    check_text(cn_load_npz_array(CORPUS "npz/deflated.npz", "y"), "[0. 1. 2.]");
    check_text(cn_load_npz_array(CORPUS "npz/deflated.npz", "y.npy"), "[0. 1. 2.]");
    assert_int_equal(cn_load_npz(CORPUS "npz/other.npz").n, 1);
    assert_int_equal(cn_load_npz(CORPUS "npz/empty.npz").n, 0);
    assert_null(cn_error());
    assert_null(cn_load_npz_array(CORPUS "npz/stored.npz", "z"));
    check_error(CN_EKEY, "has no array \"z\"; it has: x_train, y_train");
    assert_int_equal(cn_load_npz(CORPUS "npz/truncated.npz").n, 0);
    check_error(CN_EFORMAT, "not a whole .npz archive");
    assert_int_equal(cn_load_npz(CORPUS "npz/cut.npz").n, 0);
    check_error(CN_EFORMAT, "not a whole .npz archive");
    assert_int_equal(cn_load_npz(CORPUS "npz/damaged.npz").n, 0);
    check_error(CN_EFORMAT, "member x: damaged: CRC error");
    assert_int_equal(cn_load_npz(CORPUS "npz/bomb.npz").n, 0);
    assert_non_null(cn_error());
    cn_error_clear();
#else
    assert_int_equal(cn_load_npz(CORPUS "npz/stored.npz").n, 0);
    check_error(CN_EUNSUPPORTED, "needs libzip");
    assert_int_equal(cn_save_npz(in_folder("x.npz"), 0, NULL, NULL), CN_EUNSUPPORTED);
    check_error(CN_EUNSUPPORTED, "needs libzip");
#endif
}

/* Every dtype, several ranks: written, read, the same bytes. */
static void test_round_trips(void **state)
{
    (void)state;
    static const int64_t shapes[][4] = {{0}, {5}, {2, 3}, {1, 2, 0}, {2, 1, 3, 2}};
    static const int ranks[] = {0, 1, 2, 3, 4};
    for (int dtype = 1; dtype < CN__DTYPE_COUNT; dtype++) {
        for (int s = 0; s < 5; s++) {
            cn_tensor *t = cn_tensor_new((cn_dtype)dtype, ranks[s], shapes[s], NULL);
            for (int64_t i = 0; i < cn_tensor_size(t); i++) {
                cn__write((cn_dtype)dtype, cn_tensor_data_mutable(t), i, (double)(i * 7 % 5));
            }
            cn_tensor *got[2] = {0};
            assert_int_equal(cn_save_npy(in_folder("a.npy"), t), 0);
            got[0] = cn_load_npy(in_folder("a.npy"));
            int n = 1;
#if CN__HAVE_LIBZIP
            const cn_tensor *both[] = {t, t};
            assert_int_equal(
                cn_save_npz(in_folder("a.npz"), 2, (const char *const[]){"w0", "w1"}, both), 0);
            got[n++] = cn_load_npz_array(in_folder("a.npz"), "w1");
#endif
            for (int k = 0; k < n; k++) {
                assert_non_null(got[k]);
                assert_int_equal(cn_tensor_dtype(got[k]), dtype);
                assert_int_equal(cn_tensor_rank(got[k]), ranks[s]);
                assert_memory_equal(cn_tensor_shape(got[k]), shapes[s],
                                    (size_t)ranks[s] * sizeof(int64_t));
                assert_memory_equal(cn_tensor_data(got[k]), cn_tensor_data(t), cn__bytes(t));
            }
        }
    }
}

static void test_csv_round_trip(void **state)
{
    (void)state;
    double values[] = {0.1, 1e-300, -12345.678, 1e22, 3, 2.0 / 3};
    cn_tensor *t = cn_tensor_new(CN_FLOAT64, 2, (const int64_t[]){2, 3}, values);
    assert_int_equal(cn_save_csv(in_folder("t.csv"), t), 0);
    cn_tensor *back = cn_load_csv(in_folder("t.csv"), .dtype = CN_FLOAT64);
    assert_non_null(back);
    assert_memory_equal(cn_tensor_data(back), values, sizeof values);
    assert_int_equal(cn_save_csv(in_folder("t.csv"), t, .delimiter = ';'), 0);
    back = cn_load_csv(in_folder("t.csv"), .dtype = CN_FLOAT64, .delimiter = ';', .header = 0);
    assert_memory_equal(cn_tensor_data(back), values, sizeof values);
    float f[] = {0.1f, 1e-30f, 16777216};
    t = cn_tensor_new(CN_FLOAT32, 1, (const int64_t[]){3}, f);
    assert_int_equal(cn_save_csv(in_folder("f.csv"), t), 0);
    assert_memory_equal(cn_tensor_data(cn_load_csv(in_folder("f.csv"))), f, sizeof f);
    write_file(in_folder("h.csv"), "1,2\n3,4\n");
    check_text(cn_load_csv(in_folder("h.csv"), .header = 1), "[[3. 4.]]");
    check_text(cn_load_csv(in_folder("h.csv"), .dtype = CN_INT32), "[[1 2]\n [3 4]]");
    write_file(in_folder("h.csv"), "1,2\n3,4.5\n");
    assert_null(cn_load_csv(in_folder("h.csv"), .dtype = CN_UINT8));
    check_error(CN_EFORMAT, "row 2, column 2: 4.5 is no uint8");
    assert_true(cn_save_csv(in_folder("h.csv"),
                            cn_tensor_new(CN_FLOAT32, 3, (const int64_t[]){1, 1, 1}, NULL)) < 0);
    check_error(CN_EVALUE, "one or two axes, got shape (1, 1, 1)");
}

/* A random sample of numbers as printf writes them must be read as strtod reads them. */
static void test_csv_numbers(void **state)
{
    (void)state;
    uint64_t x = 88172645463325252u;
    char text[64];
    for (int i = 0; i < 20000; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        double value = ldexp((double)(x >> 11), (int)(x % 160) - 130);
        int n = snprintf(text, sizeof text, i % 2 ? "%.*g" : "%.*e", (int)(x % 19), value);
        cn_csv_args args = cn_csv_defaults;
        args.dtype = CN_FLOAT64;
        cn_tensor *t = cn__csv_read(text, (size_t)n, "text", &args);
        assert_non_null(t);
        assert_true(cn_tensor_value(t) == strtod(text, NULL));
        cn_free(t);
    }
}

static void test_front_door(void **state)
{
    (void)state;
    check_text(cn_load_array(CORPUS "npy/f4.npy"), HALF);
    check_text(cn_load_array(CORPUS "csv/column.csv"), "[1. 2. 3.]");
    cn_named_tensors list = cn_load_arrays(CORPUS "npy/i4.npy", "y");
    assert_int_equal(list.n, 1);
    assert_string_equal(list.names[0], "y");
#if CN__HAVE_LIBZIP
    check_text(cn_load_array(CORPUS "npz/stored.npz:y_train"), "[1 2]");
    assert_int_equal(cn_load_arrays(CORPUS "npz/stored.npz", NULL).n, 2);
    assert_null(cn_load_array(CORPUS "npz/stored.npz"));
    check_error(CN_EVALUE, "expected one array, got 2");
    assert_null(cn_load_array(CORPUS "npz/empty.npz"));
    check_error(CN_EVALUE, "expected one array, got none");
#endif
    assert_null(cn_load_array("picture.jpg"));
    check_error(CN_EVALUE, "\"picture.jpg\": expected a file that ends in .npy");
    assert_null(cn_load_array(NULL));
    check_error(CN_EVALUE, "got NULL");
    assert_null(cn_load_array("mnist:trian"));
    check_error(CN_EVALUE, "expected mnist:train or mnist:test");
}

static void test_wrong_places(void **state)
{
    (void)state;
    cn_tensor *t = cn_array(1, 2);
    assert_null(cn_load_npy(folder));
    check_error(CN_EIO, "expected a file, got a directory");
    assert_null(cn_load_idx(in_folder("nothing")));
    check_error(CN_EIO, "cannot be opened: No such file");
    assert_true(cn_save_npy(folder, t) < 0);
    check_error(CN_EIO, "expected a file, got a directory");
    assert_true(cn_save_csv(in_folder("no/such/place.csv"), t) < 0);
    check_error(CN_EIO, "cannot be written: No such file");
    assert_null(cn_load_npy(NULL));
    check_error(CN_EVALUE, "got NULL");
    assert_true(cn_save_npy(in_folder("x.npy"), NULL) < 0);
    cn_error_clear();
    write_file(in_folder("x.npy"), "12345678 no npy");
    assert_null(cn_load_npy(in_folder("x.npy")));
    check_error(CN_EFORMAT, "not a .npy file");
    cn_fail(CN_EVALUE, "pending");
    assert_null(cn_load_npy(CORPUS "npy/f4.npy"));
    assert_true(cn_save_npy(in_folder("y.npy"), t) < 0);
    assert_int_equal(cn_load_npz("x.npz").n, 0);
    check_error(CN_EVALUE, "pending");
}

/* A file is replaced whole: what cannot be written leaves the old one, and no temporary file stays.
 */
static void test_replacing(void **state)
{
    (void)state;
    cn_tensor *one = cn_array(1), *two = cn_array(1, 2);
    assert_int_equal(cn_save_npy(in_folder("r.npy"), one), 0);
    assert_int_equal(cn_save_npy(in_folder("r.npy"), two), 0);
    check_text(cn_load_npy(in_folder("r.npy")), "[1. 2.]");
    struct stat info;
    assert_int_equal(stat(in_folder("r.npy"), &info), 0);
    mode_t mask = umask(0);
    umask(mask);
    assert_int_equal(info.st_mode & 0777, 0666 & ~mask);
    assert_int_equal(cn_save_npy("/dev/null", two), 0);
    assert_int_equal(stat("/dev/null", &info), 0);
    assert_true(S_ISCHR(info.st_mode));
    if (access("/dev/full", W_OK) == 0) {
        assert_true(cn_save_npy("/dev/full", two) < 0);
        check_error(CN_EIO, "cannot be written: No space left");
    }
    char command[600];
    snprintf(command, sizeof command, "test -z \"$(ls %s | grep tmp)\"", folder);
    assert_int_equal(system(command), 0);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[600];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),        cmocka_unit_test(test_npz),
        cmocka_unit_test(test_round_trips),  cmocka_unit_test(test_csv_round_trip),
        cmocka_unit_test(test_csv_numbers),  cmocka_unit_test(test_front_door),
        cmocka_unit_test(test_wrong_places), cmocka_unit_test(test_replacing),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
