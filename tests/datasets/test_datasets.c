/* Data sets: where they are found, their forms, and downloads from a server that misbehaves. */
#include "core/tensor.h"
#include "datasets/datasets.h"
#include "utils/file.h"
#include "utils/sha256.h"

#include <cornu/arrays.h>
#include <cornu/datasets.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define DEBIAN "/usr/share/datasets/fashion-mnist"

static char folder[] = "/tmp/cornu-datasets-XXXXXX";
static char base[64]; /* the server's address; empty where there is no python3 */
static pid_t server;
static int server_input;

static const char *in_folder(const char *name)
{
    static char paths[4][512];
    static int next;
    next = (next + 1) % 4;
    snprintf(paths[next], sizeof paths[next], "%s/%s", folder, name);
    return paths[next];
}

static void run(const char *format, ...)
{
    char command[1024];
    va_list list;
    va_start(list, format);
    vsnprintf(command, sizeof command, format, list);
    va_end(list);
    assert_int_equal(system(command), 0);
}

static void check_error(int code, const char *words)
{
    assert_non_null(cn_error());
    if (strstr(cn_error(), words) == NULL) {
        fail_msg("expected \"%s\" in \"%s\"", words, cn_error());
    }
    assert_int_equal(cn_error_code(), code);
    cn_error_clear();
}

/* Folders -------------------------------------------------------------------------------------- */

/* A small set of `n` images whose pixels are all `value`, as idx files in a folder that is made for
 * it. */
static void write_set(const char *where, unsigned char value, int n)
{
    static const char *const names[4] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                                         "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};
    run("mkdir -p %s", where);
    for (int i = 0; i < 4; i++) {
        char path[600];
        snprintf(path, sizeof path, "%s/%s", where, names[i]);
        FILE *f = fopen(path, "wb");
        assert_non_null(f);
        int images = i % 2 == 0;
        unsigned char head[16] = {
            0, 0, 8, images ? 3 : 1, 0, 0, (unsigned char)(n >> 8), (unsigned char)n, 0, 0, 0, 2, 0,
            0, 0, 3};
        fwrite(head, 1, images ? 16 : 8, f);
        for (int k = 0; k < n * (images ? 6 : 1); k++) {
            fputc(images ? value : k % 10, f);
        }
        assert_int_equal(fclose(f), 0);
    }
}

/* No folder of this machine takes part but those that a test names. */
static void isolate(void)
{
    setenv("HOME", in_folder("home"), 1);
    unsetenv("CORNU_HOME");
    unsetenv("KERAS_HOME");
    unsetenv("CORNU_DATASETS");
    setenv("CORNU_DATASETS_URL", "http://127.0.0.1:1/", 1);
}

static int first_pixel(cn_dataset data)
{
    if (data.x_train == NULL) {
        fail_msg("%s", cn_error());
    }
    return (int)cn_tensor_item(data.x_train, 0);
}

static void test_search_order(void **state)
{
    (void)state;
    isolate();
    write_set(in_folder("home/.keras/datasets/mnist"), 1, 12);
    assert_int_equal(first_pixel(cn_dataset_mnist()), 1);
    write_set(in_folder("home/.cornu/datasets/mnist"), 2, 12);
    assert_int_equal(first_pixel(cn_dataset_mnist()), 2);
    write_set(in_folder("cache/datasets/mnist"), 3, 12);
    setenv("CORNU_HOME", in_folder("cache"), 1);
    assert_int_equal(first_pixel(cn_dataset_mnist()), 3);
    write_set(in_folder("own"), 4, 12);
    setenv("CORNU_DATASETS", in_folder("own"), 1);
    assert_int_equal(first_pixel(cn_dataset_mnist()), 4);
    write_set(in_folder("own/fashion-mnist"), 5, 12);
    assert_int_equal(first_pixel(cn_dataset_fashion_mnist()), 5);
    /* The folder of the one is not a place for the other, whose files are called the same. */
    setenv("CORNU_DATASETS", in_folder("own/fashion-mnist"), 1);
    assert_int_equal(first_pixel(cn_dataset_mnist()), 3);
    cn_dataset data = cn_dataset_mnist();
    assert_string_equal(cn_tensor_string(data.y_test), "[0 1 2 3 4 5 6 7 8 9 0 1]");
    assert_int_equal(cn_tensor_dim(data.x_test, 2), 3);
    assert_null(data.x_validation);
#if CN__HAVE_LIBZIP
    const char *names[] = {"x_train", "y_train", "x_test", "y_test"};
    const cn_tensor *arrays[] = {data.x_train, data.y_train, data.x_test, data.y_test};
    ((unsigned char *)cn_tensor_data_mutable(data.x_train))[0] = 6;
    assert_int_equal(cn_save_npz(in_folder("own/mnist.npz"), 4, names, arrays), 0);
    setenv("CORNU_DATASETS", in_folder("own"), 1);
    assert_int_equal(first_pixel(cn_dataset_mnist()), 6);
#endif
    setenv("CORNU_DATASETS", in_folder("own"), 1);
    cn_named_tensors list = cn_load_arrays("fashion_mnist:test", NULL);
    assert_int_equal(list.n, 2);
    assert_string_equal(list.names[1], "y");
    assert_int_equal(cn_tensor_dim(list.tensors[1], 0), 12);
    assert_int_equal(cn_tensor_rank(cn_load_array("fashion_mnist:train")), 3);
}

static void test_damaged(void **state)
{
    (void)state;
    isolate();
    write_set(in_folder("bad"), 1, 12);
    setenv("CORNU_DATASETS", in_folder("bad"), 1);
    run("truncate -s 50 %s/train-images-idx3-ubyte", in_folder("bad"));
    assert_null(cn_dataset_mnist().x_train);
    check_error(CN_EFORMAT, "bad/train-images-idx3-ubyte");
    write_set(in_folder("bad"), 1, 12);
    run("cp %s/t10k-labels-idx1-ubyte %s/train-images-idx3-ubyte", in_folder("bad"),
        in_folder("bad"));
    assert_null(cn_dataset_mnist().x_train);
    check_error(CN_EFORMAT, "expected uint8 images (n, 28, 28) and labels (n,) to train with");
    assert_null(cn_dataset_load("cifar11", NULL).x_train);
    check_error(CN_EKEY, "Unknown data set: 'cifar11'");
}

static void test_input_data(void **state)
{
    (void)state;
    isolate();
    write_set(in_folder("many"), 51, 5003);
    setenv("CORNU_DATASETS", in_folder("many"), 1);
    cn_dataset data = cn_dataset_mnist(.form = "input_data");
    assert_int_equal(cn_tensor_dim(data.x_train, 0), 3);
    assert_int_equal(cn_tensor_dim(data.x_validation, 0), 5000);
    assert_int_equal(cn_tensor_dim(data.x_test, 0), 5003);
    assert_string_equal(cn_tensor_string(data.x_train),
                        "[[0.20000002 0.20000002 0.20000002 0.20000002 0.20000002 0.20000002]\n "
                        "[0.20000002 0.20000002 0.20000002 0.20000002 0.20000002 0.20000002]\n "
                        "[0.20000002 0.20000002 0.20000002 0.20000002 0.20000002 0.20000002]]");
    assert_string_equal(cn_tensor_string(data.y_train),
                        "[[1. 0. 0. 0. 0. 0. 0. 0. 0. 0.]\n [0. 1. 0. 0. 0. 0. 0. 0. 0. 0.]\n"
                        " [0. 0. 1. 0. 0. 0. 0. 0. 0. 0.]]");
    assert_null(cn_dataset_mnist(.form = "flat").x_train);
    check_error(CN_EVALUE, "got \"flat\"");
    write_set(in_folder("few"), 51, 20);
    setenv("CORNU_DATASETS", in_folder("few"), 1);
    assert_null(cn_dataset_mnist(.form = "input_data").x_train);
    check_error(CN_EVALUE, "more than 5000 rows, got 20");
}

static void test_sha256(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    char text[65];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cn__sha256 hash;
        cn__sha256_begin(&hash);
        cn__sha256_add(&hash, cases[i][0], strlen(cases[i][0]));
        cn__sha256_end(&hash, text);
        assert_string_equal(text, cases[i][1]);
    }
    /* A million times "a", in pieces that cut the blocks in every way. */
    cn__sha256 hash;
    char a[997];
    memset(a, 'a', sizeof a);
    cn__sha256_begin(&hash);
    for (int left = 1000000; left > 0; left -= (int)sizeof a) {
        cn__sha256_add(&hash, a, left < (int)sizeof a ? (size_t)left : sizeof a);
    }
    cn__sha256_end(&hash, text);
    assert_string_equal(text, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* Downloads ------------------------------------------------------------------------------------ */

#if CN__HAVE_CURL

static const cn__remote_file made_up = {
    "data.bin", "1bb182f649a789fda17412a4839e9d5dd50b4068089bc334655f78e6db797370", false};

static bool is_there(const char *name)
{
    return access(in_folder(name), F_OK) == 0;
}

/* The address of one kind of behaviour, or a skipped test where there is no server. */
static const char *behaving(const char *how)
{
    static char url[128];
    if (base[0] == '\0') {
        skip();
    }
    snprintf(url, sizeof url, "%s%s/", base, how);
    return url;
}

/* The requests so far whose line holds these words. */
static int requests(const char *words)
{
    char line[512];
    int n = 0;
    FILE *f = fopen(in_folder("log"), "r");
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        n += strstr(line, words) != NULL;
    }
    if (f != NULL) {
        fclose(f);
    }
    return n;
}

static void check_whole(const char *name)
{
    cn__source source;
    size_t size;
    assert_int_equal(cn__source_file(&source, in_folder(name)), 0);
    char *data = cn__source_rest(&source, &size);
    cn__source_file_close(&source);
    assert_int_equal(size, 300000);
    for (size_t i = 0; i < size; i++) {
        assert_int_equal((unsigned char)data[i], (31 * i + 7) % 256);
    }
    cn__free_mem(data);
}

typedef struct progress {
    int calls;
    int64_t done, total;
    bool stop;
} progress;

static int on_progress(const char *file, int64_t done, int64_t total, void *user)
{
    progress *p = user;
    assert_string_equal(file, "data.bin");
    p->calls++;
    p->done = done;
    p->total = total;
    return p->stop;
}

static void test_good(void **state)
{
    (void)state;
    progress p = {0};
    cn_set_download_progress(on_progress, &p);
    assert_int_equal(cn__download(behaving("good"), &made_up, in_folder("good")), 0);
    cn_set_download_progress(NULL, NULL);
    check_whole("good");
    assert_false(is_there("good.part"));
    assert_true(p.calls >= 1 && p.done == 300000 && p.total == 300000);
    assert_int_equal(cn__download(behaving("moved"), &made_up, in_folder("moved")), 0);
    check_whole("moved");
    assert_int_equal(cn__download(behaving("busy"), &made_up, in_folder("busy")), 0);
    check_whole("busy");
}

/* A connection that breaks off is taken up where it ended; so is what an earlier run left behind.
 */
static void test_resume(void **state)
{
    (void)state;
    assert_int_equal(cn__download(behaving("flaky"), &made_up, in_folder("flaky")), 0);
    check_whole("flaky");
    assert_int_equal(requests("/flaky/data.bin bytes=150000- 206"), 1);
    assert_int_equal(requests("/flaky/data.bin bytes=225000- 206"), 1);
    run("head -c 100000 %s > %s", in_folder("good"), in_folder("again.part"));
    assert_int_equal(cn__download(behaving("good"), &made_up, in_folder("again")), 0);
    check_whole("again");
    assert_int_equal(requests("/good/data.bin bytes=100000- 206"), 1);
    /* A server that knows no ranges, and one that has fewer bytes than we: from the start. */
    run("head -c 100000 %s > %s", in_folder("good"), in_folder("none.part"));
    assert_int_equal(cn__download(behaving("norange"), &made_up, in_folder("none")), 0);
    check_whole("none");
    run("cat %s %s > %s", in_folder("good"), in_folder("good"), in_folder("long.part"));
    assert_int_equal(cn__download(behaving("good"), &made_up, in_folder("long")), 0);
    check_whole("long");
    /* A partial file of other contents: once more, from the start. */
    run("head -c 1000 /dev/zero > %s", in_folder("zero.part"));
    assert_int_equal(cn__download(behaving("good"), &made_up, in_folder("zero")), 0);
    check_whole("zero");
}

static void test_bad_servers(void **state)
{
    (void)state;
    assert_true(cn__download(behaving("truncate"), &made_up, in_folder("truncate")) < 0);
    check_error(CN_ENETWORK, "/truncate/data.bin: cannot be downloaded");
    assert_int_equal(requests("/truncate/data.bin"), 3);
    assert_false(is_there("truncate"));
    assert_true(is_there("truncate.part"));
    assert_true(cn__download(behaving("wrong"), &made_up, in_folder("wrong")) < 0);
    check_error(CN_EFORMAT,
                "/wrong/data.bin: the downloaded file is not the expected one: expected SHA-256 ");
    assert_false(is_there("wrong") || is_there("wrong.part"));
    assert_true(cn__download(behaving("missing"), &made_up, in_folder("missing")) < 0);
    check_error(CN_ENETWORK, "the server answered with status 404");
    assert_true(cn__download("http://127.0.0.1:1/", &made_up, in_folder("nobody")) < 0);
    check_error(CN_ENETWORK, "http://127.0.0.1:1/data.bin: cannot be downloaded");
    assert_true(cn__download("file:///etc/", &made_up, in_folder("file")) < 0);
    check_error(CN_ENETWORK, "cannot be downloaded");
    assert_true(cn__download(behaving("good"), &made_up, in_folder("no/such/folder")) < 0);
    check_error(CN_EIO, "cannot be written");
}

static void test_stall(void **state)
{
    (void)state;
    cn__download_stall_seconds = 1;
    assert_true(cn__download(behaving("stall"), &made_up, in_folder("stall")) < 0);
    cn__download_stall_seconds = 30;
    check_error(CN_ENETWORK, "/stall/data.bin: cannot be downloaded: nothing came for 1 seconds");
    assert_int_equal(requests("/stall/data.bin"), 3);
    /* What came is kept, and the next try goes on from there. */
    assert_int_equal(cn__download(behaving("good"), &made_up, in_folder("stall")), 0);
    check_whole("stall");
    assert_int_equal(requests("/good/data.bin bytes=262500- 206"), 1);
}

static void test_stopped(void **state)
{
    (void)state;
    progress p = {.stop = true};
    cn_set_download_progress(on_progress, &p);
    int code = cn__download(behaving("stall"), &made_up, in_folder("stopped"));
    cn_set_download_progress(NULL, NULL);
    assert_true(code < 0);
    check_error(CN_ENETWORK, "the download was stopped");
    assert_int_equal(p.calls, 1);
}

/* The whole way: the files of Debian's package through the server into the cache, found there the
 * next time. */
static void test_fashion_mnist(void **state)
{
    (void)state;
    if (access(DEBIAN, R_OK) != 0) {
        skip();
    }
    const char *url = behaving("good");
    isolate();
    setenv("CORNU_HOME", in_folder("fetched"), 1);
    setenv("CORNU_DATASETS_URL", url, 1);
    /* A folder that Debian's package would answer first is no place to test a download in, so the
     * parts are called. */
    run("mkdir -p %s", in_folder("fetched"));
    static const cn__remote_file file = {
        "t10k-labels-idx1-ubyte.gz",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34", true};
    assert_int_equal(cn__download(url, &file, in_folder("fetched/labels.gz")), 0);
    cn_tensor *y = cn_load_idx(in_folder("fetched/labels.gz"));
    assert_non_null(y);
    assert_int_equal(cn_tensor_dim(y, 0), 10000);
    static const cn__remote_file other = {
        "t10k-images-idx3-ubyte.gz",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34", true};
    assert_true(cn__download(url, &other, in_folder("fetched/images.gz")) < 0);
    check_error(CN_EFORMAT, "is not the expected one");
}

/* MNIST is in no Debian package: it is asked for at the server, which has not got it. */
static void test_mnist_missing(void **state)
{
    (void)state;
    const char *url = behaving("good");
    isolate();
    setenv("CORNU_DATASETS_URL", url, 1);
    setenv("CORNU_HOME", in_folder("empty"), 1);
    setenv("HOME", in_folder("empty"), 1);
    assert_null(cn_dataset_mnist().x_train);
    assert_non_null(strstr(cn_error(), "mnist is not on this machine"));
    check_error(CN_ENETWORK,
                "mnist.npz: cannot be downloaded: the server answered with status 404");
    assert_true(is_there("empty/datasets"));
}

#endif

static void test_debian(void **state)
{
    (void)state;
#if CN__HAVE_ZLIB
    if (access(DEBIAN, R_OK) != 0) {
        skip();
    }
    isolate();
    cn_scope scope = cn_scope_begin();
    cn_dataset data = cn_dataset_fashion_mnist();
    if (data.x_train == NULL) {
        fail_msg("%s", cn_error());
    }
    assert_int_equal(cn_tensor_dtype(data.x_train), CN_UINT8);
    assert_int_equal(cn_tensor_dim(data.x_train, 0), 60000);
    assert_int_equal(cn_tensor_dim(data.x_train, 1), 28);
    assert_int_equal(cn_tensor_dim(data.y_test, 0), 10000);
    double sum = 0;
    const unsigned char *x = cn_tensor_data(data.x_train);
    for (int64_t i = 0; i < cn_tensor_size(data.x_train); i++) {
        sum += x[i];
    }
    /* The mean that numpy gives, to the last bit: sums of bytes are exact. */
    assert_true(sum / (60000.0 * 784) == 72.94035223214286);
    assert_int_equal(cn_tensor_item(data.y_train, 0), 9);
    cn_scope_end(scope);
#else
    skip();
#endif
}

/* The server ------------------------------------------------------------------------------------
 */

static int start(void **state)
{
    (void)state;
    int in[2], out[2];
    if (mkdtemp(folder) == NULL || pipe(in) != 0 || pipe(out) != 0) {
        return 1;
    }
    signal(SIGPIPE, SIG_IGN);
    /* A proxy of the machine must not get between us and the loopback. */
    setenv("no_proxy", "127.0.0.1", 1);
    server = fork();
    if (server == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        close(in[1]);
        close(out[0]);
        execlp("python3", "python3", CN_TEST_SOURCE_DIR "/tests/datasets/server.py", DEBIAN,
               in_folder("log"), (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    server_input = in[1];
    char port[16] = "";
    size_t n = 0;
    while (n < sizeof port - 1 && read(out[0], port + n, 1) == 1 && port[n] != '\n') {
        n++;
    }
    close(out[0]);
    if (n > 0 && atoi(port) > 0) {
        snprintf(base, sizeof base, "http://127.0.0.1:%d/", atoi(port));
    }
    return 0;
}

static int stop(void **state)
{
    (void)state;
    int status;
    close(server_input);
    if (server > 0) {
        waitpid(server, &status, 0);
    }
    char command[600];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_search_order),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_input_data),
        cmocka_unit_test(test_sha256),
#if CN__HAVE_CURL
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_resume),
        cmocka_unit_test(test_bad_servers),
        cmocka_unit_test(test_stall),
        cmocka_unit_test(test_stopped),
        cmocka_unit_test(test_fashion_mnist),
        cmocka_unit_test(test_mnist_missing),
#endif
        cmocka_unit_test(test_debian),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
