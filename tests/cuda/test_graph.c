/* SPDX-License-Identifier: MIT
 *
 * test_graph.c -- a step that is recorded and replayed leaves the bytes that it leaves when it is
 * issued each time.
 */
#include "../naive.h"
#include <pthread.h>
#include <time.h>
#include "../../engine/augment.h"
#include "../../experiments/methods/eta.h"
#include "../../experiments/run/state.h"

enum { N = 4, SIDE = 6, C = 3, K = 8, D = 5, STEPS = 9, ROOMS = 2, VIEW = 9 };
static const struct conv_shape shape = { N, SIDE, SIDE, C, K, 3, 1, 1 };
enum { X = N * SIDE * SIDE * C, Y = N * SIDE * SIDE * K, W = K * 9 * C + K * D };

/* A small net: convolution, batch norm, pooling, fc, cosine, SGD; the views lie in two rooms, as
 * the loader's. */
struct net {
    dev_float *w, *v, *g, *lr, *loss, *mean, *rstd;
    dev_act *x[ROOMS], *y, *dy, *f, *df, *z, *dz, *target;
};

static struct net net_make(void)
{
    struct net n = { float_of(random_floats(W, 1), W), float_of(random_floats(W, 2), W),
                     machine_room(4 * W), machine_room(4), machine_room(4), machine_room(4 * K),
                     machine_room(4 * K), { NULL, NULL }, machine_room(4 * Y), machine_room(4 * Y),
                     machine_room(4 * N * K), machine_room(4 * N * K), machine_room(4 * N * D),
                     machine_room(4 * N * D), act_of(random_floats(N * D, 3), N * D) };
    for (int i = 0; i < ROOMS; i++) n.x[i] = machine_room(4 * X);
    return n;
}

static void net_step(const struct net *n, const dev_act *x)
{
    dev_float *const fc = float_at(n->w, K * 9 * C), *const dfc = float_at(n->g, K * 9 * C);
    const struct bn_shape bn = { 2, N / 2 * SIDE * SIDE, K };
    mem_zero(n->g, 4 * W);
    mem_zero(n->loss, 4);
    op_conv_fwd(n->y, x, n->w, shape);
    op_bn_act_fwd(n->y, n->mean, n->rstd, NULL, NULL, n->y, NULL, NULL, NULL, bn, false);
    op_pool_fwd(n->f, n->y, N, SIDE * SIDE, K);
    op_fc_fwd(n->z, n->f, fc, NULL, (struct fc_shape){ N, K, D });
    op_cosine_fwd(n->loss, n->z, n->target, 1, N, D);
    op_cosine_bwd(over(n->dz), unwanted, n->z, n->target, 1, N, D);
    op_fc_bwd(over(n->df), dfc, NULL, n->dz, n->f, fc, (struct fc_shape){ N, K, D });
    op_pool_bwd(over(n->dy), n->df, N, SIDE * SIDE, K);
    op_conv_bwd(unwanted, n->g, n->dy, x, n->w, shape);
    op_sgd(n->w, n->v, n->g, n->lr, 0.9f, 1e-3f, W);
}

static void views_upload(dev_act *x, int step)
{
    mem_act_upload(x, random_floats(X, 10 + (uint32_t)step), X);
}

/* Trains from the first step; how often the ops were issued.  `disturb` may do something before a
 * step. */
typedef void disturb_fn(int step);
static int train(float w[W], bool recorded, disturb_fn *disturb)
{
    const struct net n = net_make();
    int issued = 0;
    for (int i = 0; i < STEPS; i++) {
        dev_act *const x = n.x[i % ROOMS];
        const float lr = 0.1f / (float)(1 + i);
        if (disturb) disturb(i);
        views_upload(x, i);
        mem_upload(n.lr, &lr, sizeof lr);
        if (machine_record(recorded ? x : NULL)) {
            net_step(&n, x);
            machine_recorded();
            issued++;
        }
    }
    mem_download(w, n.w, 4 * W);
    machine_forget();
    release();
    return issued;
}

static void replayed_steps_leave_the_bytes_of_issued_ones(void **state)
{
    (void)state;
    float issued[W], replayed[W];
    assert_int_equal(train(issued, false, NULL), STEPS);
    assert_int_equal(train(replayed, true, NULL), 2 * ROOMS);      /* each room's first two */
    assert_memory_equal(issued, replayed, sizeof issued);
    assert_int_equal(train(replayed, true, NULL), 2 * ROOMS);      /* forgotten in between */
    assert_memory_equal(issued, replayed, sizeof issued);
}

/* An evaluation between two steps, whose scratch memory is larger than any before it. */
static void evaluate(int step)
{
    static int side;
    if (step != 5) return;
    side += 32;
    const struct conv_shape s = { 1, side, side, 3, 3, 1, 1, 0 };
    const size_t n = (size_t)side * (size_t)side * 3;
    op_conv_fwd(machine_room(4 * n), machine_room(4 * n), float_of(random_floats(9, 1), 9), s);
}

static void scratch_memory_that_moves_is_recorded_anew(void **state)
{
    (void)state;
    float issued[W], replayed[W];
    train(issued, false, NULL);
    const int times = train(replayed, true, evaluate);
    assert_memory_equal(issued, replayed, sizeof issued);
    assert_int_equal(times, 3 * ROOMS);
}

static void more_keys_than_are_kept_are_issued_each_time(void **state)
{
    (void)state;
    enum { MANY = 33 };
    dev_float *const sum = machine_room(4 * MANY), *const one = float_of((float[]){ 1 }, 1);
    int issued = 0;
    for (int round = 0; round < 4; round++)
        for (int i = 0; i < MANY; i++)
            if (machine_record(float_at(sum, (size_t)i))) {
                op_sumsq(float_at(sum, (size_t)i), one, 1);
                machine_recorded();
                issued++;
            }
    const float *const got = float_read(sum, MANY);
    for (int i = 0; i < MANY; i++) assert_true(got[i] == 4);
    assert_true(issued > 2 * MANY && issued < 4 * MANY);
    machine_forget();
    release();
}

/* Each small upload counts, however far behind the machine is, and however often the room for them
 * goes round. */
static void uploads_keep_their_order_and_their_bytes(void **state)
{
    (void)state;
    enum { ROUNDS = 300, NUMBERS = 3000 };
    dev_float *const all = machine_room((size_t)ROUNDS * 4 * NUMBERS), *const now = machine_room(
                                                                           4 * NUMBERS);
    float *const host = host_room(4 * NUMBERS);
    for (int i = 0; i < ROUNDS; i++) {
        for (int j = 0; j < NUMBERS; j++) host[j] = (float)(i + j);
        mem_upload(now, host, 4 * NUMBERS);
        mem_copy(float_at(all, (size_t)i * NUMBERS), now, 4 * NUMBERS);
    }
    const float *const got = float_read(all, (size_t)ROUNDS * NUMBERS);
    for (int i = 0; i < ROUNDS; i++)
        for (int j = 0; j < NUMBERS; j++)
            assert_true(got[(size_t)i * NUMBERS + (size_t)j] == (float)(i + j));
    release();
}

/* Of numbers that are gathered each is done before what reads or writes its place. */
static void small_copies_keep_their_order(void **state)
{
    (void)state;
    enum { MANY = 20 };                      /* more than are gathered at a time */
    for (int early = 0; early < 2; early++) {
        dev_float *const now = machine_room(4), *const all = machine_room(4 * MANY);
        if (early) assert_int_equal(setenv("REHEARSAL_EARLY", "1", 1), 0);
        for (int i = 0; i < MANY; i++) {
            mem_upload(now, &(float){ (float)i }, 4);
            mem_copy(float_at(all, (size_t)i), now, 4);
        }
        const float *const got = float_read(all, MANY);
        for (int i = 0; i < MANY; i++) assert_true(got[i] == (float)i);
        assert_int_equal(unsetenv("REHEARSAL_EARLY"), 0);
    }
    release();
}

static void a_large_upload_has_been_read_when_it_returns(void **state)
{
    (void)state;
    enum { MANY = 1 << 16 };
    dev_float *const to = machine_room(4 * MANY);
    float *const host = host_room(4 * MANY);
    for (int i = 0; i < MANY; i++) host[i] = 1;
    for (int i = 0; i < 8; i++) op_sumsq(machine_room(4), to, MANY);   /* the stream is busy */
    mem_upload(to, host, 4 * MANY);
    memset(host, 0, 4 * MANY);
    const float *const got = float_read(to, MANY);
    for (int i = 0; i < MANY; i++) assert_true(got[i] == 1);
    release();
}

/* A loader's thread, which makes a view and room for it whenever it likes, and then waits for others:
 * what is in its stream when it ends is done. */
struct view { dev_act *y; void *room; pthread_barrier_t *seen, *read; };

static void *view_make(void *view)
{
    static const struct augment whole = { .centre = true, .std = { 1, 1, 1 } };
    static const uint8_t image[3 * VIEW * VIEW] = { 255 };
    struct view *const v = view;
    const struct view_params p = augment_draw(&whole, 1, 0, 0, 0, VIEW, VIEW);
    v->room = mem_alloc(op_view_room(VIEW, VIEW));
    op_view(v->y, v->room, image, VIEW, VIEW, 1, VIEW, &whole, &p);
    if (!v->seen) return NULL;
    pthread_barrier_wait(v->seen);
    pthread_barrier_wait(v->read);
    return NULL;
}

static void a_view_made_beside_is_no_part_of_the_record(void **state)
{
    (void)state;
    enum { OUT = 3 * VIEW * VIEW };
    struct view v = { .y = machine_room(4 * OUT) };
    dev_float *const sum = machine_room(4), *const one = float_of((float[]){ 1 }, 1);
    for (int i = 0; i < 3; i++) {
        pthread_t thread;
        if (machine_record(sum)) {
            if (i == 1) {
                assert_int_equal(pthread_create(&thread, NULL, view_make, &v), 0);
                /* it comes while this is recorded */
                nanosleep(&(struct timespec){ .tv_nsec = 200000000 }, NULL);
            }
            op_sumsq(sum, one, 1);
            machine_recorded();
        }
        if (i != 1) continue;
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_true(act_read(v.y, OUT)[0] > 0.5f);
        mem_zero(v.y, 4 * OUT);
    }
    assert_true(float_read(sum, 1)[0] == 3);
    assert_true(act_read(v.y, OUT)[0] == 0);             /* the third step has not made it again */
    machine_forget();
    mem_free(v.room);
    release();
}

/* Its place is read by what was issued before, and by what comes next: early or late. */
static void a_view_made_beside_has_its_turn(void **state)
{
    (void)state;
    enum { OUT = 3 * VIEW * VIEW };
    for (int early = 0; early < 2; early++) {
        pthread_barrier_t seen, read;
        assert_int_equal(pthread_barrier_init(&seen, NULL, 2), 0);
        assert_int_equal(pthread_barrier_init(&read, NULL, 2), 0);
        struct view v = { act_of(random_floats(OUT, 1), OUT), NULL, &seen, &read };
        const float old = act_read(v.y, 1)[0];
        dev_float *const before = machine_room(4 * OUT), *const after = machine_room(4 * OUT),
                  *const any = machine_room(4);
        pthread_t thread;
        if (early) assert_int_equal(setenv("REHEARSAL_EARLY", "1", 1), 0);
        op_act_to_float(before, v.y, OUT);
        mem_upload(any, &(float){ 0 }, 4);               /* the batch that is ahead is told */
        assert_int_equal(pthread_create(&thread, NULL, view_make, &v), 0);
        pthread_barrier_wait(&seen);
        op_act_to_float(after, v.y, OUT);
        assert_true(float_read(before, OUT)[0] == old && old < 0.5f);
        assert_true(float_read(after, OUT)[0] > 0.5f);
        pthread_barrier_wait(&read);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(unsetenv("REHEARSAL_EARLY"), 0);
        mem_free(v.room);
    }
    release();
}

static struct settings tiny_settings(void)
{
    struct settings s = settings_default(0);
    s.dataset = 0;
    while (strcmp(data_sources[s.dataset].name, "synthetic")) s.dataset++;
    s.image_size = 4, s.train_count = 16, s.monitor_count = 2, s.dim = 4, s.epochs = 2, s.batch = 2,
    s.base_lr = 1;
    s.widths = (struct int_list){ 2, { 8, 16 } };    /* whole channels: gradients lie beside the stream */
    s.blocks = (struct int_list){ 2, { 2, 1 } };
    s.precision = mem_act_bytes() == 2 ? PRECISION_BF16 : PRECISION_FP32;
    return s;
}

/* The weights after a few steps of SimSiam.  With targets from a cache that is renewed in each step
 * they are the same (test_eta.c), and such a step is not recorded. */
static void weights_after(char hex[HASH_TEXT], bool recorded)
{
    static struct trainer t;
    struct settings s = tiny_settings();
    if (!recorded) {
        eta_own(&s)->from = ETA_CACHE;
        eta_own(&s)->every = 1;
    }
    trainer_open(&t, &s, 3);
    for (; t.epoch < 2; trainer_seek(&t, t.epoch + 1, 0))           /* each with views of its own */
        while (t.step < t.steps) assert_true(trainer_step(&t));
    trainer_hash(&t, hex);
    trainer_close(&t);
}

static void a_trainers_steps_are_the_same_replayed(void **state)
{
    (void)state;
    char issued[HASH_TEXT], replayed[HASH_TEXT];
    weights_after(issued, false);
    weights_after(replayed, true);
    assert_string_equal(issued, replayed);
}

/* The rehearsal does what is beside the stream as late as it may, and then as early; a card as it likes. */
static void whenever_what_is_beside_is_done_the_bytes_are_the_same(void **state)
{
    (void)state;
    char late[HASH_TEXT], early[HASH_TEXT];
    for (int recorded = 0; recorded < 2; recorded++) {
        weights_after(late, recorded);
        assert_int_equal(setenv("REHEARSAL_EARLY", "1", 1), 0);
        weights_after(early, recorded);
        assert_int_equal(unsetenv("REHEARSAL_EARLY"), 0);
        assert_string_equal(late, early);
    }
}

/* Narrow numbers of the weights, which the optimiser writes, after uploads, copies and steps. */
static void narrow_weights_are_those_that_were_written_last(void **state)
{
    (void)state;
    enum { A = 24, B = 8, FIRST = 8 };       /* weights fc[B, A], somewhere in their block */
    if (mem_act_bytes() != 2) skip();
    dev_float *const block = float_of(random_floats(FIRST + A * B, 1), FIRST + A * B),
                     *const v = machine_room(4 * A * B), *const g = machine_room(4 * A * B),
                     *const lr = float_of((float[]){ 0.1f }, 1), *const w = float_at(block, FIRST);
    dev_act *const x = act_of(random_floats(A, 2), A), *const y = machine_room(4 * B),
                   *const wanted = machine_room(4 * B);
    dev_float *const fresh = machine_room(4 * A * B);
    for (int i = 0; i < 6; i++) {
        if (i != 1) op_sgd(w, v, g, lr, 0.9f, 0.5f, A * B);            /* 1: an upload alone */
        if (i == 1 || i == 2) mem_upload(w, random_floats(A * B, 3), 4 * A * B);
        if (i == 3) mem_copy(w, v, 4 * A);
        if (i == 4) op_normalize_rows(w, B, A);
        if (i == 5) mem_zero(block, 4 * (FIRST + A));
        mem_copy(fresh, w, 4 * A * B);                                 /* nobody's twin */
        op_fc_fwd(y, x, w, NULL, (struct fc_shape){ 1, A, B });
        op_fc_fwd(wanted, x, fresh, NULL, (struct fc_shape){ 1, A, B });
        assert_memory_equal(act_read(y, B), act_read(wanted, B), 4 * B);
    }
    release();
}

/* Both kinds of step write to the same room: a record of the one must not stand for the other. */
static void a_step_on_views_is_not_one_that_makes_them(void **state)
{
    (void)state;
    char hex[2][HASH_TEXT];
    for (int mixed = 0; mixed < 2; mixed++) {
        static struct trainer t;
        struct settings s = tiny_settings();
        trainer_open(&t, &s, 3);
        while (t.step < t.steps) {
            if (mixed && t.step % 2) trainer_step_on(&t, trainer_views(&t));
            else assert_true(trainer_step(&t));
        }
        trainer_hash(&t, hex[mixed]);
        trainer_close(&t);
    }
    assert_string_equal(hex[0], hex[1]);
}

int main(void)
{
    machine_open(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replayed_steps_leave_the_bytes_of_issued_ones),
        cmocka_unit_test(a_trainers_steps_are_the_same_replayed),
        cmocka_unit_test(whenever_what_is_beside_is_done_the_bytes_are_the_same),
        cmocka_unit_test(narrow_weights_are_those_that_were_written_last),
        cmocka_unit_test(a_step_on_views_is_not_one_that_makes_them),
        cmocka_unit_test(scratch_memory_that_moves_is_recorded_anew),
        cmocka_unit_test(more_keys_than_are_kept_are_issued_each_time),
        cmocka_unit_test(uploads_keep_their_order_and_their_bytes),
        cmocka_unit_test(small_copies_keep_their_order),
        cmocka_unit_test(a_large_upload_has_been_read_when_it_returns),
        cmocka_unit_test(a_view_made_beside_is_no_part_of_the_record),
        cmocka_unit_test(a_view_made_beside_has_its_turn),
    };
    return RUN_PRECISIONS("cuda: recorded steps", tests);
}
