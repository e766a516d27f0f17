/* gnuplot as a child process: the script on its input, the picture from its output, what it says
 * wrong in our error. */
#include "utils/gnuplot.h"

#include "core/error.h"
#include "utils/file.h"

#include <errno.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

cn__picture cn__picture_of(const char *path)
{
    if (ends_with(path, ".png") || ends_with(path, ".PNG")) {
        return CN__PICTURE_PNG;
    }
    if (ends_with(path, ".svg") || ends_with(path, ".SVG")) {
        return CN__PICTURE_SVG;
    }
    cn__fail(CN_EVALUE, "%s: expected a picture that ends in .png or .svg", path);
    return CN__PICTURE_UNKNOWN;
}

void cn__gnuplot_begin(cn__text *script, cn__picture picture, int width, int height)
{
    cn__text_add(script, "set encoding utf8\n");
    if (picture == CN__PICTURE_SVG) {
        cn__text_add(script,
                     "set terminal svg size %d,%d noenhanced font 'DejaVu Sans,13' background "
                     "rgb 'white'\n",
                     width, height);
    } else {
        /* cairo draws finer lines, but some builds of gnuplot have only the older terminal. */
        cn__text_add(
            script,
            "if (strstrt(GPVAL_TERMINALS, 'pngcairo') > 0) {\n"
            "set terminal pngcairo size %d,%d noenhanced font 'DejaVu Sans,10.5' background "
            "rgb 'white'\n} else {\nset terminal png size %d,%d noenhanced\n}\n",
            width, height, width, height);
    }
    /* Quiet axes: no frame above and to the right, a light grid, the data in front. */
    cn__text_add(script, "set border 3 linecolor rgb '#8a8f98' linewidth 1\n"
                         "set tics nomirror out scale 0.6 textcolor rgb '#4a4f57'\n"
                         "set grid back linetype 1 linecolor rgb '#e7e9ee' linewidth 1\n"
                         "set key textcolor rgb '#2b2f36' samplen 2.8 spacing 1.25 Left reverse\n"
                         "set xlabel textcolor rgb '#2b2f36'\n"
                         "set ylabel textcolor rgb '#2b2f36'\n"
                         "set title textcolor rgb '#15181d' offset 0,0.3\n"
                         "set datafile missing 'NaN'\n"
                         "set pointsize 0.7\n");
}

void cn__gnuplot_string(cn__text *script, const char *text)
{
    cn__text_append(script, "'", 1);
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            cn__text_append(script, "''", 2);
        } else {
            cn__text_append(script, (unsigned char)*text < ' ' ? " " : text, 1);
        }
    }
    cn__text_append(script, "'", 1);
}

/* Starts gnuplot with these files as its input, output and error output; 0 or an error. `-d`: the
 * user's own settings would change our pictures. No shell takes part. */
static int start(pid_t *child, FILE *in, FILE *out, FILE *errors)
{
    char *const words[] = {(char[]){"gnuplot"}, (char[]){"-d"}, NULL};
    posix_spawn_file_actions_t actions;
    if (posix_spawn_file_actions_init(&actions) != 0) {
        return cn__no_memory();
    }
    int why = posix_spawn_file_actions_adddup2(&actions, fileno(in), 0);
    why = why ? why : posix_spawn_file_actions_adddup2(&actions, fileno(out), 1);
    why = why ? why : posix_spawn_file_actions_adddup2(&actions, fileno(errors), 2);
    why = why ? why : posix_spawnp(child, "gnuplot", &actions, NULL, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (why == ENOENT) {
        return cn__fail(
            CN_EUNSUPPORTED,
            "Plots are drawn by gnuplot, which is not installed (no program of that name "
            "is in PATH)");
    }
    return why ? cn__fail(CN_EIO, "gnuplot cannot be started: %s", strerror(why)) : 0;
}

/* Whether the file begins as a picture does; it stays where its writer left it. */
static bool is_picture(FILE *file, cn__picture picture)
{
    char head[8] = {0};
    static const char png[] = "\x89PNG\r\n\x1a\n";
    ssize_t n = pread(fileno(file), head, sizeof head, 0);
    return n == (ssize_t)sizeof head &&
           memcmp(head, picture == CN__PICTURE_PNG ? png : "<?xml ve", 8) == 0;
}

/* What went wrong, with the last line that gnuplot wrote about it. */
static int drawing_failed(const char *path, FILE *errors)
{
    char line[256], last[256] = "no reason given";
    rewind(errors);
    while (fgets(line, sizeof line, errors) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (line[strspn(line, " ^")] != '\0') {
            memcpy(last, line, sizeof last);
        }
    }
    return cn__fail(CN_EIO, "%s: gnuplot could not draw it: %s", path, last);
}

static int draw(const char *script, const char *path, cn__picture picture, FILE *in, FILE *errors)
{
    cn__file_writer writer;
    int code = cn__file_writer_begin(&writer, path);
    if (code != 0) {
        return code;
    }
    pid_t child;
    fputs(script, in);
    if (fflush(in) != 0 || fseek(in, 0, SEEK_SET) != 0) {
        code = cn__fail(CN_EIO, "%s: the plot's data cannot be written: %s", path, strerror(errno));
    } else {
        code = start(&child, in, writer.file, errors);
    }
    if (code == 0) {
        int status = 0;
        while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
        FILE *written = writer.temporary != NULL ? fopen(writer.temporary, "rb") : NULL;
        bool good = WIFEXITED(status) && WEXITSTATUS(status) == 0 &&
                    (writer.temporary == NULL || (written != NULL && is_picture(written, picture)));
        if (written != NULL) {
            fclose(written);
        }
        if (!good) {
            code = drawing_failed(path, errors);
        }
    }
    return cn__file_writer_end(&writer, code);
}

int cn__gnuplot_run(cn__text *script, const char *path, cn__picture picture)
{
    char *text = cn__text_take(script);
    FILE *in = text != NULL ? tmpfile() : NULL;
    FILE *errors = in != NULL ? tmpfile() : NULL;
    int code = cn_error_code();
    if (errors != NULL) {
        code = draw(text, path, picture, in, errors);
    } else if (text != NULL) {
        code = cn__fail(CN_EIO, "%s: no temporary file for the plot: %s", path, strerror(errno));
    }
    if (errors != NULL) {
        fclose(errors);
    }
    if (in != NULL) {
        fclose(in);
    }
    cn__free_mem(text);
    return code;
}
