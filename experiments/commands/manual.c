/* SPDX-License-Identifier: MIT
 *
 * manual.c -- simsiam.1 from the tables of commands, options and exit statuses, in man(7)'s roff.
 */
#include "commands.h"

#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "../../engine/base.h"
#include "build_info.h"

/* A text as roff prints it, on one line. */
static void text_write(FILE *out, const char *text)
{
    if (*text == '.' || *text == '\'') fputs("\\&", out);      /* no request */
    for (; *text; text++) {
        if (strchr("-`^~", *text)) putc('\\', out);
        fputs(*text == '\\' ? "\\e" : (char[]){ *text, 0 }, out);
    }
}

/* Sentences, filled: a line of the file is short, an empty one begins a paragraph. */
static void sentences_write(FILE *out, const char *text)
{
    enum { COLUMNS = 72 };
    size_t column = 0;
    for (const char *at = text; *at;) {
        const size_t between = strspn(at, " \n"), n = strcspn(at + between, " \n");
        char *const word = text_format("%.*s", (int)n, at + between);
        if (!strncmp(at, "\n\n", 2)) fputs("\n.PP\n", out);
        else if (column) fputs(column + n > COLUMNS ? "\n" : " ", out);
        column = !strncmp(at, "\n\n", 2) || column + n > COLUMNS ? n : column + n + 1;
        text_write(out, word);
        free(word);
        at += between + n;
    }
    putc('\n', out);
}

static void line_write(FILE *out, const char *text)
{
    text_write(out, text);
    putc('\n', out);
}

static void term_write(FILE *out, const char *term, const char *text)
{
    fputs(".TP\n.B ", out);
    line_write(out, term);
    sentences_write(out, text);
}

static void option_write(FILE *out, const struct option_row *r)
{
    char *const preset = option_default(r), *const whole = text_format("%s%s", r->sentence, preset);
    fputs(".TP\n.B \\-\\-", out);
    text_write(out, r->name);
    if (r->argument) {
        fputs("\\fR \\fI", out);
        text_write(out, r->argument);
    }
    fputs("\\fR\n", out);
    sentences_write(out, whole);
    free(whole);
    free(preset);
}

/* "check RUN... | check --views A B...": a line for each. */
static void usage_write(FILE *out, const char *usage)
{
    static const char between[] = " | ";
    for (const char *at = usage, *end; at; at = end ? end + strlen(between) : NULL) {
        end = strstr(at, between);
        char *const one = strndup(at, end ? (size_t)(end - at) : strlen(at));
        fputs(at == usage ? ".B simsiam " : ".br\n.B simsiam ", out);
        line_write(out, one);
        free(one);
    }
}

static void page_write(void *to, const struct option_page *page)
{
    FILE *const out = to;
    usage_write(out, page->usage);
    fputs(".PP\n", out);
    sentences_write(out, page->sentence);
    for (const struct option_row *r = page->rows; r->name; r++) option_write(out, r);
}

static void command_write(FILE *out, const char *before, const struct command *c)
{
    fprintf(out, ".SS %s", before);
    line_write(out, c->name);
    if (!c->actions) options_read(c->run, page_write, out);
    char *const name = text_format("%s%s ", before, c->name);
    for (const struct command *a = c->actions; a && a->name; a++) command_write(out, name, a);
    free(name);
}

static const char head[] =
    ".SH NAME\nsimsiam \\- the ablations of SimSiam, each with a verdict\n"
    ".SH SYNOPSIS\n.B simsiam\n.I COMMAND\n[options]\n"
    ".br\n.B simsiam \\-\\-help\n.br\n.B simsiam \\-\\-version\n.br\n.B simsiam \\-\\-manual\n"
    ".SH DESCRIPTION\n"
    "A reproduction of Chen & He, Exploring Simple Siamese Representation Learning\n"
    "(2021): the method, its ablations, the systems it is compared with, a verdict\n"
    "on each statement of the paper, and a detector of collapse for any encoder.\n"
    "An experiment is a YAML file of rows; a scale says how large its runs are.\n"
    "A run is a row and a seed, and lies in a folder that is named by what it was\n"
    "made of; one that is finished is not made again, and one that was stopped goes\n"
    "on.\n"
    "Each command takes\n.BR \\-\\-help ,\n"
    "and an option may be shortened to what no other one begins with.\n.SH COMMANDS\n";
static const char tail[] =
    ".SH SEE ALSO\n"
    "The pages under docs/ of the sources: what each table shows, how a verdict\n"
    "comes about, what the detector measures.\n";

void manual_print(FILE *out)
{
    fputs(".\\\" Made by simsiam \\-\\-manual from its tables.\n", out);
    fprintf(out, ".TH SIMSIAM 1 %s \"simsiam %s\" \"User Commands\"\n", BUILD_RELEASED, BUILD_VERSION);
    fputs(head, out);
    for (const struct command *c = commands; c->name; c++) term_write(out, c->name, c->sentence);
    for (const struct command *c = commands; c->name; c++) command_write(out, "", c);
    fputs(".SH EXIT STATUS\n", out);
    for (const struct exit_row *r = exit_rows; r->sentence; r++) {
        char number[16];
        snprintf(number, sizeof number, "%d", r->status);
        term_write(out, number, r->sentence);
    }
    fputs(".SH ENVIRONMENT\n", out);
    term_write(out, "DATA",
               "the folder of data sets; else $XDG_CACHE_HOME/simsiam, else ~/.cache/simsiam");
    term_write(out, "SIMSIAM_ISA",
               "the instruction set to compute with, as simsiam info names them; else the best");
    term_write(out, "NO_COLOR", "progress without colours");
    fputs(".SH FILES\n", out);
    term_write(out, "configs/",
               "the experiments, and scale/ in it: of the current folder, else those that are "
               "installed (simsiam info says which)");
    term_write(out, "runs/, results/", "where runs and tables are written");
    fputs(tail, out);
}
