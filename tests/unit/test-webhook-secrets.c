/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "cloud/webhook-secrets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cloud/webhook-signature.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "util.h"

/* 24 bytes: 0x00, 0x10, 0x83, ... */
#define A "whsec_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef"
#define B "whsec_ghijklmnopqrstuvwxyz0123456789+/"

/* 25, 26, 64, 23 and 65 bytes. */
#define B25 "whsec_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefgA=="
#define B26 "whsec_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghA="
#define B64 "whsec_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefABCDEFGHIJKLMNOPQRSTUVWX" \
            "YZabcdefABCDEFGHIJKLMNOPQRSTUQ=="
#define B23 "whsec_ABCDEFGHIJKLMNOPQRSTUVWXYZabcde="
#define B65 "whsec_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefABCDEFGHIJKLMNOPQRSTUVWX" \
            "YZabcdefABCDEFGHIJKLMNOPQRSTUVc="

static char path[] = "/tmp/test-webhook-secrets.XXXXXX";

static void
write_file(const char *contents, size_t len)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fwrite(contents, 1, len, f);
    fclose(f);
    assert_int_equal(chmod(path, 0600), 0);
}

/* Returns the number of secrets, or fails if 'error' is not what is said. */
static size_t
try_file(const char *contents, const char *error)
{
    struct webhook_secrets *secrets;
    char *e = NULL;
    size_t n = 0;

    write_file(contents, strlen(contents));
    secrets = webhook_secrets_create(path, &e);
    if (error ? !e || !strstr(e, error) : !secrets) {
        fail_msg("not \"%s\" but \"%s\"", error ? error : "", e ? e : "");
    }
    if (secrets) {
        webhook_secrets_get(secrets, &n);
    } else {
        assert_non_null(strstr(e, path));
        assert_null(strstr(e, "ABCD"));
    }
    webhook_secrets_destroy(secrets);
    free(e);
    return n;
}

static void
test_good(void **state OVS_UNUSED)
{
    static const uint8_t start[] = { 0x00, 0x10, 0x83, 0x10, 0x51, 0x87 };
    struct webhook_secrets *secrets;
    const struct webhook_secret *list;
    char *error;
    size_t n;

    assert_int_equal(try_file(A, NULL), 1);
    assert_int_equal(try_file(A "\n", NULL), 1);
    assert_int_equal(try_file(A "\r\n" B "\r\n", NULL), 2);
    assert_int_equal(try_file("# one\n\n" A " \n#" B "\n\n", NULL), 1);
    assert_int_equal(try_file(B25 "\n" B26 "\n" B64 "\n", NULL), 3);

    secrets = webhook_secrets_create(path, &error);
    list = webhook_secrets_get(secrets, &n);
    assert_int_equal(list[0].len, 25);
    assert_int_equal(list[1].len, 26);
    assert_int_equal(list[2].len, 64);
    assert_memory_equal(list[0].key, start, sizeof start);
    webhook_secrets_destroy(secrets);
}

static void
test_bad(void **state OVS_UNUSED)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    try_file("", "it holds no secret");
    try_file("# " A "\n", "it holds no secret");
    try_file(A "\nABCDEFGHIJKLMNOPQRSTUVWXYZabcdef\n", "line 2 is not");
    try_file("whsec_\n", "line 1 is not");
    try_file("whsk_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef\n", "line 1 is not");
    try_file("whsec_ABCDEFGHIJKLMNOPQRSTUVWXYZabcde\n", "line 1 is not");
    try_file("whsec_ABCDEFGHIJKLMNOPQRSTUVWXYZabcd-_\n", "line 1 is not");
    try_file("whsec_ABCDEFGHIJKLMNOPQRSTUVWXYZab==ef\n", "line 1 is not");
    try_file(A " " B "\n", "line 1 is not");
    try_file(" " A "\n", "line 1 is not");
    try_file(B23 "\n", "line 1 is not");
    try_file(B65 "\n", "line 1 is not");
    for (int i = 0; i < WEBHOOK_SECRETS_MAX + 1; i++) {
        ds_put_cstr(&s, A "\n");
    }
    try_file(ds_cstr(&s), "more than 16 secrets");
    for (int i = 0; i < 1000; i++) {
        ds_put_cstr(&s, "# a comment\n");
    }
    for (int i = 0; i < 1000; i++) {
        ds_put_cstr(&s, "# a comment\n");
    }
    try_file(ds_cstr(&s), "too large");
    ds_destroy(&s);
}

static void
test_who_can_read(void **state OVS_UNUSED)
{
    static const struct {
        int mode;
        bool ok;
    } cases[] = {
        { 0600, true }, { 0400, true }, { 0640, true }, { 0660, true },
        { 0644, false }, { 0604, false }, { 0602, false }, { 0666, false },
    };

    write_file(A, strlen(A));
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *error = NULL;

        assert_int_equal(chmod(path, cases[i].mode), 0);

        struct webhook_secrets *secrets = webhook_secrets_create(path, &error);
        assert_int_equal(secrets != NULL, cases[i].ok);
        assert_true(!error || strstr(error, "chmod o-rw"));
        webhook_secrets_destroy(secrets);
        free(error);
    }

    char *error = NULL;
    assert_null(webhook_secrets_create("/tmp", &error));
    assert_non_null(strstr(error, "not a regular file"));
    free(error);
}

static size_t
run_and_count(struct webhook_secrets *secrets, long long int now)
{
    size_t n;

    webhook_secrets_run(secrets, now);
    webhook_secrets_get(secrets, &n);
    return n;
}

/* What becomes unusable while it is in use changes nothing. */
static void
test_changes(void **state OVS_UNUSED)
{
    char *error;

    write_file(A, strlen(A));

    struct webhook_secrets *secrets = webhook_secrets_create(path, &error);
    assert_int_equal(run_and_count(secrets, 1000), 1);

    write_file(A "\n" B, strlen(A "\n" B));
    assert_int_equal(run_and_count(secrets, 2000), 2);
    assert_null(webhook_secrets_error(secrets));

    write_file("x", 1);
    assert_int_equal(run_and_count(secrets, 3000), 2);
    assert_non_null(strstr(webhook_secrets_error(secrets), "line 1"));
    assert_int_equal(run_and_count(secrets, 4000), 2);
    assert_non_null(strstr(webhook_secrets_error(secrets), "line 1"));

    write_file(A, strlen(A));
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(run_and_count(secrets, 5000), 2);
    assert_non_null(strstr(webhook_secrets_error(secrets), "chmod o-rw"));

    assert_int_equal(unlink(path), 0);
    assert_int_equal(run_and_count(secrets, 6000), 2);
    assert_non_null(strstr(webhook_secrets_error(secrets), "No such file"));

    write_file(B, strlen(B));
    assert_int_equal(run_and_count(secrets, 7000), 1);
    assert_null(webhook_secrets_error(secrets));
    webhook_secrets_destroy(secrets);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_who_can_read),
        cmocka_unit_test(test_changes),
    };
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    close(fd);
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);

    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return n_failed;
}
