/* SPDX-License-Identifier: MIT
 *
 * cmd_decide.c -- `simsiam decide`: further seeds where they can still decide something, in a time
 * that is given.
 *
 * The claims that are open are asked which runs they wait for (next_seeds.h).  The cheapest by
 * expected time is served first, then all are asked anew.  What would not fit is not begun; what is
 * under way when the time is over stops at a checkpoint, and the next call goes on with it.
 */
#include "calibrate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cmd_run.h"
#include "commands.h"
#include "options.h"
#include "tasks.h"
#include "../run/found.h"
#include "../run/took.h"
#include "../suite/next_seeds.h"
#include "../../engine/ops.h"

enum { JOBS_MAX = 1024, STEPS = 10 };   /* to time for each row, at least */

/* What a run of some settings takes: planned, then as measured. */
struct price { char hash[HASH_TEXT]; double seconds; };

/* A claim that waits for runs. */
struct open_claim {
    const struct experiment *e;
    const struct claim *claim;
    struct wanted *wanted;         /* [n] */
    int n;
    double seconds;                /* of all of them, one after the other */
};
/* The experiments with what is finished of them. */
struct subject {
    struct experiment *e;
    struct row_runs rows[ROWS_MAX];
    struct claim_result result[CLAIMS_MAX];
    enum verdict first[CLAIMS_MAX];            /* at the start */
};
struct decide {
    struct subject *subject;       /* [n] */
    int n;
    struct open_claim *open;       /* [n_open], the cheapest first */
    int n_open;
    struct price *price;           /* [n_prices] */
    int n_prices;
    double until;
    int jobs, made;
    struct run_options o;
};

/* ---- what is finished ---------------------------------------------------------------------------- */

static void runs_free(struct subject *s)
{
    for (int i = 0; i < s->e->n_rows; i++) {
        struct run_record *const run = (struct run_record *)(uintptr_t)s->rows[i].run;
        for (int k = 0; k < s->rows[i].n; k++) run_free(&run[k]);
        free(run);
        s->rows[i] = (struct row_runs){ NULL, 0 };
    }
}

static void runs_read(struct subject *s, struct found *found)
{
    int last = 0;
    for (int i = 0; i < found->n; i++)
        if (found->run[i].seed > last && found->run[i].seed <= SEEDS_MAX) last = found->run[i].seed;
    runs_free(s);
    for (int i = 0; i < s->e->n_rows; i++) {
        const struct row *const row = &s->e->row[i];
        struct run_record *const run = host_alloc(SEEDS_MAX, sizeof *run);
        int n = 0;
        for (int seed = 1; seed <= last && !*row->not_run; seed++) {
            const struct found_run *const r = found_run(found, &row->settings, seed);
            if (r && r->finished) n += run_read(&run[n], r->folder);
        }
        s->rows[i] = (struct row_runs){ run, n };
    }
}

static void subject_decide(struct subject *s, struct found *found)
{
    runs_read(s, found);
    for (int i = 0; i < s->e->n_claims; i++)
        claim_decide(&s->result[i], &s->e->claim[i], s->e, s->rows);
}

/* ---- what it takes ------------------------------------------------------------------------------- */

static struct price *price_find(const struct decide *d, const struct settings *s)
{
    char hash[HASH_TEXT];
    settings_hash(hash, s);
    for (int i = 0; i < d->n_prices; i++)
        if (!strcmp(d->price[i].hash, hash)) return &d->price[i];
    return NULL;
}

/* The longest that a finished run of these settings took here; NaN: none tells. */
static double price_measured(const struct decide *d, struct found *found, const struct settings *s)
{
    struct machine_info here;
    machine_describe(&here);
    double most = NAN;
    for (int i = 0; i < found->n; i++) {
        const int seed = found->run[i].seed;
        const struct found_run *const r = found_run(found, s, seed);
        if (r != &found->run[i] || !r->finished) continue;
        most = fmax(most, run_took(r->folder, d->o.threads ? d->o.threads : here.threads));
    }
    return most;
}

/* Asks for a price that is not known yet; returns it. */
static struct price *price_add(struct decide *d, const struct settings *s)
{
    d->price = realloc(d->price, (size_t)(d->n_prices + 1) * sizeof *d->price);
    if (!d->price) die("out of memory (close other programs)");
    struct price *const price = &d->price[d->n_prices++];
    settings_hash(price->hash, s);
    return price;
}

/* The prices of all rows that any claim waits for: as runs measured them, the others planned, at
 * once. */
static void prices_find(struct decide *d, struct found *found)
{
    const struct settings *ask[TASKS_MAX];
    struct cost *const cost = host_alloc(TASKS_MAX, sizeof *cost);
    int n = 0;
    for (int i = 0; i < d->n_open; i++)
        for (int k = 0; k < d->open[i].n; k++) {
            const struct settings *const s =
                &d->open[i].e->row[d->open[i].wanted[k].row].settings;
            if (price_find(d, s)) continue;
            struct price *const price = price_add(d, s);
            price->seconds = price_measured(d, found, s);
            if (isnan(price->seconds)) ask[n++] = s;
        }
    if (n) calibrate(cost, ask, n, d->jobs, d->o.threads, STEPS);
    for (int i = 0; i < n; i++) price_find(d, ask[i])->seconds = cost[i].run_seconds;
    free(cost);
}

/* Of a half-done run, what is left of it. */
static double seconds_left(const struct decide *d, struct found *found, const struct settings *s,
                           int seed)
{
    const double whole = price_find(d, s)->seconds;
    const struct found_run *const half = found_run(found, s, seed);
    struct run_record r;
    if (!half || half->finished) return whole;
    run_read(&r, half->folder);
    const double done = r.state == RUN_PARTIAL && s->epochs ? (double)r.last.epoch / s->epochs : 0;
    run_free(&r);
    return whole * (1 - fmin(1, done));
}

/* ---- which claim --------------------------------------------------------------------------------- */

static void open_free(struct decide *d)
{
    for (int i = 0; i < d->n_open; i++) free(d->open[i].wanted);
    d->n_open = 0;
}

static int by_seconds(const void *a, const void *b)
{
    const double x = ((const struct open_claim *)a)->seconds, y = ((const struct open_claim *)b)->seconds;
    return (x > y) - (x < y);
}

static void open_list(struct decide *d, struct subject *s)
{
    struct wanted list[WANTED_MAX];
    for (int i = 0; i < s->e->n_claims; i++) {
        const int n = claim_next_seeds(list, &s->e->claim[i], &s->result[i], s->e, s->rows);
        if (!n) continue;
        struct open_claim *const o = &d->open[d->n_open++];
        *o = (struct open_claim){ .e = s->e, .claim = &s->e->claim[i], .n = n };
        o->wanted = host_alloc((size_t)n, sizeof *o->wanted);
        memcpy(o->wanted, list, (size_t)n * sizeof *list);
    }
}

/* The runs that a claim waits for, as tasks; rows of equal settings are one.  Returns how many. */
static int tasks_of(struct task *task, const struct decide *d, const struct open_claim *o,
                    struct found *found)
{
    int n = 0;
    for (int k = 0; k < o->n; k++) {
        const struct row *const row = &o->e->row[o->wanted[k].row];
        task[n] = (struct task){ .table = o->e->name, .row = row, .seed = o->wanted[k].seed };
        settings_hash(task[n].hash, &row->settings);
        task[n].expected = seconds_left(d, found, &row->settings, task[n].seed);
        if (!task_is_listed(task, n, &task[n])) n++;
    }
    return n;
}

/* Asks every claim anew. */
static void claims_ask(struct decide *d, struct found *found)
{
    open_free(d);
    for (int i = 0; i < d->n; i++) {
        subject_decide(&d->subject[i], found);
        open_list(d, &d->subject[i]);
    }
}

/* Sorts those that wait by what they cost. */
static void claims_price(struct decide *d, struct found *found)
{
    struct task *const task = host_alloc(TASKS_MAX + 1, sizeof *task);
    prices_find(d, found);
    for (int i = 0; i < d->n_open; i++) {
        const int n = tasks_of(task, d, &d->open[i], found);
        for (int k = 0; k < n; k++) d->open[i].seconds += task[k].expected;
    }
    qsort(d->open, (size_t)d->n_open, sizeof *d->open, by_seconds);
    free(task);
}

/* ---- telling ------------------------------------------------------------------------------------- */

/* "14 seconds", "2.3 minutes". */
enum { DURATION = 32 };
static const char *duration(char text[DURATION], double seconds)
{
    if (seconds < 100) snprintf(text, DURATION, "%.0f seconds", seconds);
    else snprintf(text, DURATION, "%.1f minutes", seconds / 60);
    return text;
}

static void open_tell(const struct decide *d)
{
    char text[DURATION];
    printf("%d claims wait for seeds; the cheapest first, in %s:\n", d->n_open,
           duration(text, fmax(0, d->until - clock_seconds())));
    for (int i = 0; i < d->n_open; i++) {
        const struct open_claim *const o = &d->open[i];
        printf("  %-24s %3d runs, about %s:", o->claim->id, o->n,
               duration(text, o->seconds / d->jobs));
        for (int k = 0; k < o->n && k < 6; k++)
            printf(" %s/%d", o->e->row[o->wanted[k].row].name, o->wanted[k].seed);
        puts(o->n > 6 ? " ..." : "");
    }
    fflush(stdout);
}

static void end_tell(const struct decide *d, double seconds, double expected)
{
    char took[DURATION], wanted[DURATION];
    printf("%d runs were made in %s; %s were expected\n", d->made, duration(took, seconds),
           duration(wanted, expected));
    for (int i = 0; i < d->n; i++) {
        const struct subject *const s = &d->subject[i];
        for (int k = 0; k < s->e->n_claims; k++) {
            const struct decision *const now = &s->result[k].whole;
            if (now->verdict != s->first[k])
                printf("  %-24s %s, n %d (it was %s)\n", s->e->claim[k].id,
                       verdict_names[now->verdict], now->n, verdict_names[s->first[k]]);
        }
    }
    printf("%d claims still wait for seeds\n", d->n_open);
}

/* ---- the whole ------------------------------------------------------------------------------------ */

/* The cheapest claim that can be served whole; else the cheapest of which a run fits, which a later
 * call goes on with; -1: none. */
static int claim_choose(const struct decide *d, struct task *task, int *n, struct found *found)
{
    const double left = d->until - clock_seconds();
    for (int whole = 1; whole >= 0; whole--)
        for (int i = 0; i < d->n_open; i++) {
            if (whole && d->open[i].seconds / d->jobs > left) continue;
            *n = tasks_of(task, d, &d->open[i], found);
            for (int k = 0; k < *n; k++)
                if (task[k].expected <= left) return i;
        }
    return -1;
}

/* What the runs took is what the next ones of their kind are expected to take. */
static void tasks_note(struct decide *d, const struct task *task, int n, double *expected)
{
    for (int k = 0; k < n; k++) {
        if (!task[k].began || (task[k].status && task[k].status != EXIT_DIVERGED)) continue;
        struct price *const price = price_find(d, &task[k].row->settings);
        if (task[k].expected == price->seconds) price->seconds = task[k].took;
        *expected += task[k].expected / d->jobs;
        d->made++;
    }
}

/* A run that ended and is not found would be made for ever. */
static void tasks_check(struct found *found, const struct task *task, int n)
{
    for (int k = 0; k < n; k++)
        if (task[k].began && !task[k].status &&
            found_state(found, &task[k].row->settings, task[k].seed) == RUN_NONE)
            die("%s/%s seed %d is finished and does not count (simsiam run says why)", task[k].table,
                task[k].row->name, task[k].seed);
}

/* Makes the runs of the claim whose turn it is; false when none is. */
static bool serve_one(struct decide *d, struct found *found, struct task *task, int *n, int *status,
                      double *expected)
{
    const int chosen = claim_choose(d, task, n, found);
    if (chosen < 0) return false;
    const struct open_claim *const o = &d->open[chosen];
    char text[DURATION];
    fprintf(stderr, "%s: %d runs, about %s\n", o->claim->id, *n,
            duration(text, o->seconds / d->jobs));
    *status = tasks_run(task, *n, d->jobs, d->until, &d->o);
    if (*status == EXIT_DIVERGED) *status = 0;                  /* a state of its row */
    tasks_note(d, task, *n, expected);
    return true;
}

static int serve(struct decide *d, double *expected)
{
    struct task *const task = host_alloc(TASKS_MAX + 1, sizeof *task);
    int status = 0, n = 0;
    bool more = true;
    for (bool first = true; more; first = false) {
        struct found found;
        found_open(&found, d->o.root);
        tasks_check(&found, task, n);
        claims_ask(d, &found);
        more = !status && !stop_requested() && clock_seconds() < d->until;
        if (more) claims_price(d, &found);
        for (int i = 0; first && i < d->n; i++)
            for (int k = 0; k < CLAIMS_MAX; k++)
                d->subject[i].first[k] = d->subject[i].result[k].whole.verdict;
        if (first) open_tell(d);
        more = more && serve_one(d, &found, task, &n, &status, expected);
        found_close(&found);
    }
    free(task);
    return stop_requested() ? graver(status, EXIT_AGAIN) : status;
}

static void decide_open(struct decide *d, char **path, int n, const char *scale)
{
    d->n = n;
    d->subject = host_alloc((size_t)n, sizeof *d->subject);
    d->open = host_alloc((size_t)n * CLAIMS_MAX, sizeof *d->open);
    for (int i = 0; i < n; i++) {
        d->subject[i].e = host_alloc(1, sizeof(struct experiment));
        experiment_load(d->subject[i].e, path[i], scale);
    }
}

static void decide_close(struct decide *d)
{
    open_free(d);
    for (int i = 0; i < d->n; i++) {
        runs_free(&d->subject[i]);
        free(d->subject[i].e);
    }
    free(d->subject);
    free(d->open);
    free(d->price);
}

int command_decide(int argc, char **argv)
{
    const char *scale = "quick";
    double budget = 0;
    struct decide d = { .jobs = 1, .o = { .root = "runs", .checkpoint_seconds = 60 } };
    const struct option_row rows[] = {
        { "budget", OPTION_FLOAT, &budget, "MINUTES", "how long it may take (needed)" },
        { "scale", OPTION_TEXT, &scale, "SCALE", "sizes: a file of configs/scale" },
        { "runs", OPTION_TEXT, &d.o.root, "DIR", "where runs are kept" },
        { "jobs", OPTION_INT, &d.jobs, "N", "runs at a time, each on its share of the cores" },
        { "threads", OPTION_INT, &d.o.threads, "N", "threads of a run; 0: cores / jobs" },
        { "quiet", OPTION_FLAG, &d.o.quiet, NULL, "no progress" },
        { NULL, OPTION_FLAG, NULL, NULL, NULL }
    };
    const int n = options_parse(
        argc, argv, "decide FILE... --budget MINUTES [options]",
        "Makes further seeds' runs where they can still decide a claim, the cheapest first, within a budget of "
        "time; says what it expects before, and what it got after.  Exit 75: a run is under way, and the same "
        "command goes on.", rows, 1, argc);
    const double start = clock_seconds();
    if (!(budget > 0)) die_user("decide needs --budget MINUTES, a number above 0");
    if (d.jobs < 1 || d.jobs > JOBS_MAX) die_user("--jobs %d: 1 to %d", d.jobs, JOBS_MAX);
    threads_check(d.o.threads);
    d.until = start + 60 * budget;
    d.o.beside_others = d.jobs > 1;
    d.o.threads = threads_each(d.o.threads, d.jobs);
    decide_open(&d, argv + 1, n, scale);
    stop_install();
    double expected = 0;
    const int status = serve(&d, &expected);
    end_tell(&d, clock_seconds() - start, expected);
    decide_close(&d);
    return status;
}
