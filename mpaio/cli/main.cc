#include "mpaio/cli/program.h"

int main(int argc, char** argv) { return mpaio::RunProgram(argc, argv); }
