/* Arrays that options name, and how far a download of them is. */
#include "cli/cli.h"
#include <cornu/datasets.h>

#include <stdio.h>
#include <unistd.h>

int cn__cli_tensors(const char *option, const cn__cli_texts *specs, const char *which,
                    cn_tensors *out)
{
    int n = 0, most = (int)(sizeof out->v / sizeof *out->v);
    *out = (cn_tensors){{NULL}};
    for (int i = 0; i < specs->n; i++) {
        cn_named_tensors list = cn_load_arrays(specs->v[i], which);
        if (list.n == 0) {
            if (!cn_error()) {
                cn__fail(CN_EVALUE, "%s has no arrays", specs->v[i]);
            }
            cn__fail_context("--%s", option);
            return cn_error_code();
        }
        for (int k = 0; k < list.n; k++) {
            if (n == most) {
                return cn__fail(CN_EVALUE, "--%s: expected at most %d arrays", option, most);
            }
            out->v[n++] = list.tensors[k];
        }
    }
    return 0;
}

static int show(const char *file, int64_t done, int64_t total, void *user)
{
    (void)user;
    if (total > 0) {
        fprintf(stderr, "\r%s: %.1f of %.1f MB", file, (double)done / 1e6, (double)total / 1e6);
    } else {
        fprintf(stderr, "\r%s: %.1f MB", file, (double)done / 1e6);
    }
    if (done == total) {
        fputc('\n', stderr);
    }
    return 0;
}

void cn__cli_show_downloads(void)
{
    /* Only for eyes: in a file the error line stands alone. */
    if (isatty(STDERR_FILENO)) {
        cn_set_download_progress(show, NULL);
    }
}
