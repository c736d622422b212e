// The kinds of single files that inspect.cc tells apart, one pair of functions each: what is inside, as text
// for people or as JSON.
#pragma once

#include <iosfwd>
#include <string>

#include "formats/gguf.h"
#include "formats/safetensors.h"

namespace hadal {

// GGUF. The JSON has everything: metadata, the tensor table and SHA-256 of file and tensors.
void describe_gguf(const Gguf& file, const std::string& path, std::ostream& out);
void list_gguf(const Gguf& file, std::ostream& out);

void describe_safetensors(const Safetensors& file, std::ostream& out);
void list_safetensors(const Safetensors& file, std::ostream& out);

// Any .json file; read as config.json, generation_config.json, tokenizer.json or an index where that is its
// name. Returns its kind in words.
std::string check_json_file(const std::string& path);
void describe_json_file(const std::string& path, bool json, std::ostream& out);

}  // namespace hadal
