# SPDX-License-Identifier: MIT
#
# cuda.cmake -- tests of the CUDA machine: its kernels rehearsed on the host, in every build; with CUDA=ON what can
# be said of it without a card, and the ops' own tests for a card (label gpu, skipped where there is none).

set(OPS_TESTS ops_conv ops_fc ops_norm ops_rows ops_loss ops_eval)

# views_test(TARGET MACHINE FILE...): the CPU's own code stands beside the machine, under its plain variant's names.
add_library(cpu_views OBJECT engine/cpu/augment.c)
target_compile_definitions(cpu_views PRIVATE VARIANT=plain)
target_link_libraries(cpu_views PRIVATE lib::OPENBLAS)
function(views_test target machine)
  add_executable(${target} tests/cuda/test_views.c $<TARGET_OBJECTS:cpu_views> engine/base.c ${ARGN})
  target_link_libraries(${target} PRIVATE ${machine} lib::CMOCKA lib::CRYPTO m)
  set_target_properties(${target} PROPERTIES LINKER_LANGUAGE C)
endfunction()

# ---- the rehearsal ---------------------------------------------------------------------------------------

# The kernels are C++, of which nothing is used that needs a library.  Fibers and sanitizers do not go together.
include(CheckLanguage)
check_language(CXX)
if(CMAKE_CXX_COMPILER AND NOT SANITIZE)
  enable_language(CXX)
  set(rehearsed ${MACHINE_CUDA_KERNELS})
  list(REMOVE_ITEM rehearsed engine/cuda/augment.cu)
  list(APPEND rehearsed tests/cuda/rehearsal/augment_pixels.cu)
  set_source_files_properties(${rehearsed} PROPERTIES LANGUAGE CXX)
  add_library(machine_rehearsal STATIC ${rehearsed} tests/cuda/rehearsal/rehearsal.c)
  target_include_directories(machine_rehearsal PRIVATE tests/cuda/rehearsal engine/cuda)
  target_compile_options(machine_rehearsal PRIVATE -O2
    "$<$<COMPILE_LANGUAGE:CXX>:-xc++;-std=c++17;-fno-exceptions;-fno-rtti;-fno-threadsafe-statics;-Wno-pedantic>")
  set_target_properties(machine_rehearsal PROPERTIES LINKER_LANGUAGE C)
  foreach(name ${OPS_TESTS} augment image folder tape)
    add_executable(rehearsal_${name} tests/test_${name}.c)
    target_compile_definitions(rehearsal_${name} PRIVATE GOLDEN_DIR="${CMAKE_SOURCE_DIR}/tests/golden")
    target_link_libraries(rehearsal_${name} PRIVATE model machine_rehearsal lib::CMOCKA)
    set_target_properties(rehearsal_${name} PROPERTIES LINKER_LANGUAGE C)
    add_test(NAME ${name}.rehearsal COMMAND rehearsal_${name})
    set_tests_properties(${name}.rehearsal PROPERTIES LABELS "unit;rehearsal" TIMEOUT 300
      ENVIRONMENT "${TEST_ENVIRONMENT}")
  endforeach()
  views_test(rehearsal_views machine_rehearsal)
  add_test(NAME views.rehearsal COMMAND rehearsal_views)
  set_tests_properties(views.rehearsal PROPERTIES LABELS "unit;rehearsal" TIMEOUT 300
    ENVIRONMENT "${TEST_ENVIRONMENT}")
endif()

# The first run on a device, with a stub in its steps' place.
add_test(NAME first_run COMMAND bash ${CMAKE_SOURCE_DIR}/tests/cuda/test_first_run.sh
  ${CMAKE_SOURCE_DIR}/tests/cuda/first_run.sh ${CMAKE_SOURCE_DIR}/tests/cuda/first_steps.sh)
set_tests_properties(first_run PROPERTIES LABELS cli TIMEOUT 120)

# ---- with the toolkit ------------------------------------------------------------------------------------

if(CUDA)
  add_test(NAME kernels_do_not_spill COMMAND bash ${CMAKE_SOURCE_DIR}/tests/cuda/spills.sh ${reports})
  set_tests_properties(kernels_do_not_spill PROPERTIES LABELS cuda TIMEOUT 30)
  add_test(NAME no_device_is_said
    COMMAND bash ${CMAKE_SOURCE_DIR}/tests/cuda/no_device.sh $<TARGET_FILE:simsiam-cuda>
      ${CMAKE_SOURCE_DIR}/configs)
  set_tests_properties(no_device_is_said PROPERTIES LABELS cuda TIMEOUT 120 SKIP_RETURN_CODE 77)

  # cuDNN is asked about a card that is described to it; where there is no driver, one that refuses takes its place.
  add_library(driver SHARED tests/cuda/driver.c)
  set_target_properties(driver PROPERTIES OUTPUT_NAME cuda SOVERSION 1
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/driver)
  add_executable(test_plans tests/cuda/test_plans.c engine/cuda/plan.c engine/base.c)
  target_compile_definitions(test_plans PRIVATE HOPPER="${CMAKE_SOURCE_DIR}/tests/cuda/hopper.json")
  target_link_libraries(test_plans PRIVATE machine_cuda lib::CMOCKA lib::CRYPTO)
  add_dependencies(test_plans driver)
  add_test(NAME plans COMMAND test_plans)
  set_tests_properties(plans PROPERTIES LABELS cuda TIMEOUT 600
    ENVIRONMENT "${TEST_ENVIRONMENT};LD_LIBRARY_PATH=${CMAKE_BINARY_DIR}/driver:${cublas}")

  foreach(name ${OPS_TESTS} ops_threads tape nn identities eta eval)
    add_executable(gpu_${name} tests/test_${name}.c tests/cuda/skip.c)
    target_compile_definitions(gpu_${name} PRIVATE GOLDEN_DIR="${CMAKE_SOURCE_DIR}/tests/golden"
      CONFIG_DIR="${CMAKE_SOURCE_DIR}/configs")
    target_link_libraries(gpu_${name} PRIVATE model machine_cuda lib::CMOCKA)
  endforeach()
  views_test(gpu_views machine_cuda tests/cuda/skip.c)
  foreach(name ${OPS_TESTS} ops_threads tape nn identities eta eval views)
    add_test(NAME ${name}.gpu COMMAND gpu_${name})
    set_tests_properties(${name}.gpu PROPERTIES LABELS gpu TIMEOUT 300 SKIP_RETURN_CODE 77 RUN_SERIAL ON
      ENVIRONMENT "${TEST_ENVIRONMENT}")
  endforeach()

  add_executable(conv_bench tests/cuda/conv_bench.c engine/base.c)
  target_link_libraries(conv_bench PRIVATE machine_cuda lib::CRYPTO)
endif()
