/* SPDX-License-Identifier: MIT
 *
 * driver.c -- a libcuda.so.1 that refuses everything, for a machine without a driver.
 *
 * cuDNN compiles some kernels when it plans, and looks for a driver before it does.  With this one it compiles them
 * and is refused when it loads what it compiled: that is how a test knows that it came so far.
 */
enum { STUB_LIBRARY = 34 };              /* CUDA_ERROR_STUB_LIBRARY */

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
REFUSE(cuKernelSetAttribute)
REFUSE(cuLaunchCooperativeKernel)
REFUSE(cuLaunchKernel)
REFUSE(cuLaunchKernelEx)
REFUSE(cuLibraryGetKernel)
REFUSE(cuLibraryLoadData)
REFUSE(cuLibraryLoadFromFile)
REFUSE(cuLibraryUnload)
REFUSE(cuLinkAddData)
REFUSE(cuLinkComplete)
REFUSE(cuLinkCreate)
REFUSE(cuLinkDestroy)
REFUSE(cuOccupancyMaxPotentialClusterSize)
REFUSE(cuStreamGetCtx)
