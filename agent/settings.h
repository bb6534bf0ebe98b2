/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_SETTINGS_H
#define VTEPD_SETTINGS_H 1

/* From the settings (config.h) to the parts that go by them: once when all
 * that is required is there, and again with every change while running. */

struct agent;

void settings_run(struct agent *);
void settings_wait(const struct agent *);

#endif /* settings.h */
