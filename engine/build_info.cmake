# SPDX-License-Identifier: MIT
#
# build_info.cmake -- what a run's provenance says of the build: version, commit, compiler, flags.
#
# results/ does not count as a change: running the experiments rewrites it, and it is no source.
set(commit unknown)
execute_process(COMMAND git rev-parse HEAD OUTPUT_VARIABLE head ERROR_QUIET RESULT_VARIABLE failed
                OUTPUT_STRIP_TRAILING_WHITESPACE)
if(NOT failed)
  set(commit ${head})
  execute_process(COMMAND git diff --quiet HEAD -- . ":(exclude)results" ERROR_QUIET RESULT_VARIABLE changed)
  if(changed)
    string(APPEND commit " with changes")
  endif()
endif()

string(REPLACE "\"" "\\\"" FLAGS "${FLAGS}")
file(CONFIGURE OUTPUT ${OUTPUT} @ONLY CONTENT [[
#define BUILD_VERSION "@VERSION@"
#define BUILD_RELEASED "@RELEASED@"
#define BUILD_COMMIT "@commit@"
#define BUILD_COMPILER "@COMPILER@"
#define BUILD_FLAGS "@FLAGS@"
]])
