/* Running the tool `cornu` from a test: arguments, output, exit status, folders that are taken
 * away. */
#include "tool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

void tool_folder_begin(char *folder)
{
    snprintf(folder, TOOL_PATH, "%s/tool-XXXXXX", CN_TEST_BINARY_DIR);
    if (!mkdtemp(folder)) {
        fail_msg("%s: %s", folder, strerror(errno));
    }
}

void tool_folder_end(const char *folder)
{
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;) {
        char path[TOOL_PATH + 300];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        unlink(path); /* "." and ".." stay */
    }
    if (dir) {
        closedir(dir);
    }
    rmdir(folder);
}

char *tool_path(char *buffer, const char *folder, const char *name)
{
    int n = snprintf(buffer, TOOL_PATH, "%s/%s", folder, name);
    assert_true(n > 0 && n < TOOL_PATH);
    return buffer;
}

static void add(tool_run *run, va_list words)
{
    for (const char *word; (word = va_arg(words, const char *)) != NULL;) {
        assert_true(run->n < TOOL_MAX_ARGUMENTS);
        run->argument[run->n] = strdup(word);
        assert_non_null(run->argument[run->n]);
        run->argument[++run->n] = NULL;
    }
}

void tool_begin(tool_run *run, ...)
{
    *run = (tool_run){.n = 0};
    run->argument[run->n++] = strdup(CN_TEST_BINARY_DIR "/cornu");
    va_list words;
    va_start(words, run);
    add(run, words);
    va_end(words);
}

void tool_add(tool_run *run, ...)
{
    va_list words;
    va_start(words, run);
    add(run, words);
    va_end(words);
}

static char *whole(FILE *file)
{
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    assert_true(size >= 0);
    char *text = malloc((size_t)size + 1);
    assert_non_null(text);
    text[fread(text, 1, (size_t)size, file)] = 0;
    fclose(file);
    return text;
}

void tool_do(tool_run *run)
{
    FILE *out = tmpfile(), *err = tmpfile();
    assert_non_null(out);
    assert_non_null(err);
    fflush(stdout);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int nothing = open("/dev/null", O_RDONLY);
        dup2(nothing, STDIN_FILENO);
        dup2(fileno(out), STDOUT_FILENO);
        dup2(fileno(err), STDERR_FILENO);
        execv(run->argument[0], run->argument);
        _exit(127);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    run->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    run->out = whole(out);
    run->err = whole(err);
}

void tool_end(tool_run *run)
{
    for (int i = 0; i < run->n; i++) {
        free(run->argument[i]);
    }
    free(run->out);
    free(run->err);
    *run = (tool_run){.n = 0};
}

/* The command line, for messages; long words are cut. */
static const char *shown(const tool_run *run)
{
    static char text[2000];
    size_t at = 0;
    for (int i = 1; i < run->n && at < sizeof text - 100; i++) {
        at += (size_t)snprintf(text + at, sizeof text - at, " %.80s", run->argument[i]);
    }
    return text;
}

void tool_must(tool_run *run)
{
    tool_do(run);
    if (run->status != 0 || *run->err) {
        fail_msg("cornu%s: status %d: %s", shown(run), run->status, run->err);
    }
}

void tool_must_refuse(tool_run *run, ...)
{
    tool_do(run);
    const char *end = strchr(run->err, '\n');
    if (run->status != 1 || *run->out || strncmp(run->err, "cornu: ", 7) != 0 || !end || end[1]) {
        fail_msg("cornu%s: expected status 1 and one line of error, got %d, \"%s\" and \"%s\"",
                 shown(run), run->status, run->out, run->err);
    }
    va_list texts;
    va_start(texts, run);
    for (const char *text; (text = va_arg(texts, const char *)) != NULL;) {
        if (!strstr(run->err, text)) {
            fail_msg("cornu%s: expected \"%s\" in: %s", shown(run), text, run->err);
        }
    }
    va_end(texts);
    tool_end(run);
}
