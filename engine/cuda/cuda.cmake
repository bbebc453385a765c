# SPDX-License-Identifier: MIT
#
# cuda.cmake -- simsiam-cuda: the model with engine/cuda/ under it, and what can be tested of it without a card.
#
# Included by CMakeLists.txt.  -DCUDA=ON asks for the program and says what is missing; the rehearsal, which needs
# neither a toolkit nor a card, is built with the other tests.

include(engine/cuda/find.cmake)

option(CUDA "build simsiam-cuda too" OFF)
set(CUDA_LIBRARIES "" CACHE PATH "folder with cudnn/ and cu13/ (or nvidia/ with these), as NVIDIA's wheels unpack")

set(CUDA_RUNTIME_FLAGS -std=c++17 -O3 -fmad=false -gencode arch=compute_90,code=[sm_90,compute_90]
  -Werror all-warnings -Xptxas -v,--warn-on-spills -Xcompiler -Wall,-Wextra,-Werror,-fno-exceptions,-fno-rtti
  -Xcompiler -Wno-missing-field-initializers,-fno-threadsafe-statics)

# ---- what is needed --------------------------------------------------------------------------------------

# cuda_find(): finds all, or names all that is missing, and says what was taken.
function(cuda_find)
  cuda_find_compiler()
  if(NOT NVCC)
    message(FATAL_ERROR "CUDA=ON: no nvcc.  Install NVIDIA's CUDA toolkit 13.0, or set CUDA_HOME to where it is")
  endif()
  cuda_find_libraries(${CUDA_HOME})
  if(CUDA_MISSING)
    string(JOIN " " missing ${CUDA_MISSING})
    message(FATAL_ERROR "CUDA=ON: not found: ${missing}.  make -f Makefile.repro deps DEVICE=cuda brings cuDNN, "
                        "cuBLAS, NVRTC and NCCL; or name the folder that has them: -DCUDA_LIBRARIES=FOLDER")
  endif()
  message(STATUS "CUDA: nvcc ${NVCC}; cuDNN ${CUDNN_LIBRARY}; cuBLASLt ${CUBLAS_LIBRARY}; NVRTC ${NVRTC_LIBRARY}; "
                 "NCCL ${NCCL_LIBRARY} (for several devices: not linked)")
  set(CUDA_HOME ${CUDA_HOME} PARENT_SCOPE)
endfunction()

# ---- the machine and the program ------------------------------------------------------------------------

if(CUDA)
  cuda_find()
  set(kernels)
  set(reports)
  foreach(file ${MACHINE_CUDA_KERNELS})
    get_filename_component(name ${file} NAME_WE)
    set(object ${CMAKE_BINARY_DIR}/cuda/${name}.o)
    # What ptxas says of registers is kept beside the object: a test reads it.
    add_custom_command(OUTPUT ${object} ${object}.ptxas
      COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/cuda
      COMMAND bash engine/cuda/compile.sh ${object}.ptxas ${NVCC} ${CUDA_RUNTIME_FLAGS} -D_GNU_SOURCE -c ${file}
              -o ${object}
      DEPENDS ${file} ${MACHINE_CUDA_HEADERS} engine/ops.h engine/base.h engine/augment.h engine/philox.h
              engine/cuda/compile.sh engine/cuda/cuda.cmake
      WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} COMMENT "nvcc ${file}" VERBATIM)
    list(APPEND kernels ${object})
    list(APPEND reports ${object}.ptxas)
  endforeach()
  set_source_files_properties(${kernels} PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)

  add_library(machine_cuda STATIC ${MACHINE_CUDA} ${kernels})
  set_target_properties(machine_cuda PROPERTIES LINKER_LANGUAGE C)
  target_compile_options(machine_cuda PRIVATE -Werror)   # as the kernels' files
  target_include_directories(machine_cuda SYSTEM PUBLIC ${CUDA_HOME}/include ${CUDNN_INCLUDE} ${CUBLAS_INCLUDE})
  get_filename_component(cudnn ${CUDNN_LIBRARY} DIRECTORY)
  get_filename_component(cublas ${CUBLAS_LIBRARY} DIRECTORY)
  get_filename_component(cudart ${CUDART_LIBRARY} DIRECTORY)
  get_filename_component(nvrtc ${NVRTC_LIBRARY} DIRECTORY)
  # The old kind of path: the libraries load others of their own when they run, and those are looked for here too.
  # cuDNN and cuBLASLt load NVRTC by name if they compile a kernel, wherever it lies: so it is loaded before.  No
  # plan of cuDNN's is compiled; what cuBLASLt does only a card says.
  target_link_libraries(machine_cuda PUBLIC ${CUDNN_LIBRARY} ${CUBLAS_LIBRARY} ${CUDART_LIBRARY} m
    -Wl,--push-state,--no-as-needed ${NVRTC_LIBRARY} -Wl,--pop-state -Wl,--fatal-warnings
    -Wl,--disable-new-dtags -Wl,-rpath,${cudnn} -Wl,-rpath,${cublas} -Wl,-rpath,${cudart} -Wl,-rpath,${nvrtc})

  # The same objects but for one: the hash of what computes a run names this machine's sources, not the CPU's.
  set(HASHED_CUDA ${COMPUTING} ${MACHINE_CUDA} ${MACHINE_CUDA_KERNELS} ${MACHINE_CUDA_HEADERS})
  list(REMOVE_ITEM HASHED_CUDA engine/cuda/peak.cu)
  string(JOIN " " FLAGS_CUDA "${USER_FLAGS}" ${NUMBER_FLAGS} nvcc: ${CUDA_RUNTIME_FLAGS})
  code_hashes(${GENERATED}/cuda/code_hash.h "${FLAGS_CUDA}" ${HASHED_CUDA})
  add_library(code_cuda OBJECT experiments/methods/code.c ${GENERATED}/cuda/code_hash.h)
  target_include_directories(code_cuda PRIVATE ${GENERATED}/cuda)

  get_target_property(libraries model LINK_LIBRARIES)
  set(model_cuda $<FILTER:$<TARGET_OBJECTS:model>,EXCLUDE,/experiments/methods/code.c\\.o$>
    $<TARGET_OBJECTS:code_cuda>)
  add_executable(simsiam-cuda experiments/commands/main.c ${model_cuda})
  add_dependencies(simsiam-cuda model build_info)
  target_include_directories(simsiam-cuda PRIVATE ${GENERATED})
  target_link_libraries(simsiam-cuda PRIVATE machine_cuda ${libraries})
endif()
