/* Pictures: lines with axes and a legend, training curves, grids of images. */
#ifndef CORNU_PLOT_H
#define CORNU_PLOT_H

#include <cornu/arrays.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cn_plot_line {
    const char *label;  /* in the legend; NULL: not there */
    const cn_tensor *y; /* (n,): the line ends at the first line of a list without it */
    const cn_tensor *x; /* (n,); NULL: 0, 1, 2 … */
    const char *style;  /* "line" (NULL), "points", "both", "dashed" */
    const char *color;  /* "#2a6f97", or NULL for the next of the palette */
} cn_plot_line;

typedef struct cn_plot_args {
    size_t size;
    cn_plot_line lines[32]; /* .lines = {{"sine", .x = x, .y = y}, …}; NaN leaves a gap */
    const char *title, *x_label, *y_label;
    int width, height; /* in pixels: 800 by 500 */
    bool log_x, log_y;
    const double *x_range, *y_range; /* two numbers each; NULL: what the lines need */
    CN__END;
} cn_plot_args;
#define CN_PLOT_DEFAULTS .width = 800, .height = 500
CN_API extern const cn_plot_args cn_plot_defaults;
/* Draws lines to a PNG or SVG file, as its ending says, through gnuplot: CN_EUNSUPPORTED if that is
 * not installed. */
CN_API int cn_plot_with(const char *path, const cn_plot_args *args);
#define cn__plot(path, ...)                                                                        \
    CN__CALL1(cn_plot_with, path, cn_plot_args, CN_PLOT_DEFAULTS, __VA_ARGS__)
#define cn_plot(...) cn__plot(__VA_ARGS__, .end_ = 0)

typedef struct cn_plot_curves_args {
    size_t size;
    const char *title;
    int width, height; /* in pixels; 0: 560 by 420 a panel */
    CN__END;
} cn_plot_curves_args;
#define CN_PLOT_CURVES_DEFAULTS CN__NO_DEFAULTS
CN_API extern const cn_plot_curves_args cn_plot_curves_defaults;
/* Draws training curves, a panel for each name: "accuracy" with "val_accuracy" in one, "loss" with
 * "val_loss" in another, metrics before losses, learning rates on a logarithmic axis. Every tensor
 * has one value an epoch; what has none is left out. */
CN_API int cn_plot_curves_with(const char *path, const cn_named_tensors *curves,
                               const cn_plot_curves_args *args);
#define cn__plot_curves(path, curves, ...)                                                         \
    CN__CALL2(cn_plot_curves_with, path, curves, cn_plot_curves_args, CN_PLOT_CURVES_DEFAULTS,     \
              __VA_ARGS__)
#define cn_plot_curves(path, ...) cn__plot_curves(path, __VA_ARGS__, .end_ = 0)

/* The curves of a training: cn_plot_curves of everything that the history holds. */
CN_API int cn_plot_history_with(const char *path, const cn_history *history,
                                const cn_plot_curves_args *args);
#define cn__plot_history(path, history, ...)                                                       \
    CN__CALL2(cn_plot_history_with, path, history, cn_plot_curves_args, CN_PLOT_CURVES_DEFAULTS,   \
              __VA_ARGS__)
#define cn_plot_history(path, ...) cn__plot_history(path, __VA_ARGS__, .end_ = 0)

typedef struct cn_plot_images_args {
    size_t size;
    int columns; /* 0: as many as make the grid about square */
    int scale;   /* each pixel becomes scale by scale; 0: so many that an image is about 84 high */
    int gap;     /* pixels between images: 6 */
    double low,
        high; /* what becomes black and white; both 0: 0 … 1 for floats, 0 … 255 for integers */
    CN__END;
} cn_plot_images_args;
#define CN_PLOT_IMAGES_DEFAULTS .gap = 6
CN_API extern const cn_plot_images_args cn_plot_images_defaults;
/* Draws images in a grid to a PNG file: (h, w) is one, (n, h, w) and (n, h, w, 1) are grey, (n, h,
 * w, 3) is RGB. CN_EUNSUPPORTED in a build without libpng. */
CN_API int cn_plot_images_with(const char *path, const cn_tensor *images,
                               const cn_plot_images_args *args);
#define cn__plot_images(path, images, ...)                                                         \
    CN__CALL2(cn_plot_images_with, path, images, cn_plot_images_args, CN_PLOT_IMAGES_DEFAULTS,     \
              __VA_ARGS__)
#define cn_plot_images(path, ...) cn__plot_images(path, __VA_ARGS__, .end_ = 0)

#ifdef __cplusplus
}
#endif
#endif
