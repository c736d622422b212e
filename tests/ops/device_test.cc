#include "ops/device.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/error.h"

namespace hadal {
namespace {

class DeviceTest : public testing::Test {
 protected:
  void TearDown() override { unsetenv("HADAL_ISA"); }
};

TEST_F(DeviceTest, TakesTheBestOrTheNamedInstructionSet) {
  unsetenv("HADAL_ISA");
  EXPECT_EQ(available_isas().front(), Isa::kReference);
  EXPECT_EQ(chosen_isa(), available_isas().back());
  for (const Isa isa : available_isas()) {
    setenv("HADAL_ISA", isa_name(isa).c_str(), 1);
    EXPECT_EQ(chosen_isa(), isa);
  }
}

TEST_F(DeviceTest, RefusesANameItDoesNotKnow) {
  setenv("HADAL_ISA", "mmx", 1);
  try {
    chosen_isa();
    FAIL() << "mmx was taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    EXPECT_NE(std::string(error.what()).find("reference"), std::string::npos);
  }
}

TEST_F(DeviceTest, MakesTheOpsOfTheNumericsAsked) {
  for (const Numerics numerics :
       {Numerics::kFp32, Numerics::kStored, Numerics::kNative, Numerics::kOfficial}) {
    for (const Isa isa : available_isas())
      EXPECT_EQ(make_ops({.numerics = numerics, .isa = isa, .threads = 2})->numerics(), numerics);
  }
}

}  // namespace
}  // namespace hadal
