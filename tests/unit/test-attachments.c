/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "core/attachments.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "packets.h"
#include "util.h"

static void
update(struct attachments *as, const char *name, const char *id,
       uint32_t ofport, bool active)
{
    attachments_update(as, name, &(struct vm_port) {
        .name = name, .iface_id = id, .ofport = ofport, .active = active });
}

/* 'id' is served at 'name' (NULL: nowhere) and plugged 'n' times. */
static void
check(const struct attachments *as, const char *id, const char *name, size_t n)
{
    size_t n_plugged;
    const struct vm_port *port = attachments_find(as, id, &n_plugged);

    assert_int_equal(n_plugged, n);
    assert_int_equal(!port, !name);
    if (name) {
        assert_string_equal(port->name, name);
        assert_string_equal(port->iface_id, id);
    }
}

/* Only a port with an ofport that is not inactive counts as plugged. */
static void
test_plugged(void **state OVS_UNUSED)
{
    struct attachments as;

    attachments_init(&as);
    check(&as, "a", NULL, 0);
    update(&as, "tap1", "a", 0, true);
    check(&as, "a", NULL, 0);
    update(&as, "tap1", "a", 5, false);
    check(&as, "a", NULL, 0);
    assert_int_equal(attachments_find_port(&as, "tap1")->ofport, 5);
    update(&as, "tap1", "a", 5, true);
    check(&as, "a", "tap1", 1);
    check(&as, "A", NULL, 0);
    attachments_destroy(&as);
}

/* Of several, the lower name serves it, whatever the order. */
static void
test_plugged_often(void **state OVS_UNUSED)
{
    static const char *const names[] = { "tap1", "tap2", "tap3" };

    for (size_t order = 0; order < 27; order++) {
        struct attachments as;

        attachments_init(&as);
        for (size_t i = 0, o = order; i < 3; i++, o /= 3) {
            update(&as, names[o % 3], "a", 5, true);
        }
        for (size_t i = 0; i < 3; i++) {
            if (!attachments_find_port(&as, names[i])) {
                update(&as, names[i], "a", 5, true);
            }
        }
        check(&as, "a", "tap1", 3);
        attachments_update(&as, "tap1", NULL);
        check(&as, "a", "tap2", 2);
        update(&as, "tap2", "a", 0, true);
        check(&as, "a", "tap3", 1);
        update(&as, "tap0", "a", 7, false);
        check(&as, "a", "tap3", 1);
        attachments_update(&as, "tap3", NULL);
        check(&as, "a", NULL, 0);
        attachments_destroy(&as);
    }
}

/* A port that changes its endpoint leaves the old one. */
static void
test_change_of_endpoint(void **state OVS_UNUSED)
{
    struct attachments as;

    attachments_init(&as);
    update(&as, "tap1", "a", 5, true);
    update(&as, "tap1", "b", 5, true);
    check(&as, "a", NULL, 0);
    check(&as, "b", "tap1", 1);
    attachments_update(&as, "tap1", NULL);
    attachments_update(&as, "tap1", NULL);
    check(&as, "b", NULL, 0);
    assert_null(attachments_find_port(&as, "tap1"));
    attachments_destroy(&as);
}

/* It keeps copies: what the caller does with its strings does not matter. */
static void
test_keeps_copies(void **state OVS_UNUSED)
{
    char name[] = "tap1", id[] = "a";
    struct attachments as;
    size_t n;

    attachments_init(&as);
    attachments_update(&as, name, &(struct vm_port) {
        .name = name, .iface_id = id, .ofport = 5, .active = true,
        .has_mac = true, .mac = ETH_ADDR_C(02,00,00,00,00,09) });
    name[0] = id[0] = 'x';
    check(&as, "a", "tap1", 1);
    assert_true(attachments_find(&as, "a", &n)->has_mac);
    assert_int_equal(attachments_find(&as, "a", &n)->mac.ea[5], 9);
    attachments_destroy(&as);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plugged),
        cmocka_unit_test(test_plugged_often),
        cmocka_unit_test(test_change_of_endpoint),
        cmocka_unit_test(test_keeps_copies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
