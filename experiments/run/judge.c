/* SPDX-License-Identifier: MIT
 *
 * judge.c -- recorded numbers to the library's evidence, its verdict to a run's state.
 */
#include "judge.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- z's size -------------------------------------------------------------------------------- */

/* What stands behind `key`, at the start of a line; NULL if no line has it. */
static const char *value_of(const char *config, const char *key)
{
    const size_t n = strlen(key);
    for (const char *line = config; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (!strncmp(line, key, n)) return line + n;
    }
    return NULL;
}

static int number_of(const char *config, const char *key)
{
    const char *const value = value_of(config, key);
    return value ? atoi(value) : 0;
}

/* The backbone's features: the last stage's width, of bottlenecks four times that. */
static int backbone_of(const char *config)
{
    const char *const widths = value_of(config, "widths: ");
    const char *const block = value_of(config, "block: ");
    if (!widths) return 0;
    const char *at = widths + strcspn(widths, "]\n");
    while (at > widths && isdigit((unsigned char)at[-1])) at--;
    return atoi(at) * (block && !strncmp(block, "bottleneck", strlen("bottleneck")) ? 4 : 1);
}

/* The last layer of the projector that has a width, "fc 128", "fc d", "fc f/4"; without one the
 * backbone's. */
struct outputs outputs_of(const char *config)
{
    const int d = number_of(config, "dim: "), f = backbone_of(config);
    struct outputs o = { .samples = number_of(config, "monitor_count: "), .features = 0 };
    const char *const projector = value_of(config, "projector: ");
    if (!projector) return o;
    const char *const end = projector + strcspn(projector, "\n");
    o.features = f;
    for (const char *at = strstr(projector, "fc "); at && at < end; at = strstr(at, "fc ")) {
        at += strlen("fc ");
        const int part = at[1] == '/' ? atoi(at + 2) : 1, whole = *at == 'd' ? d : f;
        o.features = *at != 'd' && *at != 'f' ? atoi(at) : part > 0 ? whole / part : 0;
    }
    return o;
}

/* ---- the verdict ----------------------------------------------------------------------------- */

struct simsiam_evidence epoch_evidence(const struct epoch_record *e, struct outputs o)
{
    const double own = e->view_share, standard = e->view_share_standard;
    /* What was recorded is a share of the most directions, d for n > d; else there is none.  The
     * other measures of directions are recorded of z', and are z's in the library. */
    return (struct simsiam_evidence){
        .n = o.samples, .d = o.features, .std_sqrtd = e->std_sqrtd, .mean_norm = e->mean_norm,
        .view_share = isnan(standard) ? own : standard,
        .rank = o.features ? e->rank * o.features : NAN,
        .participation = NAN, .directions_90 = NAN, .directions_99 = NAN
    };
}

struct simsiam_verdict epoch_verdict(const struct epoch_record *e, struct outputs outputs)
{
    const struct simsiam_evidence evidence = epoch_evidence(e, outputs);
    struct simsiam_verdict v;
    simsiam_judge(&v, &evidence, NULL);
    return v;
}

bool grade_collapse(enum simsiam_grade grade)
{
    return grade == SIMSIAM_COMPLETE || grade == SIMSIAM_PARTIAL;
}

bool verdict_collapsed(const struct simsiam_verdict *v)
{
    return v->distance[SIMSIAM_COMPLETE] <= 0 || v->distance[SIMSIAM_PARTIAL] <= 0;
}

bool epoch_doubtful(const struct epoch_record *e)
{
    static const struct outputs unknown;           /* directions do not enter */
    return epoch_verdict(e, unknown).grade == SIMSIAM_UNDECIDED;
}

/* "std 0.25 <= 0.50 and view share 0.65 >= 0.43": why the state is what it is. */
static int state_explain(char *out, size_t room, const struct simsiam_evidence *e, bool doubtful)
{
    const struct simsiam_rule *const rule = &simsiam_rule_standard;
    const int digits = doubtful ? 4 : 2;       /* so that the printed comparison is seen to be true */
    const double std = e->std_sqrtd, share = e->view_share;
    if (std <= rule->dead) return snprintf(out, room, "std %.*f <= %.2f", digits, std, rule->dead);
    if (!(std <= rule->spread))
        return snprintf(out, room, "std %.*f > %.2f", digits, std, rule->spread);
    if (isnan(share))
        return snprintf(out, room, "std %.*f > %.2f, view share undefined", digits, std, rule->dead);
    const bool yes = share >= rule->share;
    return snprintf(out, room, "std %.*f <= %.2f %s view share %.*f %s %.2f", digits, std,
                    rule->spread, yes ? "and" : "but", digits, share, yes ? ">=" : "<", rule->share);
}

void run_judge(struct run_record *r, bool diverged)
{
    const struct simsiam_evidence e = epoch_evidence(&r->last, r->outputs);
    const size_t room = sizeof r->evidence;
    if (diverged || !isfinite(e.std_sqrtd)) {
        r->state = RUN_DIVERGED;
        r->grade = SIMSIAM_UNDECIDED;
        const bool probe = isfinite(e.std_sqrtd) && isfinite(r->last.loss);
        snprintf(r->evidence, room, probe ? "the linear probe diverged after epoch %d" :
                 "a number stopped being finite in epoch %d", r->last.epoch);
        return;
    }
    const struct simsiam_verdict v = epoch_verdict(&r->last, r->outputs);
    const bool doubtful = epoch_doubtful(&r->last);
    r->state = verdict_collapsed(&v) ? RUN_COLLAPSED : RUN_HEALTHY;
    r->grade = v.grade;
    const int used = state_explain(r->evidence, room, &e, doubtful);
    char *const end = r->evidence + used;
    const size_t left = room - (size_t)used;
    if (doubtful) snprintf(end, left, "; near the threshold");
    else if (v.grade == SIMSIAM_DIMENSIONAL) snprintf(end, left, "; %.1f directions", e.rank);
    else if (v.grade == SIMSIAM_UNDECIDED)
        snprintf(end, left, "; %.1f directions, near the threshold", e.rank);
}
