/* Command lines: options from tables, by getopt_long, and the help that the same tables give. */
#include "cli/cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_OPTIONS = 48, FIRST_LONG = 256, HELP_LINE = 79, HELP_COLUMN = 28 };

/* The columns that a text takes: bytes that continue a UTF-8 character take none. */
static int columns(const char *text, size_t n)
{
    int count = 0;
    for (size_t i = 0; i < n; i++) {
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    }
    return count;
}

void cn__cli_wrap(const char *text, int indent, int column)
{
    while (*text) {
        size_t n = strcspn(text, " \n");
        int wide = columns(text, n);
        if (column > indent && column + 1 + wide > HELP_LINE) {
            printf("\n%*s", indent, "");
            column = indent;
        }
        printf("%s%.*s", column > indent ? " " : "", (int)n, text);
        column += wide + (column > indent);
        text += n;
        if (*text == '\n') {
            printf("\n%*s", indent, "");
            column = indent;
        }
        text += *text != 0;
    }
    printf("\n");
}

static void print_option(const cn__cli_option *o)
{
    if (o->kind == CN__CLI_HEADING) {
        printf("\n%s:\n", o->name);
        return;
    }
    char shown[96];
    int wide = 0;
    if (o->letter) {
        wide = snprintf(shown, sizeof shown, "  -%c %s", o->letter, o->word ? o->word : "");
    } else {
        wide = snprintf(shown, sizeof shown, "  --%s %s", o->name, o->word ? o->word : "");
    }
    printf("%s", shown);
    if (wide + 1 > HELP_COLUMN) {
        printf("\n");
        wide = 0;
    }
    printf("%*s", HELP_COLUMN - wide, "");
    cn__cli_wrap(o->help, HELP_COLUMN, HELP_COLUMN);
}

static void print_help(const cn__cli_command *command)
{
    int column = printf("usage: cornu %s", command->name);
    if (*command->usage) {
        cn__cli_wrap(command->usage, 11, column);
    } else {
        printf("\n");
    }
    printf("\n");
    cn__cli_wrap(command->text, 0, 0);
    const cn__cli_option *o = command->options;
    if (o[0].name && o[0].kind != CN__CLI_HEADING) {
        printf("\nOptions:\n");
    }
    for (; o->name; o++) {
        print_option(o);
    }
}

static int read_count(const cn__cli_option *o, const char *text, int64_t *out)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end || errno || value < 0) {
        return cn__fail(CN_EVALUE, "--%s: expected a whole number from 0, got \"%s\"", o->name,
                        text);
    }
    *out = value;
    return 0;
}

/* "3", or "[1, 4, 6]" in the form of a Python or JSON list. */
static int read_counts(const cn__cli_option *o, const char *text, cn__cli_counts *out)
{
    const char *at = text + strspn(text, " ");
    *out = (cn__cli_counts){.is_list = *at == '['};
    at += out->is_list;
    do {
        char *end;
        errno = 0;
        long long value = strtoll(at, &end, 10);
        if (end == at || errno || value < 0 || out->n == CN__CLI_MAX_COUNTS) {
            break;
        }
        out->v[out->n++] = value;
        at = end + strspn(end, " ");
    } while (out->is_list && *at == ',' && *++at);
    bool closed = !out->is_list || *at++ == ']';
    if (out->n == 0 || !closed || at[strspn(at, " ")]) {
        return cn__fail(CN_EVALUE,
                        "--%s: expected a whole number from 0 or a list of them, got \"%s\"",
                        o->name, text);
    }
    return 0;
}

static int read_double(const cn__cli_option *o, const char *text, double *out)
{
    char *end;
    *out = strtod(text, &end);
    if (end == text || *end) {
        return cn__fail(CN_EVALUE, "--%s: expected a number, got \"%s\"", o->name, text);
    }
    return 0;
}

static int take(const cn__cli_option *o, const char *text, cn__cli_values *values)
{
    void *at = (char *)values + o->offset;
    cn__cli_texts *list = at;
    switch (o->kind) {
    case CN__CLI_FLAG: *(bool *)at = true; return 0;
    case CN__CLI_TEXT: *(const char **)at = text; return 0;
    case CN__CLI_COUNT: return read_count(o, text, at);
    case CN__CLI_COUNTS: return read_counts(o, text, at);
    case CN__CLI_DOUBLE: return read_double(o, text, at);
    case CN__CLI_HEADING: return 0;
    case CN__CLI_LIST:
        if (list->n == CN__CLI_MAX_LIST) {
            return cn__fail(CN_EVALUE, "--%s: expected at most %d of them", o->name,
                            CN__CLI_MAX_LIST);
        }
        list->v[list->n++] = text;
    }
    return 0;
}

/* What getopt_long wants, made from a table; returns how many long options there are. */
static int make_tables(const cn__cli_command *command, struct option *options, char *letters)
{
    int n = 0, at = 0;
    letters[at++] = ':'; /* a missing value is told from an unknown option */
    for (; n < MAX_OPTIONS - 1 && command->options[n].name; n++) {
        const cn__cli_option *o = &command->options[n];
        bool value = o->kind != CN__CLI_FLAG;
        options[n] =
            (struct option){o->name, value ? required_argument : no_argument, NULL, FIRST_LONG + n};
        if (o->kind == CN__CLI_HEADING) {
            options[n].name = "\n"; /* nobody can type it */
        }
        if (o->letter) {
            letters[at++] = o->letter;
            if (value) {
                letters[at++] = ':';
            }
        }
    }
    options[n] = (struct option){"help", no_argument, NULL, 'h'};
    options[n + 1] = (struct option){NULL, 0, NULL, 0};
    letters[at++] = 'h';
    letters[at] = 0;
    return n;
}

/* The option that getopt_long found or complained about; NULL if it is none of the table. */
static const cn__cli_option *option_of(const cn__cli_command *command, int n, int code)
{
    if (code >= FIRST_LONG && code < FIRST_LONG + n) {
        return &command->options[code - FIRST_LONG];
    }
    for (int i = 0; i < n; i++) {
        if (command->options[i].letter && command->options[i].letter == code) {
            return &command->options[i];
        }
    }
    return NULL;
}

static int complain(const cn__cli_command *command, int n, int code, char **argv)
{
    const cn__cli_option *o = option_of(command, n, optopt);
    if (o && o->letter && optopt < FIRST_LONG) {
        return cn__fail(CN_EVALUE, "-%c needs a value: %s", o->letter, o->word);
    }
    if (o && code == ':') {
        return cn__fail(CN_EVALUE, "--%s needs a value: %s", o->name, o->word);
    }
    if (o) {
        return cn__fail(CN_EVALUE, "--%s takes no value", o->name);
    }
    if (optopt && optopt < FIRST_LONG && optopt != 'h') {
        return cn__fail(CN_EVALUE, "unknown option -%c (see cornu %s --help)", optopt,
                        command->name);
    }
    return cn__fail(CN_EVALUE, "unknown or ambiguous option %s (see cornu %s --help)",
                    argv[optind - 1], command->name);
}

int cn__cli_parse(const cn__cli_command *command, int argc, char **argv, cn__cli_values *values)
{
    *values = (cn__cli_values){.batch_size = CN_NONE,
                               .epochs = 1,
                               .steps_per_epoch = CN_NONE,
                               .steps = CN_NONE,
                               .seed = CN_NONE,
                               .verbose = 1,
                               .validation_steps = CN_NONE,
                               .validation_batch_size = CN_NONE,
                               .validation_freq = {.n = 1, .v = {1}}};
    struct option options[MAX_OPTIONS + 1];
    char letters[2 * MAX_OPTIONS + 4];
    int n = make_tables(command, options, letters);
    opterr = 0;
    for (int code; (code = getopt_long(argc, argv, letters, options, NULL)) != -1;) {
        const cn__cli_option *o = option_of(command, n, code);
        if (code == 'h') {
            values->help = true;
            print_help(command);
            return 0;
        }
        if (!o || code == '?' || code == ':') {
            return complain(command, n, code, argv);
        }
        if (take(o, optarg, values) < 0) {
            return cn_error_code();
        }
    }
    values->n_positional = argc - optind;
    if (values->n_positional < command->min_positional ||
        values->n_positional > command->max_positional) {
        return cn__fail(CN_EVALUE, "%s (usage: cornu %s%s%s)",
                        values->n_positional < command->min_positional ? "an argument is missing"
                                                                       : "too many arguments",
                        command->name, *command->usage ? " " : "", command->usage);
    }
    for (int i = 0; i < values->n_positional; i++) {
        values->positional[i] = argv[optind + i];
    }
    return 0;
}
