#!/usr/bin/env python3
"""Random safetensors files written by the safetensors package and GGUF files written by the gguf package, read by hadal.

`hadal inspect FILE --check` must find each sound, and `hadal inspect FILE --json` must list what the package wrote: names,
types, shapes, places, metadata. Places come from the package's own reader. Files with the element types that only the
package knows must be refused as invalid with the type's name in the message.
"""
import hashlib
import json
import logging
import math
import pathlib
import random
import struct
import tempfile

import common
import gguf
import numpy
import safetensors
from texts import Texts

logging.disable(logging.WARNING)  # the gguf package warns about every unusual name

# dtype names as safetensors writes them: (name for the package, bits an element)
KNOWN = {"BOOL": ("bool", 8), "U8": ("uint8", 8), "I8": ("int8", 8), "I16": ("int16", 16), "U16": ("uint16", 16), "I32": ("int32", 32),
         "U32": ("uint32", 32), "I64": ("int64", 64), "U64": ("uint64", 64), "F16": ("float16", 16), "BF16": ("bfloat16", 16),
         "F32": ("float32", 32), "F64": ("float64", 64), "F8_E4M3": ("float8_e4m3fn", 8), "F8_E5M2": ("float8_e5m2", 8),
         "F8_E8M0": ("float8_e8m0fnu", 8)}
# Types of the package that no official checkpoint uses; hadal refuses them by name.
UNKNOWN = {"C64": ("complex64", 64), "F8_E4M3FNUZ": ("float8_e4m3fnuz", 8), "F8_E5M2FNUZ": ("float8_e5m2fnuz", 8), "F4": ("float4_e2m1fn_x2", 8)}

# GGUF types left out: the package gives Q8_1 a block of 40 bytes, ggml 36 (it is never stored in files).
TYPES = [t for t in gguf.GGMLQuantizationType if t.name != "Q8_1"]
INTEGERS = {"UINT8": (0, 2**8), "INT8": (-2**7, 2**7), "UINT16": (0, 2**16), "INT16": (-2**15, 2**15), "UINT32": (0, 2**32), "INT32": (-2**31, 2**31),
            "UINT64": (0, 2**64), "INT64": (-2**63, 2**63)}


def main() -> None:
    options = common.arguments(__doc__, 1_000).parse_args()
    verdict = common.Verdict("files")
    with tempfile.TemporaryDirectory(prefix="peers-files-") as folder:
        for number in range(options.count):
            rng = random.Random(f"{options.seed}/{number}")
            kind = Safetensors if number % 2 else Gguf
            verdict.cases += 1
            kind(rng, pathlib.Path(folder)).judge(verdict, f"--seed {options.seed}, file {number}")
    verdict.finish()


class File:
    """One random file. write() makes it and returns what hadal must list, or the types for one of which it must be refused."""

    def __init__(self, rng: random.Random, folder: pathlib.Path):
        self.rng, self.texts = rng, Texts(rng, [])
        self.path = folder / ("file" + self.suffix)

    def judge(self, verdict: common.Verdict, which: str) -> None:
        expected = self.write()
        verdict.count(f"{self.suffix[1:]} files")
        checked = common.run("inspect", str(self.path), "--check")
        if isinstance(expected, set):
            verdict.count("refused for an unknown type")
            if checked.returncode != 3 or not any(f'"{kind}"' in checked.stderr for kind in expected):
                verdict.difference(f"{which}: must be refused for its types {expected}; exit code {checked.returncode}: {checked.stderr.strip()}")
            return
        if checked.returncode != 0:
            verdict.difference(f"{which}: --check says {checked.returncode}: {checked.stderr.strip()}\n{self.head()}")
            return
        listed = common.run("inspect", str(self.path), "--json")
        if listed.returncode != 0:
            verdict.difference(f"{which}: --json exits {listed.returncode}: {listed.stderr.strip()}\n{self.head()}")
            return
        try:
            found = first_difference(json.loads(listed.stdout), expected)
        except ValueError as error:
            found = f"--json is not JSON: {error}"
        if found:
            verdict.difference(f"{which}: {found}\n{self.head()}")

    def head(self) -> str:
        return f"file of {self.path.stat().st_size} bytes, begins {self.path.read_bytes()[:400]!r}"

    def names(self, count: int, longest: int) -> list[str]:
        """Distinct names, most of them ordinary, none longer than that many bytes."""
        names: dict[str, None] = {}
        while len(names) < count:
            name = self.texts.text(3) if self.rng.random() < 0.2 else ".".join(self.rng.choices(("layers", "0", "17", "attn", "w1", "weight", "a_b"), k=self.rng.randint(1, 5)))
            name = name.encode()[:longest].decode(errors="ignore")
            if name and name != "__metadata__":
                names[name] = None
        return list(names)

    def shape(self, most_dims: int) -> list[int]:
        dims = self.rng.choice((0, 1, 1, 2, 2, 2, 3, most_dims))
        return [self.rng.choice((0, 1, 1, 2, 3, 5, 7, 16, 33)) if self.rng.random() < 0.9 else 129 for _ in range(dims)]


class Safetensors(File):
    suffix = ".safetensors"

    def write(self) -> dict | set[str]:
        rng = self.rng
        types = KNOWN | UNKNOWN if rng.random() < 0.05 else KNOWN
        tensors, data = {}, []
        for name in self.names(rng.choice((0, 1, 2, 5, 20)), 200):
            kind = rng.choice(list(types))
            package_name, bits = types[kind]
            shape = self.shape(6) or ([1] if kind == "F4" else [])  # two to a byte: the package has no single one
            while math.prod(shape) * bits > 2**22:
                shape.pop()
            buffer = numpy.frombuffer(rng.randbytes(math.prod(shape) * bits // 8), dtype=numpy.uint8)
            data.append(buffer)  # the package reads it by address
            tensors[name] = safetensors.TensorSpec(dtype=package_name, shape=shape, data_ptr=buffer.ctypes.data, data_len=buffer.nbytes)
        # No empty metadata: for a file without tensors the package then writes a header that is not JSON.
        metadata = {key: self.texts.text(4) for key in self.names(rng.randint(1, 4), 60)} if rng.random() < 0.5 else None
        safetensors.serialize_file(tensors, self.path, metadata)
        strange = {spec.dtype for spec in tensors.values() if spec.dtype in UNKNOWN}
        return strange or self.listing(tensors, metadata or {})

    def listing(self, tensors: dict, metadata: dict) -> dict:
        """What was given to the package, at the places that its header says, in the order of the bytes."""
        whole = self.path.read_bytes()
        start = 8 + struct.unpack("<Q", whole[:8])[0]
        header = json.loads(whole[8:start])
        written = list(header.pop("__metadata__", {}))
        if sorted(written) != sorted(metadata) or sorted(header) != sorted(tensors):
            raise ValueError("the package did not write what it was given")
        places = sorted(header.items(), key=lambda item: (item[1]["data_offsets"], item[0].encode()))
        return {
            "kind": "safetensors",
            "file_bytes": len(whole),
            "metadata": {key: metadata[key] for key in written},
            "tensors": [{
                "name": name, "dtype": entry["dtype"], "shape": list(tensors[name].shape),
                "file_offset": start + entry["data_offsets"][0], "nbytes": tensors[name].data_len,
            } for name, entry in places],
        }


class Gguf(File):
    suffix = ".gguf"

    def write(self) -> dict:
        rng = self.rng
        writer = gguf.GGUFWriter(self.path, "test")
        listed = [("general.architecture", "STRING", "test")]
        for key in self.names(rng.choice((0, 1, 3, 12)), 120):
            kind, value, sub = self.value()
            writer.add_key_value(key, value, kind, sub_type=sub)
            listed.append((key, kind.name, array_listing(sub.name, value) if sub is not None else value_listing(kind.name, value)))
        if rng.random() < 0.5:
            alignment = 2 ** rng.randint(3, 13)
            writer.add_custom_alignment(alignment)
            listed.append(("general.alignment", "UINT32", alignment))
        for name in self.names(rng.choice((0, 1, 2, 6, 15)), 63):
            self.add_tensor(writer, name)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return self.listing(listed)

    def value(self) -> tuple[gguf.GGUFValueType, object, gguf.GGUFValueType | None]:
        rng = self.rng
        kind = rng.choice([t for t in gguf.GGUFValueType if t.name != "ARRAY"])
        if rng.random() < 0.4:
            return gguf.GGUFValueType.ARRAY, [self.scalar(kind.name) for _ in range(rng.choice((1, 2, 7, 100)))], kind
        return kind, self.scalar(kind.name), None

    def scalar(self, kind: str):
        rng = self.rng
        if kind == "STRING":
            return self.texts.text(5)
        if kind == "BOOL":
            return rng.random() < 0.5
        if kind == "FLOAT32":
            return struct.unpack("<f", rng.randbytes(4))[0] if rng.random() < 0.5 else rng.choice((0.0, -0.0, 1.5, float32(1e-6), math.inf, -math.inf, math.nan, 3.0))
        if kind == "FLOAT64":
            return struct.unpack("<d", rng.randbytes(8))[0] if rng.random() < 0.5 else rng.choice((0.0, -0.0, 0.1, 1e22, 1e16, 5e-324, math.inf, math.nan))
        low, high = INTEGERS[kind]
        return rng.choice((low, high - 1, 0, rng.randrange(low, high)))

    def add_tensor(self, writer: gguf.GGUFWriter, name: str) -> None:
        kind = self.rng.choice(TYPES)
        block, size = gguf.GGML_QUANT_SIZES[kind]
        shape = self.shape(4) or [1]
        shape[-1] = block * self.rng.choice((1, 1, 2, 3)) if block > 1 else shape[-1]  # the last is ne0, whole blocks
        while math.prod(shape) * size // block > 2**20:
            shape.pop(0)
        bytes_shape = [*shape[:-1], shape[-1] // block * size]
        data = numpy.frombuffer(self.rng.randbytes(math.prod(bytes_shape)), dtype=numpy.uint8).reshape(bytes_shape)
        writer.add_tensor(name, data, raw_dtype=kind)

    def listing(self, metadata: list[tuple[str, str, object]]) -> dict:
        reader = gguf.GGUFReader(self.path)
        whole = self.path.read_bytes()
        return {
            "version": 3,
            "alignment": int(reader.alignment),
            "data_start": int(reader.data_offset),
            "file_bytes": len(whole),
            "file_sha256": hashlib.sha256(whole).hexdigest(),
            "metadata": [{"key": key, "type": kind, "value": value} for key, kind, value in metadata],
            "tensors": [{
                "name": t.name, "type": t.tensor_type.name, "type_id": int(t.tensor_type), "dims": [int(d) for d in t.shape],
                "offset": int(t.data_offset - reader.data_offset), "file_offset": int(t.data_offset), "nbytes": int(t.n_bytes),
                "sha256": hashlib.sha256(whole[t.data_offset:t.data_offset + t.n_bytes]).hexdigest(),
            } for t in reader.tensors],
        }


def float32(value: float) -> float:
    """The nearest value that a file can hold."""
    return struct.unpack("<f", struct.pack("<f", value))[0]


def value_listing(kind: str, value):
    if kind == "FLOAT32":
        return {"bits": struct.pack(">f", value).hex(), "text": repr(value)}
    if kind == "FLOAT64":
        return {"bits": struct.pack(">d", value).hex(), "text": repr(value)}
    return value


def array_listing(kind: str, values: list) -> dict:
    return {"of": kind, "count": len(values), "items": [value_listing(kind, v) for v in values]}


def first_difference(mine, theirs, where: str = "") -> str | None:
    """Where two JSON values part, exactly: key order, and 1 is not 1.0."""
    if type(mine) is not type(theirs):
        return f"{where}: hadal {mine!r}, peer {theirs!r}"
    if isinstance(mine, dict):
        if list(mine) != list(theirs):
            return f"{where}: hadal has {list(mine)}, peer {list(theirs)}"
        return next((d for k in mine if (d := first_difference(mine[k], theirs[k], f"{where}.{k}"))), None)
    if isinstance(mine, list):
        if len(mine) != len(theirs):
            return f"{where}: hadal has {len(mine)}, peer {len(theirs)}"
        return next((d for i, (a, b) in enumerate(zip(mine, theirs)) if (d := first_difference(a, b, f"{where}[{i}]"))), None)
    return None if mine == theirs else f"{where}: hadal {mine!r}, peer {theirs!r}"


if __name__ == "__main__":
    main()
