// CHECK(condition): an invariant of our own code. On in release builds; never reachable from user input.
#pragma once

namespace hadal {
[[noreturn]] void check_failed(const char* condition, const char* file, int line);
}

#define CHECK(condition) ((condition) ? (void)0 : ::hadal::check_failed(#condition, __FILE__, __LINE__))
