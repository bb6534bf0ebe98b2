/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VTEPD_MEDIA_TYPE_H
#define VTEPD_MEDIA_TYPE_H 1

#include <stdbool.h>

/* Is the Content-Type 'value' the media type 'type', such as
 * "application/json", with any parameters (RFC 9110, 8.3.1)? */
bool media_type_is(const char *value, const char *type);

#endif /* media-type.h */
