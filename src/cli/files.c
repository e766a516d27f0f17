/* Files of the tool: reading them whole, writing texts, endings, and looking early whether a place
 * can be written. */
#include "cli/cli.h"
#include "utils/file.h"

#include <string.h>

bool cn__cli_ends(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n > m && !strcmp(text + n - m, end);
}

char *cn__cli_read_file(const char *path, size_t *size)
{
    cn__source source;
    if (cn__source_file(&source, path) < 0) {
        return NULL;
    }
    char *text = cn__source_rest(&source, size);
    cn__source_file_close(&source);
    return text;
}

int cn__cli_write_text(const char *path, const char *text)
{
    cn__file_writer writer;
    int code = cn__file_writer_begin(&writer, path);
    if (code < 0) {
        return code;
    }
    if (fputs(text, writer.file) < 0 || fputc('\n', writer.file) < 0) {
        code = cn__fail(CN_EIO, "%s: cannot be written", path);
    }
    return cn__file_writer_end(&writer, code);
}

int cn__cli_check_writable(const char *option, const char *path)
{
    cn__file_writer writer;
    int code = path ? cn__file_writer_begin(&writer, path) : 0;
    if (path && code == 0) {
        /* A negative code takes the trial file away again. */
        cn__file_writer_end(&writer, CN_EIO);
    }
    if (code < 0 && option) {
        cn__fail_context("%s", option);
    }
    return code;
}

int cn__cli_format_missing(const char *path)
{
    static const char *const later[] = {".keras", ".h5", ".hdf5"};
    for (size_t i = 0; i < sizeof later / sizeof *later; i++) {
        if (cn__cli_ends(path, later[i])) {
            return cn__fail(CN_EUNSUPPORTED,
                            "%s: files in the form %s are not in this build, which has .json "
                            "(the model) and .npz (its weights)",
                            path, later[i]);
        }
    }
    return 0;
}
