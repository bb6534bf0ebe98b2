/* SPDX-License-Identifier: Apache-2.0 */

/* Router solicitations of a VM: a whole Ethernet frame.  What is accepted is
 * whole, from the link, and ICMPv6 of that type. */

#include <config.h>

#include "fuzz.h"
#include "services/router-advert.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *reason = router_solicit_check(data, size);

    if (reason) {
        fuzz_check_sentence(reason);
    } else {
        fuzz_check(size >= 14 + 40 + 8);
        fuzz_check(data[12] == 0x86 && data[13] == 0xdd);
        fuzz_check(data[20] == 58 && data[21] == 255);
        fuzz_check(data[54] == 133 && data[55] == 0);
    }
    return 0;
}
