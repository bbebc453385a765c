/* SPDX-License-Identifier: MIT
 *
 * claims.c -- from runs to verdicts: which runs may be compared, `not`, and conjunctions.
 */
#include "claims_inside.h"

#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "../methods/code.h"
const char *const verdict_names[] = { "holds", "fails", "mixed", "inconclusive", "not run" };

struct decision decision_empty(void)
{
    return (struct decision){ .estimate = NAN, .low = NAN, .high = NAN, .p = NAN, .error = NAN };
}

void conclude(struct decision *d, enum verdict verdict, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    d->verdict = verdict;
    vsnprintf(d->reason, sizeof d->reason, format, arguments);
    va_end(arguments);
    if (verdict == VERDICT_NOT_RUN) d->n = 0;
}

void reason_add(struct decision *d, const char *format, ...)
{
    size_t n = strlen(d->reason);
    if (n) n += (size_t)snprintf(d->reason + n, sizeof d->reason - n, "; ");
    if (n >= sizeof d->reason) return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(d->reason + n, sizeof d->reason - n, format, arguments);
    va_end(arguments);
}

/* ---- which runs may be compared -------------------------------------------------------------- */

uint32_t rows_hosted(const struct experiment *e, uint32_t set)
{
    for (int i = 0; i < e->n_rows; i++)
        if (*e->row[i].not_run) set &= ~((uint32_t)1 << i);
    return set;
}

void rows_name(char *out, size_t size, const struct experiment *e, uint32_t set)
{
    size_t n = 0;
    *out = 0;
    for (int i = 0; i < e->n_rows && n < size; i++)
        if (set >> i & 1)
            n += (size_t)snprintf(out + n, size - n, "%s%s", n ? ", " : "", e->row[i].name);
}

/* Two runs are comparable if the same code (code.h), or that of two methods in one program,
 * computed them from the same data on the same kind of machine. */
static bool runs_alike(struct decision *d, const struct run_record *a, const struct run_record *b,
                       bool same_method)
{
    if (!(same_method ? code_same : code_beside)(a->code_hash, b->code_hash))
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

bool row_usable(struct decision *d, const struct experiment *e, const struct row_runs *rows, int i,
                int last, bool may_diverge)
{
    const struct row_runs *const row = &rows[i];
    const struct row *const what = &e->row[i];
    if (*what->not_run)
        conclude(d, VERDICT_NOT_RUN, "%s is not run at this scale: %s", what->name, what->not_run);
    else if (row->n == 0) conclude(d, VERDICT_NOT_RUN, "%s is not run", what->name);
    if (*what->not_run || row->n == 0) return false;
    const struct run_record *first = NULL;
    for (int k = 0; k < row->n; k++) {
        const struct run_record *r = &row->run[k];
        if (r->seed > last) continue;
        if (!first) first = r;
        if (r->state == RUN_DIVERGED && !may_diverge)
            conclude(d, VERDICT_NOT_RUN, "%s diverged (seed %d)", what->name, r->seed);
        else if (run_of_seed(row, r->seed) != r)
            conclude(d, VERDICT_NOT_RUN, "%s has seed %d twice", what->name, r->seed);
        else if (runs_alike(d, first, r, true))
            continue;
        return false;
    }
    return true;
}

bool rows_alike(struct decision *d, const struct experiment *e, const struct row_runs *rows, int i,
                int beside)
{
    return runs_alike(d, &rows[i].run[0], &rows[beside].run[0],
                      e->row[i].settings.method == e->row[beside].settings.method);
}

/* Row i of a number; of a change the row that it starts at, too. */
static uint32_t number_rows(const struct predicate *p, int i)
{
    return UINT32_C(1) << i | (p->change ? UINT32_C(1) << p->start[i] : 0);
}

uint32_t predicate_rows(const struct predicate *p)
{
    if (p->kind >= CLAIM_COLLAPSE) return p->rows;              /* of states */
    if (p->kind == CLAIM_GREATER || p->kind == CLAIM_WITHIN_ROW)
        return number_rows(p, p->row) | number_rows(p, p->other);
    if (p->kind < CLAIM_EACH_WITHIN) return number_rows(p, p->row);
    uint32_t set = number_rows(p, p->other);
    for (int i = 0; i < ROWS_MAX; i++)
        if (p->rows >> i & 1) set |= number_rows(p, i);
    return set;
}

uint32_t each_hosted(const struct experiment *e, const struct predicate *p)
{
    uint32_t set = p->rows;
    for (int i = 0; i < e->n_rows; i++)
        if (set >> i & 1 && rows_hosted(e, number_rows(p, i)) != number_rows(p, i))
            set &= ~(UINT32_C(1) << i);
    return set;
}

/* ---- parts and the whole --------------------------------------------------------------------- */

/* `not A > B` is a question of its own: an interval around 0 cannot tell equal from a little above,
 * so that what a reader calls "not above" ends below a point. */
static void decide_part(struct decision *d, const struct predicate *p, const struct experiment *e,
                        const struct row_runs *rows, int parts)
{
    *d = decision_empty();
    const bool turned = p->negated && p->kind != CLAIM_GREATER;
    /* All parts must hold for the claim to hold, so each may use the look's error as it is.  But
     * any one of them may make it fail: they share it (Bonferroni). */
    const struct shares shares = turned ? (struct shares){ parts, 1 } : (struct shares){ 1, parts };
    if (p->kind >= CLAIM_COLLAPSE) decide_states(d, p, e, rows);
    else decide_numbers(d, p, e, rows, shares);
    if (turned && d->verdict == VERDICT_HOLDS) d->verdict = VERDICT_FAILS;
    else if (turned && d->verdict == VERDICT_FAILS) d->verdict = VERDICT_HOLDS;
}

/* One of several: what is not run hides what is decided, and says so; a failure outweighs what is
 * mixed, and that what is open. */
static void decide_conjunction(struct decision *whole, const struct decision *part, int n)
{
    int count[VERDICTS] = { 0 };
    *whole = decision_empty();
    whole->n = INT_MAX;
    double error = 0, failing = NAN;
    bool waiting = false;                      /* for a number's look */
    for (int i = 0; i < n; i++) {
        count[part[i].verdict]++;
        if (part[i].n < whole->n) whole->n = part[i].n;
        whole->p = fmax(whole->p, part[i].p);              /* of a NaN and a number: the number */
        error = fmax(error, part[i].error);
        waiting = waiting || (!part[i].counted && isnan(part[i].p));
        if (part[i].verdict == VERDICT_FAILS) failing = fmin(failing, part[i].p);
    }
    const enum verdict verdict = count[VERDICT_NOT_RUN] ? VERDICT_NOT_RUN
                               : count[VERDICT_FAILS] ? VERDICT_FAILS
                               : count[VERDICT_MIXED] ? VERDICT_MIXED
                               : count[VERDICT_INCONCLUSIVE] ? VERDICT_INCONCLUSIVE : VERDICT_HOLDS;
    conclude(whole, verdict, "%d of %d parts hold", count[VERDICT_HOLDS], n);
    if (verdict == VERDICT_FAILS) whole->p = isnan(failing) ? NAN : fmin(1, failing * n);
    if (verdict <= VERDICT_MIXED) whole->error = error;
    else if (waiting) whole->p = NAN;
    for (int i = 0; i < n && verdict == VERDICT_NOT_RUN; i++) {
        if (part[i].verdict != VERDICT_NOT_RUN) continue;
        reason_add(whole, "%s", part[i].reason);
        break;
    }
}

void claim_decide(struct claim_result *result, const struct claim *claim,
                  const struct experiment *e, const struct row_runs *rows)
{
    for (int i = 0; i < claim->n; i++) {
        struct decision *const d = &result->part[i];
        if (*claim->elsewhere) {
            *d = decision_empty();
            conclude(d, VERDICT_NOT_RUN, "%s", claim->elsewhere);
        } else {
            decide_part(d, &claim->part[i], e, rows, claim->n);
        }
    }
    if (claim->n == 1)
        result->whole = result->part[0];
    else
        decide_conjunction(&result->whole, result->part, claim->n);
}
