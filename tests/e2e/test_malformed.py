"""Every bad file is refused: exit code 3, a message, and (in a release build) within a second and 64 MB."""
import json
import os
import pathlib
import struct

from common import HADAL, ROOT, SANITIZED, Case

SHARED = pathlib.Path(os.environ.get("HADAL_SHARED", ROOT / "../shared")) / "golden/malformed"
SECONDS, MEGABYTES = 1.0, 64


def peak_kilobytes(*args: str) -> tuple[int, str, float, int]:
    """Exit code, stderr, CPU seconds and VmHWM of one run of the program."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(writing, 2)
        os.execv(HADAL, [HADAL, *args])
    os.close(writing)
    with os.fdopen(reading) as errors:
        message = errors.read()
    _, status, usage = os.wait4(child, 0)
    return os.waitstatus_to_exitcode(status), message, usage.ru_utime + usage.ru_stime, usage.ru_maxrss


class Malformed(Case):
    def refuse(self, path: pathlib.Path) -> None:
        code, message, seconds, kilobytes = peak_kilobytes("inspect", str(path), "--check")
        self.assertEqual(code, 3, message)
        self.assertIn(path.name, message)
        if not SANITIZED:
            self.assertLessEqual(kilobytes, MEGABYTES * 1024)
            self.assertLessEqual(seconds, SECONDS)

    def test_golden_files(self):
        if not SHARED.exists():
            self.skipTest(f"SKIP: no {SHARED}; set HADAL_SHARED to the golden cases")
        count = 0
        for kind in ("safetensors", "gguf"):
            for name in json.loads((SHARED / kind / "index.json").read_text()):
                with self.subTest(file=name):
                    self.refuse(SHARED / kind / name)
                    count += 1
        self.assertEqual(count, 78)

    def test_claims_that_would_take_much_memory(self):
        shape = ",".join(["1"] * 500_000)
        header = '{"a":{"dtype":"U8","shape":[%s],"data_offsets":[0,2]}}' % shape
        path = self.folder / "long_shape.safetensors"
        path.write_bytes(struct.pack("<Q", len(header)) + header.encode() + b"12")
        self.refuse(path)
        path = self.folder / "many_keys.gguf"
        path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 100_000) + b"\0" * 1_300_000)
        self.refuse(path)
        path = self.folder / "deep.json"
        path.write_text("[" * 1_000_000)
        self.refuse(path)
