/* SPDX-License-Identifier: MIT
 *
 * progress.c -- the terminal line (progress.h).
 */
#include "progress.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../../engine/base.h"

/* Seconds between two showings: of the live line, of two epochs' ends, within a long epoch. */
static const double LIVE_GAP = 0.1, EPOCH_GAP = 10, STEP_GAP = 60;

void progress_open(struct progress *p, bool quiet, bool several, const char *label)
{
    const char *term = getenv("TERM"), *no_colour = getenv("NO_COLOR");
    *p = (struct progress){ .quiet = quiet, .share_opened = -1, .knn = NAN };
    snprintf(p->label, sizeof p->label, "%s", label);
    text_disarm(p->label);
    p->live = !quiet && !several && isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
    p->colour = p->live && !(no_colour && *no_colour);
    p->opened = p->shown = p->shown_epoch = clock_seconds();
}

enum { LINE = 256 };

/* Appends printf's text to `line`, cut to its size. */
PRINTF_LIKE(3, 4)
static void append(char *line, size_t size, const char *format, ...)
{
    const size_t used = strlen(line);
    va_list args;
    va_start(args, format);
    vsnprintf(line + used, size - used, format, args);
    va_end(args);
}
static void append_number(char *line, size_t size, const char *name, int digits, double value)
{
    if (isnan(value)) {
        append(line, size, "  %s -", name);
    } else {
        append(line, size, "  %s %.*f", name, digits, value);
    }
}

static double share_done(const struct progress *p)
{
    return (p->epoch - 1 + (double)p->step / p->steps) / p->epochs;
}

static void append_eta(char *line, size_t size, const struct progress *p)
{
    const double share = share_done(p), gained = share - p->share_opened;
    if (!(gained > 0)) return;     /* nothing to extrapolate from */
    const double seconds = (clock_seconds() - p->opened) * (1 - share) / gained;
    const long s = lround(seconds);
    if (s < 3600) {
        append(line, size, "  ETA %ld:%02ld", s / 60, s % 60);
    } else {
        append(line, size, "  ETA %ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    }
}

static void line_make(char line[LINE], const struct progress *p, const char *label, bool steps,
                      bool std)
{
    *line = '\0';
    append(line, LINE, "%s  epoch %d/%d", label, p->epoch, p->epochs);
    if (steps) append(line, LINE, "  %d/%d", p->step, p->steps);
    append_number(line, LINE, "loss", 4, p->loss);
    if (std) append_number(line, LINE, "std", 2, p->std);
    append_number(line, LINE, "kNN", 1, p->knn);
    if (!p->live) append_number(line, LINE, "views/s", 0, p->speed);
    else if (!isnan(p->speed)) append(line, LINE, "  %.0f/s", p->speed);
    append_eta(line, LINE, p);
}

static int terminal_columns(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1 : 79;
}

/* A line that wraps cannot be rewritten.  Too long, it loses what is known anyway, the experiment's
 * name and then the step, and then the std; what is still too long is cut between two numbers,
 * since half a number is a lie. */
static void show_live(const struct progress *p)
{
    char line[LINE];
    const char *label = p->label, *slash = strrchr(label, '/');
    const int columns = terminal_columns();
    line_make(line, p, label, true, true);
    if ((int)strlen(line) > columns && slash) line_make(line, p, label = slash + 1, true, true);
    if ((int)strlen(line) > columns) line_make(line, p, label, false, true);
    if ((int)strlen(line) > columns) line_make(line, p, label, false, false);
    if ((int)strlen(line) > columns) {
        int end = columns;
        while (end > 0 && strncmp(line + end, "  ", 2)) end--;
        line[end ? end : columns] = '\0';
    }
    const size_t bold = strlen(label);
    if (p->colour && bold < strlen(line)) {
        fprintf(stderr, "\r\033[1m%s\033[0m%s\033[K", label, line + bold);
    } else {
        fprintf(stderr, "\r%s\033[K", line);
    }
}

static void show(struct progress *p, double now)
{
    if (p->live) {
        show_live(p);
    } else {
        char line[LINE];
        line_make(line, p, p->label, p->step < p->steps, true);
        fprintf(stderr, "%s\n", line);
    }
    p->shown = now;
    p->unshown = false;
}

void progress_step(struct progress *p, int epoch, int epochs, int step, int steps, double loss,
                   double std, double knn, double views_per_second)
{
    if (p->quiet) return;
    const double now = clock_seconds();
    p->epoch = epoch;
    p->epochs = epochs;
    p->step = step;
    p->steps = steps;
    p->loss = loss;
    p->std = std;
    p->speed = views_per_second;
    if (!isnan(knn)) p->knn = knn;
    p->unshown = true;
    if (p->share_opened < 0) {     /* the first step: a run that goes on must not count what it
                                      found done */
        p->share_opened = share_done(p);
        p->opened = now;
    }
    const bool epoch_end = step == steps, last = epoch_end && epoch == epochs;
    bool due = now - p->shown >= (p->live ? LIVE_GAP : STEP_GAP);
    if (!p->live && epoch_end && now - p->shown_epoch >= EPOCH_GAP) due = true;
    if (due || last) {
        if (epoch_end) p->shown_epoch = now;
        show(p, now);
    }
}

void progress_close(struct progress *p)
{
    if (p->quiet) return;
    if (p->unshown) show(p, clock_seconds());
    if (p->live && p->share_opened >= 0) fputc('\n', stderr);
}
