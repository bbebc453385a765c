# SPDX-License-Identifier: MIT
#
# find.cmake -- where nvcc and NVIDIA's libraries are.  cuda.cmake includes it; alone (cmake -P) it says what is
# here, and fails if anything that the wheels of libraries.txt would bring is missing.

# cuda_find_compiler(): sets NVCC and CUDA_HOME; both empty if there is none.
function(cuda_find_compiler)
  set(CUDA_HOME "" PARENT_SCOPE)
  find_program(NVCC nvcc HINTS ENV CUDA_HOME PATHS /usr/local/cuda/bin /usr/local/cuda-13.0/bin /opt/cuda/bin
    PATH_SUFFIXES bin)
  if(NOT NVCC)
    return()
  endif()
  # The compiler itself says where its toolkit is: what was found may be a script that calls it.
  execute_process(COMMAND ${NVCC} --dryrun -c ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/rows.cu
    ERROR_VARIABLE said OUTPUT_QUIET)
  if(NOT said MATCHES "TOP=([^\n]+)")
    message(FATAL_ERROR "${NVCC} does not say where its toolkit is: ${said}")
  endif()
  get_filename_component(home ${CMAKE_MATCH_1} REALPATH)
  set(CUDA_HOME ${home} PARENT_SCOPE)
endfunction()

# cuda_find_libraries(HOME): sets CUDNN_, CUBLAS_, NVRTC_, NCCL_ and CUDART_ paths, and CUDA_MISSING, names of those
# that are nowhere.  Looked for in turn: the folder that was named (CUDA_LIBRARIES), the system, the active Python's
# packages, and what libraries.sh brought.
function(cuda_find_libraries home)
  execute_process(COMMAND python3 -c "import nvidia; print(next(iter(nvidia.__path__)))"
    OUTPUT_VARIABLE python OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  # Where data are kept, as make and the program (engine/data.c) have it.
  set(data $ENV{DATA})
  if(NOT data AND DEFINED ENV{XDG_CACHE_HOME})
    set(data $ENV{XDG_CACHE_HOME}/simsiam)
  elseif(NOT data)
    set(data $ENV{HOME}/.cache/simsiam)
  endif()
  set(named ${CUDA_LIBRARIES} ${CUDA_LIBRARIES}/nvidia)
  set(places ${home} /usr ${python} ${data}/cuda/nvidia)
  set(lib lib64 lib lib/x86_64-linux-gnu)
  find_path(CUDNN_INCLUDE cudnn.h HINTS ${named} PATHS ${places} PATH_SUFFIXES cudnn/include include
    NO_DEFAULT_PATH)
  find_file(CUDNN_LIBRARY libcudnn.so.9 HINTS ${named} PATHS ${places} PATH_SUFFIXES cudnn/lib ${lib}
    NO_DEFAULT_PATH)
  find_path(CUBLAS_INCLUDE cublasLt.h HINTS ${named} PATHS ${places} PATH_SUFFIXES cu13/include include
    NO_DEFAULT_PATH)
  find_file(CUBLAS_LIBRARY libcublasLt.so.13 HINTS ${named} PATHS ${places} PATH_SUFFIXES cu13/lib ${lib}
    NO_DEFAULT_PATH)
  find_file(NVRTC_LIBRARY libnvrtc.so.13 HINTS ${named} PATHS ${places} PATH_SUFFIXES cu13/lib ${lib}
    NO_DEFAULT_PATH)
  find_file(NCCL_LIBRARY libnccl.so.2 HINTS ${named} PATHS ${places} PATH_SUFFIXES nccl/lib ${lib}
    NO_DEFAULT_PATH)
  find_file(CUDART_LIBRARY libcudart.so.13 PATHS ${home} PATH_SUFFIXES lib64 lib NO_DEFAULT_PATH)
  set(missing)
  foreach(what CUDNN_INCLUDE CUDNN_LIBRARY CUBLAS_INCLUDE CUBLAS_LIBRARY NVRTC_LIBRARY NCCL_LIBRARY CUDART_LIBRARY)
    if(NOT ${what})
      list(APPEND missing ${what})
    endif()
  endforeach()
  set(CUDA_MISSING "${missing}" PARENT_SCOPE)
endfunction()

if(CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  cuda_find_compiler()
  cuda_find_libraries("${CUDA_HOME}")
  list(REMOVE_ITEM CUDA_MISSING CUDART_LIBRARY)          # the toolkit's own
  message(STATUS "nvcc ${NVCC}; cuDNN ${CUDNN_LIBRARY}; cuBLASLt ${CUBLAS_LIBRARY}; NVRTC ${NVRTC_LIBRARY}; "
                 "NCCL ${NCCL_LIBRARY}")
  if(CUDA_MISSING)
    message(FATAL_ERROR "not here: ${CUDA_MISSING}")
  endif()
endif()
