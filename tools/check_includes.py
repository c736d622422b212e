#!/usr/bin/env python3
"""Holds the arrows between the folders of src/ (docs/ARCHITECTURE.md) and finds files that nothing uses.

A folder may include itself, base, and what ALLOWED names. A header that no file includes, a source outside the folders
that CMake globs, an intrinsic outside the instruction-set units and two types of one name in one namespace (the linker
would keep the functions of either) are errors too.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
ALLOWED = {
    "base": set(),
    "tensor": set(),
    "quant": {"tensor"},
    "formats": {"quant", "tensor"},
    "ops": {"quant", "tensor"},
    "model": {"ops", "formats", "quant", "tensor"},
    "text": set(),
    "engine": {"model", "ops", "formats", "tensor"},
    "tools": {"engine", "model", "ops", "formats", "quant", "tensor", "text"},
    "train": {"tools", "model", "ops", "formats", "quant", "tensor", "text"},
    "server": {"engine", "text"},
}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
NAMESPACE = re.compile(r"^namespace (.*)\{")
TYPE = re.compile(r"^(?:class|struct|union|enum class) (\w+)(?!:)\b(?!::)[^;]*$")
INTRINSICS = re.compile(r"#\s*include\s+<(immintrin|x86intrin|arm_neon)\.h>")


def types_of(text: str):
    """(namespace, name) of the types that other files can see."""
    namespaces = []
    for line in text.splitlines():
        if found := NAMESPACE.match(line):
            namespaces.append(found.group(1).strip())
        elif line.startswith("}  // namespace") and namespaces:
            namespaces.pop()
        elif (found := TYPE.match(line)) and namespaces and namespaces[-1]:
            yield "::".join(namespaces), found.group(1)


def main() -> int:
    errors = []
    types = {}
    included = set()
    files = [p for top in ("src", "apps", "tests", "bench") for p in (ROOT / top).rglob("*") if p.suffix in (".cc", ".h", ".inl") and "node_modules" not in p.parts]
    for path in files:
        text = path.read_text(encoding="utf-8")
        where = path.relative_to(ROOT)
        for name in INCLUDE.findall(text):
            places = (path.parent / name, ROOT / "src" / name, ROOT / "tests" / name)
            included.update(p.resolve() for p in places if p.exists())
            if where.parts[0] != "src" or not (ROOT / "src" / name).exists():
                continue
            here, there = where.parts[1], name.split("/")[0]
            if there not in {here, "base"} | ALLOWED.get(here, set()):
                errors.append(f"{where}: {here} may not include {name}")
            if here != "ops" and name.startswith(("ops/reference/", "ops/cpu/")) and not name.endswith("roof.h"):
                errors.append(f"{where}: only ops/device.cc may name a backend ({name})")
        if where.parts[0] in ("src", "apps"):
            for namespace, name in types_of(text):
                first = types.setdefault((namespace, name), where)
                if first != where:
                    errors.append(f"{where}: {namespace}::{name} is the name of a type in {first} too")
        if INTRINSICS.search(text) and not re.search(r"_(avx2|avx512|neon)\b", path.stem):
            errors.append(f"{where}: intrinsics outside an instruction-set unit")
        if where.parts[0] == "src" and where.parts[1] not in ALLOWED:
            errors.append(f"{where}: no library is built from src/{where.parts[1]}")
    for path in files:
        if path.suffix != ".cc" and path.resolve() not in included:
            errors.append(f"{path.relative_to(ROOT)}: nothing includes it")
    print("\n".join(errors) or f"include arrows: {len(files)} files, all as drawn")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
