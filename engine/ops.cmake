# SPDX-License-Identifier: MIT
#
# ops.cmake -- ops.h, read by CMake: what must be said once for each op is written from its prototypes.
#
# An op is declared in ops.h and defined in a file of each machine, and named nowhere else.  The page is read when
# CMake configures, and again, by itself, whenever it has changed.

set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/engine/ops.h)
file(READ engine/ops.h page)
string(REGEX REPLACE "/[*][^*]*[*]+([^/*][^*]*[*]+)*/" "" page "${page}")           # comments have [ and ;
string(REGEX MATCHALL "[a-z][a-z_]* op_[a-z0-9_]+[(][^()]*[)]" OPS "${page}")
# A prototype that is written in another way would be left out without a word.
string(REGEX MATCHALL "op_[a-z0-9_]+[(]" names "${page}")
list(LENGTH OPS found)
list(LENGTH names promised)
if(NOT found OR NOT found EQUAL promised)
  message(FATAL_ERROR "engine/ops.h: ${promised} ops are named, ${found} are prototypes: "
                      "TYPE op_NAME(TYPE NAME, ...);")
endif()

# ops_write(FILE TEMPLATE) writes the template once for each op, in the order of ops.h.  In it, for
# `size_t op_view_room(int size, int side)`, @op@ is view_room, @result@ size_t, @parameters@ what
# stands between the brackets, @arguments@ "size, side", @return@ "return ", and @nothing@
# "return 0;": both empty for void.
function(ops_write file template)
  set(text "/* Written from engine/ops.h by engine/ops.cmake. */\n")
  foreach(prototype IN LISTS OPS)
    string(REGEX MATCH "([a-z_]+) op_([a-z0-9_]+)[(](.*)[)]" all "${prototype}")
    set(result ${CMAKE_MATCH_1})
    set(op ${CMAKE_MATCH_2})
    string(REGEX REPLACE "[ \n]+" " " parameters "${CMAKE_MATCH_3}")
    string(REGEX REPLACE "[^,]*[ *]([a-z0-9_]+)(,|$)" "\\1\\2 " arguments "${parameters}")
    string(STRIP "${arguments}" arguments)
    set(return "")
    set(nothing "")
    if(NOT result STREQUAL void)
      set(return "return ")
      set(nothing "return 0;")
    endif()
    string(CONFIGURE "${template}" one @ONLY)
    string(APPEND text "${one}\n")
  endforeach()
  file(CONFIGURE OUTPUT ${file} CONTENT "${text}" @ONLY)         # leaves a file that says the same
endfunction()
