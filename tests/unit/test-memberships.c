/* SPDX-License-Identifier: Apache-2.0 */

/* Memberships: ages, limits, and any random history, compared with a plain
 * list of who has joined what. */

#include <config.h>

#include "core/memberships.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "packets.h"
#include "random.h"
#include "util.h"

static unsigned int n_changed;
static size_t n_last;           /* Members of the group that changed last. */

static void
note_change(const struct multicast_group *group, void *aux OVS_UNUSED)
{
    n_changed++;
    n_last = group->n[MEMBER_ENDPOINT] + group->n[MEMBER_PEER];
    assert_int_equal(ovs_list_size(&group->memberships), n_last);
}

static struct memberships *
create(void)
{
    n_changed = 0;
    return memberships_create(note_change, NULL);
}

static struct in6_addr
group_of(int n)
{
    return in6_addr_mapped_ipv4(htonl(0xef000000 + n));
}

static enum join_outcome
join(struct memberships *ms, const char *segment, enum member_kind kind,
     const char *id, int group, long long int now)
{
    struct member_id member = { segment, kind, id };
    struct in6_addr addr = group_of(group);

    return memberships_join(ms, &member, &addr, 3, now);
}

static bool
is_member(const struct memberships *ms, const char *segment,
          enum member_kind kind, const char *id, int n)
{
    struct member_id member = { segment, kind, id };
    const struct group_member *gm = memberships_find_member(ms, &member);
    struct in6_addr addr = group_of(n);
    const struct multicast_group *group
        = memberships_find_group(ms, segment, &addr);
    const struct membership *m;
    bool found = false;

    if (gm) {
        HMAP_FOR_EACH (m, node, &gm->memberships) {
            found |= m->group == group;
        }
    }
    return found;
}

static void
test_ages(void **state OVS_UNUSED)
{
    struct memberships *ms = create();

    assert_true(memberships_next_time(ms) == LLONG_MAX);
    assert_int_equal(join(ms, "blue", MEMBER_ENDPOINT, "a", 1, 0), JOIN_NEW);
    assert_int_equal(join(ms, "blue", MEMBER_PEER, "a", 1, 0), JOIN_NEW);
    assert_int_equal(join(ms, "blue", MEMBER_ENDPOINT, "a", 2, 50000),
                     JOIN_NEW);
    assert_int_equal(n_changed, 3);
    assert_int_equal(join(ms, "blue", MEMBER_ENDPOINT, "a", 1, 60000),
                     JOIN_KNOWN);
    assert_int_equal(n_changed, 3);

    assert_int_equal(memberships_next_time(ms), MEMBERSHIP_PEER_MS);
    memberships_run(ms, MEMBERSHIP_PEER_MS - 1);
    assert_int_equal(memberships_count(ms), 3);
    memberships_run(ms, MEMBERSHIP_PEER_MS);
    assert_false(is_member(ms, "blue", MEMBER_PEER, "a", 1));
    assert_int_equal(memberships_count(ms), 2);
    assert_int_equal(memberships_next_time(ms), 50000 + MEMBERSHIP_OWN_MS);
    memberships_run(ms, 50000 + MEMBERSHIP_OWN_MS);
    assert_true(is_member(ms, "blue", MEMBER_ENDPOINT, "a", 1));
    assert_int_equal(memberships_count(ms), 1);
    memberships_run(ms, 60000 + MEMBERSHIP_OWN_MS);
    assert_int_equal(memberships_count(ms), 0);
    assert_int_equal(n_last, 0);
    assert_null(memberships_find_segment(ms, "blue"));
    assert_true(memberships_next_time(ms) == LLONG_MAX);
    memberships_destroy(ms);
}

static void
test_doubt(void **state OVS_UNUSED)
{
    struct memberships *ms = create();
    struct member_id a = { "blue", MEMBER_ENDPOINT, "a" };
    struct in6_addr one = group_of(1);

    assert_false(memberships_doubt(ms, &a, &one, 0));
    join(ms, "blue", MEMBER_ENDPOINT, "a", 1, 0);
    join(ms, "blue", MEMBER_ENDPOINT, "a", 2, 0);

    /* Plugged in again: two doubts are no longer than one. */
    memberships_member_came(ms, &a, 1000);
    assert_int_equal(memberships_next_time(ms), 1000 + MEMBERSHIP_DOUBT_MS);
    assert_true(memberships_doubt(ms, &a, &one, 5000));
    join(ms, "blue", MEMBER_ENDPOINT, "a", 2, 5000);
    memberships_run(ms, 1000 + MEMBERSHIP_DOUBT_MS);
    assert_false(is_member(ms, "blue", MEMBER_ENDPOINT, "a", 1));
    assert_true(is_member(ms, "blue", MEMBER_ENDPOINT, "a", 2));
    memberships_destroy(ms);
}

/* What was learned before a restart is not in doubt because of that. */
static void
test_restore(void **state OVS_UNUSED)
{
    struct memberships *ms = create();
    struct member_id a = { "blue", MEMBER_ENDPOINT, "a" };
    struct in6_addr one = group_of(1);

    memberships_restore(ms, &a, &one, 0, 0);
    memberships_member_came(ms, &a, 1000);
    assert_int_equal(memberships_next_time(ms), MEMBERSHIP_OWN_MS);
    memberships_member_came(ms, &a, 2000);
    assert_int_equal(memberships_next_time(ms), 2000 + MEMBERSHIP_DOUBT_MS);
    memberships_destroy(ms);
}

static void
test_limits(void **state OVS_UNUSED)
{
    struct memberships *ms = create();

    /* Of one endpoint; of a peer there is none of that kind. */
    for (int i = 0; i < MEMBERSHIPS_MAX_OWN; i++) {
        assert_int_equal(join(ms, "blue", MEMBER_ENDPOINT, "a", i, 0),
                         JOIN_NEW);
    }
    assert_int_equal(join(ms, "blue", MEMBER_ENDPOINT, "a", 5000, 0),
                     JOIN_MEMBER_FULL);
    assert_int_equal(join(ms, "blue", MEMBER_ENDPOINT, "a", 0, 0),
                     JOIN_KNOWN);

    /* Of groups in a segment. */
    for (int i = 0; i < MEMBERSHIPS_MAX_GROUPS; i++) {
        assert_int_equal(join(ms, "blue", MEMBER_PEER, "p", i, 0), JOIN_NEW);
    }
    assert_int_equal(join(ms, "blue", MEMBER_PEER, "p", 5000, 0),
                     JOIN_SEGMENT_FULL);
    assert_int_equal(join(ms, "blue", MEMBER_ENDPOINT, "b", 5000, 0),
                     JOIN_SEGMENT_FULL);
    assert_int_equal(join(ms, "blue", MEMBER_ENDPOINT, "b", 999, 0),
                     JOIN_NEW);
    assert_int_equal(join(ms, "red", MEMBER_ENDPOINT, "c", 5000, 0),
                     JOIN_NEW);
    assert_int_equal(memberships_find_segment(ms, "blue")->n_refused, 3);

    /* Room is made by who leaves. */
    struct in6_addr last = group_of(998);
    memberships_leave(ms, &(struct member_id) { "blue", MEMBER_PEER, "p" },
                      &last);
    assert_int_equal(join(ms, "blue", MEMBER_ENDPOINT, "b", 5000, 0),
                     JOIN_NEW);

    /* In all. */
    for (int i = 0; memberships_count(ms) < MEMBERSHIPS_MAX; i++) {
        char id[16];

        snprintf(id, sizeof id, "p%d", i / 1000);
        join(ms, "green", MEMBER_PEER, id, i % 1000, 0);
    }
    assert_int_equal(join(ms, "green", MEMBER_ENDPOINT, "d", 1, 0),
                     JOIN_FULL);
    assert_int_equal(join(ms, "violet", MEMBER_ENDPOINT, "d", 1, 0),
                     JOIN_FULL);
    assert_null(memberships_find_segment(ms, "violet"));
    memberships_forget_segment(ms, "green");
    assert_int_equal(join(ms, "violet", MEMBER_ENDPOINT, "d", 1, 0),
                     JOIN_NEW);
    memberships_destroy(ms);
}

/* Random histories. */

enum { N_SEGMENTS = 2, N_IDS = 3, N_GROUPS = 4 };

struct model {
    long long int expires[N_SEGMENTS][N_MEMBER_KINDS][N_IDS][N_GROUPS];
};

static const char *const segments[N_SEGMENTS] = { "blue", "red" };
static const char *const ids[N_IDS] = { "a", "b", "c" };

static void
forget(struct model *model, int s, int k, int i)
{
    memset(model->expires[s][k][i], 0, sizeof model->expires[s][k][i]);
}

static void
step(struct model *model, struct memberships *ms, long long int now)
{
    int s = random_range(N_SEGMENTS), k = random_range(N_MEMBER_KINDS);
    int i = random_range(N_IDS), g = random_range(N_GROUPS);
    long long int *expires = &model->expires[s][k][i][g];
    struct member_id id = { segments[s], k, ids[i] };
    struct in6_addr group = group_of(g);

    switch (random_range(10)) {
    default:
        assert_int_equal(memberships_join(ms, &id, &group, 2, now),
                         *expires ? JOIN_KNOWN : JOIN_NEW);
        *expires = now + (k == MEMBER_PEER ? MEMBERSHIP_PEER_MS
                          : MEMBERSHIP_OWN_MS);
        break;
    case 0:
    case 1:
        assert_int_equal(memberships_leave(ms, &id, &group), *expires != 0);
        *expires = 0;
        break;
    case 2:
        assert_int_equal(memberships_doubt(ms, &id, &group, now),
                         *expires != 0);
        *expires = MIN(*expires, now + MEMBERSHIP_DOUBT_MS);
        break;
    case 3:
        memberships_member_came(ms, &id, now);
        for (g = 0; g < N_GROUPS; g++) {
            expires = &model->expires[s][k][i][g];
            *expires = MIN(*expires, now + MEMBERSHIP_DOUBT_MS);
        }
        break;
    case 4:
        memberships_forget_member(ms, &id);
        forget(model, s, k, i);
        break;
    case 5:
        if (!random_range(4)) {
            memberships_forget_segment(ms, segments[s]);
            memset(model->expires[s], 0, sizeof model->expires[s]);
        }
        break;
    }
}

static void
check(struct model *model, struct memberships *ms, long long int now)
{
    long long int next = LLONG_MAX;
    struct membership_counts counts;
    size_t n = 0;

    memberships_run(ms, now);
    for (int s = 0; s < N_SEGMENTS; s++) {
        for (int k = 0; k < N_MEMBER_KINDS; k++) {
            for (int i = 0; i < N_IDS; i++) {
                for (int g = 0; g < N_GROUPS; g++) {
                    long long int *expires = &model->expires[s][k][i][g];

                    if (*expires <= now) {
                        *expires = 0;
                    } else {
                        next = MIN(next, *expires);
                        n++;
                    }
                    assert_int_equal(is_member(ms, segments[s], k, ids[i], g),
                                     *expires != 0);
                }
            }
        }
    }
    assert_int_equal(memberships_count(ms), n);
    memberships_get_counts(ms, &counts);
    assert_int_equal(counts.n[MEMBER_ENDPOINT] + counts.n[MEMBER_PEER], n);
    assert_true(memberships_next_time(ms) == next);
    assert_int_equal(hmap_is_empty(memberships_segments(ms)), n == 0);
}

static void
test_random_history(void **state OVS_UNUSED)
{
    for (uint32_t seed = 1; seed <= 200; seed++) {
        struct memberships *ms = create();
        struct model model;
        long long int now = 1000;

        random_set_seed(seed);
        memset(&model, 0, sizeof model);
        for (int i = 0; i < 200; i++) {
            uint64_t seqno = memberships_seqno(ms);
            unsigned int before = n_changed;

            step(&model, ms, now);
            now += random_range(4) ? random_range(2000)
                                   : random_range(100000);
            check(&model, ms, now);
            assert_int_equal(memberships_seqno(ms) - seqno,
                             n_changed - before);
        }
        memberships_destroy(ms);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ages),
        cmocka_unit_test(test_doubt),
        cmocka_unit_test(test_restore),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_random_history),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
