/* The shapes of convolutions as oneDNN's keys, and which of them it takes. */
#include "kernels/onednn/onednn.h"

#include "core/error.h"
#include "kernels/cpu/cpu.h"
#include "kernels/reference/window.h"

#include <string.h>

static bool narrow(int64_t value, int32_t *to)
{
    *to = (int32_t)value;
    return value >= 0 && value <= INT32_MAX;
}

/* The key of one image between x (batch, spatial…, cin) and y; false if it is out of range. */
bool cn__onednn_key_of(const cn__attrs *attrs, const cn_shape *x, const cn_shape *kernel,
                       const cn_shape *y, cn__onednn_key *key)
{
    enum { IMAGE_MAX = 1 << 24 }; /* floats */
    cn__window w;
    cn__window_of(&w, attrs, x, kernel);
    memset(key, 0, sizeof *key);
    key->images = 1;
    int64_t groups = attrs->i[CN__WINDOW_GROUPS];
    bool good = narrow(groups > 0 ? groups : 1, &key->groups) &&
                narrow(x->dim[x->rank - 1], &key->cin) && narrow(y->dim[y->rank - 1], &key->cout) &&
                key->cin > 0 && key->cout > 0;
    int64_t cells = key->cin > key->cout ? key->cin : key->cout;
    for (int a = 0; good && a < 3; a++) {
        int64_t reach = (w.out[a] - 1) * w.stride[a] + (w.size[a] - 1) * w.dilation[a] + 1;
        int64_t after = reach - w.in[a] - w.pad[a],
                longer = w.in[a] > w.out[a] ? w.in[a] : w.out[a];
        good = narrow(w.in[a], &key->in[a]) && narrow(w.out[a], &key->out[a]) &&
               narrow(w.size[a], &key->size[a]) && narrow(w.stride[a], &key->stride[a]) &&
               narrow(w.dilation[a], &key->dilation[a]) && narrow(w.pad[a], &key->before[a]) &&
               narrow(after > 0 ? after : 0, &key->after[a]) && w.in[a] > 0 && w.out[a] > 0 &&
               w.size[a] > 0 && longer <= IMAGE_MAX && (cells *= longer) <= IMAGE_MAX;
    }
    return good && x->dim[0] > 0;
}

/* Whether g has the lengths that the forward rule gives; a transposed convolution may ask for an
 * input that it does not give g for. */
bool cn__onednn_fits(const cn__onednn_key *key, const cn_shape *g)
{
    int n = g->rank - 2;
    for (int a = 0; a < n; a++) {
        if (key->out[3 - n + a] != g->dim[1 + a]) {
            return false;
        }
    }
    return true;
}

int64_t cn__onednn_cells(const int32_t length[3])
{
    return (int64_t)length[0] * length[1] * length[2];
}

/* Products of one image. */
static int64_t work(const cn__onednn_key *key)
{
    return cn__onednn_cells(key->out) * cn__onednn_cells(key->size) * (key->cin / key->groups) *
           key->cout;
}

static bool is_strided(const cn__onednn_key *key)
{
    return key->stride[0] > 1 || key->stride[1] > 1 || key->stride[2] > 1;
}

static bool worth_depthwise(const cn__onednn_key *key)
{
    enum { LEAST_WORK = 100000, SMALL_IMAGE = 256 };
    if (key->cout != key->cin || work(key) < LEAST_WORK) {
        return false;
    }
    bool plain = !is_strided(key) || cn__onednn_cells(key->out) <= SMALL_IMAGE;
    return key->pass != CN__ONEDNN_WEIGHTS ||
           (cn__onednn_cells(key->size) <= 9 && (plain || cn__cpu_isa() == CN__ISA_AVX512));
}

/* Classes of shapes where oneDNN is about a tenth faster than kernels/cpu or more, on the layers of
 * bench/layer_shapes (CN_BENCH_ODD=1 for those at the edges), for chunks of 16 images in one
 * thread, on a Xeon with AVX-512 and there with CORNU_ISA=avx2. Times of cpu over oneDNN:
 * - 1x1: 1.05 to 1.9, but 1 forward from 384 channels on and for the data of a strided one, and
 *   0.4 to 0.6 on images of 4x4, where the way into oneDNN costs more;
 * - few channels on either side: 1.2 to 2.6, up to 12 where cin is 1, but 0.5 to 1.1 for the data
 * of a strided convolution of 3 channels;
 * - 48 channels and more on both sides: 0.9 to 1.1, what Cornu's blocks leave of them stays here,
 *   but for the kernel's gradient on images of 7x7 (1.0 to 2.2);
 * - groups: 1.2 to 3; depthwise: 1.1 to 13, but the kernel's gradient only up to 3x3 (5x5: 0.03
 *   with AVX2), strided and with AVX2 only on small images; with a multiplier 0.8;
 * - a large kernel on few pixels: 0.8 to 1, since its reorder, once a chunk, costs what is won. */
bool cn__onednn_worth(const cn__onednn_key *key)
{
    enum {
        LEAST_PIXELS = 36,
        LEAST_WORK = 200000,
        LEAST_WORK_OF_FEW = 50000,
        FEW_CHANNELS = 16,
        MANY_CHANNELS = 48,
        FEW_PIXELS = 64,
        LONG_SUMS = 384,
        LARGE_KERNEL = 1 << 19 /* floats */
    };
    int isa = cn__cpu_isa();
    int64_t pixels = cn__onednn_cells(key->out), taps = cn__onednn_cells(key->size);
    int32_t least = key->cin < key->cout ? key->cin : key->cout;
    if ((isa != CN__ISA_AVX2 && isa != CN__ISA_AVX512) || pixels < LEAST_PIXELS) {
        return false;
    }
    if (key->groups > 1 && key->groups == key->cin) {
        return worth_depthwise(key);
    }
    if (work(key) < (key->cin < FEW_CHANNELS ? LEAST_WORK_OF_FEW : LEAST_WORK)) {
        return false;
    }
    if (key->groups > 1 || key->pass == CN__ONEDNN_WEIGHTS) {
        return key->groups > 1 || taps == 1 || least < MANY_CHANNELS || pixels < FEW_PIXELS;
    }
    if (pixels < FEW_PIXELS && taps * key->cin * key->cout > LARGE_KERNEL) {
        return false;
    }
    if (key->pass == CN__ONEDNN_DATA && is_strided(key) && (key->cin < 8 || taps == 1)) {
        return false;
    }
    if (taps == 1) {
        return key->pass == CN__ONEDNN_DATA || key->cin < LONG_SUMS;
    }
    return least < MANY_CHANNELS;
}

bool cn__onednn_floats(const cn__call *call)
{
    return call->in[0].dtype == CN_FLOAT32 && call->in[1].dtype == CN_FLOAT32 &&
           call->out[0].dtype == CN_FLOAT32;
}

bool cn__onednn_usable(const cn__onednn_key *key)
{
    const cn__onednn_conv *conv = cn__onednn_take(key);
    bool is = conv && conv->usable;
    if (conv) {
        cn__onednn_give(conv);
    }
    return is;
}

int cn__onednn_failed(dnnl_status_t status)
{
    return cn__fail(CN_ENOMEM, "oneDNN could not run a convolution: status %d", (int)status);
}

/* Bytes up to the next line of the cache. */
size_t cn__onednn_lines(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}
