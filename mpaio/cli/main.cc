// SPDX-License-Identifier: Apache-2.0
#include "mpaio/cli/program.h"

int main(int argc, char** argv) { return mpaio::RunProgram(argc, argv); }
