# SPDX-License-Identifier: MIT
#
# cuda.cmake -- simsiam-cuda: the model with engine/cuda/ under it, and what can be tested of it without a card.
#
# Included by CMakeLists.txt.  -DCUDA=ON asks for the program and says what is missing; the rehearsal, which needs
# neither a toolkit nor a card, is built with the other tests.

option(CUDA "build simsiam-cuda too" OFF)
set(CUDA_LIBRARIES "" CACHE PATH "folder with cudnn/ and cu13/ (or nvidia/ with these), as NVIDIA's wheels unpack")

set(CUDA_RUNTIME_FLAGS -std=c++17 -O3 -fmad=false -gencode arch=compute_90,code=[sm_90,compute_90]
  -Werror all-warnings -Xptxas -v,--warn-on-spills -Xcompiler -Wall,-Wextra,-Werror,-fno-exceptions,-fno-rtti
  -Xcompiler -fno-threadsafe-statics)

# ---- what is needed --------------------------------------------------------------------------------------

# cuda_find(): sets NVCC, CUDA_HOME, and CUDNN_, CUBLAS_ and CUDART_ paths; or names all that is missing.
function(cuda_find)
  find_program(NVCC nvcc HINTS ENV CUDA_HOME PATHS /usr/local/cuda/bin /usr/local/cuda-13.0/bin /opt/cuda/bin
    PATH_SUFFIXES bin)
  if(NOT NVCC)
    message(FATAL_ERROR "CUDA=ON: no nvcc.  Install NVIDIA's CUDA toolkit 13.0, or set CUDA_HOME to where it is")
  endif()
  # The compiler itself says where its toolkit is: what was found may be a script that calls it.
  execute_process(COMMAND ${NVCC} --dryrun -c engine/cuda/rows.cu WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
    ERROR_VARIABLE said OUTPUT_QUIET)
  if(NOT said MATCHES "TOP=([^\n]+)")
    message(FATAL_ERROR "CUDA=ON: ${NVCC} does not say where its toolkit is: ${said}")
  endif()
  get_filename_component(home ${CMAKE_MATCH_1} REALPATH)
  # The folder that was named, the system, the active Python's packages, and what libraries.sh brought.
  execute_process(COMMAND python3 -c "import nvidia; print(next(iter(nvidia.__path__)))"
    OUTPUT_VARIABLE python OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  set(wheels ${CUDA_LIBRARIES} ${CUDA_LIBRARIES}/nvidia)
  # Where data are kept, as make and the program (engine/data.c) have it.
  set(data $ENV{DATA})
  if(NOT data AND DEFINED ENV{XDG_CACHE_HOME})
    set(data $ENV{XDG_CACHE_HOME}/simsiam)
  elseif(NOT data)
    set(data $ENV{HOME}/.cache/simsiam)
  endif()
  set(fetched ${data}/cuda/nvidia)
  find_path(CUDNN_INCLUDE cudnn.h HINTS ${wheels} PATHS /usr ${home} ${python} ${fetched}
    PATH_SUFFIXES cudnn/include include NO_DEFAULT_PATH)
  find_file(CUDNN_LIBRARY NAMES libcudnn.so.9 HINTS ${wheels} PATHS /usr ${home} ${python} ${fetched}
    PATH_SUFFIXES cudnn/lib lib64 lib lib/x86_64-linux-gnu NO_DEFAULT_PATH)
  find_path(CUBLAS_INCLUDE cublasLt.h HINTS ${wheels} PATHS ${home} /usr ${python} ${fetched}
    PATH_SUFFIXES cu13/include include NO_DEFAULT_PATH)
  find_file(CUBLAS_LIBRARY NAMES libcublasLt.so.13 HINTS ${wheels} PATHS ${home} /usr ${python} ${fetched}
    PATH_SUFFIXES cu13/lib lib64 lib lib/x86_64-linux-gnu NO_DEFAULT_PATH)
  find_file(CUDART_LIBRARY NAMES libcudart.so.13 PATHS ${home} PATH_SUFFIXES lib64 lib NO_DEFAULT_PATH)
  foreach(what CUDNN_INCLUDE CUDNN_LIBRARY CUBLAS_INCLUDE CUBLAS_LIBRARY CUDART_LIBRARY)
    if(NOT ${what})
      string(APPEND missing " ${what}")
    endif()
  endforeach()
  if(missing)
    message(FATAL_ERROR "CUDA=ON: not found:${missing}.  make -f Makefile.repro deps DEVICE=cuda brings cuDNN and "
                        "cuBLAS; or name the folder that has them: -DCUDA_LIBRARIES=FOLDER")
  endif()
  message(STATUS "CUDA: nvcc ${NVCC}; cuDNN ${CUDNN_LIBRARY}; cuBLASLt ${CUBLAS_LIBRARY}")
  set(CUDA_HOME ${home} PARENT_SCOPE)
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
  target_include_directories(machine_cuda SYSTEM PUBLIC ${CUDA_HOME}/include ${CUDNN_INCLUDE} ${CUBLAS_INCLUDE})
  get_filename_component(cudnn ${CUDNN_LIBRARY} DIRECTORY)
  get_filename_component(cublas ${CUBLAS_LIBRARY} DIRECTORY)
  get_filename_component(cudart ${CUDART_LIBRARY} DIRECTORY)
  # The old kind of path: the libraries load others of their own when they run, and those are looked for here too.
  target_link_libraries(machine_cuda PUBLIC ${CUDNN_LIBRARY} ${CUBLAS_LIBRARY} ${CUDART_LIBRARY} m
    -Wl,--disable-new-dtags -Wl,-rpath,${cudnn} -Wl,-rpath,${cublas} -Wl,-rpath,${cudart})

  # The same objects but for one: the hash of what computes a run names this machine's sources, not the CPU's.
  set(HASHED_CUDA ${COMPUTING} ${MACHINE_CUDA} ${MACHINE_CUDA_KERNELS} ${MACHINE_CUDA_HEADERS})
  list(SORT HASHED_CUDA)
  string(JOIN " " FLAGS_CUDA "${USER_FLAGS}" ${NUMBER_FLAGS} nvcc: ${CUDA_RUNTIME_FLAGS})
  file(MAKE_DIRECTORY ${GENERATED}/cuda)
  add_custom_command(OUTPUT ${GENERATED}/cuda/code_hash.h
    COMMAND ${CMAKE_COMMAND} "-DFILES=${HASHED_CUDA}" "-DFLAGS=${FLAGS_CUDA}"
            -DOUTPUT=${GENERATED}/cuda/code_hash.h -P engine/code_hash.cmake
    DEPENDS ${HASHED_CUDA} engine/code_hash.cmake
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} COMMENT "" VERBATIM)
  add_library(settings_cuda OBJECT experiments/settings.c ${GENERATED}/cuda/code_hash.h)
  target_include_directories(settings_cuda PRIVATE ${GENERATED}/cuda)

  get_target_property(libraries model LINK_LIBRARIES)
  set(model_cuda $<FILTER:$<TARGET_OBJECTS:model>,EXCLUDE,/experiments/settings.c\\.o$>
    $<TARGET_OBJECTS:settings_cuda>)
  add_executable(simsiam-cuda experiments/main.c ${model_cuda})
  add_dependencies(simsiam-cuda model build_info)
  target_include_directories(simsiam-cuda PRIVATE ${GENERATED})
  target_link_libraries(simsiam-cuda PRIVATE machine_cuda ${libraries})
endif()
