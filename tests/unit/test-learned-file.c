/* SPDX-License-Identifier: Apache-2.0 */

/* The file of what was learned, on a real file system: what was written comes
 * back, and what could not have been written so is not believed. */

#include <config.h>
#include "ovs-json.h"

#include "agent/learned-file.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "openvswitch/vlog.h"
#include "util.h"

static char *dir;               /* Made anew for each test. */

/* A section that keeps one number. */
struct number {
    long long int value;
    unsigned int n_read, n_written;
};

static struct json *
number_to_json(void *number_)
{
    struct number *number = number_;

    number->n_written++;
    return json_integer_create(number->value);
}

static void
number_from_json(const struct json *json, void *number_)
{
    struct number *number = number_;

    assert_int_equal(json->type, JSON_INTEGER);
    number->value = json_integer(json);
    number->n_read++;
}

static struct learned_file *
create(struct number *a, struct number *b)
{
    struct learned_file *file = learned_file_create();
    const struct learned_section sections[] = {
        { "a", a, number_to_json, number_from_json },
        { "b", b, number_to_json, number_from_json },
    };

    learned_file_add_section(file, &sections[0]);
    learned_file_add_section(file, &sections[1]);
    return file;
}

/* What the file of 'host' holds for 'a' and 'b'; -1: nothing. */
static char *
read_back(const char *host, int *a, int *b)
{
    struct number na = { .value = -1 }, nb = { .value = -1 };
    struct learned_file *file = create(&na, &nb);

    learned_file_configure(file, dir, host);
    char *error = nullable_xstrdup(learned_file_error(file));
    learned_file_destroy(file);
    *a = na.value;
    *b = nb.value;
    return error;
}

static void
check_read(const char *host, int a, int b, const char *error)
{
    int got_a, got_b;
    char *got = read_back(host, &got_a, &got_b);

    assert_int_equal(got_a, a);
    assert_int_equal(got_b, b);
    if (error) {
        assert_non_null(got);
        assert_non_null(strstr(got, error));
    } else {
        assert_null(got);
    }
    free(got);
}

static void
write_numbers(int a, int b)
{
    struct number na = { .value = a }, nb = { .value = b };
    struct learned_file *file = create(&na, &nb);

    learned_file_configure(file, dir, "hv1");
    na.value = a;
    nb.value = b;
    learned_file_changed(file);
    learned_file_flush(file);
    assert_null(learned_file_error(file));
    learned_file_destroy(file);
}

static char *
path(void)
{
    return xasprintf("%s/learned-hv1.json", dir);
}

static void
write_text(const char *text)
{
    char *name = path();
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    free(name);
}

static char *
read_text(void)
{
    char *name = path();
    char *text = xzalloc(4096);
    int fd = open(name, O_RDONLY);

    assert_true(fd >= 0);
    assert_true(read(fd, text, 4095) > 0);
    close(fd);
    free(name);
    return text;
}

static void
test_comes_back(void **state OVS_UNUSED)
{
    check_read("hv1", -1, -1, NULL);
    write_numbers(5, 6);
    check_read("hv1", 5, 6, NULL);
    check_read("hv2", -1, -1, NULL);
    write_numbers(7, 6);
    check_read("hv1", 7, 6, NULL);

    char *text = read_text();
    assert_non_null(strstr(text, "{\"format\":1,\"host\":\"hv1\",\n\"a\":7,\n"
                           "\"b\":6,\n\"sha1\":\""));
    free(text);

    struct stat s;
    char *name = path();
    assert_int_equal(stat(name, &s), 0);
    assert_int_equal(s.st_mode & 0777, 0600);
    free(name);
}

/* The folder is made, one level of it. */
static void
test_folder(void **state OVS_UNUSED)
{
    char *outer = dir;

    dir = xasprintf("%s/made", outer);
    write_numbers(1, 2);
    check_read("hv1", 1, 2, NULL);
    free(dir);
    dir = outer;
}

static void
test_damaged(void **state OVS_UNUSED)
{
    write_numbers(5, 6);
    char *text = read_text();

    for (size_t i = 0; text[i]; i += 7) {
        char *other = xstrdup(text);

        other[i] ^= 1;
        write_text(other);
        check_read("hv1", -1, -1, "damaged");
        free(other);
    }
    for (size_t i = 1; text[i]; i += 5) {
        char *shorter = xmemdup0(text, i);

        write_text(shorter);
        check_read("hv1", -1, -1, "damaged");
        free(shorter);
    }
    free(text);
}

/* Whole, but not what is meant. */
static void
test_another(void **state OVS_UNUSED)
{
    static const char *const texts[][2] = {
        { "{\"format\":2,\"host\":\"hv1\",\"a\":1,\n"
          "\"sha1\":\"%s\"}\n", "format" },
        { "{\"format\":1,\"host\":\"hv2\",\"a\":1,\n"
          "\"sha1\":\"%s\"}\n", "another host" },
        { "{\"format\":1,\"host\":7,\"a\":1,\n"
          "\"sha1\":\"%s\"}\n", "another host" },
        { "{\"a\":1,\n\"sha1\":\"%s\"}\n", "format" },
        { "[{\n\"sha1\":\"%s\"}\n", "object" },
    };

    /* The sums are computed elsewhere, so that the test does not rest on
     * what it tests. */
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        char *head = xmemdup0(texts[i][0], strstr(texts[i][0], "\"sha1\"")
                              - texts[i][0]);
        char *command = xasprintf("printf '%%s' '%s' | sha1sum", head);
        FILE *sum = popen(command, "r");
        char hex[41];

        assert_int_equal(fscanf(sum, "%40s", hex), 1);
        pclose(sum);
        char *text = xasprintf("%s\"sha1\":\"%s\"}\n", head, hex);
        write_text(text);
        check_read("hv1", -1, -1, texts[i][1]);
        free(text);
        free(command);
        free(head);
    }
}

static void
test_not_ours(void **state OVS_UNUSED)
{
    char *name = path();

    write_numbers(5, 6);
    chmod(name, 0620);
    check_read("hv1", -1, -1, "written by others");
    chmod(name, 0600);
    check_read("hv1", 5, 6, NULL);

    char *other = xasprintf("%s/other", dir);
    assert_int_equal(rename(name, other), 0);
    assert_int_equal(symlink(other, name), 0);
    check_read("hv1", -1, -1, "cannot be read");
    unlink(name);
    assert_int_equal(mkfifo(name, 0600), 0);
    check_read("hv1", -1, -1, "regular");
    unlink(name);
    assert_int_equal(truncate(other, 17 * 1024 * 1024), 0);
    assert_int_equal(rename(other, name), 0);
    check_read("hv1", -1, -1, "16 MiB");
    free(other);
    free(name);
}

/* Many changes are one file; one that cannot be written is tried again. */
static void
test_waits(void **state OVS_UNUSED)
{
    struct number a = { .value = 1 }, b = { .value = 2 };
    struct learned_file *file = create(&a, &b);
    char *outer = dir;

    dir = xasprintf("%s/a/b", outer);       /* Cannot be made: no parent. */
    learned_file_configure(file, dir, "hv1");
    for (int i = 0; i < 100; i++) {
        learned_file_changed(file);
        learned_file_run(file, 5000);
    }
    learned_file_run(file, 5999);
    assert_int_equal(a.n_written, 0);
    learned_file_run(file, 6000);
    assert_int_equal(a.n_written, 1);
    assert_non_null(strstr(learned_file_error(file), "cannot be written"));

    char *parent = dir_name(dir);
    assert_int_equal(mkdir(parent, 0700), 0);
    learned_file_run(file, 15999);
    assert_int_equal(a.n_written, 1);
    learned_file_run(file, 16000);
    assert_int_equal(a.n_written, 2);
    assert_null(learned_file_error(file));
    learned_file_run(file, 1000000);
    learned_file_flush(file);
    assert_int_equal(a.n_written, 2);
    learned_file_destroy(file);
    check_read("hv1", 1, 2, NULL);
    free(parent);
    free(dir);
    dir = outer;
}

static int
setup(void **state OVS_UNUSED)
{
    dir = xstrdup("/tmp/vtepd-test-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int
teardown(void **state OVS_UNUSED)
{
    char *command = xasprintf("rm -rf %s", dir);
    int status = system(command);

    free(command);
    free(dir);
    return status;
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_comes_back),
        TEST(test_folder),
        TEST(test_damaged),
        TEST(test_another),
        TEST(test_not_ours),
        TEST(test_waits),
    };

    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
