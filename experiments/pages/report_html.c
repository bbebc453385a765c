/* SPDX-License-Identifier: MIT
 *
 * report_html.c -- the report's language: escapes, verdicts, drawings inside a page, and the style sheet.
 */
#include "report.h"
#include <ctype.h>
#include <string.h>

void html_text(FILE *out, const char *text)
{
    static const struct { char from; const char *to; } escapes[] = {
        { '&', "&amp;" }, { '<', "&lt;" }, { '>', "&gt;" }, { '"', "&quot;" }, { '\'', "&#39;" },
    };
    for (; *text; text++) {
        size_t i = 0;
        while (i < sizeof escapes / sizeof *escapes && escapes[i].from != *text) i++;
        if (i < sizeof escapes / sizeof *escapes)
            fputs(escapes[i].to, out);
        else
            fputc(*text, out);
    }
}

void html_number(FILE *out, const char *text)
{
    const char *const start = text;
    for (char one[2] = ""; *text; text++) {
        one[0] = *text;
        /* A sign, not the hyphen of ResNet-18. */
        if (*text == '-' && isdigit((unsigned char)text[1]) &&
            (text == start || !isalnum((unsigned char)text[-1])))
            fputs("−", out);
        else
            html_text(out, one);
    }
}

void html_verdict(FILE *out, enum verdict verdict)
{
    static const struct { const char *class, *sign; } looks[] = {
        [VERDICT_HOLDS] = { "holds", "✓" }, [VERDICT_FAILS] = { "fails", "✗" },
        [VERDICT_INCONCLUSIVE] = { "open", "?" }, [VERDICT_NOT_RUN] = { "none", "–" },
    };
    fprintf(out, "<span class=\"verdict %s\"><span aria-hidden=\"true\">%s</span> %s</span>", looks[verdict].class,
            looks[verdict].sign, verdict_names[verdict]);
}

bool html_svg(FILE *out, const char *svg, const char *prefix)
{
    static const struct { const char *from, *to; } left_out[] = {
        { "<title>", "</title>" }, { "<desc>", "</desc>" }, { "xmlns=\"", "\"" }, { "xmlns:xlink=\"", "\"" },
    };
    enum { LEFT_OUT = sizeof left_out / sizeof *left_out };
    static const char *const named[] = { " id='", " id=\"", "href='#", "href=\"#", "url(#" };
    const char *at = strstr(svg, "<svg"), *end = at ? strstr(at, "</svg>") : NULL;
    if (!end) return false;
    while (at < end) {
        size_t i = 0, k = 0;
        while (i < LEFT_OUT && strncmp(at, left_out[i].from, strlen(left_out[i].from))) i++;
        if (i < LEFT_OUT) {
            const char *close = strstr(at + strlen(left_out[i].from), left_out[i].to);
            at = close && close < end ? close + strlen(left_out[i].to) : end;
            continue;
        }
        while (k < sizeof named / sizeof *named && strncmp(at, named[k], strlen(named[k]))) k++;
        if (k < sizeof named / sizeof *named) {
            fprintf(out, "%s%s-", named[k], prefix);
            at += strlen(named[k]);
        } else {
            fputc(*at++, out);
        }
    }
    fputs("</svg>\n", out);
    return true;
}

/* Colours are said once for light and once for dark; verdicts keep 4.5 : 1 on both.  Drawings have a white ground
 * and keep it.  What is wider than the page scrolls in its own box. */
const char report_css[] =
    ":root{color-scheme:light dark;--ink:#1b1e22;--soft:#59606a;--ground:#fff;--panel:#f4f5f7;--rule:#d8dce1;"
    "--link:#0b57a4;--holds:#00664a;--holds-bg:#ddf3ea;--fails:#a3310a;--fails-bg:#fce7df;--open:#665000;"
    "--open-bg:#faf0cd;--none:#545a63;--none-bg:#e9ebee}\n"
    "@media (prefers-color-scheme:dark){:root{--ink:#e4e6e9;--soft:#a2a9b3;--ground:#14171a;--panel:#1d2126;"
    "--rule:#363c44;--link:#7fb8f0;--holds:#6fdcb4;--holds-bg:#103a2d;--fails:#ffa584;--fails-bg:#4a1e0e;"
    "--open:#ecce6a;--open-bg:#3d3208;--none:#b3b9c2;--none-bg:#2c3138}}\n"
    "*{box-sizing:border-box}\n"
    "html{-webkit-text-size-adjust:100%;scroll-behavior:smooth}\n"
    "body{margin:0 auto;max-width:68rem;padding:1.5rem 1.25rem 4rem;background:var(--ground);color:var(--ink);"
    "font:1rem/1.55 system-ui,-apple-system,\"Segoe UI\",Roboto,\"DejaVu Sans\",sans-serif}\n"
    "h1{font-size:1.9rem;line-height:1.2;margin:.5rem 0 .75rem;letter-spacing:-.01em}\n"
    "h2{font-size:1.35rem;line-height:1.25;margin:0 0 .75rem}\n"
    "h3{font-size:1rem;margin:1.5rem 0 .5rem}\n"
    "p,ul.caption{max-width:46rem}\n"
    "section{margin-top:3rem;padding-top:1.5rem;border-top:1px solid var(--rule)}\n"
    "a{color:var(--link)}\n"
    "code,pre{font:.875em/1.5 ui-monospace,Menlo,Consolas,\"DejaVu Sans Mono\",monospace}\n"
    "code{overflow-wrap:anywhere}\n"
    ".soft,ul.caption,figcaption{color:var(--soft);font-size:.875rem}\n"
    "ul.caption{padding-left:1.1rem;margin:.75rem 0}\n"
    "nav ul{list-style:none;padding:0;margin:1rem 0 0;display:flex;flex-wrap:wrap;gap:.25rem 1.1rem}\n"
    ".tally{list-style:none;padding:0;margin:1rem 0;display:flex;flex-wrap:wrap;gap:.5rem .9rem}\n"
    ".tally li{display:flex;gap:.4rem;align-items:baseline}\n"
    ".tally b{font-size:1.25rem;font-variant-numeric:tabular-nums}\n"
    ".verdict{display:inline-block;padding:.05rem .55rem;border-radius:1rem;font-size:.8125rem;font-weight:600;"
    "white-space:nowrap}\n"
    ".holds{color:var(--holds);background:var(--holds-bg)}.fails{color:var(--fails);background:var(--fails-bg)}\n"
    ".open{color:var(--open);background:var(--open-bg)}.none{color:var(--none);background:var(--none-bg)}\n"
    "ol.claims{list-style:none;padding:0;margin:1.5rem 0 0}\n"
    "ol.claims>li{display:grid;grid-template-columns:8.5rem 1fr;gap:0 1rem;align-items:start;padding:.9rem 0;"
    "border-top:1px solid var(--rule)}\n"
    "ol.claims>li>.verdict{justify-self:start}\n"
    "ol.claims p{margin:0}\n"
    ".says{font-weight:600}\n"
    ".says::first-letter{text-transform:uppercase}\n"
    "dl{margin:.4rem 0 0;display:grid;grid-template-columns:max-content 1fr;gap:.1rem .8rem;font-size:.9375rem;"
    "font-variant-numeric:tabular-nums}\n"
    "dt{color:var(--soft)}dd{margin:0;min-width:0;overflow-wrap:anywhere}\n"
    "dd .verdict{margin-right:.3rem}\n"
    ".scroll{overflow-x:auto;margin:.75rem 0;border:1px solid var(--rule);border-radius:.4rem}\n"
    "table{border-collapse:collapse;width:100%;font-size:.9375rem;font-variant-numeric:tabular-nums}\n"
    "th,td{padding:.4rem .75rem;text-align:left;vertical-align:top;white-space:nowrap}\n"
    "td.text{white-space:normal;min-width:15rem}\n"
    "thead th{font-size:.8125rem;font-weight:600;color:var(--soft);background:var(--panel);"
    "border-bottom:1px solid var(--rule)}\n"
    "tbody tr+tr>*{border-top:1px solid var(--rule)}\n"
    "tbody th{font-weight:600}\n"
    "td.n{text-align:right}thead th.n{text-align:right}\n"
    "figure{margin:1.25rem 0}\n"
    ".card{background:#fff;border:1px solid var(--rule);border-radius:.4rem;padding:.75rem;overflow-x:auto}\n"
    ".card svg{display:block;width:100%;min-width:38rem;height:auto}\n"
    "figcaption{margin-top:.4rem}\n"
    "details{margin:.6rem 0;border:1px solid var(--rule);border-radius:.4rem;padding:0 .9rem}\n"
    "details[open]{padding-bottom:.6rem}\n"
    "summary{cursor:pointer;padding:.5rem 0;font-weight:600;font-size:.9375rem}\n"
    "pre{overflow-x:auto;background:var(--panel);border-radius:.4rem;padding:.75rem;margin:.5rem 0}\n"
    ".mark{border-left:.25rem solid var(--open);background:var(--open-bg);color:var(--ink);padding:.5rem .8rem;"
    "border-radius:.2rem}\n"
    ":focus-visible{outline:2px solid var(--link);outline-offset:2px}\n"
    "@media (max-width:40rem){body{padding:1rem .9rem 3rem}h1{font-size:1.5rem}"
    "ol.claims>li{grid-template-columns:1fr;gap:.35rem}}\n"
    "@media print{body{max-width:none}details{break-inside:avoid}.card,.scroll{overflow:visible}}\n";
