/* Grids of grey or coloured images, written as PNG. */
#include "core/tensor.h"
#include "utils/file.h"

#include <cornu/plot.h>

#include <inttypes.h>
#include <math.h>
#include <string.h>

const cn_plot_images_args cn_plot_images_defaults = {.size = sizeof(cn_plot_images_args),
                                                     CN_PLOT_IMAGES_DEFAULTS};

#if CN__HAVE_PNG

#include <png.h>
#include <setjmp.h>

/* The height that a small image is brought to. */
#define GOOD_HEIGHT 84
#define MOST_PIXELS 30000

/* Where everything is. */
typedef struct grid {
    const cn_tensor *t;
    const void *data;
    int64_t n, height, width, channels; /* of the images */
    int64_t columns, rows, scale, gap;
    int64_t total_width, total_height; /* of the picture, in pixels */
    double low, high;
    const char *path;
} grid;

static int measure(grid *g, const cn_plot_images_args *a)
{
    const cn_shape *s = &g->t->shape;
    char text[192];
    if (s->rank < 2 || s->rank > 4 || (s->rank == 4 && s->dim[3] != 1 && s->dim[3] != 3)) {
        return cn__fail(
            CN_EVALUE,
            "%s: expected images of shape (h, w), (n, h, w), (n, h, w, 1) or (n, h, w, 3), got %s",
            g->path, cn__shape_text(s, text, sizeof text));
    }
    g->n = s->rank > 2 ? s->dim[0] : 1;
    g->height = s->dim[s->rank > 2];
    g->width = s->dim[(s->rank > 2) + 1];
    g->channels = s->rank == 4 ? s->dim[3] : 1;
    if (cn__size(g->t) == 0 || g->height > MOST_PIXELS || g->width > MOST_PIXELS) {
        return cn__fail(CN_EVALUE,
                        "%s: expected images with pixels, at most %d a side, got shape %s", g->path,
                        MOST_PIXELS, cn__shape_text(s, text, sizeof text));
    }
    if (a->columns < 0 || a->scale < 0 || a->gap < 0 || a->scale > 1000 || a->gap > 1000) {
        return cn__fail(CN_EVALUE, "%s: expected columns, scale and gap of 0 … 1000", g->path);
    }
    int64_t even = (int64_t)ceil(sqrt((double)g->n * (double)g->height / (double)g->width));
    g->columns = a->columns > 0 ? a->columns : even < 1 ? 1 : even;
    g->columns = g->columns > g->n ? g->n : g->columns;
    g->rows = (g->n + g->columns - 1) / g->columns;
    g->scale = a->scale > 0 ? a->scale : g->height < GOOD_HEIGHT ? GOOD_HEIGHT / g->height : 1;
    g->gap = a->gap;
    if (g->columns > MOST_PIXELS || g->rows > MOST_PIXELS) {
        return cn__fail(CN_EVALUE, "%s: the picture would have more than %d pixels a side", g->path,
                        MOST_PIXELS);
    }
    g->total_width = g->columns * (g->width * g->scale + g->gap) + g->gap;
    g->total_height = g->rows * (g->height * g->scale + g->gap) + g->gap;
    if (g->total_width > MOST_PIXELS || g->total_height > MOST_PIXELS) {
        return cn__fail(CN_EVALUE,
                        "%s: the picture would be %" PRId64 " by %" PRId64
                        " pixels, more than %d a side",
                        g->path, g->total_width, g->total_height, MOST_PIXELS);
    }
    g->low = a->low;
    g->high = a->high;
    if (g->low == 0 && g->high == 0) {
        g->high = cn__dtype_is_integer(g->t->dtype) ? 255 : 1;
    }
    return isfinite(g->low) && isfinite(g->high) && g->low != g->high
               ? 0
               : cn__fail(CN_EVALUE, "%s: expected low and high that differ", g->path);
}

static unsigned char shade(const grid *g, int64_t index)
{
    double v = (cn__read(g->t->dtype, g->data, index) - g->low) / (g->high - g->low) * 255;
    return !(v > 0) ? 0 : v >= 255 ? 255 : (unsigned char)(v + 0.5); /* NaN is black */
}

/* One line of pixels of the picture. */
static void fill_line(const grid *g, int64_t line, unsigned char *out)
{
    memset(out, 255, (size_t)(g->total_width * g->channels));
    int64_t pitch = g->height * g->scale + g->gap;
    int64_t row = (line - g->gap) / pitch, y = (line - g->gap) % pitch / g->scale;
    if (line < g->gap || row >= g->rows || y >= g->height) {
        return;
    }
    for (int64_t column = 0; column < g->columns && row * g->columns + column < g->n; column++) {
        int64_t base = ((row * g->columns + column) * g->height + y) * g->width * g->channels;
        unsigned char *p = out + (g->gap + column * (g->width * g->scale + g->gap)) * g->channels;
        for (int64_t x = 0; x < g->width * g->scale; x++) {
            for (int64_t c = 0; c < g->channels; c++) {
                *p++ = shade(g, base + x / g->scale * g->channels + c);
            }
        }
    }
}

/* libpng leaves by longjmp when something fails; its message becomes our error. */
static void on_error(png_structp png, png_const_charp words)
{
    const grid *g = png_get_error_ptr(png);
    cn__fail(CN_EIO, "%s: cannot be written: %s", g->path, words);
    longjmp(png_jmpbuf(png), 1);
}

static void on_warning(png_structp png, png_const_charp words)
{
    (void)png;
    (void)words;
}

static int write_png(const grid *g, unsigned char *line, FILE *file)
{
    png_structp png =
        png_create_write_struct(PNG_LIBPNG_VER_STRING, (void *)(uintptr_t)g, on_error, on_warning);
    png_infop info = png != NULL ? png_create_info_struct(png) : NULL;
    if (info == NULL) {
        png_destroy_write_struct(&png, NULL);
        return cn__no_memory();
    }
    if (setjmp(png_jmpbuf(png)) != 0) {
        png_destroy_write_struct(&png, &info);
        return cn_error_code();
    }
    png_init_io(png, file);
    png_set_IHDR(png, info, (png_uint_32)g->total_width, (png_uint_32)g->total_height, 8,
                 g->channels == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    for (int64_t y = 0; y < g->total_height; y++) {
        fill_line(g, y, line);
        png_write_row(png, line);
    }
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    return 0;
}

static int draw(grid *g, const cn_plot_images_args *a)
{
    size_t n = strlen(g->path);
    if (n < 4 || (strcmp(g->path + n - 4, ".png") != 0 && strcmp(g->path + n - 4, ".PNG") != 0)) {
        return cn__fail(CN_EVALUE, "%s: expected a picture that ends in .png", g->path);
    }
    int code = measure(g, a);
    if (code != 0) {
        return code;
    }
    unsigned char *line = cn__malloc((size_t)(g->total_width * g->channels));
    if (line == NULL) {
        return CN_ENOMEM;
    }
    cn__file_writer writer;
    code = cn__file_writer_begin(&writer, g->path);
    if (code == 0) {
        code = cn__file_writer_end(&writer, write_png(g, line, writer.file));
    }
    cn__free_mem(line);
    return code;
}

#endif

int cn_plot_images_with(const char *path, const cn_tensor *images, const cn_plot_images_args *args)
{
    cn_plot_images_args a = cn_plot_images_defaults;
    if (cn__pending()) {
        return CN_EPENDING;
    }
    if (path == NULL || (args != NULL && args->size == 0)) {
        return cn__fail(CN_EVALUE,
                        "cn_plot_images: expected a path and arguments with their size set");
    }
    if (args != NULL) {
        memcpy(&a, args, args->size < sizeof a ? args->size : sizeof a);
    }
    images = cn__check_tensor(images, "cn_plot_images");
    const void *data = images != NULL ? cn__data(images) : NULL;
    if (data == NULL) {
        return cn_error_code();
    }
#if CN__HAVE_PNG
    grid g = {.t = images, .data = data, .path = path};
    return draw(&g, &a);
#else
    return cn__fail(CN_EUNSUPPORTED,
                    "%s: pictures of images need libpng, which this build is without", path);
#endif
}
