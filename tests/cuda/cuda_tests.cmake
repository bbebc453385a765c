# SPDX-License-Identifier: MIT
#
# cuda.cmake -- tests of the CUDA machine: its kernels rehearsed on the host, in every build; with CUDA=ON what can
# be said of it without a card, and the ops' own tests for a card (label gpu, skipped where there is none).

set(OPS_TESTS ops_conv ops_fc ops_norm ops_rows ops_loss ops_eval ops_contrast ops_queue ops_sinkhorn)
set(FP16_TESTS ops_conv ops_fc ops_norm ops_rows ops_loss ops_contrast)

# machine_test(PREFIX MACHINE NAME SOURCE EXTRA...): PREFIX_NAME, of the model on a machine.
function(machine_test prefix machine name source)
  set(target ${prefix}_${name})
  add_executable(${target} ${source} ${ARGN})
  target_compile_definitions(${target} PRIVATE GOLDEN_DIR="${CMAKE_SOURCE_DIR}/tests/golden"
    CONFIG_DIR="${CMAKE_SOURCE_DIR}/configs")
  target_link_libraries(${target} PRIVATE model comm_local ${machine} lib::CMOCKA)
  set_target_properties(${target} PROPERTIES LINKER_LANGUAGE C)
endfunction()

# The ops' tests at fp16: fp16.h stands before them.  A rounding is half a unit of 11 bits; some numbers have two.
function(fp16_test prefix machine name)
  machine_test(${prefix} ${machine} ${name}_fp16 tests/test_${name}.c ${ARGN})
  target_compile_options(${prefix}_${name}_fp16 PRIVATE -include ${CMAKE_SOURCE_DIR}/tests/cuda/fp16.h)
  target_compile_definitions(${prefix}_${name}_fp16 PRIVATE TOLERANCE_BF16=1e-3 LEAST_BF16=0x1p-24f)
endfunction()

# views_test(TARGET MACHINE FILE...): the CPU's own code stands beside the machine, under its plain variant's names.
add_library(cpu_views OBJECT engine/cpu/augment.c)
target_compile_definitions(cpu_views PRIVATE VARIANT=plain)
target_include_directories(cpu_views PRIVATE ${GENERATED}/cpu)
target_link_libraries(cpu_views PRIVATE lib::OPENBLAS)
function(views_test target machine)
  add_executable(${target} tests/cuda/test_views.c $<TARGET_OBJECTS:cpu_views> engine/base.c ${ARGN})
  target_link_libraries(${target} PRIVATE ${machine} lib::CMOCKA lib::CRYPTO m)
  set_target_properties(${target} PROPERTIES LINKER_LANGUAGE C)
endfunction()

# small_shapes_program(TARGET MACHINE FILE...): what sanitizers look at.
function(small_shapes_program target machine)
  add_executable(${target} tests/cuda/small_shapes.c engine/base.c ${ARGN})
  target_link_libraries(${target} PRIVATE ${machine} lib::CRYPTO m)
  set_target_properties(${target} PROPERTIES LINKER_LANGUAGE C)
endfunction()

# step_bench_program(TARGET MACHINE FILE...): with a watch between the machine's parts (watch.h).
function(step_bench_program target machine)
  add_executable(${target} tests/cuda/step_bench.c tests/cuda/watch.c ${ARGN})
  target_link_libraries(${target} PRIVATE model comm_local ${machine})
  set_target_properties(${target} PROPERTIES LINKER_LANGUAGE C)
  foreach(symbol conv_run product_run mem_zero mem_copy mem_upload machine_record)
    target_link_options(${target} PRIVATE -Wl,--wrap=${symbol})
  endforeach()
endfunction()

# ---- the rehearsal ---------------------------------------------------------------------------------------

# The kernels are C++, of which nothing is used that needs a library.  Fibers and sanitizers do not go together:
# under ThreadSanitizer a block's threads are the host's.
include(CheckLanguage)
check_language(CXX)
if(CMAKE_CXX_COMPILER AND (NOT SANITIZE OR SANITIZE STREQUAL thread))
  enable_language(CXX)
  set(rehearsed ${MACHINE_CUDA_KERNELS})
  list(REMOVE_ITEM rehearsed engine/cuda/augment.cu)
  list(APPEND rehearsed tests/cuda/rehearsal/augment_pixels.cu)
  set_source_files_properties(${rehearsed} tests/cuda/rehearsal/barriers.cu PROPERTIES LANGUAGE CXX)
endif()

set(kernel_flags -std=c++17 -fno-exceptions -fno-rtti -fno-threadsafe-statics -UNDEBUG -Wno-pedantic)
set(kernel_flags "$<$<COMPILE_LANGUAGE:CXX>:-xc++;${kernel_flags}>")

# rehearsal_machine(NAME FILE...): the machine on the host.
function(rehearsal_machine machine)
  add_library(${machine} STATIC ${rehearsed} tests/cuda/rehearsal/rehearsal.c tests/cuda/rehearsal/runtime.c
    ${ARGN})
  target_include_directories(${machine} PRIVATE tests/cuda/rehearsal engine/cuda)
  target_compile_options(${machine} PRIVATE $<IF:$<BOOL:${SANITIZE}>,-O1,-O2> "${kernel_flags}")
  set_source_files_properties(tests/cuda/rehearsal/rehearsal.c PROPERTIES COMPILE_OPTIONS -O3)
  set_target_properties(${machine} PROPERTIES LINKER_LANGUAGE C)
endfunction()

if(rehearsed AND SANITIZE)
  rehearsal_machine(machine_threads tests/cuda/rehearsal/threads.c)
  small_shapes_program(threads_small_shapes machine_threads)
  add_executable(threads_planted tests/cuda/rehearsal/planted.c tests/cuda/rehearsal/barriers.cu engine/base.c)
  target_include_directories(threads_planted PRIVATE tests/cuda/rehearsal engine/cuda)
  target_compile_options(threads_planted PRIVATE "${kernel_flags}")
  target_link_libraries(threads_planted PRIVATE machine_threads lib::CRYPTO m)
  set_target_properties(threads_planted PROPERTIES LINKER_LANGUAGE C)
  foreach(target machine_threads threads_planted)
    target_compile_options(${target} PRIVATE
      "SHELL:-include \"${CMAKE_SOURCE_DIR}/tests/cuda/rehearsal/threads.h\"")
  endforeach()
elseif(rehearsed)
  foreach(machine machine_rehearsal machine_watched)
    rehearsal_machine(${machine} tests/cuda/rehearsal/fibers.c)
    # Shared memory lies together (shared.ld), which not every linker can do.
    target_link_options(${machine} PUBLIC -fuse-ld=bfd
      -Wl,-T,${CMAKE_SOURCE_DIR}/tests/cuda/rehearsal/shared.ld)
    target_compile_options(${machine} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-fdata-sections>)
  endforeach()
  target_compile_options(machine_watched PRIVATE
    "$<$<COMPILE_LANGUAGE:CXX>:SHELL:-include \"${CMAKE_SOURCE_DIR}/tests/cuda/watched_launch.h\">")
  step_bench_program(rehearsal_step_bench machine_watched tests/cuda/watch_host.c)
  target_include_directories(rehearsal_step_bench PRIVATE tests/cuda/rehearsal)
  add_test(NAME step_bench COMMAND bash ${CMAKE_SOURCE_DIR}/tests/cuda/test_step_bench.sh
    $<TARGET_FILE:rehearsal_step_bench> ${CMAKE_SOURCE_DIR}/configs)
  set_tests_properties(step_bench PROPERTIES LABELS "cli;rehearsal" TIMEOUT 300 ENVIRONMENT "${TEST_ENVIRONMENT}")
  set(rehearsals ${OPS_TESTS} augment image folder tape identities byol simclr moco swav)
  foreach(name ${rehearsals})
    machine_test(rehearsal machine_rehearsal ${name} tests/test_${name}.c)
  endforeach()
  machine_test(rehearsal machine_rehearsal barriers tests/cuda/rehearsal/test_barriers.c
    tests/cuda/rehearsal/barriers.cu)
  target_compile_options(rehearsal_barriers PRIVATE "${kernel_flags}" $<$<COMPILE_LANGUAGE:CXX>:-fdata-sections>)
  target_include_directories(rehearsal_barriers PRIVATE tests/cuda/rehearsal engine/cuda)
  foreach(name graph fp16 memory launches mask)
    machine_test(rehearsal machine_rehearsal ${name} tests/cuda/test_${name}.c)
    target_include_directories(rehearsal_${name} PRIVATE tests/cuda/rehearsal)
  endforeach()
  views_test(rehearsal_views machine_rehearsal)
  foreach(name ${FP16_TESTS})
    fp16_test(rehearsal machine_rehearsal ${name})
    list(APPEND rehearsals ${name}_fp16)
  endforeach()
  foreach(name ${rehearsals} views graph fp16 memory launches mask barriers)
    add_test(NAME ${name}.rehearsal COMMAND rehearsal_${name})
    set_tests_properties(${name}.rehearsal PROPERTIES LABELS "unit;rehearsal" TIMEOUT 300
      ENVIRONMENT "${TEST_ENVIRONMENT}")
  endforeach()
  # Blocks and threads the other way round, where many threads meet.
  foreach(name ops_rows ops_loss ops_fc)
    add_test(NAME ${name}.rehearsal-backwards COMMAND rehearsal_${name})
    set_tests_properties(${name}.rehearsal-backwards PROPERTIES LABELS "unit;rehearsal" TIMEOUT 300
      ENVIRONMENT "${TEST_ENVIRONMENT};REHEARSAL_EARLY=1")
  endforeach()
  # The whole program on the rehearsed machine, and what it and the CPU's make of each other's runs.
  add_executable(simsiam_rehearsal experiments/commands/main.c)
  target_include_directories(simsiam_rehearsal PRIVATE ${GENERATED})
  target_link_libraries(simsiam_rehearsal PRIVATE model comm_local machine_rehearsal)
  set_target_properties(simsiam_rehearsal PROPERTIES LINKER_LANGUAGE C)
  add_test(NAME exchange.rehearsal COMMAND bash ${CMAKE_SOURCE_DIR}/tests/cuda/exchange.sh $<TARGET_FILE:simsiam>
    $<TARGET_FILE:simsiam_rehearsal> ${CMAKE_SOURCE_DIR}/configs)
  set_tests_properties(exchange.rehearsal PROPERTIES LABELS "cli;rehearsal" TIMEOUT 300
    ENVIRONMENT "${TEST_ENVIRONMENT}")
  small_shapes_program(rehearsal_small_shapes machine_rehearsal)
  foreach(part conv eval views norm rows codes)
    add_test(NAME small_${part}.rehearsal COMMAND rehearsal_small_shapes ${part})
    set_tests_properties(small_${part}.rehearsal PROPERTIES LABELS "unit;rehearsal" TIMEOUT 300
      ENVIRONMENT "${TEST_ENVIRONMENT}")
  endforeach()
  # These look into the machine's memory as if it were the host's.
  foreach(name augment image folder)
    set_tests_properties(${name}.rehearsal PROPERTIES ENVIRONMENT "${TEST_ENVIRONMENT};REHEARSAL_EAGER=1")
  endforeach()
endif()

# The first run on a device, with a stub in its steps' place.
add_test(NAME first_run COMMAND bash ${CMAKE_SOURCE_DIR}/tests/cuda/test_first_run.sh
  ${CMAKE_SOURCE_DIR}/tests/cuda/first_run.sh ${CMAKE_SOURCE_DIR}/tests/cuda/first_steps.sh)
set_tests_properties(first_run PROPERTIES LABELS cli TIMEOUT 120)

# Its competitor's augmentation and times, where there is a PyTorch.
add_test(NAME pytorch_gpu COMMAND python3 -B ${CMAKE_SOURCE_DIR}/tests/bench/test_pytorch_gpu.py)
set_tests_properties(pytorch_gpu PROPERTIES LABELS cli TIMEOUT 120 SKIP_RETURN_CODE 77)

# ---- with the toolkit ------------------------------------------------------------------------------------

if(CUDA)
  add_test(NAME kernels_do_not_spill COMMAND bash ${CMAKE_SOURCE_DIR}/tests/cuda/spills.sh ${reports})
  set_tests_properties(kernels_do_not_spill PROPERTIES LABELS cuda TIMEOUT 30)
  find_program(CUOBJDUMP cuobjdump PATHS ${cublas}/../bin ${CUDA_HOME}/bin NO_DEFAULT_PATH)
  add_test(NAME instructions COMMAND bash ${CMAKE_SOURCE_DIR}/tests/cuda/instructions.sh "${CUOBJDUMP}"
    ${kernels})
  set_tests_properties(instructions PROPERTIES LABELS cuda TIMEOUT 60 SKIP_RETURN_CODE 77)
  add_test(NAME no_device_is_said
    COMMAND bash ${CMAKE_SOURCE_DIR}/tests/cuda/no_device.sh $<TARGET_FILE:simsiam-cuda>
      ${CMAKE_SOURCE_DIR}/configs)
  set_tests_properties(no_device_is_said PROPERTIES LABELS cuda TIMEOUT 120 SKIP_RETURN_CODE 77)

  # cuDNN is asked about a card that is described to it; a driver that refuses everything takes the true one's
  # place.
  add_library(driver SHARED tests/cuda/driver.c)
  set_target_properties(driver PROPERTIES OUTPUT_NAME cuda SOVERSION 1
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/driver)
  # A machine that listens stands in the true one's place, of which the plans alone are taken.
  ops_write(${GENERATED}/mute/ops_mute.h
    "__attribute__((weak)) @result@ op_@op@(@parameters@) { @nothing@ }")
  set(listener tests/cuda/asked.c tests/cuda/mute.c)
  machine_test(test machine_cuda plans tests/cuda/test_plans.c ${listener})
  machine_test(test machine_cuda plan_cache tests/cuda/test_plan_cache.c ${listener})
  foreach(name plans plan_cache)
    target_include_directories(test_${name} PRIVATE ${GENERATED}/mute)
    target_compile_definitions(test_${name} PRIVATE HOPPER="${CMAKE_SOURCE_DIR}/tests/cuda/hopper.json")
    add_dependencies(test_${name} driver)
  endforeach()
  # The plans of small nets, of CIFAR-10's and of ImageNet's.
  set(cuda_described plan_cache plans_small plans_cifar plans_imagenet)
  file(GLOB scales CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}/configs/scale configs/scale/*.yaml)
  list(TRANSFORM scales REPLACE "\\.yaml$" "")
  list(REMOVE_ITEM scales cifar10 cifar10-100ep cifar10-small imagenet)
  add_test(NAME plan_cache COMMAND test_plan_cache)
  add_test(NAME plans_small COMMAND test_plans ${scales})
  add_test(NAME plans_cifar COMMAND test_plans cifar10 cifar10-100ep cifar10-small)
  add_test(NAME plans_imagenet COMMAND test_plans imagenet)
  set_tests_properties(${cuda_described} PROPERTIES LABELS cuda TIMEOUT 1800
    ENVIRONMENT "${TEST_ENVIRONMENT};LD_LIBRARY_PATH=${CMAKE_BINARY_DIR}/driver:${cublas}")

  # cublas.c on a library that computes on the host.
  add_executable(test_product tests/cuda/test_product.c engine/cuda/cublas.c engine/base.c)
  target_include_directories(test_product SYSTEM PRIVATE ${CUDA_HOME}/include ${CUBLAS_INCLUDE})
  target_link_libraries(test_product PRIVATE lib::CMOCKA lib::CRYPTO m)
  add_test(NAME product COMMAND test_product)
  set_tests_properties(product PROPERTIES LABELS cuda TIMEOUT 60)

  add_library(skip OBJECT tests/cuda/skip.c)
  target_link_libraries(skip PRIVATE machine_cuda)
  # All that asks the machine for something and does not look into its memory by itself.
  set(on_device ${OPS_TESTS} ops_threads tape nn identities eta byol simclr moco swav eval parity parity_methods
    rows)
  foreach(name ${on_device})
    machine_test(gpu machine_cuda ${name} tests/test_${name}.c $<TARGET_OBJECTS:skip>)
  endforeach()
  foreach(name graph fp16 memory mask)
    machine_test(gpu machine_cuda ${name} tests/cuda/test_${name}.c $<TARGET_OBJECTS:skip>)
  endforeach()
  views_test(gpu_views machine_cuda $<TARGET_OBJECTS:skip>)
  foreach(name ${FP16_TESTS})
    fp16_test(gpu machine_cuda ${name} $<TARGET_OBJECTS:skip>)
    list(APPEND on_device ${name}_fp16)
  endforeach()
  foreach(name ${on_device} views graph fp16 memory mask)
    add_test(NAME ${name}.gpu COMMAND gpu_${name})
  endforeach()
  add_test(NAME parity_224.gpu COMMAND gpu_parity 224)
  foreach(name ${on_device} views graph fp16 memory mask parity_224)
    set_tests_properties(${name}.gpu PROPERTIES LABELS gpu TIMEOUT 300 SKIP_RETURN_CODE 77
      ENVIRONMENT "${TEST_ENVIRONMENT}")
  endforeach()

  add_executable(conv_bench tests/cuda/conv_bench.c engine/base.c)
  target_link_libraries(conv_bench PRIVATE machine_cuda lib::CRYPTO)
  small_shapes_program(gpu_small_shapes machine_cuda $<TARGET_OBJECTS:skip>)
  step_bench_program(step_bench machine_cuda tests/cuda/watch_device.c)
  target_link_options(step_bench PRIVATE -Wl,--wrap=__cudaLaunchKernel)
  add_test(NAME bundle COMMAND bash ${CMAKE_SOURCE_DIR}/tests/cuda/test_bundle.sh
    ${CMAKE_SOURCE_DIR}/tests/cuda/bundle.sh ${CMAKE_BINARY_DIR})
  set_tests_properties(bundle PROPERTIES LABELS cuda TIMEOUT 300 ENVIRONMENT "${TEST_ENVIRONMENT}")
endif()
