/* SPDX-License-Identifier: MIT
 *
 * look_tex.c -- a table in LaTeX.
 */
#include "page.h"

#include <stdlib.h>
#include <string.h>

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

static void open(FILE *out)
{
    fputs("% needs booktabs and graphicx\n\\begin{table}\n\\centering\n", out);
}

/* What is wider than the text is made as wide as it: its width is known to LaTeX alone. */
static void grid(FILE *out, const struct grid *g)
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
    const int n = columns_of(order, g, LOOK_TEX);
    if (!g->n_lines) return;
    fprintf(out, "%s\\sbox0{\\begin{tabular}{", g->kind == GRID_NUMBERS ? "" : "\n\\medskip\n");
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

static void caption(FILE *out, const char *table, const char *const *lines)
{
    fputs("\\caption{", out);
    for (; *lines; lines++) {
        put(out, *lines);
        fputc('\n', out);
    }
    fputs("}\n\\label{tab:", out);
    word_put(out, table);
    fputs("}\n\\end{table}\n", out);
}

const struct look look_tex = { .name = LOOK_TEX, .open = open, .grid = grid, .caption = caption };
