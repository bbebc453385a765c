/* SPDX-License-Identifier: MIT
 *
 * test_later.c -- a measure that is recorded since later: files of before it are still read.
 *
 * The program has the table of measures.c, but for this: the numbers beside a table are new.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "../experiments/run/measures.h"
#define MEASURE_EVIDENCE (MEASURE_EVIDENCE | MEASURE_LATER)
#include "../experiments/run/measures.c"
#undef MEASURE_EVIDENCE

#define TRAINED "\"loss\":-0.5,\"std_train\":0.25,\"grad_norm\":1,\"lr\":0.1,\"lr_predictor\":0.1"
#define MONITORED ",\"std_sqrtd\":0.75,\"view_share\":0.5"

static void a_line_of_before_it_has_nan(void **state)
{
    (void)state;
    struct epoch_record e;
    assert_true(epoch_parse(&e, "{\"epoch\":1," TRAINED MONITORED ",\"knn\":30}"));
    assert_true(e.monitored && e.loss == -0.5 && e.std_sqrtd == 0.75 && e.knn == 30);
    assert_true(isnan(e.oscillation) && isnan(e.rank) && isnan(e.cos_z));
    assert_true(epoch_parse(&e, "{\"epoch\":1,\"oscillation\":2," TRAINED MONITORED
                                ",\"knn\":30,\"rank\":0.125}"));
    assert_true(e.oscillation == 2 && e.rank == 0.125 && isnan(e.cos_z));
}

static void what_was_always_recorded_is_still_needed(void **state)
{
    (void)state;
    struct epoch_record e;
    assert_false(epoch_parse(&e, "{\"epoch\":1," TRAINED MONITORED "}"));
    assert_false(epoch_parse(&e, "{\"epoch\":1,\"oscillation\":\"2\"," TRAINED MONITORED
                                 ",\"knn\":30}"));
}

/* So a file of before it, written again, stays what it was. */
static void writing_leaves_out_what_came_later_and_has_no_number(void **state)
{
    (void)state;
    struct epoch_record e = epoch_empty(3);
    e.monitored = true;
    e.cos_z = 0.5;
    char *line = epoch_print(&e);
    for (const struct measure *m = measures; m->name; m++) {
        if (m->is & MEASURE_END) continue;
        char *key = text_format("\"%s\":", m->name);
        const bool written = strstr(line, key), has = !isnan(epoch_number(&e, m));
        if (written != (has || !(m->is & MEASURE_LATER)))
            fail_msg("%s is%s there", m->name, written ? "" : " not");
        free(key);
    }
    free(line);
}

/* A committed file of before has no column of it. */
static void columns_of_before_are_taken(void **state)
{
    (void)state;
    struct epoch_columns columns;
    char titles[] =
        "epoch,monitored,loss,std_train,grad_norm,lr,lr_predictor,std_sqrtd,view_share,rank,knn";
    char fields[] = "1,1,-0.5,0.25,1,0.1,0.1,0.75,0.5,0.125,30";
    char short_by_one[] = "1,1,-0.5,0.25,1,0.1,0.1,0.75,0.5,0.125";
    struct epoch_record e;
    assert_true(epoch_columns_take(&columns, titles));
    assert_int_equal(columns.n, 9);
    assert_false(epoch_fields_take(&e, &columns, short_by_one));
    assert_true(epoch_fields_take(&e, &columns, fields));
    assert_true(e.epoch == 1 && e.loss == -0.5 && e.rank == 0.125 && e.knn == 30);
    assert_true(isnan(e.oscillation) && isnan(e.knn_z) && isnan(e.cos_h));
}

/* summary.json: its "final" lacks it. */
static void a_summary_of_before_it_has_nan(void **state)
{
    (void)state;
    struct run_record r = { .state = RUN_HEALTHY, .last = epoch_empty(3),
                            .linear = 45 }, back = { 0 };
    r.last.cos_z = 0.5;
    json_t *object = summary_object(&r);
    json_object_del(json_object_get(object, "final"), "cos_z");
    assert_true(summary_take(&back, object));
    assert_true(isnan(back.last.cos_z) && back.linear == 45);
    json_object_del(json_object_get(object, "final"), "knn");
    assert_false(summary_take(&back, object));
    json_decref(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_of_before_it_has_nan),
        cmocka_unit_test(what_was_always_recorded_is_still_needed),
        cmocka_unit_test(writing_leaves_out_what_came_later_and_has_no_number),
        cmocka_unit_test(columns_of_before_are_taken),
        cmocka_unit_test(a_summary_of_before_it_has_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
