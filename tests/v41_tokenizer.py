#!/usr/bin/env python3
"""Makes V4.1's tokenizer.json of V4's: id 128799 becomes the marker of system text.

usage: tests/v41_tokenizer.py tokenizer.json[.gz] OUT
"""
import gzip
import json
import pathlib
import sys

SYSTEM_ID = 128799
SYSTEM = "<｜System｜>"


def v41_tokenizer(data: bytes) -> bytes:
    """The file with the token renamed, wherever it is named."""
    tokenizer = json.loads(data)
    token = next((t for t in tokenizer["added_tokens"] if t["id"] == SYSTEM_ID), None)
    if token is None:
        raise SystemExit(f"there is no added token {SYSTEM_ID}: this is not the tokenizer of DeepSeek-V4")
    vocabulary = tokenizer["model"]["vocab"]
    if token["content"] in vocabulary:
        tokenizer["model"]["vocab"] = {SYSTEM if k == token["content"] else k: v for k, v in vocabulary.items()}
    token["content"] = SYSTEM
    return json.dumps(tokenizer, ensure_ascii=False).encode()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    source = pathlib.Path(sys.argv[1]).read_bytes()
    pathlib.Path(sys.argv[2]).write_bytes(v41_tokenizer(gzip.decompress(source) if source[:2] == b"\x1f\x8b" else source))
