/* SPDX-License-Identifier: MIT
 *
 * driver.c -- a libcuda.so.1 that refuses everything, for a machine without a driver.
 *
 * cuDNN is linked against it, and asks it for nothing where it plans with kernels of its own: a plan
 * that is compiled would be refused here.
 */
enum { STUB_LIBRARY = 34 };                              /* CUDA_ERROR_STUB_LIBRARY */

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
