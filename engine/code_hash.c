/* SPDX-License-Identifier: MIT
 *
 * code_hash.c -- a tool of the build: hashes of the sources and flags that compute a run's numbers,
 * read as tokens.
 *
 *   code_hash OUTPUT EQUAL FLAGS SHARED... [-- METHOD OWN...]...
 *
 * writes a header: for each METHOD one hash over FLAGS, the SHARED files and its OWN; the hashes
 * that the file EQUAL says were shown equal, by group; and those that it says one program had.
 * Comments, layout, the names and the order of files, #include lines and the declarations of ops do
 * not count; strings and numbers do.
 * Without EQUAL ("-"), nothing is equal.
 */
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

enum { HEX = 2 * SHA256_DIGEST_LENGTH + 1, FILES_MAX = 512, CODES_MAX = 256 };

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "code_hash: %s: %s\n", what, why);
    exit(1);
}

static void hash_of(char hex[HEX], const char *text, size_t bytes)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)text, bytes, digest);
    for (int i = 0; i < SHA256_DIGEST_LENGTH; i++) snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

/* ---- reading -------------------------------------------------------------------------------- */

/* A file's text, NUL at the end, with lines joined that end in a backslash. */
static char *text_read(const char *path)
{
    FILE *const in = fopen(path, "rb");
    if (!in) fail(path, strerror(errno));
    size_t size = 0, room = 1 << 16;
    char *text = malloc(room);
    for (size_t n; text && (n = fread(text + size, 1, room - size - 1, in)) > 0;) {
        size += n;
        if (room - size < 2) text = realloc(text, room *= 2);
    }
    if (!text) fail(path, "out of memory");
    if (ferror(in) || fclose(in)) fail(path, strerror(errno));
    text[size] = 0;
    if (memchr(text, 0, size)) fail(path, "it holds a NUL");
    char *out = text;
    for (const char *from = text; *from; from++) {
        if (*from == '\r' && from[1] == '\n') continue;
        if (*from == '\\' && from[1] == '\n') from += 1;
        else if (*from == '\\' && from[1] == '\r' && from[2] == '\n') from += 2;
        else *out++ = *from;
    }
    *out = 0;
    return text;
}

/* ---- tokens --------------------------------------------------------------------------------- */

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '$' || (c & 0x80);
}

/* Behind a string or character whose quote stands at `at`; NULL if the line ends before it does. */
static const char *quoted_end(const char *at)
{
    const char quote = *at++;
    for (; *at && *at != '\n'; at++) {
        if (*at == quote) return at + 1;
        if (*at == '\\' && at[1] && at[1] != '\n') at++;
    }
    return NULL;
}

/* 1e+5, 0x1p-3f: a sign behind an exponent belongs to the number. */
static const char *number_end(const char *at)
{
    while (is_word(*at) || *at == '.') {
        const bool exponent = strchr("eEpP", *at) && (at[1] == '+' || at[1] == '-');
        at += exponent ? 2 : 1;
    }
    return at;
}

static const char *operator_end(const char *at)
{
    static const char *const longer[] = {
        "...", "<<=", ">>=", "->*", "->", "++", "--", "<<", ">>", "<=", ">=", "==", "!=", "&&",
        "||", "*=", "/=", "%=", "+=", "-=", "&=", "^=", "|=", "##", "::", NULL
    };
    for (int i = 0; longer[i]; i++)
        if (!strncmp(at, longer[i], strlen(longer[i]))) return at + strlen(longer[i]);
    return at + 1;
}

/* Behind the token at `at`. */
static const char *token_end(const char *at, const char *path)
{
    const char *end;
    if (*at == '"' || *at == '\'') {
        end = quoted_end(at);
        return end ? end : at + 1;             /* #error don't */
    }
    const char *const digit = *at == '.' ? at + 1 : at;
    if (isdigit((unsigned char)*digit)) return number_end(at);
    if (!is_word(*at)) return operator_end(at);
    for (end = at; is_word(*end);) end++;
    if (*end == '"' && end[-1] == 'R') fail(path, "a raw string, which this tool does not read");
    return end;
}

/* Behind blanks and comments; *line becomes true if a line ended, *space if there was anything. */
static const char *blank_end(const char *at, const char *path, bool *line, bool *space)
{
    for (;; *space = true) {
        if (at[0] == '/' && at[1] == '*') {    /* a line that ends inside ends no directive */
            at = strstr(at + 2, "*/");
            if (!at) fail(path, "a comment without an end");
            at += 2;
        } else if (at[0] == '/' && at[1] == '/') {
            at += strcspn(at, "\n");
        } else if (*at && isspace((unsigned char)*at)) {
            *line = *line || *at == '\n';
            at++;
        } else {
            return at;
        }
    }
}

static bool is_directive(const char *at, const char *name)
{
    bool line = false, space = false;
    at = blank_end(at + 1, "", &line, &space);
    return !line && !strncmp(at, name, strlen(name)) && !is_word(at[strlen(name)]);
}

/* The tokens of a text, each on a line; a directive ends with an empty one. */
static void tokens_write(FILE *out, const char *text, const char *path)
{
    bool line = true, directive = false, define = false;
    const char *name = NULL;                   /* behind the name that a #define defines */
    for (const char *at = text;;) {
        bool space = false;
        at = blank_end(at, path, &line, &space);
        if (directive && (line || !*at)) {
            fputc('\n', out);
            directive = define = false;
        }
        if (!*at) break;
        if (line && *at == '#' && is_directive(at, "include")) {
            at += strcspn(at, "\n");
            continue;
        }
        if (line && *at == '#') {
            directive = true;
            define = is_directive(at, "define");
        }
        line = false;
        /* #define F(x) has a parameter, #define F (x) has none. */
        if (name && at == name && *at == '(') fputs(" \n", out);
        const char *const end = token_end(at, path);
        fprintf(out, "%.*s\n", (int)(end - at), at);
        const bool is_name = define && is_word(*at) && strncmp(at, "define", (size_t)(end - at));
        name = is_name ? end : NULL;
        define = define && !is_name;
        at = end;
    }
}

/* Takes out "TYPE op_NAME(...);" where it stands outside of functions.  What computes is the op's
 * definition, in a file of each machine; ops.h, which all share, declares those too that one method
 * alone calls. */
static void declarations_drop(char *tokens)
{
    static const char linkage[] = "extern\n\"C\"\n{\n";
    char *out = tokens, *statement = tokens;   /* where the one under way begins */
    int depth = 0;
    bool directive = false, op = false;
    for (const char *line = tokens, *next; *line; line = next) {
        next = strchr(line, '\n') + 1;
        const size_t n = (size_t)(next - line);
        const char sign = n == 2 ? *line : 0;
        op = op || (!depth && !strncmp(line, "op_", 3) && *next == '(');
        memmove(out, line, n);
        out += n;
        if (directive || sign == '#') {
            directive = n > 1;                 /* an empty token ends it */
        } else if (sign == '{') {
            const size_t length = (size_t)(out - statement);
            depth += length != strlen(linkage) || memcmp(statement, linkage, length);
        } else if (sign == '}') {
            depth -= depth > 0;
        } else if (sign == ';' && !depth && op) {
            out = statement;
        } else if (sign != ';') {
            continue;
        }
        if (depth) continue;
        op = false;
        statement = out;
    }
    *out = 0;
}

static void tokens_hash(char hex[HEX], const char *path)
{
    char *const text = text_read(path), *tokens = NULL;
    size_t bytes;
    FILE *const out = open_memstream(&tokens, &bytes);
    if (!out) fail(path, strerror(errno));
    tokens_write(out, text, path);
    if (ferror(out) || fclose(out)) fail(path, "out of memory");
    declarations_drop(tokens);
    hash_of(hex, tokens, strlen(tokens));
    free(tokens);
    free(text);
}

/* ---- files ---------------------------------------------------------------------------------- */

struct files { char hex[FILES_MAX][HEX]; int n; };

static void files_add(struct files *f, char **path, int n)
{
    if (f->n + n > FILES_MAX) fail("files", "too many");
    for (int i = 0; i < n; i++) tokens_hash(f->hex[f->n++], path[i]);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* Of the flags and the files, whatever their order. */
static void files_hash(char hex[HEX], const char *flags, const struct files *f)
{
    struct files sorted = *f;
    qsort(sorted.hex, (size_t)sorted.n, HEX, by_text);
    char *text = NULL;
    size_t bytes;
    FILE *const out = open_memstream(&text, &bytes);
    if (!out) fail("flags", strerror(errno));
    fprintf(out, "flags %s\n", flags);
    for (int i = 0; i < sorted.n; i++) fprintf(out, "%s\n", sorted.hex[i]);
    if (ferror(out) || fclose(out)) fail("flags", "out of memory");
    hash_of(hex, text, bytes);
    free(text);
}

/* How many arguments there are up to the next "--". */
static int until_dashes(char **argument, int n)
{
    int i = 0;
    while (i < n && strcmp(argument[i], "--")) i++;
    return i;
}

/* ---- codes shown equal ---------------------------------------------------------------------- */

struct codes { char hex[CODES_MAX][HEX]; int group[CODES_MAX], n; };
/* of[k]: which program had hex[k]. */
struct programs { char hex[CODES_MAX][HEX]; int of[CODES_MAX], n, programs; };

static int code_add(struct codes *c, const char *hex)
{
    for (int i = 0; i < c->n; i++)
        if (!strcmp(c->hex[i], hex)) return i;
    if (c->n == CODES_MAX) fail(hex, "more codes than this tool holds");
    memcpy(c->hex[c->n], hex, HEX);
    c->group[c->n] = c->n;
    return c->n++;
}

/* Behind "program": a hash for each of its methods. */
static void program_read(struct programs *p, const char *line, const char *path)
{
    int n = 0, read = 0;
    char hex[HEX];
    for (; sscanf(line, " %64[0-9a-f]%n", hex, &read) == 1; line += read, n++) {
        if (strlen(hex) != HEX - 1) fail(path, "a program's line is hashes of 64 digits");
        if (p->n == CODES_MAX) fail(hex, "more codes than this tool holds");
        memcpy(p->hex[p->n], hex, HEX);
        p->of[p->n++] = p->programs;
    }
    if (n < 2 || line[strspn(line, " ")]) fail(path, "a program's line is two hashes or more");
    p->programs++;
}

/* A line: two hashes, and behind them what showed it; a program's hashes; or a comment from '#'. */
static void equal_read(struct codes *c, struct programs *programs, const char *path)
{
    static const char program[] = "program ";
    char *const text = text_read(path);
    for (char *line = text, *next; *line; line = next) {
        next = line + strcspn(line, "\n");
        if (*next) *next++ = 0;
        if (*line == '#' || !*line) continue;
        if (!strncmp(line, program, strlen(program))) {
            program_read(programs, line + strlen(program), path);
            continue;
        }
        char a[HEX], b[HEX];
        const int n = sscanf(line, "%64[0-9a-f] %64[0-9a-f]", a, b);
        if (n != 2 || strlen(a) != HEX - 1 || strlen(b) != HEX - 1)
            fail(path, "a line is two hashes of 64 digits, and what showed them equal");
        const int i = code_add(c, a), from = c->group[code_add(c, b)];
        for (int k = 0; k < c->n; k++)
            if (c->group[k] == from) c->group[k] = c->group[i];
    }
    free(text);
}

/* ---- the whole ------------------------------------------------------------------------------ */

int main(int argc, char **argv)
{
    if (argc < 5) fail("usage", "code_hash OUTPUT EQUAL FLAGS SHARED... [-- METHOD OWN...]...");
    static struct files shared, own;
    static struct codes codes;
    static struct programs programs;
    const char *const path = argv[1], *const flags = argv[3];
    if (strcmp(argv[2], "-")) equal_read(&codes, &programs, argv[2]);
    char **at = argv + 4, **const end = argv + argc;
    int n = until_dashes(at, (int)(end - at));
    files_add(&shared, at, n);
    FILE *const out = fopen(path, "w");
    if (!out) fail(path, strerror(errno));
    fputs("/* Made by code_hash.c: of each method, the tokens and flags that compute its runs. */\n"
          "#define CODE_HASHES", out);
    for (at += n; at < end; at += n) {
        if (++at == end) fail("--", "a method's name comes behind it");
        const char *const method = *at++;
        n = until_dashes(at, (int)(end - at));
        own = shared;
        files_add(&own, at, n);
        char hex[HEX];
        files_hash(hex, flags, &own);
        fprintf(out, " \\\n    { \"%s\", \"%s\" },", method, hex);
    }
    fputs("\n/* Codes shown equal: those of one number. */\n#define CODES_EQUAL", out);
    for (int i = 0; i < codes.n; i++)
        fprintf(out, " \\\n    { \"%s\", %d },", codes.hex[i], codes.group[i]);
    fputs("\n/* Codes of one program: those of one number. */\n#define CODES_TOGETHER", out);
    for (int i = 0; i < programs.n; i++)
        fprintf(out, " \\\n    { \"%s\", %d },", programs.hex[i], programs.of[i]);
    fputs("\n", out);
    if (ferror(out) || fclose(out)) fail(path, strerror(errno));
    return 0;
}
