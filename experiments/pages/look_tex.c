/* SPDX-License-Identifier: MIT
 *
 * look_tex.c -- a table in LaTeX: tabulars, and the caption of the float that somebody puts them in.
 */
#include "page.h"

#include <stdlib.h>
#include <string.h>

#include "../run/measures.h"

/* A text of whatever origin: none of it is a command, and none a control character. */
static void put(FILE *out, const char *given)
{
    static const struct { const char *from, *to; } escapes[] = {
        { "\\", "\\textbackslash{}" }, { "~", "\\textasciitilde{}" }, { "^", "\\textasciicircum{}" },
        { "_", "\\_" }, { "%", "\\%" }, { "&", "\\&" }, { "#", "\\#" }, { "$", "\\$" },
        { "{", "\\{" }, { "}", "\\}" },
        { "<=", "$\\le$" }, { ">=", "$\\ge$" }, { "<", "$<$" }, { ">", "$>$" }, { "|", "$|$" },
        { "±", "$\\pm$" }, { "√d", "$\\sqrt{d}$" }, { "·", "$\\cdot$" }, { "×", "$\\times$" },
    };
    enum { ESCAPES = sizeof escapes / sizeof *escapes };
    char *const plain = text_format("%s", given);
    text_disarm(plain);
    for (const char *text = plain, *const start = plain; *text;) {
        int i = 0;
        while (i < ESCAPES && strncmp(text, escapes[i].from, strlen(escapes[i].from))) i++;
        if (is_minus(start, text)) {
            fputs("$-$", out);
            text++;
        } else if (i < ESCAPES) {
            fputs(escapes[i].to, out);
            text += strlen(escapes[i].from);
        } else {
            fputc(*text++, out);
        }
    }
    free(plain);
}

/* Whoever includes the table says how wide it is, by table or table*. */
static void open(FILE *out)
{
    fputs("% \\usepackage{booktabs,graphicx}\n"
          "% \\begin{table} \\centering \\input{NAME} \\input{NAME_caption} \\end{table}\n"
          "% before it, \\newcommand\\simsiammore[1]{} leaves work and claims out, and\n"
          "% \\newcommand\\simsiamnotes[1]{} the notes below the caption\n", out);
}

static bool is_wide(const struct column *c) { return c->name && measure_find(c->name, MEASURE_WIDE); }

/* What is wider than the line is made as wide as it: its width is known to LaTeX alone. */
static void tabular(FILE *out, const struct grid *g, bool narrow)
{
    static const char *const align[] = {
        [CELL_NAME] = "l",    [CELL_CLAIM] = "l",
        [CELL_TEXT] = "l",    [CELL_CODE] = "p{0.35\\linewidth}",
        [CELL_NOTE] = "l",    [CELL_COUNT] = "r",
        [CELL_VALUE] = "c",   [CELL_NUMBER] = "c",
        [CELL_VERDICT] = "l", [CELL_ESTIMATE] = "l",
    };
    char room[CELL];
    int order[COLUMNS_MAX];
    int n = 0;
    for (int c = 0, all = columns_of(order, g, LOOK_TEX); c < all; c++)
        if (!narrow || !is_wide(&g->column[order[c]])) order[n++] = order[c];
    fprintf(out, "\\sbox0{%s\\begin{tabular}{", narrow ? "\\tabcolsep=3pt" : "");
    for (int c = 0; c < n; c++) fputs(align[g->column[order[c]].kind], out);
    fputs("}\n\\toprule\n", out);
    for (int i = -1; i < g->n_lines; i++) {
        for (int c = 0; c < n; c++) {
            if (c) fputs(" & ", out);
            put(out, grid_text(room, g, i, order[c]));
        }
        fputs(i < 0 ? " \\\\\n\\midrule\n" : " \\\\\n", out);
    }
    fputs("\\bottomrule\n\\end{tabular}}%\n"
          "\\ifdim\\wd0>\\linewidth\\resizebox{\\linewidth}{!}{\\usebox0}\\else\\usebox0\\fi\n",
          out);
}

/* In one column of a page of two, where all columns would be too small to read, without the wide
 * ones. */
static void grid(FILE *out, const struct grid *g)
{
    if (!g->n_lines) return;
    if (g->kind != GRID_NUMBERS)
        fputs("\\providecommand\\simsiammore[1]{\\par\\medskip #1}\n\\simsiammore{%\n", out);
    fputs("\\ifdim\\linewidth<11cm\n", out);
    tabular(out, g, true);
    fputs("\\else\n", out);
    tabular(out, g, false);
    fputs(g->kind == GRID_NUMBERS ? "\\fi\n" : "\\fi}\n", out);
}

/* The list of tables has the first line, the caption as many as LaTeX, which lays it on one line first, has
 * room for; the rest stands below as notes. */
static void caption(FILE *out, const char *table, const char *const *lines)
{
    enum { CAPTIONED = 2 };
    fputs("\\caption[{", out);
    if (*lines) put(out, *lines);
    fputs("}]{", out);
    for (int i = 0; *lines && i < CAPTIONED; i++, lines++) {
        put(out, *lines);
        fputc('\n', out);
    }
    fputs("}\n\\label{tab:", out);
    word_put(out, table);
    fputs("}\n", out);
    if (!*lines) return;
    fputs("\\providecommand\\simsiamnotes[1]{\\par\\smallskip\\parbox{\\linewidth}{\\scriptsize #1}}\n"
          "\\simsiamnotes{", out);
    for (; *lines; lines++) {
        put(out, *lines);
        fputc('\n', out);
    }
    fputs("}\n", out);
}

const struct look look_tex = { .name = LOOK_TEX, .open = open, .grid = grid, .caption = caption };
