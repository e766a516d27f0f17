/* The curves of a history as a picture. */
#include "core/error.h"
#include "utils/logs.h"
#include <cornu/plot.h>

int cn_plot_history_with(const char *path, const cn_history *history,
                         const cn_plot_curves_args *args)
{
    if (cn__pending()) {
        return CN_EPENDING;
    }
    int code = cn__expect(history, CN__HISTORY, "cn_plot_history");
    if (code < 0) {
        return code;
    }
    enum { LIMIT = 256 };
    const char *names[LIMIT];
    cn_tensor *values[LIMIT];
    cn_scope scope = cn_scope_begin();
    int n = 0;
    for (int i = 0; code == 0 && i < cn_history_count(history) && n < LIMIT; i++) {
        int64_t length;
        const double *series = cn_history_get(history, cn_history_name_at(history, i), &length);
        names[n] = cn_history_name_at(history, i);
        values[n] = cn_tensor_new(CN_FLOAT64, 1, &length, series);
        code = values[n++] ? 0 : cn_error_code();
    }
    if (code == 0) {
        cn_named_tensors curves = {.n = n, .names = names, .tensors = values};
        code = cn_plot_curves_with(path, &curves, args);
    }
    cn_scope_end(scope);
    return code;
}
