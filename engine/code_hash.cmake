# SPDX-License-Identifier: MIT
#
# code_hash.cmake -- one hash over the sources and flags that compute a run's numbers.
#
# Called as cmake -DFILES="a.c;b.h" -DFLAGS=... -DOUTPUT=code_hash.h -P code_hash.cmake, from the folder the names
# start at.  A finished run carries the hash; other code makes it stale.
set(text "flags ${FLAGS}\n")
foreach(file IN LISTS FILES)
  file(SHA256 ${file} hash)
  string(APPEND text "${hash} ${file}\n")
endforeach()
string(SHA256 hash "${text}")
file(WRITE ${OUTPUT} "#define CODE_HASH \"${hash}\"\n")
