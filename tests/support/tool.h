/* Running the tool `cornu` from a test, as a shell would. */
#ifndef CN_TESTS_SUPPORT_TOOL_H
#define CN_TESTS_SUPPORT_TOOL_H

#include <stddef.h>

enum { TOOL_MAX_ARGUMENTS = 64, TOOL_PATH = 1200 };

/* A command line that grows, and what came of it. Texts belong to the record. */
typedef struct tool_run {
    char *argument[TOOL_MAX_ARGUMENTS + 1];
    int n;
    int status;      /* of the exit; 128 + the signal where one ended it */
    char *out, *err; /* what it wrote */
} tool_run;

/* A folder of its own for a test, below the build's; ends with the whole folder gone. */
void tool_folder_begin(char *folder /* [TOOL_PATH] */);
void tool_folder_end(const char *folder);
/* "<folder>/<name>" in a buffer of TOOL_PATH bytes; returns it. */
char *tool_path(char *buffer, const char *folder, const char *name);

/* Begins a command line: the words up to a NULL. */
void tool_begin(tool_run *run, ...);
void tool_add(tool_run *run, ...);
/* Runs it; fails the test if it cannot be started. */
void tool_do(tool_run *run);
void tool_end(tool_run *run);
/* Runs and fails the test, with what the tool said, unless it ends with 0. */
void tool_must(tool_run *run);
/* Runs and fails the test unless it ends with 1, prints nothing on standard output and one line on
 * standard error, which begins with "cornu: " and has all the given texts (up to a NULL) in it.
 * Ends the record. */
void tool_must_refuse(tool_run *run, ...);

#endif
