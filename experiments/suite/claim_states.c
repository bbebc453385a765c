/* SPDX-License-Identifier: MIT
 *
 * claim_states.c -- the predicates of states: a walk over the seeds of each row.
 *
 * With x_i = 1 where seed i has the state and -1 where it has not, the walk ends when |x_1 + ... +
 * x_i| = STATE_LEAD, or behind STATE_SEEDS of them.
 */
#include "claims_inside.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../run/judge.h"

static const char *const state_words[] = {
    [CLAIM_COLLAPSE] = "collapsed",
    [CLAIM_NO_COLLAPSE] = "collapsed",
    [CLAIM_UNSTABLE] = "unstable",
    [CLAIM_DIVERGED] = "diverged",
};

static bool of_collapse(enum predicate_kind kind)
{
    return kind == CLAIM_COLLAPSE || kind == CLAIM_NO_COLLAPSE;
}

static bool has_state(const struct run_record *r, enum predicate_kind kind,
                      const struct row_runs *baseline)
{
    if (kind == CLAIM_UNSTABLE) return baseline && run_unstable(r, baseline);
    return r->state == (kind == CLAIM_DIVERGED ? RUN_DIVERGED : RUN_COLLAPSED);
}

/* ---- a row's seeds --------------------------------------------------------------------------- */

enum walk_end { WALK_OPEN, WALK_HAS, WALK_HAS_NOT, WALK_MIXED };
struct walk {
    enum walk_end end;
    int with, without, near;       /* seeds: that have the state, that have it not, that the
                                      detector is in doubt about */
    int last;                      /* the seed at which it ended; INT_MAX if it has not */
};

/* The run of the least seed above `seed`; NULL behind the last. */
static const struct run_record *run_behind(const struct row_runs *row, int seed)
{
    const struct run_record *next = NULL;
    for (int i = 0; i < row->n; i++)
        if (row->run[i].seed > seed && (!next || row->run[i].seed < next->seed))
            next = &row->run[i];
    return next;
}

static struct walk row_walk(const struct row_runs *row, enum predicate_kind kind,
                            const struct row_runs *baseline)
{
    struct walk w = { .last = INT_MAX };
    const struct run_record *r = run_behind(row, INT_MIN);
    for (; r && !w.end; r = run_behind(row, r->seed)) {
        if (of_collapse(kind) && r->state != RUN_DIVERGED && epoch_doubtful(&r->last)) {
            w.near++;
            continue;
        }
        if (has_state(r, kind, baseline)) w.with++;
        else w.without++;
        if (w.with - w.without == STATE_LEAD) w.end = WALK_HAS;
        else if (w.without - w.with == STATE_LEAD) w.end = WALK_HAS_NOT;
        else if (w.with + w.without == STATE_SEEDS) w.end = WALK_MIXED;
        if (w.end) w.last = r->seed;
    }
    return w;
}

int states_to_go(const struct row_runs *row, enum predicate_kind kind,
                 const struct row_runs *baseline)
{
    const struct walk w = row_walk(row, kind, baseline);
    const int missing = STATE_LEAD - abs(w.with - w.without);
    const int left = STATE_SEEDS - (w.with + w.without);
    return w.end ? 0 : missing < left ? missing : left;
}

static enum verdict walk_verdict(const struct walk *w, enum predicate_kind kind)
{
    if (w->end == WALK_OPEN) return VERDICT_INCONCLUSIVE;
    if (w->end == WALK_MIXED) return VERDICT_MIXED;
    return (w->end == WALK_HAS) == (kind != CLAIM_NO_COLLAPSE) ? VERDICT_HOLDS : VERDICT_FAILS;
}

/* ---- which rows may be spoken of ------------------------------------------------------------- */

/* The baseline's runs of the same seeds, each with a noise. */
static bool noise_usable(struct decision *d, const struct experiment *e,
                         const struct row_runs *rows, int i, int last)
{
    const struct row_runs *const baseline = &rows[e->baseline];
    if (!row_usable(d, e, rows, e->baseline, last, false)) return false;
    for (int k = 0; k < rows[i].n; k++) {
        const struct run_record *r = &rows[i].run[k];
        if (r->seed > last) continue;
        if (!run_of_seed(baseline, r->seed))
            conclude(d, VERDICT_NOT_RUN, "%s and %s have different seeds", e->row[i].name,
                     e->row[e->baseline].name);
        else if (isnan(oscillation_ratio(r, baseline)))
            conclude(d, VERDICT_NOT_RUN, "%s or %s has no oscillation (seed %d)", e->row[i].name,
                     e->row[e->baseline].name, r->seed);
        else
            continue;
        return false;
    }
    return true;
}

/* Walks each row of `set`; false if one of them may not be spoken of in one claim with the
 * others. */
static bool rows_walk(struct walk *walk, struct decision *d, const struct predicate *p,
                      const struct experiment *e, const struct row_runs *rows, uint32_t set)
{
    const bool noise = p->kind == CLAIM_UNSTABLE;
    const struct row_runs *const baseline = e->baseline < 0 ? NULL : &rows[e->baseline];
    int first = noise ? e->baseline : -1;
    for (int i = 0; i < e->n_rows; i++) {
        if (!(set >> i & 1)) continue;
        walk[i] = row_walk(&rows[i], p->kind, baseline);
        if (!row_usable(d, e, rows, i, walk[i].last, p->kind == CLAIM_DIVERGED) ||
            (noise && !noise_usable(d, e, rows, i, walk[i].last)) ||
            (first >= 0 && !rows_alike(d, e, rows, first, i)))
            return false;
        if (first < 0) first = i;
    }
    return true;
}

/* ---- what is said ---------------------------------------------------------------------------- */

/* "; oscillation 2.3 to 2.9 times that of default" */
static void ratios_tell(struct decision *d, const struct experiment *e, const struct row_runs *rows,
                        uint32_t set, const struct walk *walk)
{
    double least = INFINITY, most = 0;
    for (int i = 0; i < e->n_rows; i++) {
        for (int k = 0; set >> i & 1 && k < rows[i].n; k++) {
            if (rows[i].run[k].seed > walk[i].last) continue;
            const double ratio = oscillation_ratio(&rows[i].run[k], &rows[e->baseline]);
            least = fmin(least, ratio);
            most = fmax(most, ratio);
        }
    }
    reason_add(d, "oscillation %.3g to %.3g times that of %s", least, most,
               e->row[e->baseline].name);
}

/* The rows of a kind, of several. */
static void names_tell(struct decision *d, const char *what, const struct experiment *e,
                       uint32_t set)
{
    char names[TEXT_MAX];
    rows_name(names, sizeof names, e, set);
    if (set) reason_add(d, "%s: %s", what, names);
}

/* What is missing, of one row. */
static void missing_tell(struct decision *d, const struct walk *w)
{
    const int more = STATE_LEAD - abs(w->with - w->without);
    if (w->end == WALK_MIXED)
        reason_add(d, "no lead of %d within %d seeds", STATE_LEAD, STATE_SEEDS);
    else if (!w->end)
        reason_add(d, "a lead of %d decides: %d more seed%s at least", STATE_LEAD, more,
                   more > 1 ? "s" : "");
}

void decide_states(struct decision *d, const struct predicate *p, const struct experiment *e,
                   const struct row_runs *rows)
{
    const uint32_t set = p->every ? each_hosted(e, p) : p->rows;
    struct walk walk[ROWS_MAX], all = { 0 };
    if (!set) conclude(d, VERDICT_NOT_RUN, "no row can run at this scale");
    if (!set || !rows_walk(walk, d, p, e, rows, set)) return;
    uint32_t that[VERDICTS] = { 0 };           /* the rows of each verdict */
    int n_rows = 0;
    d->n = INT_MAX;
    for (int i = 0; i < e->n_rows; i++) {
        if (!(set >> i & 1)) continue;
        const struct walk *const w = &walk[i];
        const int n = w->with + w->without + w->near;
        that[walk_verdict(w, p->kind)] |= (uint32_t)1 << i;
        if (n < d->n) d->n = n;
        all.with += w->with;
        all.without += w->without;
        all.near += w->near;
        n_rows++;
    }
    const int total = all.with + all.without;
    const enum verdict verdict = that[VERDICT_FAILS] ? VERDICT_FAILS
                               : that[VERDICT_MIXED] ? VERDICT_MIXED
                               : that[VERDICT_INCONCLUSIVE] ? VERDICT_INCONCLUSIVE : VERDICT_HOLDS;
    char of[TEXT_MAX] = "";
    if (n_rows > 1) snprintf(of, sizeof of, " of %d rows", n_rows);
    conclude(d, verdict, "%d of %d seeds%s %s", all.with, total, of, state_words[p->kind]);
    d->estimate = total ? (double)all.with / total : NAN;
    d->counted = true;
    if (verdict != VERDICT_INCONCLUSIVE)       /* any one row may make it fail */
        d->error = verdict == VERDICT_FAILS ? STATE_ERROR * n_rows : STATE_ERROR;
    if (n_rows == 1) {
        missing_tell(d, &walk[__builtin_ctz(set)]);
    } else {
        names_tell(d, "against it", e, that[VERDICT_FAILS]);
        names_tell(d, "mixed", e, that[VERDICT_MIXED]);
        names_tell(d, "no lead yet", e, that[VERDICT_INCONCLUSIVE]);
    }
    if (p->kind == CLAIM_UNSTABLE) ratios_tell(d, e, rows, set, walk);
    if (all.near) reason_add(d, "%d near the threshold, for neither side", all.near);
    names_tell(d, "not run at this scale", e, p->rows & ~set);
}
