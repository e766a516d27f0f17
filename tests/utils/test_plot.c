/* Pictures: what is written is a picture of the size asked for, and what cannot be drawn says why.
 */
#include <cornu/plot.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#if CN__HAVE_PNG
#include <png.h>
#endif

static char folder[] = "/tmp/cornu-plot-XXXXXX";

static const char *in_folder(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
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

static void check_ok(int code)
{
    if (code != 0) {
        fail_msg("%s", cn_error());
    }
}

/* The first bytes of the file, as many as `size` holds. */
static size_t head_of(const char *path, unsigned char *head, size_t size)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(head, 1, size, f);
    fclose(f);
    return n;
}

static void check_png(const char *path, unsigned width, unsigned height)
{
    unsigned char h[24];
    assert_int_equal(head_of(path, h, sizeof h), sizeof h);
    assert_memory_equal(h, "\x89PNG\r\n\x1a\n", 8);
    assert_int_equal((unsigned)h[18] << 8 | h[19], width);
    assert_int_equal((unsigned)h[22] << 8 | h[23], height);
}

static bool no_gnuplot(void)
{
    return system("command -v gnuplot > /dev/null 2>&1") != 0;
}

static void test_lines(void **state)
{
    (void)state;
    if (no_gnuplot()) {
        skip();
    }
    cn_tensor *x = cn_array(1, 2, 3), *y = cn_array(1, NAN, -INFINITY);
    check_ok(cn_plot(in_folder("a.png"), .lines = {{"it's a 'name'_1", .y = x}}));
    check_png(in_folder("a.png"), 800, 500);
    check_ok(cn_plot(in_folder("a.png"),
                     .lines = {{"x", .y = x, .style = "points"}, {NULL, .y = y, .x = x}},
                     .title = "`date` $(date) \"; exit\n'", .x_label = "x", .y_label = "y",
                     .width = 300, .height = 200, .log_x = true));
    check_png(in_folder("a.png"), 300, 200);
    check_ok(cn_plot(in_folder("a.svg"), .lines = {{"x", .y = x}}, .title = "über <&>"));
    char text[100000] = "";
    head_of(in_folder("a.svg"), (unsigned char *)text, sizeof text - 1);
    assert_non_null(strstr(text, "<svg"));
    assert_non_null(strstr(text, "über &lt;&amp;"));
    /* Nothing finite, and nothing at all, are plots too. */
    check_ok(cn_plot(in_folder("b.png"), .lines = {{"nan", .y = cn_array(NAN, NAN)}}));
    cn_tensor *none = cn_tensor_new(CN_FLOAT32, 1, (const int64_t[]){0}, NULL);
    check_ok(cn_plot(in_folder("b.png"), .lines = {{"none", .y = none}}));
    check_ok(cn_plot(in_folder("b.png"), .lines = {{"one", .y = cn_array(5)}}));
}

static void test_curves(void **state)
{
    (void)state;
    if (no_gnuplot()) {
        skip();
    }
    const char *names[] = {"loss", "val_loss", "accuracy", "val_accuracy", "lr"};
    cn_tensor *values[] = {cn_array(3, 2, 1), cn_array(3, 2.5, 2.6), cn_array(.5, .7, .8),
                           cn_array(.5, .6, .6), cn_array(1e-3, 1e-3, 0)};
    cn_named_tensors curves = {4, names, values};
    check_ok(cn_plot_curves(in_folder("h.png"), &curves));
    check_png(in_folder("h.png"), 1120, 420);
    curves.n = 5;
    check_ok(
        cn_plot_curves(in_folder("h.png"), &curves, .title = "all", .width = 900, .height = 300));
    check_png(in_folder("h.png"), 900, 300);
    values[0] = cn_array(NAN, NAN, NAN);
    curves.n = 1;
    check_ok(cn_plot_curves(in_folder("h.png"), &curves));
    check_png(in_folder("h.png"), 560, 420);
    values[0] = cn_array(1);
    check_ok(cn_plot_curves(in_folder("h.svg"), &curves));
    curves.n = 0;
    assert_true(cn_plot_curves(in_folder("h.png"), &curves) < 0);
    check_error(CN_EVALUE, "there are no curves to draw");
}

static void test_wrong_use(void **state)
{
    (void)state;
    cn_tensor *y = cn_array(1, 2);
    assert_true(cn_plot("a.jpg", .lines = {{"y", .y = y}}) < 0);
    check_error(CN_EVALUE, "a.jpg: expected a picture that ends in .png or .svg");
    assert_true(cn_plot("a.png") < 0);
    check_error(CN_EVALUE, "at least one line");
    assert_true(cn_plot("a.png", .lines = {{"y", .y = y, .x = cn_array(1)}}) < 0);
    check_error(CN_EVALUE, "as many x as y, got 1 and 2");
    assert_true(cn_plot("a.png", .lines = {{"y", .y = y, .style = "wavy"}}) < 0);
    check_error(CN_EVALUE, "got \"wavy\"");
    assert_true(cn_plot("a.png", .lines = {{"y", .y = y, .color = "red'; exit"}}) < 0);
    check_error(CN_EVALUE, "expected a color");
    assert_true(cn_plot("a.png", .lines = {{"y", .y = y}}, .width = 5) < 0);
    check_error(CN_EVALUE, "got 5 by 500");
    assert_true(cn_plot(NULL, .lines = {{"y", .y = y}}) < 0);
    check_error(CN_EVALUE, "expected a path");
    assert_true(cn_plot("/no/such/place/a.png", .lines = {{"y", .y = y}}) < 0);
    check_error(CN_EIO, "/no/such/place/a.png: cannot be written");
}

static void test_missing_gnuplot(void **state)
{
    (void)state;
    const char *path = getenv("PATH");
    char before[4096];
    snprintf(before, sizeof before, "%s", path != NULL ? path : "");
    setenv("PATH", folder, 1);
    int code = cn_plot(in_folder("none.png"), .lines = {{"y", .y = cn_array(1, 2)}});
    setenv("PATH", before, 1);
    assert_true(code < 0);
    check_error(CN_EUNSUPPORTED, "gnuplot, which is not installed");
    assert_int_not_equal(access(in_folder("none.png"), F_OK), 0);
}

/* A gnuplot that fails, or that writes no picture: its words are ours, and the old picture stays.
 */
static void test_failing_gnuplot(void **state)
{
    (void)state;
    const char *path = getenv("PATH");
    char before[4096], command[5000];
    snprintf(before, sizeof before, "%s", path != NULL ? path : "");
    snprintf(command, sizeof command,
             "mkdir -p %s/bin && printf '#!/bin/sh\\necho line 3: no such thing >&2\\nexit 1\\n' > "
             "%s/bin/gnuplot && chmod +x %s/bin/gnuplot && echo old > %s/old.png",
             folder, folder, folder, folder);
    assert_int_equal(system(command), 0);
    snprintf(command, sizeof command, "%s/bin:%s", folder, before);
    setenv("PATH", command, 1);
    int code = cn_plot(in_folder("old.png"), .lines = {{"y", .y = cn_array(1, 2)}});
    setenv("PATH", before, 1);
    assert_true(code < 0);
    check_error(CN_EIO, "gnuplot could not draw it: line 3: no such thing");
    unsigned char head[8] = {0};
    assert_int_equal(head_of(in_folder("old.png"), head, sizeof head), 4);
    assert_string_equal((char *)head, "old\n");
}

static void test_images(void **state)
{
    (void)state;
#if CN__HAVE_PNG
    const unsigned char grey[] = {0, 255, 128, 64, 1, 2, 3, 4};
    cn_tensor *t = cn_tensor_new(CN_UINT8, 3, (const int64_t[]){2, 2, 2}, grey);
    check_ok(cn_plot_images(in_folder("i.png"), t, .scale = 2, .gap = 1));
    check_png(in_folder("i.png"), 11, 6);
    png_image image = {.version = PNG_IMAGE_VERSION};
    assert_true(png_image_begin_read_from_file(&image, in_folder("i.png")));
    image.format = PNG_FORMAT_GRAY;
    unsigned char p[6][11];
    assert_true(png_image_finish_read(&image, NULL, p, 11, NULL));
    static const unsigned char expected[6][11] = {
        {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255},
        {255, 0, 0, 255, 255, 255, 1, 1, 2, 2, 255},
        {255, 0, 0, 255, 255, 255, 1, 1, 2, 2, 255},
        {255, 128, 128, 64, 64, 255, 3, 3, 4, 4, 255},
        {255, 128, 128, 64, 64, 255, 3, 3, 4, 4, 255},
        {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255},
    };
    assert_memory_equal(p, expected, sizeof p);
    /* Floats between 0 and 1, one row of three colours; NaN is black. */
    const float rgb[] = {1, 0, 0.5f, 2, -1, NAN};
    t = cn_tensor_new(CN_FLOAT32, 4, (const int64_t[]){1, 1, 2, 3}, rgb);
    check_ok(cn_plot_images(in_folder("c.png"), t, .scale = 1, .gap = 0));
    check_png(in_folder("c.png"), 2, 1);
    assert_true(png_image_begin_read_from_file(&image, in_folder("c.png")));
    image.format = PNG_FORMAT_RGB;
    unsigned char q[6];
    assert_true(png_image_finish_read(&image, NULL, q, 6, NULL));
    assert_memory_equal(q, ((unsigned char[]){255, 0, 128, 255, 0, 0}), 6);
    t = cn_tensor_new(CN_UINT8, 3, (const int64_t[]){5, 28, 28}, NULL);
    check_ok(cn_plot_images(in_folder("g.png"), t, .columns = 5));
    check_png(in_folder("g.png"), 5 * 90 + 6, 96);
    check_ok(cn_plot_images(in_folder("g.png"), t, .columns = 2));
    check_png(in_folder("g.png"), 2 * 90 + 6, 3 * 90 + 6);
    assert_true(cn_plot_images(in_folder("g.png"), cn_array(1, 2)) < 0);
    check_error(CN_EVALUE, "got (2,)");
    assert_true(cn_plot_images("g.svg", t) < 0);
    check_error(CN_EVALUE, "ends in .png");
    assert_true(cn_plot_images(in_folder("g.png"), t, .scale = 900) < 0);
    check_error(CN_EVALUE, "more than 30000 a side");
    assert_true(cn_plot_images(folder, t) < 0);
    cn_error_clear();
    if (access("/dev/full", W_OK) == 0) {
        assert_int_equal(symlink("/dev/full", in_folder("full.png")), 0);
        assert_true(cn_plot_images(in_folder("full.png"), t) < 0);
        check_error(CN_EIO, "cannot be written");
    }
#else
    assert_true(cn_plot_images(in_folder("i.png"),
                               cn_tensor_new(CN_UINT8, 2, (const int64_t[]){2, 2}, NULL)) < 0);
    check_error(CN_EUNSUPPORTED, "need libpng");
    (void)check_png;
#endif
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
        cmocka_unit_test(test_lines),           cmocka_unit_test(test_curves),
        cmocka_unit_test(test_wrong_use),       cmocka_unit_test(test_missing_gnuplot),
        cmocka_unit_test(test_failing_gnuplot), cmocka_unit_test(test_images),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
