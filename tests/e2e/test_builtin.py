"""The checkpoint that ships with the source."""
import os
import pathlib
import subprocess
import unittest

from common import BUILTIN, HADAL, ROOT, Case


class Builtin(Case):
    def test_is_what_its_recipe_writes(self):
        again = self.folder / "again"
        subprocess.run([ROOT / "tools/make_builtin.sh", again], check=True, env={**os.environ, "HADAL": HADAL})
        files = sorted(p.name for p in pathlib.Path(BUILTIN).iterdir())
        self.assertEqual(files, sorted(p.name for p in again.iterdir()))
        for name in files:
            self.assertEqual((pathlib.Path(BUILTIN) / name).read_bytes(), (again / name).read_bytes(), name)

    def test_is_small(self):
        self.assertLess(sum(p.stat().st_size for p in pathlib.Path(BUILTIN).iterdir()), 4 << 20)

    def test_make_run_streams_from_it(self):
        done = subprocess.run([ROOT / "tools/run_builtin.sh"], check=True, capture_output=True, text=True, timeout=60, env={**os.environ, "HADAL": HADAL})
        self.assertIn("random weights", done.stdout)
        self.assertIn("The deepest point of the sea", done.stdout)
        self.assertIn("Next:", done.stdout)
        self.assertEqual(done.stderr, "")

    def test_says_the_same_whatever_the_threads_and_chunks(self):
        base = ["-q", "run", BUILTIN, "-p", "The deepest point of the sea", "-n", "40", "--seed", "5"]
        texts = {self.expect(0, *base, *more).stdout for more in (["-t", "1"], ["-t", "3"], ["--chunk", "1"], ["--chunk", "5"], ["--speculate", "on"],
                                                                    ["--speculate", "off"], ["--load", "read"])}
        self.assertEqual(len(texts), 1)


if __name__ == "__main__":
    unittest.main()
