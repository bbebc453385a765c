/* SPDX-License-Identifier: MIT
 *
 * claims.c -- from runs to verdicts: which runs may be compared, states, `not`, and conjunctions.
 */
#include "claims_inside.h"

#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "../methods/code.h"
#include "../../engine/collapse.h"

const char *const verdict_names[] = { "holds", "fails", "inconclusive", "not run" };

void conclude(struct decision *d, enum verdict verdict, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    d->verdict = verdict;
    vsnprintf(d->reason, sizeof d->reason, format, arguments);
    va_end(arguments);
    if (verdict == VERDICT_NOT_RUN) d->n = 0;
}

/* ---- which runs may be compared -------------------------------------------------------------- */

uint32_t rows_hosted(const struct experiment *e, uint32_t set)
{
    for (int i = 0; i < e->n_rows; i++)
        if (*e->row[i].not_run) set &= ~((uint32_t)1 << i);
    return set;
}

/* The row names of `set`, ", " between them. */
static void rows_name(char *out, size_t size, const struct experiment *e, uint32_t set)
{
    size_t n = 0;
    *out = 0;
    for (int i = 0; i < e->n_rows && n < size; i++)
        if (set >> i & 1)
            n += (size_t)snprintf(out + n, size - n, "%s%s", n ? ", " : "", e->row[i].name);
}

/* One row by itself: there are runs, one a seed, none diverged. */
static bool row_usable(struct decision *d, const struct row_runs *row, const struct row *what,
                       bool may_diverge)
{
    if (*what->not_run)
        conclude(d, VERDICT_NOT_RUN, "%s is not run at this scale: %s", what->name, what->not_run);
    else if (row->n == 0) conclude(d, VERDICT_NOT_RUN, "%s is not run", what->name);
    if (*what->not_run || row->n == 0) return false;
    for (int i = 0; i < row->n; i++) {
        const struct run_record *r = &row->run[i];
        if (r->state == RUN_DIVERGED && !may_diverge)
            conclude(d, VERDICT_NOT_RUN, "%s diverged (seed %d)", what->name, r->seed);
        else if (run_of_seed(row, r->seed) != r)
            conclude(d, VERDICT_NOT_RUN, "%s has seed %d twice", what->name, r->seed);
        else
            continue;
        return false;
    }
    return true;
}

/* Two runs are comparable if the same code (code.h) computed them from the same data on the same
 * kind of machine. */
static bool runs_alike(struct decision *d, const struct run_record *a, const struct run_record *b)
{
    if (!code_same(a->code_hash, b->code_hash))
        conclude(d, VERDICT_NOT_RUN, "runs of different code (%.8s, %.8s)", a->code_hash,
                 b->code_hash);
    else if (strcmp(a->data_hash, b->data_hash))
        conclude(d, VERDICT_NOT_RUN, "runs on different data (%.8s, %.8s)", a->data_hash,
                 b->data_hash);
    else if (strcmp(a->machine, b->machine))
        conclude(d, VERDICT_NOT_RUN, "runs on different machines (%s, %s)", a->machine, b->machine);
    else
        return true;
    return false;
}

bool rows_usable(struct decision *d, const struct experiment *e, const struct row_runs *rows, int i,
                 int beside, bool may_diverge)
{
    const struct row_runs *row = &rows[i], *other = beside < 0 ? row : &rows[beside];
    if (!row_usable(d, row, &e->row[i], may_diverge)) return false;
    for (int k = 1; k < row->n; k++)
        if (!runs_alike(d, &row->run[0], &row->run[k])) return false;
    if (other == row) return true;
    if (!row_usable(d, other, &e->row[beside], may_diverge)) return false;
    bool same = row->n == other->n;
    for (int k = 0; k < other->n; k++) {
        same = same && run_of_seed(row, other->run[k].seed);
        if (!runs_alike(d, &row->run[0], &other->run[k])) return false;
    }
    if (!same)
        conclude(d, VERDICT_NOT_RUN, "%s and %s have different seeds", e->row[i].name,
                 e->row[beside].name);
    return same;
}

uint32_t predicate_rows(const struct predicate *p)
{
    if (p->kind >= CLAIM_COLLAPSE) return p->rows;              /* of states */
    const bool other = p->kind == CLAIM_GREATER || p->kind == CLAIM_WITHIN_ROW ||
                       p->kind == CLAIM_EACH_WITHIN;
    return p->rows | (p->kind == CLAIM_EACH_WITHIN ? 0 : UINT32_C(1) << p->row) |
           (other ? UINT32_C(1) << p->other : 0);
}

/* ---- states ---------------------------------------------------------------------------------- */

static const char *const state_words[] = {
    [CLAIM_COLLAPSE] = "collapsed",
    [CLAIM_NO_COLLAPSE] = "collapsed",
    [CLAIM_UNSTABLE] = "unstable",
    [CLAIM_DIVERGED] = "diverged",
};

static bool has_state(const struct run_record *r, enum predicate_kind kind,
                      const struct row_runs *baseline)
{
    if (kind == CLAIM_UNSTABLE) return run_unstable(r, baseline);
    return r->state == (kind == CLAIM_DIVERGED ? RUN_DIVERGED : RUN_COLLAPSED);
}

/* All rows of `set` may be spoken of in one claim. */
static bool states_usable(struct decision *d, const struct predicate *p, const struct experiment *e,
                          const struct row_runs *rows, uint32_t set)
{
    int first = p->kind == CLAIM_UNSTABLE ? e->baseline : -1;
    for (int i = 0; i < e->n_rows; i++) {
        if (!(set >> i & 1)) continue;
        if (!rows_usable(d, e, rows, i, first, p->kind == CLAIM_DIVERGED)) return false;
        if (first < 0) first = i;
        for (int k = 0; p->kind == CLAIM_UNSTABLE && k < rows[i].n; k++) {
            const struct run_record *r = &rows[i].run[k];
            if (!isnan(oscillation_ratio(r, &rows[first]))) continue;
            conclude(d, VERDICT_NOT_RUN, "%s or %s has no oscillation (seed %d)", e->row[i].name,
                     e->row[first].name, r->seed);
            return false;
        }
    }
    return true;
}

/* "; oscillation 2.3 to 2.9 times that of default" */
static void ratios_tell(struct decision *d, const struct experiment *e, const struct row_runs *rows,
                        uint32_t set)
{
    double least = INFINITY, most = 0;
    for (int i = 0; i < e->n_rows; i++) {
        for (int k = 0; set >> i & 1 && k < rows[i].n; k++) {
            const double ratio = oscillation_ratio(&rows[i].run[k], &rows[e->baseline]);
            least = fmin(least, ratio);
            most = fmax(most, ratio);
        }
    }
    const size_t n = strlen(d->reason);
    snprintf(d->reason + n, sizeof d->reason - n, "; oscillation %.3g to %.3g times that of %s",
             least, most, e->row[e->baseline].name);
}

/* "; 1 near the threshold": a verdict that a little more or less would have turned. */
static void near_tell(struct decision *d, const struct experiment *e, const struct row_runs *rows,
                      uint32_t set)
{
    int near = 0;
    for (int i = 0; i < e->n_rows; i++) {
        for (int k = 0; set >> i & 1 && k < rows[i].n; k++) {
            const struct collapse c = epoch_collapse(&rows[i].run[k].last);
            near += collapse_near(&c);
        }
    }
    const size_t n = strlen(d->reason);
    if (near) snprintf(d->reason + n, sizeof d->reason - n, "; %d near the threshold", near);
}

static void left_out_tell(struct decision *d, const struct experiment *e, uint32_t out)
{
    char names[TEXT_MAX];
    const size_t n = strlen(d->reason);
    rows_name(names, sizeof names, e, out);
    if (out)
        snprintf(d->reason + n, sizeof d->reason - n, "%snot run at this scale: %s", n ? "; " : "",
                 names);
}

/* Every seed of every row has the state (or has it not): holds.  A row of which none does:
 * fails. */
static void decide_states(struct decision *d, const struct predicate *p, const struct experiment *e,
                          const struct row_runs *rows)
{
    const uint32_t set = p->every ? rows_hosted(e, p->rows) : p->rows;
    if (!set) conclude(d, VERDICT_NOT_RUN, "no row can run at this scale");
    if (!set || !states_usable(d, p, e, rows, set)) return;
    int with = 0, total = 0, n_rows = 0;
    uint32_t against = 0;
    bool all = true, none = false;
    for (int i = 0; i < e->n_rows; i++) {
        if (!(set >> i & 1)) continue;
        int count = 0;
        for (int k = 0; k < rows[i].n; k++)
            count += has_state(&rows[i].run[k], p->kind,
                               e->baseline < 0 ? NULL : &rows[e->baseline]);
        const int agree = p->kind == CLAIM_NO_COLLAPSE ? rows[i].n - count : count;
        if (agree < rows[i].n) against |= (uint32_t)1 << i;
        all = all && agree == rows[i].n;
        none = none || agree == 0;
        with += count;
        total += rows[i].n;
        d->n = rows[i].n;                      /* all rows have the same seeds */
        n_rows++;
    }
    d->estimate = (double)with / total;
    d->counted = true;
    char of[TEXT_MAX] = "", names[TEXT_MAX] = "";
    if (n_rows > 1) snprintf(of, sizeof of, " of %d rows", n_rows);
    if (n_rows > 1) rows_name(names, sizeof names, e, against);
    /* One seed that oscillates or diverges may be an accident; one that collapsed, or did not, is
     * what is asked. */
    const bool one = d->n < 2 && p->kind != CLAIM_COLLAPSE && p->kind != CLAIM_NO_COLLAPSE;
    const enum verdict verdict = one || !(all || none) ? VERDICT_INCONCLUSIVE
                                 : all                 ? VERDICT_HOLDS
                                                       : VERDICT_FAILS;
    conclude(d, verdict, "%d of %d seeds%s %s%s%s", with,
             total, of, state_words[p->kind], *names ? "; against it: " : "", names);
    if (p->kind == CLAIM_UNSTABLE) ratios_tell(d, e, rows, set);
    if (p->kind == CLAIM_COLLAPSE || p->kind == CLAIM_NO_COLLAPSE) near_tell(d, e, rows, set);
    left_out_tell(d, e, p->rows & ~set);
}

/* ---- parts and the whole --------------------------------------------------------------------- */

static void decide_part(struct decision *d, const struct predicate *p, const struct experiment *e,
                        const struct row_runs *rows, struct levels levels)
{
    *d = (struct decision){ .estimate = NAN, .low = NAN, .high = NAN };
    if (p->negated) levels = (struct levels){ levels.fail, levels.hold };
    if (p->kind >= CLAIM_COLLAPSE) decide_states(d, p, e, rows);
    else decide_numbers(d, p, e, rows, &levels);
    if (p->kind == CLAIM_EACH_WITHIN && d->verdict != VERDICT_NOT_RUN)
        left_out_tell(d, e, p->rows & ~rows_hosted(e, p->rows));
    if (p->negated && d->verdict == VERDICT_HOLDS) d->verdict = VERDICT_FAILS;
    else if (p->negated && d->verdict == VERDICT_FAILS) d->verdict = VERDICT_HOLDS;
}

/* One of several: what is not run hides what is decided, and says so; a failure outweighs what is
 * open. */
static void decide_conjunction(struct decision *whole, const struct decision *part, int n)
{
    int count[4] = { 0 };
    *whole = (struct decision){ .n = INT_MAX, .estimate = NAN, .low = NAN, .high = NAN };
    for (int i = 0; i < n; i++) {
        count[part[i].verdict]++;
        if (part[i].n < whole->n) whole->n = part[i].n;
    }
    const enum verdict verdict = count[VERDICT_NOT_RUN] ? VERDICT_NOT_RUN
                               : count[VERDICT_FAILS] ? VERDICT_FAILS
                               : count[VERDICT_INCONCLUSIVE] ? VERDICT_INCONCLUSIVE : VERDICT_HOLDS;
    conclude(whole, verdict, "%d of %d parts hold", count[VERDICT_HOLDS], n);
    for (int i = 0; i < n && verdict == VERDICT_NOT_RUN; i++) {
        if (part[i].verdict != VERDICT_NOT_RUN) continue;
        const size_t used = strlen(whole->reason);
        snprintf(whole->reason + used, sizeof whole->reason - used, "; %s", part[i].reason);
        break;
    }
}

void claim_decide(struct claim_result *result, const struct claim *claim,
                  const struct experiment *e, const struct row_runs *rows)
{
    /* All parts must hold for the claim to hold, so each may use its own 95 %.  But any one of n
     * parts may make it fail: for 5 % in all each has 5 % / n (Bonferroni). */
    const struct levels levels = { 0.95, 1 - 0.05 / claim->n };
    for (int i = 0; i < claim->n; i++)
        decide_part(&result->part[i], &claim->part[i], e, rows, levels);
    if (claim->n == 1)
        result->whole = result->part[0];
    else
        decide_conjunction(&result->whole, result->part, claim->n);
}
