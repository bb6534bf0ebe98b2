/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "cloud/webhook-signature.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "util.h"

/* The example that the libraries of Standard Webhooks test themselves with. */
#define KEY "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define ID "msg_p5jXN8AQM9LWM0D4loKWxJek"
#define TIMESTAMP "1614265330"
#define BODY "{\"test\": 2432232314}"
#define SIGNATURE "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
static const long long int now = 1614265330;

static const struct webhook_signed example = { ID, TIMESTAMP, SIGNATURE };

/* A signature of the right form, by nobody. */
#define WRONG "v1,AAhM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

static struct webhook_secret
secret_from_base64(const char *s)
{
    struct webhook_secret secret;

    secret.len = EVP_DecodeBlock(secret.key, (const unsigned char *) s,
                                 strlen(s));
    return secret;
}

static bool
matches(const struct webhook_signed *s, const char *body)
{
    struct webhook_secret secret = secret_from_base64(KEY);

    return webhook_signature_matches(s, &secret, 1, body, strlen(body));
}

static void
test_example(void **state OVS_UNUSED)
{
    assert_null(webhook_signature_check_headers(&example, now));
    assert_true(matches(&example, BODY));
}

/* Every byte that is signed counts. */
static void
test_any_change(void **state OVS_UNUSED)
{
    char body[] = BODY;

    for (size_t i = 0; i < strlen(BODY); i++) {
        body[i] ^= 1;
        assert_false(matches(&example, body));
        body[i] ^= 1;
    }
    assert_false(matches(&example, BODY " "));
    assert_false(matches(&example, ""));

    struct webhook_signed s = example;
    s.id = ID "x";
    assert_false(matches(&s, BODY));
    s = example;
    s.timestamp = "1614265331";
    assert_false(matches(&s, BODY));

    char signature[] = SIGNATURE;
    s = example;
    s.signature = signature;
    for (size_t i = strlen("v1,"); i < strlen(SIGNATURE); i++) {
        signature[i] ^= 1;
        assert_false(matches(&s, BODY));
        signature[i] ^= 1;
    }
    assert_true(matches(&s, BODY));
}

static void
test_several_signatures(void **state OVS_UNUSED)
{
    static const struct {
        const char *signature;
        bool ok;
    } cases[] = {
        { SIGNATURE " " WRONG, true },
        { WRONG " " SIGNATURE, true },
        { "  " WRONG "   " SIGNATURE "  ", true },
        { "v1a,abcdef " SIGNATURE, true },
        { "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= " SIGNATURE,
          true },
        { WRONG " " WRONG, false },
        { "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= " WRONG, false },
        { WRONG "," SIGNATURE, false },
        { WRONG " x" SIGNATURE, false },

        /* After many others it is not looked for any more. */
        { WRONG " " WRONG " " WRONG " " WRONG " " WRONG " " WRONG " " WRONG " "
          WRONG " " WRONG " " WRONG " " WRONG " " WRONG " " WRONG " " WRONG " "
          WRONG " " WRONG " " SIGNATURE, false },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct webhook_signed s = example;

        s.signature = cases[i].signature;
        if (matches(&s, BODY) != cases[i].ok) {
            fail_msg("\"%s\"", cases[i].signature);
        }
    }
}

/* Rotation: any of the secrets will do. */
static void
test_several_secrets(void **state OVS_UNUSED)
{
    struct webhook_secret secrets[3];

    secrets[0] = secret_from_base64("AfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    secrets[1] = secrets[0];
    secrets[1].key[5]++;
    secrets[2] = secret_from_base64(KEY);
    for (size_t n = 0; n <= 3; n++) {
        assert_int_equal(n == 3, webhook_signature_matches(
                             &example, secrets, n, BODY, strlen(BODY)));
    }
}

static void
test_headers(void **state OVS_UNUSED)
{
    static const char long_id[257] = {
        [0 ... 255] = 'x'
    };
    static const struct {
        struct webhook_signed s;
        const char *error;      /* A part of the sentence. */
    } cases[] = {
        { { NULL, TIMESTAMP, SIGNATURE }, "webhook-id is missing" },
        { { ID, NULL, SIGNATURE }, "webhook-timestamp is missing" },
        { { ID, TIMESTAMP, NULL }, "webhook-signature is missing" },
        { { "", TIMESTAMP, SIGNATURE }, "webhook-id is not" },
        { { "a b", TIMESTAMP, SIGNATURE }, "webhook-id is not" },
        { { "a\nb", TIMESTAMP, SIGNATURE }, "webhook-id is not" },
        { { "\xc3\xa4", TIMESTAMP, SIGNATURE }, "webhook-id is not" },
        { { long_id, TIMESTAMP, SIGNATURE }, "webhook-id is not" },
        { { long_id + 1, TIMESTAMP, SIGNATURE }, NULL },
        { { ID, "", SIGNATURE }, "not a number of seconds" },
        { { ID, "-1614265330", SIGNATURE }, "not a number of seconds" },
        { { ID, "+1614265330", SIGNATURE }, "not a number of seconds" },
        { { ID, " 1614265330", SIGNATURE }, "not a number of seconds" },
        { { ID, "1614265330 ", SIGNATURE }, "not a number of seconds" },
        { { ID, "1614265330.0", SIGNATURE }, "not a number of seconds" },
        { { ID, "0x60380c32", SIGNATURE }, "not a number of seconds" },
        { { ID, "2021-02-25T15:02:10Z", SIGNATURE },
          "not a number of seconds" },
        { { ID, "99999999999999999999999999", SIGNATURE },
          "not a number of seconds" },
        { { ID, "999999999999", SIGNATURE }, "ahead of this host's clock" },
        { { ID, "0", SIGNATURE }, "1614265330 s behind this host's clock" },
        { { ID, "1614265029", SIGNATURE }, "301 s behind this host's clock" },
        { { ID, "1614265030", SIGNATURE }, NULL },
        { { ID, "1614265630", SIGNATURE }, NULL },
        { { ID, "1614265631", SIGNATURE }, "301 s ahead of this host's" },
        { { ID, TIMESTAMP, "" }, "has no signature" },
        { { ID, TIMESTAMP, "v1," }, "has no signature" },
        { { ID, TIMESTAMP, "v1,AAAA" }, "has no signature" },
        { { ID, TIMESTAMP, "v1a,AAAA v2,BBBB" }, "has no signature" },
        { { ID, TIMESTAMP, WRONG }, NULL },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *error = webhook_signature_check_headers(&cases[i].s, now);

        if (!error != !cases[i].error
            || (error && !strstr(error, cases[i].error))) {
            fail_msg("case %"PRIuSIZE": %s", i, error ? error : "no error");
        }
        free(error);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_example),
        cmocka_unit_test(test_any_change),
        cmocka_unit_test(test_several_signatures),
        cmocka_unit_test(test_several_secrets),
        cmocka_unit_test(test_headers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
