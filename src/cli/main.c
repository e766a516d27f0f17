/* The tool `cornu`: finds the command, runs it, and says in one line what went wrong. */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const cn__cli_command *const commands[] = {
#define XX(name) &cn__cli_##name,
    CN__CLI_COMMAND_MAP(XX)
#undef XX
};

static void print_usage(void)
{
    printf("usage: cornu COMMAND [ARGUMENT …]\n\n"
           "Trains, checks and uses Keras models.\n\n");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        printf("  %-10s %s\n", commands[i]->name, commands[i]->does);
    }
    printf("\n");
    cn__cli_wrap("cornu COMMAND --help prints the arguments of a command. The exit status is 0, or "
                 "1 with one line on standard error that says what is wrong and where.",
                 0, 0);
}

/* The pending error in one line: Keras's own messages have several. */
static void print_error(const char *command)
{
    const char *text = cn_error();
    fprintf(stderr, "cornu: %s%s", command ? command : "", command ? ": " : "");
    for (bool blank = false; *text; text++) {
        if (*text == '\n' || *text == '\r' || *text == '\t') {
            blank = true;
            continue;
        }
        if (blank && *text != ' ') {
            fputc(' ', stderr);
        }
        blank = false;
        fputc(*text, stderr);
    }
    fputc('\n', stderr);
}

static int run(const cn__cli_command *command, int argc, char **argv)
{
    cn__cli_values values;
    int code = cn__cli_parse(command, argc, argv, &values);
    if (code == 0 && !values.help) {
        code = command->run(&values);
    }
    /* A full disk shows only now. */
    if (code == 0 && (fflush(stdout) != 0 || ferror(stdout))) {
        code = cn__fail(CN_EIO, "standard output: %s", strerror(errno));
    }
    if (code < 0 || cn_error()) {
        fflush(stdout);
        print_error(command->name);
        return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : NULL;
    if (name && (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help"))) {
        print_usage();
        return 0;
    }
    if (name && !strcmp(name, "--version")) {
        name = "version";
    }
    for (size_t i = 0; name && i < sizeof commands / sizeof *commands; i++) {
        if (!strcmp(commands[i]->name, name)) {
            return run(commands[i], argc - 1, argv + 1);
        }
    }
    if (name) {
        cn__fail(CN_EVALUE, "unknown command \"%s\" (see cornu --help)", name);
    } else {
        cn__fail(CN_EVALUE, "expected a command (see cornu --help)");
    }
    print_error(NULL);
    return 1;
}
