/* SPDX-License-Identifier: MIT
 *
 * cmd_completion.c -- `simsiam completion`: the scripts by which shells complete, from the tables of
 * commands and options, and the words that they ask for.
 */
#include "commands.h"

#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "../suite/experiment.h"
#include "../suite/heading.h"
#include "../suite/installed.h"
#include "../../engine/data.h"

/* ---- what may stand there -------------------------------------------------------------------- */

/* What an option takes, or a command's operands: a word of words[] below, "files", "dirs", a choice
 * "a b c" (`choice` is set), or "none". */
struct kind { char text[160]; bool choice; };

/* By the name that the help has for it. */
static struct kind kind_of(const char *argument)
{
    static const struct { const char *argument, *kind; } kinds[] = {
        { "SCALE", "scales" }, { "ROW", "rows" }, { "TARGET", "targets" }, { "NAME|FOLDER", "sets" },
        { "DIR", "dirs" }, { "FOLDER", "dirs" }, { "FILE", "files" }, { "PATH", "files" },
        { "PLACE", "files" }, { "RUN", "files" }
    };
    struct kind k = { .text = "none" };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(kinds[i].argument, argument)) snprintf(k.text, sizeof k.text, "%s", kinds[i].kind);
    if (strcmp(k.text, "none") || !strchr(argument, '|')) return k;
    k.choice = true;
    snprintf(k.text, sizeof k.text, "%s", argument);
    for (char *at = k.text; (at = strchr(at, '|'));) *at = ' ';
    return k;
}

/* Of a command's operands, by its usage's first one: "data verify NAME|FOLDER", "list [TARGET]". */
static struct kind operand_kind(const char *command, const char *usage)
{
    char word[160];
    const char *at = usage + strlen(command);
    at += strspn(at, " [");
    snprintf(word, sizeof word, "%.*s", (int)strcspn(at, " ]."), at);
    struct kind k = kind_of(word);
    if (!strcmp(word, "FILE")) snprintf(k.text, sizeof k.text, "experiments");
    return k;
}

static void scales_print(int n, char **words)
{
    (void)n;
    (void)words;
    char *const folder = text_format("%s/scale", configs_folder());
    char **const names = names_list(folder, "scales lie there");
    for (char **name = names; *name; name++) say(stdout, "%s\n", *name);
    names_free(names);
    free(folder);
}

static void experiments_print(int n, char **words)
{
    (void)n;
    (void)words;
    const char *const folder = configs_folder();
    char **const names = names_list(folder, "experiments lie there");
    for (char **name = names; *name; name++)
        if (strcmp(*name, "paper")) say(stdout, "%s/%s.yaml\n", folder, *name);       /* its statements */
    names_free(names);
}

static void targets_print(int n, char **words)
{
    (void)n;
    (void)words;
    struct headings list;
    headings_open(&list, configs_folder(), HEADINGS_BY_TURN);
    for (int i = 0; i < list.n; i++) say(stdout, "%s\n", list.v[i].target);
    free(list.v);
}

static void sets_print(int n, char **words)
{
    (void)n;
    (void)words;
    for (const struct data_source *s = data_sources; s->name; s++)
        if (!data_is_folder(s)) puts(s->name);
}

static void rows_print(int n, char **words)
{
    static const char end[] = ".yaml";
    for (int i = 0; i < n; i++) {
        const size_t length = strlen(words[i]);
        if (length < strlen(end) || strcmp(words[i] + length - strlen(end), end)) continue;
        struct experiment *const e = host_alloc(1, sizeof *e);
        experiment_load(e, words[i], "quick");
        for (int r = 0; r < e->n_rows; r++) say(stdout, "%s\n", e->row[r].name);
        free(e);
        return;
    }
}

/* ---- bash ------------------------------------------------------------------------------------ */

/* `text` between single quotes, with what stands in `special` behind a backslash. */
static void quoted_write(const char *text, const char *special)
{
    putchar('\'');
    for (; *text; text++) {
        if (*text == '\'') {
            fputs("'\\''", stdout);
            continue;
        }
        if (strchr(special, *text)) putchar('\\');
        putchar(*text == '\n' ? ' ' : *text);
    }
    putchar('\'');
}

static void bash_page(void *to, const struct option_page *page)
{
    const char *const command = to;
    const struct kind operand = operand_kind(command, page->usage);
    printf("    '%s')\n        options='", command);
    for (const struct option_row *r = page->rows; r->name; r++) printf("--%s ", r->name);
    printf("--help'\n        case $before in\n");
    for (const struct option_row *r = page->rows; r->name; r++) {
        if (!r->argument) continue;
        const struct kind k = kind_of(r->argument);
        printf("        --%s) %s='%s' ;;\n", r->name, k.choice ? "words" : "kind", k.text);
    }
    printf("        *) operand=1 %s='%s' ;;\n        esac ;;\n", operand.choice ? "words" : "kind", operand.text);
}

static void bash_names(const struct command *list)
{
    for (const struct command *c = list; c->name; c++) printf("%s ", c->name);
}

static const char bash_head[] =
    "# bash completion for simsiam, made by `simsiam completion bash`.\n"
    "_simsiam()\n"
    "{\n"
    "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]}\n"
    "    local program=${COMP_WORDS[0]/#\\~/$HOME} options= words= kind=none operand=\n"
    "    COMPREPLY=()\n"
    "    # --scale=quick comes as three words.\n"
    "    if [[ $word = = ]]; then word=; elif [[ $before = = ]]; then before=${COMP_WORDS[COMP_CWORD - 2]}; fi\n";
static const char bash_tail[] =
    "    esac\n"
    "    if [[ -n $operand && $word = -* ]]; then words=$options kind=none; fi\n"
    "    case $kind in\n"
    "    none) ;;\n"
    "    files) compopt -o default; return ;;\n"
    "    dirs) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- \"$word\"); return ;;\n"
    "    *) words=$(\"$program\" completion \"$kind\" -- \"${COMP_WORDS[@]:1}\" 2>/dev/null) ;;\n"
    "    esac\n"
    "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
    "    case $kind in\n"
    "    experiments)\n"
    "        compopt -o filenames\n"
    "        mapfile -t words < <(compgen -f -X '!*.yaml' -- \"$word\"; compgen -d -- \"$word\")\n"
    "        COMPREPLY+=(\"${words[@]}\") ;;\n"
    "    sets)\n"
    "        compopt -o filenames\n"
    "        mapfile -t words < <(compgen -d -- \"$word\")\n"
    "        COMPREPLY+=(\"${words[@]}\") ;;\n"
    "    esac\n"
    "}\n"
    "complete -F _simsiam simsiam simsiam-cuda\n";

/* Calls `page` for each command and each action, by its whole name. */
static void pages_read(option_reader *page)
{
    for (const struct command *c = commands; c->name; c++) {
        char name[64];
        snprintf(name, sizeof name, "%s", c->name);
        if (!c->actions) options_read(c->run, page, name);
        for (const struct command *a = c->actions; a && a->name; a++) {
            snprintf(name, sizeof name, "%s %s", c->name, a->name);
            options_read(a->run, page, name);
        }
    }
}

static void bash_print(int n, char **words)
{
    (void)n;
    (void)words;
    fputs(bash_head, stdout);
    fputs("    if ((COMP_CWORD == 1)); then command=; fi\n", stdout);
    for (const struct command *c = commands; c->name; c++)
        if (c->actions)
            printf("    if ((COMP_CWORD > 2)) && [[ $command = %s ]]; then command+=\" ${COMP_WORDS[2]}\"; fi\n",
                   c->name);
    fputs("    case $command in\n    '') words='", stdout);
    bash_names(commands);
    fputs("--help --version --manual' ;;\n", stdout);
    for (const struct command *c = commands; c->name; c++) {
        if (!c->actions) continue;
        printf("    %s) words='", c->name);
        bash_names(c->actions);
        fputs("--help' ;;\n", stdout);
    }
    pages_read(bash_page);
    fputs(bash_tail, stdout);
}

/* ---- zsh ------------------------------------------------------------------------------------- */

/* The action of zsh's _arguments for a kind. */
static void zsh_action(const struct kind *k)
{
    if (k->choice) printf(":(%s)", k->text);
    else if (!strcmp(k->text, "none")) fputs(": ", stdout);
    else if (!strcmp(k->text, "files")) fputs(":_files", stdout);
    else if (!strcmp(k->text, "dirs")) fputs(":_files -/", stdout);
    else printf(": _simsiam_words %s", k->text);    /* a blank: with no arguments of zsh's */
}

static void zsh_page(void *to, const struct option_page *page)
{
    static const char special[] = "[]:\\";
    const char *const command = to;
    const struct kind operand = operand_kind(command, page->usage);
    printf("    '%s')\n        _arguments \\\n", command);
    for (const struct option_row *r = page->rows; r->name; r++) {
        printf("            '--%s%s['", r->name, r->argument ? "=" : "");
        quoted_write(r->sentence, special);
        fputs("']", stdout);
        if (r->argument) {
            const struct kind k = kind_of(r->argument);
            fputs(":'", stdout);
            quoted_write(r->argument, special);
            fputs("'", stdout);
            zsh_action(&k);
        }
        fputs("' \\\n", stdout);
    }
    fputs("            '--help[print this and exit]' '*:operand", stdout);
    zsh_action(&operand);
    fputs("' ;;\n", stdout);
}

static void zsh_names(const struct command *list)
{
    for (const struct command *c = list; c->name; c++) {
        char *const line = text_format("%s:%s", c->name, c->sentence);
        putchar(' ');
        quoted_write(line, "");
        free(line);
    }
}

static const char zsh_head[] =
    "#compdef simsiam simsiam-cuda\n"
    "# zsh completion for simsiam, made by `simsiam completion zsh`.\n"
    "_simsiam_words() {\n"
    "    local -a names\n"
    "    names=(${(f)\"$(${(Q)simsiam_line[1]} completion $1 -- ${(Q)simsiam_line[2,-1]} 2>/dev/null)\"})\n"
    "    compadd -a names\n"
    "    case $1 in\n"
    "    experiments) _files -g '*.yaml' ;;\n"
    "    sets) _files -/ ;;\n"
    "    esac\n"
    "}\n"
    "_simsiam() {\n"
    "    local -a simsiam_line names\n"
    "    local command\n"
    "    simsiam_line=(\"${words[@]}\") command=$words[2]\n"
    "    if ((CURRENT == 2)); then command=; fi\n";
static const char zsh_tail[] =
    "    esac\n"
    "}\n"
    "if [[ $funcstack[1] = _simsiam ]]; then _simsiam \"$@\"; else compdef _simsiam simsiam simsiam-cuda; fi\n";

static void zsh_print(int n, char **words)
{
    (void)n;
    (void)words;
    fputs(zsh_head, stdout);
    for (const struct command *c = commands; c->name; c++)
        if (c->actions)
            printf("    if ((CURRENT > 3)) && [[ $command = %s ]]; then\n        command+=\" $words[3]\"\n"
                   "        shift words; ((CURRENT--))\n    fi\n", c->name);
    fputs("    shift words; ((CURRENT--))\n    case $command in\n    '')\n        names=(", stdout);
    zsh_names(commands);
    fputs(")\n        _describe command names\n        compadd -- --help --version --manual ;;\n", stdout);
    for (const struct command *c = commands; c->name; c++) {
        if (!c->actions) continue;
        printf("    %s)\n        names=(", c->name);
        zsh_names(c->actions);
        fputs(")\n        _describe action names ;;\n", stdout);
    }
    pages_read(zsh_page);
    fputs(zsh_tail, stdout);
}

/* ---- fish ------------------------------------------------------------------------------------ */

static void fish_kind(const struct kind *k)
{
    if (k->choice) printf(" -x -a '%s'", k->text);
    else if (!strcmp(k->text, "none")) fputs(" -x", stdout);
    else if (!strcmp(k->text, "files")) fputs(" -r -F", stdout);
    else if (!strcmp(k->text, "dirs")) fputs(" -x -a '(__fish_complete_directories)'", stdout);
    else printf(" -x -a '(__simsiam_words %s)'", k->text);
}

/* fish has \' for a quote within quotes. */
static void fish_quoted(const char *text)
{
    putchar('\'');
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\') putchar('\\');
        putchar(*text == '\n' ? ' ' : *text);
    }
    putchar('\'');
}

static void fish_page(void *to, const struct option_page *page)
{
    const char *const command = to;
    const struct kind operand = operand_kind(command, page->usage);
    for (const struct option_row *r = page->rows; r->name; r++) {
        printf("complete -c simsiam -n '__simsiam_at %s' -l %s", command, r->name);
        if (r->argument) {
            const struct kind k = kind_of(r->argument);
            fish_kind(&k);
        }
        fputs(" -d ", stdout);
        fish_quoted(r->sentence);
        putchar('\n');
    }
    printf("complete -c simsiam -n '__simsiam_at %s' -l help -d 'print this and exit'\n", command);
    if (!operand.choice && (!strcmp(operand.text, "none") || !strcmp(operand.text, "files"))) return;
    printf("complete -c simsiam -n '__simsiam_at %s'", command);
    if (operand.choice) printf(" -a '%s'\n", operand.text);
    else if (!strcmp(operand.text, "dirs")) puts(" -a '(__fish_complete_directories)'");
    else printf(" -a '(__simsiam_words %s)'\n", operand.text);
}

static const char fish_head[] =
    "# fish completion for simsiam, made by `simsiam completion fish`.\n"
    "function __simsiam_at\n"
    "    set -l words (commandline -opc)\n"
    "    string match -q -- \"$argv *\" \"$words[2..-1] \"\n"
    "end\n"
    "function __simsiam_words\n"
    "    set -l words (commandline -opc)\n"
    "    $words[1] completion $argv[1] -- $words[2..-1] 2>/dev/null\n"
    "end\n"
    "function __simsiam_count\n"
    "    test (count (commandline -opc)) = $argv[1]\n"
    "end\n";

static void fish_names(const char *when, const struct command *list)
{
    for (const struct command *c = list; c->name; c++) {
        printf("complete -c simsiam -n '%s' -f -a %s -d ", when, c->name);
        fish_quoted(c->sentence);
        putchar('\n');
    }
}

static void fish_print(int n, char **words)
{
    static const char *const first[] = { "help", "version", "manual" };
    (void)n;
    (void)words;
    fputs(fish_head, stdout);
    fish_names("__simsiam_count 1", commands);
    for (size_t i = 0; i < sizeof first / sizeof *first; i++)
        printf("complete -c simsiam -n '__simsiam_count 1' -l %s\n", first[i]);
    for (const struct command *c = commands; c->name; c++) {
        if (!c->actions) continue;
        char *const when = text_format("__simsiam_at %s; and __simsiam_count 2", c->name);
        fish_names(when, c->actions);
        free(when);
    }
    pages_read(fish_page);
}

/* ---- the command ----------------------------------------------------------------------------- */

static const struct words { const char *name; void (*print)(int n, char **words); } asked[] = {
    { "bash", bash_print }, { "zsh", zsh_print }, { "fish", fish_print },
    { "scales", scales_print }, { "experiments", experiments_print }, { "rows", rows_print },
    { "targets", targets_print }, { "sets", sets_print }, { NULL, NULL }
};

int command_completion(int argc, char **argv)
{
    static const struct option_row none[] = { { NULL, OPTION_FLAG, NULL, NULL, NULL } };
    const int n = options_parse(
        argc, argv, "completion bash|zsh|fish|scales|experiments|rows|targets|sets [WORD...]",
        "Prints the script by which a shell completes commands, options, experiments, scales and rows: source "
        "<(simsiam completion bash).  The others are what such a script asks for, one a line; rows are of the "
        "first .yaml file among the words.", none, 1, argc);
    const char *names[sizeof asked / sizeof *asked] = { NULL };
    for (int i = 0; asked[i].name; i++) {
        if (!strcmp(argv[1], asked[i].name)) {
            asked[i].print(n - 1, argv + 2);
            return 0;
        }
        names[i] = asked[i].name;
    }
    const char *const near = config_nearest(argv[1], names);
    if (near) die_user("completion: there is no %s; did you mean %s?", argv[1], near);
    die_user("completion: there is no %s; bash, zsh or fish", argv[1]);
}
