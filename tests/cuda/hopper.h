/* SPDX-License-Identifier: MIT
 *
 * hopper.h -- a card that is described to cuDNN, for tests without one.
 */
#pragma once
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "../../engine/cuda/cudnn_plan.h"

static inline cudnnBackendDescriptor_t hopper(void)
{
    size_t bytes;
    cudnnBackendDescriptor_t d;
    char *const json = file_read(HOPPER, &bytes);
    assert_non_null(json);
    while (bytes > 0 && json[bytes - 1] == '\n') bytes--;
    assert_int_equal(cudnnBackendCreateDescriptor(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR, &d),
                     CUDNN_STATUS_SUCCESS);
    assert_int_equal(cudnnBackendSetAttribute(d, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION,
                                              CUDNN_TYPE_CHAR, (int64_t)bytes, json),
                     CUDNN_STATUS_SUCCESS);
    assert_int_equal(cudnnBackendFinalize(d), CUDNN_STATUS_SUCCESS);
    free(json);
    return d;
}

static int device_describe(void **state)
{
    *state = hopper();
    return 0;
}

static int device_forget(void **state)
{
    return cudnnBackendDestroyDescriptor(*state) != CUDNN_STATUS_SUCCESS;
}
