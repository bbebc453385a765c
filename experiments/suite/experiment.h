/* SPDX-License-Identifier: MIT
 *
 * experiment.h -- experiment files: rows, claims, scales, and the paper's statements.
 *
 * A row's settings are: the defaults of the table of keys, the scale's file, the experiment's top
 * level, the row, what the scale's `rows:` sets for it, each overriding the one before.
 *
 * A table of the paper (heading.h) has one row more than its file: `untrained`, what the scale alone
 * says with `epochs: 0`, measured as the others are; in all tables of a scale it is one run.  It is
 * a reference, so that no `every`, `any` or `each` of a claim includes it: only its name does.
 */
#pragma once
#include "../methods/settings.h"
#include "../run/measures.h"

enum { ROWS_MAX = 32, CLAIMS_MAX = 32, NAME_LENGTH = 48, CAPTION_MAX = 1024, OWN_TEXT = 512 };

/* One predicate of a claim.  A claim may join several by ';': all must hold. */
enum predicate_kind {
    CLAIM_GREATER, CLAIM_WITHIN_ROW, CLAIM_WITHIN_VALUE, CLAIM_RISES, CLAIM_ABOVE,             /* of numbers, */
    CLAIM_EACH_WITHIN, CLAIM_EACH_LESS, CLAIM_EACH_GREATER,                   /* of several rows beside one */
    CLAIM_COLLAPSE, CLAIM_NO_COLLAPSE, CLAIM_UNSTABLE, CLAIM_DIVERGED                         /* of states */
};
struct predicate {
    enum predicate_kind kind;
    bool negated;                  /* `not` stands in front */
    const struct measure *metric, *other_metric;      /* they differ in `cos_h A > cos_z A` alone */
    int row, other;  /* indices into the experiment's rows; other where two are compared */
    uint32_t rows;   /* bit i is row i: those of a state, or of `each` */
    bool every;      /* `each`, `in every row`, `in any row`: without those the scale cannot host,
                        and never with the untrained one */
    bool change;     /* `gain`, `drop`: a row's number is above that of its `start` */
    signed char start[ROWS_MAX];
    int epoch;       /* `above X from epoch N on` */
    double within, value;
    char text[TEXT_MAX];           /* by itself: of `at 100, 200` one length */
};
enum { PARTS_MAX = 4 };
struct claim {
    char id[NAME_LENGTH], text[TEXT_MAX];      /* the predicate as written */
    struct predicate part[PARTS_MAX];
    int n;
    char elsewhere[TEXT_MAX];      /* why it is not run at this scale, of which the statement does
                                      not speak; "": it does */
};

struct row {
    char name[NAME_LENGTH];
    double paper;
    bool has_paper;
    double published;           /* elsewhere, of the scale's images (`published:`); NaN: nothing */
    char not_run[TEXT_MAX];     /* why the scale cannot host the row (its `not_run:`); "": it can */
    struct settings settings;   /* void where not_run is not "" */
    char own[OWN_TEXT];         /* what of them the row sets: "stop_grad: false; batch: 64" */
};

/* At how many seeds the numbers of a scale are decided, and how often each look may err: fixed
 * before the first reported run (the scale's `looks:` and `look_errors:`).  n = 0: never. */
enum { LOOKS_MAX = 8 };
struct looks { int n, seeds[LOOKS_MAX]; double error[LOOKS_MAX]; };

struct experiment {
    char name[NAME_LENGTH];        /* the file's name without folder and ".yaml": fig2_stopgrad */
    char title[TEXT_MAX];          /* `title:`; the name if there is none */
    char scale[NAME_LENGTH];
    char caption[CAPTION_MAX];     /* the scale's `note:`: what differs from the paper, for
                                      captions */
    char runs_on[CAPTION_MAX];     /* the scale's `runs_on:`: the machine it is meant for; "" if any
                                      will do */
    struct looks looks;
    struct row row[ROWS_MAX];
    int n_rows;
    int untrained;          /* the row of that name that the loader adds; -1: it is no table of the
                               paper */
    int baseline;           /* `baseline:`, the row that others are set beside; -1: none is named */
    struct claim claim[CLAIMS_MAX];
    int n_claims;
    char published[TEXT_MAX];      /* where the rows' published numbers are from; "": none has one */
};

extern const char untrained_name[];

/* "configs/fig2_stopgrad.yaml": the folder, "configs", which the caller frees, and the name,
 * "fig2_stopgrad". */
char *experiment_place(const char *path, char name[NAME_LENGTH]);
/* Reads an experiment's file at a scale (scale files lie in scale/ beside it, or where installed.h
 * says; statements in paper.yaml beside it).  All mistakes of all three files are reported, then exit 2. */
void experiment_load(struct experiment *e, const char *path, const char *scale);
/* Index of a row; exit 2 naming the nearest if there is none. */
int experiment_row(const struct experiment *e, const char *name);
/* The same of a row that is to be run: exit 2 with the reason, too, if the scale cannot host it. */
int experiment_hosted(const struct experiment *e, const char *name);

/* A statement of the paper (configs/paper.yaml). */
struct statement {
    char section[NAME_LENGTH], says[TEXT_MAX];
    char reported[TEXT_MAX];       /* the paper's numbers as text: "with 67.7, without 0.1"; ""
                                      without any */
    char metric[NAME_LENGTH];      /* what they are if not ImageNet linear top-1; else "" */
    char table[NAME_LENGTH], predicate[TEXT_MAX];    /* "" if exact */
    char scales[TEXT_MAX];         /* the only ones of which it speaks, ", " between them; "": all */
    bool exact;                    /* a unit test decides it, not runs */
    char test[TEXT_MAX];           /* the name of that test's function; "": none decides it yet */
};

/* ---- statement.c: paper.yaml ----------------------------------------------------------------- */

/* wrong: reported */
struct named_statement { const char *id; bool right; struct statement statement; };
struct statements {
    struct config_file file;       /* its `errors` count what was reported */
    struct named_statement *v;     /* in the file's order, NULL-named at the end; NULL if the file
                                      has no root */
};
void statements_open(struct statements *s, const char *path);
void statements_close(struct statements *s);
/* The id nearest to a wrong one, or NULL. */
const char *statements_nearest(const struct statements *s, const char *id);

/* ---- claims_read.c --------------------------------------------------------------------------- */

/* Reads the value of `claims:` (NULL: there is none) in a file's root; the experiment's name and
 * rows are read already. Mistakes are counted in f; a statement that `known` gives to this table
 * and is not claimed is one. */
void claims_read(struct experiment *e, struct config_file *f, const yaml_node_t *claims,
                 const yaml_node_t *root, const struct statements *known);
