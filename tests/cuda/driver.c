/* SPDX-License-Identifier: MIT
 *
 * driver.c -- a libcuda.so.1 that loads everything and runs nothing, for a machine without a
 * driver.
 *
 * cuDNN compiles some kernels when it plans; it has the driver load what it compiled, and asks for
 * the kernel by its name.  That is all it asks, so with this driver such plans are finished, and
 * tell what they need.  What would compute, or has to do with a device, is refused.
 */
enum { SUCCESS = 0, STUB_LIBRARY = 34 };                 /* CUDA_SUCCESS, CUDA_ERROR_STUB_LIBRARY */

/* A library and a kernel that nobody looks into. */
int cuLibraryLoadData(void **library, const void *code, void *jit, void **jit_values,
                      unsigned jit_n, void *option, void **option_values, unsigned option_n);
int cuLibraryLoadData(void **library, const void *code, void *jit, void **jit_values,
                      unsigned jit_n, void *option, void **option_values, unsigned option_n)
{
    static char loaded;
    (void)code, (void)jit, (void)jit_values, (void)jit_n, (void)option, (void)option_values,
        (void)option_n;
    *library = &loaded;
    return SUCCESS;
}

int cuLibraryGetKernel(void **kernel, void *library, const char *name);
int cuLibraryGetKernel(void **kernel, void *library, const char *name)
{
    static char found;
    (void)library;
    (void)name;
    *kernel = &found;
    return SUCCESS;
}

#define ALLOW(name) int name(void); int name(void) { return SUCCESS; }
ALLOW(cuKernelSetAttribute)
ALLOW(cuLibraryUnload)

#define REFUSE(name) int name(void); int name(void) { return STUB_LIBRARY; }
REFUSE(cuCtxGetCurrent)
REFUSE(cuCtxGetLimit)
REFUSE(cuCtxPopCurrent)
REFUSE(cuCtxPushCurrent)
REFUSE(cuDeviceGet)
REFUSE(cuDeviceGetCount)
REFUSE(cuDriverGetVersion)
REFUSE(cuGetErrorName)
REFUSE(cuGetErrorString)
REFUSE(cuKernelGetAttribute)
REFUSE(cuLaunchCooperativeKernel)
REFUSE(cuLaunchKernel)
REFUSE(cuLaunchKernelEx)
REFUSE(cuLibraryLoadFromFile)
REFUSE(cuLinkAddData)
REFUSE(cuLinkComplete)
REFUSE(cuLinkCreate)
REFUSE(cuLinkDestroy)
REFUSE(cuOccupancyMaxPotentialClusterSize)
REFUSE(cuStreamGetCtx)
